// The names of the numbers in a Result: what `assert` and `expect` of a scenario, `compare` and
// `list metrics` call them. One table for all of them.
#ifndef RQSIM_METRICS_H_
#define RQSIM_METRICS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rqsim/registry.h"
#include "rqsim/result.h"

namespace rqsim {

enum class MetricOf : uint8_t { kTask, kLock, kCpu, kRun };

// What a number counts: it decides how reports write it.
enum class MetricUnit : uint8_t { kCycles, kInstant, kCount };

struct MetricRow {
  MetricOf of;
  std::string_view name;
  MetricUnit unit;
  std::string_view summary;  // one line
  // Whether `compare` gives it a line: not if others there say the same.
  bool in_compare = true;
};

// Every metric but those that services declare, in the order in which reports print them.
// Distributions stand there as `response.max`; the bare name means the maximum.
std::span<const MetricRow> MetricTable();

// Also a name of /proc/PID/sched for one of them: `se.sum_exec_runtime` for `exec`,
// `se.nr_migrations` for `nr_migrations`.
//
// The row of that name; null if there is none (a service's metric, a typing mistake).
const MetricRow* FindMetricRow(MetricOf of, std::string_view name);

// Whether runs with the policies of `registry` can have a metric of that name: one of the table,
// `waits.CAUSE` of a task, `overhead.COST` of a CPU, one that a policy declares. What UMCG declares
// is also `umcg.NAME` of its threads and, where a scenario has several groups, `groups.GROUP.NAME`
// of the run.
bool IsMetric(MetricOf of, std::string_view name, const Registry& registry);
// Their names, for suggestions.
std::vector<std::string> MetricNames(MetricOf of, const Registry& registry);

// The value; nothing if there is none of that name, or the task has not finished. Tasks also know
// `waits.CAUSE`, CPUs `overhead.COST`, runs the metrics of their services.
std::optional<int64_t> MetricValue(const TaskResult& task, std::string_view name);
std::optional<int64_t> MetricValue(const LockResult& lock, std::string_view name);
std::optional<int64_t> MetricValue(const CpuResult& cpu, std::string_view name);
std::optional<int64_t> MetricValue(const Result& result, std::string_view name);

}  // namespace rqsim

#endif  // RQSIM_METRICS_H_
