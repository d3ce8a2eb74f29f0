// The counters of /proc/PID/schedstat, /proc/PID/sched and /proc/schedstat, from events alone
// (machine.md 11.2, MODEL-104).
//
//   task  run_delay 8000  pcount 4  wait_sum 8000  sum_sleep_runtime 0  nr_wakeups 1 …
//   cpu   yld_count 0  sched_count 9  sched_goidle 1  rq_cpu_time 18000  run_delay 17000  pcount 8
//   …
//
//   run_delay, pcount      from queued, or switched out in state R, to the switch in; how many
//                          switches in. A sleeper whose dequeue is delayed does not wait. A CPU has
//                          the part of each wait that was spent in its queue. Waits that the end of
//                          the run cuts off are in the sums, not in the maxima and counts.
//   wait_sum, wait_count   from joining the tree to being picked as donor, the time of a delayed
//   and wait_max           dequeue included; a migration does not end a wait.
//   sum_sleep_runtime      asleep, from the switch out to the wake-up's enqueue; what the end of
//   and sum_block_runtime  the run cuts off is not in it. Block: in D and I, which has D's bit.
//   nr_wakeups and parts   ttwu_stat; local: to the CPU of the waker; migrate: to another CPU than
//   it
//                          was on. From outside it is neither local nor remote. affine: of the
//                          attempts to bring it to the waker's CPU those that did.
//   nr_failed_migrations_* a balancer passed it over, by reason.
//   yld_count              yields that were made; sched_count: schedule() calls; sched_goidle:
//                          switches to idle; ttwu_*: wake-ups by the CPU of the waker.
//   rq_cpu_time            between the switches in and out of tasks; what is running counts.
//   dl_overruns            budgets used up, of a deadline task that asks to know (MODEL-132).
//
// At the end of a run it checks that these fit together and fit the accountant's books:
//
//   AC-7  a CPU's time between switches to and from idle is less than what it idled, or with
//         rq_cpu_time not the whole run; a task's run_delay is not its time in the state runnable;
//         run_delay, pcount and switches of all tasks and of all CPUs differ
#ifndef RQSIM_SIM_VIEWS_SCHED_STATS_H_
#define RQSIM_SIM_VIEWS_SCHED_STATS_H_

#include <optional>
#include <string>
#include <vector>

#include "rqsim/listener.h"
#include "rqsim/result.h"
#include "rqsim/trace_event.h"
#include "sim/views/accountant.h"
#include "sim/views/per_task.h"

namespace rqsim {

class SchedStats {
 public:
  static EventMask Wants();
  void OnStart(const RunInfo& info, ViolationSink& sink);
  void OnEvent(const TraceEvent& event);
  // Ends every open wait.
  void OnEnd(const RunEnd& end);
  // AC-7. After OnEnd of both.
  void Check(const Accountant& accountant, const RunEnd& end);

  // Writes the members of the result that are kept here. After OnEnd.
  void Fill(TaskId task, TaskResult& out) const;
  void Fill(CpuId cpu, CpuResult& out) const;

 private:
  struct Book {
    Cycles run_delay, run_delay_max, wait_sum, wait_max, sum_sleep, sum_block;
    Time run_delay_max_start, run_delay_max_end;
    int64_t pcount = 0, wait_count = 0, switches = 0;
    int64_t wakeups = 0, local = 0, remote = 0, sync = 0, migrate = 0, affine = 0,
            affine_attempts = 0, failed_affine = 0, failed_running = 0, failed_hot = 0,
            overruns = 0;

    // Now; unset where it does not wait.
    std::optional<Time> queued;  // of this wait
    Time queued_here;            // … and of its part on `cpu`
    std::optional<Time> in_tree;
    std::optional<Time> asleep;
    bool is_blocked = false;  // asleep in D or I
    bool is_delayed = false;
    bool is_running = false;
    CpuId cpu;
  };
  struct CpuBook {
    int64_t yields = 0, schedules = 0, to_idle = 0, from_idle = 0, switches = 0, wakeups = 0,
            local = 0, pcount = 0;
    Cycles busy, idle, run_delay;
    TaskId curr = kIdleTask, donor = kIdleTask;
    Time since;  // of curr
  };

  Book& At(TaskId id) { return EntryOf(tasks_, id); }
  void OnSwitch(const TraceEvent& event);
  void OnTtwu(const TtwuStat& stat);
  void OnRefused(const SchedMoveRefused& refused);
  void OnWakeup(const WakePayload& wake, Time t);
  void OnMigrate(const SchedMigrateTask& migrate, Time t);
  void BeginSleep(Book& book, Time t, char letter);
  void Queue(Book& book, Time t, CpuId cpu);
  void EndQueuedPart(Book& book, Time t);
  void Arrive(Book& book, Time t, CpuId cpu);
  static void JoinTree(Book& book, Time t) {
    if (!book.in_tree) book.in_tree = t;
  }
  static void LeaveTree(Book& book, Time t);
  void ReturnDonor(const CpuBook& cpu, TaskId next, Time t);
  void ChangeDonor(CpuBook& cpu, TaskId donor, Time t);
  static void EndSpan(CpuBook& cpu, Time t);
  void Report(CpuId cpu, TaskId task, Time at, std::string message);

  const RunInfo* info_ = nullptr;
  ViolationSink* sink_ = nullptr;
  std::vector<Book> tasks_;
  std::vector<CpuBook> cpus_;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_SCHED_STATS_H_
