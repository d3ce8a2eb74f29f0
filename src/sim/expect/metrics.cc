#include "rqsim/metrics.h"

#include <algorithm>
#include <array>

#include "rqsim/kernel.h"
#include "sim/views/accountant.h"
#include "sim/views/result_fields.h"

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
    MetricRow{Of::kTask, "donor_cycles", Unit::kCycles,
              "charged to it, executed by another: the owner its chain ends at"},
    MetricRow{Of::kTask, "boosted_cycles", Unit::kCycles, "executed by it, charged to a donor"},
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
    MetricRow{Of::kTask, "dl_overruns", Unit::kCount,
              "budgets used up, of a deadline task with the flag overrun", false},
    MetricRow{Of::kTask, "pcount", Unit::kCount, "times it got a CPU (schedstat)", false},
    MetricRow{Of::kTask, "run_delay_max", Unit::kCycles, "the longest of the waits of run_delay",
              false},
    MetricRow{Of::kTask, "run_delay_max_start", Unit::kInstant, "… when it began", false},
    MetricRow{Of::kTask, "run_delay_max_end", Unit::kInstant, "… when it ended", false},
    MetricRow{Of::kTask, "wait_sum", Unit::kCycles,
              "in its class's queue, not picked; a delayed dequeue counts", false},
    MetricRow{Of::kTask, "wait_max", Unit::kCycles, "… the longest", false},
    MetricRow{Of::kTask, "wait_count", Unit::kCount, "… how many", false},
    MetricRow{Of::kTask, "sum_sleep_runtime", Unit::kCycles,
              "asleep in S, D or I, until the wake-up", false},
    MetricRow{Of::kTask, "sum_block_runtime", Unit::kCycles, "… in D or I", false},
    MetricRow{Of::kTask, "nr_wakeups", Unit::kCount, "times it was woken", false},
    MetricRow{Of::kTask, "nr_wakeups_local", Unit::kCount, "… on the CPU of its waker", false},
    MetricRow{Of::kTask, "nr_wakeups_remote", Unit::kCount, "… on another", false},
    MetricRow{Of::kTask, "nr_wakeups_sync", Unit::kCount, "… by one about to sleep", false},
    MetricRow{Of::kTask, "nr_wakeups_migrate", Unit::kCount, "… on another CPU than before", false},
    MetricRow{Of::kTask, "nr_wakeups_affine", Unit::kCount, "… brought to its waker's CPU", false},
    MetricRow{Of::kTask, "nr_wakeups_affine_attempts", Unit::kCount, "… times that was tried",
              false},
    MetricRow{Of::kTask, "nr_failed_migrations_affine", Unit::kCount,
              "passed over by a balancer: its CPUs", false},
    MetricRow{Of::kTask, "nr_failed_migrations_running", Unit::kCount, "… it was running", false},
    MetricRow{Of::kTask, "nr_failed_migrations_hot", Unit::kCount, "… cache hot", false},

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
    MetricRow{Of::kCpu, "yld_count", Unit::kCount, "yields (schedstat)", false},
    MetricRow{Of::kCpu, "sched_count", Unit::kCount, "schedule() calls", false},
    MetricRow{Of::kCpu, "sched_goidle", Unit::kCount, "switches to idle", false},
    MetricRow{Of::kCpu, "ttwu_count", Unit::kCount, "wake-ups made here", false},
    MetricRow{Of::kCpu, "ttwu_local", Unit::kCount, "… of tasks that came here", false},
    MetricRow{Of::kCpu, "rq_cpu_time", Unit::kCycles, "tasks were on it", false},
    MetricRow{Of::kCpu, "run_delay", Unit::kCycles, "tasks waited in its queue, all together",
              false},
    MetricRow{Of::kCpu, "pcount", Unit::kCount, "switches to tasks", false},
    MetricRow{Of::kCpu, "domain0.idle.lb_count", Unit::kCount,
              "passes of balancing in its lowest domain while it was idle; domainN.KIND.lb_NAME "
              "for the other domains, kinds (busy, idle, newly_idle) and counters of schedstat",
              false},
    MetricRow{Of::kCpu, "domain0.alb_pushed", Unit::kCount,
              "tasks that a stop task pushed here; domainN.NAME for alb_count, alb_failed, "
              "ttwu_wake_remote, ttwu_move_affine too",
              false},

    MetricRow{Of::kRun, "end", Unit::kInstant, "when the run ended"},
    MetricRow{Of::kRun, "events", Unit::kCount, "trace records", false},
    MetricRow{Of::kRun, "violations", Unit::kCount, "what the invariant checkers reported", false},
    MetricRow{Of::kRun, "chains_of_1", Unit::kCount, "walks along a chain of 1 mutex"},
    MetricRow{Of::kRun, "chains_of_2", Unit::kCount, "… of 2"},
    MetricRow{Of::kRun, "chains_of_3", Unit::kCount, "… of 3"},
    MetricRow{Of::kRun, "chains_of_4_or_more", Unit::kCount, "… of more"},
    MetricRow{Of::kRun, "deadline_misses", Unit::kCount, "of all tasks together", false},
    MetricRow{Of::kRun, "dispatches", Unit::kCount, "switches to tasks", false},
    MetricRow{Of::kRun, "donor_cycles", Unit::kCycles,
              "executed by one task and charged to another"},
    MetricRow{Of::kRun, "donor_moves_refused", Unit::kCount, "donors that a balancer passed over"},
    MetricRow{Of::kRun, "fifo_bypass_by_donor", Unit::kCount, "of all mutexes together", false},
    MetricRow{Of::kRun, "handoffs", Unit::kCount, "of all mutexes together", false},
    MetricRow{Of::kRun, "hotplug_appeared_in_section", Unit::kCount,
              "CPUs that came inside a section with preemption off elsewhere"},
    MetricRow{Of::kRun, "hotplug_callbacks", Unit::kCount, "callbacks of hotplug states"},
    MetricRow{Of::kRun, "hotplug_dead_callback_failed", Unit::kCount,
              "callbacks that failed once the CPU was dead"},
    MetricRow{Of::kRun, "hotplug_dep_window_max", Unit::kCycles,
              "a subsystem was on while one that it uses was off, the longest"},
    MetricRow{Of::kRun, "hotplug_dying_bad", Unit::kCount, "DYING notifiers that returned BAD"},
    MetricRow{Of::kRun, "hotplug_dying_races", Unit::kCount,
              "bits that a DYING notifier lost to another CPU"},
    MetricRow{Of::kRun, "hotplug_dying_unaudited", Unit::kCount,
              "DYING notifiers beside other CPUs of which nobody knows what they touch"},
    MetricRow{Of::kRun, "hotplug_failed", Unit::kCount, "hotplug operations with an error"},
    MetricRow{Of::kRun, "hotplug_inactive_cycles", Unit::kCycles, "CPUs online but not active"},
    MetricRow{Of::kRun, "hotplug_kthread_cycles", Unit::kCycles,
              "making, stopping and parking threads of CPUs"},
    MetricRow{Of::kRun, "hotplug_latency_max", Unit::kCycles,
              "the longest operation, from its request to its end"},
    MetricRow{Of::kRun, "hotplug_latency_sum", Unit::kCycles, "… all of them"},
    MetricRow{Of::kRun, "hotplug_missed_cpu", Unit::kCount,
              "changes behind the back of who relied on the set of online CPUs"},
    MetricRow{Of::kRun, "hotplug_moved", Unit::kCount, "tasks that left the CPU during one"},
    MetricRow{Of::kRun, "hotplug_not_vacated", Unit::kCount,
              "CPUs that were not empty when they died"},
    MetricRow{Of::kRun, "hotplug_ops", Unit::kCount, "hotplug operations that ended"},
    MetricRow{Of::kRun, "hotplug_percpu_kthread_away", Unit::kCount,
              "threads bound to a CPU that were sent elsewhere"},
    MetricRow{Of::kRun, "hotplug_ra_window_max", Unit::kCycles,
              "from the first withdrawn service until the CPU was offline, the longest"},
    MetricRow{Of::kRun, "hotplug_rcu_callbacks_lost", Unit::kCount,
              "callbacks of RCU that a DYING notifier lost"},
    MetricRow{Of::kRun, "hotplug_state.190.max", Unit::kCycles,
              "the longest callback of state 190; hotplug_state.N for the other states, of "
              "notifiers hotplug_state.DEAD for a round; also .sum and .n",
              false},
    MetricRow{Of::kRun, "hotplug_stop_window_max", Unit::kCycles,
              "another CPU could do nothing but wait, the longest in one operation"},
    MetricRow{Of::kRun, "hotplug_stop_window_sum", Unit::kCycles, "… of all other CPUs together"},
    MetricRow{Of::kRun, "hotplug_stragglers", Unit::kCount, "tasks left on CPUs that are gone"},
    MetricRow{Of::kRun, "hotplug_sync_timeouts", Unit::kCount,
              "CPUs that did not report to be alive or dead in 10 s"},
    MetricRow{Of::kRun, "hotplug_verdict_bad", Unit::kCount, "operations of a second and more"},
    MetricRow{Of::kRun, "hotplug_verdict_slow", Unit::kCount, "… of more than 10 ms"},
    MetricRow{Of::kRun, "hotplug_withdrawn_in_section", Unit::kCount,
              "services withdrawn inside a section while the CPU was online"},
    MetricRow{Of::kRun, "hotplug_writer_retries", Unit::kCount,
              "an operation that was woken found another reader"},
    MetricRow{Of::kRun, "idle_cycles", Unit::kCycles, "of all CPUs together", false},
    MetricRow{Of::kRun, "idle_retries", Unit::kCount, "walks that ended in idling and another try",
              false},
    MetricRow{Of::kRun, "inversion_cycles", Unit::kCycles,
              "a more important waiter was kept waiting for nothing"},
    MetricRow{Of::kRun, "ipis", Unit::kCount, "IPIs sent", false},
    MetricRow{Of::kRun, "jobs", Unit::kCount, "jobs that ended, of all tasks", false},
    MetricRow{Of::kRun, "longest_chain", Unit::kCount, "mutexes in the longest chain"},
    MetricRow{Of::kRun, "migrations", Unit::kCount, "changes of a task's CPU", false},
    MetricRow{Of::kRun, "misplaced_wakeups", Unit::kCount, "donors woken away from home"},
    MetricRow{Of::kRun, "need_resched", Unit::kCount, "requests to reschedule", false},
    MetricRow{Of::kRun, "overhead_cycles", Unit::kCycles, "costs of all CPUs together", false},
    MetricRow{Of::kRun, "overrun_cycles", Unit::kCycles,
              "executed for a donor whose chain ended elsewhere"},
    MetricRow{Of::kRun, "pi_setprio", Unit::kCount, "changes of priority by inheritance", false},
    MetricRow{Of::kRun, "pick_agains", Unit::kCount, "walks that ended in another pick", false},
    MetricRow{Of::kRun, "proxy_deactivations", Unit::kCount, "donors that went to sleep"},
    MetricRow{Of::kRun, "proxy_migrations", Unit::kCount, "donors moved to their owner's CPU"},
    MetricRow{Of::kRun, "proxy_parks", Unit::kCount, "donors parked on a sleeping owner"},
    MetricRow{Of::kRun, "return_migrations", Unit::kCount, "donors moved back home"},
    MetricRow{Of::kRun, "rt_violation_cycles", Unit::kCycles,
              "one of the most important real-time contexts did not execute"},
    MetricRow{Of::kRun, "signals", Unit::kCount, "signals sent", false},
    MetricRow{Of::kRun, "spawns", Unit::kCount, "tasks made", false},
    MetricRow{Of::kRun, "spin_cycles", Unit::kCycles, "burnt by spinners", false},
    MetricRow{Of::kRun, "steals", Unit::kCount, "of all mutexes together", false},
    MetricRow{Of::kRun, "switches", Unit::kCount, "switches, those to idle included", false},
    MetricRow{Of::kRun, "ticks", Unit::kCount, "ticks handled", false},
    MetricRow{Of::kRun, "wakeups", Unit::kCount, "tasks woken", false},
};

