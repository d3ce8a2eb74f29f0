// UMCG: one engine for the three variants.
//
// A worker may run user code only while a server sleeps for it. The engine has the kernel's half
// (registration, umcg_wait, block and wake detection, pins: umcg.md 6, 9, 10) and, as paths in user
// mode, what the servers and workers of libumcg do (6.13, 7, 13). Both halves meet in words of user
// memory only, which either changes at the end of a step, so another CPU can look in between.
//
//   idle_wait.cc   umcg_wait, its idle loop, umcg_ctl (v0.6, v0.9)
//   resume.cc      the way back to user mode, the two lists, marking a server (v0.6, v0.9)
//   block.cc       block detection (all variants)
//   pz.cc          kernel entry and exit, umcg_wait, umcg_ctl of pz
//   ev.cc          the kernel's half of umcg-ev; ev_user.cc: user code there
//   server.cc      user code of servers and watchdogs
//   user_ops.cc    user code of workers and basic tasks: the operations umcg_*
#ifndef RQSIM_POLICIES_SERVICE_UMCG_ENGINE_H_
#define RQSIM_POLICIES_SERVICE_UMCG_ENGINE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rqsim/seams.h"
#include "service/umcg/params.h"
#include "service/umcg/paths.h"
#include "service/umcg/words.h"
#include "service/umcg/worker_queue.h"

namespace rqsim::umcg {

// Positions of the declared events in kEvents (umcg.cc).
enum Event : int {
  kEvState,
  kEvPush,
  kEvTake,
  kEvTakeServer,
  kEvIgnored,
  kEvSilent,
  kEvRetry,
  kEvDie,
  kEvPin,
  kEvEnter,
  kEvExit,
  kEvHandoff,
  kEvQueue,
  kEvServerIdle,
  kEvDiscard,
  kEvSpurious,
  kEvPreempt,
  kEvSpin,
  kEvLookup,
  kEvRegister,
  kEvGone,
  kNumEvents,
  kEvStamp = kNumEvents,  // umcg-pz alone, as those that follow
  kEvBlockedPush,
  kEvBlockedTake,
  kNumPzEvents,
};

// Calls, as umcg_enter and umcg_exit name them.
enum class Call : int32_t { kWait, kCtl, kKick, kTgkill };

// wait flags
inline constexpr int64_t kWakeOnly = 1;
inline constexpr int64_t kCurrentCpu = 2;
// r[1] of kMark: where it is called sleeping is allowed, so a missing page may be brought in.
inline constexpr int64_t kMayFault = 1;
// Register of user code: what its call gave.
inline constexpr int kResult = 4;
// ctl flags
inline constexpr int64_t kCtlRegister = 1;
inline constexpr int64_t kCtlUnregister = 2;
inline constexpr int64_t kCtlWorker = 0x10000;

// When the wait of an operation is over at the latest, or -1.
inline int64_t TimeoutOf(const Frame& frame) {
  return frame.path == PathId(kOpWait) && frame.r[0] > 0 ? frame.r[0] : -1;
}

class Engine final : public KernelService, private WorkerQueues {
 public:
  Engine(Variant variant, const PolicyParams& params, const Limits& limits);

  HookMask Hooks() const override;
  Next Step(Kernel& kernel, Frame& frame) override;
  void OnStart(Kernel& kernel) override;
  void OnTimer(Kernel& kernel, TimerRef timer, CpuId cpu) override;
  void OnTask(Kernel& kernel, TaskId task, TaskChange change) override;
  void OnFault(Kernel& kernel, int index) override;
  void Describe(const Kernel& kernel, TaskId task, StateWriter& writer) const override;
  PathCall BlockPath(Kernel& kernel, TaskId task) override;
  PathCall UserReturnPath(Kernel& kernel, TaskId task) override;
  PathCall KernelEntryPath(Kernel& kernel, TaskId task) override;
  void Scheduled(Kernel& kernel, CpuId cpu, TaskId prev) override;
  void Bind(std::span<UserScheduler* const> by_group) override;

