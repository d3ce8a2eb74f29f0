// A stand-in for the machine that runs the paths of one lock protocol and nothing else: every task
// has a CPU of its own, costs pass cycle by cycle, and a test looks at everything in between.
//
//   LockBench bench(*protocol, {.tasks = 2});
//   bench.Lock(1, 0);                       // task 1 begins to lock the lock 0, now
//   bench.RunTo(1);
//   CHECK(bench.word(0) == "1");            // owner 1, no flags
//   CHECK(bench.TakeLog() == "1 acquire 1 fast\n");
//
// There is no scheduler: a woken task runs at once, one that calls schedule() while runnable stays
// off its CPU until Resume. Within an instant the lowest CPU that has something to do goes first.
#ifndef RQSIM_TESTS_SUPPORT_LOCK_BENCH_H_
#define RQSIM_TESTS_SUPPORT_LOCK_BENCH_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rqsim/kernel.h"
#include "rqsim/policy.h"
#include "rqsim/seams.h"

namespace rqsim {

struct LockBenchSizes {
  int tasks = 1;
  int locks = 1;
  int64_t c_wake = 0;
};

class LockBench final : public Kernel {
 public:
  static Limits LimitsFor(const LockBenchSizes& sizes) {
    Limits limits;
    limits.self = PolicyId(0);
    limits.num_cpus = sizes.tasks;
    limits.num_tasks = sizes.tasks + 1;
    limits.num_locks = sizes.locks;
    return limits;
  }

  LockBench(LockProtocol& protocol, const LockBenchSizes& sizes)
      : protocol_(protocol),
        sizes_(sizes),
        task_store_(static_cast<std::size_t>(sizes.tasks) + 1),
        cpu_store_(static_cast<std::size_t>(sizes.tasks)),
        lock_store_(static_cast<std::size_t>(sizes.locks)),
        request_store_(kMaxRequests),
        runs_(static_cast<std::size_t>(sizes.tasks) + 1) {
    tasks_ = task_store_;
    cpus_ = cpu_store_;
    locks_ = lock_store_;
    requests_ = request_store_;
    emit_wanted_.fill(true);
    for (int i = 1; i <= sizes.tasks; ++i) {
      Task& task = MutableTask(i);
      task.state = TaskState::kRunning;
      task.on_rq = task.on_cpu = true;
      task.cpu = task.wake_cpu = CpuId(i - 1);
      cpu_store_[static_cast<std::size_t>(i) - 1].curr = TaskId(i);
      SetPriority(i, 0);
    }
  }

  // --- what tasks do ---
  void Lock(int task, int lock, LockWait wait = LockWait::kUninterruptible) {
    Begin(task, kLockPath, lock, static_cast<int64_t>(wait));
  }
  void Unlock(int task, int lock) { Begin(task, kUnlockPath, lock, 0); }
  void Trylock(int task, int lock) { Begin(task, kTrylockPath, lock, 0); }
  // Base and effective attributes: fixed priority from 1 on, a fair task with 0.
  void SetPriority(int task, int priority) {
    SchedAttr attr;
    if (priority > 0) {
      attr.policy = SchedPolicy::kFifo;
      attr.priority = static_cast<int16_t>(priority);
      attr.prio = static_cast<int16_t>(99 - priority);
    }
    SetBase(task, attr);
  }
  void SetBase(int task, const SchedAttr& attr) {
    MutableTask(task).base = MutableTask(task).eff = attr;
  }
  // As sched_setattr() does: new base attributes, then the protocol's hook.
  void ChangePriority(int task, int priority) {
    const SchedAttr boosted = MutableTask(task).eff;
    const bool was_boosted = MutableTask(task).boosted;
    SetPriority(task, priority);
    if (was_boosted) MutableTask(task).eff = boosted;
    protocol_.PrioChanged(*this, TaskId(task));
    CarryOut(TaskId(task));
    Settle();
  }
  void SetBlockedDonorOf(int task, int donor) { MutableTask(task).blocked_donor = TaskId(donor); }
  void SetBlockedOnOf(int task, int lock) { MutableTask(task).blocked_on = LockId(lock); }
  // Its CPU is taken away, or asked for, or given back.
  void TakeOffCpu(int task) {
    MutableTask(task).on_cpu = false;
    LookAtTask(TaskId(task));
    Settle();
  }
  void PutOnCpu(int task) {
    MutableTask(task).on_cpu = true;
    LookAtTask(TaskId(task));
    Settle();
  }
  void RequestResched(int task) {
    cpu_store_[static_cast<std::size_t>(task) - 1].need_resched = true;
    if (Of(task).state == Run::kSpinning) Of(task).look = true;
    Settle();
  }
  void Resume(int task) {
    cpu_store_[static_cast<std::size_t>(task) - 1].need_resched = false;
    MutableTask(task).on_cpu = true;
    Of(task).state = Run::kRunning;
    Of(task).end = now();
    LookAtTask(TaskId(task));
    Settle();
  }
  void Signal(int task, SignalKind kind) {
    Task& to = MutableTask(task);
    to.pending_signals |= 1u << static_cast<unsigned>(kind);
    const bool wakes = to.state == TaskState::kInterruptible ||
                       (to.state == TaskState::kKillable && kind == SignalKind::kKill);
    if (Of(task).state == Run::kBlocked && wakes) WakeUp(TaskId(task), kEINTR);
    Settle();
  }

