// Reading scenarios: JSON (also with comments) in, a Scenario or every mistake at once out.
#ifndef RQSIM_SCENARIO_READER_H_
#define RQSIM_SCENARIO_READER_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rqsim/registry.h"
#include "rqsim/scenario.h"

namespace rqsim {

// One mistake (or warning) of a file.
struct Diagnostic {
  enum class Severity : uint8_t { kError, kWarning };
  Severity severity = Severity::kError;
  int code = 0;  // Ennn; docs/ERRORS.md lists them
  std::string file;
  SourcePos pos;
  std::string message;  // with the JSON path, what was found and what is allowed
  std::string hint;     // "did you mean …"; may be empty
  std::string line;     // the source line, for the caret; of a long one the part around it
  int line_column = 1;  // column of the first character of `line`
};

// `file:line:col: error[Ennn]: message`, the line, a caret, the hint. Ends with a newline.
std::string FormatDiagnostic(const Diagnostic& diagnostic);

// Reads a scenario. Problems (errors and warnings, sorted by position) are appended to
// `diagnostics`; nothing is returned if there is an error. `file` is only used in diagnostics.
// Never aborts, whatever the text.
std::optional<Scenario> ReadScenario(std::string_view text, std::string_view file,
                                     std::vector<Diagnostic>& diagnostics,
                                     const Registry& registry = Registry::BuiltIn());

// The same from a file ("-" is standard input). A file that cannot be read gives a diagnostic of
// code kCannotRead.
inline constexpr int kCannotRead = 1;
std::optional<Scenario> ReadScenarioFile(const std::string& path,
                                         std::vector<Diagnostic>& diagnostics,
                                         const Registry& registry = Registry::BuiltIn());

// A policy set from `lock=proxy-v9,services=umcg-v0.6+pair-spin` (command line). Problems go to
// `diagnostics`.
std::optional<PolicySet> ParsePolicySet(std::string_view text, std::vector<Diagnostic>& diagnostics,
                                        const Registry& registry = Registry::BuiltIn());

// The scenario as a document that ReadScenario gives back unchanged. Stable: same scenario, same
// bytes.
std::string WriteScenario(const Scenario& scenario);

// The JSON Schema (draft-07) of scenarios with the policies of `registry`.
std::string ScenarioSchema(const Registry& registry = Registry::BuiltIn());

// A hash of everything that can influence a run: the scenario without names of files, positions and
// notes.
uint64_t ScenarioHash(const Scenario& scenario);

}  // namespace rqsim

#endif  // RQSIM_SCENARIO_READER_H_
