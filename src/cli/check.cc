// rqsim check: reads and judges files, simulates nothing.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/files.h"
#include "cli/load.h"
#include "rqsim/import.h"
#include "rqsim/simulation.h"

namespace rqsim {
namespace {

using Json = nlohmann::ordered_json;

class CheckCommand final : public Command {
 public:
  const char* name() const override { return "check"; }
  const char* summary() const override { return "say what is wrong with scenarios; run nothing"; }
  const char* examples() const override {
    return "  rqsim check scenarios/pathfinder.json\n"
           "  rqsim check --json a.json b.json\n"
           "  rqsim check - < rt-app.json";
  }
  void Declare(CLI::App& app) override {
    app.add_option("SCENARIO", paths_, "scenarios or rt-app files; - is standard input")
        ->required();
    app.add_option("--cpus", options_.cpus, "CPUs of rt-app files (default: the highest they name)")
        ->type_name("N")
        ->check(CLI::Range(1, 1024).description(""));
    app.add_flag("--strict", options_.strict, "what is not modelled is an error");
    app.add_flag("--json", json_, "the problems as JSON");
  }

  int Execute(Terminal& terminal) override {
    int worst = kExitFine;
    Json files = Json::array();
    for (const std::string& path : paths_) {
      const int status = json_ ? CheckAsJson(path, files, terminal) : CheckOne(path, terminal);
      worst = std::max(worst, status);
    }
    if (json_) {
      terminal.Out(files.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
    }
    return worst;
  }

 private:
  int CheckOne(const std::string& path, Terminal& terminal) {
    int status = kExitFine;
    const auto scenario = LoadScenario(path, options_, terminal, status);
    if (!scenario) return status;
    for (const PolicySet& set : SetsOf(*scenario)) {
      const auto simulation = Simulation::Create(*scenario, set);
      if (simulation.ok()) continue;
      terminal.Error(fmt::format("{}: policy set {}: {}", path, set.name,
                                 std::string(simulation.status().message())));
      status = kExitWrongUse;
    }
    if (status == kExitFine) terminal.Out(fmt::format("{}: {}\n", path, terminal.Green("fine")));
    return status;
  }

  int CheckAsJson(const std::string& path, Json& files, Terminal& terminal) {
    const auto text = ReadWhole(path, terminal);
    if (!text) return kExitFile;
    std::vector<Diagnostic> diagnostics;
    const bool is_rtapp = LooksLikeRtApp(*text);
    RtAppOptions import;
    import.cpus = options_.cpus;
    const auto scenario = is_rtapp ? ImportRtApp(*text, path, import, diagnostics, nullptr)
                                   : ReadScenario(*text, path, diagnostics);
    Json problems = Json::array();
    for (const Diagnostic& diagnostic : diagnostics) {
      const bool is_error = diagnostic.severity == Diagnostic::Severity::kError;
      problems.push_back({{"severity", is_error ? "error" : "warning"},
                          {"code", fmt::format("E{:03}", diagnostic.code)},
                          {"line", diagnostic.pos.line},
                          {"column", diagnostic.pos.column},
                          {"message", diagnostic.message},
                          {"hint", diagnostic.hint}});
    }
    files.push_back({{"file", path},
                     {"format", is_rtapp ? "rt-app" : "scenario"},
                     {"valid", scenario.has_value()},
                     {"problems", std::move(problems)}});
    return scenario ? kExitFine : kExitWrongUse;
  }

  std::vector<std::string> paths_;
  LoadOptions options_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeCheckCommand() { return std::make_unique<CheckCommand>(); }

}  // namespace rqsim
