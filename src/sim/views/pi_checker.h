// Checks MX-I10 of mutex.md 6 from events alone: under priority inheritance the effective priority
// of a task is the strongest of its own and of the effective priorities of all who wait for mutexes
// it owns.
//
//   error MX-I10 at 3: O runs at prio 97, by its waiters it should be 95
//
// Attached to runs whose lock protocol is `pi`. Looked at when an instant is over and no walk along
// the chain can be under way: a task walks while it enters or leaves a wait, that is while it is in
// lock() or unlock() and not asleep. A waiter that has been woken but not yet switched to does not
// walk. Fair tasks count as one level (mutex.md 4).
#ifndef RQSIM_SIM_VIEWS_PI_CHECKER_H_
#define RQSIM_SIM_VIEWS_PI_CHECKER_H_

#include <cstdint>
#include <vector>

#include "rqsim/listener.h"
#include "rqsim/trace_event.h"
#include "sim/views/per_task.h"
#include "sim/views/prio_counts.h"

namespace rqsim {

class PiChecker final : public Listener {
 public:
  EventMask Wants() const override;
  void OnStart(const RunInfo& info, ViolationSink& sink) override;
  void OnEvent(const TraceEvent& event) override;
  void OnEnd(const RunEnd& end) override;

 private:
  struct TaskState {
    int32_t base = 0, eff = 0;  // kernel prio; smaller is stronger
    bool known = false;
    std::vector<LockId> owned;
    LockId waits_on;
    int32_t waits_at = 0;  // its level there
    LockId contends;       // between contention_begin and contention_end
    bool is_unlocking = false;
    bool is_awake = true;     // of one that contends: it has run since it last slept
    bool is_walking = false;  // counted in walkers_
    bool is_broken = false;
    bool dirty = false;
  };
  struct LockState {
    TaskId owner;
    PrioCounts waiters;  // by the level of the effective prio
  };

  TaskState& At(TaskId id) { return EntryOf(tasks_, id); }
  void Touch(TaskId id);
  void SetEff(TaskId id, int32_t eff);
  void OnAttr(const TaskAttr& attr);
  void OnWord(const MutexWord& word);
  void OnWait(const MutexWait& wait);
  void OnSwitch(const SchedSwitch& change);
  void CountWalker(TaskState& task);
  void Settle();
  void Check(TaskId id);

  const RunInfo* info_ = nullptr;
  ViolationSink* sink_ = nullptr;
  Time now_;
  int32_t walkers_ = 0;
  std::vector<TaskState> tasks_;
  std::vector<LockState> locks_;
  std::vector<TaskId> dirty_;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_PI_CHECKER_H_
