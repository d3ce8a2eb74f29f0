// Seam proof (a): a lock protocol that keeps its waiters queued, sends the donor to the CPU of a
// remote sleeping owner, parks it there, and follows the owner's wake-up. The hardest shape of
// proxy execution (PX-10) in eighty lines.
#include <memory>

#include "rqsim/registry.h"
#include "rqsim/seams.h"
#include "support/catch.h"
#include "unit/seams/seam_run.h"

namespace rqsim {
namespace {

constexpr Cycles kLockCost{3};
constexpr Cycles kUnlockCost{2};
constexpr Cycles kHopCost{1};
constexpr Cycles kMoveCost{2};
constexpr Cycles kParkCost{1};

constexpr StepInfo kSteps[] = {{"entry"}, {"try"}, {"woken"}};
constexpr PathInfo kPaths[] = {{"lock", kSteps}, {"unlock", kSteps}, {"trylock", kSteps}};
constexpr PolicyInfo kInfo{.name = "proof-proxy",
                           .seam = Seam::kLockProtocol,
                           .summary = "seam proof: donors follow a sleeping owner",
                           .paths = kPaths};

class ProofProxy final : public LockProtocol {
 public:
  HookMask Hooks() const override {
    return Hook::kKeepsQueued | Hook::kResolveDonor | Hook::kWakeQueued | Hook::kEnqueued;
  }

  Next Step(Kernel& kernel, Frame& frame) override {
    const LockId lock(static_cast<int32_t>(frame.r[0]));
    if (frame.path == kUnlockPath) {
      if (frame.step == StepId(0))
        return Next::Run(StepId(1), kUnlockCost, RunMode::kKernelNoPreempt);
      // One waiter at most in this proof: it gets the lock at once.
      kernel.SetLockOwner(lock, waiter_, 0);
      if (waiter_.valid()) {
        kernel.SetBlockedOn(waiter_, LockId());
        kernel.Wake(waiter_);
        waiter_ = TaskId();
      }
      return Next::Return(0);
    }
    if (frame.step == StepId(0)) return Next::Run(StepId(1), kLockCost, RunMode::kKernel);
    if (frame.step == StepId(2)) return Next::Return(0);  // handed over before the wake-up
    if (!kernel.lock(lock).owner.valid()) {
      kernel.SetLockOwner(lock, frame.task, 0);
      return Next::Return(0);
    }
    waiter_ = frame.task;
    kernel.SetBlockedOn(frame.task, lock);
    return Next::Block(StepId(2), TaskState::kUninterruptible);
  }

  bool KeepsQueued(Kernel&, TaskId) override { return true; }

  DonorAnswer ResolveDonor(Kernel& kernel, CpuId cpu, TaskId picked) override {
    const TaskId owner = kernel.lock(kernel.task(picked).blocked_on).owner;
    const Task& o = kernel.task(owner);
    if (o.cpu != cpu) {
      // The task that executes now cannot leave: idle first.
      if (kernel.cpu(cpu).curr == picked)
        return DonorAnswer::Of(DonorAnswer::Kind::kRunIdleKeepResched);
      DonorAnswer answer = DonorAnswer::Of(DonorAnswer::Kind::kPickAgain);
      answer.overhead = kMoveCost;
      return answer.Then({DonorAction::Kind::kMove, picked, o.cpu, owner});
    }
    if (!o.on_rq) {
      parked_ = picked;
      parked_on_ = owner;
      DonorAnswer answer = DonorAnswer::Of(DonorAnswer::Kind::kPickAgain);
      answer.overhead = kParkCost;
      return answer.Then({DonorAction::Kind::kPark, picked, cpu, owner});
    }
    kernel.SetBlockedDonor(owner, picked);
    DonorAnswer answer = DonorAnswer::Run(owner);
    answer.overhead = kHopCost;
    return answer;
  }

  WakeAnswer WakeQueued(Kernel& kernel, TaskId task) override {
    const Task& t = kernel.task(task);
    return t.cpu == t.wake_cpu ? WakeAnswer::kInPlaceResched : WakeAnswer::kReturn;
  }

