// A task's program: its next operation, and the way back from the kernel to it.
#include "sim/machine/machine.h"

namespace rqsim {

// The way back from the kernel to the program: preemption points, services, signals, c_sysret.
// Returns whether the program may go on.
bool Machine::LeaveKernel(CpuId c, Context& ctx) {
  CpuState& s = State(c);
  Level& level = Top(ctx);
  if (ctx.exit_phase == ExitPhase::kSyscallExit || ctx.exit_phase == ExitPhase::kLeaveKernel ||
      ctx.exit_phase == ExitPhase::kUserCode) {
    if (PreemptionPoint(c)) {
      s.mode = Mode::kPaused;
      resched_due_.Set(c);
      return false;
    }
    if (ctx.exit_phase == ExitPhase::kLeaveKernel) {
      ctx.exit_phase = ExitPhase::kNone;
      return true;
    }
    const bool is_syscall = ctx.exit_phase == ExitPhase::kSyscallExit;
    MutableTask(ctx.base.frame.task).in_syscall = is_syscall;
    const bool returns = !UserReturn(c, ctx);
    if (!returns) return false;
    MutableTask(ctx.base.frame.task).in_syscall = false;
    ctx.exit_phase = ExitPhase::kSysret;
    if (is_syscall && costs().c_sysret > kZeroCycles) {
      level.mode = RunMode::kKernel;
      level.resume = Resume::kSegment;
      level.remaining = costs().c_sysret;
      s.mode = Mode::kPaused;
      StartSegment(c);
      return false;
    }
  }
  ctx.exit_phase = ExitPhase::kNone;
  level.mode = RunMode::kUser;
  return true;
}

// Work of services before user code runs: the first path that one of them wants goes on top.
bool Machine::UserReturnHook(CpuId c, Context& ctx) {
  for (std::size_t service : user_return_services_) {
    const PathCall call = policies_.services[service]->UserReturnPath(*this, ctx.base.frame.task);
    Drain();
    if (!call.path.valid()) continue;
    PushHook(c, ctx, policies_.service_ids[service], call);
    State(c).mode = Mode::kRun;
    State(c).seg_start = now_;
    seg_end_due_.Set(c);
    return true;
  }
  return false;
}

// Work of services and signals before user code runs. Returns whether something was started (or the
// task died).
bool Machine::UserReturn(CpuId c, Context& ctx) {
  const TaskId id = ctx.base.frame.task;
  Task& task = MutableTask(id);
  if (UserReturnHook(c, ctx)) return true;
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
    // Repeated until none applies: its handler may be a service's.
    return UserReturnHook(c, ctx);
  }
  return false;
}

// Starts the program's next operation. Returns whether the task goes on at this instant.
bool Machine::NextOp(CpuId c, Context& ctx) {
  CpuState& s = State(c);
  if (ctx.op_pc >= 0) {
    // A `run` has come to its end.
    FinishOp(c, ctx, 0);
    return true;
  }
  if (ParksFirst(c, ctx)) return true;
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
    case Instr::Flow::kJumpIfErrno:
      ctx.pc = ctx.op_result < 0 ? instr.target : ctx.pc + 1;
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

// A program is aborted: the stretch of user code it is in, or the operation it performs, which may
// be at its end. On its way on it passes the kernel's exit, if it was interrupted.
void Machine::AbortProgramOf(TaskId task) {
  Context& ctx = contexts_[task.index()];
  if (ctx.abort_pc < 0) return;
  const Program& program = plan_.programs.programs[static_cast<std::size_t>(ctx.program)];
  if (ctx.op_pc < 0) {
    ctx.pc = ctx.abort_pc;
    return;
  }
  const Instr& instr = program.code[static_cast<std::size_t>(ctx.op_pc)];
  if (instr.kind != OpKind::kRun) {
    ctx.is_aborted = true;
    return;
  }
  Emit(actor_, OpEnd{kECANCELED, task, static_cast<int32_t>(instr.kind), instr.object, ctx.op_pc});
  ctx.op_pc = -1;
  ctx.pc = ctx.abort_pc;
  ctx.base.resume = Resume::kAdvance;
  ctx.base.remaining = kZeroCycles;
  ctx.exit_phase = ExitPhase::kUserCode;
  ctx.exit_level = -1;
}

// The operation is over; `result` is what it gave. Kernel code leaves through a preemption point.
void Machine::FinishOp(CpuId c, Context& ctx, int64_t result) {
  const TaskId id = ctx.base.frame.task;
  const Program& program = plan_.programs.programs[static_cast<std::size_t>(ctx.program)];
  const Instr& instr = program.code[static_cast<std::size_t>(ctx.op_pc)];
  Emit(c, OpEnd{result, id, static_cast<int32_t>(instr.kind), instr.object, ctx.op_pc});
  ctx.op_result = result;
  ctx.op_pc = -1;
  ctx.pc = ctx.is_aborted ? ctx.abort_pc : ctx.pc + 1;
  ctx.is_aborted = false;
  ctx.exit_level = -1;
  switch (instr.kind) {
    case OpKind::kRun:
      ctx.exit_phase = instr.mode == RunMode::kUser ? ExitPhase::kNone : ExitPhase::kLeaveKernel;
      break;
    case OpKind::kRuntime:
      ctx.exit_phase = ExitPhase::kNone;
      break;
    case OpKind::kPreemptOff:
    case OpKind::kIrqsOff:
    case OpKind::kMigrateDisable:
    case OpKind::kMigrateEnable:
    case OpKind::kLock:
    case OpKind::kUnlock:
    case OpKind::kTrylock:
      // MODEL-61: its end has been marked, and the preemption point comes after it.
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
