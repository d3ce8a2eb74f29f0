// A placement from its parts.
//
// Idea: the hooks of the seam belong to one part each; this file hands them on.
// Origin: machine.md 6 and 7, where wake-up selection and balancing are separate choices, and
// kthread-affinity.md.
// Cost: none of its own.  Tested by tests/unit/policies/placement/placement_test.cc.
#include "placement/composed.h"

#include <utility>

#include "placement/balancer.h"
#include "placement/fallback.h"
#include "placement/params.h"

namespace rqsim {
namespace {

class Composed final : public Placement {
 public:
  Composed(std::unique_ptr<PlacementShared> shared, std::unique_ptr<WakeChoice> wake,
           std::unique_ptr<Balancer> balancer, std::unique_ptr<KthreadPart> kthreads,
           const FallbackRules& rules, bool tracks_load)
      : shared_(std::move(shared)),
        wake_(std::move(wake)),
        balancer_(std::move(balancer)),
        kthreads_(std::move(kthreads)),
        rules_(rules),
        tracks_load_(tracks_load) {}

  HookMask Hooks() const override {
    HookMask mask = Hook::kKthreadCall | kthreads_->Hooks();
    if (balancer_ != nullptr) mask = mask | Hook::kTickBalance | Hook::kNewIdle | Hook::kNextTick;
    if (tracks_load_ || wake_->tracks_load() ||
        (balancer_ != nullptr && balancer_->tracks_load())) {
      mask = mask | Hook::kTracksLoad;
    }
    return mask;
  }
  CpuId SelectCpu(Kernel& kernel, TaskId task, CpuId waker, WakeFlags flags) override {
    shared_->Prepare(kernel);
    return wake_->Select(kernel, task, waker, flags);
  }
  CpuId FallbackCpu(Kernel& kernel, CpuId from, TaskId task) override {
    const Fallback fallback = SelectFallbackCpu(kernel, from, task, rules_);
    if (fallback.forced && kernel.task(task).is_kthread) kthreads_->Overwritten(kernel, task);
    return fallback.cpu;
  }
  void OnStart(Kernel& kernel) override { kthreads_->Start(kernel); }
  void OnTask(Kernel& kernel, TaskId task, TaskChange change) override {
    if (!kernel.task(task).is_kthread) return;
    if (change == TaskChange::kExiting) kthreads_->Exiting(kernel, task);
    if (change == TaskChange::kAffinity) kthreads_->AffinityChanged(kernel, task);
  }
  void OnKthreadCall(Kernel& kernel, const KthreadCall& call) override {
    kthreads_->Call(kernel, call);
  }
  bool HasHotplugCallback(const HotplugCallbackInfo& info, bool startup) const override {
    return kthreads_->HasCallback(startup ? info.startup : info.teardown);
  }
  bool TickBalance(Kernel& kernel, CpuId cpu, IdleKind idle) override {
    shared_->Prepare(kernel);
    return balancer_->Tick(kernel, cpu, idle);
  }
  Time NextTickOfInterest(Kernel& kernel, CpuId cpu) override {
    return balancer_->NextTickOfInterest(kernel, cpu);
  }
  BalanceAnswer PeriodicBalance(Kernel& kernel, CpuId cpu, IdleKind idle) override {
    return balancer_->Periodic(kernel, cpu, idle);
  }
  BalanceAnswer KickedBalance(Kernel& kernel, CpuId cpu) override {
    return balancer_->Kicked(kernel, cpu);
  }
  BalanceAnswer NewIdle(Kernel& kernel, CpuId cpu) override {
    shared_->Prepare(kernel);
    return balancer_->NewIdle(kernel, cpu);
  }
  BalanceAnswer BalanceStep(Kernel& kernel, CpuId) override { return balancer_->Go(kernel); }
  Next Step(Kernel& kernel, Frame& frame) override {
    if (frame.path != kActiveBalancePath) return kthreads_->Step(kernel, frame);
    return balancer_->ActiveStep(kernel, frame);
  }
  void Describe(const Kernel& kernel, TaskId task, StateWriter& writer) const override {
    wake_->Describe(task, writer);
    kthreads_->Describe(kernel, task, writer);
  }

 private:
  std::unique_ptr<PlacementShared> shared_;
  std::unique_ptr<WakeChoice> wake_;
  std::unique_ptr<Balancer> balancer_;  // null: balance off
  std::unique_ptr<KthreadPart> kthreads_;
  FallbackRules rules_;
  bool tracks_load_;  // asked for by the policy set
};

}  // namespace

absl::StatusOr<std::unique_ptr<Placement>> ComposePlacement(std::unique_ptr<PlacementShared> shared,
                                                            std::unique_ptr<WakeChoice> wake,
                                                            const PolicyParams& params,
                                                            const Limits& limits) {
  const std::string_view blocked = params.Text("blocked_load");
  if (blocked == "exclude") shared->blocked_load = BlockedLoad::kExclude;
  if (blocked == "curr_only") shared->blocked_load = BlockedLoad::kCurrOnly;
  std::unique_ptr<Balancer> balancer = MakeBalancer(*shared, params, limits);
  const std::string_view word = params.Text("cpuset_mode");
  FallbackRules rules;
  rules.mode = word == "v2" ? CpusetMode::kV2 : word == "v1" ? CpusetMode::kV1 : CpusetMode::kNone;
  const std::string_view last = params.Text("fallback_last");
  rules.last_is_possible =
      last == "possible" || (last == "kernel" && limits.kernel == KernelVersion::k6_12);
  return std::make_unique<Composed>(std::move(shared), std::move(wake), std::move(balancer),
                                    MakeKthreadPart(params, limits), rules,
                                    params.Flag("load_tracking"));
}

}  // namespace rqsim
