// What becomes of a step's answer: running, sleeping, spinning, calling, returning, dying.
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

}  // namespace

// Does what a step answered. Returns whether the task goes on at this instant.
bool Machine::HandleNext(CpuId c, Context& ctx, const Next& next) {
  Level& level = Top(ctx);
  Frame& frame = level.frame;
  switch (next.kind) {
    case Next::Kind::kRun:
      frame.step = next.step;
      return StartRun(c, level, next);
    case Next::Kind::kBlock:
      frame.step = next.step;
      frame.result = 0;
      ctx.block_pending = true;
      ctx.block_state = next.state;
      ctx.block_timeout = next.timeout;
      ctx.block_length = next.cycles;
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
    case Next::Kind::kCallCpu:
      frame.step = next.step;
      return StartCall(c, level, next);
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
    case Next::Kind::kGrace:
      frame.step = next.step;
      frame.result = 0;
      StartGrace(c, frame.task, next.cycles);
      return Sleep(c, ctx);
    case Next::Kind::kStop:
      frame.step = next.step;
      frame.result = 0;
      StartStop(ctx, next);
      // What costs nothing to send leaves before the switch.
      if (State(c).num_parts == 0 && !State(c).outbox.empty()) FlushOutbox(c);
      return Sleep(c, ctx);
    case Next::Kind::kToUser:
      frame.step = next.step;
      ctx.exit_phase = ExitPhase::kSyscallExit;
      ctx.exit_level = ctx.top;
      level.mode = RunMode::kKernel;
      return true;
    case Next::Kind::kReturn: {
      const bool was_hook = level.hook;
      PopFrame(ctx);
      return AfterPathReturn(c, ctx, was_hook, next.result);
    }
    case Next::Kind::kDie:
      ExitTask(c, ctx);
      return false;
  }
  return true;
}

