// What UMCG's books add up: for each thread its latencies and counts, and from them the metrics of
// the run, of its groups and of its threads (umcg.md 15).
//
//   pin_cycles 258               of the run
//   groups.g1.pin_cycles 84      of a group, where there are several
//   tasks: W1 umcg.pin_cycles 84 of a thread, in its part of the result
#ifndef RQSIM_SIM_VIEWS_UMCG_TOTALS_H_
#define RQSIM_SIM_VIEWS_UMCG_TOTALS_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rqsim/ids.h"
#include "rqsim/result.h"
#include "rqsim/time.h"
#include "sim/views/per_task.h"

namespace rqsim {

// Latencies; the first five by kind of hand-off, of the receiver.
enum class UmcgLatency : uint8_t {
  kDispatch,
  kYield,
  kSwap,
  kBlock,
  kPreemptHandoff,
  kBlockNotify,
  kWakeNotify,
  kWorkerSched,
  kWakeToRun,
  kPreempt,
  kCount,
};
inline constexpr std::size_t kUmcgHandoffs = 5;
inline constexpr std::array<std::string_view, kUmcgHandoffs> kUmcgHandoffNames = {
    "dispatch", "yield", "swap", "block", "preempt"};

enum class UmcgCount : uint8_t {
  kAttachedUser,  // user cycles of a worker
  kServed,        // … of the workers of a server
  kExec,          // cycles it had a CPU, overheads charged to it included
  kUmcg,          // … in which it executed UMCG's steps
  kUnmanaged,
  kPinCycles,
  kLost,
  kSilent,
  kFutile,
  kSpurious,
  kMissed,
  kConsumerSpin,
  kKernelSpin,
  kDiscarded,
  kLookups,
  kCrossWakes,
  kKilled,
  kCount,
};

class UmcgTotals {
 public:
  enum class Role : uint8_t { kNone, kServer, kWorker };
  using Metrics = std::vector<std::pair<std::string, int64_t>>;
  static constexpr std::size_t kReasons = 12;

  struct Group {
    std::string name;
    int64_t servers = 0;
    int64_t parked_gap = 0, unparked_gap = 0, excess = 0;
    int64_t pins = 0, pins_max = 0;
  };

  void Sample(UmcgLatency latency, TaskId task, Cycles length) {
    Of(task).samples[static_cast<std::size_t>(latency)].push_back(length.count());
  }
  void Add(UmcgCount count, TaskId task, int64_t value) {
    Of(task).counts[static_cast<std::size_t>(count)] += value;
  }
  void AddBusy(Cycles length) { busy_ += length.count(); }
  void Join(TaskId task, int group, Role role);
  void Kill(TaskId task, int64_t reason);
  // `pages` of the task are pinned from `t` on, `outstanding` of the run.
  void Pins(TaskId task, int64_t pages, int64_t outstanding, Time t);
  std::vector<Group>& groups() { return groups_; }
  void Finish(Time end);

  // The run's, then its groups' if there are several. `kernel_only`: no service knows hand-offs;
  // what can be said without stands there all the same, so that runs compare.
  void AddTo(Metrics& metrics, bool kernel_only) const;
  // Those of each thread of a group, by name.
  void AddTo(std::vector<TaskResult>& tasks) const;

 private:
  struct Thread {
    int group = -1;
    Role role = Role::kNone;
    std::array<int64_t, static_cast<std::size_t>(UmcgCount::kCount)> counts{};
    std::array<std::vector<int64_t>, static_cast<std::size_t>(UmcgLatency::kCount)> samples;
    int64_t pins = 0, pins_max = 0;
    Time pinned_since;
    int64_t killed_for = -1;
  };
  Thread& Of(TaskId task) { return threads_[task]; }
  static int64_t Get(const Thread& thread, UmcgCount count) {
    return thread.counts[static_cast<std::size_t>(count)];
  }
  // Sums over the threads of `group` (-1: all).
  int64_t Sum(UmcgCount count, int group) const;
  void AddLatencies(Metrics& metrics, const std::string& prefix, int group) const;
  void AddCounts(Metrics& metrics, const std::string& prefix, int group) const;
  void AddKernelOnly(Metrics& metrics) const;
  int64_t Utilisation(int group) const;

  PerTask<Thread> threads_;
  std::vector<Group> groups_;
  std::array<int64_t, kReasons> killed_{};
  int64_t pins_max_ = 0, busy_ = 0;
  Time end_;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_UMCG_TOTALS_H_
