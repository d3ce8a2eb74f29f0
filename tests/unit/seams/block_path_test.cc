// Seam proof (b): a service whose block path loads a user word, takes two cycles, and
// compare-exchanges it, while the other CPU changes the word in between; it retries once. Block
// detection of UMCG that loses its race (E5) in small.
#include <memory>

#include "rqsim/registry.h"
#include "rqsim/seams.h"
#include "support/catch.h"
#include "unit/seams/seam_run.h"

namespace rqsim {
namespace {

constexpr PathId kWatchPath{0};
constexpr PathId kPokePath{1};
constexpr PathId kBlockedPath{2};
constexpr StepInfo kPlainSteps[] = {{"effect"}};
constexpr StepInfo kBlockedSteps[] = {{"K0"}, {"K1"}, {"K2"}, {"K3"}};
constexpr PathInfo kPaths[] = {
    {"watch", kPlainSteps}, {"poke", kPlainSteps}, {"blocked", kBlockedSteps}};
constexpr ServiceOpInfo kOps[] = {{.name = "proof_watch", .path = kWatchPath},
                                  {.name = "proof_poke", .path = kPokePath, .args = "task"}};
constexpr EventFieldInfo kFields[] = {{"value"}};
constexpr EventInfo kEvents[] = {{.name = "proof_retry", .fields = kFields},
                                 {.name = "proof_set", .fields = kFields}};
constexpr PolicyInfo kInfo{.name = "proof-blocker",
                           .seam = Seam::kKernelService,
                           .summary = "seam proof: a block path that loses a race",
                           .paths = kPaths,
                           .events = kEvents,
                           .ops = kOps,
                           .words_per_task = 1};

class ProofBlocker final : public KernelService {
 public:
  explicit ProofBlocker(PolicyId self) : self_(self) {}
  HookMask Hooks() const override { return Hook::kBlockPath; }

  PathCall BlockPath(Kernel&, TaskId task) override {
    return task == watched_ ? PathCall::To(kBlockedPath) : PathCall::None();
  }

  Next Step(Kernel& kernel, Frame& frame) override {
    if (frame.path == kWatchPath) {
      watched_ = frame.task;
      return Next::Return(0);
    }
    if (frame.path == kPokePath) {
      kernel.Store(kernel.WordOf(self_, TaskId(static_cast<int32_t>(frame.r[0])), 0), 7);
      return Next::Return(0);
    }
    const WordId word = kernel.WordOf(self_, frame.task, 0);
    PolicyEventPayload payload;
    switch (frame.step.value()) {
      case 0:
        return Next::Run(StepId(1), Cycles(1), RunMode::kKernel);
      case 1:
        frame.r[0] = kernel.Load(word).old;
        return Next::Run(StepId(2), Cycles(2), RunMode::kKernel);
      case 2: {
        const WordResult result = kernel.CompareExchange(word, frame.r[0], frame.r[0] + 1);
        payload.wide[0] = result.old;
        if (!result.ok) {
          kernel.EmitDeclared(self_, 0, payload);
          return Next::Run(StepId(1), Cycles(1), RunMode::kKernel);
        }
        payload.wide[0] = result.old + 1;
        kernel.EmitDeclared(self_, 1, payload);
        return Next::Run(StepId(3), Cycles(1), RunMode::kKernel);
      }
      default:
        return Next::Return(0);
    }
  }

 private:
  PolicyId self_;
  TaskId watched_;
};

absl::StatusOr<std::unique_ptr<KernelService>> Make(const PolicyParams&, const Limits& limits) {
  return std::unique_ptr<KernelService>(std::make_unique<ProofBlocker>(limits.self));
}

TEST_CASE("A block path sees what another CPU writes between two of its steps", "[seams]") {
  // T on CPU0: [0,3) switch; watch: c_syscall [3,5), c_sysret [5,6); run 10 [6,16); sleep:
  // c_syscall [16,18), asleep
  //   until 18 + 20 = 38. Its block path: K0 [18,19), load 0 at 19, K1 [19,21), compare-exchange
  //   at 21.
  // P on CPU1: [0,3) switch; run 15 [3,18); poke: c_syscall [18,20): 7 is written at 20, between
  // T's load and exchange. So 21 finds 7 and goes back: K2 [21,22), load 7, [22,24), exchange to 8
  // at 24, K3 [24,25); T sleeps at 25:
  //   switch to idle [25,28); timer handler [38,40); switch [40,43); c_sysret [43,44); c_exit
  //   [44,45); idle [45,48).
  // P: c_sysret [20,21); run 1 [21,22); c_exit [22,23); idle [23,26).
  Scenario scenario = SeamScenario();
  PolicyChoice service;
  service.name = "proof-blocker";
  scenario.common.services = std::vector<PolicyChoice>{service};
  scenario.tasks = {OneTask("T", 0, 1, 0, {ServiceCall("proof_watch"), Run(10), Sleep(20)}),
                    OneTask("P", 1, 1, 0, {Run(15), ServiceCall("proof_poke", "T"), Run(1)})};
  SeamLog log;
  const std::string error =
      RunSeam(scenario, SeamRegistry({RegistryEntry::Service(kInfo, Make)}), log);
  REQUIRE(error == "");
  const std::vector<std::string> expected = {
      "0 0 idle→T",         "0 1 idle→P",  "5 0 op = 0",       "20 1 op = 0",
      "21 0 proof_retry 7", "23 1 P→idle", "24 0 proof_set 8", "25 0 T→idle",
      "38 0 wakeup T",      "40 0 idle→T", "45 0 T→idle"};
  CHECK(log.lines == expected);
  CHECK(log.end.end == Time(48));
  CHECK(log.violations.empty());
}

}  // namespace
}  // namespace rqsim