  // --- time ---
  void RunTo(int64_t t) {
    while (now_ < Time(t)) {
      now_ += Cycles(1);
      Settle();
    }
  }

  // --- what there is to see ---
  // "-" or the owner's number, then W, H, P for the flags.
  std::string word(int lock) const {
    const rqsim::Lock& word = lock_store_[static_cast<std::size_t>(lock)];
    std::string text = word.owner.valid() ? std::to_string(word.owner.value()) : "-";
    if ((word.flags & kWaitersFlag) != 0) text += 'W';
    if ((word.flags & kHandoffFlag) != 0) text += 'H';
    if ((word.flags & kPickupFlag) != 0) text += 'P';
    return text;
  }
  // The lock a task is blocked on, -1 if none.
  int blocked_on(int task) const {
    return task_store_[static_cast<std::size_t>(task)].blocked_on.value();
  }
  // "run", "spin", "sleep", "off" (called schedule()), or "done" when it is in no path.
  std::string_view doing(int task) const {
    switch (runs_[static_cast<std::size_t>(task)].state) {
      case Run::kDone:
        return "done";
      case Run::kRunning:
        return "run";
      case Run::kSpinning:
        return "spin";
      case Run::kBlocked:
        return "sleep";
      case Run::kOff:
        return "off";
    }
    return "";
  }
  // What the last path of the task returned. Precondition: doing() is "done".
  int64_t result(int task) const {
    RQSIM_CHECK(runs_[static_cast<std::size_t>(task)].state == Run::kDone);
    return runs_[static_cast<std::size_t>(task)].result;
  }
  int prio(int task) const { return task_store_[static_cast<std::size_t>(task)].eff.prio; }
  // The transitions since the last call, a line each: "t what task …".
  std::string TakeLog() { return std::exchange(log_, ""); }
  // A field that the protocol describes `task` with; -1 if it does not.
  int64_t Described(int task, std::string_view field) const {
    class Pick final : public StateWriter {
     public:
      explicit Pick(std::string_view wanted) : wanted_(wanted) {}
      void Field(std::string_view name, int64_t value) override {
        if (name == wanted_) found = value;
      }
      int64_t found = -1;

     private:
      std::string_view wanted_;
    } pick(field);
    protocol_.Describe(*this, TaskId(task), pick);
    return pick.found;
  }

  // --- words ---
  void SetLockOwner(LockId id, TaskId owner, uint8_t flags) override {
    lock_store_[id.index()].owner = owner;
    lock_store_[id.index()].flags = flags;
    for (Run& run : runs_) {
      if (run.state == Run::kSpinning && run.watch.lock == id) run.look = true;
    }
  }
  WordResult Load(WordId) const override { return {}; }
  WordResult Store(WordId, int64_t) override { return {}; }
  WordResult Exchange(WordId, int64_t) override { return {}; }
  WordResult CompareExchange(WordId, int64_t, int64_t) override { return {}; }
  WordId WordOf(PolicyId, TaskId, int) const override { return {}; }
  LoadAvg LoadNow(TaskId) const override { return {}; }
  bool MayMove(TaskId) override { return true; }
  void EmitDeclared(PolicyId, int, const PolicyEventPayload&) override {}

