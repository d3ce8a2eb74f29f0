// Holds one finished run against the `expect` entries of its policy set.
#include <absl/strings/str_join.h>
#include <fmt/core.h>

#include <algorithm>

#include "rqsim/expect.h"
#include "rqsim/metrics.h"
#include "sim/expect/context.h"
#include "sim/expect/lanes.h"
#include "sim/views/event_pattern.h"

namespace rqsim {
namespace {

// How many events that come near a missing one are shown.
constexpr std::size_t kNearMisses = 5;

class ResultCheck {
 public:
  ResultCheck(const Result& result, const Recording& recording, ExpectReport& report)
      : result_(result), recording_(recording), report_(report) {}

  void Check(const ExpectSpec& expect) {
    CheckEnd(expect);
    for (const ExpectLane& lane : expect.timeline) {
      CheckLane(lane, "timeline", TimelineOf(result_, lane.cpu));
    }
    for (const ExpectLane& lane : expect.work) {
      CheckLane(lane, "work", WorkOf(recording_, lane.cpu, false));
    }
    for (const ExpectLane& lane : expect.user) {
      CheckLane(lane, "user", WorkOf(recording_, lane.cpu, true));
    }
    for (const ExpectSwitchLane& lane : expect.switches) CheckSwitches(lane);
    for (const ExpectNamed& task : expect.tasks) CheckNamed("task", task, result_.tasks);
    for (const ExpectNamed& lock : expect.locks) CheckLock(lock);
    for (const ExpectNamed& cpu : expect.cpus) CheckCpu(cpu);
    for (const auto& [name, value] : expect.metrics) {
      CheckValue(fmt::format("metric {}", name), value, MetricValue(result_, name), expect.pos);
    }
    for (const ExpectReturn& wanted : expect.returns) CheckReturn(wanted);
    CheckEvents(expect);
    for (const std::string& pattern : expect.no_events) CheckNoEvent(pattern, expect.pos);
  }

  // With none expected, any is a mismatch; else they are exactly these, in order of time. The id *
  // stands for all that follow, at least one.
  void CheckViolations(const std::vector<ExpectViolation>& expected, SourcePos pos) {
    ++report_.statements;
    const std::vector<Violation>& actual = result_.violations;
    std::size_t i = 0;
    for (; i < expected.size() && i < actual.size(); ++i) {
      if (expected[i].id == "*") return;
      if (expected[i].id != actual[i].id) break;
      if (expected[i].at && *expected[i].at != actual[i].at) break;
    }
    if (i == expected.size() && i == actual.size()) return;
    Mismatch& mismatch = Add(i < expected.size() ? expected[i].pos : pos, "");
    if (i < actual.size()) {
      const Violation& first = actual[i];
      mismatch.what =
          fmt::format("violation {} at {}{}: {}", first.id, first.at.cycles(),
                      expected.empty() ? "" : " is not the expected one", first.message);
      mismatch.before = DecisionsUpTo(recording_, first.cpu, first.at);
    } else {
      mismatch.what = fmt::format("violation {} was not reported", expected[i].id);
    }
    if (expected.empty()) return;
    mismatch.expected =
        absl::StrJoin(expected, ", ", [](std::string* out, const ExpectViolation& violation) {
          *out += violation.id;
          if (violation.at) *out += fmt::format(" at {}", violation.at->cycles());
        });
    mismatch.actual = absl::StrJoin(actual, ", ", [](std::string* out, const Violation& violation) {
      *out += fmt::format("{} at {}", violation.id, violation.at.cycles());
    });
    if (mismatch.actual.empty()) mismatch.actual = "none";
  }

 private:
  Mismatch& Add(SourcePos pos, std::string what) {
    report_.mismatches.emplace_back();
    report_.mismatches.back().pos = pos;
    report_.mismatches.back().what = std::move(what);
    return report_.mismatches.back();
  }

  void CheckEnd(const ExpectSpec& expect) {
    if (expect.outcome) {
      ++report_.statements;
      if (*expect.outcome != result_.outcome) {
        Mismatch& mismatch =
            Add(expect.pos, fmt::format("outcome is {}, not {}", OutcomeName(result_.outcome),
                                        OutcomeName(*expect.outcome)));
        if (!result_.message.empty()) mismatch.what += fmt::format(": {}", result_.message);
        mismatch.before = DecisionsUpTo(recording_, CpuId(), result_.end);
      }
    }
    if (expect.end) {
      CheckValue("end of the run", expect.end->cycles(), result_.end.cycles(), expect.pos);
    }
  }

