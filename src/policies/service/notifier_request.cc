// What the scenario asks of notifier-2012, who carries it out, and the locks (MODEL-170); suspend,
// which takes all CPUs but one offline and brings them back (Linux 3.4 kernel/cpu.c:
// disable_nonboot_cpus(), enable_nonboot_cpus(); MODEL-230).
// Tested by scenarios/hotplug/.
#include "service/notifier.h"

namespace rqsim::notifier {

void Notifier2012::EmitNow(Kernel& kernel, HotplugPhase phase, int64_t result) {
  EmitOp(kernel, now_.cpu, now_.up ? hotplug::kToOnline : hotplug::kToOffline, phase, result,
         now_.id);
}

bool Notifier2012::Hotplug(Kernel& kernel, const HotplugSpec& request) {
  if (request.cpus.empty()) return AskGlobal(kernel, request.to);
  Asked asked;
  asked.target = request.to == "online" ? hotplug::kToOnline : hotplug::kToOffline;
  asked.on = request.on.value_or(CpuId());
  const bool is_known = request.to == "online" || request.to == "offline";
  for (CpuId c = request.cpus.First(); c.valid(); c = request.cpus.After(c)) {
    asked.cpus = CpuSet::Of(c);
    asked.id = NewId();
    EmitOp(kernel, c, asked.target, HotplugPhase::kRequested, 0, asked.id);
    if (is_known) {
      Add(asked);
    } else {
      EmitOp(kernel, c, asked.target, HotplugPhase::kDone, kEINVAL, asked.id);
    }
  }
  Dispatch(kernel);
  return true;
}

// What is for no CPU in particular. SMT control and a wake-up that aborts a freeze came later.
bool Notifier2012::AskGlobal(Kernel& kernel, std::string_view what) {
  if (what == "disable" || what == "enable") {
    disabled_ += what == "disable" ? 1 : -1;
    Dispatch(kernel);
    return true;
  }
  Asked asked;
  asked.what = what == "freeze" ? Ask::kFreeze : Ask::kThaw;
  asked.id = NewId();
  EmitOp(kernel, CpuId(), asked.target, HotplugPhase::kRequested, 0, asked.id);
  if (what != "freeze" && what != "thaw") {
    EmitOp(kernel, CpuId(), asked.target, HotplugPhase::kDone, kEINVAL, asked.id);
    return true;
  }
  Add(asked);
  Dispatch(kernel);
  return true;
}

// The hotplug lock: readers that came during the operation go on.
void Notifier2012::ReleaseHotplug(Kernel& kernel) {
  is_active_ = false;
  readers_.AdmitWaiting(kernel);
}

void Notifier2012::BeforeRelease(Kernel& kernel) {
  if (is_active_) ReleaseHotplug(kernel);
}

Next Notifier2012::CarryOut(Kernel&, Frame&, const Asked& asked) {
  if (asked.what != Ask::kTarget) {
    const int64_t args[1] = {running()};
    return Next::Call(hotplug::kCarriedOut, self_, kFreezePath, args);
  }
  now_ = Operation();
  now_.cpu = asked.cpus.First();
  now_.up = asked.target == hotplug::kToOnline;
  now_.id = asked.id;
  const int64_t args[1] = {now_.cpu.value()};
  return Next::Call(hotplug::kCarriedOut, self_, now_.up ? kUpPath : kDownPath, args);
}

Next Notifier2012::TaskOp(Kernel&, Frame& frame, CpuId cpu, bool up) {
  now_ = Operation();
  now_.cpu = cpu;
  now_.up = up;
  now_.id = static_cast<int>(frame.r[1]);
  const int64_t args[1] = {cpu.value()};
  return Next::Call(hotplug::kTaskOpDone, self_, up ? kUpPath : kDownPath, args);
}

// One CPU after another, in ascending order both times. Freezing stops at the first error, thawing
// goes on. Whatever came of it, other operations are refused until the thaw. Registers: the
// request; the CPU, the first error.
Next Notifier2012::FreezeStep(Kernel& kernel, Frame& frame) {
  constexpr StepId kBegin{0}, kDone{1};
  constexpr int kAt = 1, kResult = 2;
  const Asked& asked = request(static_cast<int>(frame.r[0]));
  const bool freezes = asked.what == Ask::kFreeze;
  const int num = kernel.num_cpus();
  if (frame.step == kBegin) {
    disabled_ += freezes ? 1 : -1;
    if (freezes) frozen_ = CpuSet();
    frame.r[kAt] = -1;
    now_ = Operation();
    now_.id = asked.id;
    now_.is_frozen = true;
  } else {
    if (is_active_) ReleaseHotplug(kernel);
    if (frame.result == 0 && freezes) frozen_.Add(now_.cpu);
    if (frame.result < 0 && freezes) {
      frame.r[kResult] = frame.result;
      frame.r[kAt] = num;
    }
  }
  const CpuId primary = kernel.online().First();
  while (++frame.r[kAt] < num) {
    const CpuId cpu(static_cast<int32_t>(frame.r[kAt]));
    const bool is_meant =
        freezes ? cpu != primary && kernel.cpu(cpu).online : frozen_.Contains(cpu);
    if (!is_meant) continue;
    now_.cpu = cpu;
    now_.up = !freezes;
    const int64_t args[1] = {cpu.value()};
    return Next::Call(kDone, self_, now_.up ? kUpPath : kDownPath, args);
  }
  EmitOp(kernel, CpuId(), asked.target, HotplugPhase::kDone, frame.r[kResult], asked.id);
  return Next::Return(frame.r[kResult]);
}

}  // namespace rqsim::notifier
