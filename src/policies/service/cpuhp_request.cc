// What the scenario asks of cpuhp, who carries it out and in which order (MODEL-170): single CPUs,
// several at once, suspend and resume, SMT control (Linux 7.2 kernel/cpu.c: cpuhp_bringup_mask(),
// freeze_secondary_cpus(), thaw_secondary_cpus(), cpuhp_smt_disable(), cpuhp_smt_enable()).
// Tested by scenarios/hotplug/.
#include "service/cpuhp.h"

namespace rqsim::cpuhp {
namespace {

CpuId CpuOf(int64_t number) { return CpuId(static_cast<int32_t>(number)); }

}  // namespace

void Cpuhp::EmitOp(Kernel& kernel, CpuId cpu, int target, HotplugPhase phase, int64_t result,
                   int id) {
  HotplugOp op;
  op.result = result;
  op.cpu = cpu;
  op.target = target;
  op.phase = phase;
  op.id = id;
  kernel.Emit(op);
}

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
  asked.id = ++next_id_;
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
  AddRequest(kernel, asked);
  return true;
}

void Cpuhp::AddRequest(Kernel& kernel, const Asked& asked) {
  waiters_.push_back({TaskId(), static_cast<int>(requests_.size())});
  requests_.push_back(asked);
  Dispatch(kernel);
}

void Cpuhp::HotplugRetry(Kernel& kernel) { Dispatch(kernel); }

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
  if (asked.on.valid() && kernel.online().Contains(asked.on)) return asked.on;
  if (asked.what == Ask::kFreeze || asked.what == Ask::kThaw) return PrimaryCpu(kernel);
  const CpuSet others = kernel.online() - asked.cpus;
  return others.empty() ? kernel.online().First() : others.First();
}

// Who has waited longest gets the lock as soon as it is free. A request whose turn it is not has no
// controller yet (MODEL-170).
void Cpuhp::Dispatch(Kernel& kernel) {
  while (CanLock() && !waiters_.empty()) {
    const Waiter first = waiters_.front();
    if (first.request >= 0 && is_toy_) {
      const Asked& asked = requests_[static_cast<std::size_t>(first.request)];
      const bool up = asked.target == kOnline;
      if (kernel.AdmitHotplug(asked.cpus.First(), up) == kHotplugWait) return;
      op_id_ = asked.id;
      waiters_.erase(waiters_.begin());
      is_locked_ = true;
      ToyBegin(kernel, asked.cpus.First(), up, TaskId());
      continue;
    }
    if (first.request >= 0) {
      const Asked& asked = requests_[static_cast<std::size_t>(first.request)];
      const bool one = asked.what == Ask::kTarget && asked.cpus.Count() == 1;
      if (one && kernel.AdmitHotplug(asked.cpus.First(), asked.target == kOnline) == kHotplugWait) {
        return;
      }
    }
    waiters_.erase(waiters_.begin());
    is_locked_ = true;
    if (first.task.valid()) {
      owner_ = first.task;
      kernel.Wake(first.task);
      return;
    }
    running_ = first.request;
    owner_ = controller_;
    const Task& task = kernel.task(controller_);
    const bool executes = task.on_cpu && task.state == TaskState::kRunning;
    if (executes) return;  // it looks by itself before it sleeps
    kernel.SetAffinity(controller_, CpuSet::Of(ControllerCpu(
                                        kernel, requests_[static_cast<std::size_t>(running_)])));
    kernel.Wake(controller_, WakeFlags::kFreeSwitch | WakeFlags::kNone);
    return;
  }
  if (!is_locked_ && waiters_.empty()) readers_.AdmitWaiting(kernel);
}

void Cpuhp::Release(Kernel& kernel) {
  is_locked_ = false;
  owner_ = TaskId();
  running_ = -1;
  Dispatch(kernel);
}

Next Cpuhp::ControllerStep(Kernel& kernel, Frame& frame) {
  if (frame.step == StepId(1)) {
    Release(kernel);
    frame.step = StepId(0);
  }
  if (running_ < 0) return Next::Block(StepId(0), TaskState::kInterruptible);
  const Asked& asked = requests_[static_cast<std::size_t>(running_)];
  const CpuId where = ControllerCpu(kernel, asked);
  if (where != frame.cpu && asked.what == Ask::kTarget) {
    // The next request has to be carried out elsewhere: it takes itself there.
    kernel.SetAffinity(frame.task, CpuSet::Of(where));
    Next point = Next::Run(StepId(0), kZeroCycles, RunMode::kUser);
    point.cond_resched = true;
    return point;
  }
  const int64_t args[1] = {running_};
  return Next::Call(StepId(1), self_, kRequestPath, args);
}

// One request: as many operations as it needs. r[1] counts them, r[2] is the first error.
Next Cpuhp::RequestStep(Kernel& kernel, Frame& frame) {
  const Asked& asked = requests_[static_cast<std::size_t>(frame.r[0])];
  if (frame.step == StepId(0)) frame.r[1] = -1;
  if (frame.step == StepId(1) && frame.result < 0) {
    frame.r[2] = frame.result;
    // Freezing stops at the first error, thawing goes on.
    if (asked.what == Ask::kFreeze) frame.r[1] = kernel.num_cpus();
  }
  return NextOfRequest(kernel, frame);
}

Next Cpuhp::NextOfRequest(Kernel& kernel, Frame& frame) {
  const Asked& asked = requests_[static_cast<std::size_t>(frame.r[0])];
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
