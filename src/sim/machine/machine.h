// The simulated machine: CPUs, tasks, runqueues' shared state, interrupts, wake-ups, schedule(). It
// executes what the policies decide and emits what happened.
//
//   machine.cc       creation, the main loop, the end of a run, accounts
//   start.cc         instant 0: what is there before anything happens
//   execute.cc       how the current task of a CPU executes: segments, and steps of frames
//   answers.cc       what becomes of a step's answer
//   program_flow.cc  a task's program, and the way back from the kernel to it
//   affinity.cc      where tasks may run
//   park.cc          kernel threads of the scenario that park
//   ops.cc           the operations of task programs, as paths of the machine itself
//   schedule.cc      schedule(): pick, the switch
//   donors.cc        who executes for a blocked donor, what becomes of donors that cannot stay
//   class_work.cc    work put off by classes, throttled tasks, servers
//   balance.cc       balancing: orders of runs, moves, load averages
//   wakeup.cc        the wake-up path W1 to W5, requests for a reschedule, IPIs
//   idle.cc          idle states
//   slice_timer.cc   the timer that ends turns between ticks
//   tick.cc          the periodic tick: when a CPU has one
//   elide.cc         ticks that decide nothing are no events
//   interrupt.cc     IPIs, timers, ticks, actions from outside
//   hotplug.cc       masks of CPUs, the push, timers and tasks of a CPU that leaves
//   timers_first.cc  the other order of one instant: clock events before finished runs
//   requests.cc      what policies asked for
//   hold.cc          window faults: who is held where, and how a held path goes on
//
// Terms (machine.md 2.3): a CPU is idle, runs a segment of its current task, or is in an overhead
// (interrupts off). An "actor" is the CPU whose event is being handled; costs that its effects
// cause (c_wake, c_ipi_send) become its overhead.
#ifndef RQSIM_SIM_MACHINE_MACHINE_H_
#define RQSIM_SIM_MACHINE_MACHINE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rqsim/check.h"
#include "rqsim/faults.h"
#include "rqsim/kernel.h"
#include "rqsim/listener.h"
#include "rqsim/policy.h"
#include "rqsim/scenario.h"
#include "rqsim/seams.h"
#include "sim/engine/cpu_bitmap.h"
#include "sim/engine/event_queue.h"
#include "sim/machine/program.h"
#include "sim/machine/trace.h"

namespace rqsim {

// The policies of one run, in PolicyId order after the machine's own row 0.
struct PolicyRow {
  const PolicyInfo* info = nullptr;
  Policy* policy = nullptr;  // null for row 0
  HookMask hooks;
  EventKind first_event{};
  int first_timer = 0;  // index of its first timer in Machine::timers_
  int first_word = 0;
};
struct MachinePolicies {
  std::vector<PolicyRow> rows;
  std::vector<SchedClass*> classes;  // strongest first; the idle class last
  std::vector<PolicyId> class_ids;
  LockProtocol* lock = nullptr;
  PolicyId lock_id;
  Placement* placement = nullptr;
  PolicyId placement_id;
  std::vector<KernelService*> services;
  std::vector<PolicyId> service_ids;
};

// How a task is made at the start or by fork.
struct TaskPlan {
  std::string name;
  int program = -1;  // -1: driven by frames only
  bool kthread = false;
  SchedSpec sched;
  CpuSet cpus;
  CpuId start_cpu;
  Time start;
  bool spawned_at_start = true;  // false: a template of fork
  PolicyId policy;               // valid: begins in this path of it, with r[0] = `argument` …
  PathId path;
  int32_t argument = 0;
  bool starts_asleep = false;      // … asleep, and was there before the run
  bool is_daemon = false;          // waits for others: nobody waits for its end
  std::optional<Time> first_wake;  // kernel threads: not at `start`, when they are created
  int32_t affinity = -1;           // index into MachinePlan::affinities; -1: none
  std::optional<CpuSet> cpuset;    // none: the root
};

// A window fault, resolved: the nth time `task` (invalid: any) comes to the window, or to the step
// of a path, it is held for so long, or until then.
struct HoldPlan {
  Window window{};  // 0: the step below
  PolicyId policy;
  PathId path;
  StepId step;
  TaskId task;
  int64_t nth = 1;
  Cycles length;
  Time until = kNever;  // kNever: `length` counts
  int64_t reached = 0;
};

// A fault of a policy that happens at an instant.
struct FaultAt {
  PolicyId policy;
  int index = 0;  // into UserWorld::faults
  Time at;
  CpuId cpu;
};

struct MachinePlan {
  Scenario scenario;
  Faults faults;
  std::vector<HoldPlan> holds;
  std::vector<FaultAt> faults_at;
  std::string set_name;
  Programs programs;
  std::vector<TaskPlan> tasks;      // scenario order: ids 1 …
  std::vector<TaskPlan> templates;  // by template number
  std::vector<KthreadAffinity> affinities;
  PreemptMode preempt = PreemptMode::kFull;
  KernelVersion kernel = KernelVersion::k7_2;
  int task_capacity = 0;  // of the arrays, idle task included
};

// The paths of the machine itself (row 0): one per operation, and those of the stop task.
const PolicyInfo& MachinePolicyInfo();

class Machine final : public Kernel, public RunInfo, public ViolationSink, private CheckContext {
 public:
  Machine(MachinePlan plan, MachinePolicies policies);
  ~Machine() override;