  void Enqueued(Kernel& kernel, TaskId task, CpuId cpu) override {
    if (task != parked_on_) return;
    parked_on_ = TaskId();
    kernel.EnqueueOn(parked_, cpu);
  }

 private:
  TaskId waiter_, parked_, parked_on_;
};

absl::StatusOr<std::unique_ptr<LockProtocol>> Make(const PolicyParams&, const Limits&) {
  return std::unique_ptr<LockProtocol>(std::make_unique<ProofProxy>());
}

TEST_CASE("A lock protocol can send a donor to a sleeping owner and follow its wake-up",
          "[seams]") {
  // L on CPU1, H on CPU0. c_sched + c_ctx = 3 a switch.
  //   CPU1: [0,3) switch; lock [3,6); run 5 [6,11); sleep: c_syscall [11,13), asleep until 63;
  //   switch to idle [13,16). CPU0: [0,3) switch; run 20 [3,23); lock [23,26): owned, H blocks at
  //   26 and stays queued. It executes, so idle
  //         first: [26,29). The kept request: schedule() at 29, c_sched 1 + move 2 = [29,32); H is
  //         on CPU1 at 32. That makes CPU0 send an IPI: c_ipi_send [32,33), it leaves at 33 and
  //         arrives at 37.
  //   CPU1: handler [37,38); schedule() at 38: L sleeps here, H is parked: c_sched 1 + park 1 =
  //   [38,40).
  //         63: the timer wakes L, H follows at once; handler c_timer 1 + c_timer_each 1 = [63,65).
  //         Pick at 65: H, hop 1, L executes for H: c_sched 1 + hop 1 + c_ctx 2 = [65,69); c_sysret
  //         [69,70); run 10 [70,80); unlock [80,82). 82: A is H's; its wake-up is refused in place,
  //         L is its own donor again; H goes to idle CPU0's list: c_wake 2 + c_ipi_send 1 =
  //         [82,85); the request is acted on at 85, L again: c_sched [85,86); run 1 [86,87); c_exit
  //         [87,88); switch to idle [88,91).
  //   CPU0: IPI 85 + 4 = 89: handler c_ipi_recv 1 + c_ttwu_each 1 = [89,91); switch [91,94); run 5
  //   [94,99);
  //         unlock [99,101); c_exit [101,102); switch to idle [102,105).
  Scenario scenario = SeamScenario();
  scenario.mutexes = {"A"};
  PolicyChoice lock;
  lock.name = "proof-proxy";
  scenario.common.lock = lock;
  scenario.tasks = {
      OneTask("L", 1, 1, 0,
              {LockOp(OpKind::kLock, "A"), Run(5), Sleep(50), Run(10), LockOp(OpKind::kUnlock, "A"),
               Run(1)}),
      OneTask("H", 0, 3, 0,
              {Run(20), LockOp(OpKind::kLock, "A"), Run(5), LockOp(OpKind::kUnlock, "A")})};
  SeamLog log;
  const std::string error =
      RunSeam(scenario, SeamRegistry({RegistryEntry::Lock(kInfo, Make)}), log);
  REQUIRE(error == "");
  const std::vector<std::string> expected = {
      "0 0 idle→H",         "0 1 idle→L",        "6 1 owner L",      "13 1 L→idle",
      "26 0 H→idle",        "29 0 proxy H 0→1",  "38 1 park H on L", "63 1 wakeup L",
      "63 1 unpark H on L", "65 1 idle→L for H", "82 1 owner H",     "82 1 migrate H 1→0",
      "88 1 L→idle",        "89 0 wakeup H",     "91 0 idle→H",      "101 0 owner none",
      "102 0 H→idle"};
  CHECK(log.lines == expected);
  // L executed [0,13) and [65,88), H [0,26) and [91,102); while [65,82) L executed for H.
  CHECK(log.Sums("L") == std::pair<int64_t, int64_t>{36, 19});
  CHECK(log.Sums("H") == std::pair<int64_t, int64_t>{37, 54});
  CHECK(log.end.end == Time(105));
  CHECK(log.end.outcome == Outcome::kDone);
  CHECK(log.violations.empty());
}

}  // namespace
}  // namespace rqsim