 private:
  // What the kernel knows of a thread (umcg.md 4.3).
  struct Thread {
    bool registered = false;
    bool is_worker = false;  // registered as one
    bool hooks = false;      // W: the scheduler's hooks see it
    bool resume = false;     // R: work at the return to user mode
    bool pinned_self = false;
    bool pinned_server = false;
    bool in_idle_loop = false;
    bool signal_seen = false;  // its pending signal has been through the resume path
    bool handler_due = false;  // a signal that was pending when it went to sleep in the idle loop
    bool is_dying = false;
    bool mapping_gone = false;  // its page was unmapped by force
    bool parked_pz = false;     // pz: asleep in unblock-and-wait, or on its way
    TaskId server;              // pz: the pinned one, with a reference; ev: the one it runs for,
                                // or, of one that is BLOCKED, that waits for it
    WorkerEvent event = WorkerEvent::kNothing;  // ev, of a server: what it has not been told yet
    TaskId event_worker;                        // … and of whom
    bool event_requeue = false;                 // … and whether that one meant to be queued then
    TaskId hands_to;                            // gets its CPU directly when it sleeps
    TaskId marked;                              // the server that it has made RUNNING last (6.7)
    int64_t last_stamp = 0;
    // user space's own
    TaskId attached;          // of a server: the worker it runs; of a worker: its server
    TaskId choice;            // of a server: whom it is about to run
    bool raw_next = false;    // its program has written next_tid, which a wait then takes
    bool requeue = false;     // its server queues it again when it comes back
    bool waits_swap = false;  // of a worker: on no queue, asleep until another one names it
    bool waits_idle = false;  // of a server: waits for work
    bool was_woken_idle = false;
    bool preempt_sent = false;
    bool tick_preempts = false;  // the tick has found its time to be over
    bool is_taken = false;       // stands in chain_
    bool is_sliced = false;      // … in Group::sliced
    int queued = 0;              // of a worker: its places in the queues of its group
    int rank = 0;              // … among the workers of its group; of a server: among its servers
    bool waits_again = false;  // of a server: for the worker that it runs already
    Time slice_end = kNever;
    int64_t taking = 0;    // of a server: the rest of a list it is taking, and where its
    int taking_place = 0;  // workers go in the queue
    // A fault: sleeps so long at that step of that path.
    PathId sleep_path;
    StepId sleep_step;
    Cycles sleep_for;
  };
  struct Group {
    std::vector<TaskId> servers;
    std::vector<TaskId> workers;
    std::vector<TaskId> watchdogs;
    // What a watchdog looks at: workers whose slice has begun and perhaps not been given up since,
    // in the order of `workers`.
    std::vector<TaskId> sliced;
    UserScheduler* scheduler = nullptr;
    bool is_per_server = false;       // each server has a queue of its own
    std::vector<WorkerQueue> queues;  // user space's: one, or one per server
    std::vector<TaskId> idle_stack;   // further idle servers
    // pz with a list of blocked workers: (server, worker), for all a server knows.
    std::vector<std::pair<TaskId, TaskId>> running;
  };
  // umcg-ev: the lists of an address space, each the last come last; what a server is told.
  struct Space {
    std::vector<TaskId> idle_servers, idle_workers;
  };
  struct Told {
    TaskId worker;
    WorkerEvent event = WorkerEvent::kNothing;
    bool requeue = false;  // what its worker wanted when it was told of
  };

  // WorkerQueues
  int Count(TaskId server) const override;
  TaskId At(TaskId server, int position) const override;

