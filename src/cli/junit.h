// Results of `rqsim test` as JUnit XML, which CI systems read.
#ifndef RQSIM_CLI_JUNIT_H_
#define RQSIM_CLI_JUNIT_H_

#include <string>
#include <vector>

namespace rqsim {

struct TestCase {
  std::string file;     // the scenario
  std::string set;      // its policy set; empty: the file as a whole
  std::string failure;  // what is wrong; empty: nothing
  int statements = 0;
};

std::string JUnitXml(const std::vector<TestCase>& cases);

}  // namespace rqsim

#endif  // RQSIM_CLI_JUNIT_H_
