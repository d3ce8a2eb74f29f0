// Assertions: bounds on metrics, and whether an outcome was to be expected.
#include <fmt/core.h>

#include <algorithm>

#include "rqsim/expect.h"
#include "rqsim/metrics.h"

namespace rqsim {
namespace {

template <class Things, class Name>
auto FindNamed(const Things& things, const Name& name) {
  return std::find_if(things.begin(), things.end(),
                      [&](const auto& thing) { return thing.name == name; });
}

bool AllDigits(const std::string& text) {
  return !text.empty() && text.size() < 6 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<int64_t> ValueFor(const AssertSpec& spec, const Result& result) {
  if (!spec.task.empty()) {
    const auto task = FindNamed(result.tasks, spec.task);
    return task == result.tasks.end() ? std::nullopt : MetricValue(*task, spec.metric);
  }
  if (!spec.lock.empty()) {
    const auto lock = FindNamed(result.locks, spec.lock);
    return lock == result.locks.end() ? std::nullopt : MetricValue(*lock, spec.metric);
  }
  if (!spec.cpu.empty()) {
    if (!AllDigits(spec.cpu)) return std::nullopt;
    for (const CpuResult& cpu : result.cpus) {
      if (cpu.id.value() == std::stoi(spec.cpu)) return MetricValue(cpu, spec.metric);
    }
    return std::nullopt;
  }
  return MetricValue(result, spec.metric);
}

std::string SubjectOf(const AssertSpec& spec) {
  if (!spec.task.empty()) return fmt::format("{} of task {}", spec.metric, spec.task);
  if (!spec.lock.empty()) return fmt::format("{} of lock {}", spec.metric, spec.lock);
  if (!spec.cpu.empty()) return fmt::format("{} of CPU {}", spec.metric, spec.cpu);
  return spec.metric;
}

// What of `spec` the value breaks; empty: nothing.
std::string Broken(const AssertSpec& spec, int64_t value) {
  if (spec.equals && value != *spec.equals) return fmt::format("not {}", *spec.equals);
  if (spec.max && value > *spec.max) {
    return fmt::format("more than {}, by {}", *spec.max, value - *spec.max);
  }
  if (spec.min && value < *spec.min) {
    return fmt::format("less than {}, by {}", *spec.min, *spec.min - value);
  }
  return "";
}

}  // namespace

bool AppliesTo(const ExpectSpec& expect, const std::string& policy) {
  return expect.policies.empty() ||
         std::find(expect.policies.begin(), expect.policies.end(), policy) != expect.policies.end();
}

std::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDone:
      return "done";
    case Outcome::kUntil:
      return "until";
    case Outcome::kDeadlock:
      return "deadlock";
    case Outcome::kLivelock:
      return "livelock";
    case Outcome::kLimit:
      return "limit";
    case Outcome::kViolation:
      return "violation";
    case Outcome::kKilled:
      return "killed";
  }
  return "";
}

void CheckAsserts(const Scenario& scenario, const Result& result, ExpectReport& report) {
  for (const AssertSpec& spec : scenario.asserts) {
    if (!spec.policy.empty() && spec.policy != result.policy) continue;
    ++report.statements;
    Mismatch mismatch;
    mismatch.pos = spec.pos;
    const std::optional<int64_t> value = ValueFor(spec, result);
    if (!value) {
      mismatch.what = fmt::format("assert: {} has no value", SubjectOf(spec));
    } else if (const std::string broken = Broken(spec, *value); !broken.empty()) {
      mismatch.what = fmt::format("assert: {} is {}, {}", SubjectOf(spec), *value, broken);
    } else {
      continue;
    }
    report.mismatches.push_back(mismatch);
  }
}

bool OutcomeAccepted(const Scenario& scenario, const std::string& policy, Outcome outcome) {
  bool names_violations = false;
  for (const ExpectSpec& expect : scenario.expects) {
    if (!AppliesTo(expect, policy)) continue;
    if (expect.outcome) return *expect.outcome == outcome;
    if (!expect.violations.empty()) names_violations = true;
  }
  switch (outcome) {
    case Outcome::kDone:
    case Outcome::kUntil:
    case Outcome::kKilled:
      return true;
    case Outcome::kViolation:
      return names_violations;
    case Outcome::kDeadlock:
    case Outcome::kLivelock:
    case Outcome::kLimit:
      return false;
  }
  return false;
}

}  // namespace rqsim
