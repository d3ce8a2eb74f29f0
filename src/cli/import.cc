// rqsim import: workloads of other programs as scenarios.
#include <fmt/core.h>

#include <algorithm>

#include "cli/command.h"
#include "cli/files.h"
#include "cli/load.h"
#include "rqsim/import.h"

namespace rqsim {
namespace {

class ImportCommand final : public Command {
 public:
  const char* name() const override { return "import"; }
  const char* summary() const override { return "turn another program's workload into a scenario"; }
  const char* examples() const override {
    return "  rqsim import rt-app audio.json -o audio.scenario.json\n"
           "  rqsim import rt-app audio.json --cpus 4 | rqsim run - -p lock=pi";
  }
  void Declare(CLI::App& app) override {
    app.add_option("FORMAT", format_, "rt-app")
        ->required()
        ->check(CLI::IsMember({"rt-app"}).description(""));
    app.add_option("FILE", path_, "what to import; - is standard input")->required();
    app.add_option("-o,--output", output_, "where to (default: standard output)")
        ->type_name("FILE");
    app.add_option("--cpus", options_.cpus, "number of CPUs (default: the highest the file names)")
        ->type_name("N")
        ->check(CLI::Range(1, 1024).description(""));
    app.add_flag("--strict", strict_, "what is not modelled is an error");
  }

  int Execute(Terminal& terminal) override {
    const auto text = ReadWhole(path_, terminal);
    if (!text) return kExitFile;
    std::vector<Diagnostic> diagnostics;
    ImportReport report;
    const auto scenario =
        ImportRtApp(*text, path_ == "-" ? "standard input" : path_, options_, diagnostics, &report);
    PrintDiagnostics(diagnostics, false, terminal);
    if (!scenario) return kExitWrongUse;
    const auto counting = std::count_if(report.not_modelled.begin(), report.not_modelled.end(),
                                        [](const NotModelled& item) { return !item.is_harmless; });
    terminal.Talk(fmt::format("rqsim: {} operations in, {} out, {} not modelled, {} added\n",
                              report.operations_in, report.operations_out,
                              report.operations_not_modelled, report.operations_added));
    if (strict_ && counting > 0) {
      terminal.Error(fmt::format("{}: {} of its settings are not modelled; nothing was written",
                                 path_, counting));
      return kExitNotModelled;
    }
    return WriteWhole(output_, WriteScenario(*scenario), terminal) ? kExitFine : kExitFile;
  }

 private:
  std::string format_, path_, output_ = "-";
  RtAppOptions options_;
  bool strict_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeImportCommand() { return std::make_unique<ImportCommand>(); }

}  // namespace rqsim
