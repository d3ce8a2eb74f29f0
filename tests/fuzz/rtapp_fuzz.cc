// The rt-app importer on anything: it must come back, with a scenario whose operations add up or
// with an error that has a place in the text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "rqsim/import.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<rqsim::Diagnostic> diagnostics;
  rqsim::ImportReport report;
  const auto scenario = rqsim::ImportRtApp(text, "fuzz.json", {}, diagnostics, &report);
  bool has_error = false;
  for (const rqsim::Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.severity != rqsim::Diagnostic::Severity::kError) continue;
    has_error = true;
    if (diagnostic.pos.line < 1 || diagnostic.pos.column < 1) std::abort();
  }
  if (has_error == scenario.has_value()) std::abort();
  if (scenario && report.operations_in != report.operations_out + report.operations_not_modelled) {
    std::abort();
  }
  // What is translated is recognised, but for a file that has a version as scenarios do.
  bool has_version = false;
  for (const rqsim::NotModelled& item : report.not_modelled) {
    has_version = has_version || item.path == "version";
  }
  if (scenario && !has_version && !rqsim::LooksLikeRtApp(text)) std::abort();
  return 0;
}
