// The engine's hooks and what its paths share: words, look-ups by tid, pins, dying.
// Tested by scenarios/umcg.
#include "service/umcg/engine.h"

#include <algorithm>

namespace rqsim::umcg {

Engine::Engine(Variant variant, const PolicyParams& params, const Limits& limits)
    : variant_(variant),
      layout_(LayoutOf(variant)),
      self_(limits.self),
      costs_(ReadCosts(params)),
      knobs_(ReadKnobs(params, variant)),
      threads_(static_cast<std::size_t>(limits.num_tasks)),
      clock_hz_(limits.clock_hz) {
  if (limits.user != nullptr) world_ = *limits.user;
  for (std::size_t i = 1; i < world_.tasks.size(); ++i) {
    if (world_.tasks[i].tid > 0) {
      tids_.emplace_back(world_.tasks[i].tid, TaskId(static_cast<int32_t>(i)));
    }
  }
  // total order: tasks differ. A tid that is given again later has one entry (HoldTid).
  std::sort(tids_.begin(), tids_.end());
  const auto same_tid = [](const auto& a, const auto& b) { return a.first == b.first; };
  tids_.erase(std::unique(tids_.begin(), tids_.end(), same_tid), tids_.end());
  for (const UserGroup& user : world_.groups) {
    Group group;
    group.servers = user.servers;
    group.workers = user.workers;
    group.queues.resize(std::max<std::size_t>(user.servers.size(), 1));
    for (WorkerQueue& queue : group.queues) queue.Reserve(world_.tasks.size());
    for (const std::vector<TaskId>* tasks : {&group.servers, &group.workers}) {
      for (std::size_t i = 0; i < tasks->size(); ++i) Of((*tasks)[i]).rank = static_cast<int>(i);
    }
    group.idle_stack.reserve(user.servers.size());
    group.running.reserve(world_.tasks.size());
    group.sliced.reserve(user.workers.size());
    groups_.push_back(std::move(group));
  }
  for (std::size_t i = 1; i < world_.tasks.size(); ++i) {
    const UserTask& user = world_.tasks[i];
    if (user.role != UserRole::kPlain || user.group < 0) continue;
    GroupOf(TaskId(static_cast<int32_t>(i))).watchdogs.emplace_back(static_cast<int32_t>(i));
  }
  chain_.reserve(world_.tasks.size());
  if (variant != Variant::kEv) return;
  told_.resize(threads_.size());
  for (std::size_t i = 1; i < world_.tasks.size(); ++i) {
    const UserTask& user = world_.tasks[i];
    const auto process = static_cast<std::size_t>(user.process);
    if (spaces_.size() <= process) spaces_.resize(process + 1);
    if (user.role == UserRole::kServer) told_[i].reserve(2 * world_.tasks.size());
  }
  for (Space& space : spaces_) {
    space.idle_servers.reserve(world_.tasks.size());
    space.idle_workers.reserve(world_.tasks.size());
  }
}

HookMask Engine::Hooks() const {
  HookMask hooks = Hook::kBlockPath | Hook::kUserReturnPath;
  hooks = hooks | Hook::kOnTask | Hook::kOnStart;
  if (variant_ == Variant::kPz) return hooks | Hook::kKernelEntryPath;
  if (variant_ == Variant::kEv) return hooks;
  return hooks | Hook::kScheduled;
}

void Engine::Bind(std::span<UserScheduler* const> by_group) {
  for (std::size_t g = 0; g < groups_.size() && !by_group.empty(); ++g) {
    UserScheduler* const scheduler = by_group[std::min(g, by_group.size() - 1)];
    groups_[g].scheduler = scheduler;
    groups_[g].is_per_server = scheduler != nullptr && scheduler->PerServer();
  }
}

Next Engine::CallPath(int step, Path path, int64_t arg0, int64_t arg1) const {
  const int64_t args[2] = {arg0, arg1};
  return Next::Call(StepId(step), self_, PathId(path), args);
}

void Engine::OnStart(Kernel& kernel) {
  for (const FaultCall& call : world_.faults) {
    const TaskId task(static_cast<int32_t>(call.Number("task", -1)));
    if (call.name != "umcg.sleep" || !task.valid()) continue;
    for (const Path path : {kWait, kBlock}) {
      const std::span<const StepInfo> found = kPaths[static_cast<std::size_t>(path)].steps;
      for (std::size_t s = 0; s < found.size(); ++s) {
        if (found[s].name != call.Text("step")) continue;
        Of(task).sleep_path = PathId(path);
        Of(task).sleep_step = StepId(static_cast<int32_t>(s));
        Of(task).sleep_for = Cycles(call.Number("for", 0));
      }
    }
  }
  for (std::size_t i = 1; i < world_.tasks.size(); ++i) {
    const UserTask& user = world_.tasks[i];
    const TaskId task(static_cast<int32_t>(i));
    if (user.kthread) continue;
    const bool is_server = user.role == UserRole::kServer || user.role == UserRole::kBasic;
    const bool is_parked =
        user.role == UserRole::kWorker && kernel.task(task).state != TaskState::kNew;
    const bool is_ev = variant_ == Variant::kEv;
    const int64_t word = is_server   ? kRunning
                         : is_parked ? (is_ev ? kRunnable : kIdle)
                                     : (is_ev ? kNone : kBlocked);
    kernel.Store(Word(kernel, task, kState), word);
    if (user.group >= 0 && user.role != UserRole::kServer) {
      const TaskId owner = HeadOwner(task);
      kernel.Store(Word(kernel, task, kWorkersPtr), AddressOf(Word(kernel, owner, kHead)));
      kernel.Store(Word(kernel, task, kServerPtr), AddressOf(Word(kernel, owner, kIdleServer)));
      kernel.Store(Word(kernel, task, kServerTid), TidOf(owner));
    } else {
      kernel.Store(Word(kernel, task, kServerTid), user.tid);
    }
  }
}

// A worker that the scenario declares parked; it is asleep before the run begins.
void Engine::OnTask(Kernel& kernel, TaskId task, TaskChange change) {
  const UserTask* user = UserOf(task);
  switch (change) {
    case TaskChange::kNew: {
      if (user == nullptr) return;
      HoldTid(kernel, task);
      if (user->kthread) return;
      Thread& thread = Of(task);
      if (user->role == UserRole::kServer || user->role == UserRole::kBasic) {
        thread.registered = true;
        thread.resume = variant_ == Variant::kPz;
        Emit(kernel, kEvRegister, 1, user->group, task.value(), -1);
      }
      if (user->role != UserRole::kWorker || kernel.task(task).state != TaskState::kInterruptible) {
        return;
      }
      thread.registered = thread.is_worker = true;
      thread.resume = variant_ == Variant::kPz;
      kernel.Store(Word(kernel, task, kState), variant_ == Variant::kEv ? kRunnable : kIdle);
      Emit(kernel, kEvRegister, 2, user->group, task.value(), HeadOwner(task).value());
      QueueInOrder(kernel, task);
      return;
    }
    case TaskChange::kExec:
      if (!Of(task).registered) return;
      // Registration goes, the pins stay (6.11): a leak of at most two.
      Of(task).registered = Of(task).is_worker = Of(task).hooks = Of(task).resume = false;
      Emit(kernel, kEvRegister, 0, 2, task.value(), -1);
      if (variant_ == Variant::kEv) EvLeaveServer(kernel, task, kNone);
      return;
    case TaskChange::kExiting:
      Leave(kernel, task);
      return;
    case TaskChange::kDead:
    case TaskChange::kAffinity:
    case TaskChange::kSched:
      return;
  }
}

// A new task has its tid, unless whom it was given first still lives: then nobody finds the new one
// (MODEL-291).
void Engine::HoldTid(const Kernel& kernel, TaskId task) {
  const auto found = std::lower_bound(tids_.begin(), tids_.end(),
                                      std::pair<int64_t, TaskId>(TidOf(task), TaskId()));
  if (found == tids_.end() || found->first != TidOf(task)) return;
  const TaskState holder = kernel.task(found->second).state;
  if (holder == TaskState::kDead || holder == TaskState::kNew) found->second = task;
}

// A worker that is there from the start is queued in the order of its group.
void Engine::QueueInOrder(Kernel& kernel, TaskId task) {
  const TaskId server = GroupOf(task).servers.front();
  const WorkerQueue& queue = QueueOf(server);
  std::size_t place = queue.size();
  while (place > 0 && Of(queue[place - 1]).rank > Of(task).rank) --place;
  InsertWorker(kernel, server, place, task);
}

// UMCG's part of an exit: nobody is told (6.11), except under ev.
void Engine::Leave(Kernel& kernel, TaskId task) {
  if (!Of(task).registered) return;
  if (variant_ == Variant::kEv) {
    EvUnregister(kernel, task, 1);
    return;
  }
  Unpin(kernel, task);
  Forget(kernel, task, 1);
}

// A death inside a system call. r[0]: how long the exit takes to repair what it left, until signals
// are shut off. As posted UMCG's part comes before that (MODEL-160).
Next Engine::Oops(Kernel& kernel, Frame& frame) {
  if (frame.step == StepId(1)) return Next::Die();
  if (!knobs_.exit_late) Leave(kernel, frame.task);
  return Next::Run(StepId(1), Cycles(frame.r[0]), RunMode::kKernel);
}

void Engine::Enroll(Kernel& kernel, TaskId task, bool as_worker) {
  Thread& thread = Of(task);
  thread.registered = true;
  thread.is_worker = thread.hooks = as_worker;
  const UserTask* user = UserOf(task);
  Emit(kernel, kEvRegister, as_worker ? 2 : 1, user == nullptr ? -1 : user->group, task.value(),
       -1);
}

// Registration is over: by unregister (0), exit (1), exec (2).
void Engine::Forget(Kernel& kernel, TaskId task, int how) {
  Thread& thread = Of(task);
  thread.registered = thread.is_worker = thread.hooks = thread.resume = false;
  thread.parked_pz = thread.handler_due = false;
  Emit(kernel, kEvRegister, 0, how, task.value(), -1);
}

Next Engine::Step(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  if (thread.sleep_for > kZeroCycles && frame.path == thread.sleep_path &&
      frame.step == thread.sleep_step) {
    const Cycles length = thread.sleep_for;
    thread.sleep_for = kZeroCycles;
    return Next::BlockFor(frame.step, TaskState::kUninterruptible, length);
  }
  const bool is_op = frame.path >= PathId(kOpYield) && frame.path < PathId(kEvBlock) &&
                     frame.path != PathId(kOpOops) && frame.path != PathId(kOpSyscall);
  if (frame.path == PathId(kOpWaitWorker) && variant_ != Variant::kEv) {
    return Next::Return(kENOSYS);
  }
  if (frame.path >= PathId(kEvBlock) || (is_op && variant_ == Variant::kEv)) {
    return EvStep(kernel, frame);
  }
  switch (static_cast<Path>(frame.path.value())) {
    case kServerMain:
      return Server(kernel, frame);
    case kParkedStart:
      return Parked(kernel, frame);
    case kResume:
      return Resume(kernel, frame);
    case kBlock:
      return Block(kernel, frame);
    case kWait:
      return Wait(kernel, frame);
    case kIdleLoop:
      return IdleLoop(kernel, frame);
    case kCtl:
      return Ctl(kernel, frame);
    case kMark:
      return Mark(kernel, frame);
    case kPush:
      return Push(kernel, frame);
    case kTake:
      return Take(kernel, frame);
    case kDeliver:
      return Deliver(kernel, frame);
    case kPzEntry:
      return PzEntry(kernel, frame);
    case kPzExit:
      return PzExit(kernel, frame);
    case kPzPark:
      return PzPark(kernel, frame);
    case kPzBlock:
      return PzBlock(kernel, frame);
    case kPzWait:
      return PzWait(kernel, frame);
    case kPzCtl:
      return PzCtl(kernel, frame);
    case kPzUnregister:
      return PzUnregister(kernel, frame);
    case kOpYield:
      return Yield(kernel, frame);
    case kOpSwap:
      return Swap(kernel, frame);
    case kOpWait:
      return WaitOp(kernel, frame);
    case kOpWake:
      return Wake(kernel, frame);
    case kOpPreempt:
      return Preempt(kernel, frame);
    case kOpBits:
    case kOpLock:
    case kOpUnlock:
    case kOpClearBits:
    case kOpSetNext:
      return Bits(kernel, frame);
    case kOpPoke:
      return Poke(kernel, frame);
    case kOpRegister:
      return Register(kernel, frame);
    case kOpUnregister:
      return Unregister(kernel, frame);
    case kOpCtl:
      return RawCtl(kernel, frame);
    case kOpOops:
      return Oops(kernel, frame);
    case kOpSyscall:
      if (frame.step == StepId(1)) return Next::Return(0);
      return Next::Run(StepId(1), Cycles(frame.r[0]), RunMode::kKernel);
    case kEvBlock:  // above
    case kEvResume:
    case kEvParked:
    case kEvIdle:
    case kEvWorkerCall:
    case kEvServerWait:
    case kEvSwitch:
    case kEvWaitWorker:
    case kOpWaitWorker:
    case kNumPaths:
      break;
  }
  return Next::Return(0);
}

// --- hooks ---------------------------------------------------------------------------------------

PathCall Engine::BlockPath(Kernel& kernel, TaskId task) {
  const Thread& thread = Of(task);
  const bool asked = thread.hooks || (knobs_.hook_in_wait && thread.in_idle_loop);
  if (!thread.registered || !thread.is_worker || !asked) return PathCall::None();
  // umcg.md 20: whether a worker that stays queued as a donor counts as blocked is open.
  if (!knobs_.detects_donors && kernel.facts().keeps_blocked_queued &&
      kernel.task(task).blocked_on.valid()) {
    return PathCall::None();
  }
  if (variant_ == Variant::kEv) {
    const bool runs = thread.hooks && LoadState(kernel, task) == kRunning;
    return runs ? PathCall::To(PathId(kEvBlock)) : PathCall::None();
  }
  return PathCall::To(PathId(variant_ == Variant::kPz ? kPzBlock : kBlock));
}

// MODEL-157: who holds a kernel mutex is in the kernel still, whatever its program says. That is
// asked last where the order makes no difference, as all locks are looked at.
PathCall Engine::UserReturnPath(Kernel& kernel, TaskId task) {
  if (task.index() >= threads_.size()) return PathCall::None();
  if (!Of(task).registered || FatalPending(kernel, task)) return PathCall::None();
  if (variant_ == Variant::kEv) {
    return HoldsMutex(kernel, task) ? PathCall::None() : EvReturnPath(kernel, task);
  }
  const PathCall work = ReturnPath(kernel, task);
  return work.path.valid() && HoldsMutex(kernel, task) ? PathCall::None() : work;
}

PathCall Engine::ReturnPath(const Kernel& kernel, TaskId task) const {
  const Thread& thread = Of(task);
  if (variant_ == Variant::kPz) {
    const int64_t word = LoadState(kernel, task);
    const bool runs = (word & (layout_.state | layout_.flags())) == kRunning;
    const bool announced = StateOf(word) == kIdle && (word & layout_.flags()) == layout_.cond_wait;
    const bool leaves_entry = thread.is_worker && (thread.pinned_self || thread.parked_pz);
    if (leaves_entry || thread.tick_preempts || (!runs && !announced))
      return PathCall::To(PathId(kPzExit));
  } else if (thread.is_worker && thread.hooks) {
    const bool signalled =
        OrdinaryPending(kernel, task) && !thread.signal_seen && !knobs_.preempt_at_schedule;
    if (thread.resume || signalled) return PathCall::To(PathId(kResume));
  }
  if (thread.handler_due || OrdinaryPending(kernel, task)) return PathCall::To(PathId(kDeliver));
  return PathCall::None();
}

PathCall Engine::KernelEntryPath(Kernel& kernel, TaskId task) {
  const Thread& thread = Of(task);
  if (!thread.registered || !thread.is_worker) return PathCall::None();
  // With a mutex it has not left the kernel (MODEL-157).
  if (HoldsMutex(kernel, task)) return PathCall::None();
  return PathCall::To(PathId(kPzEntry));
}

// The post-schedule hook: whoever has W set comes through the resume path on its way to user code.
void Engine::Scheduled(Kernel&, CpuId, TaskId prev) {
  Thread& thread = Of(prev);
  if (thread.registered && thread.is_worker && thread.hooks) thread.resume = true;
}

bool Engine::HoldsMutex(const Kernel& kernel, TaskId task) const {
  for (int i = 0; i < kernel.num_locks(); ++i) {
    if (kernel.lock(LockId(i)).owner == task) return true;
  }
  return false;
}

// --- words ---------------------------------------------------------------------------------------

// The word at an address of the address space of `who`; invalid if nothing is mapped there.
WordId Engine::WordAt(const Kernel& kernel, int64_t address, TaskId who) const {
  if (address <= kPending || address % 16 != 0) return WordId();
  const int64_t index = address / 16 - 1;
  const int64_t first = Word(kernel, TaskId(0), kState).value();
  const int64_t task = (index - first) / kNumFields;
  if (index < first || task <= 0 || task >= kernel.num_tasks()) return WordId();
  if (!SameSpace(TaskId(static_cast<int32_t>(task)), who)) return WordId();
  return WordId(static_cast<int32_t>(index));
}

TaskId Engine::ByTid(int64_t tid) const {
  const auto found =
      std::lower_bound(tids_.begin(), tids_.end(), std::pair<int64_t, TaskId>(tid, TaskId()));
  return found == tids_.end() || found->first != tid ? TaskId() : found->second;
}

// find_task_by_vpid(); its cost has been spent. Kernel threads are of no use: they may borrow a
// user address space, but are never registered. As posted that alone refuses them; the event tells
// (MODEL-154).
TaskId Engine::LookUp(Kernel& kernel, int64_t tid, TaskId by) {
  const TaskId task = ByTid(tid);
  const bool is_kthread = task.valid() && UserOf(task)->kthread;
  Emit(kernel, kEvLookup, tid, is_kthread && !knobs_.kthread_check ? 1 : 0, by.value());
  if (!task.valid() || is_kthread) return TaskId();
  const TaskState state = kernel.task(task).state;
  return state == TaskState::kDead || state == TaskState::kNew ? TaskId() : task;
}

// v0.9: every change carries a new time, in units of 16 ns.
int64_t Engine::Stamp(const Kernel& kernel, TaskId task, int64_t word) {
  if (layout_.stamp_shift == 0 || knobs_.mistakes.same_time) return word;
  constexpr int64_t kStampMask = (int64_t{1} << 46) - 1;
  const int64_t ns = kernel.now().cycles() / clock_hz_ * 1'000'000'000 +
                     kernel.now().cycles() % clock_hz_ * 1'000'000'000 / clock_hz_;
  int64_t stamp = (ns >> 4) & kStampMask;
  int64_t& last = Of(task).last_stamp;
  if (stamp <= last) stamp = (last + 1) & kStampMask;
  last = stamp;
  return static_cast<int64_t>(static_cast<uint64_t>(word & layout_.value()) |
                              (static_cast<uint64_t>(stamp) << layout_.stamp_shift));
}

WordResult Engine::ChangeState(Kernel& kernel, TaskId task, int64_t expected, int64_t wanted,
                               TaskId by, bool by_kernel) {
  const WordId word = Word(kernel, task, kState);
  const WordResult before = kernel.Load(word);
  if (before.fault) return before;
  if (before.old != expected) return {false, false, before.old};
  if (by_kernel && knobs_.mistakes.erases_bits) wanted &= ~layout_.user;
  const int64_t value = Stamp(kernel, task, wanted);
  kernel.Store(word, value);
  Emit(kernel, kEvState, expected, value, task.value(), by.value(), by_kernel ? 1 : 0);
  return before;
}

void Engine::Emit(Kernel& kernel, Event event, int64_t a, int64_t b, int32_t c, int32_t d,
                  int32_t e, int32_t f) {
  PolicyEventPayload payload;
  payload.wide[0] = a;
  payload.wide[1] = b;
  payload.narrow[0] = c;
  payload.narrow[1] = d;
  payload.narrow[2] = e;
  payload.narrow[3] = f;
  kernel.EmitDeclared(self_, event, payload);
}

// Whether somebody who waits for this word may go on.
bool Engine::IsAwake(int64_t word) const {
  const int64_t state = StateOf(word);
  if (variant_ != Variant::kV09) return state == kRunning;
  const bool sleeps = (state == kIdle && !IsLocked(word)) || (state == kRunning && IsLocked(word));
  return !sleeps;
}

// --- pins ----------------------------------------------------------------------------------------

// The worker's page and that of its server (6.8); its cost has been spent.
void Engine::Pin(Kernel& kernel, TaskId task, bool self, bool server) {
  Thread& thread = Of(task);
  int64_t more = 0;
  if (self && !thread.pinned_self) {
    thread.pinned_self = true;
    ++more;
  }
  if (server && !thread.pinned_server) {
    thread.pinned_server = true;
    ++more;
  }
  pinned_ += more;
  Emit(kernel, kEvPin, pinned_, more, task.value(),
       (thread.pinned_self ? 1 : 0) + (thread.pinned_server ? 1 : 0));
}

void Engine::Unpin(Kernel& kernel, TaskId task) {
  Thread& thread = Of(task);
  const int64_t pages = (thread.pinned_self ? 1 : 0) + (thread.pinned_server ? 1 : 0);
  thread.pinned_self = thread.pinned_server = false;
  thread.server = TaskId();
  if (pages == 0) return;
  pinned_ -= pages;
  Emit(kernel, kEvPin, pinned_, -pages, task.value(), 0);
}

// Whether somebody holds the page of `task`.
bool Engine::IsPinned(TaskId task) const {
  return Of(task).pinned_self ||
         std::any_of(threads_.begin(), threads_.end(), [&](const Thread& thread) {
           const TaskId server = variant_ == Variant::kPz ? thread.server : thread.attached;
           return thread.pinned_server && server == task;
         });
}

// SIGKILL to itself: no user code of it runs any more.
void Engine::Die(Kernel& kernel, TaskId task, Reason reason) {
  Of(task).is_dying = true;
  Emit(kernel, kEvDie, static_cast<int64_t>(reason), 0, task.value());
  if (knobs_.mistakes.survives) return;
  kernel.Signal(task, SignalKind::kKill);
}

// Wakes whoever gets the CPU, or names it as the one to get it when `by` sleeps; a dispatch is such
// a hand-off like any other (MODEL-153).
void Engine::WakeOrSwitch(Kernel& kernel, TaskId by, TaskId target) {
  const Task& t = kernel.task(target);
  const CpuId here = kernel.executing_cpu();
  bool direct = knobs_.handoff_direct && by != target && !t.on_rq && !t.on_cpu &&
                t.state == TaskState::kInterruptible && t.cpus_allowed.Contains(here);
  const std::size_t own = kernel.task(by).sched_class;
  for (std::size_t k = 0; direct && k < t.sched_class; ++k) {
    direct = kernel.cpu(here).nr_queued[k] == (k == own ? 1 : 0);
  }
  Of(by).hands_to = direct ? target : TaskId();
  if (direct) {
    kernel.SwitchAtSleep(target, costs_.direct);
  } else {
    kernel.Wake(target, WakeFlags::kCurrentCpu);
  }
}

// The task meant to sleep and finds that it need not: whom it has named is woken after all.
void Engine::StaysAwake(Kernel& kernel, TaskId task) {
  TaskId& target = Of(task).hands_to;
  if (!target.valid()) return;
  kernel.SwitchAtSleep(TaskId(), kZeroCycles);
  kernel.Wake(target, WakeFlags::kCurrentCpu);
  target = TaskId();
}

void Engine::Announce(Kernel& kernel, Handoff kind, TaskId from, TaskId to) {
  // Whether the hook of a block runs with preemption on is told and costs nothing (umcg.md 12).
  const bool preemptible = kind == Handoff::kBlock && !knobs_.nopreempt_hook;
  Emit(kernel, kEvHandoff, static_cast<int64_t>(kind), preemptible ? 1 : 0, from.value(),
       to.value());
}

// --- faults --------------------------------------------------------------------------------------

void Engine::OnFault(Kernel& kernel, int index) {
  const FaultCall& call = world_.faults[static_cast<std::size_t>(index)];
  const TaskId task(static_cast<int32_t>(call.Number("task", -1)));
  const bool has_words = variant_ != Variant::kEv;
  if (!task.valid() || (!has_words && call.name != "umcg.exit")) return;
  if (call.name == "umcg.page") {
    const bool present = call.Number("present", 1) != 0;
    const bool force = call.Number("force", 0) != 0;
    if (!present && !force && IsPinned(task)) return;
    kernel.SetWordsPresent(self_, task, present);
    // By force: also a pinned page goes, and nobody can bring it back.
    if (force) Of(task).mapping_gone = true;
    return;
  }
  if (call.name == "umcg.exit") {
    kernel.Signal(task, SignalKind::kKill);
    return;
  }
  if (call.name != "umcg.poke") return;
  for (int f = 0; f < kNumFields; ++f) {
    if (call.Text("field") != kFieldNames[f]) continue;
    const WordId word = Word(kernel, task, static_cast<Field>(f));
    const int64_t old = kernel.Load(word).old;
    const int64_t value = (call.Number("set", old) & call.Number("and", -1)) | call.Number("or", 0);
    if (f == kState) {
      ChangeState(kernel, task, old, value, task, false);
    } else {
      kernel.Store(word, value);
    }
  }
}

void Engine::Describe(const Kernel& kernel, TaskId task, StateWriter& writer) const {
  if (UserOf(task) == nullptr) return;
  const Thread& thread = Of(task);
  writer.Field("umcg_registered", thread.registered ? 1 : 0);
  writer.Field("umcg_pins", (thread.pinned_self ? 1 : 0) + (thread.pinned_server ? 1 : 0));
  for (int f = 0; f < kNumFields; ++f) {
    const int64_t value = kernel.Load(Word(kernel, task, static_cast<Field>(f))).old;
    std::string text;
    if (f == kState) {
      AppendWord(variant_, value, text);
    } else {
      text = std::to_string(value);
    }
    writer.Word(kFieldNames[f], text);
  }
}

}  // namespace rqsim::umcg
