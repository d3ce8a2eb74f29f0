// Collects what the importer has to say: mistakes, remarks, and what is not modelled, each with its
// position.
#ifndef RQSIM_SIM_SCENARIO_RTAPP_REPORTER_H_
#define RQSIM_SIM_SCENARIO_RTAPP_REPORTER_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "rqsim/import.h"
#include "sim/scenario/rtapp/codes.h"
#include "sim/scenario/rtapp/dialect.h"

namespace rqsim::rtapp {

// Offsets are those of the strict text, which is what was parsed; positions are those of the
// source.
class Reporter {
 public:
  Reporter(std::string_view source, const StrictText& strict, std::string_view file);

  void Error(Code code, std::size_t offset, std::string message, std::string hint = "");
  void Error(Code code, SourcePos pos, std::string message, std::string hint = "");
  void Remark(std::size_t offset, std::string message);
  void Remark(SourcePos pos, std::string message);
  // Names something that the scenario will not have.
  void NotModelled(std::size_t offset, std::string path, std::string reason, bool is_operation);
  // The same for a setting without influence on scheduling.
  void Harmless(std::size_t offset, std::string path, std::string reason);

  SourcePos PosOf(std::size_t offset) const;
  bool has_errors() const { return has_errors_; }

  // Moves everything to where the caller wants it, sorted by position.
  void Finish(std::vector<Diagnostic>& diagnostics, ImportReport& report);

 private:
  void Add(Diagnostic::Severity severity, Code code, SourcePos pos, std::string message,
           std::string hint);
  std::string_view LineAt(int line) const;

  std::string_view source_;
  const StrictText& strict_;
  std::string file_;
  std::vector<std::size_t> line_starts_;
  std::vector<Diagnostic> diagnostics_;
  std::vector<rqsim::NotModelled> not_modelled_;
  std::size_t num_left_out_ = 0;
  bool has_errors_ = false;
};

}  // namespace rqsim::rtapp

#endif  // RQSIM_SIM_SCENARIO_RTAPP_REPORTER_H_
