// Linux 6.12: there is no common code, each subsystem sets the masks of its threads itself.
//
// Idea: what the owner of a thread does (affinity.owner; kswapd for a thread of a node, rcu for one
// that prefers CPUs):
//
//   kswapd     its node's online CPUs, once, when it starts; nothing if there are none
//   kcompactd  the same, and again for every thread whenever a CPU is up, isolated or not
//   rcu        the online CPUs of its leaf less isolated ones, when it starts and at state 189 of
//              every operation; all that are not isolated if none is left
//
// Origin: Linux 6.12 mm/vmscan.c: kswapd(), mm/compaction.c: kcompactd_cpu_online(),
// kernel/rcu/tree.c: rcutree_affinity_setting(); kthread-affinity.md 6. A thread gets its mask at
// its first wake-up, not in its first own step (MODEL-187).
// Cost: O(threads) for an update, in cycles MODEL-188.
// Tested by tests/unit/policies/placement/kthread_test.cc and scenarios/kthread/.
#include <vector>

#include "placement/kthread_part.h"

namespace rqsim {
namespace {

constexpr StepId kEnter{0};
constexpr StepId kFetched{2};
constexpr StepId kSetaff{3};
constexpr StepId kMoved{4};

constexpr int kEntry = 1;    // registers of an update's frame: position in threads_
constexpr int kHandled = 3;  // how many masks it has set

class Manual final : public KthreadVoice {
 public:
  Manual(const PolicyParams& params, const Limits& limits)
      : KthreadVoice(limits.self, params.Fault("kthread.silent_loss")),
        housekeeping_(HousekeepingOf(params, KthreadHousekeeping::kNohzFull)),
        c_fetch_(params.Length("c_fetch")),
        c_setaff_(params.Length("c_setaff")) {
    threads_.reserve(static_cast<std::size_t>(limits.num_tasks));
  }

  HookMask Hooks() const override { return Hook::kOnStart | Hook::kOnTask; }
  void Start(Kernel& kernel) override {
    SayCpus(kernel, KthreadEvent::kHousekeeping, Housekeeping(kernel));
  }

  void Call(Kernel& kernel, const KthreadCall& call) override {
    switch (call.kind) {
      case KthreadCall::Kind::kCreate:
        if (OwnerOf(kernel, call.task) == KthreadOwner::kNobody &&
            kernel.kthread_affinity(call.task)->kind != KthreadKind::kUnbound) {
          break;
        }
        kernel.ForceAffinity(call.task, Housekeeping(kernel));
        break;
      case KthreadCall::Kind::kFirstWake:
        FirstWake(kernel, call.task);
        break;
      default:
        CallWithoutPreference(kernel, call);
        break;
    }
  }

  void Exiting(Kernel&, TaskId task) override {
    for (TaskId& thread : threads_) {
      if (thread == task) thread = TaskId();
    }
  }

  bool HasCallback(PathId path) const override {
    return path == kRcuOnlinePath || path == kRcuOfflinePath || path == kKcompactdOnlinePath;
  }

  Next Step(Kernel& kernel, Frame& frame) override {
    if (frame.step == kEnter) {
      frame.r[kEntry] = frame.r[kHandled] = 0;
      return ToEntry(kernel, frame, 0);
    }
    if (frame.step == kFetched) {
      fetched_ = Wanted(kernel, Current(frame), LeavingOf(frame));
      return Next::Run(kSetaff, c_setaff_, RunMode::kKernel);
    }
    if (frame.step == kSetaff) {
      const TaskId task = Current(frame);
      ++frame.r[kHandled];
      if (!task.valid() || !WillSet(kernel, task, fetched_)) return ToNext(kernel, frame);
      if (kernel.NeedsStopper(task, fetched_) && frame.task != kIdleTask) {
        kernel.SetAffinity(task, fetched_, frame.task);
        return Next::Block(kMoved, TaskState::kUninterruptible);
      }
      kernel.SetAffinity(task, fetched_);
      return ToNext(kernel, frame);
    }
    return ToNext(kernel, frame);
  }

