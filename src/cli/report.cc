// rqsim report: pages about one run, from a result document or by running a scenario.
#include <absl/strings/str_join.h>
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/files.h"
#include "cli/load.h"
#include "rqsim/simulation.h"
#include "sim/views/report_json.h"
#include "sim/views/result_json_reader.h"

namespace rqsim {
namespace {

class ReportCommand final : public Command {
 public:
  const char* name() const override { return "report"; }
  const char* summary() const override {
    return "pages about a run: summary, latency, timehist, map";
  }
  const char* examples() const override {
    return "  rqsim report scenarios/pathfinder.json -p pi --view latency\n"
           "  rqsim run s.json --json --timeline > result.json\n"
           "  rqsim report result.json --view timehist\n"
           "  rqsim report result.json --view map --json";
  }
  void Declare(CLI::App& app) override {
    std::vector<std::string> names;
    for (const ReportView& view : ReportViews()) names.emplace_back(view.name);
    app.add_option("INPUT", path_,
                   "a result of run --json, or a scenario, which is run; - is standard input")
        ->required();
    app.add_option("--view", view_,
                   absl::StrJoin(names, ", ") +
                       " (default: summary);\nof a result, timehist and map need what run --json "
                       "--timeline stores")
        ->type_name("NAME")
        ->check(CLI::IsMember(names).description(""));
    app.add_option("-p,--policy", sets_, "a policy set, as in run (default: all)")
        ->type_name("SET")
        ->allow_extra_args(false);
    app.add_option("--set", load_.edits, "change a value of the scenario first, as in run")
        ->type_name("PATH=VALUE")
        ->allow_extra_args(false);
    app.add_flag("--json", json_, "the same as JSON, in cycles; with several sets a list");
  }

  int Execute(Terminal& terminal) override {
    const ReportView& view = *FindReportView(view_);
    const auto text = ReadWhole(path_, terminal);
    if (!text) return kExitFile;
    int status = kExitFine;
    std::vector<Result> results;
    const bool is_read = LooksLikeResult(*text) ? Take(*text, view, results, terminal)
                                                : Run(*text, view, results, terminal, status);
    if (!is_read) return std::max(status, kExitWrongUse);
    terminal.Out(json_ ? JsonOf(view, results) : TextOf(view, results));
    return kExitFine;
  }

 private:
  std::string shown() const { return path_ == "-" ? "standard input" : path_; }

  // From a document.
  bool Take(std::string_view text, const ReportView& view, std::vector<Result>& results,
            Terminal& terminal) const {
    if (!load_.edits.empty()) {
      terminal.Error("--set changes a scenario, and this is a result: make it anew with run");
      return false;
    }
    auto read = ReadResults(text);
    if (!read.ok()) {
      terminal.Error(fmt::format("{}: not a result document: {}", shown(),
                                 std::string(read.status().message())));
      return false;
    }
    results = *std::move(read);
    if (!Pick(results, terminal)) return false;
    if (!view.needs_dispatches) return true;
    for (const Result& result : results) {
      if (!result.dispatches.empty() || result.events == 0) continue;
      terminal.Error(fmt::format(
          "{}: {} is printed from the stays of tasks on CPUs, which this result does not have.\n"
          "rqsim: `rqsim run SCENARIO -p {} --json --timeline` stores them; `rqsim report SCENARIO "
          "-p {} --view {}` does without",
          shown(), view.name, result.policy, result.policy, view.name));
      return false;
    }
    return true;
  }

  // Keeps those that were asked for, in the order in which they were.
  bool Pick(std::vector<Result>& results, Terminal& terminal) const {
    if (sets_.empty()) return true;
    std::vector<Result> picked;
    std::vector<std::string> names;
    for (const Result& result : results) names.push_back(result.policy);
    for (const std::string& set : sets_) {
      const auto at = std::find(names.begin(), names.end(), set);
      if (at == names.end()) {
        const std::string nearest = Nearest(set, names);
        terminal.Error(fmt::format(
            "the result has no policy set {}; it has {}{}", set, absl::StrJoin(names, ", "),
            nearest.empty() ? "" : fmt::format(". Did you mean {}?", nearest)));
        return false;
      }
      picked.push_back(results[static_cast<std::size_t>(at - names.begin())]);
    }
    results = std::move(picked);
    return true;
  }

  // From a scenario. How a run ended is for `run` to judge.
  bool Run(std::string_view text, const ReportView& view, std::vector<Result>& results,
           Terminal& terminal, int& status) const {
    const auto scenario = LoadText(text, path_, load_, terminal, status);
    if (!scenario) return false;
    const auto sets = PickSets(*scenario, sets_, terminal, status);
    if (!sets) return false;
    RunOptions options;
    options.timeline = view.needs_dispatches;
    for (const PolicySet& set : *sets) {
      auto result = RunScenario(*scenario, set, options);
      if (!result.ok()) {
        terminal.Error(fmt::format("{}: policy set {}: {}", shown(), set.name,
                                   std::string(result.status().message())));
        const bool is_missing = result.status().code() == absl::StatusCode::kUnimplemented;
        status = is_missing ? kExitNotModelled : kExitWrongUse;
        return false;
      }
      results.push_back(*std::move(result));
    }
    return true;
  }

  static std::string JsonOf(const ReportView& view, const std::vector<Result>& results) {
    using Json = nlohmann::ordered_json;
    Json all = Json::array();
    for (const Result& result : results) all.push_back(view.json(result));
    const Json& shown = results.size() == 1 ? all.front() : all;
    return shown.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  }

  static std::string TextOf(const ReportView& view, const std::vector<Result>& results) {
    std::string text;
    for (const Result& result : results) {
      if (!text.empty()) text += "\n";
      // The summary says it itself.
      if (results.size() > 1 && view.name != "summary") {
        text += fmt::format("{}, policy {}\n", result.scenario, result.policy);
      }
      text += view.text(result);
    }
    return text;
  }

  std::string path_, view_ = "summary";
  LoadOptions load_;
  std::vector<std::string> sets_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeReportCommand() { return std::make_unique<ReportCommand>(); }

}  // namespace rqsim