  void AddListener(Listener& listener);
  // Handles every event up to `t`; false when nothing more can happen.
  bool RunUntil(Time t);
  const RunEnd& end() const { return end_; }
  bool ended() const { return ended_; }
  const std::vector<Violation>& violations() const { return violations_; }
  void Describe(TaskId task, StateWriter& writer) const;

  // Kernel: words
  void SetLockOwner(LockId id, TaskId owner, uint8_t flags) override;
  WordResult Load(WordId id) const override;
  WordResult Store(WordId id, int64_t value) override;
  WordResult Exchange(WordId id, int64_t value) override;
  WordResult CompareExchange(WordId id, int64_t expected, int64_t value) override;
  WordId WordOf(PolicyId policy, TaskId task, int k) const override;
  void SetWordsPresent(PolicyId policy, TaskId task, bool present) override;
  void EmitDeclared(PolicyId policy, int index, const PolicyEventPayload& payload) override;
  bool WantsDeclared(PolicyId policy, int index) const override;

  // Kernel: looks that a class or the clock of a runqueue has to do with
  LoadAvg LoadNow(TaskId id) const override;
  bool MayMove(TaskId id) override;
  bool KthreadOf(TaskId id, PolicyId policy, PathId& path, CpuId& cpu) const override;
  int64_t AdmitOffline(CpuId id) override;
  int64_t AdmitHotplug(CpuId id, bool up) override;
  bool PreemptionOff(CpuId id) const override;

  // RunInfo
  const Scenario& scenario() const override { return plan_.scenario; }
  std::string_view policy_set() const override { return plan_.set_name; }
  int num_cpus() const override { return Kernel::num_cpus(); }
  int num_locks() const override { return Kernel::num_locks(); }
  int num_tasks() const override { return num_tasks_made_; }
  std::string_view task_name(TaskId task) const override { return names_[task.index()]; }
  bool is_kthread(TaskId id) const override { return task_store_[id.index()].is_kthread; }
  std::string_view lock_name(LockId lock) const override {
    return plan_.scenario.mutexes[lock.index()];
  }
  Cycles tick() const override { return facts_.tick; }
  const std::vector<const PolicyInfo*>& policies() const override { return infos_; }
  EventKind first_event_kind(PolicyId policy) const override {
    return policies_.rows[policy.index()].first_event;
  }

  // ViolationSink
  void Report(Violation violation, Severity severity) override;

 private:
  // --- execution contexts ----------------------------------------------------------------------

  // What happens when a task gets to go on at one level of its stack.
  enum class Resume : uint8_t {
    kAdvance,  // the program's next operation, or the frame's next step
    kSegment,  // `remaining` cycles of a segment first
    kForever,  // a segment without end
    kSpin,     // spinning: look again
  };
  // What a spinner waits for.
  struct SpinState {
    Watch watch;
    Cycles poll;
    Time since;
    bool yields = false;         // cond_resched at every look
    Cycles into;                 // of the present poll, when it was interrupted
    bool looks_at_once = false;  // it gave way at a poll: it looks when it has the CPU again
  };
  // A frame and how far its present segment is.
  struct Level {
    Frame frame;
    SpinState spin;
    Cycles remaining;
    RunMode mode = RunMode::kUser;
    Resume resume = Resume::kAdvance;
    bool hook = false;   // a service's hook put it here: its result is nobody's
    bool held = false;   // a window fault holds it before its next step
    Time held_until;     // kNever: the hold is a segment
    int32_t below = -1;  // level underneath, or the next free one
  };
  // How far the task is on its way back from the kernel to its program.
  // kUserCode: to the middle of the program's own code, by no system call.
  enum class ExitPhase : uint8_t { kNone, kLeaveKernel, kSyscallExit, kSysret, kUserCode };
  // Everything of a task that is the machine's alone.
  struct Context {
    int32_t program = -1;
    int32_t pc = 0;
    int32_t op_pc = -1;       // instruction being executed, -1 none
    int32_t abort_pc = -1;    // where it goes on if it is aborted, -1: nowhere …
    bool is_aborted = false;  // … which is where it goes from the present operation
    int64_t op_result = 0;
    Level base;        // the program itself
    int32_t top = -1;  // top frame, -1: the program
    int32_t depth = 0;
    ExitPhase exit_phase = ExitPhase::kNone;
    int32_t exit_level = -1;  // whose way out it is: a frame's, -1 the program's
    TaskId park_waiter;       // woken when it is parked
    bool created = false;     // a kernel thread: the placement has been told
    bool in_block_path = false;
    bool block_path_done = false;
    bool block_pending = false;  // a Block that waits for the services' block paths
    StepId block_step;
    TaskState block_state = TaskState::kRunning;
    Time block_timeout = kNever;
    Cycles block_length;  // > 0: the timeout counts from the switch
    TaskId switch_to;     // gets the CPU directly at the next sleep
    Cycles switch_cost;
    EventQueue::Handle sleep_timer = EventQueue::kNone;
    CpuId ran_on;           // CPU it last executed on
    Cycles migrate_work;    // c_migrate not yet worked off
    int32_t waitable = -1;  // list it is on
    TaskId wait_next;
    TaskId wake_next;          // next on a wake-up list
    Time started;              // spawned at
    bool free_switch = false;  // its next dispatch on an idle CPU costs no switch
    int32_t joins = 0;         // stop tasks or handlers it still waits for
    TaskSums sums;
  };

