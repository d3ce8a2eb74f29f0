// Any bytes as a scenario file: refused with diagnostics that can be printed, or read; and what was
// read and is written again reads back as the same. Corpus:
// tests/fuzz/corpus/reader.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rqsim/check.h"
#include "rqsim/scenario_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<rqsim::Diagnostic> diagnostics;
  const std::optional<rqsim::Scenario> scenario =
      rqsim::ReadScenario(text, "fuzz.json", diagnostics);
  bool is_refused = false;
  for (const rqsim::Diagnostic& diagnostic : diagnostics) {
    RQSIM_CHECK(!rqsim::FormatDiagnostic(diagnostic).empty());
    is_refused |= diagnostic.severity == rqsim::Diagnostic::Severity::kError;
  }
  RQSIM_CHECK(scenario.has_value() == !is_refused);
  if (!scenario) return 0;

  const std::string written = rqsim::WriteScenario(*scenario);
  diagnostics.clear();
  const std::optional<rqsim::Scenario> again =
      rqsim::ReadScenario(written, "written.json", diagnostics);
  RQSIM_CHECK(again.has_value());
  RQSIM_CHECK(rqsim::WriteScenario(*again) == written);
  RQSIM_CHECK(rqsim::ScenarioHash(*again) == rqsim::ScenarioHash(*scenario));
  return 0;
}