  void CheckLane(const ExpectLane& lane, std::string_view kind,
                 const std::vector<ExpectCell>& actual) {
    ++report_.statements;
    const std::vector<ExpectCell> expected = Normalized(lane.cells);
    const auto difference = FirstDifference(expected, actual, result_.end);
    if (!difference) return;
    const std::string was =
        difference->actual ? CellText(*difference->actual) : std::string("missing");
    Mismatch& mismatch = Add(lane.pos, fmt::format("{} of CPU {}: cell {} is {}, ", kind,
                                                   lane.cpu.value(), difference->index + 1, was));
    mismatch.what += difference->expected ? fmt::format("not {}", CellText(*difference->expected))
                                          : std::string("but nothing more was expected");
    mismatch.expected = CellsText(expected);
    mismatch.actual = CellsText(actual);
    mismatch.before = DecisionsUpTo(recording_, lane.cpu, difference->at);
  }

  void CheckSwitches(const ExpectSwitchLane& lane) {
    ++report_.statements;
    std::vector<ExpectSwitch> actual;
    for (const TraceEvent& event : recording_.events()) {
      if (event.kind() != EventKind::kSchedSwitch || event.cpu() != lane.cpu) continue;
      const auto change = event.As<SchedSwitch>();
      actual.push_back({event.t, recording_.names().Task(change.prev_pid),
                        recording_.names().Task(change.next_pid)});
    }
    const auto same = [](const ExpectSwitch& wanted, const ExpectSwitch& found) {
      return wanted.at == found.at && wanted.next == found.next &&
             (wanted.prev.empty() || wanted.prev == found.prev);
    };
    std::size_t i = 0;
    while (i < lane.switches.size() && i < actual.size() && same(lane.switches[i], actual[i])) ++i;
    if (i == lane.switches.size() && i == actual.size()) return;
    const std::string found = i < actual.size() ? SwitchText(actual[i]) : "missing";
    const std::string wanted = i < lane.switches.size() ? SwitchText(lane.switches[i]) : "expected";
    Mismatch& mismatch = Add(lane.pos, fmt::format("switches of CPU {}: number {} is {}, not {}",
                                                   lane.cpu.value(), i + 1, found, wanted));
    mismatch.expected = SwitchesText(lane.switches);
    mismatch.actual = SwitchesText(actual);
    const Time at = i < actual.size() ? actual[i].at : result_.end;
    mismatch.before = DecisionsUpTo(recording_, lane.cpu, at);
  }

  static std::string SwitchText(const ExpectSwitch& one) {
    return fmt::format("{} {}→{}", one.at.cycles(), one.prev, one.next);
  }
  static std::string SwitchesText(const std::vector<ExpectSwitch>& all) {
    return absl::StrJoin(
        all, ", ", [](std::string* out, const ExpectSwitch& one) { *out += SwitchText(one); });
  }

  void CheckValue(const std::string& what, int64_t expected, std::optional<int64_t> actual,
                  SourcePos pos) {
    ++report_.statements;
    if (actual && *actual == expected) return;
    Add(pos, actual ? fmt::format("{} is {}, not {}", what, *actual, expected)
                    : fmt::format("{} has no value, {} was expected", what, expected));
  }

  template <class Things>
  typename Things::const_iterator CheckNamed(const char* kind, const ExpectNamed& wanted,
                                             const Things& things) {
    const auto found = std::find_if(things.begin(), things.end(),
                                    [&](const auto& thing) { return thing.name == wanted.name; });
    if (found == things.end()) {
      ++report_.statements;
      Add(wanted.pos, fmt::format("there was no {} {}", kind, wanted.name));
      return found;
    }
    for (const auto& [metric, value] : wanted.values) {
      CheckValue(fmt::format("{} of {} {}", metric, kind, wanted.name), value,
                 MetricValue(*found, metric), wanted.pos);
    }
    return found;
  }

  void CheckLock(const ExpectNamed& wanted) {
    const auto found = CheckNamed("lock", wanted, result_.locks);
    if (found == result_.locks.end() || !wanted.states_acquired) return;
    ++report_.statements;
    if (found->acquired == wanted.acquired) return;
    std::size_t i = 0;
    while (i < wanted.acquired.size() && i < found->acquired.size() &&
           wanted.acquired[i] == found->acquired[i]) {
      ++i;
    }
    Mismatch& mismatch = Add(
        wanted.pos, fmt::format("acquisitions of lock {}: number {} differs", wanted.name, i + 1));
    mismatch.expected = AcquiredText(wanted.acquired);
    mismatch.actual = AcquiredText(found->acquired);
    const Time at = i < found->acquired.size() ? found->acquired[i].first : result_.end;
    mismatch.before = DecisionsUpTo(recording_, CpuId(), at);
  }

  static std::string AcquiredText(const std::vector<std::pair<Time, std::string>>& acquired) {
    if (acquired.empty()) return "none";
    return absl::StrJoin(acquired, ", ", [](std::string* out, const auto& one) {
      *out += fmt::format("{} {}", one.first.cycles(), one.second);
    });
  }

