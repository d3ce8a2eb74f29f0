// rqsim gen: workloads made from a seed.
#include <absl/strings/str_split.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/files.h"
#include "cli/load.h"
#include "rqsim/generate.h"
#include "rqsim/scenario_reader.h"
#include "sim/scenario/units.h"

namespace rqsim {
namespace {

using Words = std::vector<std::pair<std::string, SchedPolicy>>;

// "3.2": CPUs, in millionths. Nothing if it is no such number.
std::optional<int64_t> PpmOfText(const std::string& text) {
  const std::size_t point = std::min(text.find('.'), text.size());
  std::string digits = text.substr(0, point);
  std::string fraction = point < text.size() ? text.substr(point + 1) : "";
  if (digits.empty() || fraction.size() > 6 || (point < text.size() && fraction.empty())) {
    return std::nullopt;
  }
  fraction.resize(6, '0');
  digits += fraction;
  const bool is_number =
      std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number || digits.size() > 12) return std::nullopt;
  return std::stoll(digits);
}

std::optional<Cycles> LengthOfText(const std::string& text) {
  if (!IsLengthText(text)) return std::nullopt;
  const LengthInCycles length = CyclesOfText(text, MachineSpec().clock_hz);
  if (length.error != LengthError::kNone) return std::nullopt;
  return Cycles(length.cycles);
}

class GenCommand final : public Command {
 public:
  const char* name() const override { return "gen"; }
  const char* summary() const override { return "make a workload from a seed"; }
  const char* examples() const override {
    return "  rqsim gen uunifast --tasks 20 --utilisation 0.9 --policy fifo -o set.json\n"
           "  rqsim gen randfixedsum --tasks 40 --utilisation 3.2 --cpus 4 --seed 7\n"
           "  rqsim gen uunifast --locks 4 --arrivals sporadic | rqsim compare -\n"
           "  rqsim gen lock-chain --depth 5 | rqsim run - -p pi --timeline\n"
           "  rqsim gen hotplug-storm --over pathfinder.json --seed 3 | rqsim compare -";
  }
  void Declare(CLI::App& app) override {
    app_ = &app;
    std::vector<std::string> names;
    std::string kinds;
    for (const GenKind& kind : GenKinds()) {
      names.emplace_back(kind.name);
      kinds += (kinds.empty() ? "" : ", ") + std::string(kind.name);
    }
    app.add_option("KIND", kind_, kinds)->required()->check(CLI::IsMember(names).description(""));
    app.add_option("-o,--output", output_, "where to (default: standard output)")
        ->type_name("FILE");
    app.add_option("--seed", options_.seed, "of everything that is drawn (default 1)")
        ->type_name("N");
    app.add_option("--cpus", options_.cpus, "number of CPUs (default 1)")->type_name("N");
    app.add_option("--policy", options_.policy,
                   "of all tasks: normal, batch, fifo, rr, deadline (default fifo)")
        ->type_name("NAME")
        ->transform(CLI::CheckedTransformer(Words{{"normal", SchedPolicy::kNormal},
                                                  {"batch", SchedPolicy::kBatch},
                                                  {"fifo", SchedPolicy::kFifo},
                                                  {"rr", SchedPolicy::kRr},
                                                  {"deadline", SchedPolicy::kDeadline}})
                        .description(""));
    app.add_option("--until", until_, "when the run ends (default 4s)")->type_name("TIME");
    app.add_option("--tasks", options_.tasks, "task sets: how many (default 10)")->type_name("N");
    app.add_option("--utilisation", utilisation_,
                   "task sets: of all together, in CPUs (default 0.8)")
        ->type_name("X");
    app.add_option("--min-period", min_period_,
                   "task sets: the shortest (default 10ms); lock-chain: the only one")
        ->type_name("TIME");
    app.add_option("--max-period", max_period_, "task sets: the longest (default 1s)")
        ->type_name("TIME");
    app.add_option("--arrivals", options_.arrivals, "task sets: periodic (default), sporadic")
        ->type_name("NAME")
        ->transform(CLI::CheckedTransformer(
                        std::vector<std::pair<std::string, Arrivals>>{
                            {"periodic", Arrivals::kPeriodic}, {"sporadic", Arrivals::kSporadic}})
                        .description(""));
    app.add_option("--spread", options_.spread_percent,
                   "sporadic: releases are up to so much more than a period apart (default 50)")
        ->type_name("PERCENT");
    app.add_option("--locks", options_.locks, "task sets: mutexes, one for each job (default 0)")
        ->type_name("N");
    app.add_option("--section", options_.section_percent,
                   "share of a job, or of the chain's period, under a mutex (default 20)")
        ->type_name("PERCENT");
    app.add_option("--depth", options_.depth, "lock-chain: mutexes of the chain (default 3)")
        ->type_name("N");
    app.add_option("--over", over_,
                   "hotplug-storm: the scenario it is laid over (default: a task set)")
        ->type_name("FILE");
    app.add_option("--operations", options_.operations, "hotplug-storm: how many (default 20)")
        ->type_name("N");
    app.add_option("--hogs", options_.hogs, "lock-chain: hogs on each CPU (default 1)")
        ->type_name("N");
  }

