// From words on the command line to a scenario and the policy sets to run it under.
#ifndef RQSIM_CLI_LOAD_H_
#define RQSIM_CLI_LOAD_H_

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/terminal.h"
#include "rqsim/scenario.h"
#include "rqsim/scenario_reader.h"

namespace rqsim {

// What went wrong, as an exit status; kExitFine: nothing.
struct LoadOptions {
  std::vector<std::string> edits;  // PATH=VALUE
  std::optional<int> cpus;         // of an rt-app file
  bool strict = false;             // what is not modelled is an error
  bool quiet_warnings = false;
};

// A scenario or an rt-app file, "-" for standard input. All problems are printed; `status` says
// which exit status they mean.
std::optional<Scenario> LoadScenario(const std::string& path, const LoadOptions& options,
                                     Terminal& terminal, int& status);

// The same for text that has been read.
std::optional<Scenario> LoadText(std::string_view text, const std::string& path,
                                 const LoadOptions& options, Terminal& terminal, int& status);

// The sets that `-p` names or spells out; without any `-p` those of the scenario, or the default
// one.
std::optional<std::vector<PolicySet>> PickSets(const Scenario& scenario,
                                               const std::vector<std::string>& words,
                                               Terminal& terminal, int& status);

// The set of one `-p`.
std::optional<PolicySet> PickSet(const Scenario& scenario, const std::string& word,
                                 Terminal& terminal, int& status);

// The sets that a scenario brings; one called "default" if it has none.
std::vector<PolicySet> SetsOf(const Scenario& scenario);

// Declares SCENARIO, --set, --cpus and --strict.
void DeclareScenario(CLI::App& app, std::string& path, LoadOptions& options);

// Declares -p, whose words PickSets() reads.
void DeclareSets(CLI::App& app, std::vector<std::string>& words);

void PrintDiagnostics(const std::vector<Diagnostic>& diagnostics, bool quiet_warnings,
                      Terminal& terminal);

// Of the words, the one that looks most like `word`; "" if none does.
std::string Nearest(std::string_view word, const std::vector<std::string>& words);

}  // namespace rqsim

#endif  // RQSIM_CLI_LOAD_H_
