// Checks the invariants of proxy execution that say what must go on, and that it is paid for
// (proxy-exec.md 11), from events alone. Attached to every run whose lock protocol keeps waiters
// queued.
//
//   error PX-I10 at 6: L unlocks A while executing for H, which waits for it, and does not hand it
//   over to H
//
//   PX-I3   all cycles executed are charged, and are the busy cycles of the CPUs
//   PX-I6   (`rescheds`) nobody executes for a donor whose chain does not lead to it any more
//   PX-I8   a signal wakes an interruptible waiter at once, whoever owns the lock
//   PX-I10  (`hands_to_donor`) whoever unlocks executing for a waiter of that lock hands it to that
//           waiter, if its CPU has scheduled since that began to wait (MODEL-140)
//   PX-I12  progress: no livelock, no donor that is sent round in circles, no circle of waiters one
//           of whom was told to give up
//   PX-I16  at the end nobody waits for a lock that is free, or is parked on a task that is awake
#ifndef RQSIM_SIM_VIEWS_PROXY_PROGRESS_CHECKER_H_
#define RQSIM_SIM_VIEWS_PROXY_PROGRESS_CHECKER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "rqsim/listener.h"
#include "rqsim/trace_event.h"
#include "sim/views/proxy_world.h"

namespace rqsim {

class ProxyProgressChecker final : public Listener {
 public:
  // What the protocol in force promises.
  struct Promises {
    bool hands_to_donor = false;  // handoff is `donor`
    // It reschedules whenever it wakes a donor: at no cost there are no overruns.
    bool rescheds = false;
  };
  explicit ProxyProgressChecker(Promises promises) : promises_(promises) {}

  EventMask Wants() const override;
  void OnStart(const RunInfo& info, ViolationSink& sink) override;
  void OnEvent(const TraceEvent& event) override;
  void OnEnd(const RunEnd& end) override;

 private:
  // Moves by proxy of one task, since the end of its chain changed or executed.
  struct Moves {
    TaskId end;
    Cycles executed;
    int32_t count = 0;
  };

  Moves& MovesOf(TaskId id);
  void OnSignal(const SignalGenerate& signal);
  void OnWord(const MutexWord& word, CpuId cpu);
  void OnMigrate(const ProxyMigrate& move);
  void OnSegment(const Segment& segment, Time end);
  void Settle();
  std::string Name(TaskId id) const { return std::string(info_->task_name(id)); }
  void Report(int number, TaskId task, LockId lock, std::string message);

  Promises promises_;
  const RunInfo* info_ = nullptr;
  ViolationSink* sink_ = nullptr;
  ProxyWorld world_;
  Time now_;
  bool is_free_of_cost_ = false;
  std::vector<Moves> moves_;         // by task
  std::vector<Cycles> executed_;     // by task
  std::vector<WwContext> contexts_;  // by task, as they are
  std::vector<TaskId> signalled_;    // waiters that must be woken at this instant
  Cycles runtime_, busy_;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_PROXY_PROGRESS_CHECKER_H_