std::optional<int64_t> Of1(const Distribution& d, std::string_view part) {
  // A distribution of nothing has no largest element; 0 would satisfy every `max`.
  if (d.n == 0 && part != "n" && part != "sum") return std::nullopt;
  if (part.empty()) return d.max.count();
  for (const ResultField<Distribution>& field : kDistributionFields) {
    if (field.name() == part) return field.Get(d);
  }
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

template <class Thing, std::size_t N>
std::optional<int64_t> Plain(const Thing& thing, std::string_view name,
                             const ResultField<Thing> (&fields)[N]) {
  for (const ResultField<Thing>& field : fields) {
    if (field.name() == name) return field.Get(thing);
  }
  return std::nullopt;
}

// Whether `name` is a part of that distribution, also one that the table has no row for.
bool IsPartOf(std::string_view name, std::string_view distribution) {
  const auto part = PartOf(name, distribution);
  if (!part) return false;
  for (const ResultField<Distribution>& field : kDistributionFields) {
    if (field.name() == *part) return true;
  }
  return false;
}

// The counter of one of a CPU's domains that `name` means: domainN.NAME or domainN.KIND.NAME.
struct DomainMetric {
  std::size_t domain = 0;
  const BalanceKind* kind = nullptr;  // null: not one of balancing passes
  std::string_view counter;
};
std::optional<DomainMetric> DomainMetricOf(std::string_view name) {
  if (!name.starts_with("domain")) return std::nullopt;
  name.remove_prefix(std::string_view("domain").size());
  DomainMetric metric;
  const std::size_t dot = name.find('.');
  if (dot == 0 || dot == std::string_view::npos || dot > 3) return std::nullopt;
  for (const char c : name.substr(0, dot)) {
    if (c < '0' || c > '9') return std::nullopt;
    metric.domain = metric.domain * 10 + static_cast<std::size_t>(c - '0');
  }
  metric.counter = name.substr(dot + 1);
  for (const ResultField<DomainResult>& field : kDomainFields) {
    if (field.name() == metric.counter) return metric;
  }
  for (const BalanceKind& kind : kBalanceKinds) {
    const auto part = PartOf(metric.counter, kind.name);
    if (!part) continue;
    for (const ResultField<BalanceCounts>& field : kBalanceFields) {
      if (field.name() == *part) return DomainMetric{metric.domain, &kind, *part};
    }
  }
  return std::nullopt;
}

// Callbacks of one hotplug state, or rounds of one kind of notifier, of all operations of the run
// that have ended: hotplug_state.190, hotplug_state.190.sum, hotplug_state.DOWN_PREPARE.n.
struct StateMetric {
  std::string_view state;
  std::string_view part;
};
std::optional<StateMetric> StateMetricOf(std::string_view name) {
  const auto rest = PartOf(name, "hotplug_state");
  if (!rest || rest->empty()) return std::nullopt;
  const std::size_t dot = std::min(rest->find('.'), rest->size());
  StateMetric metric{rest->substr(0, dot), dot == rest->size() ? "max" : rest->substr(dot + 1)};
  const bool is_number = std::all_of(metric.state.begin(), metric.state.end(),
                                     [](char c) { return c >= '0' && c <= '9'; });
  const bool is_round = std::all_of(metric.state.begin(), metric.state.end(),
                                    [](char c) { return (c >= 'A' && c <= 'Z') || c == '_'; });
  const bool is_part = metric.part == "max" || metric.part == "sum" || metric.part == "n";
  if (metric.state.empty() || is_number == is_round || !is_part) return std::nullopt;
  return metric;
}
std::optional<int64_t> ValueOf(const StateMetric& metric, const Result& result) {
  int64_t longest = 0, sum = 0, n = 0;
  for (const HotplugOpResult& op : result.hotplug) {
    for (const HotplugStep& step : op.steps) {
      const std::string_view what = step.what;
      if (what.substr(0, what.find(' ')) != metric.state) continue;
      const int64_t length = (step.end - step.start).count();
      longest = std::max(longest, length);
      sum += length;
      ++n;
    }
  }
  if (metric.part == "n") return n;
  if (metric.part == "sum") return sum;
  // A state that was never passed has no longest time; 0 would satisfy every `max`.
  return n == 0 ? std::nullopt : std::optional(longest);
}

// The kernel's longer names.
std::string_view WithoutAlias(MetricOf of, std::string_view name) {
  if (of != MetricOf::kTask) return name;
  if (name == "se.sum_exec_runtime") return "exec";
  if (name == "se.nr_migrations") return "nr_migrations";
  return name;
}

bool IsCost(std::string_view name) {
  for (int i = 0; i < kNumCosts; ++i) {
    if (CostName(static_cast<CostId>(i)) == name) return true;
  }
  return false;
}

}  // namespace