  // --- CPUs ------------------------------------------------------------------------------------

  enum class Mode : uint8_t {
    kIdle,      // the idle task, halted
    kRun,       // curr executes (also the idle task, when a service's path runs in it)
    kOverhead,  // machine work, interrupts off
    kPaused,    // curr waits for the RESCHED event of this instant
  };
  enum class After : uint8_t {
    kNothing,
    kSwitch,  // the switch is complete
    kPick,    // schedule() goes on where a window held it
  };
  struct OverheadPart {
    CostId cost = CostId::kSched;
    Cycles length;
    bool is_irq = false;  // of an interrupt handler
  };
  enum class IpiKind : uint8_t { kResched, kWakeList, kCall, kKick, kBalance };
  struct OutgoingIpi {
    IpiKind kind = IpiKind::kResched;
    CpuId target;
    int32_t call = -1;
  };
  // Work that a schedule() does on another CPU at the end of its overhead.
  struct Arrival {
    TaskId task;
    CpuId cpu;
    bool is_woken = false;  // on its way here its wait ended
    WakeFlags flags = WakeFlags::kNone;
  };
  struct DeferredWake {
    TaskId task;
    WakeFlags flags = WakeFlags::kNone;
    CpuId waker;
  };
  // The rest of a path that a window holds (hold.cc).
  struct Held {
    enum class Kind : uint8_t {
      kPlace,     // W1: choose a CPU for `task`
      kEnqueue,   // W2: put it on `cpu`
      kActivate,  // W5: the parked `task` follows its owner to `cpu`
      kRequest,   // what was asked for after that
    };
    Kind kind = Kind::kPlace;
    TaskId task;
    TaskId owner;  // kActivate: on whom it was parked
    WakeFlags flags = WakeFlags::kNone;
    CpuId waker, cpu, before;
    bool by_task = false;
    Request request;
  };
  // What a schedule() decided.
  struct SwitchPlan {
    TaskId prev, next, old_donor;
    StateCode prev_state;
    bool voluntary = false;
    bool keep_resched = false;
    bool kept_queued = false;
    Cycles c_ctx;
    TaskId donor_before = kIdleTask;  // of the present pick
  };
  // What a class put off until the runqueue is consistent again.
  struct BalanceWork {
    PolicyId policy;
    int16_t what = 0;
    friend bool operator==(const BalanceWork&, const BalanceWork&) = default;
  };
  struct AfterSwitchTimer {
    int32_t timer = -1;
    Cycles after;
  };
  struct CpuState {
    Mode mode = Mode::kIdle;
    After after = After::kNothing;
    bool has_pending_next = false;
    bool hooks_due = false;          // SwitchedPath hooks of the last switch have not been asked
    bool elides = false;             // ticks from next_tick on are not in the queue
    bool wants_elision = false;      // has just had a tick
    Time next_tick;                  // meaningful while it elides
    int idle_state = -1;             // index into the machine's idle states; -1 none
    bool ticked = false;             // a tick is part of the interrupt that is being handled …
    bool balance_due = false;        // … and its balancing comes at the end
    IdleKind balance_idle{};         // what the CPU was when that was noticed
    Time load_clock, load_clock_at;  // clock_pelt, and when it stood there
    bool in_schedule = false;
    bool hold_pending = false;    // the first part of the overhead is a hold
    TaskId walk_held;             // the donor at whose chain W3 holds schedule()
    bool idle_flagged = false;    // the idle task's need_resched: a walk wants another look
    bool waits_to_retry = false;  // … which is put off, nothing having changed
    bool is_stuck = false;        // walks in a circle for ever
    Cycles retry_after;
    Time last_retry = Time(-1);  // of an instant's last look for want of other events
    Time waits_since;
    int64_t events_at_wait = 0;
    EventQueue::Handle retry_event = EventQueue::kNone;
    EventQueue::Handle end_event = EventQueue::kNone;
    EventQueue::Handle tick_event = EventQueue::kNone;
    EventQueue::Handle hrtick_event = EventQueue::kNone;
    bool starts_hrtick = false;  // at the end of the schedule() that is going on
    Cycles hrtick_after, hrtick_slop;
    Time seg_start;
    Time charge_start;
    Cycles irq_time;     // spent in interrupt handlers, finished overheads only
    Cycles irq_at_mark;  // IrqTime() at charge_start
    Time span_start;
    Time overhead_start;
    SegmentKind span_kind = SegmentKind::kIdle;
    bool span_progress = false;
    TaskId span_curr = kIdleTask, span_donor = kIdleTask;
    TaskId switching_prev;  // off the CPU at the end of this switch
    TaskId switched_from;
    int num_parts = 0;
    std::array<OverheadPart, kMaxOverheadParts> parts{};
    Next pending_next;
    DeferredWake deferred;
    std::vector<OutgoingIpi> outbox;
    // What arrives after this CPU's own schedule() of the instant: wake-up lists, kicks to balance.
    std::vector<OutgoingIpi> held_ipis;
    std::vector<int32_t> ended_calls;  // handlers whose cost is being spent
    std::vector<Arrival> arrivals;
    std::vector<AfterSwitchTimer> after_switch_timers;
    std::vector<BalanceWork> balance_work;  // the last asked for at the end
    std::vector<uint32_t> irqs;  // interrupts that wait for the end of an overhead or irqs_off
    TaskId wake_list_head, wake_list_tail;
    bool wake_list_ipi = false;  // the list's IPI is on its way or held
    Time schedules_at;
    int schedules = 0;
    CpuSums sums;
    Context idle;              // execution context of the idle task here
    TaskId vacate_waiter;      // sleeps until nothing is left here
    bool push_queued = false;  // the stop task has been asked to push curr away
    PolicyId idle_policy;      // RunInIdle: what the idle loop is to run
    PathCall idle_call;
    bool idle_call_waits = false;    // … as soon as it is idle
    std::vector<int32_t> stop_work;  // indices into stop_work_, first in first out
    SwitchPlan switch_plan;          // of the schedule() that a window holds
    std::vector<Held> held;
  };

