// The numbers of what can be wrong with a scenario. docs/ERRORS.md explains each; a number is never
// given to anything else.
#ifndef RQSIM_SIM_SCENARIO_ERROR_CODES_H_
#define RQSIM_SIM_SCENARIO_ERROR_CODES_H_

namespace rqsim {

enum class ErrorCode : int {
  // The text.
  kUnreadable = 1,
  kSyntax = 2,
  kNulByte = 3,
  kTooDeep = 4,
  kTooLarge = 5,
  // The shape: keys, types, words, ranges. The schema says the same, but for repeated keys, which
  // it
  // cannot see.
  kUnknownKey = 101,
  kMissingKey = 102,
  kWrongType = 103,
  kUnknownWord = 104,
  kOutOfRange = 105,
  kWrongForm = 106,
  kWrongCount = 107,
  kRepeatedKey = 108,
  // The meaning.
  kUndeclared = 201,
  kDeclaredTwice = 202,
  kNotWholeCycles = 203,
  kTooLong = 204,
  kNoCpu = 205,
  kStartCpu = 206,
  kDeadlineOrder = 207,
  kSchedKey = 208,
  kEndlessLoop = 209,
  kTooMany = 210,
  kMachine = 211,
  kExpectUnknown = 212,
  kExpectForm = 213,
  kReservedName = 214,
  kUnknownMetric = 215,
  // Warnings: a run would report these by itself.
  kWarnRecursiveLock = 301,
  kWarnLockHeld = 302,
  kWarnLockOrder = 303,
  kWarnUnlock = 304,
  kWarnNeverWoken = 305,
  // What this version does not model.
  kNotModelledKey = 401,
  kNotModelledValue = 402,
  kNotScheduled = 403,
  // Groups of servers and workers.
  kUmcgNoServer = 551,
  kUmcgTid = 552,
  // Texts with a grammar of their own: hotplug states, notifiers.
  kTextForm = 560,
  kTextValue = 561,
  kTextName = 562,
  // Kernel threads and cpusets.
  kKthreadAffinity = 570,
  // Critical sections of user code.
  kSyscallInSection = 580,
  kSectionInSection = 581,
  kSectionNotEnded = 582,
};

}  // namespace rqsim

#endif  // RQSIM_SIM_SCENARIO_ERROR_CODES_H_
