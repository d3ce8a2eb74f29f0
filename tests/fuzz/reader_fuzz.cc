// The scenario reader on anything: it must come back, with a scenario or with an error that has a
// place in the text, never both. What it reads, it reads again from what the writer makes of it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "rqsim/scenario_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<rqsim::Diagnostic> diagnostics;
  const auto scenario = rqsim::ReadScenario(text, "fuzz.json", diagnostics);
  bool has_error = false;
  for (const rqsim::Diagnostic& diagnostic : diagnostics) {
    if (rqsim::FormatDiagnostic(diagnostic).empty()) std::abort();
    if (diagnostic.severity != rqsim::Diagnostic::Severity::kError) continue;
    has_error = true;
    if (diagnostic.pos.line < 1 || diagnostic.pos.column < 1) std::abort();
  }
  if (has_error == scenario.has_value()) std::abort();
  // The same bytes as a policy set of the command line.
  std::vector<rqsim::Diagnostic> set_diagnostics;
  if (rqsim::ParsePolicySet(text, set_diagnostics).has_value() != set_diagnostics.empty()) {
    std::abort();
  }
  if (!scenario) return 0;
  const std::string written = rqsim::WriteScenario(*scenario);
  std::vector<rqsim::Diagnostic> again;
  const auto reread = rqsim::ReadScenario(written, "written.json", again);
  if (!reread || rqsim::WriteScenario(*reread) != written) std::abort();
  if (rqsim::ScenarioHash(*reread) != rqsim::ScenarioHash(*scenario)) std::abort();
  return 0;
}
