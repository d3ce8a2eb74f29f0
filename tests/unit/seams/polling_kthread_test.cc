// Seam proof (c): a service with its own kthread that polls and is preempted, and whose switch hook
// makes the incoming task wait for an IPI before its first step. What pair-v2 does when its worker
// loses the CPU (P2) in small.
#include <memory>

#include "rqsim/registry.h"
#include "rqsim/seams.h"
#include "support/catch.h"
#include "unit/seams/seam_run.h"

namespace rqsim {
namespace {

constexpr PathId kPollPath{0};
constexpr PathId kReleasePath{1};
constexpr PathId kSwitchedPath{2};
constexpr StepInfo kPollSteps[] = {{"start"}, {"look"}};
constexpr StepInfo kReleaseSteps[] = {{"effect"}};
constexpr StepInfo kSwitchedSteps[] = {{"entry"}, {"send"}, {"done"}};
constexpr PathInfo kPaths[] = {
    {"poll", kPollSteps}, {"release", kReleaseSteps}, {"switched", kSwitchedSteps}};
constexpr ServiceOpInfo kOps[] = {{.name = "proof_release", .path = kReleasePath}};
constexpr KthreadInfo kKthreads[] = {
    {.name = "poller", .path = kPollPath, .per_cpu = true, .priority = 2}};
constexpr EventFieldInfo kFields[] = {{"from"}};
constexpr EventInfo kEvents[] = {{.name = "proof_called", .fields = kFields},
                                 {.name = "proof_looked", .fields = kFields}};
constexpr PolicyInfo kInfo{.name = "proof-poller",
                           .seam = Seam::kKernelService,
                           .summary = "seam proof: a polling kthread and a switch hook",
                           .paths = kPaths,
                           .events = kEvents,
                           .ops = kOps,
                           .kthreads = kKthreads,
                           .words_per_task = 1};

class ProofPoller final : public KernelService {
 public:
  explicit ProofPoller(PolicyId self) : self_(self) {}
  HookMask Hooks() const override { return Hook::kSwitchedPath; }

  PathCall SwitchedPath(Kernel&, CpuId, TaskId prev, TaskId next) override {
    return prev == poller_ && next != kIdleTask ? PathCall::To(kSwitchedPath) : PathCall::None();
  }

  Next Step(Kernel& kernel, Frame& frame) override {
    if (frame.path == kReleasePath) {
      kernel.Store(Flag(kernel), 1);
      return Next::Return(0);
    }
    if (frame.path == kSwitchedPath) {
      if (frame.step == StepId(0)) return Next::Run(StepId(1), Cycles(2), RunMode::kKernel);
      if (frame.step == StepId(1)) {
        Message message;
        message.policy = self_;
        message.arg[0] = frame.cpu.value();
        return Next::CallCpu(StepId(2), CpuId(0), message, true);
      }
      return Next::Return(0);
    }
    // The kthread of CPU 1 polls until it is released; the other one is not needed.
    if (frame.r[0] == 0) return Next::Die();
    if (frame.step == StepId(0)) {
      poller_ = frame.task;
      frame.r[1] = kernel.now().cycles();
    } else {
      PolicyEventPayload payload;
      payload.wide[0] = frame.r[1];
      kernel.EmitDeclared(self_, 1, payload);
    }
    if (kernel.Load(Flag(kernel)).old != 0) return Next::Die();
    Watch watch;
    watch.word = Flag(kernel);
    return Next::Spin(StepId(1), watch, Cycles(4), Time(frame.r[1]), true);
  }

  void OnCall(Kernel& kernel, CpuId, const Message& message) override {
    PolicyEventPayload payload;
    payload.wide[0] = message.arg[0];
    kernel.EmitDeclared(self_, 0, payload);
  }

 private:
  WordId Flag(const Kernel& kernel) const { return kernel.WordOf(self_, TaskId(1), 0); }
  PolicyId self_;
  TaskId poller_;
};

absl::StatusOr<std::unique_ptr<KernelService>> Make(const PolicyParams&, const Limits& limits) {
  return std::unique_ptr<KernelService>(std::make_unique<ProofPoller>(limits.self));
}

TEST_CASE(
    "A switch hook makes the incoming task wait for an IPI; a polling kthread looks at its "
    "multiples",
    "[seams]") {
  // preempt none: the poller gives way at its polls only (cond_resched).
  // CPU0: poller/0 (2) before T (1): switch [0,3), it dies at 3; switch [3,6); T run 40 from 6.
  // CPU1: poller/1: switch [0,3), polls at 3 + 4k. X (5) comes at 20; the next poll is 23:
  // poller/1→X, switch [23,26).
  //   Hook in X: 2 cycles [26,28), c_ipi_send [28,29), the call leaves at 29, arrives on CPU0
  //   at 32.
  // CPU0: handler [32,34): T has run 26 of 40, the rest is [34,48). X goes on at 34: run 10
  // [34,44), c_exit [44,45),
  //   switch to poller/1 [45,48), which looks at once, then at 51 (3 + 4 * 12).
  // T: release: c_syscall [48,50): written at 50; c_sysret [50,51), c_exit [51,52), idle [52,55).
  // poller/1 looks at 51, sees it, dies: idle [51,54).
  Scenario scenario = SeamScenario();
  scenario.common.preset = "PA";
  PolicyChoice service;
  service.name = "proof-poller";
  scenario.common.services = std::vector<PolicyChoice>{service};
  scenario.tasks = {OneTask("T", 0, 1, 0, {Run(40), ServiceCall("proof_release")}),
                    OneTask("X", 1, 5, 20, {Run(10)})};
  SeamLog log;
  const std::string error =
      RunSeam(scenario, SeamRegistry({RegistryEntry::Service(kInfo, Make)}), log);
  REQUIRE(error == "");
  const std::vector<std::string> expected = {
      "0 0 idle→poller/0",   "0 1 idle→poller/1",  "3 0 poller/0→T",      "23 1 poller/1→X",
      "32 0 proof_called 1", "45 1 X→poller/1",    "48 1 proof_looked 3", "50 0 op = 0",
      "51 1 proof_looked 3", "51 1 poller/1→idle", "52 0 T→idle"};
  CHECK(log.lines == expected);
  CHECK(log.end.end == Time(55));
  CHECK(log.violations.empty());
}

}  // namespace
}  // namespace rqsim
