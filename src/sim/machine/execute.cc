// What the current task of a CPU does next. A task's stack is its program and, above it, frames of
// paths; every level remembers how far its present segment is, so that anything can be put on top
// at any time.
#include <algorithm>

#include "sim/machine/machine.h"

namespace rqsim {
namespace {

bool LetsSignalThrough(TaskState state, uint32_t pending) {
  if (state == TaskState::kInterruptible) return pending != 0;
  if (state == TaskState::kKillable)
    return (pending & (1u << static_cast<unsigned>(SignalKind::kKill))) != 0;
  return false;
}

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
  if (cpu.curr == kIdleTask && s.mode == Mode::kIdle) return cpu.need_resched;
  switch (CurrMode(c)) {
    case RunMode::kUser:
      return true;
    case RunMode::kKernel: {
      const Context& ctx = cpu.curr == kIdleTask ? s.idle : contexts_[cpu.curr.index()];
      if (ctx.exit_phase == ExitPhase::kSyscallExit) return true;
      return cpu.need_resched && facts_.preempt != PreemptMode::kNone;
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
  Context& ctx = Ctx(c);
  Level& level = Top(ctx);
  if (level.resume == Resume::kSegment) {
    const int capacity = cpu_store_[c.index()].capacity;
    const Cycles elapsed = now_ - s.seg_start;
    level.remaining -= capacity == 1024 ? elapsed : Cycles(elapsed.count() * capacity / 1024);
    if (level.remaining <= kZeroCycles) {
      level.remaining = kZeroCycles;
    }
  }
  s.seg_start = now_;
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
    s.mode = Mode::kIdle;
    Span(c, SegmentKind::kIdle, false);
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
      s.end_event = queue_.Push(now_ + CyclesForWork(level.remaining, cpu.capacity), Phase::kSegEnd,
                                c, Payload(Ev::kEnd, c.value()));
      break;
    case Resume::kForever:
      Span(c, kind, true);
      break;
    case Resume::kSpin:
      // Preempted or interrupted while spinning: it looks again, a poller at its next poll
      // (MODEL-54).
      Span(c, kind, true);
      spinning_.Set(c);
      Look(c);
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
    grace.open.Remove(c);
    if (grace.open.empty() && grace.earliest <= now_) {
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
    } else if (ctx.top >= 0) {
      Frame& frame = Top(ctx).frame;
      frame.cpu = c;
      Emit(c, StepBegin{frame.task, frame.policy.value(), frame.path.value(), frame.step.value()});
      const PolicyId policy = frame.policy;
      if (policy == PolicyId(0)) {
        next = MachineStep(c, frame);
      } else {
        next = policies_.rows[policy.index()].policy->Step(*this, frame);
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

// Does what a step answered. Returns whether the task goes on at this instant.
bool Machine::HandleNext(CpuId c, Context& ctx, const Next& next) {
  CpuState& s = State(c);
  Level& level = Top(ctx);
  Frame& frame = level.frame;
  switch (next.kind) {
    case Next::Kind::kRun: {
      frame.step = next.step;
      const RunMode before = level.mode;
      level.mode = next.mode;
      if (next.cycles <= kZeroCycles) {
        if (!next.cond_resched || !PreemptionPoint(c)) return true;
        s.mode = Mode::kPaused;
        resched_due_.Set(c);
        return false;
      }
      level.resume = Resume::kSegment;
      level.remaining = next.cycles;
      s.mode = Mode::kPaused;
      if (before != next.mode) SectionEnded(c);
      if (s.mode != Mode::kPaused) return false;
      if (PreemptionPoint(c)) {
        resched_due_.Set(c);
      } else {
        StartSegment(c);
      }
      return false;
    }
    case Next::Kind::kBlock:
      frame.step = next.step;
      frame.result = 0;
      ctx.block_pending = true;
      ctx.block_state = next.state;
      ctx.block_timeout = next.timeout;
      ctx.block_path_done = false;
      return DoBlock(c, ctx);
    case Next::Kind::kSpin:
      frame.step = next.step;
      StartSpin(c, ctx, next);
      return false;
    case Next::Kind::kSchedule:
      frame.step = next.step;
      frame.result = 0;
      PauseSegment(c);
      Schedule(c, false);
      return false;
    case Next::Kind::kCallCpu: {
      frame.step = next.step;
      if (!cpu_store_[next.cpu.index()].online) {
        frame.result = kENXIO;
        return true;
      }
      frame.result = 0;
      const int32_t index = NewCall(next.message, frame.task, c, next.cpu, next.wait);
      if (next.wait) {
        // Waits with preemption off; interrupts are taken meanwhile. The handler's end makes it
        // look.
        ctx.joins = 1;
        level.resume = Resume::kForever;
        level.mode = RunMode::kKernelNoPreempt;
      }
      AddCost(c, CostId::kIpiSend, costs().c_ipi_send);
      s.outbox.push_back({IpiKind::kCall, next.cpu, index});
      s.mode = Mode::kPaused;
      if (s.num_parts > 0) {
        BeginOverhead(c, After::kNothing);
        return false;
      }
      FlushOutbox(c);
      if (!next.wait) {
        s.mode = Mode::kRun;
        return true;
      }
      StartSegment(c);
      return false;
    }
    case Next::Kind::kSwitchTo:
      frame.step = next.step;
      frame.result = 0;
      ctx.block_state = next.state;
      MutableTask(frame.task).state = next.state;
      PauseSegment(c);
      SwitchDirect(c, next.task, next.cycles);
      return false;
    case Next::Kind::kCall:
      frame.step = next.step;
      PushFrame(c, ctx, next.policy, next.path, next.args, 6);
      return true;
    case Next::Kind::kGrace: {
      frame.step = next.step;
      frame.result = 0;
      Grace grace;
      grace.task = frame.task;
      grace.earliest = now_ + next.cycles;
      for (int i = 0; i < Kernel::num_cpus(); ++i) {
        const CpuId other(i);
        if (other == c || State(other).mode != Mode::kRun) continue;
        const RunMode mode = CurrMode(other);
        if (mode == RunMode::kKernelNoPreempt || mode == RunMode::kIrqsOff) grace.open.Add(other);
      }
      graces_.push_back(grace);
      ctx.block_pending = true;
      ctx.block_state = TaskState::kUninterruptible;
      ctx.block_timeout = kNever;
      MutableTask(frame.task).state = TaskState::kUninterruptible;
      queue_.Push(grace.earliest, Phase::kTimer, c, Payload(Ev::kGrace, frame.task.value()));
      return DoBlock(c, ctx);
    }
    case Next::Kind::kStop: {
      frame.step = next.step;
      frame.result = 0;
      ctx.joins = next.cpus->Count();
      MutableTask(frame.task).state = TaskState::kUninterruptible;
      for (CpuId cpu = next.cpus->First(); cpu.valid(); cpu = next.cpus->After(cpu)) {
        StopWork work;
        work.kind = StopWork::Kind::kPath;
        work.waiter = frame.task;
        work.policy = next.policy;
        work.path = next.path;
        QueueStopWork(cpu, work);
      }
      ctx.block_pending = true;
      ctx.block_state = TaskState::kUninterruptible;
      ctx.block_timeout = kNever;
      return DoBlock(c, ctx);
    }
    case Next::Kind::kReturn: {
      const bool was_hook = level.hook;
      const int32_t index = ctx.top;
      ctx.top = level.below;
      --ctx.depth;
      levels_[static_cast<std::size_t>(index)].below = free_level_;
      free_level_ = index;
      return AfterPathReturn(c, ctx, was_hook, next.result);
    }
    case Next::Kind::kDie:
      ExitTask(c, ctx);
      return false;
  }
  return true;
}

// A frame is gone. Its result goes to the frame below, or to the operation it carried out.
bool Machine::AfterPathReturn(CpuId c, Context& ctx, bool was_hook, int64_t result) {
  if (ctx.in_block_path && ctx.block_pending && was_hook) {
    ctx.in_block_path = false;
    ctx.block_path_done = true;
    return true;
  }
  if (was_hook) {
    // What it had interrupted goes on.
    State(c).mode = Mode::kPaused;
    ResumeCpu(c);
    return false;
  }
  if (ctx.top >= 0) {
    Top(ctx).frame.result = result;
  } else {
    FinishOp(c, ctx, result);
  }
  return true;
}

// ------------------------------------------------------------------------------------------
// blocking

// Goes to sleep as announced, unless a wake-up or signal came first. Returns whether the task goes
// on at once.
bool Machine::DoBlock(CpuId c, Context& ctx) {
  Task& task = MutableTask(ctx.base.frame.task);
  if (task.state != TaskState::kRunning) task.state = ctx.block_state;
  if (!block_path_services_.empty() && !ctx.in_block_path && task.state != TaskState::kRunning &&
      !ctx.block_path_done) {
    for (std::size_t service : block_path_services_) {
      const PathCall call = policies_.services[service]->BlockPath(*this, ctx.base.frame.task);
      Drain();
      if (!call.path.valid()) continue;
      ctx.in_block_path = true;
      PushHook(c, ctx, policies_.service_ids[service], call);
      return true;
    }
  }
  ctx.block_pending = false;
  ctx.block_path_done = false;
  ctx.timed_out = false;
  ctx.signalled = false;
  if (task.state != TaskState::kRunning && LetsSignalThrough(task.state, task.pending_signals)) {
    task.state = TaskState::kRunning;
    if (task.blocked_on.valid()) SetBlockedOnNow(ctx.base.frame.task, LockId());
    Top(ctx).frame.result = kEINTR;
  } else if (task.state != TaskState::kRunning && ctx.block_timeout != kNever) {
    if (ctx.block_timeout <= now_) {
      task.state = TaskState::kRunning;
      Top(ctx).frame.result = kETIMEDOUT;
    } else {
      ctx.sleep_timer = queue_.Push(ctx.block_timeout, Phase::kTimer, c,
                                    Payload(Ev::kSleep, ctx.base.frame.task.value()));
    }
  }
  PauseSegment(c);
  Schedule(c, false);
  return false;
}

void Machine::ExitTask(CpuId c, Context& ctx) {
  const TaskId id = ctx.base.frame.task;
  Task& task = MutableTask(id);
  NotifyTask(id, TaskChange::kExiting);
  while (ctx.top >= 0) {
    const int32_t index = ctx.top;
    ctx.top = levels_[static_cast<std::size_t>(index)].below;
    levels_[static_cast<std::size_t>(index)].below = free_level_;
    free_level_ = index;
    --ctx.depth;
  }
  if (ctx.op_pc >= 0) FinishOp(c, ctx, 0);
  Emit(c, SchedProcessExit{id, task.eff.prio});
  task.state = TaskState::kDead;
  ctx.exiting = true;
  if (!task.is_kthread) --live_user_tasks_;
  PauseSegment(c);
  Schedule(c, false);
  NotifyTask(id, TaskChange::kDead);
}

// ------------------------------------------------------------------------------------------
// spinning

void Machine::StartSpin(CpuId c, Context& ctx, const Next& next) {
  CpuState& s = State(c);
  Level& level = Top(ctx);
  level.mode = next.mode;
  level.resume = Resume::kSpin;
  level.spin = {next.watch, next.cycles, next.since, next.cond_resched};
  s.mode = Mode::kRun;
  s.seg_start = now_;
  Span(c, level.mode == RunMode::kUser ? SegmentKind::kUser : SegmentKind::kKernel, true);
  spinning_.Set(c);
  const Cpu& cpu = cpu_store_[c.index()];
  if (level.spin.watch.need_resched && cpu.need_resched) {
    Look(c);
  } else if (level.spin.watch.until != kNever) {
    const Time at = std::max(now_, level.spin.watch.until);
    s.end_event = queue_.Push(at, Phase::kSegEnd, c, Payload(Ev::kEnd, c.value()));
  }
  if (s.mode == Mode::kRun && PreemptionPoint(c)) resched_due_.Set(c);
}

// Something that the spinner of `c` watches has changed: it looks now, or at its next poll.
void Machine::Look(CpuId c) {
  CpuState& s = State(c);
  const SpinState& spin = SpinOf(c);
  if (spin.poll <= kZeroCycles) {
    seg_end_due_.Set(c);
    return;
  }
  const int64_t since = spin.since.cycles();
  const int64_t poll = spin.poll.count();
  const int64_t polls = (now_.cycles() - since + poll - 1) / poll;
  const Time at = Time(since + std::max<int64_t>(polls, 1) * poll);
  if (s.end_event != EventQueue::kNone) {
    if (queue_.TimeOf(s.end_event) <= at) return;
    queue_.Cancel(s.end_event);
    s.end_event = EventQueue::kNone;
  }
  if (at == now_) {
    seg_end_due_.Set(c);
    return;
  }
  s.end_event = queue_.Push(at, Phase::kSegEnd, c, Payload(Ev::kEnd, c.value()));
}

// A lock word, a word of user memory or a task's on_cpu or state changed.
void Machine::Watchers(LockId lock, WordId word, TaskId task) {
  if (spinning_.empty()) return;
  for (CpuId c = spinning_.First(); c.valid(); c = spinning_.After(c)) {
    const Watch& watch = SpinOf(c).watch;
    if ((lock.valid() && watch.lock == lock) || (word.valid() && watch.word == word) ||
        (task.valid() && watch.task == task)) {
      Look(c);
    }
  }
}

// ------------------------------------------------------------------------------------------
// programs

// The way back from the kernel to the program: preemption points, services, signals, c_sysret.
// Returns whether the program may go on.
bool Machine::LeaveKernel(CpuId c, Context& ctx) {
  CpuState& s = State(c);
  if (ctx.exit_phase == ExitPhase::kSyscallExit || ctx.exit_phase == ExitPhase::kLeaveKernel) {
    if (PreemptionPoint(c)) {
      s.mode = Mode::kPaused;
      resched_due_.Set(c);
      return false;
    }
    if (ctx.exit_phase == ExitPhase::kLeaveKernel) {
      ctx.exit_phase = ExitPhase::kNone;
      return true;
    }
    if (UserReturn(c, ctx)) return false;
    ctx.exit_phase = ExitPhase::kSysret;
    if (costs().c_sysret > kZeroCycles) {
      ctx.base.mode = RunMode::kKernel;
      ctx.base.resume = Resume::kSegment;
      ctx.base.remaining = costs().c_sysret;
      s.mode = Mode::kPaused;
      StartSegment(c);
      return false;
    }
  }
  ctx.exit_phase = ExitPhase::kNone;
  ctx.base.mode = RunMode::kUser;
  return true;
}

// Work of services and signals before user code runs. Returns whether something was started (or the
// task died).
bool Machine::UserReturn(CpuId c, Context& ctx) {
  const TaskId id = ctx.base.frame.task;
  Task& task = MutableTask(id);
  for (std::size_t service : user_return_services_) {
    const PathCall call = policies_.services[service]->UserReturnPath(*this, id);
    Drain();
    if (!call.path.valid()) continue;
    PushHook(c, ctx, policies_.service_ids[service], call);
    State(c).mode = Mode::kRun;
    State(c).seg_start = now_;
    seg_end_due_.Set(c);
    return true;
  }
  if (task.pending_signals != 0) {
    const bool kill =
        (task.pending_signals & (1u << static_cast<unsigned>(SignalKind::kKill))) != 0;
    task.pending_signals = 0;
    Emit(c, SignalDeliver{id, kill ? 9 : 10});
    if (kill) {
      ctx.exit_phase = ExitPhase::kNone;
      ExitTask(c, ctx);
      return true;
    }
  }
  return false;
}

// Starts the program's next operation. Returns whether the task goes on at this instant.
bool Machine::NextOp(CpuId c, Context& ctx) {
  CpuState& s = State(c);
  if (ctx.exit_phase != ExitPhase::kNone && !LeaveKernel(c, ctx)) return false;
  if (ctx.op_pc >= 0) {
    // A `run` has come to its end.
    FinishOp(c, ctx, 0);
    return true;
  }
  const TaskId id = ctx.base.frame.task;
  const Program* const program =
      ctx.program < 0 ? nullptr : &plan_.programs.programs[static_cast<std::size_t>(ctx.program)];
  if (program == nullptr || static_cast<std::size_t>(ctx.pc) == program->code.size()) {
    // The end of a program is an exit and pays c_exit.
    const int64_t args[1] = {static_cast<int64_t>(OpKind::kExit)};
    PushFrame(c, ctx, PolicyId(0), PathId(1 + static_cast<int32_t>(OpKind::kExit)), args, 1);
    return true;
  }
  const Instr& instr = program->code[static_cast<std::size_t>(ctx.pc)];
  const std::size_t counters = id.index() * static_cast<std::size_t>(plan_.programs.max_counters);
  switch (instr.flow) {
    case Instr::Flow::kLoopBegin:
      loop_counters_[counters + static_cast<std::size_t>(instr.counter)] = instr.value;
      ++ctx.pc;
      return true;
    case Instr::Flow::kLoopEnd: {
      int64_t& left = loop_counters_[counters + static_cast<std::size_t>(instr.counter)];
      if (left > 0) --left;
      ctx.pc = left == 0 ? ctx.pc + 1 : instr.target;
      return true;
    }
    case Instr::Flow::kJump:
      ctx.pc = instr.target;
      return true;
    case Instr::Flow::kJumpIfZero:
      ctx.pc = ctx.op_result == 0 ? instr.target : ctx.pc + 1;
      return true;
    case Instr::Flow::kOp:
      break;
  }
  ctx.op_pc = ctx.pc;
  Emit(c, OpBegin{id, static_cast<int32_t>(instr.kind), instr.object, ctx.pc});
  switch (instr.kind) {
    case OpKind::kRun:
    case OpKind::kPreemptOff:
    case OpKind::kIrqsOff: {
      ctx.base.mode = instr.kind == OpKind::kRun          ? instr.mode
                      : instr.kind == OpKind::kPreemptOff ? RunMode::kKernelNoPreempt
                                                          : RunMode::kIrqsOff;
      if (!instr.forever && instr.value == 0) return true;
      ctx.base.resume = instr.forever ? Resume::kForever : Resume::kSegment;
      ctx.base.remaining = Cycles(instr.value);
      s.mode = Mode::kPaused;
      if (PreemptionPoint(c)) {
        resched_due_.Set(c);
      } else {
        StartSegment(c);
      }
      return false;
    }
    case OpKind::kLock:
    case OpKind::kUnlock:
    case OpKind::kTrylock: {
      const PathId path = instr.kind == OpKind::kLock     ? kLockPath
                          : instr.kind == OpKind::kUnlock ? kUnlockPath
                                                          : kTrylockPath;
      const int64_t args[2] = {instr.object, static_cast<int64_t>(instr.lock_wait)};
      PushFrame(c, ctx, policies_.lock_id, path, args, 2);
      return true;
    }
    default: {
      const int64_t args[1] = {0};
      PushFrame(c, ctx, PolicyId(0), PathId(1 + static_cast<int32_t>(instr.kind)), args, 1);
      return true;
    }
  }
}

// The operation is over; `result` is what it gave. Kernel code leaves through a preemption point.
void Machine::FinishOp(CpuId c, Context& ctx, int64_t result) {
  const TaskId id = ctx.base.frame.task;
  const Program& program = plan_.programs.programs[static_cast<std::size_t>(ctx.program)];
  const Instr& instr = program.code[static_cast<std::size_t>(ctx.op_pc)];
  Emit(c, OpEnd{result, id, static_cast<int32_t>(instr.kind), instr.object, ctx.op_pc});
  ctx.op_result = result;
  ctx.op_pc = -1;
  ++ctx.pc;
  switch (instr.kind) {
    case OpKind::kRun:
      ctx.exit_phase = instr.mode == RunMode::kUser ? ExitPhase::kNone : ExitPhase::kLeaveKernel;
      break;
    case OpKind::kRuntime:
      ctx.exit_phase = ExitPhase::kNone;
      break;
    case OpKind::kPreemptOff:
    case OpKind::kIrqsOff:
    case OpKind::kLock:
    case OpKind::kUnlock:
    case OpKind::kTrylock:
      ctx.exit_phase = ExitPhase::kLeaveKernel;
      break;
    default: {
      const bool pays =
          instr.kind != OpKind::kService ||
          plan_.programs.service_ops[static_cast<std::size_t>(instr.operand)].pays_syscall;
      ctx.exit_phase = pays ? ExitPhase::kSyscallExit : ExitPhase::kLeaveKernel;
      break;
    }
  }
  ctx.base.mode = ctx.exit_phase == ExitPhase::kNone ? RunMode::kUser : RunMode::kKernel;
}

}  // namespace rqsim
