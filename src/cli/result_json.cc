#include "cli/result_json.h"

#include "sim/views/result_json.h"

namespace rqsim {

nlohmann::ordered_json ResultTree(Result result) {
  result.timeline.clear();
  result.dispatches.clear();
  return ResultToJson(result);
}

}  // namespace rqsim
