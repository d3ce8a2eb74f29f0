// A comparison as text for a terminal of 100 columns.
#ifndef RQSIM_CLI_COMPARE_TEXT_H_
#define RQSIM_CLI_COMPARE_TEXT_H_

#include <optional>
#include <string>

#include "cli/terminal.h"
#include "rqsim/compare.h"

namespace rqsim {

struct CompareTextOptions {
  std::optional<Time> from, to;  // of the drawn window; none: from a little before the first
                                 // difference to a little after the last
  bool all = false;              // also metrics that do not differ
  std::size_t width = 100;
};

std::string CompareText(const Comparison& comparison, const CompareTextOptions& options,
                        const Terminal& terminal);

}  // namespace rqsim

#endif  // RQSIM_CLI_COMPARE_TEXT_H_