  // --- helpers (engine.cc)
  Thread& Of(TaskId task) { return threads_[task.index()]; }
  const Thread& Of(TaskId task) const { return threads_[task.index()]; }
  const UserTask* UserOf(TaskId task) const {
    return task.valid() && task.index() < world_.tasks.size() ? &world_.tasks[task.index()]
                                                              : nullptr;
  }
  int64_t TidOf(TaskId task) const { return UserOf(task) == nullptr ? 0 : UserOf(task)->tid; }
  bool SameSpace(TaskId a, TaskId b) const {
    return UserOf(a) != nullptr && UserOf(b) != nullptr && UserOf(a)->process == UserOf(b)->process;
  }
  bool SameGroup(TaskId a, TaskId b) const {
    return UserOf(a) != nullptr && UserOf(b) != nullptr && UserOf(a)->group == UserOf(b)->group;
  }
  // Whether `server` may be marked for `worker`, as far as address spaces go.
  bool FitsServer(TaskId server, TaskId worker) const {
    return knobs_.mistakes.any_space || SameSpace(server, worker);
  }
  WordId Word(const Kernel& kernel, TaskId task, Field field) const {
    return kernel.WordOf(self_, task, field);
  }
  int64_t AddressOf(WordId word) const { return (int64_t{word.value()} + 1) * 16; }
  WordId WordAt(const Kernel& kernel, int64_t address, TaskId who) const;
  TaskId OwnerOf(const Kernel& kernel, WordId word) const {
    return TaskId((word.value() - Word(kernel, TaskId(0), kState).value()) / kNumFields);
  }
  TaskId LookUp(Kernel& kernel, int64_t tid, TaskId by);
  TaskId ByTid(int64_t tid) const;
  void HoldTid(const Kernel& kernel, TaskId task);
  int64_t Stamp(const Kernel& kernel, TaskId task, int64_t word);
  // Changes the state word of `task` from `expected` to `wanted` (timestamps are put in).
  WordResult ChangeState(Kernel& kernel, TaskId task, int64_t expected, int64_t wanted, TaskId by,
                         bool by_kernel);
  int64_t StateOf(int64_t word) const { return word & layout_.state; }
  bool IsLocked(int64_t word) const { return (word & layout_.locked) != 0; }
  bool IsPreempted(int64_t word) const { return (word & layout_.preempted) != 0; }
  int64_t WithState(int64_t word, int64_t state) const { return (word & ~layout_.state) | state; }
  int64_t LoadState(const Kernel& kernel, TaskId task) const {
    return kernel.Load(Word(kernel, task, kState)).old;
  }
  void Emit(Kernel& kernel, Event event, int64_t a, int64_t b, int32_t c = 0, int32_t d = 0,
            int32_t e = 0, int32_t f = 0);
  void Pin(Kernel& kernel, TaskId task, bool self, bool server);
  void Unpin(Kernel& kernel, TaskId task);
  Cycles UnpinCost(TaskId task) const {
    const Thread& thread = Of(task);
    return Cycles(costs_.unpin.count() *
                  ((thread.pinned_self ? 1 : 0) + (thread.pinned_server ? 1 : 0)));
  }
  bool IsPinned(TaskId task) const;
  void Die(Kernel& kernel, TaskId task, Reason reason);
  void Enroll(Kernel& kernel, TaskId task, bool as_worker);
  void Forget(Kernel& kernel, TaskId task, int how);
  void Leave(Kernel& kernel, TaskId task);
  Next Oops(Kernel& kernel, Frame& frame);
  bool FatalPending(const Kernel& kernel, TaskId task) const {
    return (kernel.task(task).pending_signals & (1u << static_cast<unsigned>(SignalKind::kKill))) !=
           0;
  }
  bool OrdinaryPending(const Kernel& kernel, TaskId task) const {
    return (kernel.task(task).pending_signals &
            (1u << static_cast<unsigned>(SignalKind::kOrdinary))) != 0;
  }
  PathCall ReturnPath(const Kernel& kernel, TaskId task) const;
  bool HoldsMutex(const Kernel& kernel, TaskId task) const;
  void WakeOrSwitch(Kernel& kernel, TaskId by, TaskId target);
  bool IsAwake(int64_t word) const;
  void StaysAwake(Kernel& kernel, TaskId task);
  void Announce(Kernel& kernel, Handoff kind, TaskId from, TaskId to);
  Next Kernelly(int step, Cycles cycles) const {
    return Next::Run(StepId(step), cycles, RunMode::kKernelNoPreempt);
  }
  Next Userly(int step, Cycles cycles) const {
    return Next::Run(StepId(step), cycles, RunMode::kUser);
  }
  Next CallPath(int step, Path path, int64_t arg0 = 0, int64_t arg1 = 0) const;
  // User code calls into the kernel. What the call gives is kept on the way out, which is paid for,
  // and told in `step`.
  void Enters(Kernel& kernel, TaskId task, Call call) {
    Emit(kernel, kEvEnter, static_cast<int64_t>(call), 0, task.value());
  }
  Next BackToUser(Frame& frame, int step) const {
    frame.r[kResult] = frame.result;
    return Next::ToUser(StepId(step));
  }
  void Exits(Kernel& kernel, const Frame& frame) {
    Emit(kernel, kEvExit, frame.r[kResult], 0, frame.task.value());
  }
  // … which is the end of an operation.
  Next EndOp(Kernel& kernel, const Frame& frame) {
    Exits(kernel, frame);
    return Next::Return(frame.r[kResult]);
  }

