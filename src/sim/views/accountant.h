// The books of a run, rebuilt from events alone, and the proof that they close.
//
//   CPU 0   user 8  kernel 1  idle 2  c_sched 1          = 12, the end of the run
//   L       run 6  runnable 3  blocked 2  sleeping 1     = 12, its lifetime
//           waits: ran H 3, lock A owner H 2, sleep 1    = 6, all that is not run
//
// Segments say what each CPU did; switches and wake-ups what each task did. The two are kept apart
// and compared with each other, and at the end of the run with the machine's own sums (RunEnd).
// What it reports:
//
//   AC-1  the segments of a CPU leave a gap, overlap or do not reach the end of the run
//   AC-2  the states of a task do not add up to its lifetime, or its waits to the time it did not
//   run AC-3  a task's executed cycles by segments and by switches differ (not compared with
//   irq_time_accounting) AC-4  cycles charged and cycles executed, over all tasks, differ AC-5
//   events that contradict each other: a dead task runs, a CPU switches away from what it does not
//   run … AC-6  a sum differs from the machine's
//
// A waiting span is given to causes when it ends: for a runnable task what its CPU ran meanwhile,
// for a blocked one who owned the lock, else the operation it sleeps in. Looking back is bounded
// (kHoldersMax per CPU and lock): what lies further back is booked to `others`, so an event costs
// O(1) however many tasks wait.
#ifndef RQSIM_SIM_VIEWS_ACCOUNTANT_H_
#define RQSIM_SIM_VIEWS_ACCOUNTANT_H_

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rqsim/kernel.h"
#include "rqsim/listener.h"
#include "rqsim/result.h"
#include "rqsim/trace_event.h"
#include "sim/views/per_task.h"

namespace rqsim {

// What a task is doing, as far as events tell. The states between kRunning and kMigrating make up
// its lifetime.
enum class TaskPhase : uint8_t {
  kAbsent,
  kRunning,
  kRunnable,
  kBlockedQueued,  // tried to sleep, stays queued as a donor
  kBlocked,        // D
  kSleeping,       // S, I
  kParked,
  kFrozen,
  kThrottled,
  kMigrating,
  kDead,
};
inline constexpr std::size_t kNumTaskPhases = static_cast<std::size_t>(TaskPhase::kDead) + 1;

// Why a task waited. What `what` and `who` are depends on `kind`.
struct CauseKey {
  enum class Kind : uint8_t {
    kRan,        // `who` ran on the CPU it was queued on
    kIdleCpu,    // that CPU idled: the reschedule was on its way
    kOthers,     // too far back to say
    kLock,       // lock `what`, owned by `who`
    kLockFree,   // lock `what`, which nobody owned: woken, not yet there
    kLockGiven,  // lock `what`, already handed to it
    kOp,         // in an operation of its program (`what` is an OpKind)
    kNoOp,       // a kernel thread between its works
    kWakeUp,     // woken, not queued yet: an IPI or a switch on its way
    kParkedOn,   // parked on the sleeping `who`
    kThrottled,  // its deadline budget was used up
  };
  Kind kind = Kind::kRan;
  int32_t what = -1;
  TaskId who;
  friend auto operator<=>(const CauseKey&, const CauseKey&) = default;
};

struct TaskAccount {
  // Sums.
  std::array<Cycles, kNumTaskPhases> in{};  // by TaskPhase
  Cycles exec, charged, work;               // by segments
  Cycles donated, boosted;  // charged and executed by another, executed and charged to another
  int64_t nr_voluntary_switches = 0, nr_involuntary_switches = 0, nr_migrations = 0;
  std::vector<std::pair<CauseKey, Cycles>> waits;  // sorted by key
  std::optional<Time> start, finish;

  // Now.
  TaskPhase phase = TaskPhase::kAbsent;
  Time since;        // of the phase
  Time cause_since;  // of the part of it that has not been given to a cause yet
  CpuId cpu;         // it runs on, or is queued on
  LockId blocked_on;
  LockId wait_lock;  // the lock it went to sleep for
  TaskId parked_on;
  int32_t op = -1;  // OpKind of the operation it is in; -1: none
  bool is_throttled = false;
  bool waking = false;  // sched_waking seen, sched_wakeup not yet