  // What queue payloads mean: kind << 24 | index.
  enum class Ev : uint32_t {
    kEnd,         // end of a segment or overhead; index = CPU
    kTick,        // CPU
    kResched,     // reschedule IPI; CPU
    kKick,        // IPI that only makes the CPU pass the kernel's exit; CPU
    kWakeList,    // CPU
    kCall,        // index into calls_
    kBalance,     // IPI that makes an idle CPU balance; CPU
    kPollNotice,  // idle CPU notices need_resched; CPU
    kSleep,       // task
    kTimer,       // index into timers_
    kHrtick,      // CPU
    kExt,         // index into actions_
    kGrace,       // task
    kHeld,        // what came from outside goes on; index into outside_held_
    kIdleRetry,   // CPU
    kFault,       // index into MachinePlan::faults_at
    kIdlePath,    // CPU
  };
  static uint32_t Payload(Ev kind, int32_t index) {
    return (static_cast<uint32_t>(kind) << 24) | static_cast<uint32_t>(index);
  }

  // A timer that has expired, but whose interrupt is held until its CPU takes interrupts again.
  static constexpr EventQueue::Handle kHeld = -2;

  struct PolicyTimer {
    TimerRef ref;
    EventQueue::Handle handle = EventQueue::kNone;
    CpuId cpu;
    bool is_background = false;
  };
  struct Call {
    Message message;
    TaskId waiter;  // kNoWaiter if nobody waits; may be the idle task of `from`
    CpuId from, to;
    bool waited = false;
    bool done = false;
    int32_t next_free = -1;
  };
  struct Waitable {
    WaitableInfo::Kind kind = WaitableInfo::Kind::kCondvar;
    int64_t value = 0;  // semaphore: tokens; barrier: users; both as of now
    int32_t waiting = 0;
    TaskId head, tail;
  };
  struct StopWork {
    // kPush: `task` was picked where it may not stay; it goes wherever the fallback says.
    enum class Kind : uint8_t { kMove, kPush, kPath } kind = Kind::kMove;
    TaskId task;  // kMove: what is moved
    CpuId dest;
    TaskId waiter;  // sleeps until it is done; invalid: nobody
    PolicyId policy;
    PathId path;
    int64_t arg = 0;
    int32_t next_free = -1;
  };
  struct Grace {
    TaskId task;
    Time earliest;
    CpuSet open;  // CPUs whose section with preemption off has not ended
  };
  struct ExtAction {
    Time at;
    TaskId spawn;  // valid: spawn this task
    int32_t action = -1;
    int32_t hotplug = -1;
  };

  // --- start.cc
  void Start();
  void LetSleepUntilStart(TaskId task, Time start);
  void LetSleepInPath(TaskId task);

  // --- machine.cc
  void BuildTopology();
  void CreateTasks();
  void CreateTask(TaskId id, const TaskPlan& plan);
  void CreatePolicyTasks();
  void ArmExt();
  bool Step();  // one event of this instant; false if there is none
  void HandleTop();
  void HandleDue(Phase phase, CpuId c);
  uint32_t PopTop();
  bool CountEvent();
  bool AtRest();
  void End(Outcome outcome, std::string message);
  void CloseBooks();
  void Charge(CpuId c);
  void Span(CpuId c, SegmentKind kind, bool progress);
  void CloseSpan(CpuId c, Time end);
  void BookOverhead(CpuId c, Time stop);
  Cycles IrqTime(const CpuState& s) const;
  void MarkCharged(CpuState& s);

  // --- idle.cc
  void EnterIdle(CpuId c);
  bool LeaveIdle(CpuId c);
  int IdleStateFor(CpuId c) const;
  bool PollsIdle(CpuId c) const;
  std::string DescribeBlocked() const;
  void DescribeForCheck() const override;

