// Seam proof (d): a hotplug table of three callbacks, two of them registered by another policy, the
// third failing, undone in reverse. The rollback of cpuhp (H2) in small: whoever runs the table
// needs to know nothing of who filled it.
#include <memory>

#include "rqsim/registry.h"
#include "rqsim/seams.h"
#include "support/catch.h"
#include "unit/seams/seam_run.h"

namespace rqsim {
namespace {

constexpr StepInfo kSteps[] = {{"entry"}, {"effect"}};
constexpr EventFieldInfo kFields[] = {{"state"}};

// --- a subsystem with two states ---
constexpr PathInfo kSubPaths[] = {
    {"first_up", kSteps}, {"first_down", kSteps}, {"second_up", kSteps}, {"second_down", kSteps}};
constexpr HotplugCallbackInfo kSubCallbacks[] = {
    // Declared against the order of their states: the table is by state.
    {.name = "sub:second", .state = 20, .startup = PathId(2), .teardown = PathId(3)},
    {.name = "sub:first", .state = 10, .startup = PathId(0), .teardown = PathId(1)}};
constexpr EventInfo kSubEvents[] = {{.name = "sub_up", .fields = kFields},
                                    {.name = "sub_down", .fields = kFields}};
constexpr PolicyInfo kSubInfo{.name = "proof-subsystem",
                              .seam = Seam::kKernelService,
                              .summary = "seam proof: registers two hotplug states",
                              .paths = kSubPaths,
                              .events = kSubEvents,
                              .hotplug = kSubCallbacks};

class Subsystem final : public KernelService {
 public:
  explicit Subsystem(PolicyId self) : self_(self) {}
  Next Step(Kernel& kernel, Frame& frame) override {
    const bool up = frame.path.value() % 2 == 0;
    if (frame.step == StepId(0)) return Next::Run(StepId(1), Cycles(up ? 5 : 3), RunMode::kKernel);
    PolicyEventPayload payload;
    payload.wide[0] = frame.path.value() < 2 ? 10 : 20;
    kernel.EmitDeclared(self_, up ? 0 : 1, payload);
    return Next::Return(0);
  }

 private:
  PolicyId self_;
};

// --- the service that runs the table, with a third state of its own that fails ---
constexpr PathId kGoPath{0};
constexpr PathId kThirdPath{1};
constexpr StepInfo kGoSteps[] = {{"start"}, {"started"}, {"undone"}};
constexpr PathInfo kHotplugPaths[] = {{"go", kGoSteps}, {"third", kSteps}};
constexpr HotplugCallbackInfo kThird[] = {
    {.name = "proof:third", .state = 30, .startup = kThirdPath}};
constexpr ServiceOpInfo kOps[] = {{.name = "proof_up", .path = kGoPath}};
constexpr EventInfo kEvents[] = {{.name = "third_failed", .fields = kFields}};
constexpr PolicyInfo kHotplugInfo{.name = "proof-hotplug",
                                  .seam = Seam::kKernelService,
                                  .summary = "seam proof: runs a table of callbacks and undoes it",
                                  .paths = kHotplugPaths,
                                  .events = kEvents,
                                  .ops = kOps,
                                  .hotplug = kThird};

class Hotplug final : public KernelService {
 public:
  explicit Hotplug(PolicyId self) : self_(self) {}

  Next Step(Kernel& kernel, Frame& frame) override {
    if (frame.path == kThirdPath) {
      if (frame.step == StepId(0)) return Next::Run(StepId(1), Cycles(5), RunMode::kKernel);
      PolicyEventPayload payload;
      payload.wide[0] = 30;
      kernel.EmitDeclared(self_, 0, payload);
      return Next::Return(kEBUSY);
    }
    const auto table = kernel.hotplug_callbacks();
    const int64_t cpu[1] = {1};
    if (frame.step == StepId(0)) {
      frame.r[1] = 0;  // the callback that runs
      return Next::Call(StepId(1), table[0].policy, table[0].info->startup, cpu);
    }
    if (frame.step == StepId(1)) {
      const auto done = static_cast<std::size_t>(frame.r[1]);
      if (frame.result == 0 && done + 1 == table.size()) return Next::Return(0);
      if (frame.result == 0) {
        frame.r[1] = static_cast<int64_t>(done) + 1;
        return Next::Call(StepId(1), table[done + 1].policy, table[done + 1].info->startup, cpu);
      }
      frame.r[2] = frame.result;
    }
    // Undo what was done before, last first.
    while (frame.r[1] > 0) {
      const HotplugCallback& callback = table[static_cast<std::size_t>(--frame.r[1])];
      if (callback.info->teardown.valid()) {
        return Next::Call(StepId(2), callback.policy, callback.info->teardown, cpu);
      }
    }
    return Next::Return(frame.r[2]);
  }

 private:
  PolicyId self_;
};

template <class T>
absl::StatusOr<std::unique_ptr<KernelService>> Make(const PolicyParams&, const Limits& limits) {
  return std::unique_ptr<KernelService>(std::make_unique<T>(limits.self));
}

TEST_CASE("Callbacks of several policies run by state, and are undone in reverse when one fails",
          "[seams]") {
  // T: switch [0,3); c_syscall [3,5); first [5,10), second [10,15), third [15,20) fails; undo
  // second [20,23), first [23,26); the call returns -EBUSY at 26; c_sysret [26,27), run 4 [27,31),
  // c_exit [31,32), idle [32,35). W on CPU1 only keeps the second CPU busy: switch [0,3), run 30
  // [3,33), c_exit [33,34), idle [34,37).
  Scenario scenario = SeamScenario();
  PolicyChoice hotplug, subsystem;
  hotplug.name = "proof-hotplug";
  subsystem.name = "proof-subsystem";
  scenario.common.services = std::vector<PolicyChoice>{hotplug, subsystem};
  scenario.tasks = {OneTask("T", 0, 1, 0, {ServiceCall("proof_up"), Run(4)}),
                    OneTask("W", 1, 1, 0, {Run(30)})};
  SeamLog log;
  const std::string error =
      RunSeam(scenario,
              SeamRegistry({RegistryEntry::Service(kHotplugInfo, Make<Hotplug>),
                            RegistryEntry::Service(kSubInfo, Make<Subsystem>)}),
              log);
  REQUIRE(error == "");
  const std::vector<std::string> expected = {
      "0 0 idle→T",           "0 1 idle→W",       "10 0 sub_up 10",   "15 0 sub_up 20",
      "20 0 third_failed 30", "23 0 sub_down 20", "26 0 sub_down 10", "26 0 op = -16",
      "32 0 T→idle",          "34 1 W→idle"};
  CHECK(log.lines == expected);
  CHECK(log.end.end == Time(37));
  CHECK(log.violations.empty());
}

}  // namespace
}  // namespace rqsim
