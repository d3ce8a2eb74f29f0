// Collects what is wrong with a file while it is read, and hands it out sorted, with source lines.
#ifndef RQSIM_SIM_SCENARIO_DIAGNOSTICS_H_
#define RQSIM_SIM_SCENARIO_DIAGNOSTICS_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rqsim/scenario_reader.h"
#include "sim/scenario/error_codes.h"
#include "sim/scenario/json_tree.h"

namespace rqsim {

class Diagnostics {
 public:
  // At most this many are kept: a broken generator should not print megabytes.
  static constexpr std::size_t kMax = 200;

  Diagnostics(std::string_view text, std::string_view file) : text_(text), file_(file) {}

  // The tree from which paths are told; without one messages have none.
  void SetRoot(const JsonValue* root) { root_ = root; }
  std::string_view text() const { return text_; }
  bool has_errors() const { return num_errors_ > 0; }
  // No more are kept, only counted: messages need not be made with much effort.
  bool is_full() const { return found_.size() >= kMax; }

  // About a value: the message is put behind its path.
  void Error(ErrorCode code, const JsonValue& value, std::string message, std::string hint = "");
  void Warn(ErrorCode code, const JsonValue& value, std::string message, std::string hint = "");
  // About a key.
  void ErrorAtKey(ErrorCode code, const JsonMember& member, std::string message,
                  std::string hint = "");
  // About a character of a string value.
  void ErrorInString(ErrorCode code, const JsonValue& value, std::size_t index, std::string message,
                     std::string hint = "");
  // The text is no document at all.
  void NotJson(const JsonError& error);
  // About a place of the text.
  void ErrorAt(ErrorCode code, SourcePos pos, std::string message);

  // Appends everything to `out`, sorted by position, each with its line. Once, at the end.
  void Finish(std::vector<Diagnostic>& out);

 private:
  void Add(Diagnostic::Severity severity, ErrorCode code, SourcePos pos, std::string message,
           std::string hint);
  std::string WithPath(std::size_t offset, std::string message) const;

  std::string_view text_;
  std::string_view file_;
  const JsonValue* root_ = nullptr;
  std::vector<Diagnostic> found_;
  std::size_t num_errors_ = 0;
  std::size_t num_dropped_ = 0;
};

// `did you mean "X"?` for the nearest of `known`, if one is near; "" if none is.
std::string DidYouMean(std::string_view word, std::span<const std::string> known);

// "a, b or c"; long lists are cut.
std::string ListWords(std::span<const std::string> words);

}  // namespace rqsim

#endif  // RQSIM_SIM_SCENARIO_DIAGNOSTICS_H_
