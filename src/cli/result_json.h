// The result document as a tree, for verbs that put it into a larger one.
#ifndef RQSIM_CLI_RESULT_JSON_H_
#define RQSIM_CLI_RESULT_JSON_H_

#include <nlohmann/json.hpp>

#include "rqsim/result.h"

namespace rqsim {

// Without its timeline.
nlohmann::ordered_json ResultTree(Result result);

}  // namespace rqsim

#endif  // RQSIM_CLI_RESULT_JSON_H_