  // --- execute.cc
  Context& Ctx(CpuId c) {
    const TaskId curr = cpus_[c.index()].curr;
    return curr == kIdleTask ? cpu_states_[c.index()].idle : contexts_[curr.index()];
  }
  Level& Top(Context& ctx) {
    return ctx.top < 0 ? ctx.base : levels_[static_cast<std::size_t>(ctx.top)];
  }
  void PauseSegment(CpuId c);
  void WorkOff(CpuId c);
  void PushSegmentEnd(CpuId c, Time start, Cycles work);
  void ResumeCpu(CpuId c);     // goes on with curr, after everything that comes first
  void StartSegment(CpuId c);  // … with its present segment
  void SegmentEnd(CpuId c);
  void Advance(CpuId c);
  bool NextOp(CpuId c, Context& ctx);
  bool LeaveKernel(CpuId c, Context& ctx);
  bool UserReturn(CpuId c, Context& ctx);
  bool UserReturnHook(CpuId c, Context& ctx);
  bool AfterPathReturn(CpuId c, Context& ctx, bool was_hook, int64_t result);
  void PushFrame(CpuId c, Context& ctx, PolicyId policy, PathId path, const int64_t* args,
                 int num_args);
  void PushHook(CpuId c, Context& ctx, PolicyId policy, const PathCall& call);
  void FinishOp(CpuId c, Context& ctx, int64_t result);
  bool DoBlock(CpuId c, Context& ctx);
  bool SwitchesDirectly(CpuId c, Context& ctx);
  void StartSpin(CpuId c, Context& ctx, const Next& next);
  void Watchers(LockId lock, WordId word, TaskId task);
  void Look(CpuId c);
  void GoOnSpinning(CpuId c);
  Time NextPoll(CpuId c, const SpinState& spin, Time from) const;
  const SpinState& SpinOf(CpuId c) { return Top(Ctx(c)).spin; }
  void ExitTask(CpuId c, Context& ctx);
  bool PreemptionPoint(CpuId c) const;
  RunMode CurrMode(CpuId c) const;
  void SectionEnded(CpuId c);
  bool RunsHookPaths(CpuId c, Context& ctx);

  // --- answers.cc
  bool HandleNext(CpuId c, Context& ctx, const Next& next);
  bool StartRun(CpuId c, Level& level, const Next& next);
  bool StartCall(CpuId c, Level& level, const Next& next);
  void StartGrace(CpuId c, TaskId waiter, Cycles at_least);
  void StartStop(Context& ctx, const Next& next);
  bool Sleep(CpuId c, Context& ctx);
  void PopFrame(Context& ctx);

  // --- ops.cc
  Next OpStep(CpuId c, Frame& frame);
  Next MachineStep(CpuId c, Frame& frame);
  Next OpEffect(CpuId c, Frame& frame, const Instr& instr);
  Next WaitEffect(Frame& frame, const Instr& instr);
  Next BlockEffect(Frame& frame, const Instr& instr);
  Next EntryHook(Frame& frame);
  Next AfterEffect(Frame& frame, const Instr& instr);
  void WakeAll(int32_t waitable);
  Next StopperStep(CpuId c, Frame& frame);
  void JoinWaitable(int32_t waitable, TaskId task);
  TaskId PopWaitable(int32_t waitable);
  void LeaveWaitable(TaskId task);
  TaskId Fork(CpuId c, TaskId parent, int32_t template_index);
  void QueueStopWork(CpuId target, const StopWork& work);

  // --- park.cc
  static PathCall ParkCall();
  void AskToPark(TaskId task, TaskId waiter);
  bool ParksFirst(CpuId c, Context& ctx);
  bool ParksInside(const Frame& frame, OpKind kind) const;
  Next ParkStep(Frame& frame);
  bool StartsParked(TaskId task);

  // --- affinity.cc
  enum class AffinityCall : uint8_t {
    kUser,           // sched_setaffinity()
    kKernel,         // set_cpus_allowed_ptr(): within what the user asked for, if that goes
    kMigrateEnable,  // the mask that was put off
  };
  void SetUpAffinity();
  CpuSet EffectiveOf(const CpuSet& allowed) const;
  void PlanAffinity(TaskId task, const TaskPlan& plan);
  void CallAboutKthread(KthreadCall::Kind kind, TaskId task, const CpuSet& cpus);
  void CreateKthread(TaskId task);
  bool IsCreatedBeforeWake(TaskId task) const {
    return task.index() <= plan_.tasks.size() && plan_.tasks[task.index() - 1].first_wake;
  }
  void InstallCpus(TaskId task, const CpuSet& cpus);
  void TellCpus(TaskId task);
  void RememberUserCpus(TaskId task, const CpuSet& asked);
  MaskAnswer AskAboutMask(TaskId task, const CpuSet& cpus, MaskChange by);
  int64_t ChangeAffinity(TaskId task, const CpuSet& asked, AffinityCall call, TaskId caller,
                         bool& must_wait);
  void ForceCpus(TaskId task, const CpuSet& cpus);
  void UpdateCpusetsNow();
  void MoveToCpuset(TaskId task, const CpuSet& cpus);
  Time& TimerBase(TaskId task, int32_t object);
  void FinishStopWork(CpuId c);

