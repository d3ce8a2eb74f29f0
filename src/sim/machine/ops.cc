// The operations of task programs, as paths of the machine (policy 0): step 0 spends the cost of
// the system call, step 1 is the effect, the others go on after a wait. Also the stop task's main
// loop.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "rqsim/ops.h"
#include "sim/machine/machine.h"

namespace rqsim {
namespace {

constexpr StepId kEntry{0};
constexpr StepId kEffect{1};
constexpr StepId kResumed{2};
constexpr StepId kRelock{3};
constexpr StepId kRelocked{4};

constexpr std::array<StepInfo, 5> kOpSteps{
    {{"entry"}, {"effect"}, {"resumed"}, {"relock"}, {"relocked"}}};
constexpr std::array<StepInfo, 3> kStopperSteps{{{"next"}, {"move"}, {"called"}}};

// Path 0 is the stop task's; the path of an operation is 1 + its OpKind.
// The last one parks (park.cc).
constexpr std::array<PathInfo, 1 + static_cast<std::size_t>(OpKind::kService) + 2> kPaths{{
    {"stopper", kStopperSteps},
    {"run", kOpSteps},
    {"runtime", kOpSteps},
    {"sleep", kOpSteps},
    {"timer", kOpSteps},
    {"lock", kOpSteps},
    {"unlock", kOpSteps},
    {"trylock", kOpSteps},
    {"wait", kOpSteps},
    {"signal", kOpSteps},
    {"broad", kOpSteps},
    {"sync", kOpSteps},
    {"barrier", kOpSteps},
    {"suspend", kOpSteps},
    {"resume", kOpSteps},
    {"sem_post", kOpSteps},
    {"sem_wait", kOpSteps},
    {"yield", kOpSteps},
    {"block", kOpSteps},
    {"wake", kOpSteps},
    {"set_sched", kOpSteps},
    {"set_affinity", kOpSteps},
    {"fork", kOpSteps},
    {"exec", kOpSteps},
    {"exit", kOpSteps},
    {"kill", kOpSteps},
    {"preempt_off", kOpSteps},
    {"irqs_off", kOpSteps},
    {"migrate_disable", kOpSteps},
    {"migrate_enable", kOpSteps},
    {"loop", kOpSteps},
    {"service", kOpSteps},
    {"park", kOpSteps},
}};

constexpr PolicyInfo MakeInfo() {
  PolicyInfo info;
  info.name = "machine";
  info.seam = Seam::kKernelService;
  info.summary = "operations of task programs and the stop task";
  info.paths = kPaths;
  return info;
}
constexpr PolicyInfo kInfo = MakeInfo();

}  // namespace

const PolicyInfo& MachinePolicyInfo() { return kInfo; }

Next Machine::MachineStep(CpuId c, Frame& frame) {
  if (frame.path == PathId(0)) return StopperStep(c, frame);
  return frame.path == ParkCall().path ? ParkStep(frame) : OpStep(c, frame);
}

Next Machine::OpStep(CpuId c, Frame& frame) {
  const Context& ctx = contexts_[frame.task.index()];
  const auto kind = static_cast<OpKind>(frame.path.value() - 1);
  if (kind == OpKind::kExit) {
    if (frame.step == kEffect) return Next::Die();
    return Next::Run(kEffect, costs().c_exit.value_or(costs().c_syscall), RunMode::kKernel);
  }
  const Instr& instr = plan_.programs.programs[static_cast<std::size_t>(ctx.program)]
                           .code[static_cast<std::size_t>(ctx.op_pc)];
  if (kind == OpKind::kRuntime) {
    // Until so much time has passed, whoever had the CPU meanwhile.
    if (frame.step == kEntry) {
      frame.r[0] = now_.cycles() + instr.value;
      frame.step = kEffect;
    }
    if (now_.cycles() >= frame.r[0]) return Next::Return(0);
    Watch watch;
    watch.need_resched = false;
    watch.until = Time(frame.r[0]);
    Next spin = Next::Spin(kEffect, watch, kZeroCycles, now_);
    spin.mode = RunMode::kUser;
    return spin;
  }
  if (frame.step == kEntry) {
    const bool pays =
        kind == OpKind::kService
            ? plan_.programs.service_ops[static_cast<std::size_t>(instr.operand)].pays_syscall
            : OpInfoOf(kind).pays_syscall;
    if (instr.page_fault) return Next::Run(kEffect, costs().c_exc, RunMode::kKernel);
    return Next::Run(kEffect, pays ? costs().c_syscall : kZeroCycles, RunMode::kKernel);
  }
  if (frame.step == kEffect && frame.r[5] < static_cast<int64_t>(entry_services_.size())) {
    const bool is_entry =
        kind == OpKind::kService
            ? plan_.programs.service_ops[static_cast<std::size_t>(instr.operand)].pays_syscall
            : OpInfoOf(kind).pays_syscall;
    if (is_entry) {
      const Next hook = EntryHook(frame);
      if (hook.kind == Next::Kind::kCall) return hook;
    }
  }
  if (frame.step == kResumed && ParksInside(frame, kind)) {
    return Next::Call(kEffect, PolicyId(0), ParkCall().path);
  }
  return frame.step == kEffect ? OpEffect(c, frame, instr) : AfterEffect(frame, instr);
}

// The next path that a service wants executed before the work of the operation; a Return if none
// does. r[5] counts the services that have been asked.
Next Machine::EntryHook(Frame& frame) {
  while (frame.r[5] < static_cast<int64_t>(entry_services_.size())) {
    const std::size_t service = entry_services_[static_cast<std::size_t>(frame.r[5]++)];
    const PathCall call = policies_.services[service]->KernelEntryPath(*this, frame.task);
    Drain();
    if (!call.path.valid()) continue;
    return Next::Call(kEffect, policies_.service_ids[service], call.path, call.args);
  }
  return Next::Return(0);
}

Next Machine::OpEffect(CpuId c, Frame& frame, const Instr& instr) {
  const TaskId self = frame.task;
  switch (instr.kind) {
    case OpKind::kSleep: {
      Time until = instr.limit >= 0 ? Time(instr.limit) : now_ + Cycles(instr.value);
      if (until <= now_) return Next::Return(0);
      const SchedPolicy policy = task_store_[self.index()].eff.policy;
      const bool fair = policy == SchedPolicy::kNormal || policy == SchedPolicy::kBatch ||
                        policy == SchedPolicy::kIdle;
      if (plan_.scenario.machine.slack_policy == SlackPolicy::kLate && fair) {
        until += Cycles(50'000 * (facts_.clock_hz / 1000) / 1'000'000);
      }
      return Next::Block(kResumed, instr.state, until);
    }
    case OpKind::kTimer: {
      Time& base = TimerBase(self, instr.object);
      base += Cycles(instr.value);
      if (now_ < base) return Next::Block(kResumed, TaskState::kInterruptible, base);
      // Late: a relative timer counts on from now, an absolute one keeps its grid.
      if (instr.timer_mode == TimerMode::kRelative) base = now_;
      return Next::Return(0);
    }
    case OpKind::kYield: {
      ChargeIfClass(c, self);
      const Task& t = task_store_[self.index()];
      if (policies_.rows[policies_.class_ids[t.sched_class].index()].hooks.Has(Hook::kYield)) {
        const TaskId donor = cpu_store_[c.index()].donor;
        Charge(c);
        ClassOf(donor).Yield(*this, c, donor);
        Drain();
      }
      return Next::Schedule(kResumed);
    }
    case OpKind::kBlock:
      frame.r[0] = instr.times;
      return BlockEffect(frame, instr);
    case OpKind::kWake: {
      const TaskId target(instr.object);
      LeaveWaitable(target);
      WakeTask(target, instr.sync ? WakeFlags::kSync : WakeFlags::kNone);
      return Next::Return(0);
    }
    case OpKind::kKill:
      SignalTask(TaskId(instr.object), instr.signal);
      return Next::Return(0);
    case OpKind::kSetSched:
      return Next::Return(
          ChangeSched(instr.object >= 0 ? TaskId(instr.object) : self,
                      AttrOf(plan_.programs.attrs[static_cast<std::size_t>(instr.operand)])));
    case OpKind::kSetAffinity: {
      bool must_wait = false;
      frame.r[0] = ChangeAffinity(instr.object >= 0 ? TaskId(instr.object) : self,
                                  plan_.programs.cpu_sets[static_cast<std::size_t>(instr.operand)],
                                  AffinityCall::kUser, self, must_wait);
      if (must_wait) return Next::Block(kResumed, TaskState::kUninterruptible);
      // The stop task takes a task that moves itself inside the call, on the way out of the
      // runqueue lock.
      Next point = Next::Run(kResumed, kZeroCycles, RunMode::kKernel);
      point.cond_resched = true;
      return point;
    }
    case OpKind::kMigrateDisable:
      if (++MutableTask(self).migration_disabled == 1) ++MutableCpu(c).nr_pinned;
      return Next::Return(0);
    case OpKind::kMigrateEnable: {
      Task& t = MutableTask(self);
      if (t.migration_disabled == 0 || --t.migration_disabled > 0) return Next::Return(0);
      --MutableCpu(c).nr_pinned;
      // Its affinity may have changed meanwhile.
      bool must_wait = false;
      ChangeAffinity(self, CpuSet(t.cpus_allowed), AffinityCall::kMigrateEnable, self, must_wait);
      Next point = Next::Run(kResumed, kZeroCycles, RunMode::kKernel);
      point.cond_resched = true;
      return point;
    }
    case OpKind::kFork:
      // MODEL-131: there is no reset_on_fork (core.c: sched_fork()).
      if (task_store_[self.index()].base.policy == SchedPolicy::kDeadline) {
        return Next::Return(kEAGAIN);
      }
      return Next::Return(Fork(c, self, instr.object).value());
    case OpKind::kExec: {
      Emit(c, SchedProcessExec{self});
      NotifyTask(self, TaskChange::kExec);
      if (task_store_[self.index()].nr_cpus_allowed == 1) return Next::Return(0);
      const CpuId target = ChooseCpu(self, c, WakeFlags::kExec);
      if (target == c) return Next::Return(0);
      StopWork work;
      work.task = self;
      work.dest = target;
      QueueStopWork(c, work);
      Next point = Next::Run(kResumed, kZeroCycles, RunMode::kKernel);
      point.cond_resched = true;
      return point;
    }
    case OpKind::kService: {
      const ServiceOp& op = plan_.programs.service_ops[static_cast<std::size_t>(instr.operand)];
      if (op.policy < 0) return Next::Return(0);
      return Next::Call(kResumed, PolicyId(op.policy), op.path, op.args);
    }
    case OpKind::kWait:
    case OpKind::kSync:
    case OpKind::kSignal:
    case OpKind::kBroad:
    case OpKind::kBarrier:
    case OpKind::kSuspend:
    case OpKind::kResume:
    case OpKind::kSemPost:
    case OpKind::kSemWait:
      return WaitEffect(frame, instr);
    case OpKind::kRun:
    case OpKind::kRuntime:
    case OpKind::kLock:
    case OpKind::kUnlock:
    case OpKind::kTrylock:
    case OpKind::kExit:
    case OpKind::kPreemptOff:
    case OpKind::kIrqsOff:
    case OpKind::kLoop:
      break;
  }
  return Next::Return(0);
}

// Condition variables, barriers, suspend resources and semaphores.
Next Machine::WaitEffect(Frame& frame, const Instr& instr) {
  const TaskId self = frame.task;
  Waitable& object = waitables_[static_cast<std::size_t>(instr.object)];
  const Time timeout = instr.limit >= 0 ? now_ + Cycles(instr.limit) : kNever;
  switch (instr.kind) {
    case OpKind::kSync:
    case OpKind::kWait: {
      if (instr.kind == OpKind::kSync) {
        const TaskId first = PopWaitable(instr.object);
        if (first.valid()) WakeTask(first, WakeFlags::kNone);
      }
      // On the list before the mutex is given up: a signal in between is not lost.
      JoinWaitable(instr.object, self);
      frame.r[0] = timeout.cycles();
      const int64_t args[2] = {instr.object2, 0};
      return Next::Call(kResumed, policies_.lock_id, kUnlockPath, args);
    }
    case OpKind::kSignal: {
      const TaskId first = PopWaitable(instr.object);
      if (first.valid()) WakeTask(first, WakeFlags::kNone);
      return Next::Return(0);
    }
    case OpKind::kBroad:
    case OpKind::kResume:
      WakeAll(instr.object);
      return Next::Return(0);
    case OpKind::kBarrier:
      if (object.waiting + 1 >= object.value) {
        WakeAll(instr.object);
        return Next::Return(0);
      }
      JoinWaitable(instr.object, self);
      return Next::Block(kResumed, TaskState::kInterruptible);
    case OpKind::kSuspend:
      JoinWaitable(instr.object, self);
      return Next::Block(kResumed, TaskState::kInterruptible);
    case OpKind::kSemPost:
      if (object.head.valid()) {
        WakeTask(PopWaitable(instr.object), WakeFlags::kNone);
      } else {
        ++object.value;
      }
      return Next::Return(0);
    case OpKind::kSemWait:
      if (object.value > 0) {
        --object.value;
        return Next::Return(0);
      }
      JoinWaitable(instr.object, self);
      return Next::Block(kResumed, TaskState::kInterruptible, timeout);
    default:
      return Next::Return(0);
  }
}

// `block`: as many waits as it says, one after another, then its kernel work. r[0] waits are left.
Next Machine::BlockEffect(Frame& frame, const Instr& instr) {
  if (frame.step == kRelock) return Next::Return(frame.r[1]);
  if (frame.step == kResumed) {
    // The end of what the device does is no timeout.
    const bool completed = instr.value > 0 && frame.result == kETIMEDOUT;
    frame.r[1] = completed ? 0 : frame.result;
    if (frame.r[1] < 0) frame.r[0] = 0;
  }
  if (frame.r[0]-- > 0) {
    if (instr.value > 0) return Next::BlockFor(kResumed, instr.state, Cycles(instr.value));
    Time timeout = kNever;
    if (instr.limit >= 0) timeout = instr.absolute ? Time(instr.limit) : now_ + Cycles(instr.limit);
    return Next::Block(kResumed, instr.state, timeout);
  }
  return Next::Run(kRelock, Cycles(instr.tail), RunMode::kKernel);
}

// What an operation does after its wait, or after a path it called.
Next Machine::AfterEffect(Frame& frame, const Instr& instr) {
  const TaskId self = frame.task;
  Context& ctx = contexts_[self.index()];
  const bool waits = instr.kind == OpKind::kWait || instr.kind == OpKind::kSync;
  if (waits && frame.step == kResumed) {
    frame.r[1] = 0;
    if (ctx.waitable < 0)
      return Next::Run(kRelock, kZeroCycles, RunMode::kKernel);  // signalled already
    return Next::Block(kRelock, TaskState::kInterruptible, Time(frame.r[0]));
  }
  if (waits && frame.step == kRelock) {
    frame.r[1] = frame.result;
    LeaveWaitable(self);
    const int64_t args[2] = {instr.object2, 0};
    return Next::Call(kRelocked, policies_.lock_id, kLockPath, args);
  }
  if (waits) return Next::Return(frame.r[1] == kETIMEDOUT ? kETIMEDOUT : 0);
  LeaveWaitable(self);
  if (instr.kind == OpKind::kBlock) return BlockEffect(frame, instr);
  switch (instr.kind) {
    case OpKind::kSleep:
    case OpKind::kTimer:
      return Next::Return(frame.result == kEINTR ? kEINTR : 0);
    case OpKind::kSetAffinity:
      return Next::Return(frame.r[0]);
    default:
      return Next::Return(frame.result);
  }
}

// ------------------------------------------------------------------------------------------ wait
// lists

void Machine::JoinWaitable(int32_t waitable, TaskId task) {
  Waitable& object = waitables_[static_cast<std::size_t>(waitable)];
  Context& ctx = contexts_[task.index()];
  ctx.waitable = waitable;
  ctx.wait_next = TaskId();
  if (object.tail.valid()) {
    contexts_[object.tail.index()].wait_next = task;
  } else {
    object.head = task;
  }
  object.tail = task;
  ++object.waiting;
}

TaskId Machine::PopWaitable(int32_t waitable) {
  const TaskId first = waitables_[static_cast<std::size_t>(waitable)].head;
  if (first.valid()) LeaveWaitable(first);
  return first;
}

// First in, first out; those who join while we wake the others are not meant.
void Machine::WakeAll(int32_t waitable) {
  const int32_t count = waitables_[static_cast<std::size_t>(waitable)].waiting;
  for (int32_t i = 0; i < count; ++i) WakeTask(PopWaitable(waitable), WakeFlags::kNone);
}

void Machine::LeaveWaitable(TaskId task) {
  Context& ctx = contexts_[task.index()];
  if (ctx.waitable < 0) return;
  Waitable& object = waitables_[static_cast<std::size_t>(ctx.waitable)];
  TaskId before;
  for (TaskId at = object.head; at != task; at = contexts_[at.index()].wait_next) before = at;
  (before.valid() ? contexts_[before.index()].wait_next : object.head) = ctx.wait_next;
  if (object.tail == task) object.tail = before;
  --object.waiting;
  ctx.waitable = -1;
  ctx.wait_next = TaskId();
}

// The instant a timer counts from. At first: when the task started.
Time& Machine::TimerBase(TaskId task, int32_t object) {
  const Time start = contexts_[task.index()].started;
  if (object >= 0) {
    const auto i = static_cast<std::size_t>(object);
    if (!shared_timer_set_[i]) {
      shared_timer_set_[i] = true;
      shared_timers_[i] = start;
    }
    return shared_timers_[i];
  }
  const auto i = task.index() * static_cast<std::size_t>(plan_.programs.num_unique_timers) +
                 static_cast<std::size_t>(-2 - object);
  if (!own_timer_set_[i]) {
    own_timer_set_[i] = true;
    own_timers_[i] = start;
  }
  return own_timers_[i];
}

// ------------------------------------------------------------------------------------------ fork

TaskId Machine::Fork(CpuId c, TaskId parent, int32_t template_index) {
  if (num_tasks_made_ == plan_.task_capacity) {
    End(Outcome::kLimit, fmt::format("no room for more than {} tasks (machine.limits.tasks)",
                                     plan_.task_capacity - 1));
    return TaskId();
  }
  TaskPlan plan = plan_.templates[static_cast<std::size_t>(template_index)];
  const TaskId child(num_tasks_made_++);
  plan.name = fmt::format("{}-{}", plan.name, child.value());
  plan.start_cpu = c;
  CreateTask(child, plan);
  if (!plan.kthread) {
    ++live_user_tasks_;
    ++user_tasks_;
  }
  EmitAttr(child, TaskAttrKind::kCreated);
  EmitCpus(child);
  if (StartsParked(child)) return child;
  Emit(c, SchedProcessFork{parent, child});
  const uint8_t k = task_store_[child.index()].sched_class;
  if (policies_.rows[policies_.class_ids[k].index()].hooks.Has(Hook::kForked)) {
    ClassOf(child).Forked(*this, parent, child);
    Drain();
  }
  SpawnTask(child, c, WakeFlags::kFork);
  return child;
}

// ------------------------------------------------------------------------------------------ stop
// tasks

void Machine::QueueStopWork(CpuId target, const StopWork& work) {
  int32_t index = free_stop_work_;
  if (index >= 0) {
    free_stop_work_ = stop_work_[static_cast<std::size_t>(index)].next_free;
  } else {
    index = static_cast<int32_t>(stop_work_.size());
    stop_work_.emplace_back();
  }
  stop_work_[static_cast<std::size_t>(index)] = work;
  State(target).stop_work.push_back(index);
  WakeTask(cpu_store_[target.index()].stop, WakeFlags::kNone);
}

Next Machine::StopperStep(CpuId c, Frame& frame) {
  CpuState& s = State(c);
  if (frame.step == StepId(0)) {
    if (s.stop_work.empty()) return Next::Block(StepId(0), TaskState::kInterruptible);
    const StopWork& work = stop_work_[static_cast<std::size_t>(s.stop_work.front())];
    if (work.kind != StopWork::Kind::kPath) {
      return Next::Run(StepId(1), costs().c_stop, RunMode::kKernelNoPreempt);
    }
    const int64_t args[2] = {c.value(), work.arg};
    return Next::Call(StepId(2), work.policy, work.path, args);
  }
  const StopWork work = stop_work_[static_cast<std::size_t>(s.stop_work.front())];
  // Its affinity may have changed again meanwhile, or it has gone away (core.c:
  // migration_cpu_stop()).
  if (work.kind == StopWork::Kind::kPush) {
    PushNow(c, work.task);
  } else if (frame.step == StepId(1)) {
    // flush_smp_call_function_queue(): one that is being woken is on the queue first.
    if (task_store_[work.task.index()].cpu == c && IsOnWakeList(work.task)) HandleWakeList(c);
    const Task& t = task_store_[work.task.index()];
    // It stays where it is if it may not run there any more (is_cpu_allowed()).
    if (t.cpu == c && MayRunOn(work.task, work.dest)) MoveQueuedTask(work.task, work.dest);
  }
  FinishStopWork(c);
  return Next::Run(StepId(0), kZeroCycles, RunMode::kKernel);
}

// The first piece of stop work of `c` is done; whoever waits for it learns of it.
void Machine::FinishStopWork(CpuId c) {
  CpuState& s = State(c);
  const int32_t index = s.stop_work.front();
  s.stop_work.erase(s.stop_work.begin());
  StopWork& work = stop_work_[static_cast<std::size_t>(index)];
  const TaskId waiter = work.waiter;
  work.next_free = free_stop_work_;
  free_stop_work_ = index;
  if (!waiter.valid()) return;
  Context& ctx = contexts_[waiter.index()];
  if (--ctx.joins <= 0) WakeTask(waiter, WakeFlags::kNone);
}

}  // namespace rqsim
