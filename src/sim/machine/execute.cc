// How the current task of a CPU executes: its segments, and the steps of its frames one after
// another. A task's stack is its program and, above it, frames of paths; every level remembers how
// far its present segment is, so that anything can be put on top at any time.
#include <new>
#include <type_traits>

#include "sim/machine/machine.h"

namespace rqsim {
namespace {

// Segments run in units of work; a slower CPU needs more cycles for them (machine.md 7.7).
Cycles CyclesForWork(Cycles work, int capacity) {
  if (capacity == 1024) return work;
  return Cycles((work.count() * 1024 + capacity - 1) / capacity);
}

}  // namespace

// ------------------------------------------------------------------------------------------ modes

RunMode Machine::CurrMode(CpuId c) const {
  const TaskId curr = cpu_store_[c.index()].curr;
  const Context& ctx = curr == kIdleTask ? cpu_states_[c.index()].idle : contexts_[curr.index()];
  const Level& level = ctx.top < 0 ? ctx.base : levels_[static_cast<std::size_t>(ctx.top)];
  return level.mode;
}

// Whether a pending request may be acted on here and now (classes.md 3.3).
bool Machine::PreemptionPoint(CpuId c) const {
  const Cpu& cpu = cpu_store_[c.index()];
  const CpuState& s = cpu_states_[c.index()];
  if (!cpu.need_resched && !cpu.need_resched_lazy) return false;
  if (s.mode == Mode::kOverhead) return false;
  if (cpu.curr == kIdleTask && s.mode == Mode::kIdle) {
    return cpu.need_resched && !s.waits_to_retry;
  }
  switch (CurrMode(c)) {
    case RunMode::kUser:
      return true;
    case RunMode::kKernel: {
      const Context& ctx = cpu.curr == kIdleTask ? s.idle : contexts_[cpu.curr.index()];
      if (ctx.exit_phase == ExitPhase::kSyscallExit && ctx.exit_level == ctx.top) return true;
      return cpu.need_resched &&
             (facts_.preempt == PreemptMode::kFull || facts_.preempt == PreemptMode::kLazy);
    }
    case RunMode::kKernelNoPreempt:
    case RunMode::kIrqsOff:
      return false;
  }
  return false;
}

// ------------------------------------------------------------------------------------------
// segments

// Stops the segment clock of `c`; what is left of the segment stays with its level.
void Machine::PauseSegment(CpuId c) {
  CpuState& s = State(c);
  if (s.mode != Mode::kRun) return;
  if (s.end_event != EventQueue::kNone) {
    queue_.Cancel(s.end_event);
    s.end_event = EventQueue::kNone;
  }
  seg_end_due_.Clear(c);
  spinning_.Clear(c);
  WorkOff(c);
}

// Takes what has been worked since the segment was started or went on from what is left of it.
void Machine::WorkOff(CpuId c) {
  CpuState& s = State(c);
  Level& level = Top(Ctx(c));
  if (level.resume == Resume::kSegment) {
    const int capacity = cpu_store_[c.index()].capacity;
    const Cycles elapsed = now_ - s.seg_start;
    level.remaining -= capacity == 1024 ? elapsed : Cycles(elapsed.count() * capacity / 1024);
    if (level.remaining <= kZeroCycles) {
      level.remaining = kZeroCycles;
    }
  } else if (level.resume == Resume::kSpin && level.spin.poll > kZeroCycles) {
    level.spin.into = Cycles((now_ - level.spin.since).count() % level.spin.poll.count());
  }
  s.seg_start = now_;
}

void Machine::PushSegmentEnd(CpuId c, Time start, Cycles work) {
  State(c).end_event = queue_.Push(start + CyclesForWork(work, cpu_store_[c.index()].capacity),
                                   order_.seg_end, c, Payload(Ev::kEnd, c.value()));
}

// Lets the CPU go on: what waited for the end of an overhead first, then a pending request, then
// the hooks of the last switch, then curr.
void Machine::ResumeCpu(CpuId c) {
  CpuState& s = State(c);
  while (!s.irqs.empty() && s.mode != Mode::kOverhead) {
    const uint32_t payload = s.irqs.front();
    s.irqs.erase(s.irqs.begin());
    s.mode = Mode::kPaused;
    HandleInterrupt(c, payload);
    if (s.num_parts > 0) {
      BeginOverhead(c, After::kNothing);
      return;
    }
    if (s.mode == Mode::kOverhead) return;
  }
  Cpu& cpu = MutableCpu(c);
  Context& ctx = Ctx(c);
  if (s.has_pending_next) {
    // The rest of a step whose wake-ups have now been paid for.
    s.mode = Mode::kRun;
    s.seg_start = now_;
    Advance(c);
    return;
  }
  s.mode = cpu.curr == kIdleTask && ctx.top < 0 ? Mode::kIdle : Mode::kPaused;
  if (PreemptionPoint(c)) {
    resched_due_.Set(c);
    return;
  }
  if (s.hooks_due && RunsHookPaths(c, ctx)) return;
  StartSegment(c);
}

// Paths that services want at the end of a switch go on top of the new task's stack.
bool Machine::RunsHookPaths(CpuId c, Context& ctx) {
  CpuState& s = State(c);
  s.hooks_due = false;
  const TaskId next = cpu_store_[c.index()].curr;
  bool any = false;
  // Pushed in reverse, so that the first service's path runs first.
  for (std::size_t i = switched_services_.size(); i-- > 0;) {
    const std::size_t service = switched_services_[i];
    const PathCall call =
        policies_.services[service]->SwitchedPath(*this, c, s.switched_from, next);
    Drain();
    if (!call.path.valid()) continue;
    PushHook(c, ctx, policies_.service_ids[service], call);
    any = true;
  }
  if (!any) return false;
  s.mode = Mode::kRun;
  s.seg_start = now_;
  seg_end_due_.Set(c);
  return true;
}

void Machine::StartSegment(CpuId c) {
  CpuState& s = State(c);
  Cpu& cpu = MutableCpu(c);
  Context& ctx = Ctx(c);
  if (cpu.curr == kIdleTask && ctx.top < 0) {
    EnterIdle(c);
    Span(c, cpu.online ? SegmentKind::kIdle : SegmentKind::kOffline, false);
    return;
  }
  Level& level = Top(ctx);
  if (cpu.curr != kIdleTask && level.mode == RunMode::kUser && level.resume != Resume::kAdvance &&
      (!user_return_services_.empty() || task_store_[cpu.curr.index()].pending_signals != 0)) {
    // An interrupted stretch of user code: back to it through the kernel's exit.
    if (ctx.exit_phase == ExitPhase::kNone && UserReturn(c, ctx)) return;
  }
  if (cpu.curr != kIdleTask && ctx.ran_on != c) {
    if (ctx.ran_on.valid()) {
      const Cpu& old = cpu_store_[ctx.ran_on.index()];
      ctx.migrate_work = old.core == cpu.core   ? costs().c_migrate_smt
                         : old.llc == cpu.llc   ? costs().c_migrate_llc
                         : old.node == cpu.node ? costs().c_migrate_node
                                                : costs().c_migrate_remote;
    }
    ctx.ran_on = c;
  }
  if (ctx.migrate_work > kZeroCycles && level.resume == Resume::kSegment) {
    level.remaining += ctx.migrate_work;
    ctx.migrate_work = kZeroCycles;
  }
  s.mode = Mode::kRun;
  s.seg_start = now_;
  const SegmentKind kind = level.mode == RunMode::kUser ? SegmentKind::kUser : SegmentKind::kKernel;
  switch (level.resume) {
    case Resume::kAdvance:
      seg_end_due_.Set(c);
      break;
    case Resume::kSegment:
      if (level.remaining == kZeroCycles) {
        seg_end_due_.Set(c);
        break;
      }
      Span(c, kind, true);
      PushSegmentEnd(c, now_, level.remaining);
      break;
    case Resume::kForever:
      Span(c, kind, true);
      break;
    case Resume::kSpin:
      Span(c, kind, true);
      GoOnSpinning(c);
      break;
  }
}

void Machine::SegmentEnd(CpuId c) {
  CpuState& s = State(c);
  if (s.mode != Mode::kRun) return;  // something of this instant took the CPU away
  actor_is_task_ = true;
  Context& ctx = Ctx(c);
  Level& level = Top(ctx);
  spinning_.Clear(c);
  if (s.end_event != EventQueue::kNone) {
    queue_.Cancel(s.end_event);
    s.end_event = EventQueue::kNone;
  }
  const RunMode ended_mode = level.mode;
  if (level.resume == Resume::kSpin && level.spin.yields && cpu_store_[c.index()].need_resched) {
    level.spin.looks_at_once = true;
    Schedule(c, true);  // cond_resched() before it looks; it looks when it runs again
    return;
  }
  level.resume = Resume::kAdvance;
  level.remaining = kZeroCycles;
  s.seg_start = now_;
  Advance(c);
  if (ended_mode == RunMode::kKernelNoPreempt || ended_mode == RunMode::kIrqsOff) SectionEnded(c);
}

// A stretch with preemption off may have ended: grace periods look, held interrupts are taken.
void Machine::SectionEnded(CpuId c) {
  CpuState& s = State(c);
  const bool running = s.mode == Mode::kRun || s.mode == Mode::kPaused;
  if (running) {
    const RunMode mode = CurrMode(c);
    if (mode == RunMode::kIrqsOff) return;
    if (!s.irqs.empty()) {
      PauseSegment(c);
      ResumeCpu(c);
      return;
    }
    if (mode == RunMode::kKernelNoPreempt) return;
  }
  for (std::size_t i = 0; i < graces_.size();) {
    Grace& grace = graces_[i];
    // One that waits for its time only is the timer's, also at the instant at which that comes.
    const bool waits_for_it = grace.open.Contains(c);
    grace.open.Remove(c);
    if (waits_for_it && grace.open.empty() && grace.earliest <= now_) {
      const TaskId waiter = grace.task;
      graces_.erase(graces_.begin() + static_cast<std::ptrdiff_t>(i));
      WakeTask(waiter, WakeFlags::kNone);
    } else {
      ++i;
    }
  }
}

// ------------------------------------------------------------------------------------------ frames

void Machine::PushFrame(CpuId c, Context& ctx, PolicyId policy, PathId path, const int64_t* args,
                        int num_args) {
  if (ctx.depth == kMaxFrames) {
    PolicyBroke(policy, ViolationCode::kTooManyFrames, ctx.base.frame.task, path.value());
    return;
  }
  int32_t index = free_level_;
  if (index >= 0) {
    free_level_ = levels_[static_cast<std::size_t>(index)].below;
  } else {
    index = static_cast<int32_t>(levels_.size());
    levels_.emplace_back();
  }
  Level& level = levels_[static_cast<std::size_t>(index)];
  level = Level();
  level.frame.policy = policy;
  level.frame.path = path;
  level.frame.step = StepId(0);
  level.frame.task = ctx.base.frame.task;
  level.frame.cpu = c;
  for (int i = 0; i < num_args; ++i) level.frame.r[i] = args[i];
  level.mode = RunMode::kKernel;
  level.below = ctx.top;
  ctx.top = index;
  ++ctx.depth;
}

// A path that a service's hook asked for.
void Machine::PushHook(CpuId c, Context& ctx, PolicyId policy, const PathCall& call) {
  PushFrame(c, ctx, policy, call.path, call.args, 4);
  if (ctx.top >= 0) Top(ctx).hook = true;
}

// The task goes on by itself, in zero time, until it needs time, blocks, exits or reaches a
// preemption point with a request pending.
void Machine::Advance(CpuId c) {
  CpuState& s = State(c);
  actor_ = c;
  actor_is_task_ = true;
  for (;;) {
    if (stop_requested_ || ended_) return;
    Context& ctx = Ctx(c);
    Next& next = next_;
    if (s.has_pending_next) {
      next = s.pending_next;
      s.has_pending_next = false;
    } else if (ctx.block_pending && ctx.block_path_done) {
      if (!DoBlock(c, ctx)) return;
      continue;
    } else if (ctx.exit_phase != ExitPhase::kNone && ctx.exit_level == ctx.top) {
      if (!LeaveKernel(c, ctx)) return;
      continue;
    } else if (ctx.top >= 0) {
      Frame& frame = Top(ctx).frame;
      frame.cpu = c;
      if (has_holds_ && HoldsStep(c, ctx)) return;
      Emit(c, StepBegin{frame.task, frame.policy.value(), frame.path.value(), frame.step.value()});
      const PolicyId policy = frame.policy;
      // In place: an answer is large, and what has just been written is slow to copy.
      static_assert(std::is_trivially_destructible_v<Next>);
      if (policy == PolicyId(0)) {
        new (&next) Next(MachineStep(c, frame));
      } else {
        new (&next) Next(policies_.rows[policy.index()].policy->Step(*this, frame));
      }
      const bool blocks = next.kind == Next::Kind::kBlock;
      // A wake-up that falls into the cost of this step's own requests must find the sleep
      // announced.
      if (blocks && frame.task != kIdleTask) MutableTask(frame.task).state = next.state;
      Drain();
      if (s.num_parts > 0) {
        s.pending_next = next;
        s.has_pending_next = true;
        PauseSegment(c);
        BeginOverhead(c, After::kNothing);
        return;
      }
      // Paid for: it leaves now, whatever the task does next at this instant.
      if (!s.outbox.empty()) FlushOutbox(c);
    } else {
      if (!NextOp(c, ctx)) return;
      continue;
    }
    if (!HandleNext(c, ctx, next)) return;
  }
}

}  // namespace rqsim
