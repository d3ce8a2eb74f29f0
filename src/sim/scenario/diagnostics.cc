#include "sim/scenario/diagnostics.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

namespace rqsim {
namespace {

// What is shown of a long line, in characters before and after the place.
constexpr int kShownBefore = 60;
constexpr int kShownAfter = 60;

bool BeginsCharacter(char c) { return (static_cast<unsigned char>(c) & 0xc0u) != 0x80u; }

// Goes through a text once, from place to place in ascending order, and cuts out the lines.
class LineCutter {
 public:
  explicit LineCutter(std::string_view text) : text_(text) {}

  // Fills in `line` and `line_column`.
  void Cut(Diagnostic& diagnostic) {
    const auto is_before = [&] {
      return line_ < diagnostic.pos.line ||
             (line_ == diagnostic.pos.line && column_ < diagnostic.pos.column);
    };
    while (at_ < text_.size() && is_before()) {
      // A place behind the end of a line stands at its end.
      if (text_[at_] == '\n' && line_ == diagnostic.pos.line) break;
      Advance();
    }
    if (line_ != diagnostic.pos.line) return;
    std::size_t from = at_;
    int column = column_;
    while (from > 0 && text_[from - 1] != '\n' && column + kShownBefore > column_) {
      --from;
      if (BeginsCharacter(text_[from])) --column;
    }
    std::size_t to = at_;
    for (int shown = 0; to < text_.size() && text_[to] != '\n'; ++to) {
      if (BeginsCharacter(text_[to]) && ++shown > kShownAfter) break;
    }
    while (to > from && text_[to - 1] == '\r') --to;
    diagnostic.line = std::string(text_.substr(from, to - from));
    diagnostic.line_column = column;
  }

