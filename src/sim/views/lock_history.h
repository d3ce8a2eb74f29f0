// Who waited for whom and when, and who executed for whom: the lists behind the page `locks` of
// `rqsim report`.
//
//   CPU 0  [2, 3)  H -> A -> K -> B -> L     L executes for H
//   CPU 0  [3, 4)  L executes for H, which waits for nothing of L: an overrun
//   K waits [1, 3) for B of L
//   at 3 L hands B to K, its donor
//
// A chain is looked at when time passes, so what lasts no cycle is not listed.
#ifndef RQSIM_SIM_VIEWS_LOCK_HISTORY_H_
#define RQSIM_SIM_VIEWS_LOCK_HISTORY_H_

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "rqsim/listener.h"
#include "rqsim/result.h"
#include "rqsim/trace_event.h"

namespace rqsim {

class LockHistory final : public Listener {
 public:
  EventMask Wants() const override;
  void OnStart(const RunInfo& info, ViolationSink& sink) override;
  void OnEvent(const TraceEvent& event) override;
  void OnEnd(const RunEnd& end) override;

  // To be called after OnEnd, once each.
  std::vector<ProxyChain> TakeChains() { return std::move(chains_); }
  std::vector<LockWaitSpan> TakeWaits() { return std::move(waits_); }
  std::vector<LockPassing> TakePassings() { return std::move(passings_); }

 private:
  struct CpuBook {
    TaskId curr = kIdleTask, donor = kIdleTask;
    std::optional<ProxyChain> open;
  };
  struct TaskBook {
    LockId blocked_on;
    std::optional<LockWaitSpan> wait;
  };

  TaskBook& Of(TaskId task);
  void SetCpu(CpuId id, TaskId curr, TaskId donor);
  void PassTo(Time t);
  ProxyChain ChainOf(CpuId id) const;
  void Close(CpuBook& cpu);
  void OnHandoff(const MutexHandoff& handoff, Time t);

  std::vector<CpuBook> cpus_;
  std::vector<TaskBook> tasks_;
  std::vector<TaskId> owners_;  // by lock
  Time now_;
  bool is_stale_ = false;
  std::vector<ProxyChain> chains_;
  std::vector<LockWaitSpan> waits_;
  std::vector<LockPassing> passings_;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_LOCK_HISTORY_H_
