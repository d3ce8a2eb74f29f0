// Checks the invariants of proxy execution that say where tasks may be (proxy-exec.md 11), from
// events alone. Attached to every run whose lock protocol keeps waiters queued.
//
//   error PX-I4 at 8: D executes on CPU 1, where it may not
//
//   PX-I1   a task executes on at most one CPU, and is on at most one runqueue
//   PX-I2   donor and curr of a CPU are on its runqueue, outside a switch
//   PX-I4   a task executes where its affinity lets it
//   PX-I5   after a full wake-up wake_cpu is the CPU it is on
//   PX-I6   when schedule() ends, who executes is not gated and is the end of the donor's chain,
//           every link on this runqueue
//   PX-I7   … and the waiter that donates to it waits for a lock of it
//   PX-I11  what a class put off for a pick is dropped with that pick
//   PX-I13  a task is somewhere: it runs, is queued, blocked and queued, asleep, waking, or parked
//   PX-I14  only a task that went to sleep by itself is deactivated or parked
//   PX-I15  parked: neither it nor its owner is queued, outside W5
//
// What several events change together is looked at when the instant is over ("settled": I2, I13,
// I15). A breach is reported when it begins.
#ifndef RQSIM_SIM_VIEWS_PROXY_CHECKER_H_
#define RQSIM_SIM_VIEWS_PROXY_CHECKER_H_

#include <string>
#include <vector>

#include "rqsim/cpu_set.h"
#include "rqsim/listener.h"
#include "rqsim/trace_event.h"
#include "sim/views/per_task.h"
#include "sim/views/proxy_world.h"

namespace rqsim {

class ProxyChecker final : public Listener {
 public:
  EventMask Wants() const override;
  void OnStart(const RunInfo& info, ViolationSink& sink) override;
  void OnEvent(const TraceEvent& event) override;
  void OnEnd(const RunEnd& end) override;

 private:
  struct Known {
    std::vector<TaskCpus> cpus;  // by part of 128
    bool broken_place = false;   // PX-I13
    bool broken_park = false;    // PX-I15
    bool dirty = false;
  };

  struct CpuNote {
    bool is_broken = false;  // PX-I2
    bool dirty = false;
  };

  // Balancing that classes put off on a CPU; stale: the pick that it was for has been discarded.
  struct PutOff {
    int32_t count = 0;
    bool is_stale = false;
  };

  Known& Of(TaskId id) { return EntryOf(tasks_, id); }
  void Touch(TaskId id);
  void Touch(CpuId id);
  void OnCpus(const TaskCpus& cpus);
  void OnSwitch(const SchedSwitch& change, CpuId cpu);
  void OnQueue(const SchedQueue& change);
  void OnGone(TaskId id, CpuId cpu);  // deactivated, parked or moved by schedule()
  void OnCallback(const SchedCallback& change, CpuId cpu);
  void OnPicked(CpuId cpu);
  void OnScheduled(TaskId next, TaskId donor, CpuId cpu);
  void Settle();
  void SettleTask(TaskId id);
  void SettleCpu(CpuId id);
  std::string Name(TaskId id) const { return std::string(info_->task_name(id)); }
  void Report(int number, TaskId task, CpuId cpu, std::string message);

  const RunInfo* info_ = nullptr;
  ViolationSink* sink_ = nullptr;
  ProxyWorld world_;
  Time now_;
  std::vector<Known> tasks_;
  std::vector<CpuNote> cpus_;
  std::vector<CpuId> dirty_cpus_;
  std::vector<PutOff> put_off_;  // by CPU
  std::vector<TaskId> dirty_;
  int w5_holds_ = 0;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_PROXY_CHECKER_H_