 private:
  // To the next character.
  void Advance() {
    if (text_[at_] == '\n') {
      ++line_;
      column_ = 0;
    }
    ++at_;
    while (at_ < text_.size() && !BeginsCharacter(text_[at_])) ++at_;
    ++column_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
  int column_ = 1;
};

// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
int EditDistance(std::string_view a, std::string_view b) {
  const std::size_t width = b.size() + 1;
  std::vector<int> rows(3 * width);
  int* before = rows.data();
  int* last = before + width;
  int* now = last + width;
  for (std::size_t j = 0; j < width; ++j) last[j] = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = static_cast<int>(i);
    for (std::size_t j = 1; j < width; ++j) {
      const int replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        now[j] = std::min(now[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, now);
  }
  return last[width - 1];
}

ErrorCode CodeOf(JsonError::Kind kind) {
  switch (kind) {
    case JsonError::Kind::kSyntax:
      return ErrorCode::kSyntax;
    case JsonError::Kind::kNulByte:
      return ErrorCode::kNulByte;
    case JsonError::Kind::kTooDeep:
      return ErrorCode::kTooDeep;
    case JsonError::Kind::kTooLarge:
      return ErrorCode::kTooLarge;
  }
  return ErrorCode::kSyntax;
}

}  // namespace

void Diagnostics::Error(ErrorCode code, const JsonValue& value, std::string message,
                        std::string hint) {
  Add(Diagnostic::Severity::kError, code, value.pos, WithPath(value.begin, std::move(message)),
      std::move(hint));
}

void Diagnostics::Warn(ErrorCode code, const JsonValue& value, std::string message,
                       std::string hint) {
  Add(Diagnostic::Severity::kWarning, code, value.pos, WithPath(value.begin, std::move(message)),
      std::move(hint));
}

void Diagnostics::ErrorAtKey(ErrorCode code, const JsonMember& member, std::string message,
                             std::string hint) {
  Add(Diagnostic::Severity::kError, code, member.key_pos,
      WithPath(member.key_begin, std::move(message)), std::move(hint));
}

void Diagnostics::ErrorInString(ErrorCode code, const JsonValue& value, std::size_t index,
                                std::string message, std::string hint) {
  Add(Diagnostic::Severity::kError, code,
      is_full() ? value.pos : PosInJsonString(text_, value, index),
      WithPath(value.begin, std::move(message)), std::move(hint));
}

void Diagnostics::NotJson(const JsonError& error) {
  ErrorAt(CodeOf(error.kind), error.pos, error.message);
}

void Diagnostics::ErrorAt(ErrorCode code, SourcePos pos, std::string message) {
  Add(Diagnostic::Severity::kError, code, pos, std::move(message), "");
}

void Diagnostics::Add(Diagnostic::Severity severity, ErrorCode code, SourcePos pos,
                      std::string message, std::string hint) {
  if (severity == Diagnostic::Severity::kError) ++num_errors_;
  if (is_full()) {
    ++num_dropped_;
    return;
  }
  Diagnostic& diagnostic = found_.emplace_back();
  diagnostic.severity = severity;
  diagnostic.code = static_cast<int>(code);
  diagnostic.file = std::string(file_);
  diagnostic.pos = pos;
  diagnostic.message = std::move(message);
  diagnostic.hint = std::move(hint);
}

std::string Diagnostics::WithPath(std::size_t offset, std::string message) const {
  if (root_ == nullptr || is_full()) return message;
  const std::string path = JsonPath(*root_, offset);
  return path.empty() ? message : path + ": " + message;
}

void Diagnostics::Finish(std::vector<Diagnostic>& out) {
  // total order: position, code, message; equal ones are the same diagnostic
  std::sort(found_.begin(), found_.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return std::tie(a.pos.line, a.pos.column, a.code, a.message, a.hint) <
           std::tie(b.pos.line, b.pos.column, b.code, b.message, b.hint);
  });
  const auto same = [](const Diagnostic& a, const Diagnostic& b) {
    return a.pos == b.pos && a.code == b.code && a.message == b.message;
  };
  found_.erase(std::unique(found_.begin(), found_.end(), same), found_.end());
  if (num_dropped_ > 0 && !found_.empty()) {
    found_.back().hint += fmt::format("{}and {} more problems, not shown",
                                      found_.back().hint.empty() ? "" : "; ", num_dropped_);
  }
  LineCutter cutter(text_.starts_with("\xef\xbb\xbf") ? text_.substr(3) : text_);
  for (Diagnostic& diagnostic : found_) {
    cutter.Cut(diagnostic);
    out.push_back(std::move(diagnostic));
  }
  found_.clear();
}

std::string DidYouMean(std::string_view word, std::span<const std::string> known) {
  // A word so long is no slip of the keyboard, and the distance costs its length each time.
  constexpr std::size_t kLongest = 64;
  // Looking for a slip among very many names would take longer than to find it by eye.
  constexpr std::size_t kCompared = 4000;
  if (word.empty() || word.size() > kLongest) return "";
  const int far = std::max(1, static_cast<int>(word.size()) / 3) + 1;
  int nearest = far;
  const std::string* found = nullptr;
  for (const std::string& candidate : known.first(std::min(known.size(), kCompared))) {
    if (candidate.size() > kLongest) continue;
    int distance = EditDistance(word, candidate);
    // A word that was not written to its end ("clock" for "clock_hz").
    if (word.size() >= 3 && candidate.starts_with(word)) distance = std::min(distance, far - 1);
    if (distance < nearest) {
      nearest = distance;
      found = &candidate;
    }
  }
  return found == nullptr ? "" : fmt::format("did you mean {}?", QuoteJson(*found));
}

std::string ListWords(std::span<const std::string> words) {
  constexpr std::size_t kListed = 40;
  std::string out;
  const std::size_t shown = std::min(words.size(), kListed);
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
    out += words[i];
  }
  if (shown < words.size()) out += ", ...";
  return out;
}

std::string FormatDiagnostic(const Diagnostic& diagnostic) {
  const bool is_error = diagnostic.severity == Diagnostic::Severity::kError;
  std::string out = diagnostic.file;
  if (diagnostic.pos.line > 0) {
    out += fmt::format(":{}:{}", diagnostic.pos.line, diagnostic.pos.column);
  }
  out += fmt::format(": {}[E{:03}]: {}\n", is_error ? "error" : "warning", diagnostic.code,
                     diagnostic.message);
  if (!diagnostic.line.empty()) {
    out += "  " + diagnostic.line + "\n  ";
    // The caret goes under its character: tabs stay tabs, every other character is one blank.
    int column = diagnostic.line_column;
    for (const char c : diagnostic.line) {
      if (!BeginsCharacter(c)) continue;
      if (column++ >= diagnostic.pos.column) break;
      out += c == '\t' ? '\t' : ' ';
    }
    out += "^\n";
  }
  if (!diagnostic.hint.empty()) out += "  hint: " + diagnostic.hint + "\n";
  return out;
}

}  // namespace rqsim