  // --- schedule.cc
  void Schedule(CpuId c, bool preempt);
  void PickDonor(CpuId c);
  TaskId PickTask(CpuId c, TaskId prev);
  // Must a picked task go through the lock protocol before anybody executes for it?
  bool IsGated(TaskId task) const {
    const Task& t = task_store_[task.index()];
    return t.is_blocked;
  }
  void SwitchDirect(CpuId c, TaskId to, Cycles cycles);
  void FinishSchedule(CpuId c, const SwitchPlan& plan);
  Cycles SwitchCost(const SwitchPlan& plan);
  void FinishSwitch(CpuId c);
  void DequeueTask(CpuId c, TaskId task, QueueReason reason);
  void EnqueueTask(CpuId c, TaskId task, QueueReason reason);
  void TaskLeft(CpuId c, TaskId task);
  void SetDelayed(TaskId task, bool delayed);
  void ChargeIfClass(CpuId c, TaskId task);
  SchedClass& ClassOf(TaskId task) {
    return *policies_.classes[task_store_[task.index()].sched_class];
  }
  uint8_t ClassIndexFor(SchedPolicy policy) const;
  void AddCost(CpuId c, CostId cost, Cycles length);
  void BeginOverhead(CpuId c, After after);
  void EndOverhead(CpuId c);
  Cycles CostSum(const CpuState& s) const;
  void TickOnSwitch(CpuId c);
  void ArmTick(CpuId c);
  void StopTick(CpuId c);
  void PushTick(CpuId c, Time at);
  bool TickWanted(CpuId c);
  void UpdateTick(CpuId c);

  // --- slice_timer.cc
  void FinishHrtick(CpuId c);
  void ArmHrtick(CpuId c, Time at, Cycles slop);
  void StopHrtick(CpuId c);

  // --- donors.cc
  void SetDonor(CpuId c, TaskId donor);
  void ExchangeDonor(CpuId c, TaskId donor);
  void CutSpan(CpuId c);
  void ResetDonor(CpuId c);
  bool Resolve(CpuId c, TaskId& exec, bool& keep_resched);
  void IdleAsDonor(CpuId c);
  void ApplyDonorAction(CpuId c, const DonorAction& action);
  void SendDonor(CpuId c, TaskId task, CpuId to);
  void DeliverArrivals(CpuId c);
  void GetStuck(CpuId c);
  void WaitToRetry(CpuId c);
  void StopWaitingToRetry(CpuId c);
  bool LookAgainBeforeTimePasses();

  // --- elide.cc
  bool MayElideTicks() const;
  void NotePassed(Phase phase, CpuId cpu);
  Time NextTickOfInterest(CpuId c);
  void TryElide(CpuId c);
  void TakeTicks(CpuId c) {
    if (State(c).elides) TakeElidedTicks(c);
  }
  void TakeElidedTicks(CpuId c);
  void TickQuietly(CpuId c);
  void TakeTick(CpuId c);
  void TickInHandler(CpuId c);
  void RestartSegment(CpuId c);
  void TakeAllTicks(Time t);
  void SetTickless(CpuId c, bool tickless);
  static uint32_t PassKey(Phase phase, CpuId cpu) {
    return (static_cast<uint32_t>(phase) << 16) | static_cast<uint32_t>(cpu.value());
  }
  bool HasHook(PolicyId policy, Hook hook) const {
    return policy.valid() && policies_.rows[policy.index()].hooks.Has(hook);
  }

  // --- class_work.cc
  void FindServer();
  void AddCallback(CpuId c, const BalanceWork& work);
  void DropCallbacks(CpuId c);
  void RunCallbacks();
  void RunCallbacksOf(CpuId c);
  void BalanceBefore(CpuId c, TaskId prev);
  TaskId PickOf(CpuId c, std::size_t sched_class);
  void SetThrottled(TaskId task, bool throttled);
  void CountQueued(CpuId c, int sched_class, int change);
  void StartServer(CpuId c);
  void ChargeServer(CpuId c, Cycles length);
  int64_t Admit(TaskId task, const SchedAttr& attr);
  void AdmitNew(TaskId task);
  bool ClassHas(int sched_class, Hook hook) const {
    return policies_.rows[policies_.class_ids[static_cast<std::size_t>(sched_class)].index()]
        .hooks.Has(hook);
  }

  // --- wakeup.cc
  bool WakeTask(TaskId task, WakeFlags flags);
  void PlaceWoken(TaskId task, WakeFlags flags, CpuId waker);
  void PlaceAndEnqueue(TaskId task, WakeFlags flags, CpuId waker, bool is_new);
  void EmitTtwu(TaskId task, CpuId waker, CpuId before, WakeFlags flags);
  void EnqueueWoken(CpuId target, TaskId task, WakeFlags flags, CpuId waker, bool is_new);
  void ActivateWoken(CpuId c, TaskId task, WakeFlags flags, bool is_new);
  bool WakeQueuedTask(TaskId task, WakeFlags flags);
  void WakeInFlight(TaskId task, WakeFlags flags);
  CpuId ChooseCpu(TaskId task, CpuId waker, WakeFlags flags);
  void SetTaskCpu(TaskId task, CpuId to, bool full_placement);
  void WakeupPreempt(CpuId c, TaskId woken, WakeFlags flags);
  void ReschedCpu(CpuId target, ReschedKind kind);
  void MarkResched(CpuId c);
  void SendIpi(CpuId from, const OutgoingIpi& ipi);
  void PushIpi(Cycles latency, CpuId target, uint32_t payload);
  void FlushOutbox(CpuId c);
  void EndOfEvent(CpuId c);
  bool UsesWakeList(TaskId task, CpuId waker, CpuId target) const;
  bool IsOnWakeList(TaskId task) const;
  void AppendToWakeList(CpuId target, TaskId task);
  void SignalTask(TaskId task, SignalKind kind);
  void MoveQueuedTask(TaskId task, CpuId to);
  void SpawnTask(TaskId task, CpuId waker, WakeFlags flags);

