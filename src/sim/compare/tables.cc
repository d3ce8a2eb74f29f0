#include "sim/compare/tables.h"

#include <algorithm>
#include <set>

namespace rqsim {
namespace {

std::string NameOf(const TaskResult& task) { return task.name; }
std::string NameOf(const LockResult& lock) { return lock.name; }
std::string NameOf(const CpuResult& cpu) { return std::to_string(cpu.id.value()); }

bool Took(const TaskResult& task) {
  return task.exec != kZeroCycles || task.nr_switches != 0 || !task.kthread;
}
bool Took(const LockResult& /*lock*/) { return true; }
bool Took(const CpuResult& /*cpu*/) { return true; }

ComparedMetric Row(std::string_view name, MetricUnit unit,
                   std::vector<std::optional<int64_t>> values) {
  ComparedMetric row;
  row.name = name;
  row.unit = unit;
  row.values = std::move(values);
  row.differs = std::any_of(row.values.begin(), row.values.end(),
                            [&](const auto& value) { return value != row.values.front(); });
  return row;
}

void AddRow(ComparedThing& thing, ComparedMetric row) {
  thing.differs = thing.differs || row.differs;
  thing.metrics.push_back(std::move(row));
}

template <class Thing>
const Thing* Find(const std::vector<Thing>& things, const std::string& name) {
  const auto found = std::find_if(things.begin(), things.end(),
                                  [&](const Thing& thing) { return NameOf(thing) == name; });
  return found == things.end() ? nullptr : &*found;
}

// `member` is the list of such things in a Result. Names in the order of the first result that has
// them.
template <class Thing>
std::vector<ComparedThing> SideBySide(const std::vector<Result>& results,
                                      std::vector<Thing> Result::*member, MetricOf of) {
  std::vector<std::string> names;
  std::set<std::string> known;
  for (const Result& result : results) {
    for (const Thing& thing : result.*member) {
      if (Took(thing) && known.insert(NameOf(thing)).second) names.push_back(NameOf(thing));
    }
  }
  std::vector<ComparedThing> out;
  for (const std::string& name : names) {
    std::vector<const Thing*> things;
    for (const Result& result : results) things.push_back(Find(result.*member, name));
    ComparedThing compared;
    compared.name = name;
    for (const MetricRow& row : MetricTable()) {
      if (row.of != of || !row.in_compare) continue;
      std::vector<std::optional<int64_t>> values;
      for (const Thing* thing : things) {
        values.push_back(thing == nullptr ? std::nullopt : MetricValue(*thing, row.name));
      }
      AddRow(compared, Row(row.name, row.unit, std::move(values)));
    }
    out.push_back(std::move(compared));
  }
  return out;
}

ComparedThing RunRows(const std::vector<Result>& results) {
  ComparedThing run;
  const auto values_of = [&](std::string_view name) {
    std::vector<std::optional<int64_t>> values;
    for (const Result& result : results) values.push_back(MetricValue(result, name));
    return values;
  };
  std::set<std::string> known;
  for (const MetricRow& row : MetricTable()) {
    if (row.of != MetricOf::kRun) continue;
    known.insert(std::string(row.name));
    AddRow(run, Row(row.name, row.unit, values_of(row.name)));
  }
  // Metrics that services brought; their units are not declared.
  for (const Result& result : results) {
    for (const auto& [name, value] : result.metrics) {
      if (known.insert(name).second) AddRow(run, Row(name, MetricUnit::kCount, values_of(name)));
    }
  }
  return run;
}

}  // namespace

void FillTables(Comparison& comparison) {
  comparison.tasks = SideBySide(comparison.results, &Result::tasks, MetricOf::kTask);
  comparison.locks = SideBySide(comparison.results, &Result::locks, MetricOf::kLock);
  comparison.cpus = SideBySide(comparison.results, &Result::cpus, MetricOf::kCpu);
  comparison.run = RunRows(comparison.results);
}

}  // namespace rqsim
