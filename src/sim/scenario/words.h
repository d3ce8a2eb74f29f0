// Enumerations as scenarios spell them, for the shapes, the reader and the writer alike.
#ifndef RQSIM_SIM_SCENARIO_WORDS_H_
#define RQSIM_SIM_SCENARIO_WORDS_H_

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rqsim/scenario.h"

namespace rqsim {

template <class Enum>
struct WordOf {
  std::string_view word;
  Enum value;
};

template <class Enum, std::size_t N>
using Words = std::array<WordOf<Enum>, N>;

inline constexpr Words<SchedPolicy, 6> kSchedPolicyWords = {{{"normal", SchedPolicy::kNormal},
                                                             {"batch", SchedPolicy::kBatch},
                                                             {"idle", SchedPolicy::kIdle},
                                                             {"fifo", SchedPolicy::kFifo},
                                                             {"rr", SchedPolicy::kRr},
                                                             {"deadline", SchedPolicy::kDeadline}}};
inline constexpr Words<RunMode, 4> kRunModeWords = {
    {{"user", RunMode::kUser},
     {"kernel", RunMode::kKernel},
     {"kernel_nopreempt", RunMode::kKernelNoPreempt},
     {"irqs_off", RunMode::kIrqsOff}}};
inline constexpr Words<TimerMode, 2> kTimerModeWords = {
    {{"relative", TimerMode::kRelative}, {"absolute", TimerMode::kAbsolute}}};
inline constexpr Words<SleepState, 4> kSleepStateWords = {{{"S", SleepState::kInterruptible},
                                                           {"D", SleepState::kUninterruptible},
                                                           {"K", SleepState::kKillable},
                                                           {"I", SleepState::kIdle}}};
inline constexpr Words<KthreadKind, 5> kKthreadKindWords = {{{"unbound", KthreadKind::kUnbound},
                                                             {"per_cpu", KthreadKind::kPerCpu},
                                                             {"bound", KthreadKind::kBound},
                                                             {"preferred", KthreadKind::kPreferred},
                                                             {"node", KthreadKind::kNode}}};
inline constexpr Words<KthreadOwner, 3> kKthreadOwnerWords = {
    {{"kswapd", KthreadOwner::kKswapd},
     {"kcompactd", KthreadOwner::kKcompactd},
     {"rcu", KthreadOwner::kRcu}}};
inline constexpr Words<SignalKind, 2> kSignalWords = {
    {{"TERM", SignalKind::kOrdinary}, {"KILL", SignalKind::kKill}}};
inline constexpr Words<Nohz, 2> kNohzWords = {{{"idle", Nohz::kIdle}, {"off", Nohz::kOff}}};
inline constexpr Words<IdleTick, 2> kIdleTickWords = {
    {{"keep_one", IdleTick::kKeepOne}, {"stop_at_once", IdleTick::kStopAtOnce}}};
inline constexpr Words<Ties, 2> kTiesWords = {
    {{"completion_first", Ties::kCompletionFirst}, {"timers_first", Ties::kTimersFirst}}};
inline constexpr Words<CpuChoice, 2> kCpuChoiceWords = {
    {{"lowest", CpuChoice::kLowest}, {"rotate", CpuChoice::kRotate}}};
inline constexpr Words<SlackPolicy, 2> kSlackPolicyWords = {
    {{"exact", SlackPolicy::kExact}, {"late", SlackPolicy::kLate}}};
inline constexpr Words<StartState, 2> kStartStateWords = {
    {{"boot", StartState::kBoot}, {"recorded", StartState::kRecorded}}};
inline constexpr Words<Outcome, 7> kOutcomeWords = {{{"done", Outcome::kDone},
                                                     {"until", Outcome::kUntil},
                                                     {"deadlock", Outcome::kDeadlock},
                                                     {"livelock", Outcome::kLivelock},
                                                     {"limit", Outcome::kLimit},
                                                     {"violation", Outcome::kViolation},
                                                     {"killed", Outcome::kKilled}}};

template <class Enum, std::size_t N>
std::vector<std::string> WordList(const Words<Enum, N>& words) {
  std::vector<std::string> list;
  for (const WordOf<Enum>& row : words) list.emplace_back(row.word);
  return list;
}

template <class Enum, std::size_t N>
std::optional<Enum> ValueOfWord(const Words<Enum, N>& words, std::string_view word) {
  for (const WordOf<Enum>& row : words) {
    if (row.word == word) return row.value;
  }
  return std::nullopt;
}

// "" for a value that scenarios cannot name.
template <class Enum, std::size_t N>
std::string_view WordOfValue(const Words<Enum, N>& words, Enum value) {
  for (const WordOf<Enum>& row : words) {
    if (row.value == value) return row.word;
  }
  return "";
}

}  // namespace rqsim

#endif  // RQSIM_SIM_SCENARIO_WORDS_H_
