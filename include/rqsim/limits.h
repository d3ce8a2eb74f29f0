// Every limit of the simulator, in one place. Nothing grows without bound: running out at run time
// is the outcome `limit`, a scenario that declares too much is refused by the reader.
#ifndef RQSIM_LIMITS_H_
#define RQSIM_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace rqsim {

inline constexpr int kMaxCpus = 1024;
inline constexpr int kMaxTasks = 1 << 20;        // tasks of a run, created ones included
inline constexpr int kDefaultSpareTasks = 1024;  // room for fork: limits.tasks = declared + this
inline constexpr int kMaxLocks = 1 << 20;
inline constexpr int kMaxPolicies = 32;       // policies of one run
inline constexpr int kMaxClasses = 8;         // scheduling classes of one run
inline constexpr int kMaxFrames = 8;          // paths on top of each other in one task
inline constexpr int kMaxRequests = 1024;     // requests of one hook or step
inline constexpr int kMaxProxyActions = 4;    // actions of one ResolveDonor answer
inline constexpr int kMaxIdleStates = 10;     // as many as the kernel's drivers have
inline constexpr int kMaxOverheadParts = 12;  // named costs in one overhead
inline constexpr int kMaxEventKinds = 256;  // kernel's, model's and policies' event kinds together
inline constexpr int kMaxProgramDepth =
    64;  // nested loops in a program; also JSON nesting that matters
inline constexpr std::size_t kMaxScenarioBytes = std::size_t{64} << 20;
inline constexpr int64_t kMaxEventsPerInstant = 1'000'000;  // more: outcome livelock
inline constexpr int kMaxSchedulesPerInstant =
    1000;                                   // schedule() calls of one CPU at one t; more: livelock
inline constexpr int kMaxPickAgain = 1000;  // PickAgain answers in one schedule(); more: livelock
inline constexpr int kMaxProxyHops = 64;    // moves of a donor without progress; more: reported
// What a scenario can raise these three to.
inline constexpr int kMaxLivelockLimit = 1'000'000;

}  // namespace rqsim

#endif  // RQSIM_LIMITS_H_