std::span<const MetricRow> MetricTable() { return kTable; }

const MetricRow* FindMetricRow(MetricOf of, std::string_view name) {
  name = WithoutAlias(of, name);
  for (const MetricRow& row : kTable) {
    if (row.of != of) continue;
    if (row.name == name) return &row;
    // The bare name of a distribution.
    if (row.name.ends_with(".max") && row.name.substr(0, row.name.size() - 4) == name) return &row;
  }
  return nullptr;
}

namespace {

bool IsDeclared(std::string_view name, const Registry& registry) {
  for (const RegistryEntry& entry : registry.entries()) {
    for (const MetricInfo& metric : entry.info->metrics) {
      if (metric.name == name) return true;
    }
  }
  return false;
}

// groups.GROUP.NAME; either may have dots.
bool IsOfGroup(std::string_view name, const Registry& registry) {
  constexpr std::string_view kPrefix = "groups.";
  if (name.substr(0, kPrefix.size()) != kPrefix) return false;
  for (std::size_t dot = name.find('.', kPrefix.size() + 1); dot != std::string_view::npos;
       dot = name.find('.', dot + 1)) {
    if (IsDeclared(name.substr(dot + 1), registry)) return true;
  }
  return false;
}

}  // namespace

bool IsMetric(MetricOf of, std::string_view name, const Registry& registry) {
  if (FindMetricRow(of, name) != nullptr) return true;
  switch (of) {
    case MetricOf::kTask: {
      const auto cause = PartOf(name, "waits");
      const auto umcg = PartOf(name, "umcg");
      return (cause && !cause->empty()) || IsPartOf(name, "response") ||
             IsPartOf(name, "wakeup_latency") || (umcg && IsDeclared(*umcg, registry));
    }
    case MetricOf::kLock:
      return IsPartOf(name, "wait") || IsPartOf(name, "hold");
    case MetricOf::kCpu: {
      const auto cost = PartOf(name, "overhead");
      return (cost && IsCost(*cost)) || DomainMetricOf(name);
    }
    case MetricOf::kRun:
      if (StateMetricOf(name)) return true;
      break;
  }
  return IsDeclared(name, registry) || IsOfGroup(name, registry);
}

