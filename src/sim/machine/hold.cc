// Window faults (proxy-exec.md 9): points of otherwise atomic paths at which a CPU or a task stands
// still for a while.
//
// The wake-up path and a park activation are held on the CPU that executes them, with interrupts
// off: the hold is the first part of its overhead, and the rest of the path, with every request
// that stands behind it, comes at its end. schedule() is held the same way and goes on in
// PickDonor. A step of a path is held as a stretch of its task, in the mode in which the path is:
// with preemption off in most of lock() and unlock(), preemptible at W7. A wake-up from outside the
// machine has no CPU; it is only late (MODEL-120).
#include "sim/machine/machine.h"

namespace rqsim {

// How long whoever has come to `window` on behalf of `task` is held; 0: not at all.
Cycles Machine::ReachedHold(Window window, TaskId task) {
  Cycles length;
  for (HoldPlan& plan : plan_.holds) {
    if (plan.window != window || (plan.task.valid() && plan.task != task)) continue;
    if (++plan.reached != plan.nth) continue;
    length += plan.until == kNever ? plan.length
              : plan.until > now_  ? plan.until - now_
                                   : kZeroCycles;
  }
  return length;
}

bool Machine::ReachWindow(Window window, TaskId task) {
  hold_length_ = ReachedHold(window, task);
  if (hold_length_ == kZeroCycles) return false;
  Emit(actor_, WindowHold{task, static_cast<int32_t>(window), 1});
  return true;
}

// Puts `held` off if `window` holds whoever does it. Returns whether it does.
bool Machine::HoldWork(Window window, const Held& held) {
  if (!ReachWindow(window, held.task)) return false;
  Held work = held;
  work.by_task = actor_is_task_;
  ++num_held_;
  if (actor_.valid()) {
    State(actor_).held.push_back(work);
    HoldCpu(actor_, hold_length_);
    return true;
  }
  const auto index = static_cast<int32_t>(outside_held_.size());
  outside_held_.push_back({work});
  queue_.Push(now_ + hold_length_, Phase::kExt, CpuId(0), Payload(Ev::kHeld, index));
  return true;
}

// The CPU stands still with interrupts off before it pays for anything else.
void Machine::HoldCpu(CpuId c, Cycles length) {
  CpuState& s = State(c);
  if (s.hold_pending) {
    s.parts[0].length += length;
    return;
  }
  RQSIM_CHECK(s.num_parts < kMaxOverheadParts);
  for (int i = s.num_parts++; i > 0; --i) {
    s.parts[static_cast<std::size_t>(i)] = s.parts[static_cast<std::size_t>(i - 1)];
  }
  s.parts[0] = {CostId::kHold, length};
  s.hold_pending = true;
}

// The hold is over: what it held goes on, then come the costs.
void Machine::EndHold(CpuId c) {
  CpuState& s = State(c);
  BookOverhead(c, now_);
  s.hold_pending = false;
  --s.num_parts;
  for (int i = 0; i < s.num_parts; ++i) {
    s.parts[static_cast<std::size_t>(i)] = s.parts[static_cast<std::size_t>(i + 1)];
  }
  actor_ = c;
  if (s.after == After::kPick) {
    Charge(c);
    s.after = After::kNothing;
    s.mode = Mode::kPaused;
    Emit(c, WindowHold{cpu_store_[c.index()].donor, 0, 0});
    // What W4 held arrives before this CPU looks again.
    DeliverArrivals(c);
    PickDonor(c);
    return;
  }
  std::vector<Held> work;
  work.swap(s.held);
  GoOn(c, work);
  BeginOverhead(c, s.after);
}

// Does what was held, in order; what a further window holds keeps the rest behind it.
void Machine::GoOn(CpuId c, std::vector<Held>& work) {
  num_held_ -= static_cast<int32_t>(work.size());
  for (std::size_t i = 0; i < work.size(); ++i) {
    if (c.valid() && !State(c).held.empty()) {
      State(c).held.push_back(work[i]);
      ++num_held_;
      continue;
    }
    actor_is_task_ = work[i].by_task;
    GoOnWith(work[i]);
  }
}

void Machine::GoOnWith(const Held& held) {
  const auto let_go = [&](Window window) {
    Emit(actor_, WindowHold{held.task, static_cast<int32_t>(window), 0});
  };
  switch (held.kind) {
    case Held::Kind::kPlace: {
      let_go(Window::kW1);
      const Task& t = task_store_[held.task.index()];
      if (!t.on_cpu) {
        PlaceAndEnqueue(held.task, held.flags, held.waker, false);
      } else {
        State(t.cpu).deferred = {held.task, held.flags, held.waker};
      }
      return;
    }
    case Held::Kind::kEnqueue:
      let_go(Window::kW2);
      EnqueueWoken(held.cpu, held.task, held.flags, held.waker, false);
      EmitTtwu(held.task, held.waker, held.before, held.flags);
      return;
    case Held::Kind::kActivate:
      let_go(Window::kW5);
      ActivateParked(held.task, held.owner, held.cpu);
      return;
    case Held::Kind::kRequest: {
      Request request = held.request;
      Carry(request);
      Drain();
      return;
    }
  }
}

// W5 is over: the parked task is queued where its owner is, unless it has been woken meanwhile; it
// may sleep again by then, somewhere else.
void Machine::ActivateParked(TaskId task, TaskId owner, CpuId cpu) {
  Task& t = MutableTask(task);
  if (t.on_rq || t.state == TaskState::kRunning || t.state == TaskState::kWaking ||
      t.state == TaskState::kDead) {
    return;
  }
  const bool was_woken = !owner.valid() || t.parked_on != owner;
  if (was_woken && !plan_.faults.park_no_oncpu_check) return;
  Emit(actor_, ProxyPark{task, owner, 0});
  t.parked_on = TaskId();
  t.is_blocked = true;
  EnqueueTask(cpu, task, QueueReason::kRestore);
  WakeupPreempt(cpu, task, WakeFlags::kNone);
  if (lock_hook_enqueued_) {
    policies_.lock->Enqueued(*this, task, cpu);
    Drain();
  }
}

// Whether the task of `ctx` is held before the next step of its top frame. Held until an instant,
// it spins; for a length, it works that long.
bool Machine::HoldsStep(CpuId c, Context& ctx) {
  Level& level = Top(ctx);
  const Frame& frame = level.frame;
  if (level.held) {
    if (level.held_until == kNever || level.held_until <= now_) {
      level.held = false;
      Emit(c, WindowHold{frame.task, 0, 0});
      return false;
    }
  } else {
    for (HoldPlan& plan : plan_.holds) {
      if (plan.window != Window{} || plan.policy != frame.policy || plan.path != frame.path ||
          plan.step != frame.step || (plan.task.valid() && plan.task != frame.task)) {
        continue;
      }
      if (++plan.reached != plan.nth || (plan.until != kNever && plan.until <= now_)) continue;
      if (plan.until == kNever && plan.length == kZeroCycles) continue;
      level.held = true;
      level.held_until = plan.until;
      level.remaining = plan.length;
      break;
    }
    if (!level.held) return false;
    Emit(c, WindowHold{frame.task, 0, 1});
  }
  State(c).mode = Mode::kPaused;
  if (level.held_until != kNever) {
    Watch watch;
    watch.need_resched = false;
    watch.until = level.held_until;
    Next spin = Next::Spin(frame.step, watch, kZeroCycles, now_);
    spin.mode = level.mode;
    StartSpin(c, ctx, spin);
    return true;
  }
  level.resume = Resume::kSegment;
  if (PreemptionPoint(c)) {
    resched_due_.Set(c);
  } else {
    StartSegment(c);
  }
  return true;
}

}  // namespace rqsim
