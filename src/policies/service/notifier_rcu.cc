// What the thread of April 2012 asks of RCU in particular (hotplug.md 4.5 and 4.8): its core must
// not need the thread of a CPU that is parked, and its callbacks must survive a DYING notifier that
// runs while other CPUs do (MODEL-233). Cost: O(1). Tested by scenarios/hotplug/.
#include "service/notifier.h"
#include "service/notifier_events.h"

namespace rqsim::notifier {

// Whether there is a thread that RCU's core may need.
bool Notifier2012::HasRcuThreads() const {
  constexpr int kThreadsWithRcu = 2;
  return rcu_in_thread_ && num_threads_ >= kThreadsWithRcu && chain_.Find("rcu") >= 0;
}

// RCU's core of `cpu` changes places in the callback of RCU itself, or in that of the scheduler,
// which calls an RCU API then.
void Notifier2012::SwitchRcuCore(Kernel& kernel, CpuId cpu, const Notifier& called,
                                 bool to_thread) {
  if (!HasRcuThreads()) return;
  const std::string_view sched = to_thread ? "sched_active" : "sched_inactive";
  if (called.name != (rcu_by_sched_ ? sched : std::string_view("rcu"))) return;
  if (rcu_core_stays_) return;
  Set(kernel, kRcuCoreEvent, cpu.value(), to_thread ? 1 : 0, 0);
}

Next Notifier2012::CallRcuStep(Kernel& kernel, Frame& frame) {
  const std::size_t cpu = frame.cpu.index();
  ++rcu_callbacks_[cpu];
  Set(kernel, kRcuCallbacksEvent, frame.cpu.value(), rcu_callbacks_[cpu], rcu_orphaned_);
  return Next::Return(0);
}

// Without an orphanage the callbacks go onto the list of another CPU. stop_machine() needs no lock
// for that, and in 3.2 there is none.
void Notifier2012::BeginRcuDying(Kernel& kernel, CpuId cpu) {
  CpuSet others = kernel.online();
  others.Remove(cpu);
  if (!rcu_orphans_ && !others.empty()) rcu_read_ = rcu_callbacks_[others.First().index()];
}

void Notifier2012::EndRcuDying(Kernel& kernel, CpuId cpu) {
  CpuSet others = kernel.online();
  others.Remove(cpu);
  int64_t& mine = rcu_callbacks_[cpu.index()];
  if (mine == 0 || others.empty()) return;
  if (rcu_orphans_) {
    rcu_orphaned_ += mine;
    mine = 0;
    Set(kernel, kRcuCallbacksEvent, cpu.value(), 0, rcu_orphaned_);
    return;
  }
  int64_t& theirs = rcu_callbacks_[others.First().index()];
  const int64_t lost = theirs - rcu_read_;
  theirs = rcu_read_ + mine;
  mine = 0;
  if (lost > 0) Set(kernel, kDyingRaceEvent, cpu.value(), lost, 0);
  Set(kernel, kRcuCallbacksEvent, others.First().value(), theirs, rcu_orphaned_, lost);
}

// Its DEAD notifier, on the controller.
void Notifier2012::AdoptOrphans(Kernel& kernel, CpuId to) {
  if (rcu_orphaned_ == 0) return;
  rcu_callbacks_[to.index()] += rcu_orphaned_;
  rcu_orphaned_ = 0;
  Set(kernel, kRcuCallbacksEvent, to.value(), rcu_callbacks_[to.index()], 0);
}

}  // namespace rqsim::notifier
