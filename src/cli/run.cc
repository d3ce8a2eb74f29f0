// rqsim run: simulates and summarises.
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/files.h"
#include "cli/load.h"
#include "cli/trace_files.h"
#include "cli/units.h"
#include "rqsim/expect.h"
#include "rqsim/simulation.h"
#include "sim/views/result_json.h"
#include "sim/views/summary.h"

namespace rqsim {
namespace {

constexpr std::size_t kWidth = 100;

// The cells of every CPU, a paragraph each.
std::string TimelineText(const Result& result) {
  std::string text;
  for (const CpuResult& cpu : result.cpus) {
    std::string line = fmt::format("CPU {} ", cpu.id.value());
    const std::string indent(line.size(), ' ');
    for (const ExpectCell& cell : TimelineOf(result, cpu.id)) {
      const std::string word = CellsText({cell});
      if (Columns(line) + 1 + Columns(word) > kWidth && line != indent) {
        text += line + "\n";
        line = indent;
      }
      line += " " + word;
    }
    text += line + "\n";
  }
  return text;
}

// Violations that an expectation of the set names are not a failure of the run.
bool HasUnexpectedViolation(const Scenario& scenario, const Result& result) {
  return std::any_of(
      result.violations.begin(), result.violations.end(), [&](const Violation& violation) {
        return std::none_of(
            scenario.expects.begin(), scenario.expects.end(), [&](const ExpectSpec& expect) {
              return AppliesTo(expect, result.policy) &&
                     std::any_of(
                         expect.violations.begin(), expect.violations.end(),
                         [&](const ExpectViolation& named) { return named.id == violation.id; });
            });
      });
}

class RunCommand final : public Command {
 public:
  const char* name() const override { return "run"; }
  const char* summary() const override { return "simulate a scenario and summarise what happened"; }
  const char* examples() const override {
    return "  rqsim run scenarios/pathfinder.json -p pi\n"
           "  rqsim run s.json --set machine.costs.preset=x86-like --timeline\n"
           "  rqsim run s.json -p mutex --trace s.json.trace:chrome\n"
           "  rqsim run rt-app.json -p lock=pi,class=fifo --json\n"
           "  rqsim run - --json < s.json";
  }
  void Declare(CLI::App& app) override {
    DeclareScenario(app, path_, load_);
    DeclareSets(app, sets_);
    app.add_option("--trace", trace_, "write every event; FORMAT: text (default), ftrace, chrome")
        ->type_name("FILE[:FORMAT]");
    app.add_flag("--timeline", timeline_, "what every CPU did");
    app.add_flag("--json", json_, "the result document; with several sets a list of them");
    app.add_flag("--no-check", no_check_, "without invariant checkers, quicker");
  }

  int Execute(Terminal& terminal) override {
    int status = kExitFine;
    std::optional<TraceTarget> trace;
    if (!trace_.empty()) {
      std::string error;
      trace = ParseTraceTarget(trace_, error);
      if (!trace) {
        terminal.Error(error);
        return kExitWrongUse;
      }
    }
    const auto scenario = LoadScenario(path_, load_, terminal, status);
    if (!scenario) return status;
    const auto sets = PickSets(*scenario, sets_, terminal, status);
    if (!sets) return status;
    if (trace && sets->size() > 1) {
      terminal.Error("--trace writes one run: name its policy set with -p");
      return kExitWrongUse;
    }
    std::vector<Result> results;
    for (const PolicySet& set : *sets) {
      const int one = RunOne(*scenario, set, trace, results, terminal);
      status = std::max(status, one);
      if (one == kExitWrongUse || one == kExitNotModelled || one == kExitFile) return one;
    }
    terminal.Out(json_ ? JsonOf(results) : TextOf(results));
    return status;
  }

 private:
  int RunOne(const Scenario& scenario, const PolicySet& set,
             const std::optional<TraceTarget>& trace, std::vector<Result>& results,
             Terminal& terminal) const {
    RunOptions options;
    options.check = !no_check_;
    options.timeline = timeline_;
    std::unique_ptr<TraceWriter> writer;
    if (trace) {
      writer = MakeTraceWriter(trace->format);
      options.listeners.push_back(&writer->listener());
    }
    auto result = RunScenario(scenario, set, options);
    if (!result.ok()) {
      terminal.Error(fmt::format("{}: policy set {}: {}", path_, set.name,
                                 std::string(result.status().message())));
      return result.status().code() == absl::StatusCode::kUnimplemented ? kExitNotModelled
                                                                        : kExitWrongUse;
    }
    if (trace && !WriteWhole(trace->path, writer->text(), terminal)) return kExitFile;
    const int status = Judge(scenario, *result, terminal);
    results.push_back(*std::move(result));
    return status;
  }

  // What the scenario says about the end of this run.
  int Judge(const Scenario& scenario, const Result& result, Terminal& terminal) const {
    int status = kExitFine;
    ExpectReport asserts;
    CheckAsserts(scenario, result, asserts);
    for (const Mismatch& mismatch : asserts.mismatches) {
      terminal.Error(fmt::format("{}: {}", result.policy, mismatch.what));
      status = kExitFailed;
    }
    if (HasUnexpectedViolation(scenario, result)) {
      for (const Violation& violation : result.violations) {
        terminal.Error(fmt::format("{}: violation {} at {}: {}", result.policy, violation.id,
                                   violation.at.cycles(), violation.message));
      }
      status = kExitFailed;
    }
    const bool ended_badly = result.outcome != Outcome::kViolation &&
                             !OutcomeAccepted(scenario, result.policy, result.outcome);
    if (!ended_badly) return status;
    terminal.Error(fmt::format("{}: the run ended with {} at {}{}{}", result.policy,
                               OutcomeName(result.outcome), result.end.cycles(),
                               result.message.empty() ? "" : ": ", result.message));
    // An expectation of another end is a failed one.
    const bool bad = result.outcome == Outcome::kDeadlock || result.outcome == Outcome::kLivelock ||
                     result.outcome == Outcome::kLimit;
    return std::max(status, bad ? kExitEndedBadly : kExitFailed);
  }

  std::string JsonOf(const std::vector<Result>& results) const {
    if (results.size() == 1) return ResultJsonText(results.front());
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const Result& result : results) all.push_back(ResultToJson(result));
    return all.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }

  std::string TextOf(const std::vector<Result>& results) const {
    std::string text;
    for (const Result& result : results) {
      if (!text.empty()) text += "\n";
      text += SummaryText(result);
      if (timeline_) text += "\n" + TimelineText(result);
    }
    return text;
  }

  std::string path_;
  LoadOptions load_;
  std::vector<std::string> sets_;
  std::string trace_;
  bool timeline_ = false, json_ = false, no_check_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeRunCommand() { return std::make_unique<RunCommand>(); }

}  // namespace rqsim
