#include "cli/load.h"

#include <absl/strings/str_join.h>
#include <fmt/core.h>

#include <algorithm>

#include "cli/command.h"
#include "cli/edit.h"
#include "cli/files.h"
#include "rqsim/import.h"
#include "rqsim/simulation.h"

namespace rqsim {
namespace {

bool HasError(const std::vector<Diagnostic>& diagnostics) {
  return std::any_of(diagnostics.begin(), diagnostics.end(), [](const Diagnostic& diagnostic) {
    return diagnostic.severity == Diagnostic::Severity::kError;
  });
}

std::optional<Scenario> ReadRtApp(std::string_view text, const std::string& path,
                                  const LoadOptions& options, Terminal& terminal, int& status) {
  RtAppOptions import;
  import.cpus = options.cpus;
  std::vector<Diagnostic> diagnostics;
  ImportReport report;
  auto scenario = ImportRtApp(text, path, import, diagnostics, &report);
  PrintDiagnostics(diagnostics, options.quiet_warnings, terminal);
  if (!scenario) {
    status = kExitWrongUse;
    return std::nullopt;
  }
  const auto counts = std::count_if(report.not_modelled.begin(), report.not_modelled.end(),
                                    [](const NotModelled& item) { return !item.is_harmless; });
  if (options.strict && counts > 0) {
    terminal.Error(fmt::format("{}: {} of its settings are not modelled", path, counts));
    status = kExitNotModelled;
    return std::nullopt;
  }
  return scenario;
}

// Restricted Damerau-Levenshtein distance: insertions, deletions, changes, neighbours swapped.
std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

void PrintDiagnostics(const std::vector<Diagnostic>& diagnostics, bool quiet_warnings,
                      Terminal& terminal) {
  for (const Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.severity == Diagnostic::Severity::kError) {
      terminal.Problem(FormatDiagnostic(diagnostic));
    } else if (!quiet_warnings) {
      terminal.Talk(FormatDiagnostic(diagnostic));
    }
  }
}

std::optional<Scenario> LoadText(std::string_view text, const std::string& path,
                                 const LoadOptions& options, Terminal& terminal, int& status) {
  status = kExitFine;
  const std::string file = path == "-" ? "standard input" : path;
  std::optional<Scenario> scenario;
  std::string source(text);
  if (LooksLikeRtApp(text)) {
    scenario = ReadRtApp(text, file, options, terminal, status);
    if (scenario && !options.edits.empty()) source = WriteScenario(*scenario);
  } else {
    std::vector<Diagnostic> diagnostics;
    scenario = ReadScenario(text, file, diagnostics);
    PrintDiagnostics(diagnostics, options.quiet_warnings, terminal);
    if (!scenario || HasError(diagnostics)) status = kExitWrongUse;
  }
  if (!scenario || options.edits.empty()) return status == kExitFine ? scenario : std::nullopt;

  std::string error;
  const auto edited = EditScenario(source, options.edits, error);
  if (!edited) {
    terminal.Error(error);
    status = kExitWrongUse;
    return std::nullopt;
  }
  std::vector<Diagnostic> diagnostics;
  scenario = ReadScenario(*edited, file + " with --set", diagnostics);
  PrintDiagnostics(diagnostics, /*quiet_warnings=*/true, terminal);
  if (!scenario) status = kExitWrongUse;
  return scenario;
}

std::optional<Scenario> LoadScenario(const std::string& path, const LoadOptions& options,
                                     Terminal& terminal, int& status) {
  const auto text = ReadWhole(path, terminal);
  if (!text) {
    status = kExitFile;
    return std::nullopt;
  }
  return LoadText(*text, path, options, terminal, status);
}

std::vector<PolicySet> SetsOf(const Scenario& scenario) {
  if (!scenario.policies.empty()) return scenario.policies;
  PolicySet set;
  set.name = "default";
  return {set};
}

std::optional<PolicySet> PickSet(const Scenario& scenario, const std::string& word,
                                 Terminal& terminal, int& status) {
  std::vector<std::string> names;
  for (const PolicySet& set : SetsOf(scenario)) {
    if (set.name == word) return set;
    names.push_back(set.name);
  }
  if (Registry::BuiltIn().Find(Seam::kLockProtocol, word) != nullptr) {
    // A lock protocol by its name stands for a set of its own: lock=NAME.
    std::vector<Diagnostic> none;
    auto set = ParsePolicySet("lock=" + word, none);
    if (set) set->name = word;
    return set;
  }
  if (word.find('=') == std::string::npos) {
    const std::string nearest = Nearest(word, names);
    terminal.Error(fmt::format("the scenario has no policy set {}; it has {}{}", word,
                               absl::StrJoin(names, ", "),
                               nearest.empty() ? "" : fmt::format(". Did you mean {}?", nearest)));
    status = kExitWrongUse;
    return std::nullopt;
  }
  std::vector<Diagnostic> diagnostics;
  auto set = ParsePolicySet(word, diagnostics);
  PrintDiagnostics(diagnostics, false, terminal);
  if (!set) {
    status = kExitWrongUse;
    return std::nullopt;
  }
  set->name = word;
  return set;
}

std::optional<std::vector<PolicySet>> PickSets(const Scenario& scenario,
                                               const std::vector<std::string>& words,
                                               Terminal& terminal, int& status) {
  if (words.empty()) return SetsOf(scenario);
  std::vector<PolicySet> sets;
  for (const std::string& word : words) {
    auto set = PickSet(scenario, word, terminal, status);
    if (!set) return std::nullopt;
    const bool twice = std::any_of(sets.begin(), sets.end(),
                                   [&](const PolicySet& other) { return other.name == set->name; });
    if (!twice) sets.push_back(*std::move(set));
  }
  return sets;
}

void DeclareScenario(CLI::App& app, std::string& path, LoadOptions& options) {
  app.add_option("SCENARIO", path, "a scenario or an rt-app file; - is standard input")->required();
  app.add_option("--set", options.edits, "change a value first: machine.costs.c_ctx=100")
      ->type_name("PATH=VALUE")
      ->allow_extra_args(false);
  app.add_option("--cpus", options.cpus, "CPUs of an rt-app file (default: the highest it names)")
      ->type_name("N")
      ->check(CLI::Range(1, 1024).description(""));
  app.add_flag("--strict", options.strict, "what is not modelled is an error");
}

void DeclareSets(CLI::App& app, std::vector<std::string>& words) {
  app.add_option("-p,--policy", words,
                 "a set of the scenario, or made here: lock=pi,class=fifo, or pi for the lock\n"
                 "protocol alone (default: all)")
      ->type_name("SET")
      ->allow_extra_args(false);
}

std::string Nearest(std::string_view word, const std::vector<std::string>& words) {
  std::string nearest;
  std::size_t least = word.size() / 3 + 2;
  for (const std::string& candidate : words) {
    const std::size_t distance = Distance(word, candidate);
    if (distance < least) {
      least = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace rqsim
