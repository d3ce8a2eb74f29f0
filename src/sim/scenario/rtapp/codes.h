// The numbers of what the rt-app importer has to say. docs/ERRORS.md explains each; they go on
// where those of scenarios (sim/scenario/error_codes.h) end.
#ifndef RQSIM_SIM_SCENARIO_RTAPP_CODES_H_
#define RQSIM_SIM_SCENARIO_RTAPP_CODES_H_

namespace rqsim::rtapp {

enum class Code : int {
  kSyntax = 501,
  kOldGrammar = 502,
  kMissing = 503,
  kType = 504,
  kRange = 505,
  kRepeated = 506,
  kUnknownName = 507,
  kCpu = 508,
  kNoOperations = 509,
  kNameClash = 510,
  kEndless = 511,
  // Warnings.
  kNotModelled = 520,
  kRemark = 521,
};

}  // namespace rqsim::rtapp

#endif  // RQSIM_SIM_SCENARIO_RTAPP_CODES_H_
