// A stand-in for the machine that drives one scheduling class and nothing else, hook by hook in the
// machine's order: charge, dequeue, pick, put_prev, set_next. Below the class there is only the
// idle task. All costs are 0.
//
//   ClassBench bench(*fair, {.cpus = 1, .tasks = 2});
//   bench.Spawn(1, Normal(0));
//   bench.Spawn(2, Normal(0));
//   bench.To(2500);                     // ticks and timers before 2500, and what they cause
//   bench.Block(2);                     // task 2, which runs, goes to sleep
//   CHECK(bench.TakeLog() == "0 >1\n2000 >2\n2500 >1\n");
//
// The log has a line for each switch: instant, '>', task (0 idle); on other CPUs than 0 the CPU
// goes in front of '>'. A task that the class moves has one: instant, task, ':', CPUs from and to.
#ifndef RQSIM_TESTS_SUPPORT_CLASS_BENCH_H_
#define RQSIM_TESTS_SUPPORT_CLASS_BENCH_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rqsim/kernel.h"
#include "rqsim/policy.h"
#include "rqsim/seams.h"
#include "support/catch.h"
#include "support/wordless_kernel.h"

namespace rqsim {

inline SchedAttr Normal(int nice = 0, int64_t slice = 0) {
  SchedAttr attr;
  attr.nice = static_cast<int8_t>(nice);
  attr.prio = static_cast<int16_t>(120 + nice);
  attr.slice = Cycles(slice);
  return attr;
}
inline SchedAttr FairOf(SchedPolicy policy) {
  SchedAttr attr = Normal();
  attr.policy = policy;
  return attr;
}
inline SchedAttr FixedPriority(int priority, SchedPolicy policy = SchedPolicy::kFifo) {
  SchedAttr attr;
  attr.policy = policy;
  attr.priority = static_cast<int16_t>(priority);
  attr.prio = static_cast<int16_t>(99 - priority);
  return attr;
}

inline SchedAttr DeadlineOf(int64_t runtime, int64_t deadline, int64_t period = 0) {
  SchedAttr attr;
  attr.policy = SchedPolicy::kDeadline;
  attr.prio = -1;
  attr.dl_runtime = Cycles(runtime);
  attr.dl_deadline = Cycles(deadline);
  attr.dl_period = Cycles(period > 0 ? period : deadline);
  return attr;
}

struct ClassBenchSizes {
  int cpus = 1;
  int tasks = 4;  // numbered from 1
  int64_t tick = 1000;
  bool ticks = true;
};

class ClassBench final : public WordlessKernel {
 public:
  static Limits LimitsFor(const ClassBenchSizes& sizes) {
    Limits limits;
    limits.self = PolicyId(0);
    limits.num_cpus = sizes.cpus;
    limits.num_tasks = sizes.tasks + 1;
    limits.tick = Cycles(sizes.tick);
    limits.sched_class = kClass;
    return limits;
  }

  ClassBench(SchedClass& sched_class, const ClassBenchSizes& sizes)
      : class_(sched_class),
        sizes_(sizes),
        task_store_(static_cast<std::size_t>(sizes.tasks) + 1),
        cpu_store_(static_cast<std::size_t>(sizes.cpus)),
        request_store_(kMaxRequests),
        charged_to_(static_cast<std::size_t>(sizes.cpus)),
        balance_work_(static_cast<std::size_t>(sizes.cpus)) {
    tasks_ = task_store_;
    cpus_ = cpu_store_;
    requests_ = request_store_;
    online_ = active_ = facts_.possible = facts_.housekeeping = CpuSet::FirstN(sizes.cpus);
    facts_.tick = Cycles(sizes.tick);
    task_store_[0].sched_class = kIdleClass;
    task_store_[0].eff.policy = SchedPolicy::kSwapper;
    for (Task& task : task_store_) {
      task.cpu = task.wake_cpu = CpuId(0);
      task.cpus_allowed = online_;
      task.nr_cpus_allowed = sizes.cpus;
    }
    for (Cpu& cpu : cpu_store_) cpu.next_class = kIdleClass;
  }