  // --- hold.cc
  bool ReachWindow(Window window, TaskId task) override;
  Cycles ReachedHold(Window window, TaskId task);
  bool HoldWork(Window window, const Held& held);
  void HoldCpu(CpuId c, Cycles length);
  void EndHold(CpuId c);
  void GoOn(CpuId c, std::vector<Held>& work);
  void GoOnWith(const Held& held);
  bool HoldsStep(CpuId c, Context& ctx);
  void ActivateParked(TaskId task, TaskId owner, CpuId cpu);

  // --- interrupt.cc
  void Interrupt(CpuId c, uint32_t payload);
  void CancelTimerEvent(EventQueue::Handle& handle, uint32_t payload);
  void HandleInterrupt(CpuId c, uint32_t payload);
  bool IsTimer(Ev kind) const;
  void TimerInterrupt(CpuId c, uint32_t first);
  void TimerEffect(CpuId c, uint32_t payload);
  void HandleTick(CpuId c);
  void EndOfTick(CpuId c);
  void HandleWakeList(CpuId c);
  void HandleCall(CpuId c, int32_t index);
  void EndCall(int32_t index);
  void DoExt(int32_t index);
  void Kick(CpuId c);

  // --- hotplug.cc
  void SetMask(CpuId c, HotplugMaskKind mask, bool on);
  void SetOnlineNow(CpuId c, bool online);
  void TellQueueChanged(CpuId c, bool online);
  bool MayRunOn(TaskId task, CpuId cpu) const;
  void PushAfterSchedule(CpuId c);
  void WakeIfVacated(CpuId c);
  void PushNow(CpuId c, TaskId task);
  void LeaveOfflineQueue(TaskId task);
  void FlushWakeList(CpuId c);
  void MoveTimersNow(CpuId from, CpuId to);
  void MoveTasksNow(CpuId from);
  void StartIdlePath(CpuId c);
  bool InterruptOffline(CpuId c, uint32_t payload);
  void AskHotplug(int32_t index);
  void CarryHotplug(Request& request);

  // --- timers_first.cc
  bool StepTimersFirst();
  bool StepOn(Phase phase, CpuId c);
  bool StepOnTop();
  CpuId FirstInKernel();
  bool KeepsPlace(EventQueue::Handle timer, Time at) const;

  // --- requests.cc
  void Drain() {
    if (drained_ != num_requests_) DrainRequests();
  }
  void DrainRequests();
  void Carry(Request& request);
  int64_t ChangeSched(TaskId task, const SchedAttr& base);
  void ApplyEffective(TaskId task, const SchedAttr& eff);
  int32_t NewCall(const Message& message, TaskId waiter, CpuId from, CpuId to, bool waited);
  void SetBlockedOnNow(TaskId task, LockId lock);
  void SetLink(TaskId task, TaskId donor);
  void AbortProgramOf(TaskId task);
  int32_t TimerIndex(const TimerRef& ref) const;
  void NotePopped(uint32_t payload) {
    if (static_cast<Ev>(payload >> 24) == Ev::kTimer &&
        timers_[static_cast<std::size_t>(payload & 0xffffff)].is_background) {
      --background_pending_;
    }
  }
  void ArmPolicyTimer(int32_t index, CpuId on, Time at);
  void CancelPolicyTimer(int32_t index);
  void EmitAttr(TaskId task, TaskAttrKind what);
  void EmitCpus(TaskId task);
  void NotifyTask(TaskId task, TaskChange change);
  SchedAttr AttrOf(const SchedSpec& spec) const;

  // --- balance.cc
  void SetUpBalancing();
  void RunBalance(CpuId c);
  void DriveBalance(CpuId c, BalanceAnswer answer);
  void NewIdleBalance(CpuId c);
  void DetachTaskNow(TaskId task, CpuId to);
  void AttachDetachedNow();
  void NewestRun(CpuId c, TaskId task);  // goes to the recent end, wherever it was
  void LeaveRunOrder(CpuId c, TaskId task);
  bool IsBalanced(TaskId task) const {
    return !run_orders_.empty() && task_store_[task.index()].sched_class == facts_.balanced_class;
  }
  Time LoadClockNow(CpuId c) const;
  int64_t LoadClock(CpuId c);  // the same in ns, and from now on
  int64_t Nanoseconds(Time t) const;
  void TrackLoad(CpuId c, TaskId task);
  void TrackStrongLoad(CpuId c, TaskId next);
  void AttachLoad(CpuId c, TaskId task, bool is_new);
  void DetachLoad(CpuId from, TaskId task);