  Cycles In(TaskPhase p) const { return in[static_cast<std::size_t>(p)]; }
  Cycles Lifetime() const;
  bool IsAsleep() const {
    return phase >= TaskPhase::kBlockedQueued && phase <= TaskPhase::kThrottled;
  }
};

struct CpuAccount {
  Cycles user, kernel, idle, offline;
  std::array<Cycles, kNumCosts> overhead{};
  Time tiled_to;
  TaskId curr = kIdleTask, prev = kIdleTask;
  Time curr_since;
};

class Accountant final : public Listener {
 public:
  enum class Reports : uint8_t { kAll, kNone };
  explicit Accountant(Reports reports = Reports::kAll) : reports_(reports) {}

  EventMask Wants() const override;
  void OnStart(const RunInfo& info, ViolationSink& sink) override;
  void OnEvent(const TraceEvent& event) override;
  void OnEnd(const RunEnd& end) override;

  // Sums are complete after OnEnd. A task that no event named has an empty account.
  const TaskAccount& task(TaskId id) const {
    return id.index() < tasks_.size() ? tasks_[id.index()] : nobody_;
  }
  const CpuAccount& cpu(CpuId id) const { return cpus_[id.index()]; }
  std::size_t num_accounts() const { return tasks_.size(); }

 private:
  // Who held a thing lately: a CPU (its current task) or a lock (its owner). The last kHoldersMax
  // changes.
  static constexpr std::size_t kHoldersMax = 64;
  struct Holders {
    struct Entry {
      Time since;
      TaskId holder;
    };
    std::vector<Entry> ring;
    std::size_t count = 0;  // of all changes, the forgotten ones included

    void Push(Time t, TaskId holder);
    const Entry& FromNewest(std::size_t i) const { return ring[(count - 1 - i) % kHoldersMax]; }
    std::size_t kept() const { return ring.size(); }
  };

  TaskAccount& At(TaskId id) { return EntryOf(tasks_, id); }
  void Born(TaskAccount& task, Time t, TaskPhase phase);
  void Enter(TaskAccount& task, Time t, TaskPhase phase);
  void CloseCause(TaskAccount& task, TaskId id, Time t);
  void CloseQueued(TaskAccount& task, Time t);
  void CloseLocked(TaskAccount& task, TaskId id, Time t);
  static void AddCause(TaskAccount& task, CauseKey key, Cycles length);

  void OnSwitch(const TraceEvent& event);
  void OnWaking(TaskId id, Time t);
  void OnWakeup(const WakePayload& wake, Time t, bool is_new);
  void OnMigrate(const SchedMigrateTask& migrate, Time t);
  void OnPark(const ProxyPark& park, Time t);
  static bool MayBeSwitchedTo(const TaskAccount& task, const SchedSwitch& change, Time t);
  void OnThrottle(TaskId id, Time t, bool is_throttled);
  void OnSegment(const TraceEvent& event);
  void SumSegment(CpuAccount& cpu, const Segment& segment, Cycles length);

  void CheckClosure(const RunEnd& end);
  void CheckTask(TaskId id, const TaskAccount& task, Time end);
  void CompareTask(TaskId id, const TaskSums& machine, Time end);
  void CompareCpu(CpuId id, const CpuSums& machine, Time end);
  void Compare(std::string_view whose, std::string_view what, int64_t ours, int64_t machines,
               TaskId task, CpuId cpu, Time end);
  void Report(int number, Time at, CpuId cpu, TaskId task, std::string message);

  Reports reports_;
  const RunInfo* info_ = nullptr;
  ViolationSink* sink_ = nullptr;
  std::vector<TaskAccount> tasks_;
  std::vector<CpuAccount> cpus_;
  std::vector<Holders> cpu_holders_, lock_holders_;
  std::array<int, 8> reported_{};  // by number
  TaskAccount nobody_;
};

// "ran H", "lock A owner L", "lock A free", "sleep", "wake-up" …
std::string CauseText(const CauseKey& cause, const RunInfo& info);

// The machine's name of a cost: "c_sched".
std::string_view CostName(CostId cost);

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_ACCOUNTANT_H_
