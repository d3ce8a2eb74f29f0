// What the scenario asks of cpuhp, who carries it out and in which order (MODEL-170): single CPUs,
// several at once, suspend and resume, SMT control (Linux 7.2 kernel/cpu.c: cpuhp_bringup_mask(),
// freeze_secondary_cpus(), thaw_secondary_cpus(), cpuhp_smt_disable(), cpuhp_smt_enable()).
// Tested by scenarios/hotplug/.
#include "service/cpuhp.h"

namespace rqsim::cpuhp {
namespace {

CpuId CpuOf(int64_t number) { return CpuId(static_cast<int32_t>(number)); }

}  // namespace

bool Cpuhp::Hotplug(Kernel& kernel, const HotplugSpec& request) {
  Asked asked;
  asked.cpus = request.cpus;
  asked.on = request.on.value_or(CpuId());
  std::string_view to = request.to;
  if (to == "freeze") asked.what = Ask::kFreeze;
  if (to == "thaw") asked.what = Ask::kThaw;
  if (to == "disable") asked.what = Ask::kDisable;
  if (to == "enable") asked.what = Ask::kEnable;
  if (to == "smt_off") asked.what = Ask::kSmtOff;
  if (to == "smt_on") asked.what = Ask::kSmtOn;
  if (to == "wakeup") asked.what = Ask::kWakeup;
  if (to.starts_with("fail:")) {
    asked.what = Ask::kFail;
    to.remove_prefix(5);
  }
  asked.target = table_.Find(to);
  asked.id = NewId();
  const CpuId cpu = asked.cpus.First();
  EmitOp(kernel, cpu, asked.target, HotplugPhase::kRequested, 0, asked.id);
  // Writing the file `fail` takes no lock.
  if (asked.what == Ask::kFail) {
    EmitOp(kernel, cpu, asked.target, HotplugPhase::kDone, SetFail(cpu, asked.target), asked.id);
    return true;
  }
  // A wake-up source has fired: whoever suspends finds it.
  if (asked.what == Ask::kWakeup) {
    is_wakeup_pending_ = true;
    EmitOp(kernel, cpu, asked.target, HotplugPhase::kDone, 0, asked.id);
    return true;
  }
  const bool settable =
      asked.target == kOffline || asked.target == kOnline ||
      (asked.target > 0 && has_state_control_ && !table_.at(asked.target).name.empty() &&
       !table_.at(asked.target).cant_stop && !IsAtomic(asked.target));
  if (asked.what == Ask::kTarget && !settable) {
    EmitOp(kernel, cpu, asked.target, HotplugPhase::kDone, kEINVAL, asked.id);
    return true;
  }
  Add(asked);
  Dispatch(kernel);
  return true;
}

// hotplug.md 5.3: what can be made to fail.
int64_t Cpuhp::SetFail(CpuId cpu, int state) {
  PerCpu& c = At(cpu);
  if (state < 0 || IsAtomic(state)) return kEINVAL;
  if (state <= kBringup && c.state > kBringup) return kEINVAL;
  if (!table_.HasCallback(state, true) && !table_.HasCallback(state, false)) return kEINVAL;
  c.fail = state;
  return 0;
}

CpuId Cpuhp::ControllerCpu(const Kernel& kernel, const Asked& asked) const {
  if (asked.what == Ask::kFreeze || asked.what == Ask::kThaw) return PrimaryCpu(kernel);
  return RequestedService::ControllerCpu(kernel, asked);
}

bool Cpuhp::BeginByItself(Kernel& kernel, const Asked& asked) {
  if (!is_toy_) return false;
  op_id_ = asked.id;
  ToyBegin(kernel, asked.cpus.First(), asked.target == kOnline, TaskId());
  return true;
}

Next Cpuhp::CarryOut(Kernel&, Frame&, const Asked&) {
  const int64_t args[1] = {running()};
  return Next::Call(hotplug::kCarriedOut, self_, kRequestPath, args);
}

Next Cpuhp::TaskOp(Kernel& kernel, Frame& frame, CpuId cpu, bool up) {
  op_id_ = static_cast<int>(frame.r[1]);
  if (is_toy_) {
    toy_result_ = kHotplugWait;
    ToyBegin(kernel, cpu, up, frame.task);
    return Next::Block(hotplug::kTaskOpDone, TaskState::kUninterruptible);
  }
  const int64_t args[6] = {cpu.value(), up ? kOnline : kOffline, frame.r[1], 0, 0, 0};
  return Next::Call(hotplug::kTaskOpDone, self_, kOpPath, args);
}

// One request: as many operations as it needs. r[1] counts them, r[2] is the first error.
Next Cpuhp::RequestStep(Kernel& kernel, Frame& frame) {
  const Asked& asked = request(static_cast<int>(frame.r[0]));
  if (frame.step == StepId(0)) frame.r[1] = -1;
  if (frame.step == StepId(1) && frame.result < 0) {
    frame.r[2] = frame.result;
    // Freezing stops at the first error, thawing goes on.
    if (asked.what == Ask::kFreeze) frame.r[1] = kernel.num_cpus();
  }
  return NextOfRequest(kernel, frame);
}

Next Cpuhp::NextOfRequest(Kernel& kernel, Frame& frame) {
  const Asked& asked = request(static_cast<int>(frame.r[0]));
  const bool is_begin = frame.step == StepId(0);
  const int num = kernel.num_cpus();
  const auto op = [&](CpuId cpu, int target, bool is_frozen) {
    const int64_t args[6] = {cpu.value(), target, asked.id, is_frozen ? 1 : 0, 0, 0};
    return Next::Call(StepId(1), self_, kOpPath, args);
  };
  const auto done = [&](int64_t result) {
    EmitOp(kernel, CpuId(), asked.target, HotplugPhase::kDone, result, asked.id);
    return Next::Return(result);
  };
  switch (asked.what) {
    case Ask::kTarget: {
      if (asked.cpus.Count() == 1) {
        return is_begin ? op(asked.cpus.First(), asked.target, false) : Next::Return(frame.result);
      }
      // Phase 1 kicks all of them, phase 2 brings up one after another; the first threads of cores
      // go through both before the others, where there are others.
      const bool two_phases = is_parallel_ && asked.target == kOnline;
      const bool has_secondaries = two_phases && HasSecondary(kernel, asked.cpus);
      const int64_t phases = has_secondaries ? 4 : two_phases ? 2 : 1;
      while (++frame.r[1] < phases * num) {
        const CpuId cpu = CpuOf(frame.r[1] % num);
        const int64_t phase = frame.r[1] / num;
        if (!asked.cpus.Contains(cpu)) continue;
        if (has_secondaries && IsSecondary(kernel, cpu) != (phase >= 2)) continue;
        const bool kick = two_phases && phase % 2 == 0;
        if (kick && At(cpu).state >= kKickAp) continue;
        return op(cpu, kick ? kKickAp : asked.target, false);
      }
      return done(frame.r[2]);
    }
    case Ask::kFreeze: {
      if (is_begin) {
        ++disabled_;
        is_frozen_ = true;
        frozen_ = CpuSet();
      } else if (frame.result == 0) {
        frozen_.Add(CpuOf(num - 1 - frame.r[1]));
      }
      const CpuId primary = PrimaryCpu(kernel);
      while (++frame.r[1] < num) {
        const CpuId cpu = CpuOf(num - 1 - frame.r[1]);
        if (cpu == primary || !kernel.cpu(cpu).online) continue;
        if (is_wakeup_pending_) return done(kEBUSY);
        return op(cpu, kOffline, true);
      }
      return done(frame.r[2]);
    }
    case Ask::kThaw: {
      if (is_begin) --disabled_;
      while (++frame.r[1] < num) {
        if (!frozen_.Contains(CpuOf(frame.r[1]))) continue;
        return op(CpuOf(frame.r[1]), kOnline, true);
      }
      is_frozen_ = is_wakeup_pending_ = false;
      kernel.UpdateCpusets();
      return done(0);
    }
    case Ask::kDisable:
    case Ask::kEnable:
      disabled_ += asked.what == Ask::kDisable ? 1 : -1;
      return done(0);
    case Ask::kSmtOff:
    case Ask::kSmtOn: {
      const bool off = asked.what == Ask::kSmtOff;
      if (is_begin) has_smt_ = !off;
      while (++frame.r[1] < num) {
        const CpuId cpu = CpuOf(frame.r[1]);
        if (!IsSecondary(kernel, cpu) || kernel.cpu(cpu).online != off) continue;
        return op(cpu, off ? kOffline : kOnline, false);
      }
      return done(frame.r[2]);
    }
    case Ask::kFail:
    case Ask::kWakeup:
      break;
  }
  return done(0);
}

// Who stays through a suspend: the first that is online, or one with timer housekeeping if that one
// has none.
CpuId Cpuhp::PrimaryCpu(const Kernel& kernel) {
  const CpuId first = kernel.online().First();
  const CpuSet housekeeping = kernel.online() & kernel.facts().housekeeping;
  return housekeeping.empty() || housekeeping.Contains(first) ? first : housekeeping.First();
}

// A thread of a core that has a CPU with a lower number.
bool Cpuhp::IsSecondary(const Kernel& kernel, CpuId cpu) const {
  for (int i = 0; i < cpu.value(); ++i) {
    if (kernel.cpu(CpuId(i)).core == kernel.cpu(cpu).core) return true;
  }
  return false;
}

bool Cpuhp::HasSecondary(const Kernel& kernel, const CpuSet& cpus) const {
  for (CpuId c = cpus.First(); c.valid(); c = cpus.After(c)) {
    if (IsSecondary(kernel, c)) return true;
  }
  return false;
}

bool Cpuhp::IsBootable(const Kernel& kernel, CpuId cpu) const {
  return has_smt_ || !IsSecondary(kernel, cpu) || !cpus_[cpu.index()].booted_once;
}

}  // namespace rqsim::cpuhp