  template <class T>
  void Emit(CpuId cpu, const T& payload) {
    trace_.Emit(now_, cpu, payload);
  }
  int16_t PrioOf(TaskId task) const { return task_store_[task.index()].eff.prio; }
  Task& MutableTask(TaskId id) { return task_store_[id.index()]; }
  Cpu& MutableCpu(CpuId id) { return cpu_store_[id.index()]; }
  CpuState& State(CpuId id) { return cpu_states_[id.index()]; }
  const MachineCosts& costs() const { return plan_.scenario.machine.costs; }
  void PolicyBroke(PolicyId policy, ViolationCode code, TaskId task, int detail);

  MachinePlan plan_;
  MachinePolicies policies_;
  std::vector<const PolicyInfo*> infos_;
  std::vector<HotplugCallback> hotplug_store_;
  std::vector<Task> task_store_;
  std::vector<Cpu> cpu_store_;
  std::vector<Lock> lock_store_;
  std::vector<Request> request_store_;
  std::vector<CpuId> choice_store_;
  std::vector<int32_t> affinity_index_store_;
  std::vector<CpuSet> user_cpus_store_;
  std::vector<Context> contexts_;  // by TaskId
  std::vector<std::string> names_;
  std::vector<CpuState> cpu_states_;
  std::vector<Level> levels_;
  int32_t free_level_ = -1;
  std::vector<int64_t> loop_counters_;
  std::vector<Waitable> waitables_;
  std::vector<Time> shared_timers_;
  std::vector<bool> shared_timer_set_;
  std::vector<Time> own_timers_;  // task * num_unique_timers
  std::vector<bool> own_timer_set_;
  std::vector<PolicyTimer> timers_;
  std::vector<Call> calls_;
  int32_t free_call_ = -1;
  std::vector<StopWork> stop_work_;
  int32_t free_stop_work_ = -1;
  std::vector<Grace> graces_;
  std::vector<Cpuset> cpuset_store_;
  std::vector<RunLink> run_link_store_;
  std::vector<RunOrder> run_order_store_;
  std::vector<LoadAvg> task_load_store_;
  std::vector<RunqueueLoad> runqueue_load_store_;
  std::vector<int64_t> queued_weight_;  // by CPU: table weights of the balanced class's tasks
  std::vector<CpuId> load_on_;          // by task: the queue that holds its averages
  std::vector<int64_t> load_weight_;    // by task: the weight its averages were kept with
  std::vector<TaskId> detached_;        // on their way between two queues
  std::vector<bool> detached_delayed_;  // … asleep, with their dequeue put off
  bool balances_on_tick_ = false, balances_when_idle_ = false;
  std::vector<ExtAction> actions_;
  std::size_t next_action_ = 0;
  std::vector<int64_t> words_;
  std::vector<bool> word_present_;

  // Where `ties` puts what it moves (machine.md 2.1, 2.5).
  struct TieOrder {
    Phase seg_end = Phase::kSegEnd;
    Phase tick = Phase::kTick;
    Phase late_ipi = Phase::kIpi;  // one that was under way
  };
  TieOrder order_;
  bool timers_first_ = false;
  EventQueue queue_;
  CpuBitmap cost_end_due_, seg_end_due_, resched_due_;
  CpuBitmap spinning_;
  CpuBitmap waiting_to_retry_;
  bool may_elide_ = false;
  int64_t elided_ticks_ = 0;
  Time last_event_;        // instant of the last event that was handled
  uint32_t passed_ = 0;    // the last in order of what has been handled at this instant (PassKey)
  CpuBitmap balance_due_;  // CPUs with balance_work
  Trace trace_;
  bool actor_is_task_ = false;  // a task's own doing (wake-ups cost c_wake), not a handler's
  int64_t events_this_instant_ = 0;
  int server_class_ = -1;  // class that has servers, and the class they serve; -1: none
  int served_class_ = -1;
  int num_tasks_made_ = 0;
  int live_user_tasks_ = 0;
  int user_tasks_ = 0;
  int ticks_pending_ = 0;
  int retries_pending_ = 0;
  bool in_hotplug_ = false;     // an operation has its lock and has not ended
  int background_pending_ = 0;  // timers in the queue that nobody waits for
  bool lock_hook_keeps_ = false, lock_hook_resolves_ = false, lock_hook_wake_ = false,
       lock_hook_enqueued_ = false, lock_hook_signalled_ = false;
  std::vector<std::size_t> block_path_services_, switched_services_, user_return_services_,
      scheduled_services_, entry_services_;
  Cycles hold_length_;    // of the window that was reached last
  int32_t num_held_ = 0;  // pieces of work that windows hold
  std::vector<std::vector<Held>> outside_held_;
  Next next_;        // what the step that is being handled answered
  int drained_ = 0;  // requests below this are being carried out
  bool stop_requested_ = false;
  bool ended_ = false;
  bool started_ = false;
  Outcome stop_outcome_ = Outcome::kViolation;
  std::string stop_message_;
  RunEnd end_;
  std::vector<Violation> violations_;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_MACHINE_MACHINE_H_
