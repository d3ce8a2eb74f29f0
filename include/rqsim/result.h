// What a run gave, as plain data: the result document of DESIGN section 8. Integers, cycles unless
// said otherwise; no wall-clock time, host, path or address anywhere.
#ifndef RQSIM_RESULT_H_
#define RQSIM_RESULT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rqsim/ids.h"
#include "rqsim/listener.h"
#include "rqsim/scenario.h"
#include "rqsim/time.h"

namespace rqsim {

inline constexpr int kResultSchemaVersion = 1;

// Nearest-rank percentiles: of the sorted list the element ceil(p * n / 100), counted from 1
// (machine.md 11.2).
struct Distribution {
  int64_t n = 0;
  Cycles p50, p90, p95, p99, p999, max;
  Cycles sum;
};

struct WaitCause {
  std::string cause;  // "ran B", "lock A owner L", "switch", …
  Cycles cycles;
  bool voluntary = false;  // its own program asked for it: sleep, suspend, …
};

struct TaskResult {
  std::string name;
  TaskId id;  // what traces and reports give as its pid
  bool kthread = false;
  Cycles exec, charged, work;
  Cycles donor_cycles;    // of `charged`: executed by others, for it
  Cycles boosted_cycles;  // of `exec`: executed for others, at their expense
  Cycles run_delay;       // queued, not executing
  Cycles blocked;         // asleep in D
  Cycles sleeping;        // asleep in S or I
  // The other states of the closure sum (DESIGN 5); their sum with the above is the lifetime.
  Cycles run, runnable, blocked_queued, parked, frozen, throttled, migrating, lifetime;
  std::optional<Time> finish;  // exit; none: alive at the end
  Time start;
  Distribution
      response;  // release (wake-up from a voluntary wait, or spawn) to the next such wait or exit
  Distribution wakeup_latency;  // sched_wakeup to the first sched_switch in
  int64_t nr_switches = 0, nr_voluntary_switches = 0, nr_involuntary_switches = 0,
          nr_migrations = 0;
  int64_t deadline_misses = 0;
  int64_t dl_overruns = 0;  // budgets used up, of a deadline task with the flag `overrun`
  // /proc/PID/schedstat and /proc/PID/sched (machine.md 11.2); sim/views/sched_stats.h says which
  // event counts where.
  int64_t pcount = 0;                           // times it got a CPU
  Cycles run_delay_max;                         // the longest wait that ended …
  Time run_delay_max_start, run_delay_max_end;  // … and when that was, the first of equals
  Cycles wait_sum, wait_max;
  int64_t wait_count = 0;
  Cycles sum_sleep_runtime, sum_block_runtime;
  int64_t nr_wakeups = 0, nr_wakeups_local = 0, nr_wakeups_remote = 0, nr_wakeups_sync = 0,
          nr_wakeups_migrate = 0, nr_wakeups_affine = 0, nr_wakeups_affine_attempts = 0;
  int64_t nr_failed_migrations_affine = 0, nr_failed_migrations_running = 0,
          nr_failed_migrations_hot = 0;
  std::vector<WaitCause> waits;  // by cause, largest first, ties by name
  // What the services in use say of it, by name: `umcg.pin_cycles` …
  std::vector<std::pair<std::string, int64_t>> metrics;
};

// The passes of balancing for a CPU in one of its domains while it was of one kind: busy, idle or
// newly idle. /proc/schedstat, version 17; sim/views/domain_stats.h says which event counts where.
struct BalanceCounts {
  int64_t lb_count = 0, lb_balanced = 0, lb_failed = 0;
  int64_t lb_imbalance_load = 0, lb_imbalance_util = 0, lb_imbalance_task = 0,
          lb_imbalance_misfit = 0;
  int64_t lb_gained = 0, lb_hot_gained = 0, lb_nobusyq = 0, lb_nobusyg = 0;
};

// A scheduling domain of a CPU.
struct DomainResult {
  std::string name;  // SMT, CLS, MC, PKG, NUMA
  BalanceCounts busy, idle, newly_idle;
  int64_t alb_count = 0, alb_failed = 0, alb_pushed = 0;
  int64_t ttwu_wake_remote = 0, ttwu_move_affine = 0;
};

struct CpuResult {
  CpuId id;
  Cycles user, kernel, idle, offline;
  std::vector<std::pair<std::string, Cycles>>
      overhead;  // by cost, those that are not 0, in CostId order
  // /proc/schedstat, version 17.
  int64_t yld_count = 0, sched_count = 0, sched_goidle = 0, ttwu_count = 0, ttwu_local = 0;
  Cycles rq_cpu_time, run_delay;
  int64_t pcount = 0;
  std::vector<DomainResult> domains;  // lowest first
};

struct LockResult {
  std::string name;
  int64_t acquisitions = 0;
  int64_t fast = 0, trylock = 0, osq_spin = 0, waiter_spin = 0, slow = 0;  // by path
  int64_t steals = 0;
  int64_t handoffs = 0, handoffs_flag = 0, handoffs_donor = 0, handoffs_always = 0;
  int64_t fifo_bypass_by_donor = 0;
  int64_t wakeups = 0;
  Cycles spin_cycles;
  Distribution wait, hold;
  std::vector<std::pair<Time, std::string>> acquired;  // when, by whom
};

// A cell of the timeline: [start, end) on cpu.
struct TimelineCell {
  enum class Kind : uint8_t { kIdle, kOffline, kTask };
  CpuId cpu;
  Time start, end;
  Kind kind = Kind::kIdle;
  TaskId curr, donor;
};

// A task on a CPU from the sched_switch in to the sched_switch out. Unlike cells of the timeline
// these may be of length 0, and a change of donor does not end one.
struct Dispatch {
  CpuId cpu;
  TaskId task;
  std::optional<Time> woken;  // by the wake-up after which it got the CPU; none: it was preempted
  Time start;
  std::optional<Time> end;  // none: it is still there at the end of the run
  char state = 'R';         // prev_state of the switch out; '-' without one
};

// A stretch of time in which a task executed on behalf of a waiter: who waits for whom, from the
// donor to the task that executes. One ends when a link comes or goes; stretches that follow each
// other on one CPU and are not equal differ in that.
struct ProxyChain {
  CpuId cpu;
  Time start, end;
  std::vector<TaskId> tasks;  // the donor first, who executes last
  std::vector<LockId> locks;  // tasks[i] waits for locks[i], which tasks[i + 1] owns
  // The donor's chain does not lead to the task that executes any more: tasks has these two, and
  // locks is empty.
  bool is_overrun = false;
};

// A wait for a mutex, from the first contention_begin to the acquisition, or to giving up.
struct LockWaitSpan {
  LockId lock;
  TaskId task;
  TaskId owner;  // when the wait began; invalid: nobody (it was on its way to another waiter)
  Time start;
  std::optional<Time> end;  // none: it still waits at the end of the run
  int32_t result = 0;       // 0, or the negative errno it gave up with
};

// How a contended mutex changed hands without being free for all.
struct LockPassing {
  enum class Kind : uint8_t { kSteal, kFlag, kDonor, kAlways };
  Time at;
  LockId lock;
  Kind kind = Kind::kSteal;
  TaskId from;  // the unlocker; of a steal: the first waiter, which it went past
  TaskId to;
};

// The affinity of a kernel thread from `at` on.
struct KthreadMask {
  TaskId task;
  Time at;
  std::string cpus;  // a cpulist
};

// How long a state word of UMCG said so, or a worker stood on a list.
struct UmcgSpan {
  enum class Kind : uint8_t { kWord, kList };
  Kind kind = Kind::kWord;
  TaskId task;
  Time start, end;
  std::string what;   // "RUNNING|LOCKED"; "list" of the kernel, "queue" of user space
  std::string group;  // of the scenario; empty: none
  int64_t order = 0;  // of a list: who came later has the larger one
};
// A hand-off that arrived.
struct UmcgHandoff {
  Time start;        // first step of the giver
  Time first_cycle;  // of the receiver's user code
  std::string kind;
  TaskId from, to;
};

// A callback of a hotplug state, or a round of notifiers.
struct HotplugStep {
  CpuId cpu;  // who ran it
  Time start, end;
  std::string what;  // "235 down", "DOWN_PREPARE"
  int64_t result = 0;
};
// For how long a CPU could do nothing but wait for an operation on another one.
struct HotplugWindow {
  CpuId cpu;
  Cycles cycles;
};
struct HotplugMove {
  TaskId task;
  CpuId from, to;
  Time at;
};
// The duty to keep time (Linux 7.2 kernel/time/tick-common.c: tick_do_timer_cpu) goes elsewhere.
struct HotplugDuty {
  CpuId from, to;
  Time at;
};
struct HotplugOpResult {
  int32_t id = 0;
  CpuId cpu;           // invalid: all of them
  int32_t target = 0;  // the state it is brought to; 0 offline
  Time requested;
  std::optional<Time> locked, done;
  int64_t result = 0;
  bool is_rolled_back = false;  // it failed, and what had been done was undone
  Cycles grace;                 // waited for grace periods
  Cycles inactive;              // the CPU was online, but not active
  int64_t pushed = 0;           // tasks that the CPU's stop task has moved away
  Cycles push;      // … what that cost, with the switches to them and to the stop task
  Cycles kthreads;  // making, stopping, parking and unparking threads of the CPU (2012)
  std::vector<HotplugStep> steps;
  std::vector<HotplugWindow> windows;  // those that are not 0
  std::vector<HotplugMove> moves;      // who left the CPU meanwhile
  std::vector<HotplugDuty> duties;     // who got the timekeeping duty from it
};

// A task was paired with a CPU (pairing.md 5), from `set` to `cleared`; kNever: not by the end.
struct Pairing {
  TaskId task;
  CpuId cpu;
  Time set;
  Time let_in = kNever;  // the first time its CPU was occupied for it
  Time cleared = kNever;
  int64_t times = 0;  // it was let in so often
  int64_t aborts = 0, commits = 0;
  int64_t ipis = 0;  // function-call IPIs of the service about it
  Cycles soak;       // workers were at work for it, as far as that work has ended
};

struct Result {
  std::string scenario;
  uint64_t scenario_hash = 0;
  int64_t clock_hz = 1'000'000'000;  // cycles a second
  std::string policy;
  Outcome outcome = Outcome::kDone;
  std::string message;
  Time end;
  uint64_t events = 0;
  uint64_t digest = 0, schedule_digest = 0;
  std::vector<Violation> violations;
  std::vector<TaskResult> tasks;  // the idle task is not among them; scenario order, then the
                                  // policies' own, then forked
  std::vector<CpuResult> cpus;
  std::vector<LockResult> locks;
  std::vector<Pairing> pairings;  // with the checkers: in the order of `set`
  // Of the run, and of the services in use, by name; of a group among several `groups.NAME.…`.
  std::vector<std::pair<std::string, int64_t>> metrics;
  std::vector<TimelineCell> timeline;   // by cpu, then start; empty unless asked for
  std::vector<Dispatch> dispatches;     // with the timeline: in the order of their ends, open ones
                                        // last, by cpu
  std::vector<std::string> task_names;  // by TaskId, for the timeline
  // With the timeline, for the page `locks`: by end, then CPU or lock.
  std::vector<ProxyChain> chains;
  std::vector<LockWaitSpan> lock_waits;
  std::vector<LockPassing> lock_passings;
  std::vector<HotplugOpResult> hotplug;  // as they were asked for
  // With the timeline: of the scenario's kernel threads, by instant, then task.
  std::vector<KthreadMask> kthread_masks;
  std::vector<UmcgSpan> umcg_spans;        // with the timeline: by task, then start
  std::vector<UmcgHandoff> umcg_handoffs;  // … by the receiver's first cycle
};

}  // namespace rqsim

#endif  // RQSIM_RESULT_H_