  // --- what happens at this instant ---
  void Spawn(int task, const SchedAttr& attr, int cpu = 0) {
    Task& t = At(task);
    t.base = t.eff = attr;
    t.state = TaskState::kRunning;
    Activate(TaskId(task), CpuId(cpu), QueueReason::kNew, WakeFlags::kNone);
  }
  void Wake(int task) {
    Task& t = At(task);
    t.state = TaskState::kRunning;
    if (t.sched_delayed) {
      Charge(t.cpu);
      class_.Enqueue(*this, t.cpu, TaskId(task), QueueReason::kWakeup);
      t.sched_delayed = false;
      Drain();
      if (cpu(t.cpu).curr != TaskId(task)) Dispatch(t.cpu, TaskId(task), WakeFlags::kNone);
    } else {
      CpuId target = t.cpu;
      if (class_.Hooks().Has(Hook::kSelectCpu) && t.nr_cpus_allowed > 1) {
        target = class_.SelectCpu(*this, TaskId(task), t.cpu, WakeFlags::kNone);
      }
      Activate(TaskId(task), target, QueueReason::kWakeup, WakeFlags::kNone);
    }
  }
  // The running task goes to sleep, gives way, ends.
  void Block(int task) { Leave(task, TaskState::kInterruptible, QueueReason::kSleep); }
  void Exit(int task) { Leave(task, TaskState::kDead, QueueReason::kSpecialSleep); }
  void Yield(int task) {
    const CpuId c = At(task).cpu;
    Charge(c);
    class_.Yield(*this, c, TaskId(task));
    Drain();
    Schedule(c);
  }
  // sched_setattr() within the class.
  void SetAttr(int task, const SchedAttr& attr) {
    const TaskId id(task);
    Task& t = At(task);
    const SchedAttr old = t.eff;
    const CpuId c = t.cpu;
    const bool queued = t.on_rq;
    const bool runs = cpu(c).donor == id;
    Charge(c);
    if (queued) class_.Dequeue(*this, c, id, QueueReason::kChange);
    t.on_rq = false;
    if (runs) class_.PutPrev(*this, c, id);
    t.base = t.eff = attr;
    if (queued) class_.Enqueue(*this, c, id, QueueReason::kChange);
    t.on_rq = queued;
    if (runs) class_.SetNext(*this, c, id, SetNextReason::kRestored);
    Drain();
    class_.PrioChanged(*this, c, id, old);
    Drain();
    RunCallbacks(c);
  }
  void SetAllowed(int task, const CpuSet& cpus) {
    At(task).cpus_allowed = cpus;
    At(task).nr_cpus_allowed = cpus.Count();
  }
  void Move(int task, int to) { MoveTo(TaskId(task), CpuId(to)); }

  // --- time ---
  // Everything before `t`; what is still to be rescheduled first.
  void To(int64_t t) {
    Settle();
    while (StepBefore(Time(t))) {
    }
    now_ = Time(t);
  }
  // Timers and ticks of this instant, then what was asked for.
  void Settle() {
    RescheduleAll();
    while (StepBefore(now_ + Cycles(1))) {
    }
  }

  // --- looks ---
  int curr(int c = 0) const { return cpu(CpuId(c)).curr.value(); }
  std::string TakeLog() { return std::exchange(log_, std::string()); }
  int64_t Field(int task, std::string_view name) const {
    struct Finder final : StateWriter {
      void Field(std::string_view field, int64_t value) override {
        if (field == wanted) found = value, seen = true;
      }
      std::string_view wanted;
      int64_t found = 0;
      bool seen = false;
    } finder;
    finder.wanted = name;
    class_.Describe(*this, TaskId(task), finder);
    REQUIRE(finder.seen);
    return finder.found;
  }
  bool is_delayed(int task) const { return kernel_task(task).sched_delayed; }

 private:
  static constexpr uint8_t kClass = 0;
  static constexpr uint8_t kIdleClass = 1;

  Task& At(int task) { return task_store_[static_cast<std::size_t>(task)]; }
  const Task& kernel_task(int task) const { return task_store_[static_cast<std::size_t>(task)]; }
  Cpu& Mutable(CpuId c) { return cpu_store_[c.index()]; }

  void Charge(CpuId c) {
    Time& since = charged_to_[c.index()];
    const Cycles length = now_ - since;
    since = now_;
    const TaskId donor = cpu(c).donor;
    if (donor == kIdleTask || length == kZeroCycles) return;
    class_.Charge(*this, c, donor, donor, length);
    Drain();
  }

