#include "rqsim/metrics.h"

#include <array>

namespace rqsim {
namespace {

using Of = MetricOf;
using Unit = MetricUnit;

constexpr std::array kTable = {
    MetricRow{Of::kTask, "start", Unit::kInstant, "when it was spawned"},
    MetricRow{Of::kTask, "finish", Unit::kInstant,
              "when it exited; none if it is alive at the end"},
    MetricRow{Of::kTask, "lifetime", Unit::kCycles, "from spawn to exit or to the end of the run"},
    MetricRow{Of::kTask, "exec", Unit::kCycles,
              "executed as curr, its switches and handlers included (se.sum_exec_runtime)"},
    MetricRow{Of::kTask, "charged", Unit::kCycles, "the same cycles, booked to the donor"},
    MetricRow{Of::kTask, "work", Unit::kCycles, "cycles of its own program"},
    MetricRow{Of::kTask, "run_delay", Unit::kCycles, "queued and not executing"},
    MetricRow{Of::kTask, "blocked", Unit::kCycles, "asleep in D: waiting for locks"},
    MetricRow{Of::kTask, "sleeping", Unit::kCycles, "asleep in S or I"},
    MetricRow{Of::kTask, "run", Unit::kCycles, "closure: executing"},
    MetricRow{Of::kTask, "runnable", Unit::kCycles, "closure: waiting for a CPU"},
    MetricRow{Of::kTask, "blocked_queued", Unit::kCycles, "closure: blocked, but kept queued"},
    MetricRow{Of::kTask, "parked", Unit::kCycles, "closure: parked"},
    MetricRow{Of::kTask, "frozen", Unit::kCycles, "closure: frozen"},
    MetricRow{Of::kTask, "throttled", Unit::kCycles, "closure: throttled"},
    MetricRow{Of::kTask, "migrating", Unit::kCycles, "closure: between two runqueues"},
    MetricRow{Of::kTask, "response.max", Unit::kCycles,
              "release of a job to its end, the longest; `response` alone means this"},
    MetricRow{Of::kTask, "response.p50", Unit::kCycles, "… the median, by nearest rank"},
    MetricRow{Of::kTask, "response.p90", Unit::kCycles, "… 9 of 10 jobs took no longer"},
    MetricRow{Of::kTask, "response.p95", Unit::kCycles, "… 95 of 100"},
    MetricRow{Of::kTask, "response.p99", Unit::kCycles, "… 99 of 100"},
    MetricRow{Of::kTask, "response.p999", Unit::kCycles, "… 999 of 1000"},
    MetricRow{Of::kTask, "response.sum", Unit::kCycles, "… all of them together"},
    MetricRow{Of::kTask, "response.n", Unit::kCount, "how many jobs ended"},
    MetricRow{Of::kTask, "wakeup_latency.max", Unit::kCycles,
              "sched_wakeup to the first sched_switch in, the longest; also `wakeup_latency`"},
    MetricRow{Of::kTask, "wakeup_latency.p50", Unit::kCycles, "… the median"},
    MetricRow{Of::kTask, "wakeup_latency.p90", Unit::kCycles, "… 9 of 10"},
    MetricRow{Of::kTask, "wakeup_latency.p95", Unit::kCycles, "… 95 of 100"},
    MetricRow{Of::kTask, "wakeup_latency.p99", Unit::kCycles, "… 99 of 100"},
    MetricRow{Of::kTask, "wakeup_latency.p999", Unit::kCycles, "… 999 of 1000"},
    MetricRow{Of::kTask, "wakeup_latency.sum", Unit::kCycles, "… all of them together"},
    MetricRow{Of::kTask, "wakeup_latency.n", Unit::kCount, "how many wake-ups"},
    MetricRow{Of::kTask, "nr_switches", Unit::kCount, "times it was switched out"},
    MetricRow{Of::kTask, "nr_voluntary_switches", Unit::kCount, "… because it blocked"},
    MetricRow{Of::kTask, "nr_involuntary_switches", Unit::kCount, "… preempted or yielding"},
    MetricRow{Of::kTask, "nr_migrations", Unit::kCount, "changes of its CPU"},
    MetricRow{Of::kTask, "deadline_misses", Unit::kCount, "jobs that ended after their deadline"},

    MetricRow{Of::kLock, "acquisitions", Unit::kCount, "times it was taken"},
    MetricRow{Of::kLock, "fast", Unit::kCount, "… at the first try"},
    MetricRow{Of::kLock, "trylock", Unit::kCount, "… by trylock"},
    MetricRow{Of::kLock, "osq_spin", Unit::kCount, "… by the head of the spin queue"},
    MetricRow{Of::kLock, "waiter_spin", Unit::kCount, "… by the first waiter, spinning"},
    MetricRow{Of::kLock, "slow", Unit::kCount, "… after a sleep"},
    MetricRow{Of::kLock, "steals", Unit::kCount, "taken past a waiter"},
    MetricRow{Of::kLock, "handoffs", Unit::kCount, "given to a waiter by the unlocker"},
    MetricRow{Of::kLock, "handoffs_flag", Unit::kCount, "… because the waiter had asked for it"},
    MetricRow{Of::kLock, "handoffs_donor", Unit::kCount, "… to the donor of the unlocker"},
    MetricRow{Of::kLock, "handoffs_always", Unit::kCount, "… because the protocol always does"},
    MetricRow{Of::kLock, "fifo_bypass_by_donor", Unit::kCount,
              "handed to a donor past the first waiter"},
    MetricRow{Of::kLock, "wakeups", Unit::kCount, "waiters woken"},
    MetricRow{Of::kLock, "spin_cycles", Unit::kCycles, "burnt by spinners"},
    MetricRow{Of::kLock, "wait.max", Unit::kCycles,
              "from lock to having it, the longest; also `wait`"},
    MetricRow{Of::kLock, "wait.p50", Unit::kCycles, "… the median"},
    MetricRow{Of::kLock, "wait.p99", Unit::kCycles, "… 99 of 100"},
    MetricRow{Of::kLock, "wait.sum", Unit::kCycles, "… all of them together"},
    MetricRow{Of::kLock, "wait.n", Unit::kCount, "how many waits"},
    MetricRow{Of::kLock, "hold.max", Unit::kCycles,
              "from having it to unlock, the longest; also `hold`"},
    MetricRow{Of::kLock, "hold.p50", Unit::kCycles, "… the median"},
    MetricRow{Of::kLock, "hold.p99", Unit::kCycles, "… 99 of 100"},
    MetricRow{Of::kLock, "hold.sum", Unit::kCycles, "… all of them together"},
    MetricRow{Of::kLock, "hold.n", Unit::kCount, "how many critical sections"},

    MetricRow{Of::kCpu, "user", Unit::kCycles, "in user mode"},
    MetricRow{Of::kCpu, "kernel", Unit::kCycles, "in kernel mode, overheads aside"},
    MetricRow{Of::kCpu, "idle", Unit::kCycles, "idle"},
    MetricRow{Of::kCpu, "offline", Unit::kCycles, "offline"},
    MetricRow{Of::kCpu, "overhead", Unit::kCycles,
              "all costs together; overhead.NAME for one of them"},

    MetricRow{Of::kRun, "end", Unit::kInstant, "when the run ended"},
    MetricRow{Of::kRun, "events", Unit::kCount, "trace records"},
    MetricRow{Of::kRun, "violations", Unit::kCount, "what the invariant checkers reported"},
    MetricRow{Of::kRun, "deadline_misses", Unit::kCount, "of all tasks together"},
};

std::optional<int64_t> Of1(const Distribution& d, std::string_view part) {
  if (part == "n") return d.n;
  if (part == "sum") return d.sum.count();
  // A distribution of nothing has no largest element; 0 would satisfy every `max`.
  if (d.n == 0) return std::nullopt;
  if (part.empty() || part == "max") return d.max.count();
  if (part == "p50") return d.p50.count();
  if (part == "p90") return d.p90.count();
  if (part == "p95") return d.p95.count();
  if (part == "p99") return d.p99.count();
  if (part == "p999") return d.p999.count();
  return std::nullopt;
}

// `name` is `whole` or `whole.part`; then the part.
std::optional<std::string_view> PartOf(std::string_view name, std::string_view whole) {
  if (!name.starts_with(whole)) return std::nullopt;
  name.remove_prefix(whole.size());
  if (name.empty()) return name;
  if (name.front() != '.') return std::nullopt;
  return name.substr(1);
}

template <class Thing>
struct Member {
  std::string_view name;
  Cycles Thing::*cycles;
};
template <class Thing>
struct Counter {
  std::string_view name;
  int64_t Thing::*count;
};

template <class Thing, std::size_t M, std::size_t C>
std::optional<int64_t> Plain(const Thing& thing, std::string_view name,
                             const Member<Thing> (&members)[M],
                             const Counter<Thing> (&counters)[C]) {
  for (const auto& member : members) {
    if (member.name == name) return (thing.*member.cycles).count();
  }
  for (const auto& counter : counters) {
    if (counter.name == name) return thing.*counter.count;
  }
  return std::nullopt;
}

}  // namespace

std::span<const MetricRow> MetricTable() { return kTable; }

const MetricRow* FindMetricRow(MetricOf of, std::string_view name) {
  for (const MetricRow& row : kTable) {
    if (row.of != of) continue;
    if (row.name == name) return &row;
    // The bare name of a distribution.
    if (row.name.ends_with(".max") && row.name.substr(0, row.name.size() - 4) == name) return &row;
  }
  return nullptr;
}

std::optional<int64_t> MetricValue(const TaskResult& task, std::string_view name) {
  using T = TaskResult;
  static constexpr Member<T> kMembers[] = {
      {"lifetime", &T::lifetime},   {"exec", &T::exec},
      {"charged", &T::charged},     {"work", &T::work},
      {"run_delay", &T::run_delay}, {"blocked", &T::blocked},
      {"sleeping", &T::sleeping},   {"run", &T::run},
      {"runnable", &T::runnable},   {"blocked_queued", &T::blocked_queued},
      {"parked", &T::parked},       {"frozen", &T::frozen},
      {"throttled", &T::throttled}, {"migrating", &T::migrating}};
  static constexpr Counter<T> kCounters[] = {
      {"nr_switches", &T::nr_switches},
      {"nr_voluntary_switches", &T::nr_voluntary_switches},
      {"nr_involuntary_switches", &T::nr_involuntary_switches},
      {"nr_migrations", &T::nr_migrations},
      {"deadline_misses", &T::deadline_misses}};
  if (name == "start") return task.start.cycles();
  if (name == "finish") {
    if (!task.finish) return std::nullopt;
    return task.finish->cycles();
  }
  if (const auto part = PartOf(name, "response")) return Of1(task.response, *part);
  if (const auto part = PartOf(name, "wakeup_latency")) return Of1(task.wakeup_latency, *part);
  if (const auto part = PartOf(name, "waits"); part && !part->empty()) {
    for (const WaitCause& wait : task.waits) {
      if (wait.cause == *part) return wait.cycles.count();
    }
    return 0;
  }
  return Plain(task, name, kMembers, kCounters);
}

std::optional<int64_t> MetricValue(const LockResult& lock, std::string_view name) {
  using L = LockResult;
  static constexpr Member<L> kMembers[] = {{"spin_cycles", &L::spin_cycles}};
  static constexpr Counter<L> kCounters[] = {{"acquisitions", &L::acquisitions},
                                             {"fast", &L::fast},
                                             {"trylock", &L::trylock},
                                             {"osq_spin", &L::osq_spin},
                                             {"waiter_spin", &L::waiter_spin},
                                             {"slow", &L::slow},
                                             {"steals", &L::steals},
                                             {"handoffs", &L::handoffs},
                                             {"handoffs_flag", &L::handoffs_flag},
                                             {"handoffs_donor", &L::handoffs_donor},
                                             {"handoffs_always", &L::handoffs_always},
                                             {"fifo_bypass_by_donor", &L::fifo_bypass_by_donor},
                                             {"wakeups", &L::wakeups}};
  if (const auto part = PartOf(name, "wait")) return Of1(lock.wait, *part);
  if (const auto part = PartOf(name, "hold")) return Of1(lock.hold, *part);
  return Plain(lock, name, kMembers, kCounters);
}

std::optional<int64_t> MetricValue(const CpuResult& cpu, std::string_view name) {
  if (name == "user") return cpu.user.count();
  if (name == "kernel") return cpu.kernel.count();
  if (name == "idle") return cpu.idle.count();
  if (name == "offline") return cpu.offline.count();
  const auto part = PartOf(name, "overhead");
  if (!part) return std::nullopt;
  int64_t sum = 0;
  for (const auto& [cost, cycles] : cpu.overhead) {
    if (part->empty() || cost == *part) sum += cycles.count();
  }
  return sum;
}

std::optional<int64_t> MetricValue(const Result& result, std::string_view name) {
  if (name == "end") return result.end.cycles();
  if (name == "events") return static_cast<int64_t>(result.events);
  if (name == "violations") return static_cast<int64_t>(result.violations.size());
  for (const auto& [metric, value] : result.metrics) {
    if (metric == name) return value;
  }
  if (name == "deadline_misses") {
    int64_t misses = 0;
    for (const TaskResult& task : result.tasks) misses += task.deadline_misses;
    return misses;
  }
  return std::nullopt;
}

}  // namespace rqsim
