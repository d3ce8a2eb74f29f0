#include "sim/scenario/rtapp/dialect.h"

#include <algorithm>

namespace rqsim::rtapp {
namespace {

constexpr std::string_view kCompletion = ":null";

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// What an object expects next; an array is always at its values.
enum class Place : char { kArray, kKey, kAfterKey, kValue };

class Pass {
 public:
  explicit Pass(std::string_view source) : source_(source) { out_.json.reserve(source.size()); }

  StrictText Run() {
    while (at_ < source_.size()) Step();
    return std::move(out_);
  }

 private:
  void Step() {
    const char c = source_[at_];
    if (IsBlank(c)) {
      Copy(1);
    } else if (c == '/' && at_ + 1 < source_.size() && source_[at_ + 1] == '/') {
      Blank(std::min(source_.find('\n', at_), source_.size()) - at_);
    } else if (c == '/' && at_ + 1 < source_.size() && source_[at_ + 1] == '*') {
      Comment();
    } else if (c == '"') {
      String();
    } else {
      Sign(c);
    }
  }

  void Comment() {
    const std::size_t end = source_.find("*/", at_ + 2);
    if (end == std::string_view::npos) {
      out_.open_comment = out_.json.size();
      Blank(source_.size() - at_);
    } else {
      Blank(end + 2 - at_);
    }
  }

  // A string up to its closing quote, or to the end of the text.
  void String() {
    std::size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != '"') end += source_[end] == '\\' ? 2 : 1;
    const bool is_closed = end < source_.size();
    Copy(std::min(end + 1, source_.size()) - at_);
    Significant('"');
    if (is_closed && !places_.empty() && places_.back() == Place::kKey) {
      places_.back() = Place::kAfterKey;
    }
  }

  void Sign(char c) {
    switch (c) {
      case '{':
        places_.push_back(Place::kKey);
        break;
      case '[':
        places_.push_back(Place::kArray);
        break;
      case '}':
      case ']':
        if (c == '}') CompleteKey();
        DropTrailingComma();
        if (!places_.empty()) places_.pop_back();
        break;
      case ',':
        CompleteKey();
        if (!places_.empty() && places_.back() != Place::kArray) places_.back() = Place::kKey;
        comma_at_ = out_.json.size();
        break;
      case ':':
        if (!places_.empty() && places_.back() == Place::kAfterKey) places_.back() = Place::kValue;
        break;
      default:
        break;
    }
    Copy(1);
    Significant(c);
  }

  void CompleteKey() {
    if (places_.empty() || places_.back() != Place::kAfterKey) return;
    out_.completions.push_back(out_.json.size());
    out_.json += kCompletion;
    Significant('l');
  }

  // A comma just before the closing sign, with something before it.
  void DropTrailingComma() {
    if (last_ != ',' || before_last_ == ',' || before_last_ == '{' || before_last_ == '[') return;
    out_.json[comma_at_] = ' ';
  }

  void Significant(char c) {
    before_last_ = last_;
    last_ = c;
  }

  void Copy(std::size_t length) {
    out_.json += source_.substr(at_, length);
    at_ += length;
  }

  // Line ends stay: the parser's own messages count them.
  void Blank(std::size_t length) {
    for (const char c : source_.substr(at_, length)) out_.json += c == '\n' || c == '\r' ? c : ' ';
    at_ += length;
  }

  std::string_view source_;
  std::size_t at_ = 0;
  StrictText out_;
  std::vector<Place> places_;
  std::size_t comma_at_ = 0;
  char last_ = '\0';
  char before_last_ = '\0';
};

}  // namespace

std::size_t StrictText::SourceOffset(std::size_t offset) const {
  const auto before = std::lower_bound(completions.begin(), completions.end(), offset);
  const auto count = static_cast<std::size_t>(before - completions.begin());
  if (count == 0) return offset;
  // Inside the last completion: the place where it was put in.
  const std::size_t last = completions[count - 1];
  const std::size_t past_last = std::max(offset, last + kCompletion.size());
  return past_last - count * kCompletion.size();
}

StrictText MakeStrict(std::string_view source) { return Pass(source).Run(); }

}  // namespace rqsim::rtapp
