// What balancing needs of the machine: who ran least recently on each queue, moves in two halves,
// the hooks of the placement driven to their end; and load averages at the points where the kernel
// updates them (machine.md 7 and 10).
#include "sim/machine/machine.h"

#include <algorithm>

namespace rqsim {
namespace {

// More answers of one balancing than any pass over the CPUs and tasks of a run needs.
constexpr int64_t kMaxBalanceSteps = int64_t{1} << 24;
// PELT_MIN_DIVIDER of kernel/sched/pelt.h: sums are never less than averages times this.
constexpr int64_t kMinDivider = 47742 - 1024;

int64_t TableWeight(const SchedAttr& attr) {
  if (attr.policy == SchedPolicy::kIdle) return kIdlePolicyWeight;
  return kPrioToWeight[std::clamp<int>(attr.nice, -20, 19) + 20];
}

// Takes a task's part out of a queue's average, which rounding keeps from being exact.
void Take(int64_t& queue_avg, int64_t& queue_sum, int64_t task_avg, int64_t task_sum) {
  queue_avg = std::max<int64_t>(0, queue_avg - task_avg);
  queue_sum = std::max({int64_t{0}, queue_sum - task_sum, queue_avg * kMinDivider});
}

}  // namespace

void Machine::SetUpBalancing() {
  const HookMask hooks = policies_.placement != nullptr
                             ? policies_.rows[policies_.placement_id.index()].hooks
                             : HookMask();
  for (std::size_t k = 0; k < policies_.classes.size(); ++k) {
    if (policies_.rows[policies_.class_ids[k].index()].hooks.Has(Hook::kMayMove)) {
      facts_.balanced_class = static_cast<uint8_t>(k);
    }
  }
  if (plan_.scenario.machine.nohz == Nohz::kIdle) tickless_ = online_;
  const bool any_class = facts_.balanced_class < kMaxClasses;
  balances_on_tick_ = any_class && hooks.Has(Hook::kTickBalance);
  balances_when_idle_ = any_class && hooks.Has(Hook::kNewIdle);
  if (balances_on_tick_ || balances_when_idle_) {
    run_link_store_.resize(task_store_.size());
    run_order_store_.resize(cpu_store_.size());
    run_links_ = run_link_store_;
    run_orders_ = run_order_store_;
    detached_.reserve(64);
  }
  // Where CPUs are of several sizes whether a task fits is a question of utilisation (MODEL-85).
  bool several_sizes = false;
  for (const Cpu& cpu : cpu_store_) {
    several_sizes = several_sizes || cpu.capacity != cpu_store_[0].capacity;
  }
  if (!hooks.Has(Hook::kTracksLoad) && !several_sizes) return;
  task_load_store_.resize(task_store_.size());
  runqueue_load_store_.resize(cpu_store_.size());
  task_loads_ = task_load_store_;
  runqueue_loads_ = runqueue_load_store_;
  queued_weight_.resize(cpu_store_.size());
  load_on_.resize(task_store_.size());
  load_weight_.resize(task_store_.size());
}

// ----------------------------------------------------------------------------------------------
// the order of runs: fair.c: account_entity_enqueue(), set_next_task_fair(), rq->cfs_tasks

void Machine::NewestRun(CpuId c, TaskId task) {
  LeaveRunOrder(c, task);
  RunOrder& order = run_order_store_[c.index()];
  RunLink& link = run_link_store_[task.index()];
  link.older = order.newest;
  (order.newest.valid() ? run_link_store_[order.newest.index()].newer : order.oldest) = task;
  order.newest = task;
}

void Machine::LeaveRunOrder(CpuId c, TaskId task) {
  RunOrder& order = run_order_store_[c.index()];
  RunLink& link = run_link_store_[task.index()];
  if (order.newest != task && !link.newer.valid()) return;
  (link.older.valid() ? run_link_store_[link.older.index()].newer : order.oldest) = link.newer;
  (link.newer.valid() ? run_link_store_[link.newer.index()].older : order.newest) = link.older;
  link = RunLink();
}

// ----------------------------------------------------------------------------------------------
// moves, and the hooks that ask for them

bool Machine::MayMove(TaskId id) {
  TakeTicks(task_store_[id.index()].cpu);
  return ClassOf(id).MayMove(*this, id);
}

// fair.c: detach_task(). It is on no queue until it is attached.
void Machine::DetachTaskNow(TaskId task, CpuId to) {
  Task& t = MutableTask(task);
  const bool runs = t.on_cpu && cpu_store_[t.cpu.index()].curr == task;
  if (t.cpu == to || !t.on_rq || runs || cpu_store_[t.cpu.index()].donor == task) {
    PolicyBroke(policies_.placement_id, ViolationCode::kBadRequest, task, 2);
    return;
  }
  const CpuId from = t.cpu;
  const bool delayed = t.sched_delayed;
  DequeueTask(from, task, QueueReason::kMigrate);
  SetTaskCpu(task, to, true);
  detached_.push_back(task);
  detached_delayed_.push_back(delayed);
}

// fair.c: attach_tasks(). The last one detached comes first.
void Machine::AttachDetachedNow() {
  while (!detached_.empty()) {
    const TaskId task = detached_.back();
    const bool delayed = detached_delayed_.back();
    detached_.pop_back();
    detached_delayed_.pop_back();
    const CpuId to = task_store_[task.index()].cpu;
    EnqueueTask(to, task, QueueReason::kMigrate);
    // A sleeper whose dequeue is put off goes on sleeping on its new queue.
    if (delayed && task_store_[task.index()].on_rq) SetDelayed(task, true);
    WakeupPreempt(to, task, WakeFlags::kNone);
  }
}

void Machine::DriveBalance(CpuId c, BalanceAnswer answer) {
  Drain();
  for (int64_t steps = 0; answer == BalanceAnswer::kAgain; ++steps) {
    if (steps == kMaxBalanceSteps) {
      PolicyBroke(policies_.placement_id, ViolationCode::kPickAgainLimit, TaskId(), 0);
      break;
    }
    answer = policies_.placement->BalanceStep(*this, c);
    Drain();
  }
  AttachDetachedNow();
}

// The end of a timer interrupt whose tick found that balancing is due.
void Machine::RunBalance(CpuId c) {
  CpuState& s = State(c);
  if (!s.balance_due) return;
  s.balance_due = false;
  DriveBalance(c, policies_.placement->PeriodicBalance(*this, c, s.balance_idle));
}

// classes.md 3.4: what comes to the queue meanwhile is compared with the class that found nothing.
void Machine::NewIdleBalance(CpuId c) {
  Cpu& cpu = MutableCpu(c);
  if (cpu.next_class < facts_.balanced_class) cpu.next_class = facts_.balanced_class;
  DriveBalance(c, policies_.placement->NewIdle(*this, c));
}

// ----------------------------------------------------------------------------------------------
// load averages

// clock_pelt: runs with the CPU's capacity while it is busy, and catches up when it idles.
Time Machine::LoadClockNow(CpuId c) const {
  const CpuState& s = cpu_states_[c.index()];
  const Cpu& cpu = cpu_store_[c.index()];
  if (cpu.curr == kIdleTask || cpu.capacity == 1024) return now_;
  return s.load_clock + Cycles((now_ - s.load_clock_at).count() * cpu.capacity >> 10);
}

int64_t Machine::LoadClock(CpuId c) {
  CpuState& s = State(c);
  s.load_clock = LoadClockNow(c);
  s.load_clock_at = now_;
  return Nanoseconds(s.load_clock);
}

int64_t Machine::Nanoseconds(Time t) const {
  if (facts_.clock_hz == 1'000'000'000) return t.cycles();
  __extension__ using Wide = __int128;
  return static_cast<int64_t>(static_cast<Wide>(t.cycles()) * 1'000'000'000 / facts_.clock_hz);
}

// fair.c: update_load_avg() of a task on the queue of `c`, and of that queue.
void Machine::TrackLoad(CpuId c, TaskId task) {
  if (runqueue_loads_.empty()) return;
  const Cpu& cpu = cpu_store_[c.index()];
  const int64_t now = LoadClock(c);
  if (task.valid() && load_on_[task.index()] == c) {
    const Task& t = task_store_[task.index()];
    LoadInput input;
    input.load = t.on_rq ? 1 : 0;
    input.runnable = t.on_rq && !t.sched_delayed ? 1 : 0;
    input.running = cpu.donor == task ? 1 : 0;
    input.weight = load_weight_[task.index()];
    UpdateLoad(task_load_store_[task.index()], now, input);
  }
  LoadInput input;
  input.load = queued_weight_[c.index()];
  const std::size_t k = facts_.balanced_class;
  const bool fair_runs = cpu.donor != kIdleTask && task_store_[cpu.donor.index()].sched_class == k;
  input.runnable = k < kMaxClasses ? cpu.nr_queued[k] - cpu.nr_delayed : 0;
  input.running = fair_runs ? 1 : 0;
  UpdateLoad(runqueue_load_store_[c.index()].fair, now, input);
}

// rt.c, deadline.c: update_rt_rq_load_avg(), update_dl_rq_load_avg(), at their set_next, put_prev
// and tick: how long a task of these classes has been the donor. `next` is who becomes
// it; invalid: nobody, and both are brought up to now.
void Machine::TrackStrongLoad(CpuId c, TaskId next) {
  if (runqueue_loads_.empty()) return;
  RunqueueLoad& load = runqueue_load_store_[c.index()];
  const TaskId donor = cpu_store_[c.index()].donor;
  const auto is_rt = [this](TaskId task) {
    const SchedPolicy policy = task_store_[task.index()].eff.policy;
    return policy == SchedPolicy::kFifo || policy == SchedPolicy::kRr;
  };
  const auto is_dl = [this](TaskId task) {
    return task_store_[task.index()].eff.policy == SchedPolicy::kDeadline;
  };
  const auto update = [&](LoadAvg& avg, bool runs, bool comes) {
    if (next.valid() && !runs && !comes) return;
    UpdateLoad(avg, LoadClock(c), LoadInput{runs, runs, runs, 1});
  };
  update(load.rt, is_rt(donor), next.valid() && is_rt(next));
  update(load.dl, is_dl(donor), next.valid() && is_dl(next));
}

LoadAvg Machine::LoadNow(TaskId id) const {
  LoadAvg avg = task_loads_[id.index()];
  const CpuId c = load_on_[id.index()];
  if (!c.valid() || task_store_[id.index()].on_rq) return avg;
  LoadInput asleep;
  asleep.weight = load_weight_[id.index()];
  UpdateLoad(avg, Nanoseconds(LoadClockNow(c)), asleep);
  return avg;
}

// fair.c: attach_entity_load_avg(), and post_init_entity_util_avg() for a new task.
void Machine::AttachLoad(CpuId c, TaskId task, bool is_new) {
  if (runqueue_loads_.empty()) return;
  LoadAvg& avg = task_load_store_[task.index()];
  LoadAvg& queue = runqueue_load_store_[c.index()].fair;
  const int64_t weight = TableWeight(task_store_[task.index()].eff);
  if (load_on_[task.index()].valid() && load_on_[task.index()] != c) {
    const LoadAvg as_of_now = LoadNow(task);
    DetachLoad(load_on_[task.index()], task);
    avg = as_of_now;
  }
  if (is_new) {
    const int64_t left = (cpu_store_[c.index()].capacity - queue.util_avg) / 2;
    avg = LoadAvg();
    avg.load_avg = weight;
    if (left > 0) {
      avg.util_avg = queue.util_avg == 0
                         ? left
                         : std::min(left, queue.util_avg * weight / (queue.load_avg + 1));
    }
    avg.runnable_avg = avg.util_avg;
  }
  int64_t& old_weight = load_weight_[task.index()];
  if (load_on_[task.index()] == c) {
    // fair.c: reweight_entity().
    if (old_weight == weight) return;
    Take(queue.load_avg, queue.load_sum, avg.load_avg, old_weight * avg.load_sum);
    old_weight = weight;
    avg.load_avg = weight * avg.load_sum / LoadDivider(avg);
    queue.load_avg += avg.load_avg;
    queue.load_sum += weight * avg.load_sum;
    return;
  }
  if (!is_new && old_weight != weight) avg.load_avg = weight * avg.load_sum / LoadDivider(avg);
  old_weight = weight;
  load_on_[task.index()] = c;
  const int64_t divider = LoadDivider(queue);
  avg.last_update_ns = queue.last_update_ns;
  avg.period_contrib = queue.period_contrib;
  avg.util_sum = avg.util_avg * divider;
  avg.runnable_sum = avg.runnable_avg * divider;
  avg.load_sum = avg.load_avg * divider;
  avg.load_sum = weight < avg.load_sum ? avg.load_sum / weight : 1;
  queue.load_avg += avg.load_avg;
  queue.load_sum += weight * avg.load_sum;
  queue.util_avg += avg.util_avg;
  queue.util_sum += avg.util_sum;
  queue.runnable_avg += avg.runnable_avg;
  queue.runnable_sum += avg.runnable_sum;
}

// fair.c: detach_entity_load_avg().
void Machine::DetachLoad(CpuId from, TaskId task) {
  if (runqueue_loads_.empty() || load_on_[task.index()] != from) return;
  LoadAvg& avg = task_load_store_[task.index()];
  LoadAvg& queue = runqueue_load_store_[from.index()].fair;
  if (!task_store_[task.index()].on_rq && avg.last_update_ns < queue.last_update_ns) {
    LoadInput asleep;
    asleep.weight = load_weight_[task.index()];
    UpdateLoad(avg, queue.last_update_ns, asleep);
  }
  Take(queue.load_avg, queue.load_sum, avg.load_avg, load_weight_[task.index()] * avg.load_sum);
  Take(queue.util_avg, queue.util_sum, avg.util_avg, avg.util_sum);
  Take(queue.runnable_avg, queue.runnable_sum, avg.runnable_avg, avg.runnable_sum);
  load_on_[task.index()] = CpuId();
}

}  // namespace rqsim
