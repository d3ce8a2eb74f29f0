// The names of the numbers in a Result: what `assert` and `expect` of a scenario, `compare` and
// `list metrics` call them. One table for all of them.
#ifndef RQSIM_METRICS_H_
#define RQSIM_METRICS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

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
};

// Every metric but those that services declare, in the order in which reports print them.
// Distributions stand there as `response.max`; the bare name means the maximum.
std::span<const MetricRow> MetricTable();

// The row of that name; null if there is none (a service's metric, a typing mistake).
const MetricRow* FindMetricRow(MetricOf of, std::string_view name);

// The value; nothing if there is none of that name, or the task has not finished. Tasks also know
// `waits.CAUSE`, CPUs `overhead.COST`, runs the metrics of their services.
std::optional<int64_t> MetricValue(const TaskResult& task, std::string_view name);
std::optional<int64_t> MetricValue(const LockResult& lock, std::string_view name);
std::optional<int64_t> MetricValue(const CpuResult& cpu, std::string_view name);
std::optional<int64_t> MetricValue(const Result& result, std::string_view name);

}  // namespace rqsim

#endif  // RQSIM_METRICS_H_
