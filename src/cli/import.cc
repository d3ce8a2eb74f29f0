// rqsim import: workloads of other programs as scenarios.
#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "cli/command.h"
#include "cli/files.h"
#include "cli/load.h"
#include "rqsim/import.h"
#include "sim/scenario/units.h"

namespace rqsim {
namespace {

// The words behind the format.
struct ImportWords {
  std::string path, output = "-", until;
  std::optional<int> cpus;
  bool strict = false;

  // What messages call the input.
  std::string shown() const { return path == "-" ? "standard input" : path; }
};

// A scenario, or nothing and why in `status` once it has been said.
std::optional<Scenario> FromRtApp(std::string_view text, const ImportWords& words,
                                  Terminal& terminal, int& status) {
  RtAppOptions options;
  options.cpus = words.cpus;
  std::vector<Diagnostic> diagnostics;
  ImportReport report;
  auto scenario = ImportRtApp(text, words.shown(), options, diagnostics, &report);
  PrintDiagnostics(diagnostics, false, terminal);
  if (!scenario) {
    status = kExitWrongUse;
    return std::nullopt;
  }
  const auto counting = std::count_if(report.not_modelled.begin(), report.not_modelled.end(),
                                      [](const NotModelled& item) { return !item.is_harmless; });
  terminal.Talk(fmt::format("rqsim: {} operations in, {} out, {} not modelled, {} added\n",
                            report.operations_in, report.operations_out,
                            report.operations_not_modelled, report.operations_added));
  if (!words.strict || counting == 0) return scenario;
  terminal.Error(fmt::format("{}: {} of its settings are not modelled; nothing was written",
                             words.path, counting));
  status = kExitNotModelled;
  return std::nullopt;
}

std::optional<Scenario> FromBench(std::string_view text, const ImportWords& words,
                                  Terminal& terminal, int& status) {
  status = kExitWrongUse;
  const bool is_length = IsLengthText(words.until);
  const LengthInCycles until =
      is_length ? CyclesOfText(words.until, MachineSpec().clock_hz) : LengthInCycles();
  if (!is_length || until.error != LengthError::kNone || until.cycles == 0) {
    terminal.Error(fmt::format("--until: \"{}\" is no length such as 200ms or 4000s", words.until));
    return std::nullopt;
  }
  std::vector<Diagnostic> diagnostics;
  auto scenario = ImportBench(text, words.shown(), {Time(until.cycles)}, diagnostics);
  PrintDiagnostics(diagnostics, false, terminal);
  if (scenario) status = kExitFine;
  return scenario;
}

// A format, and which of the options mean something to it.
struct ImportFormat {
  const char* name;
  bool takes_cpus, takes_until;
  std::optional<Scenario> (*import)(std::string_view text, const ImportWords& words,
                                    Terminal& terminal, int& status);
};
constexpr ImportFormat kFormats[] = {{"rt-app", true, false, FromRtApp},
                                     {"bench", false, true, FromBench}};

class ImportCommand final : public Command {
 public:
  const char* name() const override { return "import"; }
  const char* summary() const override { return "turn another program's workload into a scenario"; }
  const char* examples() const override {
    return "  rqsim import rt-app audio.json -o audio.scenario.json\n"
           "  rqsim import rt-app audio.json --cpus 4 | rqsim run - -p lock=pi\n"
           "  rqsim import bench w1_n10.json --until 4s -o w1.json";
  }
  void Declare(CLI::App& app) override {
    std::set<std::string> names;
    for (const ImportFormat& format : kFormats) names.insert(format.name);
    app.add_option("FORMAT", format_, "rt-app, or bench: a periodic task set")
        ->required()
        ->check(CLI::IsMember(names).description(""));
    app.add_option("FILE", words_.path, "what to import; - is standard input")->required();
    app.add_option("-o,--output", words_.output, "where to (default: standard output)")
        ->type_name("FILE");
    app.add_option("--cpus", words_.cpus,
                   "rt-app: number of CPUs (default: the highest the file names)")
        ->type_name("N")
        ->check(CLI::Range(1, 1024).description(""));
    app.add_option("--until", words_.until, "bench: when the run ends, e.g. 200ms (needed)")
        ->type_name("TIME");
    app.add_flag("--strict", words_.strict, "what is not modelled is an error");
  }

  int Execute(Terminal& terminal) override {
    const ImportFormat& format =
        *std::find_if(std::begin(kFormats), std::end(kFormats),
                      [this](const ImportFormat& candidate) { return candidate.name == format_; });
    if (words_.cpus && !format.takes_cpus) {
      terminal.Error(fmt::format("--cpus: a {} file says how many there are", format.name));
      return kExitWrongUse;
    }
    if (words_.until.empty() == format.takes_until) {
      terminal.Error(
          format.takes_until
              ? fmt::format("a {} file has no end of its own: --until 200ms", format.name)
              : fmt::format("--until: a {} file says when it ends", format.name));
      return kExitWrongUse;
    }
    const auto text = ReadWhole(words_.path, terminal);
    if (!text) return kExitFile;
    int status = kExitFine;
    const auto scenario = format.import(*text, words_, terminal, status);
    if (!scenario) return status;
    return WriteWhole(words_.output, WriteScenario(*scenario), terminal) ? kExitFine : kExitFile;
  }

 private:
  std::string format_;
  ImportWords words_;
};

}  // namespace

std::unique_ptr<Command> MakeImportCommand() { return std::make_unique<ImportCommand>(); }

}  // namespace rqsim
