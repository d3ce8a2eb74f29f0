// User code of servers (umcg.md 13): the queue of user space, the idle protocol, the run protocol,
// preemption by a server that timed out or by a watchdog.
// Tested by scenarios/umcg.
#include <algorithm>

#include "service/umcg/engine.h"
#include "service/umcg/server_steps.h"

namespace rqsim::umcg {
namespace {

// Registers: the chosen worker, how often in a row it has found one that is not asleep yet and
// since when, the result of a wait, since when it polls (+ 1).
constexpr int kWorker = 1;
constexpr int kLooks = 2;
constexpr int kLooksSince = 3;
constexpr int kSince = 5;

// After so many it takes the worker to have lost its CPU.
constexpr int kLooksMax = 8;

}  // namespace

// The first server of the task's group: its block has the group's words.
TaskId Engine::HeadOwner(TaskId task) const {
  const UserTask* user = UserOf(task);
  if (user == nullptr || user->group < 0) return TaskId();
  const Group& group = GroupOf(task);
  return group.servers.empty() ? TaskId() : group.servers.front();
}

UserScheduler* Engine::SchedulerOf(TaskId task) const {
  const UserTask* user = UserOf(task);
  return user == nullptr || user->group < 0 ? nullptr : GroupOf(task).scheduler;
}

const WorkerQueue& Engine::QueueOf(TaskId server) const {
  const Group& group = GroupOf(server);
  const bool has_own = group.is_per_server && UserOf(server)->role == UserRole::kServer;
  return has_own ? group.queues[static_cast<std::size_t>(Of(server).rank)] : group.queues.front();
}
WorkerQueue& Engine::QueueOf(TaskId server) {
  return const_cast<WorkerQueue&>(std::as_const(*this).QueueOf(server));
}

int Engine::Count(TaskId server) const { return static_cast<int>(QueueOf(server).size()); }
TaskId Engine::At(TaskId server, int position) const {
  return QueueOf(server)[static_cast<std::size_t>(position)];
}

void Engine::InsertWorker(Kernel& kernel, TaskId server, std::size_t place, TaskId worker) {
  QueueOf(server).Insert(place, worker);
  // User memory may bring a worker of another group here, whose own queues do not have it.
  if (SameGroup(worker, server)) ++Of(worker).queued;
  Emit(kernel, kEvQueue, 1, 0, worker.value(), server.value());
}

void Engine::QueueWorker(Kernel& kernel, TaskId server, TaskId worker, bool tells) {
  InsertWorker(kernel, server, QueueOf(server).size(), worker);
  if (tells && SchedulerOf(server) != nullptr) SchedulerOf(server)->Queued(kernel, server, worker);
}

// From wherever it stands in the group of `server`, most often on the queue of that one.
void Engine::LeaveQueue(Kernel& kernel, TaskId worker, TaskId server) {
  const bool is_own = SameGroup(worker, server);
  int& queued = Of(worker).queued;
  const auto leave = [&](WorkerQueue& queue) {
    while ((!is_own || queued > 0) && queue.Remove(worker)) queued -= is_own ? 1 : 0;
  };
  leave(QueueOf(server));
  for (WorkerQueue& queue : GroupOf(server).queues) leave(queue);
  Of(worker).waits_swap = false;
  // What was left of its last slice is over; the next counts from its first user cycle.
  Of(worker).slice_end = kNever;
  Of(worker).tick_preempts = false;
  Emit(kernel, kEvQueue, 0, 0, worker.value(), server.value());
}

void Engine::Link(Kernel& kernel, TaskId server, TaskId worker) {
  kernel.Store(Word(kernel, server, kNextTid), TidOf(worker));
  kernel.Store(Word(kernel, worker, kNextTid), TidOf(server));
}

// How long a server waits for its worker.
Time Engine::WaitTimeout(Kernel& kernel, TaskId server) {
  if (knobs_.server_timeout > kZeroCycles) return Time(knobs_.server_timeout.count());
  if (knobs_.preempt_source != PreemptSource::kServerTimeout) return kNever;
  UserScheduler* scheduler = SchedulerOf(server);
  const Cycles slice =
      scheduler == nullptr ? kZeroCycles : scheduler->Slice(kernel, Of(server).choice);
  return slice > kZeroCycles ? kernel.now() + slice : kNever;
}

// How long a worker runs after a dispatch; 0: as long as it likes.
Cycles Engine::SliceOf(Kernel& kernel, TaskId worker) {
  if (!Of(worker).is_worker) return kZeroCycles;
  if (knobs_.preempt_source == PreemptSource::kKernelTick) {
    // From its first cycle to the tick before which so many ticks have come.
    const int64_t tick = kernel.facts().tick.count();
    const int64_t jiffies = kernel.now().cycles() / tick;
    return Time((jiffies + knobs_.preempt_jiffies) * tick) - kernel.now();
  }
  UserScheduler* scheduler = SchedulerOf(worker);
  const bool watched = knobs_.preempt_source == PreemptSource::kWatchdog && scheduler != nullptr;
  if (!watched) return kZeroCycles;
  const Cycles slice = scheduler->Slice(kernel, worker);
  if (slice <= kZeroCycles) return slice;
  // Its first user cycle is yet to come: after a handler, and the way out of the kernel.
  const bool handler = Of(worker).handler_due || OrdinaryPending(kernel, worker);
  const bool leaves = handler || kernel.task(worker).in_syscall;
  return slice + (handler ? costs_.sig_dlv : kZeroCycles) +
         (leaves ? kernel.facts().c_sysret : kZeroCycles);
}

// The slice counts from the worker's first user cycle after its dispatch; what comes between does
// not begin it anew.
void Engine::StartSlice(Kernel& kernel, TaskId worker) {
  if (Of(worker).slice_end != kNever) return;
  const Cycles slice = SliceOf(kernel, worker);
  if (slice > kZeroCycles) ArmSlice(kernel, worker, kernel.now() + slice);
}

void Engine::ArmSlice(Kernel& kernel, TaskId worker, Time at) {
  Thread& thread = Of(worker);
  thread.slice_end = at;
  if (knobs_.preempt_source == PreemptSource::kWatchdog && !thread.is_sliced) {
    std::vector<TaskId>& sliced = GroupOf(worker).sliced;
    const auto after = std::find_if(sliced.begin(), sliced.end(),
                                    [&](TaskId other) { return Of(other).rank > thread.rank; });
    sliced.insert(after, worker);
    thread.is_sliced = true;
  }
  TimerRef timer;
  timer.policy = self_;
  timer.owner = worker.value();
  kernel.ArmTimer(timer, kernel.executing_cpu(), at);
}

// The tick at which the time of a worker is over (MODEL-293). One that does not execute just then
// is looked at by the next tick. It parks on its way to user code.
void Engine::Tick(Kernel& kernel, TaskId worker) {
  Thread& thread = Of(worker);
  const bool attached = variant_ == Variant::kPz   ? !thread.parked_pz
                        : variant_ == Variant::kEv ? LoadState(kernel, worker) == kRunning
                                                   : thread.pinned_server;
  const bool runs = thread.registered && thread.is_worker && attached && !thread.in_idle_loop;
  if (!runs || thread.slice_end != kernel.now()) return;
  if (!kernel.task(worker).on_cpu) {
    ArmSlice(kernel, worker, kernel.now() + kernel.facts().tick);
    return;
  }
  thread.tick_preempts = true;
  Emit(kernel, kEvPreempt, 1, 0, worker.value(), -1);
  kernel.Resched(kernel.task(worker).cpu, ReschedKind::kFull);
}

// The timer of a slice: the tick itself, or what wakes the watchdog.
void Engine::OnTimer(Kernel& kernel, TimerRef timer, CpuId) {
  const TaskId worker(timer.owner);
  if (UserOf(worker) == nullptr || UserOf(worker)->group < 0) return;
  if (knobs_.preempt_source == PreemptSource::kKernelTick) {
    Tick(kernel, worker);
    return;
  }
  for (TaskId watchdog : GroupOf(worker).watchdogs) kernel.Wake(watchdog);
}

// Moves the chain that r[kTaking] begins to the user queue, oldest first. False: a link is not
// there yet, `pending` is the word it will stand in.
bool Engine::TakeList(Kernel& kernel, TaskId server, WordId& pending) {
  Thread& thread = Of(server);
  const int64_t first = Word(kernel, TaskId(0), kState).value();
  while (thread.taking != 0) {
    const WordId word = WordAt(kernel, thread.taking, server);
    if (!word.valid()) break;  // user memory may hold anything
    const int64_t link = kernel.Load(word).old;
    if (link == kPending) {
      pending = word;
      return false;
    }
    const TaskId worker(static_cast<int32_t>((word.value() - first) / kNumFields));
    if (!JoinChain(worker)) break;
    const TaskId head = variant_ == Variant::kPz ? server : HeadOwner(worker);
    kernel.Store(word, AddressOf(Word(kernel, head, kHead)));
    const auto place = static_cast<std::size_t>(thread.taking_place);
    InsertWorker(kernel, server, std::min(place, QueueOf(server).size()), worker);
    RunsNoMore(worker);
    thread.taking = link;
  }
  if (SchedulerOf(server) != nullptr) {
    for (auto it = chain_.rbegin(); it != chain_.rend(); ++it) {
      SchedulerOf(server)->Queued(kernel, server, *it);
    }
  }
  LeaveChain();
  return true;
}

// False: it is there already; user memory may hold a circle.
bool Engine::JoinChain(TaskId worker) {
  if (std::exchange(Of(worker).is_taken, true)) return false;
  chain_.push_back(worker);
  return true;
}
void Engine::LeaveChain() {
  for (TaskId worker : chain_) Of(worker).is_taken = false;
  chain_.clear();
}

// The effect of taking the list, then the decision; `empty_step` if nothing was on it (retake).
Next Engine::ServerTake(Kernel& kernel, Frame& frame, int empty_step) {
  Thread& thread = Of(frame.task);
  if (frame.r[kSince] == 0) {
    const TaskId owner = variant_ == Variant::kPz ? frame.task : HeadOwner(frame.task);
    thread.taking = kernel.Exchange(Word(kernel, owner, kHead), 0).old;
    thread.taking_place = static_cast<int>(QueueOf(frame.task).size());
    Emit(kernel, kEvTake, thread.taking, 0, frame.task.value());
  }
  WordId pending;
  if (!TakeList(kernel, frame.task, pending)) {
    if (frame.r[kSince] == 0) frame.r[kSince] = kernel.now().cycles() + 1;
    Watch watch;
    watch.word = pending;
    watch.need_resched = false;
    Next spin = Next::Spin(frame.step, watch, costs_.spin_poll, kernel.now(), true);
    spin.mode = RunMode::kUser;
    return spin;
  }
  if (frame.r[kSince] != 0) {
    Emit(kernel, kEvSpin, 0, kernel.now().cycles() + 1 - frame.r[kSince], frame.task.value());
    frame.r[kSince] = 0;
  }
  if (empty_step >= 0) {
    if (!QueueOf(frame.task).empty()) return Userly(kGoBack, costs_.u_cas);
    Emit(kernel, kEvServerIdle, thread.was_woken_idle ? 1 : 0, 0, frame.task.value());
    thread.was_woken_idle = false;
    return Next::Run(StepId(empty_step), kernel.facts().c_syscall, RunMode::kKernel);
  }
  return Userly(kPickOne, costs_.pick);
}

Next Engine::Server(Kernel& kernel, Frame& frame) {
  const UserTask* user = UserOf(frame.task);
  if (user->role == UserRole::kPlain) return Watchdog(kernel, frame);
  if (variant_ == Variant::kPz) return PzServer(kernel, frame);
  if (variant_ == Variant::kEv) return EvServer(kernel, frame);
  switch (frame.step.value()) {
    case kLook:
      if (QueueOf(frame.task).empty()) return Userly(kTakeList, costs_.u_cas);
      return Userly(kPickOne, costs_.pick);
    case kTakeList:
      return ServerTake(kernel, frame, -1);
    case kPickOne:
      return ServerPick(kernel, frame);
    case kOwnIdle:
    case kPublish:
    case kRetake:
    case kGoBack:
    case kEnterIdle:
    case kWaited:
    case kWoken:
    case kClear:
      return ServerIdle(kernel, frame);
    case kChain:
    case kChainMark:
    case kChainCall:
    case kChained:
      return ServerChain(kernel, frame);
    case kOwn:
    case kLockWorker:
    case kUnlockWorker:
    case kCallWait:
      return ServerRun(kernel, frame);
    case kNap:
    case kNapped:
    case kNapOver:
      return ServerNap(kernel, frame);
    default:
      return ServerRan(kernel, frame);
  }
}

// Whom a server runs next; invalid: nobody waits.
TaskId Engine::Choose(Kernel& kernel, TaskId server) {
  UserScheduler* scheduler = SchedulerOf(server);
  if (scheduler == nullptr) return Count(server) > 0 ? At(server, 0) : TaskId();
  const TaskId worker = scheduler->Pick(kernel, server, *this);
  if (worker.valid()) return worker;
  const TaskId victim = scheduler->Steal(kernel, server, *this);
  return victim.valid() && Count(victim) > 0 ? At(victim, 0) : TaskId();
}

Next Engine::ServerPick(Kernel& kernel, Frame& frame) {
  const TaskId worker = Choose(kernel, frame.task);
  if (!worker.valid()) return Userly(kOwnIdle, costs_.u_cas);
  LeaveQueue(kernel, worker, frame.task);
  Of(frame.task).was_woken_idle = false;
  Of(frame.task).choice = worker;
  frame.r[kWorker] = worker.value();
  Announce(kernel, Handoff::kDispatch, frame.task, worker);
  const bool more = knobs_.chain && Count(frame.task) > 0;
  return Userly(more ? kChain : kOwn, costs_.u_cas);
}

// Wakes one further idle server before it runs its own worker.
Next Engine::ServerChain(Kernel& kernel, Frame& frame) {
  const WordId idle = Word(kernel, HeadOwner(frame.task), kIdleServer);
  switch (frame.step.value()) {
    case kChain: {
      const int64_t tid = kernel.Exchange(idle, 0).old & kTidMask;
      Emit(kernel, kEvTakeServer, tid, 1, frame.task.value(), ByTid(tid).value());
      frame.r[kResult] = ByTid(tid).value();
      return tid == 0 ? Userly(kOwn, costs_.u_cas) : Userly(kChainMark, costs_.u_cas);
    }
    case kChainMark: {
      const TaskId server(static_cast<int32_t>(frame.r[kResult]));
      const int64_t word = LoadState(kernel, server);
      if (StateOf(word) != kIdle) return Userly(kOwn, costs_.u_cas);
      ChangeState(kernel, server, word, WithState(word, kRunning), frame.task, false);
      kernel.Store(Word(kernel, frame.task, kNextTid), TidOf(server));
      return Next::Run(StepId(kChainCall), kernel.facts().c_syscall, RunMode::kKernel);
    }
    case kChainCall:
      return CallPath(kChained, kWait, kWakeOnly, -1);
    default:
      kernel.Store(Word(kernel, frame.task, kNextTid), 0);
      frame.r[kResult] = 0;
      return Next::ToUser(StepId(kChainBack));
  }
}

// pick (none) → own word IDLE → publish → take once more → umcg_wait.
Next Engine::ServerIdle(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  const WordId idle = Word(kernel, HeadOwner(frame.task), kIdleServer);
  const int64_t own = LoadState(kernel, frame.task);
  switch (frame.step.value()) {
    case kOwnIdle:
      ChangeState(kernel, frame.task, own, WithState(own, kIdle) | knobs_.server_bits, frame.task,
                  false);
      return Userly(kPublish, costs_.u_cas);
    case kPublish:
      if (!kernel.CompareExchange(idle, 0, TidOf(frame.task)).ok) {
        GroupOf(frame.task).idle_stack.push_back(frame.task);
      }
      return Userly(kRetake, costs_.u_cas);
    case kRetake:
      thread.waits_idle = true;
      return ServerTake(kernel, frame, kEnterIdle);
    case kGoBack:
      if (StateOf(own) == kIdle) {
        ChangeState(kernel, frame.task, own, WithState(own, kRunning), frame.task, false);
      }
      thread.waits_idle = false;
      return Userly(kClear,
                    kernel.Load(idle).old == TidOf(frame.task) ? costs_.u_cas : kZeroCycles);
    case kEnterIdle:
      Enters(kernel, frame.task, Call::kWait);
      kernel.Store(Word(kernel, frame.task, kNextTid), 0);
      return CallPath(kWaited, kWait, 0, -1);
    case kWaited:
      return BackToUser(frame, kWoken);
    case kWoken:
      Exits(kernel, frame);
      thread.was_woken_idle = true;
      thread.waits_idle = false;
      return Userly(kClear,
                    kernel.Load(idle).old == TidOf(frame.task) ? costs_.u_cas : kZeroCycles);
    default: {  // kClear: somebody else waits on the stack for its turn to be the idle server
      Group& group = GroupOf(frame.task);
      std::erase(group.idle_stack, frame.task);
      kernel.CompareExchange(idle, TidOf(frame.task), 0);
      if (kernel.Load(idle).old == 0 && !group.idle_stack.empty()) {
        kernel.Store(idle, TidOf(group.idle_stack.back()));
        group.idle_stack.pop_back();
      }
      if (StateOf(own) == kIdle) return Userly(kRestore, costs_.u_cas);
      return Userly(kLook, kZeroCycles);
    }
  }
}

// own word IDLE → worker RUNNING|LOCKED → link → unlock → umcg_wait.
Next Engine::ServerRun(Kernel& kernel, Frame& frame) {
  const TaskId worker(static_cast<int32_t>(frame.r[kWorker]));
  switch (frame.step.value()) {
    case kOwn: {
      const int64_t own = LoadState(kernel, frame.task);
      ChangeState(kernel, frame.task, own, WithState(own, kIdle) | knobs_.server_bits, frame.task,
                  false);
      return Userly(kLockWorker, costs_.u_cas);
    }
    case kLockWorker: {
      const int64_t word = LoadState(kernel, worker);
      const bool ready = Of(worker).registered && StateOf(word) == kIdle && !IsLocked(word);
      if (!ready) {
        // It stands on the queue and is still on its way to sleep: it stays there.
        const bool comes = Of(worker).registered && StateOf(word) == kIdle;
        if (!comes) return Userly(kRestore, costs_.u_cas);
        QueueWorker(kernel, frame.task, worker, false);
        if (frame.r[kLooks]++ == 0) frame.r[kLooksSince] = kernel.now().cycles();
        if (frame.r[kLooks] < kLooksMax) return Userly(kRestore, costs_.u_cas);
        return Next::Run(StepId(kNap), kernel.facts().c_syscall, RunMode::kKernel);
      }
      frame.r[kLooks] = 0;
      const int64_t kept = knobs_.keeps_preempted ? word : word & ~layout_.preempted;
      ChangeState(kernel, worker, word, WithState(kept, kRunning) | layout_.locked, frame.task,
                  false);
      Link(kernel, frame.task, worker);
      return Userly(kUnlockWorker, costs_.u_store + costs_.u_cas);
    }
    case kUnlockWorker: {
      const int64_t word = LoadState(kernel, worker);
      ChangeState(kernel, worker, word, word & ~layout_.locked, frame.task, false);
      Of(frame.task).attached = worker;
      return Next::Run(StepId(kCallWait), kernel.facts().c_syscall, RunMode::kKernel);
    }
    default: {  // kCallWait
      Enters(kernel, frame.task, Call::kWait);
      const Time timeout = WaitTimeout(kernel, frame.task);
      return CallPath(kRan, kWait, 0, timeout == kNever ? -1 : timeout.cycles());
    }
  }
}

// The worker that it could run has lost its CPU, perhaps to this very server: it sleeps for as long
// as it has looked (MODEL-324). Its own word is IDLE.
Next Engine::ServerNap(Kernel& kernel, Frame& frame) {
  switch (frame.step.value()) {
    case kNap: {
      Enters(kernel, frame.task, Call::kWait);
      const int64_t now = kernel.now().cycles();
      const int64_t until = now + (now - frame.r[kLooksSince]);
      return CallPath(kNapped, kWait, 0, until < kTimeMax.cycles() ? until : -1);
    }
    case kNapped:
      return BackToUser(frame, kNapOver);
    default:
      Exits(kernel, frame);
      return Userly(kRestore, costs_.u_cas);
  }
}

// Whether the worker of a server that came back has not given its CPU up.
bool Engine::StillRuns(const Kernel& kernel, TaskId server) const {
  const TaskId worker = Of(server).attached;
  if (!worker.valid() || !Of(worker).registered) return false;
  const int64_t word = LoadState(kernel, worker);
  return StateOf(word) == kRunning && !IsPreempted(word) &&
         kernel.Load(Word(kernel, worker, kNextTid)).old == TidOf(server);
}

// The worker has given its CPU up.
Next Engine::ServerUnlink(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  const TaskId worker = thread.attached;
  thread.attached = TaskId();
  // Unlinks both, unless another server has linked the worker meanwhile.
  if (worker.valid() && kernel.Load(Word(kernel, worker, kNextTid)).old == TidOf(frame.task)) {
    kernel.Store(Word(kernel, worker, kNextTid), 0);
  }
  if (worker.valid() && Of(worker).requeue) {
    Of(worker).requeue = false;
    QueueWorker(kernel, frame.task, worker, true);
  }
  const bool still_idle = StateOf(LoadState(kernel, frame.task)) == kIdle;
  return still_idle ? Userly(kRestore, costs_.u_cas) : Userly(kLook, kZeroCycles);
}

// It is back: its worker has given the CPU up, or time is up.
Next Engine::ServerRan(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  const TaskId worker = thread.attached;
  switch (frame.step.value()) {
    case kChainBack:
      return Userly(kOwn, costs_.u_cas);
    case kRan:
      return BackToUser(frame, kAfter);
    case kAfter: {
      Exits(kernel, frame);
      if (frame.r[kResult] == kETIMEDOUT && worker.valid()) {
        kernel.Store(Word(kernel, frame.task, kNextTid), 0);
        if (knobs_.timeout_restores) return Userly(kPreOwn, costs_.u_cas);
        return Userly(kPreemptIt, costs_.u_cas);
      }
      kernel.Store(Word(kernel, frame.task, kNextTid), 0);
      // MODEL-213: a wake-up meant for an idle server came when it was none any more.
      if (frame.r[kResult] == 0 && StillRuns(kernel, frame.task)) {
        return Userly(kStill, costs_.u_cas);
      }
      return ServerUnlink(kernel, frame);
    }
    case kStill: {
      // First its own word, then the look: whoever gives the CPU up does it the other way round.
      const int64_t own = LoadState(kernel, frame.task);
      ChangeState(kernel, frame.task, own, WithState(own, kIdle) | knobs_.server_bits, frame.task,
                  false);
      if (!StillRuns(kernel, frame.task)) return ServerUnlink(kernel, frame);
      return Next::Run(StepId(kCallWait), kernel.facts().c_syscall, RunMode::kKernel);
    }
    case kRestore: {
      const int64_t own = LoadState(kernel, frame.task);
      if (StateOf(own) == kIdle) {
        ChangeState(kernel, frame.task, own, WithState(own, kRunning), frame.task, false);
      }
      return Userly(kLook, kZeroCycles);
    }
    default:
      return ServerPreempt(kernel, frame);
  }
}

// Section 7: flags its worker, signals it, waits again. With libumcg's protocol its own word is
// RUNNING meanwhile, and it polls in user mode until the worker has gone (MODEL-158).
Next Engine::ServerPreempt(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  const TaskId worker = thread.attached;
  switch (frame.step.value()) {
    case kPreOwn: {
      const int64_t own = LoadState(kernel, frame.task);
      if (StateOf(own) == kIdle) {
        ChangeState(kernel, frame.task, own, WithState(own, kRunning), frame.task, false);
      }
      return Userly(kPreemptIt, costs_.u_cas);
    }
    case kPreemptIt: {
      const int64_t word = LoadState(kernel, worker);
      const bool runs = (word & layout_.value() & ~layout_.user) == kRunning;
      Emit(kernel, kEvPreempt, runs ? 0 : kEAGAIN, 0, worker.value(), frame.task.value());
      if (!runs) {
        return Next::Run(StepId(kRecall), kernel.facts().c_syscall, RunMode::kKernel);
      }
      ChangeState(kernel, worker, word, word | layout_.preempted, frame.task, false);
      return Next::Run(StepId(kSignalIt), kernel.facts().c_syscall + costs_.sig_send,
                       RunMode::kKernel);
    }
    case kSignalIt:
      kernel.Signal(worker, SignalKind::kOrdinary);
      return Next::ToUser(StepId(kAgain));
    case kAgain:
      if (knobs_.timeout_restores) {
        Watch watch;
        watch.task = worker;
        watch.word = Word(kernel, worker, kState);
        watch.need_resched = false;
        Next spin = Next::Spin(StepId(kGone), watch, costs_.spin_poll, kernel.now(), true);
        spin.mode = RunMode::kUser;
        return spin;
      }
      return Next::Run(StepId(kRecall), kernel.facts().c_syscall, RunMode::kKernel);
    case kGone:
      thread.attached = TaskId();
      return Userly(kLook, kZeroCycles);
    default:  // kRecall
      Enters(kernel, frame.task, Call::kWait);
      return CallPath(kRan, kWait, 0, -1);
  }
}

// A thread of its own that preempts workers whose slice is over.
Next Engine::Watchdog(Kernel& kernel, Frame& frame) {
  switch (frame.step.value()) {
    case kLook:
    case kWatch: {
      std::vector<TaskId>& sliced = groups_[static_cast<std::size_t>(frame.r[0])].sliced;
      std::erase_if(sliced, [&](TaskId worker) {
        Of(worker).is_sliced = Of(worker).slice_end != kNever;
        return !Of(worker).is_sliced;
      });
      for (TaskId worker : sliced) {
        Thread& thread = Of(worker);
        if (thread.slice_end > kernel.now()) continue;
        thread.slice_end = kNever;
        if (StateOf(LoadState(kernel, worker)) != kRunning) continue;
        UserScheduler* scheduler = SchedulerOf(worker);
        if (scheduler != nullptr && !scheduler->Preempts(kernel, worker, *this)) {
          StartSlice(kernel, worker);  // looked at again
          continue;
        }
        frame.r[kWorker] = worker.value();
        return Userly(kWatchCas, costs_.u_cas);
      }
      return Next::Block(StepId(kWatch), TaskState::kInterruptible);
    }
    case kWatchCas: {
      const TaskId worker(static_cast<int32_t>(frame.r[kWorker]));
      const int64_t word = LoadState(kernel, worker);
      const bool runs = (word & layout_.value() & ~layout_.user) == kRunning;
      Emit(kernel, kEvPreempt, runs ? 0 : kEAGAIN, 0, worker.value(), frame.task.value());
      if (!runs) return Userly(kWatch, kZeroCycles);
      ChangeState(kernel, worker, word, word | layout_.preempted, frame.task, false);
      const Cycles send = variant_ == Variant::kPz ? costs_.vpid : costs_.sig_send;
      return Next::Run(StepId(kWatchSignal), kernel.facts().c_syscall + send, RunMode::kKernel);
    }
    case kWatchSignal:
      kernel.Signal(TaskId(static_cast<int32_t>(frame.r[kWorker])), SignalKind::kOrdinary);
      return Next::ToUser(StepId(kWatchDone));
    default:
      return Userly(kWatch, kZeroCycles);
  }
}

}  // namespace rqsim::umcg