 private:
  struct Run {
    enum State { kDone, kRunning, kSpinning, kBlocked, kOff };
    State state = kDone;
    bool look = false;
    Time end;
    Watch watch;
    Cycles poll;
    Time since;
    Frame frame;
    int64_t result = 0;
    int64_t wake_debt = 0;
  };

  Task& MutableTask(int task) { return task_store_[static_cast<std::size_t>(task)]; }
  Run& Of(int task) { return runs_[static_cast<std::size_t>(task)]; }

  void Begin(int task, PathId path, int lock, int64_t wait) {
    Run& run = Of(task);
    RQSIM_CHECK(run.state == Run::kDone);
    run.frame = Frame{};
    run.frame.policy = PolicyId(0);
    run.frame.path = path;
    run.frame.step = StepId(0);
    run.frame.task = TaskId(task);
    run.frame.cpu = MutableTask(task).cpu;
    run.frame.r[0] = lock;
    run.frame.r[1] = wait;
    run.state = Run::kRunning;
    run.end = now();
    Settle();
  }

  bool IsDue(const Run& run) const {
    if (run.state == Run::kRunning) return run.end <= now();
    if (run.state != Run::kSpinning || !run.look) return false;
    return run.poll == kZeroCycles ||
           (now() > run.since && (now() - run.since).count() % run.poll.count() == 0);
  }
  void Settle() {
    for (int steps = 0;; ++steps) {
      RQSIM_CHECK(steps < 10'000);
      int next = 0;
      for (int i = sizes_.tasks; i >= 1; --i) {
        if (IsDue(Of(i))) next = i;
      }
      if (next == 0) return;
      DoStep(next);
    }
  }
  void DoStep(int id) {
    Run& run = Of(id);
    run.state = Run::kRunning;
    run.look = false;
    const Next next = protocol_.Step(*this, run.frame);
    CarryOut(TaskId(id));
    run.frame.step = next.step;
    switch (next.kind) {
      case Next::Kind::kRun:
        run.end = now() + next.cycles + Cycles(std::exchange(run.wake_debt, 0));
        break;
      case Next::Kind::kBlock:
        MutableTask(id).state = next.state;
        MutableTask(id).on_cpu = false;
        run.state = Run::kBlocked;
        LookAtTask(TaskId(id));
        break;
      case Next::Kind::kSpin:
        run.state = Run::kSpinning;
        run.watch = next.watch;
        run.poll = next.cycles;
        run.since = next.since;
        break;
      case Next::Kind::kSchedule:
        MutableTask(id).on_cpu = false;
        run.state = Run::kOff;
        LookAtTask(TaskId(id));
        break;
      case Next::Kind::kReturn:
        run.state = Run::kDone;
        run.result = next.result;
        break;
      case Next::Kind::kCallCpu:
      case Next::Kind::kSwitchTo:
      case Next::Kind::kCall:
      case Next::Kind::kGrace:
      case Next::Kind::kStop:
      case Next::Kind::kToUser:
      case Next::Kind::kDie:
        RQSIM_CHECK(false && "a lock protocol answers this");
    }
  }

  void LookAtTask(TaskId id) {
    for (Run& run : runs_) {
      if (run.state == Run::kSpinning && run.watch.task == id) run.look = true;
    }
  }
  void WakeUp(TaskId id, int64_t result) {
    Run& run = Of(id.value());
    MutableTask(id.value()).state = TaskState::kRunning;
    MutableTask(id.value()).on_cpu = true;
    run.state = Run::kRunning;
    run.end = now();
    run.frame.result = result;
  }

  void CarryOut(TaskId by) {
    RQSIM_CHECK(!too_many_requests_);
    const int count = std::exchange(num_requests_, 0);
    for (int i = 0; i < count; ++i) {
      const Request request = std::exchange(request_store_[static_cast<std::size_t>(i)], {});
      switch (request.kind) {
        case Request::Kind::kWake:
          Note("wake", request.task);
          Of(by.value()).wake_debt += sizes_.c_wake;
          if (Of(request.task.value()).state == Run::kBlocked) WakeUp(request.task, 0);
          break;
        case Request::Kind::kSetBlockedOn:
          MutableTask(request.task.value()).blocked_on = request.lock;
          break;
        case Request::Kind::kSetBlockedDonor:
          MutableTask(request.task.value()).blocked_donor = request.other;
          break;
        case Request::Kind::kSetEffective: {
          Task& task = MutableTask(request.task.value());
          task.eff = request.attr;
          task.boosted = request.other.valid();
          Note("setprio", request.task, std::to_string(request.attr.prio));
          break;
        }
        case Request::Kind::kLookAgain:
          if (Of(request.task.value()).state == Run::kSpinning)
            Of(request.task.value()).look = true;
          break;
        case Request::Kind::kEmit:
          NoteEvent(request.event);
          break;
        default:
          RQSIM_CHECK(false && "a lock protocol requests this");
      }
    }
  }

  void Note(std::string_view what, TaskId task, std::string_view more = "") {
    log_ += std::to_string(now().cycles()) + ' ' + std::string(what) + ' ' +
            std::to_string(task.value());
    if (!more.empty()) log_ += ' ' + std::string(more);
    log_ += '\n';
  }
  void NoteEvent(const TraceEvent& event) {
    static constexpr std::array<std::string_view, 5> kPaths = {"fast", "try", "osq", "waiter",
                                                               "slow"};
    switch (event.kind()) {
      case EventKind::kMutexAcquire: {
        const auto e = event.As<MutexAcquire>();
        Note("acquire", e.pid, kPaths[static_cast<std::size_t>(e.path)]);
        break;
      }
      case EventKind::kMutexRelease:
        Note("release", event.As<MutexRelease>().pid);
        break;
      case EventKind::kMutexHandoff: {
        const auto e = event.As<MutexHandoff>();
        static constexpr std::array<std::string_view, 3> kReasons = {"flag", "donor", "always"};
        Note("handoff", e.pid,
             std::to_string(e.to.value()) + ' ' +
                 std::string(kReasons[static_cast<std::size_t>(e.reason)]));
        break;
      }
      case EventKind::kMutexSteal: {
        const auto e = event.As<MutexSteal>();
        Note("steal", e.pid, "from " + std::to_string(e.first_waiter.value()));
        break;
      }
      case EventKind::kMutexSpin: {
        const auto e = event.As<MutexSpin>();
        Note("spun", e.pid, std::to_string(e.cycles.count()));
        break;
      }
      case EventKind::kMutexWait: {
        const auto e = event.As<MutexWait>();
        const std::string queue = e.queue == MutexQueue::kOsq ? "osq" : "list";
        Note(e.joined != 0 ? "join" : "leave", e.pid,
             e.joined != 0 ? queue + ' ' + std::to_string(e.position) : queue);
        break;
      }
      case EventKind::kContentionBegin:
        Note("begin", event.As<ContentionBegin>().pid,
             std::to_string(event.As<ContentionBegin>().flags));
        break;
      case EventKind::kContentionEnd:
        Note("end", event.As<ContentionEnd>().pid, std::to_string(event.As<ContentionEnd>().ret));
        break;
      default:
        RQSIM_CHECK(false && "a lock protocol emits this");
    }
  }

  LockProtocol& protocol_;
  LockBenchSizes sizes_;
  std::vector<Task> task_store_;
  std::vector<Cpu> cpu_store_;
  std::vector<rqsim::Lock> lock_store_;
  std::vector<Request> request_store_;
  std::vector<Run> runs_;  // by task
  std::string log_;
};

}  // namespace rqsim

#endif  // RQSIM_TESTS_SUPPORT_LOCK_BENCH_H_