  void CheckCpu(const ExpectNamed& wanted) {
    const auto found = std::find_if(result_.cpus.begin(), result_.cpus.end(), [&](const auto& cpu) {
      return std::to_string(cpu.id.value()) == wanted.name;
    });
    for (const auto& [metric, value] : wanted.values) {
      CheckValue(fmt::format("{} of CPU {}", metric, wanted.name), value,
                 found == result_.cpus.end() ? std::nullopt : MetricValue(*found, metric),
                 wanted.pos);
    }
  }

  void CheckReturn(const ExpectReturn& wanted) {
    ++report_.statements;
    std::vector<std::string> others;
    for (const TraceEvent& event : recording_.events()) {
      if (event.kind() != EventKind::kOpEnd) continue;
      const auto end = event.As<OpEnd>();
      if (recording_.names().Task(end.pid) != wanted.task) continue;
      const std::string op = OpText(recording_.names(), end.op, end.object);
      // `lock` without a name is any lock.
      if (op != wanted.op && op.substr(0, op.find(' ')) != wanted.op) continue;
      const std::string value = ReturnText(end.result);
      if (event.t == wanted.at && value == wanted.value) return;
      others.push_back(fmt::format("{} at {}", value, event.t.cycles()));
    }
    Mismatch& mismatch =
        Add(wanted.pos, fmt::format("{} of task {} did not return {} at {}", wanted.op, wanted.task,
                                    wanted.value, wanted.at.cycles()));
    mismatch.expected = fmt::format("{} at {}", wanted.value, wanted.at.cycles());
    mismatch.actual = others.empty() ? "it never returned" : absl::StrJoin(others, ", ");
    mismatch.before = DecisionsUpTo(recording_, CpuId(), wanted.at);
  }

  static std::string ReturnText(int64_t result) {
    const std::string_view name = ErrnoName(result);
    return name.empty() ? std::to_string(result) : std::string(name);
  }

  void CheckEvents(const ExpectSpec& expect) {
    std::size_t from = 0;
    for (const std::string& pattern : expect.events) {
      ++report_.statements;
      const EventPattern wanted(pattern);
      std::size_t i = from;
      while (i < recording_.events().size() && !wanted.Matches(TextOf(i))) ++i;
      if (i == recording_.events().size()) {
        ReportMissing(pattern, wanted, from, expect.pos);
        return;
      }
      from = i + 1;
    }
  }

  void CheckNoEvent(const std::string& pattern, SourcePos pos) {
    ++report_.statements;
    const EventPattern unwanted(pattern);
    for (const TraceEvent& event : recording_.events()) {
      const std::string text = recording_.Text(event);
      if (!unwanted.Matches(text)) continue;
      Mismatch& mismatch = Add(pos, fmt::format("an event that must not be: {}", text));
      mismatch.expected = fmt::format("none like `{}`", pattern);
      mismatch.actual = text;
      mismatch.before = DecisionsUpTo(recording_, event.cpu(), event.t);
      return;
    }
  }

  std::string TextOf(std::size_t i) const { return recording_.Text(recording_.events()[i]); }

  void ReportMissing(const std::string& pattern, const EventPattern& wanted, std::size_t from,
                     SourcePos pos) {
    std::string what = fmt::format("no event `{}`", pattern);
    if (from > 0) what += fmt::format(" after `{}`", TextOf(from - 1));
    Mismatch& mismatch = Add(pos, what);
    mismatch.expected = pattern;
    std::vector<std::string> near;
    for (std::size_t i = from; i < recording_.events().size() && near.size() < kNearMisses; ++i) {
      std::string text = TextOf(i);
      if (wanted.SameName(text)) near.push_back(std::move(text));
    }
    mismatch.actual = near.empty() ? "no event of that name" : absl::StrJoin(near, "; ");
  }

  const Result& result_;
  const Recording& recording_;
  ExpectReport& report_;
};

}  // namespace

void CheckResult(const Scenario& scenario, const Result& result, const Recording& recording,
                 ExpectReport& report) {
  ResultCheck check(result, recording, report);
  std::vector<ExpectViolation> violations;
  SourcePos pos;
  bool states_outcome = false;
  for (const ExpectSpec& expect : scenario.expects) {
    if (!AppliesTo(expect, result.policy)) continue;
    check.Check(expect);
    violations.insert(violations.end(), expect.violations.begin(), expect.violations.end());
    pos = expect.pos;
    states_outcome = states_outcome || expect.outcome.has_value();
  }
  check.CheckViolations(violations, pos);
  CheckAsserts(scenario, result, report);
  if (!states_outcome && !OutcomeAccepted(scenario, result.policy, result.outcome)) {
    ++report.statements;
    Mismatch mismatch;
    mismatch.pos = pos;
    mismatch.what = fmt::format("outcome is {}: {}", OutcomeName(result.outcome), result.message);
    mismatch.before = DecisionsUpTo(recording, CpuId(), result.end);
    report.mismatches.push_back(mismatch);
  }
}

}  // namespace rqsim
