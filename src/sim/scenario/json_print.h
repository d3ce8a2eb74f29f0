// JSON as people like to read it: what fits on a line stands on one.
#ifndef RQSIM_SIM_SCENARIO_JSON_PRINT_H_
#define RQSIM_SIM_SCENARIO_JSON_PRINT_H_

#include <nlohmann/json.hpp>
#include <string>

namespace rqsim {

// Ends with a newline. Stable: the same value gives the same bytes.
std::string PrintJson(const nlohmann::ordered_json& value);

}  // namespace rqsim

#endif  // RQSIM_SIM_SCENARIO_JSON_PRINT_H_
