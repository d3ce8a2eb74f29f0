// rqsim compare: one scenario under several policy sets, side by side.
#include <fmt/core.h>

#include <algorithm>

#include "cli/command.h"
#include "cli/compare_json.h"
#include "cli/compare_text.h"
#include "cli/load.h"
#include "rqsim/compare.h"
#include "rqsim/expect.h"
#include "rqsim/simulation.h"

namespace rqsim {
namespace {

class CompareCommand final : public Command {
 public:
  const char* name() const override { return "compare"; }
  const char* summary() const override {
    return "run a scenario under several policy sets, say what differs and why";
  }
  const char* examples() const override {
    return "  rqsim compare scenarios/pathfinder.json\n"
           "  rqsim compare rt-app.json -p lock=mutex -p lock=pi\n"
           "  rqsim compare s.json --baseline pi --from 30000000 --to 40000000\n"
           "  rqsim compare s.json --fail-on-difference --json > differences.json";
  }
  void Declare(CLI::App& app) override {
    DeclareScenario(app, path_, load_);
    DeclareSets(app, sets_);
    app.add_option("--baseline", baseline_, "what the others are held against (default: the first)")
        ->type_name("SET");
    app.add_option("--from", from_, "draw timelines from this cycle on")->type_name("T");
    app.add_option("--to", to_, "… to this one")->type_name("T");
    app.add_flag("--all", all_, "also print numbers that do not differ");
    app.add_option("--width", width_, "columns of the page")
        ->type_name("N")
        ->capture_default_str()
        ->check(CLI::Range(60, 1000).description(""));
    app.add_flag("--no-check", no_check_, "without invariant checkers");
    app.add_flag("--fail-on-difference", fail_, "exit with 1 if anything differs");
    app.add_flag("--json", json_, "all of it as JSON");
  }

  int Execute(Terminal& terminal) override {
    if (from_ && to_ && *from_ >= *to_) {
      terminal.Error("--from is not before --to");
      return kExitWrongUse;
    }
    int status = kExitFine;
    const auto scenario = LoadScenario(path_, load_, terminal, status);
    if (!scenario) return status;
    auto sets = PickSets(*scenario, sets_, terminal, status);
    if (!sets || !PutBaselineFirst(*scenario, *sets, terminal, status)) return status;
    if (sets->size() < 2) {
      terminal.Error(fmt::format(
          "there is only the policy set {}; name another one to compare it with: -p lock=pi",
          sets->front().name));
      return kExitWrongUse;
    }
    CompareOptions options;
    options.check = !no_check_;
    const auto comparison = CompareSets(*scenario, *sets, options);
    if (!comparison.ok()) {
      terminal.Error(fmt::format("{}: {}", path_, std::string(comparison.status().message())));
      return comparison.status().code() == absl::StatusCode::kUnimplemented ? kExitNotModelled
                                                                            : kExitWrongUse;
    }
    if (json_) {
      terminal.Out(CompareJson(*comparison));
    } else {
      CompareTextOptions text;
      if (from_) text.from = Time(*from_);
      if (to_) text.to = Time(*to_);
      text.all = all_;
      text.width = width_;
      terminal.Out(CompareText(*comparison, text, terminal));
    }
    const int ending = EndedBadly(*scenario, *comparison) ? kExitEndedBadly : kExitFine;
    return std::max(ending, fail_ && comparison->differs() ? kExitFailed : kExitFine);
  }

 private:
  // Deadlock, livelock or limit under a set that the scenario does not expect it of.
  static bool EndedBadly(const Scenario& scenario, const Comparison& comparison) {
    return std::any_of(comparison.results.begin(), comparison.results.end(),
                       [&](const Result& result) {
                         return result.outcome != Outcome::kViolation &&
                                !OutcomeAccepted(scenario, result.policy, result.outcome);
                       });
  }

  bool PutBaselineFirst(const Scenario& scenario, std::vector<PolicySet>& sets, Terminal& terminal,
                        int& status) const {
    if (baseline_.empty()) return true;
    auto found = std::find_if(sets.begin(), sets.end(),
                              [&](const PolicySet& set) { return set.name == baseline_; });
    if (found == sets.end()) {
      auto set = PickSet(scenario, baseline_, terminal, status);
      if (!set) return false;
      found = sets.insert(sets.begin(), *std::move(set));
    }
    std::rotate(sets.begin(), found, found + 1);
    return true;
  }

  std::string path_;
  LoadOptions load_;
  std::vector<std::string> sets_;
  std::string baseline_;
  std::optional<int64_t> from_, to_;
  bool all_ = false, no_check_ = false, fail_ = false, json_ = false;
  std::size_t width_ = 100;
};

}  // namespace

std::unique_ptr<Command> MakeCompareCommand() { return std::make_unique<CompareCommand>(); }

}  // namespace rqsim