  void Activate(TaskId id, CpuId c, QueueReason reason, WakeFlags flags) {
    Task& t = At(id.value());
    Charge(c);
    t.cpu = t.wake_cpu = c;
    t.sched_class = kClass;
    class_.Enqueue(*this, c, id, reason);
    t.on_rq = true;
    if (!t.throttled) ++Mutable(c).nr_running;
    Drain();
    Dispatch(c, id, flags);
    if (reason == QueueReason::kMigrate || !class_.Hooks().Has(Hook::kTaskWoken)) return;
    class_.TaskWoken(*this, c, id);
    Drain();
    RunCallbacks(c);
  }
  void MoveTo(TaskId id, CpuId to) {
    const CpuId from = At(id.value()).cpu;
    if (from == to) return;
    Charge(from);
    Dequeue(id, QueueReason::kMigrate);
    Activate(id, to, QueueReason::kMigrate, WakeFlags::kNone);
  }
  void RunCallbacks(CpuId c) {
    std::vector<int16_t>& work = balance_work_[c.index()];
    while (!work.empty()) {
      const int16_t what = work.back();
      work.pop_back();
      while (class_.BalanceCallback(*this, c, what)) Drain();
      Drain();
    }
  }
  // classes.md 3.4.
  void Dispatch(CpuId c, TaskId id, WakeFlags flags) {
    Cpu& rq = Mutable(c);
    if (rq.next_class == kIdleClass) {
      rq.need_resched = true;
      rq.next_class = kClass;
      return;
    }
    Charge(c);
    class_.WakeupPreempt(*this, c, id, flags);
    Drain();
  }
  DequeueResult Dequeue(TaskId id, QueueReason reason) {
    Task& t = At(id.value());
    const DequeueResult result = class_.Dequeue(*this, t.cpu, id, reason);
    if (result == DequeueResult::kGone) {
      Left(id);
    } else {
      t.sched_delayed = true;
    }
    Drain();
    return result;
  }
  void Left(TaskId id) {
    Task& t = At(id.value());
    t.on_rq = t.sched_delayed = false;
    if (!t.throttled) --Mutable(t.cpu).nr_running;
  }
  void Leave(int task, TaskState state, QueueReason reason) {
    const CpuId c = At(task).cpu;
    REQUIRE(cpu(c).curr == TaskId(task));
    Charge(c);
    At(task).state = state;
    Dequeue(TaskId(task), reason);
    Schedule(c);
  }

  void Throttle(TaskId id, bool throttled) {
    Task& t = At(id.value());
    if (t.throttled == throttled) return;
    t.throttled = throttled;
    if (t.on_rq) Mutable(t.cpu).nr_running += throttled ? -1 : 1;
  }

  void Schedule(CpuId c) {
    Cpu& rq = Mutable(c);
    actor_ = c;
    Charge(c);
    if (class_.Hooks().Has(Hook::kBalance) && rq.donor != kIdleTask) {
      class_.Balance(*this, c, rq.donor);
      Drain();
    }
    TaskId next = kIdleTask;
    if (rq.nr_running > 0) {
      const PickResult pick = class_.Pick(*this, c);
      Drain();
      if (pick.kind == PickResult::Kind::kRunTask) next = pick.task;
    }
    rq.need_resched = rq.need_resched_lazy = false;
    rq.next_class = next == kIdleTask ? kIdleClass : kClass;
    if (next == kIdleTask && rq.hrtick_queued) {
      rq.hrtick_queued = false;
      Cancel(HrtickOf(c));
    }
    if (next == rq.curr) return;
    if (rq.curr != kIdleTask) class_.PutPrev(*this, c, rq.curr);
    At(rq.curr.value()).on_cpu = false;
    rq.curr = rq.donor = next;
    rq.switch_end = now_;
    if (next != kIdleTask) {
      At(next.value()).on_cpu = true;
      class_.SetNext(*this, c, next, SetNextReason::kPicked);
    }
    Drain();
    const std::string line = std::to_string(now_.cycles()) +
                             (c.value() > 0 ? " " + std::to_string(c.value()) : "") + " >" +
                             std::to_string(next.value()) + "\n";
    log_ += line;
    RunCallbacks(c);
  }
  void RescheduleAll() {
    for (bool again = true; again;) {
      again = false;
      for (int i = 0; i < num_cpus(); ++i) {
        if (!cpu(CpuId(i)).need_resched) continue;
        Schedule(CpuId(i));
        again = true;
      }
    }
  }

  // The next timer or tick before `limit` and what it causes; false if there is none.
  bool StepBefore(Time limit) {
    Time next = kNever;
    for (const Armed& timer : timers_) next = std::min(next, timer.at);
    const Time tick = sizes_.ticks ? Time(next_tick_ * sizes_.tick) : kNever;
    next = std::min(next, tick);
    if (next >= limit) return false;
    now_ = next;
    while (const std::optional<Armed> due = TakeDue()) {
      actor_ = due->on;
      Charge(due->on);
      if (due->ref == HrtickOf(due->on)) {
        Mutable(due->on).hrtick_queued = false;
        const TaskId donor = cpu(due->on).donor;
        if (donor != kIdleTask) class_.Tick(*this, due->on, donor, TickKind::kSlice);
      } else {
        class_.OnTimer(*this, due->ref, due->on);
      }
      Drain();
      for (int i = 0; i < num_cpus(); ++i) RunCallbacks(CpuId(i));
    }
    if (now_ == tick) {
      ++next_tick_;
      for (int i = 0; i < num_cpus(); ++i) {
        const TaskId donor = cpu(CpuId(i)).donor;
        actor_ = CpuId(i);
        Charge(CpuId(i));
        if (donor != kIdleTask) class_.Tick(*this, CpuId(i), donor, TickKind::kPeriodic);
        Drain();
      }
    }
    RescheduleAll();
    return true;
  }

