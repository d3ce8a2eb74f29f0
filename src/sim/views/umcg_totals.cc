#include "sim/views/umcg_totals.h"

#include <algorithm>

namespace rqsim {
namespace {

using Role = UmcgTotals::Role;

constexpr std::array<std::string_view, UmcgTotals::kReasons> kReasonNames = {
    "no-server", "locked", "not-running", "no-next",     "server-not-idle", "word-changed",
    "efault",    "pin",    "enqueue",     "idle-server", "no-such-server",  "wait"};

// The latencies that are no hand-offs, in the order of UmcgLatency.
constexpr std::array<std::string_view, 5> kLatencyNames = {
    "block_notify_latency", "wake_notify_latency", "worker_sched_latency", "wake_to_run",
    "preempt_latency"};

// Counts that are metrics as they are, and whose they are.
struct CountRow {
  UmcgCount count;
  const char* name;
  bool of_worker, of_server;
};
constexpr CountRow kRows[] = {
    {UmcgCount::kAttachedUser, "attached_user_cycles", true, false},
    {UmcgCount::kUmcg, "umcg_cycles", true, true},
    {UmcgCount::kUnmanaged, "unmanaged_cycles", true, false},
    {UmcgCount::kPinCycles, "pin_cycles", true, false},
    {UmcgCount::kLost, "lost_wakeups", false, true},
    {UmcgCount::kSilent, "silent_blocks", true, false},
    {UmcgCount::kFutile, "futile_wakes", false, true},
    {UmcgCount::kSpurious, "spurious_wakes", true, true},
    {UmcgCount::kMissed, "missed_preemptions", true, false},
    {UmcgCount::kConsumerSpin, "consumer_spin", false, true},
    {UmcgCount::kKernelSpin, "kernel_spin", true, false},
    {UmcgCount::kDiscarded, "discarded_signals", true, true},
    {UmcgCount::kLookups, "vpid_lookups", true, true},
    {UmcgCount::kCrossWakes, "cross_cpu_wakes", true, true},
};

int64_t Thousandths(int64_t part, int64_t whole) { return whole == 0 ? 0 : part * 1000 / whole; }

void AddDistribution(UmcgTotals::Metrics& metrics, const std::string& name,
                     std::vector<int64_t> samples) {
  // total order: equal integers are the same.
  std::sort(samples.begin(), samples.end());
  const auto n = static_cast<int64_t>(samples.size());
  int64_t sum = 0;
  for (int64_t sample : samples) sum += sample;
  const auto rank = [&](int64_t percent) {
    return n == 0 ? 0 : samples[static_cast<std::size_t>((percent * n + 99) / 100 - 1)];
  };
  metrics.emplace_back(name + ".n", n);
  metrics.emplace_back(name + ".min", n == 0 ? 0 : samples.front());
  metrics.emplace_back(name + ".mean", n == 0 ? 0 : sum / n);
  metrics.emplace_back(name + ".p50", rank(50));
  metrics.emplace_back(name + ".p99", rank(99));
  metrics.emplace_back(name + ".max", n == 0 ? 0 : samples.back());
}

}  // namespace

void UmcgTotals::Join(TaskId task, int group, Role role) {
  Thread& thread = Of(task);
  thread.group = group;
  thread.role = role;
}

void UmcgTotals::Kill(TaskId task, int64_t reason) {
  const std::size_t index = static_cast<std::size_t>(reason) % kReasons;
  ++killed_[index];
  Of(task).killed_for = static_cast<int64_t>(index);
}

void UmcgTotals::Pins(TaskId task, int64_t pages, int64_t outstanding, Time t) {
  pins_max_ = std::max(pins_max_, outstanding);
  Thread& thread = Of(task);
  Add(UmcgCount::kPinCycles, task, thread.pins * (t - thread.pinned_since).count());
  if (thread.group >= 0) {
    Group& group = groups_[static_cast<std::size_t>(thread.group)];
    group.pins += pages - thread.pins;
    group.pins_max = std::max(group.pins_max, group.pins);
  }
  thread.pins = pages;
  thread.pins_max = std::max(thread.pins_max, pages);
  thread.pinned_since = t;
}

void UmcgTotals::Finish(Time end) {
  end_ = end;
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    const TaskId task(static_cast<int32_t>(i));
    Thread& thread = Of(task);
    Add(UmcgCount::kPinCycles, task, thread.pins * (end - thread.pinned_since).count());
    thread.pinned_since = end;
  }
}

int64_t UmcgTotals::Sum(UmcgCount count, int group) const {
  int64_t sum = 0;
  for (const Thread& thread : threads_) {
    if (group < 0 || thread.group == group) sum += Get(thread, count);
  }
  return sum;
}

void UmcgTotals::AddLatencies(Metrics& metrics, const std::string& prefix, int group) const {
  std::vector<int64_t> handoffs;
  for (std::size_t k = 0; k < static_cast<std::size_t>(UmcgLatency::kCount); ++k) {
    std::vector<int64_t> all;
    for (const Thread& thread : threads_) {
      if (group >= 0 && thread.group != group) continue;
      all.insert(all.end(), thread.samples[k].begin(), thread.samples[k].end());
    }
    if (k < kUmcgHandoffs) {
      handoffs.insert(handoffs.end(), all.begin(), all.end());
      AddDistribution(metrics, prefix + "handoff_" + std::string(kUmcgHandoffNames[k]), all);
    } else {
      AddDistribution(metrics, prefix + std::string(kLatencyNames[k - kUmcgHandoffs]), all);
    }
  }
  AddDistribution(metrics, prefix + "handoff_latency", std::move(handoffs));
}

