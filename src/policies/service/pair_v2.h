// The service `pair-v2`: pair_v2.cc has the system call and the way to user code, pair_v2_worker.cc
// the workers, the hooks at a switch and CPU hotplug.
#ifndef RQSIM_POLICIES_SERVICE_PAIR_V2_H_
#define RQSIM_POLICIES_SERVICE_PAIR_V2_H_

#include <vector>

#include "rqsim/seams.h"
#include "service/pair.h"

namespace rqsim {

class PairV2 final : public PairService {
 public:
  PairV2(const PolicyParams& params, const Limits& limits);

  HookMask Hooks() const override;
  void Scheduled(Kernel& kernel, CpuId cpu, TaskId prev) override;
  PathCall UserReturnPath(Kernel& kernel, TaskId id) override;
  PathCall SwitchedPath(Kernel& kernel, CpuId cpu, TaskId prev, TaskId next) override;
  void OnTask(Kernel& kernel, TaskId id, TaskChange change) override;
  void OnCall(Kernel& kernel, CpuId cpu, const Message& message) override;
  Next Step(Kernel& kernel, Frame& frame) override;
  void Describe(const Kernel& kernel, TaskId id, StateWriter& writer) const override;

  // The writes that the states of task and CPU duplicate; a fault drops one of them.
  enum class Site : uint8_t {
    kNone,
    kPublishRunning,
    kPublishActive,
    kEndRunning,
    kEndActive,
    kHookWorkerPreempted,
    kHookWorkerRunning,
    kHookWorkerActive,
    kHookTaskNeed,
    kClearNeed,
  };

 private:
  struct TaskPart {
    CpuId pair_cpu;
    CpuId queued_on;  // whose list its work is on, or whose worker executes it
    bool need_worker = false;
    bool worker_active = false;
    bool queued_work = false;
    bool notify_resume = false;
    bool resched_at_exit = false;  // a request that only the way to user code sees
    bool clears_at_exit = false;   // execve(): the pairing ends before the new program begins
    bool is_pending = false;       // its work is on a list
    bool is_canceling = false;
    int refs = 0;
  };
  struct CpuPart {
    TaskId current;       // whose work executes
    TaskId flush_waiter;  // sleeps until that work has ended
    TaskId running;       // for whom it occupies the CPU
    bool worker_preempted = false;
    bool comes_up = false;  // its worker takes no work until it is back (MODEL-198)
  };

  TaskPart& Of(TaskId id) { return tasks_[id.index()]; }
  CpuPart& Of(CpuId id) { return cpus_[id.index()]; }

  // pair_v2.cc
  void Pair(Kernel& kernel, TaskId id, CpuId cpu) override;
  CpuId PairedWith(TaskId id) const override { return tasks_[id.index()].pair_cpu; }
  Next Clear(Kernel& kernel, Frame& frame);
  Next Resume(Kernel& kernel, Frame& frame);
  Next Handle(Kernel& kernel, Frame& frame);
  Next Queue(Kernel& kernel, Frame& frame);
  void CancelWork(Kernel& kernel, TaskId id);
  bool WaitsForWork(TaskId id) const;
  bool QueueWork(Kernel& kernel, TaskId id, CpuId cpu);
  void Drop(Kernel& kernel, TaskId id);
  // Drops the write of that site if its fault is on.
  template <class T>
  void Store(Site site, T& field, T value) {
    if (skipped_ != site) field = value;
  }

  // pair_v2_worker.cc
  Next Work(Kernel& kernel, Frame& frame);
  Next NextWork(Kernel& kernel, Frame& frame, CpuId cpu);
  Next Soak(Kernel& kernel, Frame& frame, CpuId cpu);
  Next EndWork(Kernel& kernel, Frame& frame, CpuId cpu);
  Next Switched(Kernel& kernel, Frame& frame);
  Next Startup(Kernel& kernel, Frame& frame);
  Next Preempt(Kernel& kernel, StepId step, TaskId task);
  bool WantsWorkerHook(CpuId cpu, TaskId prev) const;
  bool WantsTaskHook(TaskId subject) const;
  TaskId HookSubject(TaskId prev, TaskId next) const;
  int HookLines(TaskId prev, TaskId next) const;
  Cycles HookCost(TaskId prev, TaskId next) const;

  enum class WorkEvent : uint8_t { kQueued, kStart, kEnd };
  enum class WorkFunction : uint8_t { kPair, kFlush };
  void EmitWork(Kernel& kernel, WorkEvent which, TaskId work, WorkFunction function, CpuId cpu);
  void EmitTask(Kernel& kernel, TaskId id);
  void EmitCpu(Kernel& kernel, CpuId id);
  void LookAgain(Kernel& kernel, CpuId cpu);

  Cycles c_queue_, c_cancel_, c_hook_, c_miss_, c_layout_, c_mb_;
  Cycles c_mb_remote_;  // that of the handler on the paired CPU at a switch-out (MODEL-262)
  Cycles timeout_;
  bool by_lines_, layout_hot_, layout_cold_, home_is_rq_, hot_flag_;
  bool keeps_work_;    // cancel_mode keep
  bool by_task_work_;  // defer task_work
  bool startup_to_task_;
  bool signals_first_;  // signals before
  Site skipped_ = Site::kNone;
  struct Faults {
    bool ipi_no_resched = false;
    bool ipi_tif_only = false;
    bool no_worker_hook = false;
    bool naked_schedule = false;
    bool no_cond_resched = false;
    bool ipi_offline_hang = false;
    bool v1_current_not_prev = false;
    bool exec_leak = false;
    bool leak_ref = false;
  } faults_;
  std::vector<TaskPart> tasks_;
  std::vector<CpuPart> cpus_;
};

// Paths 3 …: pair.h has the first three.
inline constexpr PathId kPairV2Resume{3};
inline constexpr PathId kPairV2Work{4};
inline constexpr PathId kPairV2Switched{5};
inline constexpr PathId kPairV2Startup{6};
inline constexpr PathId kPairV2Teardown{7};
inline constexpr PathId kPairV2Exit{8};

}  // namespace rqsim

#endif  // RQSIM_POLICIES_SERVICE_PAIR_V2_H_
