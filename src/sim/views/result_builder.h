// Fills the result document (rqsim/result.h) from events: the books of the accountant, latencies,
// response times, and what happened to each lock. `run`, `compare`, `test` and `report` show what
// stands here.
//
//   task L   exec 6  run_delay 3  blocked 2  response n=2 max=9  wakeup_latency n=1 max=2  waits:
//   ran H 3, … lock A   acquisitions 4 (fast 2, slow 2)  steals 1  handoffs 1  wait n=2 max=5  hold
//   n=4 max=3
//
//   response        release to end of each job. Released by the spawn or by the wake-up
//   (sched_waking) from a voluntary
//                   wait; ended by the switch that begins the next such wait, or by the exit. A
//                   `timer` that is late and does not sleep ends a job too and releases the next
//                   one. Waiting for a mutex is part of a job; a job that the end of the run cut
//                   off is not in the list.
//   wakeup_latency  sched_wakeup to the sched_switch in, for every wake-up that was followed by
//   one. deadline_misses jobs whose response is longer than the task's deadline; also a cut-off one
//   that is late already. wait            of contended acquisitions only: from the first
//   contention_begin to mutex_acquire. hold            mutex_acquire to mutex_release. wakeups of a
//   lock: sched_waking of a task on its wait list, unless a signal sent at that instant did it.
#ifndef RQSIM_SIM_VIEWS_RESULT_BUILDER_H_
#define RQSIM_SIM_VIEWS_RESULT_BUILDER_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "rqsim/listener.h"
#include "rqsim/result.h"
#include "rqsim/trace_event.h"
#include "sim/views/accountant.h"
#include "sim/views/domain_stats.h"
#include "sim/views/proxy_books.h"
#include "sim/views/sched_stats.h"
#include "sim/views/wait_list.h"

namespace rqsim {

class ResultBuilder final : public Listener {
 public:
  // `reports` goes to the accountant, whose sums are needed in any case.
  explicit ResultBuilder(Accountant::Reports reports = Accountant::Reports::kAll)
      : accountant_(reports), reports_(reports) {}

  EventMask Wants() const override;
  void OnStart(const RunInfo& info, ViolationSink& sink) override;
  void OnEvent(const TraceEvent& event) override;
  void OnEnd(const RunEnd& end) override;

  const Accountant& accountant() const { return accountant_; }
  // The document without violations, scenario hash and timeline, which others know. To be called
  // after OnEnd, once.
  Result Take() { return std::move(result_); }

 private:
  struct Job {
    bool running = false;   // between release and end
    bool asleep = false;    // in a voluntary wait
    bool at_timer = false;  // in a `timer` that has not slept
    Time release;
    std::optional<Cycles> deadline;
    int64_t misses = 0;
    std::vector<int64_t> responses, latencies;
    Time woken;  // of the wake-up that waits for its switch
    bool wakeup_pending = false;
    Time signalled = kNever;  // the last signal sent to it
    LockId waits_on;          // whose wait list it is on
    LockId contends;          // for which lock a contention is open
    Time contention_start;
  };
  struct LockBook {
    LockResult sums;  // name and distributions come at the end
    WaitList waiters;
    std::vector<int64_t> waits, holds;
    std::vector<std::pair<Time, TaskId>> acquired;
    Time held_since;
  };

  Job& JobOf(TaskId task) {
    if (task.index() >= jobs_.size()) [[unlikely]]
      Grow(task);
    return jobs_[task.index()];
  }
  void Grow(TaskId task);
  void OnSwitch(const TraceEvent& event);
  void OnAsleep(TaskId task, Time t);
  void OnWaking(TaskId task, Time t);
  void OnLockEvent(const TraceEvent& event);
  void OnAcquire(const MutexAcquire& acquire, Time t);
  void OnHandoff(const MutexHandoff& handoff);
  void OnOpEnd(const OpEnd& end, Time t);
  void EndJob(Job& job, Time t);
  void ReadDeadlines();

  void TakeTask(TaskId id, const RunEnd& end);
  void TakeCpus();
  void TakeLocks();
  void TakeMetrics();
  bool IsHidden(TaskId id) const;

  // Which of the four books an event goes to.
  static constexpr uint8_t kToProxies = 1, kToAccountant = 2, kToStats = 4, kToDomains = 8;
  void Send(const EventMask& wants, uint8_t book);

  std::array<uint8_t, kMaxEventKinds> goes_to_{};
  Accountant accountant_;
  ProxyBooks proxies_{accountant_};
  SchedStats stats_;
  DomainStats domains_;
  Accountant::Reports reports_;
  const RunInfo* info_ = nullptr;
  int32_t declared_tasks_ = 0;  // ids 1 to this are the scenario's
  std::vector<Job> jobs_;
  std::vector<LockBook> locks_;
  std::vector<WaitList::Links> links_;  // of all wait lists, by task
  int64_t forks_ = 0, ipis_ = 0, ticks_ = 0, need_resched_ = 0, migrations_ = 0, switches_ = 0,
          wakeups_ = 0, signals_ = 0, pi_changes_ = 0, proxy_migrations_ = 0;
  Result result_;
};

// Of `samples`, which it sorts. Nearest rank: the element ceil(p * n / 100), counted from 1
// (machine.md 11.2).
Distribution Summarise(std::vector<int64_t>& samples);

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_RESULT_BUILDER_H_