// Spends cycles; none is a preemption point at most.
bool Machine::StartRun(CpuId c, Level& level, const Next& next) {
  CpuState& s = State(c);
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

// A function-call IPI. A sender that waits spins with preemption off; interrupts are taken
// meanwhile, and the handler's end makes it look.
bool Machine::StartCall(CpuId c, Level& level, const Next& next) {
  CpuState& s = State(c);
  if (!cpu_store_[next.cpu.index()].online) {
    level.frame.result = kENXIO;
    return true;
  }
  level.frame.result = 0;
  Emit(c, IpiSendCpu{next.cpu, IpiReason::kCall});
  const int32_t index = NewCall(next.message, level.frame.task, c, next.cpu, next.wait);
  if (next.wait) {
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

// A grace period ends when it has lasted long enough and every section with preemption off that is
// open now has ended.
void Machine::StartGrace(CpuId c, TaskId waiter, Cycles at_least) {
  Grace grace;
  grace.task = waiter;
  grace.earliest = now_ + at_least;
  for (int i = 0; i < Kernel::num_cpus(); ++i) {
    const CpuId other(i);
    const CpuState& s = State(other);
    // Also one that an interrupt holds up in the middle of its section.
    const bool runs = s.mode == Mode::kRun ||
                      (s.mode == Mode::kOverhead && s.after == After::kNothing && !s.in_schedule);
    if (other == c || !runs) continue;
    const RunMode mode = CurrMode(other);
    if (mode == RunMode::kKernelNoPreempt || mode == RunMode::kIrqsOff) grace.open.Add(other);
  }
  graces_.push_back(grace);
  queue_.Push(grace.earliest, Phase::kTimer, c, Payload(Ev::kGrace, waiter.value()));
}

// Every CPU's stop task runs the path; the last one to end wakes the caller.
void Machine::StartStop(Context& ctx, const Next& next) {
  const TaskId caller = ctx.base.frame.task;
  ctx.joins = next.cpus->Count();
  for (CpuId cpu = next.cpus->First(); cpu.valid(); cpu = next.cpus->After(cpu)) {
    StopWork work;
    work.kind = StopWork::Kind::kPath;
    work.waiter = caller;
    work.policy = next.policy;
    work.path = next.path;
    QueueStopWork(cpu, work);
  }
}

// Waits, uninterruptible, for what has just been started.
bool Machine::Sleep(CpuId c, Context& ctx) {
  MutableTask(ctx.base.frame.task).state = TaskState::kUninterruptible;
  ctx.block_pending = true;
  ctx.block_path_done = false;
  ctx.block_state = TaskState::kUninterruptible;
  ctx.block_timeout = kNever;
  ctx.block_length = kZeroCycles;
  return DoBlock(c, ctx);
}

void Machine::PopFrame(Context& ctx) {
  const int32_t index = ctx.top;
  Level& level = levels_[static_cast<std::size_t>(index)];
  ctx.top = level.below;
  --ctx.depth;
  level.below = free_level_;
  free_level_ = index;
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
  if (ctx.block_length > kZeroCycles) ctx.block_timeout = now_ + ctx.block_length;
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
  if (ctx.switch_to.valid() && SwitchesDirectly(c, ctx)) return false;
  Schedule(c, false);
  return false;
}

// Hands the CPU of a task that goes to sleep to the one it named, if that is still possible; else
// wakes that one (Kernel::SwitchAtSleep).
bool Machine::SwitchesDirectly(CpuId c, Context& ctx) {
  const TaskId to = ctx.switch_to;
  ctx.switch_to = TaskId();
  const Task& target = task_store_[to.index()];
  const bool asleep =
      !target.on_rq && !target.on_cpu && !target.migrating &&
      (target.state == TaskState::kInterruptible || target.state == TaskState::kUninterruptible ||
       target.state == TaskState::kKillable);
  bool possible = asleep && target.cpus_allowed.Contains(c) &&
                  task_store_[ctx.base.frame.task.index()].state != TaskState::kRunning;
  const Cpu& cpu = cpu_store_[c.index()];
  const std::size_t own = task_store_[ctx.base.frame.task.index()].sched_class;
  for (std::size_t k = 0; k < target.sched_class; ++k) {
    possible = possible && cpu.nr_queued[k] == (k == own ? 1 : 0);
  }
  if (possible) {
    SwitchDirect(c, to, ctx.switch_cost);
    return true;
  }
  actor_is_task_ = false;
  WakeTask(to, WakeFlags::kCurrentCpu);
  actor_is_task_ = true;
  return false;
}

void Machine::ExitTask(CpuId c, Context& ctx) {
  const TaskId id = ctx.base.frame.task;
  Task& task = MutableTask(id);
  NotifyTask(id, TaskChange::kExiting);
  while (ctx.top >= 0) PopFrame(ctx);
  if (ctx.op_pc >= 0) FinishOp(c, ctx, 0);
  Emit(c, SchedProcessExit{id, task.eff.prio});
  task.state = TaskState::kDead;
  if (task.migration_disabled > 0) --MutableCpu(c).nr_pinned;
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
  level.spin = {next.watch, next.cycles, next.since, next.cond_resched, kZeroCycles, false};
  s.mode = Mode::kRun;
  s.seg_start = now_;
  Span(c, level.mode == RunMode::kUser ? SegmentKind::kUser : SegmentKind::kKernel, true);
  spinning_.Set(c);
  const Cpu& cpu = cpu_store_[c.index()];
  if (level.spin.watch.need_resched && cpu.need_resched) {
    Look(c);
  } else if (level.spin.watch.until != kNever) {
    const Time at = NextPoll(c, level.spin, std::max(now_, level.spin.watch.until));
    s.end_event = queue_.Push(at, order_.seg_end, c, Payload(Ev::kEnd, c.value()));
  }
  if (s.mode == Mode::kRun && PreemptionPoint(c)) resched_due_.Set(c);
}

// The first look of a spinner at or after `from`. One that polls reads what it watches at the end
// of a poll: what changes then, but after it in the order of the instant, it sees a poll later.
Time Machine::NextPoll(CpuId c, const SpinState& spin, Time from) const {
  if (spin.poll <= kZeroCycles) return from;
  const int64_t since = spin.since.cycles();
  const int64_t poll = spin.poll.count();
  const int64_t polls = (from.cycles() - since + poll - 1) / poll;
  const Time at = Time(since + std::max<int64_t>(polls, 1) * poll);
  if (at == now_ && passed_ > PassKey(order_.seg_end, c)) return at + spin.poll;
  return at;
}

// Something that the spinner of `c` watches has changed: it looks now, or at its next poll.
void Machine::Look(CpuId c) {
  CpuState& s = State(c);
  const SpinState& spin = SpinOf(c);
  if (spin.poll <= kZeroCycles) {
    seg_end_due_.Set(c);
    return;
  }
  const Time at = NextPoll(c, spin, now_);
  if (s.end_event != EventQueue::kNone) {
    if (queue_.TimeOf(s.end_event) <= at) return;
    queue_.Cancel(s.end_event);
    s.end_event = EventQueue::kNone;
  }
  if (at == now_) {
    seg_end_due_.Set(c);
    return;
  }
  s.end_event = queue_.Push(at, order_.seg_end, c, Payload(Ev::kEnd, c.value()));
}

// A spinner that was interrupted or preempted goes on. It looks, as what it watches may have
// changed: at once if it had given way at a poll, else at the end of the poll it was in (MODEL-54).
void Machine::GoOnSpinning(CpuId c) {
  SpinState& spin = Top(Ctx(c)).spin;
  spinning_.Set(c);
  if (spin.looks_at_once) {
    spin.looks_at_once = false;
    seg_end_due_.Set(c);
    return;
  }
  if (spin.poll > kZeroCycles) spin.since = now_ - spin.into;
  Look(c);
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

}  // namespace rqsim
