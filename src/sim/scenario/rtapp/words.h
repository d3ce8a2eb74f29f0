// The words of rt-app's grammar: which key is an operation, which a property, which nothing here
// knows.
#ifndef RQSIM_SIM_SCENARIO_RTAPP_WORDS_H_
#define RQSIM_SIM_SCENARIO_RTAPP_WORDS_H_

#include <optional>
#include <string_view>

#include "rqsim/scenario.h"

namespace rqsim::rtapp {

// An operation of rt-app. A key is an operation if it begins with one of these words ("run0",
// "lock_a"); the longest that fits counts ("runtime" is not "run").
struct OperationWord {
  std::string_view word;
  std::optional<OpKind> kind;  // none: not modelled
};

// Null if the key is no operation. Keys with a meaning of their own (PropertyOf, IsOldGrammar) are
// none, however they begin: "lock_order", "membind_nodes".
const OperationWord* OperationOf(std::string_view key);

// Properties of a thread or a phase.
enum class Property {
  kLoop,
  kInstance,
  kDelay,
  kPhases,
  kPolicy,
  kPriority,
  kDlRuntime,
  kDlPeriod,
  kDlDeadline,
  kLegacyPeriod,    // "period": dl-period of a thread, in older files
  kLegacyDeadline,  // "deadline": dl-deadline likewise
  kCpus,
  kNotModelled,  // utilisation clamps, memory binding, task groups
};
std::optional<Property> PropertyOf(std::string_view key);

// Keys of the grammar before rt-app 1.0 (a period, an execution time and a list of critical
// sections for each thread).
bool IsOldGrammar(std::string_view key);

}  // namespace rqsim::rtapp

#endif  // RQSIM_SIM_SCENARIO_RTAPP_WORDS_H_