 private:
  static KthreadOwner OwnerOf(const Kernel& kernel, TaskId task) {
    const KthreadAffinity& affinity = *kernel.kthread_affinity(task);
    switch (affinity.kind) {
      case KthreadKind::kUnbound:
      case KthreadKind::kPerCpu:
      case KthreadKind::kBound:
        return KthreadOwner::kNobody;
      case KthreadKind::kPreferred:
        return KthreadOwner::kRcu;
      case KthreadKind::kNode:
        break;
    }
    return affinity.owner == KthreadOwner::kNobody ? KthreadOwner::kKswapd : affinity.owner;
  }
  CpuSet Housekeeping(const Kernel& kernel) const {
    return KthreadHousekeepingCpus(kernel, housekeeping_);
  }
  TaskId Current(const Frame& frame) const {
    return threads_[static_cast<std::size_t>(frame.r[kEntry])];
  }
  // The CPU that a callback on the way down leaves out.
  static CpuId LeavingOf(const Frame& frame) {
    return frame.path == kRcuOfflinePath ? CpuId(static_cast<int32_t>(frame.r[0])) : CpuId();
  }

  // The mask that its owner wants for it now; empty: none.
  CpuSet Wanted(const Kernel& kernel, TaskId task, CpuId leaving) const {
    const KthreadAffinity& affinity = *kernel.kthread_affinity(task);
    if (OwnerOf(kernel, task) != KthreadOwner::kRcu) return kernel.node_cpus(affinity.node);
    const CpuSet leaf = affinity.kind == KthreadKind::kPreferred
                            ? affinity.cpus
                            : PossibleCpusOf(kernel, affinity.node);
    CpuSet mask = leaf & kernel.online() & Housekeeping(kernel);
    if (leaving.valid()) mask.Remove(leaving);
    if (!mask.empty()) return mask;
    mask = Housekeeping(kernel);
    if (leaving.valid()) mask.Remove(leaving);
    return mask;
  }

  bool WillSet(Kernel& kernel, TaskId task, const CpuSet& mask) const {
    if (mask.empty()) return false;
    const bool same = mask == kernel.task(task).cpus_allowed;
    const bool refused = !same && (mask & kernel.online()).empty();
    Say(kernel, KthreadEvent::kSetaff, task.value(), refused ? kEINVAL : 0);
    return !same && !refused;
  }

  void FirstWake(Kernel& kernel, TaskId task) {
    if (OwnerOf(kernel, task) == KthreadOwner::kNobody) return;
    const KthreadAffinity& affinity = *kernel.kthread_affinity(task);
    const bool is_set = affinity.kind == KthreadKind::kPreferred;
    SayPreference(kernel, task, is_set ? KthreadPreference::kCpus : KthreadPreference::kNode,
                  affinity.cpus, affinity.node);
    threads_.push_back(task);
    const CpuSet mask = Wanted(kernel, task, CpuId());
    if (WillSet(kernel, task, mask)) kernel.SetAffinity(task, mask);
  }

  // The first thread from `from` on that this callback is for; -1 if there is none.
  int64_t NextOf(const Kernel& kernel, const Frame& frame, std::size_t from) const {
    const KthreadOwner owner =
        frame.path == kKcompactdOnlinePath ? KthreadOwner::kKcompactd : KthreadOwner::kRcu;
    for (std::size_t i = from; i < threads_.size(); ++i) {
      if (threads_[i].valid() && OwnerOf(kernel, threads_[i]) == owner) {
        return static_cast<int64_t>(i);
      }
    }
    return -1;
  }
  Next ToNext(Kernel& kernel, Frame& frame) {
    return ToEntry(kernel, frame, static_cast<std::size_t>(frame.r[kEntry]) + 1);
  }
  Next ToEntry(Kernel& kernel, Frame& frame, std::size_t from) {
    const int64_t next = NextOf(kernel, frame, from);
    if (next < 0) {
      SayDone(kernel, frame);
      return Next::Return(0);
    }
    frame.r[kEntry] = next;
    return Next::Run(kFetched, c_fetch_, RunMode::kKernel);
  }
  void SayDone(Kernel& kernel, const Frame& frame) const {
    Say(kernel, KthreadEvent::kUpdate, 0, frame.r[kHandled], static_cast<int32_t>(frame.r[0]),
        frame.path == kRcuOfflinePath ? 0 : 1);
  }

  KthreadHousekeeping housekeeping_;
  Cycles c_fetch_, c_setaff_;
  std::vector<TaskId> threads_;  // in the order of their first wake-ups; ended ones are invalid
  CpuSet fetched_;
};

}  // namespace

std::unique_ptr<KthreadPart> MakeKthreadManual(const PolicyParams& params, const Limits& limits) {
  return std::make_unique<Manual>(params, limits);
}

}  // namespace rqsim