  int Execute(Terminal& terminal) override {
    const GenKind& kind = *FindGenKind(kind_);
    if (!TakesAll(kind, terminal) || !ReadTexts(terminal)) return kExitWrongUse;
    std::optional<Scenario> over;
    if (!over_.empty()) {
      int status = kExitFine;
      over = LoadScenario(over_, LoadOptions(), terminal, status);
      if (!over) return status;
      options_.over = &*over;
    }
    const auto scenario = kind.make(options_);
    if (!scenario.ok()) {
      terminal.Error(std::string(scenario.status().message()));
      return kExitWrongUse;
    }
    return WriteWhole(output_, WriteScenario(*scenario), terminal) ? kExitFine : kExitFile;
  }

 private:
  // Whether every option that was given means something to the kind.
  bool TakesAll(const GenKind& kind, Terminal& terminal) const {
    const std::vector<std::string> taken = absl::StrSplit(std::string(kind.options), ' ');
    static constexpr std::array kAll = {"tasks",    "utilisation", "min-period", "max-period",
                                        "arrivals", "spread",      "locks",      "section",
                                        "depth",    "hogs",        "over",       "operations"};
    for (const char* option : kAll) {
      if (app_->count(fmt::format("--{}", option)) == 0) continue;
      if (std::find(taken.begin(), taken.end(), option) != taken.end()) continue;
      std::string known;
      for (const std::string& one : taken) known += " --" + one;
      terminal.Error(
          fmt::format("--{} means nothing to {}, which has{}", option, kind.name, known));
      return false;
    }
    return true;
  }

  bool ReadTexts(Terminal& terminal) {
    const auto length = [&](const char* option, const std::string& text, Cycles& out) {
      if (text.empty()) return true;
      if (const auto cycles = LengthOfText(text)) {
        out = *cycles;
        return true;
      }
      terminal.Error(fmt::format("{}: \"{}\" is no length such as 20ms or 1.5s", option, text));
      return false;
    };
    Cycles until = options_.until - Time();
    if (!length("--min-period", min_period_, options_.min_period) ||
        !length("--max-period", max_period_, options_.max_period) ||
        !length("--until", until_, until)) {
      return false;
    }
    options_.until = Time() + until;
    if (utilisation_.empty()) return true;
    const auto ppm = PpmOfText(utilisation_);
    if (ppm) options_.utilisation_ppm = *ppm;
    if (!ppm) {
      terminal.Error(fmt::format("--utilisation: \"{}\" is no number of CPUs such as 0.9 or 3.2",
                                 utilisation_));
    }
    return ppm.has_value();
  }

  CLI::App* app_ = nullptr;
  std::string kind_, output_ = "-", over_, until_, min_period_, max_period_, utilisation_;
  GenOptions options_;
};

}  // namespace

std::unique_ptr<Command> MakeGenCommand() { return std::make_unique<GenCommand>(); }

}  // namespace rqsim
