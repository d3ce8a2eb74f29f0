// One operation of rt-app to one OpSpec (or to a name on the list of what is not modelled).
#ifndef RQSIM_SIM_SCENARIO_RTAPP_OPERATIONS_H_
#define RQSIM_SIM_SCENARIO_RTAPP_OPERATIONS_H_

#include <string>
#include <vector>

#include "rqsim/scenario.h"
#include "sim/scenario/json_tree.h"
#include "sim/scenario/rtapp/reporter.h"
#include "sim/scenario/rtapp/words.h"

namespace rqsim::rtapp {

// Appends what `member`, an operation of the thread `thread`, becomes. `path` is that of the
// member. Mistakes are reported and append nothing; what is not modelled is named.
void TranslateOperation(const JsonMember& member, const OperationWord& word,
                        const std::string& path, const std::string& thread, Reporter& reporter,
                        std::vector<OpSpec>& ops);

}  // namespace rqsim::rtapp

#endif  // RQSIM_SIM_SCENARIO_RTAPP_OPERATIONS_H_