int64_t UmcgTotals::Utilisation(int group) const {
  int64_t servers = 0;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    if (group < 0 || static_cast<int>(g) == group) servers += groups_[g].servers;
  }
  return Thousandths(Sum(UmcgCount::kAttachedUser, group), end_.cycles() * servers);
}

void UmcgTotals::AddCounts(Metrics& metrics, const std::string& prefix, int group) const {
  const auto put = [&](std::string_view name, int64_t value) {
    metrics.emplace_back(prefix + std::string(name), value);
  };
  for (const CountRow& row : kRows) put(row.name, Sum(row.count, group));
  int64_t parked = 0, unparked = 0, excess = 0;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    if (group >= 0 && static_cast<int>(g) != group) continue;
    parked += groups_[g].parked_gap;
    unparked += groups_[g].unparked_gap;
    excess += groups_[g].excess;
  }
  put("runnable_idle_gap.parked", parked);
  put("runnable_idle_gap.unparked", unparked);
  put("concurrency_excess", excess);
  put("server_utilisation", Utilisation(group));
  const int64_t busy = group < 0 ? busy_ : Sum(UmcgCount::kExec, group);
  put("overhead_fraction", Thousandths(Sum(UmcgCount::kUmcg, group), busy));
  put("pinned_pages_max",
      group < 0 ? pins_max_ : groups_[static_cast<std::size_t>(group)].pins_max);
  std::array<int64_t, kReasons> killed = killed_;
  if (group >= 0) {
    killed.fill(0);
    for (const Thread& thread : threads_) {
      if (thread.group == group && thread.killed_for >= 0) {
        ++killed[static_cast<std::size_t>(thread.killed_for)];
      }
    }
  }
  int64_t all = 0;
  for (std::size_t r = 0; r < kReasons; ++r) {
    all += killed[r];
    put("killed_workers." + std::string(kReasonNames[r]), killed[r]);
  }
  put("killed_workers", all);
}

void UmcgTotals::AddKernelOnly(Metrics& metrics) const {
  std::vector<int64_t> samples;
  int64_t parked = 0, unparked = 0;
  for (const Thread& thread : threads_) {
    const auto& own = thread.samples[static_cast<std::size_t>(UmcgLatency::kWakeToRun)];
    samples.insert(samples.end(), own.begin(), own.end());
  }
  for (const Group& group : groups_) {
    parked += group.parked_gap;
    unparked += group.unparked_gap;
  }
  AddDistribution(metrics, "wake_to_run", std::move(samples));
  metrics.emplace_back("attached_user_cycles", Sum(UmcgCount::kAttachedUser, -1));
  metrics.emplace_back("server_utilisation", Utilisation(-1));
  metrics.emplace_back("runnable_idle_gap.parked", parked);
  metrics.emplace_back("runnable_idle_gap.unparked", unparked);
}

void UmcgTotals::AddTo(Metrics& metrics, bool kernel_only) const {
  if (kernel_only) {
    AddKernelOnly(metrics);
    return;
  }
  AddLatencies(metrics, "", -1);
  AddCounts(metrics, "", -1);
  if (groups_.size() < 2) return;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const std::string prefix = "groups." + groups_[g].name + ".";
    AddLatencies(metrics, prefix, static_cast<int>(g));
    AddCounts(metrics, prefix, static_cast<int>(g));
  }
}

void UmcgTotals::AddTo(std::vector<TaskResult>& tasks) const {
  for (TaskResult& task : tasks) {
    if (task.id.index() >= threads_.size()) continue;
    const Thread& thread = threads_[task.id];
    if (thread.role == Role::kNone) continue;
    const bool is_server = thread.role == Role::kServer;
    std::vector<int64_t> handoffs;
    for (std::size_t k = 0; k < thread.samples.size(); ++k) {
      const std::vector<int64_t>& own = thread.samples[k];
      if (k < kUmcgHandoffs) {
        handoffs.insert(handoffs.end(), own.begin(), own.end());
      } else if (!own.empty()) {
        AddDistribution(task.metrics, "umcg." + std::string(kLatencyNames[k - kUmcgHandoffs]), own);
      }
    }
    if (!handoffs.empty()) AddDistribution(task.metrics, "umcg.handoff_latency", handoffs);
    for (const CountRow& row : kRows) {
      if (!(is_server ? row.of_server : row.of_worker)) continue;
      task.metrics.emplace_back("umcg." + std::string(row.name), Get(thread, row.count));
    }
    task.metrics.emplace_back("umcg.overhead_fraction", Thousandths(Get(thread, UmcgCount::kUmcg),
                                                                    Get(thread, UmcgCount::kExec)));
    if (is_server) {
      task.metrics.emplace_back("umcg.attached_user_cycles", Get(thread, UmcgCount::kServed));
      task.metrics.emplace_back("umcg.server_utilisation",
                                Thousandths(Get(thread, UmcgCount::kServed), end_.cycles()));
    } else {
      task.metrics.emplace_back("umcg.pinned_pages_max", thread.pins_max);
      task.metrics.emplace_back("umcg.killed_workers", thread.killed_for < 0 ? 0 : 1);
    }
    // total order: names differ.
    std::sort(task.metrics.begin(), task.metrics.end());
  }
}

}  // namespace rqsim
