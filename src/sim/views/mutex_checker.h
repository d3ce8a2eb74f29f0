// Checks the invariants MX-I1 … MX-I12 of mutex.md 6 from events alone: it knows neither a lock
// protocol nor the machine, so a protocol and its checker cannot share a mistake. Attached to every
// run that has mutexes.
//
//   error MX-I1 at 0: recursive lock: L locks A, which it holds
//   error MX-I9 at 5: L exits holding A
//
//   MX-I1   at most one owner; only the owner unlocks; no recursive lock (fatal: nothing after it
//   would mean anything) MX-I2   critical sections of a mutex never overlap MX-I3   WAITERS is set
//   exactly while the wait list is not empty                                          (settled)
//   MX-I4   HANDOFF and PICKUP need an owner, a picked owner is on the wait list, not both at once
//   MX-I5   nobody is on a spin queue and a wait list; spinners are on a CPU (settled), one on each
//   MX-I6   a task's blocked_on is the mutex on whose wait list it is (settled) MX-I7   no lost
//   wake-up: a free mutex with waiters has one that is awake, or an unlock under way (settled)
//   MX-I8   after the first waiter set HANDOFF one more unlock may pass it by; handing over to a
//   donor does not count MX-I9   a task exits with no mutex owned and on no wait list MX-I10  is
//   PiChecker's MX-I11  ww, wait-die: of the waiters with an acquire context only the first may
//   sleep holding locks (settled) MX-I12  an acquisition by handoff does not come before the unlock
//   that handed over
//
// Protocols change a word, a list and a task one after another under an internal short lock; the
// invariants marked "settled" are therefore looked at when the instant is over. A breach is
// reported when it begins, once until it is over.
#ifndef RQSIM_SIM_VIEWS_MUTEX_CHECKER_H_
#define RQSIM_SIM_VIEWS_MUTEX_CHECKER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "rqsim/listener.h"
#include "rqsim/trace_event.h"
#include "sim/views/wait_list.h"

namespace rqsim {

class MutexChecker final : public Listener {
 public:
  EventMask Wants() const override;
  void OnStart(const RunInfo& info, ViolationSink& sink) override;
  void OnEvent(const TraceEvent& event) override;
  void OnEnd(const RunEnd& end) override;

 private:
  struct LockState {
    TaskId owner;         // of the word
    int32_t flags = 0;    // of the word
    TaskId holder;        // between its mutex_acquire and its mutex_release
    TaskId unlocker;      // it freed the mutex and is still in unlock()
    TaskId handed_to;     // by a handoff, until it acquires
    TaskId handoff_for;   // the first waiter that set HANDOFF
    int32_t unlocks = 0;  // since then
    WaitList waiters;
    int32_t awake_waiters = 0;
    int32_t mortal_waiters = 0;  // that sleep holding locks (wait-die)
    Time stranger_at = kNever;   // an unlock by a stranger was reported at this instant
    uint32_t broken = 0;         // settled invariants that do not hold, a bit each
    bool dirty = false;
  };
  struct TaskState {
    LockId blocked_on;
    LockId waits_on;  // whose wait list it is on
    LockId spins_on;  // whose spin queue it is on
    CpuId spin_cpu;
    LockId unlocking;       // it is the unlocker of
    bool wait_die = false;  // it has an acquire context of that rule open
    int32_t ww_acquired = 0;
    int32_t owned = 0;  // words that name it
    bool on_cpu = false;
    bool asleep = false;
    bool is_mortal = false;  // counted as one
    bool has_exited = false;
    uint32_t broken = 0;
    bool dirty = false;
  };

  TaskState& At(TaskId id) {
    if (id.index() >= tasks_.size()) [[unlikely]]
      Grow(id);
    return tasks_[id.index()];
  }
  void Grow(TaskId id);
  LockState& At(LockId id) { return locks_[id.index()]; }
  void Touch(LockId id);
  void Touch(TaskId id);

  void OnWord(const MutexWord& word);
  void OnWait(const MutexWait& wait);
  void OnSpinQueue(const MutexWait& wait, CpuId cpu);
  void OnAcquire(const MutexAcquire& acquire);
  void OnRelease(const MutexRelease& release);
  void OnHandoff(const MutexHandoff& handoff);
  void OnSwitch(const SchedSwitch& change);
  void OnOpBegin(const OpBegin& begin);
  void OnExit(TaskId id);
  void SetAsleep(TaskId id, bool asleep);
  void EndUnlock(TaskId id);

  // The instant now_ is over.
  void Settle();
  void SettleLock(LockId id);
  TaskId MustHaveDied(const LockState& lock);
  void CountMortal(TaskState& task);
  void SettleTask(TaskId id);
  // Whether `holds` has just ceased to be so; keeps the bit.
  static bool Breaks(uint32_t& broken, uint32_t bit, bool holds);
  void Report(int number, TaskId task, LockId lock, std::string message,
              ViolationSink::Severity severity = ViolationSink::Severity::kContinue);

  const RunInfo* info_ = nullptr;
  ViolationSink* sink_ = nullptr;
  Time now_;
  CpuId cpu_;  // of the event at hand
  std::vector<LockState> locks_;
  std::vector<TaskState> tasks_;
  std::vector<WaitList::Links> links_;
  std::vector<TaskId> spinners_;  // by CPU
  std::vector<LockId> dirty_locks_;
  std::vector<TaskId> dirty_tasks_;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_MUTEX_CHECKER_H_