std::vector<std::string> MetricNames(MetricOf of, const Registry& registry) {
  std::vector<std::string> names;
  for (const MetricRow& row : kTable) {
    if (row.of == of) names.emplace_back(row.name);
  }
  if (of != MetricOf::kRun) return names;
  for (const RegistryEntry& entry : registry.entries()) {
    for (const MetricInfo& metric : entry.info->metrics) names.emplace_back(metric.name);
  }
  return names;
}

std::optional<int64_t> MetricValue(const TaskResult& task, std::string_view name) {
  name = WithoutAlias(MetricOf::kTask, name);
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
  for (const auto& [metric, value] : task.metrics) {
    if (metric == name) return value;
  }
  return Plain(task, name, kTaskFields);
}

std::optional<int64_t> MetricValue(const LockResult& lock, std::string_view name) {
  if (const auto part = PartOf(name, "wait")) return Of1(lock.wait, *part);
  if (const auto part = PartOf(name, "hold")) return Of1(lock.hold, *part);
  return Plain(lock, name, kLockFields);
}

std::optional<int64_t> MetricValue(const CpuResult& cpu, std::string_view name) {
  if (const auto metric = DomainMetricOf(name)) {
    if (metric->domain >= cpu.domains.size()) return std::nullopt;
    const DomainResult& domain = cpu.domains[metric->domain];
    if (metric->kind == nullptr) return Plain(domain, metric->counter, kDomainFields);
    return Plain(domain.*metric->kind->counts, metric->counter, kBalanceFields);
  }
  const auto part = PartOf(name, "overhead");
  if (!part) return Plain(cpu, name, kCpuFields);
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
  if (const auto metric = StateMetricOf(name)) return ValueOf(*metric, result);
  if (name == "deadline_misses") {
    int64_t misses = 0;
    for (const TaskResult& task : result.tasks) misses += task.deadline_misses;
    return misses;
  }
  return std::nullopt;
}

}  // namespace rqsim