  struct Armed {
    TimerRef ref;
    CpuId on;
    Time at;
  };
  // The slice timer of a CPU is nobody's.
  static TimerRef HrtickOf(CpuId c) { return {PolicyId(), 0, c.value()}; }
  void Cancel(const TimerRef& ref) {
    std::erase_if(timers_, [&ref](const Armed& timer) { return timer.ref == ref; });
  }
  // The first armed of those that are due now.
  std::optional<Armed> TakeDue() {
    const auto due = std::find_if(timers_.begin(), timers_.end(),
                                  [this](const Armed& timer) { return timer.at == now_; });
    if (due == timers_.end()) return std::nullopt;
    const Armed timer = *due;
    timers_.erase(due);
    return timer;
  }

  void Drain() {
    const std::vector<Request> requests(request_store_.begin(),
                                        request_store_.begin() + std::exchange(num_requests_, 0));
    for (const Request& request : requests) {
      switch (request.kind) {
        case Request::Kind::kResched:
          Mutable(request.cpu).need_resched = true;
          break;
        case Request::Kind::kArmTimer:
          Cancel(request.timer);
          timers_.push_back({request.timer, request.cpu,
                             request.flag ? now_ + Cycles(request.at.cycles()) : request.at});
          break;
        case Request::Kind::kStartHrtick: {
          Cpu& rq = Mutable(request.cpu);
          const TimerRef ref = HrtickOf(request.cpu);
          const Time at = now_ + Cycles(request.at.cycles());
          const auto armed = std::find_if(timers_.begin(), timers_.end(),
                                          [&ref](const Armed& timer) { return timer.ref == ref; });
          if (rq.hrtick_queued && armed != timers_.end()) {
            const Cycles moved = at < armed->at ? armed->at - at : at - armed->at;
            if (moved <= request.slop) break;
          }
          rq.hrtick_queued = true;
          Cancel(ref);
          timers_.push_back({ref, request.cpu, at});
          break;
        }
        case Request::Kind::kCancelTimer:
          Cancel(request.timer);
          break;
        case Request::Kind::kMoveTask:
          log_ += std::to_string(now_.cycles()) + " " + std::to_string(request.task.value()) + ":" +
                  std::to_string(At(request.task.value()).cpu.value()) + "-" +
                  std::to_string(request.cpu.value()) + "\n";
          MoveTo(request.task, request.cpu);
          break;
        case Request::Kind::kBalanceLater: {
          std::vector<int16_t>& work = balance_work_[request.cpu.index()];
          if (std::find(work.begin(), work.end(), request.timer.which) == work.end()) {
            work.push_back(request.timer.which);
          }
          break;
        }
        case Request::Kind::kThrottle:
          Throttle(request.task, true);
          break;
        case Request::Kind::kUnthrottle:
          Throttle(request.task, false);
          break;
        case Request::Kind::kFinishDequeue:
          Left(request.task);
          break;
        default:
          FAIL("a class asked for something that the bench does not do");
      }
    }
  }

  SchedClass& class_;
  ClassBenchSizes sizes_;
  std::vector<Task> task_store_;
  std::vector<Cpu> cpu_store_;
  std::vector<Request> request_store_;
  std::vector<Time> charged_to_;
  std::vector<std::vector<int16_t>> balance_work_;  // by CPU
  std::vector<Armed> timers_;                       // in the order of arming
  int64_t next_tick_ = 1;
  std::string log_;
};

// A class of the registry with its parameters.
inline std::unique_ptr<SchedClass> MakeClass(
    const PolicyInfo& info,
    absl::StatusOr<std::unique_ptr<SchedClass>> (*make)(const PolicyParams&, const Limits&),
    const ClassBenchSizes& sizes,
    const std::vector<std::pair<std::string, ParamValue>>& params = {}) {
  const Limits limits = ClassBench::LimitsFor(sizes);
  auto made = make(PolicyParams(info, params, limits.clock_hz), limits);
  REQUIRE(made.ok());
  return std::move(*made);
}

}  // namespace rqsim

#endif  // RQSIM_TESTS_SUPPORT_CLASS_BENCH_H_
