#include "sim/scenario/rtapp/reporter.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace rqsim::rtapp {
namespace {

// Nobody reads more, and a hostile file could ask for one of each byte.
constexpr std::size_t kMaxDiagnostics = 10'000;
// A longer line is not shown: every remark about it would repeat it.
constexpr std::size_t kLongestLine = 500;

template <class Item>
void SortByPosition(std::vector<Item>& items) {
  // total order: position; equal ones keep their order.
  std::stable_sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
    return std::tie(a.pos.line, a.pos.column) < std::tie(b.pos.line, b.pos.column);
  });
}

}  // namespace

Reporter::Reporter(std::string_view source, const StrictText& strict, std::string_view file)
    : source_(source), strict_(strict), file_(file) {
  line_starts_.push_back(0);
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\n') line_starts_.push_back(i + 1);
  }
}

void Reporter::Error(Code code, std::size_t offset, std::string message, std::string hint) {
  Error(code, PosOf(offset), std::move(message), std::move(hint));
}

void Reporter::Error(Code code, SourcePos pos, std::string message, std::string hint) {
  has_errors_ = true;
  Add(Diagnostic::Severity::kError, code, pos, std::move(message), std::move(hint));
}

void Reporter::Remark(std::size_t offset, std::string message) {
  Remark(PosOf(offset), std::move(message));
}

void Reporter::Remark(SourcePos pos, std::string message) {
  Add(Diagnostic::Severity::kWarning, Code::kRemark, pos, std::move(message), "");
}

void Reporter::NotModelled(std::size_t offset, std::string path, std::string reason,
                           bool is_operation) {
  const SourcePos pos = PosOf(offset);
  Add(Diagnostic::Severity::kWarning, Code::kNotModelled, pos,
      fmt::format("not modelled: {}: {}", path, reason), "");
  not_modelled_.push_back({std::move(path), std::move(reason), is_operation, false, pos});
}

void Reporter::Harmless(std::size_t offset, std::string path, std::string reason) {
  const SourcePos pos = PosOf(offset);
  Add(Diagnostic::Severity::kWarning, Code::kNotModelled, pos,
      fmt::format("not modelled: {}: {} (no influence on scheduling)", path, reason), "");
  not_modelled_.push_back({std::move(path), std::move(reason), false, true, pos});
}

SourcePos Reporter::PosOf(std::size_t offset) const {
  const std::size_t at = std::min(strict_.SourceOffset(offset), source_.size());
  const auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), at);
  const auto line = static_cast<std::size_t>(after - line_starts_.begin());
  SourcePos pos{static_cast<int>(line), 1};
  // A column is a character; the further bytes of one in UTF-8 are none.
  for (std::size_t i = line_starts_[line - 1]; i < at; ++i) {
    if ((static_cast<unsigned char>(source_[i]) & 0xc0u) != 0x80u) ++pos.column;
  }
  return pos;
}

std::string_view Reporter::LineAt(int line) const {
  if (line < 1 || static_cast<std::size_t>(line) > line_starts_.size()) return "";
  const auto index = static_cast<std::size_t>(line);
  const std::size_t start = line_starts_[index - 1];
  std::size_t end = index < line_starts_.size() ? line_starts_[index] - 1 : source_.size();
  if (end > start && source_[end - 1] == '\r') --end;
  if (end - start > kLongestLine) return "";
  return source_.substr(start, end - start);
}

void Reporter::Add(Diagnostic::Severity severity, Code code, SourcePos pos, std::string message,
                   std::string hint) {
  // Warnings leave room for errors: without one, a missing result would have no reason.
  const bool is_warning = severity == Diagnostic::Severity::kWarning;
  if (diagnostics_.size() >= (is_warning ? kMaxDiagnostics : 2 * kMaxDiagnostics)) {
    ++num_left_out_;
    return;
  }
  Diagnostic diagnostic;
  diagnostic.severity = severity;
  diagnostic.code = static_cast<int>(code);
  diagnostic.file = file_;
  diagnostic.pos = pos;
  diagnostic.message = std::move(message);
  diagnostic.hint = std::move(hint);
  diagnostic.line = std::string(LineAt(pos.line));
  diagnostics_.push_back(std::move(diagnostic));
}

void Reporter::Finish(std::vector<Diagnostic>& diagnostics, ImportReport& report) {
  SortByPosition(diagnostics_);
  SortByPosition(not_modelled_);
  if (num_left_out_ > 0) {
    Diagnostic last = diagnostics_.back();
    last.severity = Diagnostic::Severity::kWarning;
    last.code = static_cast<int>(Code::kRemark);
    last.message = fmt::format("{} more remarks are left out", num_left_out_);
    last.hint.clear();
    diagnostics_.push_back(std::move(last));
  }
  std::move(diagnostics_.begin(), diagnostics_.end(), std::back_inserter(diagnostics));
  diagnostics_.clear();
  report.not_modelled = std::move(not_modelled_);
}

}  // namespace rqsim::rtapp
