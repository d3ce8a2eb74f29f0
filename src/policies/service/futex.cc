// Hand-offs without UMCG, for comparison: futex and futex-swap.
//
// Idea: the same threads hand the CPU to each other by two futex calls (wake the other, wait), or
// by one that does both (FUTEX_SWAP). A thread that blocks elsewhere simply leaves its CPU idle:
// nobody notices. Origin: P. Oskolkov's FUTEX_SWAP series, July 2020
// (20200722234538.166697-1-posk@posk.io); umcg.md 13, b2 and b3. What differs: the futex word is a
// token that a wake-up leaves and a wait takes, so that no wake-up is lost. Cost: O(1) per step.
// Tested by scenarios/umcg/UM-23-handoff-compare.json and tests/unit/policies/service/umcg_test.cc.
#include <array>
#include <memory>

#include "policies.h"
#include "service/umcg/metrics.h"
#include "service/umcg/op_info.h"
#include "service/umcg/words.h"

namespace rqsim {
namespace {

enum : int32_t { kSwapPath, kWaitPath, kWakePath, kYieldPath };
constexpr StepInfo kSteps[] = {{"begin"},     {"wake_hash"}, {"woken"}, {"again"},
                               {"wait_hash"}, {"slept"},     {"back"}};
constexpr PathInfo kPaths[] = {
    {"umcg_swap", kSteps}, {"umcg_wait", kSteps}, {"umcg_wake", kSteps}, {"umcg_yield", kSteps}};
enum : int { kBegin, kWakeHash, kWoken, kAgain, kWaitHash, kSlept, kBack };

constexpr std::array<EventFieldInfo, 4> kHandoffFields = {{
    {"kind", FieldKind::kSymbol, umcg::AppendHandoff},
    {"unused", FieldKind::kInteger, nullptr},
    {"tid", FieldKind::kTask, nullptr},
    {"to", FieldKind::kTask, nullptr},
}};
constexpr EventInfo kEvents[] = {
    {"umcg_handoff", kHandoffFields, "the first step of a hand-off", true}};

constexpr std::array kOps = {
    umcg::OpInfo("umcg_swap", kSwapPath, false, "task requeue", OpKind::kSync,
                 "Wakes the other task and waits."),
    umcg::OpInfo("umcg_wait", kWaitPath, false, "until requeue", OpKind::kBlock,
                 "Waits until it is woken."),
    umcg::OpInfo("umcg_wake", kWakePath, false, "task current_cpu keep_word", OpKind::kWake,
                 "Wakes a task."),
    umcg::OpInfo("umcg_yield", kYieldPath, false, "requeue", OpKind::kYield, "sched_yield()."),
};

constexpr std::array kParams = {
    ParamInfo{.name = "costs.preset",
              .kind = ParamKind::kEnum,
              .default_text = "default",
              .allowed = "default EX",
              .summary = "EX: the costs of umcg.md's examples"},
    ParamInfo{.name = "costs.fhash",
              .kind = ParamKind::kCycles,
              .default_value = 40,
              .summary = "looks a futex up"},
};

// The word: 1 while a wake-up waits to be taken.
class Futex final : public KernelService {
 public:
  Futex(const PolicyParams& params, const Limits& limits, bool swaps)
      : self_(limits.self), swaps_(swaps) {
    const bool is_ex = params.Text("costs.preset") == "EX" && !params.Given("costs.fhash");
    fhash_ = is_ex ? Cycles(1) : params.Length("costs.fhash");
  }

  Next Step(Kernel& kernel, Frame& frame) override {
    switch (frame.step.value()) {
      case kBegin:
        return Begin(kernel, frame);
      case kWakeHash: {
        const TaskId other(static_cast<int32_t>(frame.r[0]));
        kernel.Store(kernel.WordOf(self_, other, 0), 1);
        kernel.Wake(other);
        if (frame.path == PathId(kSwapPath) && swaps_) {
          return Next::Run(StepId(kWaitHash), fhash_, RunMode::kKernel);
        }
        return Next::ToUser(StepId(kWoken));
      }
      case kWoken:
        if (frame.path == PathId(kWakePath)) return Next::Return(0);
        if (frame.path == PathId(kYieldPath)) return Next::Schedule(StepId(kSlept));
        return Next::Run(StepId(kAgain), kernel.facts().c_syscall, RunMode::kKernel);
      case kAgain:
        return Next::Run(StepId(kWaitHash), fhash_, RunMode::kKernel);
      case kWaitHash:
        return WaitFor(kernel, frame);
      case kSlept:
        if (frame.path == PathId(kYieldPath)) return Next::ToUser(StepId(kBack));
        if (frame.result == 0) return WaitFor(kernel, frame);
        frame.r[4] = frame.result;
        return Next::ToUser(StepId(kBack));
      default:
        return Next::Return(frame.r[4]);
    }
  }

 private:
  Next Begin(Kernel& kernel, Frame& frame) {
    const Cycles entry = kernel.facts().c_syscall;
    if (frame.path == PathId(kYieldPath)) return Next::Run(StepId(kWoken), entry, RunMode::kKernel);
    if (frame.path == PathId(kWaitPath)) return Next::Run(StepId(kAgain), entry, RunMode::kKernel);
    if (frame.r[0] < 0) return Next::Return(kESRCH);
    if (frame.path == PathId(kSwapPath)) {
      PolicyEventPayload payload;
      payload.wide[0] = static_cast<int64_t>(umcg::Handoff::kSwap);
      payload.narrow[0] = frame.task.value();
      payload.narrow[1] = static_cast<int32_t>(frame.r[0]);
      kernel.EmitDeclared(self_, 0, payload);
    }
    return Next::Run(StepId(kWakeHash), entry + fhash_, RunMode::kKernel);
  }

  // Takes the token, or sleeps until there is one.
  Next WaitFor(Kernel& kernel, Frame& frame) {
    const WordId word = kernel.WordOf(self_, frame.task, 0);
    frame.r[4] = 0;
    if (kernel.CompareExchange(word, 1, 0).ok) return Next::ToUser(StepId(kBack));
    const bool has_timeout = frame.path == PathId(kWaitPath) && frame.r[0] > 0;
    return Next::Block(StepId(kSlept), TaskState::kInterruptible,
                       has_timeout ? Time(frame.r[0]) : kNever);
  }

  PolicyId self_;
  bool swaps_;
  Cycles fhash_;
};

PolicyInfo MakeInfo(std::string_view name, std::string_view summary) {
  PolicyInfo info;
  info.name = name;
  info.seam = Seam::kKernelService;
  info.summary = summary;
  info.source = "20200722234538.166697-1-posk@posk.io; umcg.md 13";
  info.params = kParams;
  info.paths = kPaths;
  info.events = kEvents;
  info.ops = kOps;
  info.metrics = umcg::kMetrics;
  info.words_per_task = 1;
  return info;
}

}  // namespace

const PolicyInfo kFutexInfo = MakeInfo("futex", "hand-offs by a futex wake, then a futex wait");
const PolicyInfo kFutexSwapInfo =
    MakeInfo("futex-swap", "hand-offs by one call that wakes and waits (FUTEX_SWAP)");

absl::StatusOr<std::unique_ptr<KernelService>> MakeFutex(const PolicyParams& params,
                                                         const Limits& limits) {
  return std::make_unique<Futex>(params, limits, false);
}
absl::StatusOr<std::unique_ptr<KernelService>> MakeFutexSwap(const PolicyParams& params,
                                                             const Limits& limits) {
  return std::make_unique<Futex>(params, limits, true);
}

}  // namespace rqsim