  // --- paths
  Next Resume(Kernel& kernel, Frame& frame);
  Next ResumeOn(Kernel& kernel, Frame& frame, int64_t word);
  Next ResumeQueue(Kernel& kernel, Frame& frame);
  Next ResumeLeave(Kernel& kernel, Frame& frame);
  Next ResumeDie(Kernel& kernel, Frame& frame, Reason reason);
  Next ResumeFault(Kernel& kernel, Frame& frame);
  Next Parked(Kernel& kernel, Frame& frame);
  Next Mark(Kernel& kernel, Frame& frame);
  bool MarkWord(Kernel& kernel, TaskId server, TaskId by);
  Next FaultIn(Frame& frame, TaskId owner, int again, Cycles cost);
  Next FaultedIn(Kernel& kernel, const Frame& frame);
  Next Push(Kernel& kernel, Frame& frame);
  Next Take(Kernel& kernel, Frame& frame);
  Next Deliver(Kernel& kernel, Frame& frame);
  Next Block(Kernel& kernel, Frame& frame);
  Next BlockExchange(Kernel& kernel, Frame& frame);
  Next BlockRetry(Kernel& kernel, Frame& frame, int64_t found);
  Next BlockMarked(Kernel& kernel, Frame& frame);
  Next Wait(Kernel& kernel, Frame& frame);
  Next WaitWake(Kernel& kernel, Frame& frame);
  Next WaitBack(Kernel& kernel, Frame& frame);
  Next IdleLoop(Kernel& kernel, Frame& frame);
  Next Ctl(Kernel& kernel, Frame& frame);
  Next CtlUnregister(Kernel& kernel, Frame& frame);
  Next PzEntry(Kernel& kernel, Frame& frame);
  Next PzExit(Kernel& kernel, Frame& frame);
  Next PzPark(Kernel& kernel, Frame& frame);
  Next PzGiveUp(Kernel& kernel, const Frame& frame, int first, int64_t timeout);
  Next PzBlock(Kernel& kernel, Frame& frame);
  Next PzWait(Kernel& kernel, Frame& frame);
  Next PzWaitFail(Kernel& kernel, Frame& frame, int64_t error);
  Next PzCtl(Kernel& kernel, Frame& frame);
  Next PzUnregister(Kernel& kernel, Frame& frame);
  std::optional<Next> PzPage(Kernel& kernel, Frame& frame, bool also_server);
  int64_t PzPin(Kernel& kernel, TaskId task);
  bool PzUpdate(Kernel& kernel, TaskId task, int64_t from, int64_t to, TaskId by);
  bool PzWakeServer(Kernel& kernel, TaskId task);
  void PzPush(Kernel& kernel, TaskId task, Field head, Field link);
  Next PzBlockList(Kernel& kernel, Frame& frame);

  // --- umcg-ev (ev.cc, ev_user.cc)
  Space& SpaceOf(TaskId task) { return spaces_[static_cast<std::size_t>(UserOf(task)->process)]; }
  bool HasBuffer(TaskId task) const;
  void EvSet(Kernel& kernel, TaskId task, int64_t state, TaskId by);
  void EvTell(Kernel& kernel, TaskId worker, TaskId server, WorkerEvent event);
  void EvPushIdle(Kernel& kernel, TaskId worker);
  bool EvWakeIdle(Kernel& kernel, TaskId by, bool by_user);
  bool EvRun(Kernel& kernel, TaskId worker, TaskId server, TaskId by);
  TaskId EvLeaveServer(Kernel& kernel, TaskId worker, int64_t state);
  Next EvBlock(Kernel& kernel, Frame& frame);
  Next EvResume(Kernel& kernel, Frame& frame);
  Next EvParked(Kernel& kernel, Frame& frame);
  Next EvIdle(Kernel& kernel, Frame& frame);
  Next EvWorkerCall(Kernel& kernel, Frame& frame);
  Next EvServerWait(Kernel& kernel, Frame& frame);
  Next EvSwitch(Kernel& kernel, Frame& frame);
  Next EvWaitWorker(Kernel& kernel, Frame& frame);
  Next EvCollect(Kernel& kernel, Frame& frame, int step);
  int64_t EvUnregister(Kernel& kernel, TaskId task, int how);
  int64_t EvRegister(Kernel& kernel, TaskId task, bool worker);
  PathCall EvReturnPath(Kernel& kernel, TaskId task);
  void EvHandle(Kernel& kernel, TaskId server);
  Next EvServer(Kernel& kernel, Frame& frame);
  Next EvPick(Kernel& kernel, Frame& frame);
  Next EvCommand(Kernel& kernel, Frame& frame);
  Next EvOp(Kernel& kernel, Frame& frame);
  Next EvStep(Kernel& kernel, Frame& frame);

