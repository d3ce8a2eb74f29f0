// Checks what is promised about the affinity of kernel threads (kthread-affinity.md 7), from events
// alone, and counts what was done for it. Attached to runs with kernel threads.
//
//   error KA-I4 at 2045: k may run on CPU 4-7, which are isolated: the fallback gave it all CPUs of
//   its cpuset
//
//   KA-I1  a per-CPU thread runs on its CPU only
//   KA-I2  a bound thread runs in its set only, unless its binding was reported lost
//   KA-I3  after an update of the list every thread on it has the mask that follows from what it
//          prefers
//   KA-I4  no listed thread may use an isolated CPU; told with the cause, since Linux 7.2 breaks it
//          too: kIsolatedByFallback, kIsolatedByRefusal, and in a way kIsolatedByNeed
//   KA-I5  after an update a thread may run only where it prefers to, if there is such a CPU; and
//          who was told that it prefers CPUs does
//   KA-I6  a runnable thread has an online CPU in its mask
//   KA-I7  no preference is taken after the first wake-up
//   KA-I8  the list has each thread once, ends, and has none that is gone
//   KA-I9  the draft's own online mask is the online CPUs, between operations
//
// What the user asked for by sched_setaffinity() comes before I3 to I5. What several events of an
// instant change together is looked at when the instant is over.
#ifndef RQSIM_SIM_VIEWS_KTHREAD_CHECKER_H_
#define RQSIM_SIM_VIEWS_KTHREAD_CHECKER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rqsim/cpu_set.h"
#include "rqsim/listener.h"
#include "rqsim/result.h"
#include "rqsim/trace_event.h"

namespace rqsim {

// Why a listed thread may use an isolated CPU: the end of what KA-I4 says.
inline constexpr std::string_view kIsolatedByFallback =
    "the fallback gave it all CPUs of its cpuset";
inline constexpr std::string_view kIsolatedByRefusal =
    "its mask could not be set, and nobody looked";
inline constexpr std::string_view kIsolatedByNeed =
    "no housekeeping CPU can be used, which is BUG() in 7.2 (MODEL-240)";
inline constexpr std::string_view kIsolatedByCaller = "it has the mask that was asked for (F2)";
inline constexpr std::string_view kIsolatedByNobody =
    "nobody has updated it since the isolated CPUs changed";

class KthreadChecker final : public Listener {
 public:
  // What the placement of the run says.
  struct Promises {
    bool is_draft = false;         // own online mask
    bool respects_cpuset = false;  // KA-I3 and KA-I5 do not hold for threads in cpusets
    bool last_resort_online = false;
  };
  // `reports`: violations. `keeps_masks`: for TakeMasks.
  KthreadChecker(const Promises& promises, bool reports, bool keeps_masks)
      : promises_(promises), reports_(reports), keeps_masks_(keeps_masks) {}

  EventMask Wants() const override;
  void OnStart(const RunInfo& info, ViolationSink& sink) override;
  void OnEvent(const TraceEvent& event) override;
  void OnEnd(const RunEnd& end) override;
  // How masks changed, by instant, then task: once, after OnEnd.
  std::vector<KthreadMask> TakeMasks();
  // Adds its metrics.
  void AddTo(std::vector<std::pair<std::string, int64_t>>& metrics) const;

 private:
  struct Thread {
    bool known = false;  // the scenario says something of it
    KthreadKind kind = KthreadKind::kUnbound;
    CpuSet bound_to;  // kPerCpu, kBound, and those bound later
    bool is_bound = false;
    bool binding_lost = false;
    CpuSet mask, mask_told;
    bool prefers = false;
    CpuSet preference;
    int node = -1;
    bool listed = false;
    bool user = false;
    bool started = false;
    bool refused = false;  // the present update could not set its mask
    // Who gave it the mask that it has, as KA-I4 says it; `set_at`: when an update last tried to.
    std::string_view mask_by = kIsolatedByNobody;
    Time set_at = kNever;
    bool dead = false;
    CpuId runs_on, queued_on;
    Time since;  // when it began to run there, or something changed
    bool dirty = false;
    bool broken_isolation = false, broken_place = false;
  };

  Thread& Of(TaskId id);
  void FindThreads();
  void FindForked(TaskId child);
  void Know(TaskId id, const TaskSpec& spec);
  void Touch(TaskId id);
  void OnCpus(const TaskCpus& cpus);
  void OnSwitch(const SchedSwitch& change, CpuId cpu);
  void OnMask(const HotplugMask& change);
  void OnDeclared(int which, const PolicyEventPayload& payload);
  void OnSetaff(Thread& thread, bool is_refused);
  void OnPreferred(TaskId task, int64_t result);
  void OnUpdate(int64_t result, bool all);
  void CheckUpdated(TaskId id, bool all);
  void CheckOwnOnline();
  CpuSet Fetch(const Thread& thread) const;
  CpuSet WantedOf(const Thread& thread) const;
  void BookRun(Thread& thread);
  void BookAll();
  void Settle();
  void SettleThread(TaskId id);
  std::string Name(TaskId id) const { return std::string(info_->task_name(id)); }
  void Report(int number, TaskId task, std::string message, bool is_fatal = false);

  const Promises promises_;
  const bool reports_, keeps_masks_;
  std::vector<KthreadMask> masks_;
  const RunInfo* info_ = nullptr;
  ViolationSink* sink_ = nullptr;
  int first_event_ = 0;    // of the placement; 0: it declares none
  std::vector<int> said_;  // by its events: what they mean here
  Time now_;
  std::vector<Thread> threads_;
  std::vector<TaskId> known_, dirty_;
  CpuSet online_, dying_, housekeeping_, own_online_;
  bool broken_own_ = false;
  bool loop_reported_ = false;
  std::optional<bool> update_due_;  // an update ended at this instant; true: of all threads
  int64_t updates_ = 0, moves_ = 0, refused_ = 0, lost_ = 0, leaks_ = 0, warnings_ = 0,
          escapes_ = 0;
  int64_t off_preferred_ = 0, isolated_noise_ = 0, hotplug_cycles_ = 0;
  Time callback_since_ = kNever;  // when state 190 began; operations exclude each other
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_KTHREAD_CHECKER_H_