  // --- user space (server.cc, user_ops.cc)
  Next Server(Kernel& kernel, Frame& frame);
  Next ServerLook(Kernel& kernel, Frame& frame);
  Next ServerTake(Kernel& kernel, Frame& frame, int empty_step);
  Next ServerPick(Kernel& kernel, Frame& frame);
  Next ServerIdle(Kernel& kernel, Frame& frame);
  Next ServerRun(Kernel& kernel, Frame& frame);
  Next ServerNap(Kernel& kernel, Frame& frame);
  Next ServerRan(Kernel& kernel, Frame& frame);
  Next ServerUnlink(Kernel& kernel, Frame& frame);
  bool StillRuns(const Kernel& kernel, TaskId server) const;
  Next ServerPreempt(Kernel& kernel, Frame& frame);
  Next ServerChain(Kernel& kernel, Frame& frame);
  Next PzServer(Kernel& kernel, Frame& frame);
  Next PzServerPick(Kernel& kernel, Frame& frame);
  Next PzServerRan(Kernel& kernel, Frame& frame);
  Next PzServerSent(Kernel& kernel, Frame& frame);
  void PzTakeBlocked(Kernel& kernel, TaskId server);
  void RunsNoMore(TaskId worker);
  TaskId PzOverdue(const Kernel& kernel, TaskId server) const;
  Next Watchdog(Kernel& kernel, Frame& frame);
  bool TakeList(Kernel& kernel, TaskId server, WordId& pending);
  bool JoinChain(TaskId worker);
  void LeaveChain();
  TaskId Choose(Kernel& kernel, TaskId server);
  void InsertWorker(Kernel& kernel, TaskId server, std::size_t place, TaskId worker);
  void QueueWorker(Kernel& kernel, TaskId server, TaskId worker, bool tells);
  void QueueInOrder(Kernel& kernel, TaskId task);
  bool IsQueued(TaskId worker) const { return Of(worker).queued > 0; }
  bool MayBeSwappedTo(const Kernel& kernel, TaskId worker) const;
  void LeaveQueue(Kernel& kernel, TaskId worker, TaskId server);
  WorkerQueue& QueueOf(TaskId server);
  const WorkerQueue& QueueOf(TaskId server) const;
  Group& GroupOf(TaskId task) { return groups_[static_cast<std::size_t>(UserOf(task)->group)]; }
  const Group& GroupOf(TaskId task) const {
    return groups_[static_cast<std::size_t>(UserOf(task)->group)];
  }
  TaskId HeadOwner(TaskId task) const;
  UserScheduler* SchedulerOf(TaskId task) const;
  void Link(Kernel& kernel, TaskId server, TaskId worker);
  void StartSlice(Kernel& kernel, TaskId worker);
  Cycles SliceOf(Kernel& kernel, TaskId worker);
  void Tick(Kernel& kernel, TaskId worker);
  void ArmSlice(Kernel& kernel, TaskId worker, Time at);
  Time WaitTimeout(Kernel& kernel, TaskId server);
  Next Yield(Kernel& kernel, Frame& frame);
  Next YieldTo(Kernel& kernel, Frame& frame, TaskId server);
  Next Swap(Kernel& kernel, Frame& frame);
  Next WaitOp(Kernel& kernel, Frame& frame);
  Next Wake(Kernel& kernel, Frame& frame);
  Next Preempt(Kernel& kernel, Frame& frame);
  Next Bits(Kernel& kernel, Frame& frame);
  Next Poke(Kernel& kernel, Frame& frame);
  Next Register(Kernel& kernel, Frame& frame);
  Next Unregister(Kernel& kernel, Frame& frame);
  Next RawCtl(Kernel& kernel, Frame& frame);
  Next PzYield(Kernel& kernel, Frame& frame);
  Next SendPreempt(Kernel& kernel, Frame& frame, TaskId worker, int base);

  const Variant variant_;
  const Layout layout_;
  const PolicyId self_;
  const Costs costs_;
  const Knobs knobs_;
  UserWorld world_;
  std::vector<std::pair<int64_t, TaskId>> tids_;  // who has it, by tid
  std::vector<Thread> threads_;
  std::vector<Group> groups_;
  std::vector<Space> spaces_;            // umcg-ev, by process
  std::vector<std::vector<Told>> told_;  // umcg-ev, by task: the buffer of a server
  std::vector<TaskId> chain_;            // of a list that is being taken
  int64_t clock_hz_;
  int64_t pinned_ = 0;
};

}  // namespace rqsim::umcg

#endif  // RQSIM_POLICIES_SERVICE_UMCG_ENGINE_H_
