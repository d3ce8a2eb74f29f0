#include "sim/scenario/json_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace rqsim {
namespace {

using Kind = JsonValue::Kind;

// Walks over the text in step with the parser's events: nlohmann's SAX interface does not say where
// a token begins, but after the token before it only blanks, comments and separators can follow.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {
    constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
    if (text_.substr(0, 3) == kByteOrderMark) offset_ = 3;
  }

  std::size_t offset() const { return offset_; }
  SourcePos pos() const { return {line_, column_}; }

  void AdvanceTo(std::size_t offset) {
    for (; offset_ < offset && offset_ < text_.size(); ++offset_) {
      const char c = text_[offset_];
      if (c == '\n') {
        ++line_;
        column_ = 1;
      } else if ((static_cast<unsigned char>(c) & 0xc0u) != 0x80u) {
        // A column is a character; the further bytes of one in UTF-8 are none.
        ++column_;
      }
    }
  }

  // To the beginning of the next value, key or closing bracket.
  void SkipToToken() {
    while (offset_ < text_.size()) {
      const std::string_view rest = text_.substr(offset_);
      if (rest.starts_with("//")) {
        AdvanceTo(std::min(text_.find('\n', offset_), text_.size()));
      } else if (rest.starts_with("/*")) {
        const std::size_t close = text_.find("*/", offset_ + 2);
        AdvanceTo(close == std::string_view::npos ? text_.size() : close + 2);
      } else if (std::string_view(" \t\r\n,:").find(rest[0]) != std::string_view::npos) {
        AdvanceTo(offset_ + 1);
      } else {
        return;
      }
    }
  }

  // The end of the token that begins here.
  std::size_t TokenEnd() const {
    if (offset_ >= text_.size()) return offset_;
    if (text_[offset_] != '"') {
      const std::size_t end = text_.find_first_of(" \t\r\n,:{}[]\"/", offset_);
      return std::max(std::min(end, text_.size()), offset_ + 1);
    }
    for (std::size_t i = offset_ + 1; i < text_.size(); ++i) {
      if (text_[i] == '"') return i + 1;
      if (text_[i] == '\\') ++i;
    }
    return text_.size();
  }

 private:
  std::string_view text_;
  std::size_t offset_ = 0;
  int line_ = 1;
  int column_ = 1;
};

// How much of `text` is the number that it begins with: digits, a fraction, an exponent.
std::size_t NumberLength(std::string_view text) {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  const auto digits = [&] { at = std::min(text.find_first_not_of("0123456789", at), text.size()); };
  digits();
  if (at < text.size() && text[at] == '.') {
    ++at;
    digits();
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    digits();
  }
  return at;
}

// The value of a number as written, if it is a whole number that fits: digits, an optional
// fraction, an optional exponent, in exact arithmetic.
std::optional<int64_t> WholeNumber(std::string_view text) {
  std::string digits;
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const std::size_t exponent_at = text.find_first_of("eE");
  int64_t scale = 0;
  if (exponent_at != std::string_view::npos) {
    std::string_view exponent = text.substr(exponent_at + 1);
    const bool below = exponent.starts_with('-');
    if (below || exponent.starts_with('+')) exponent.remove_prefix(1);
    for (const char c : exponent) scale = std::min<int64_t>(scale * 10 + (c - '0'), 1'000'000'000);
    if (below) scale = -scale;
    text = text.substr(0, exponent_at);
  }
  const std::size_t point = text.find('.');
  digits = std::string(text.substr(0, point));
  if (point != std::string_view::npos) {
    digits += text.substr(point + 1);
    scale -= static_cast<int64_t>(text.size() - point - 1);
  }
  for (; scale < 0 && !digits.empty() && digits.back() == '0'; ++scale) digits.pop_back();
  digits.erase(0, digits.find_first_not_of('0'));
  if (digits.empty()) return 0;
  if (scale < 0 || scale > 19 || digits.size() > 19) return std::nullopt;
  int64_t value = 0;
  digits.append(static_cast<std::size_t>(scale), '0');
  for (const char c : digits) {
    const int digit = negative ? -(c - '0') : c - '0';
    if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value)) {
      return std::nullopt;
    }
  }
  return value;
}

// What nlohmann's parser calls. Returning false ends the parse.
class Builder {
 public:
  // tidy: allow(float) the name is part of nlohmann's interface; the value is never used
  using number_float_t = double;
  using string_t = std::string;

  explicit Builder(std::string_view text) : text_(text), cursor_(text) {}

  JsonDocument Take() { return std::move(document_); }

  bool null() {
    return Leaf([](JsonValue&) {});
  }
  bool boolean(bool value) {
    return Leaf([value](JsonValue& leaf) {
      leaf.kind = Kind::kBool;
      leaf.boolean = value;
    });
  }
  bool number_integer(int64_t) { return Number(); }
  bool number_unsigned(uint64_t) { return Number(); }
  bool number_float(number_float_t, const string_t&) { return Number(); }
  bool string(string_t& value) {
    return Leaf([&value](JsonValue& leaf) {
      leaf.kind = Kind::kString;
      leaf.text = std::move(value);
    });
  }
  bool binary(std::vector<uint8_t>&) { return false; }
  bool start_object(std::size_t) { return Open(Kind::kObject); }
  bool start_array(std::size_t) { return Open(Kind::kArray); }
  bool end_object() { return Close(); }
  bool end_array() { return Close(); }
  bool key(string_t& key) {
    cursor_.SkipToToken();
    JsonMember member;
    member.key = std::move(key);
    member.key_pos = cursor_.pos();
    member.key_begin = cursor_.offset();
    cursor_.AdvanceTo(cursor_.TokenEnd());
    open_.back()->members.push_back(std::move(member));
    return true;
  }

  bool parse_error(std::size_t bytes_read, const std::string&,
                   const nlohmann::detail::exception& e) {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: MESSAGE; last read: ..."
    std::string_view message = e.what();
    if (const std::size_t colon = message.find(": "); colon != std::string_view::npos) {
      message.remove_prefix(colon + 2);
    }
    message = message.substr(0, message.find("; last read"));
    if (message.starts_with("syntax error ")) message.remove_prefix(13);
    // A wrong byte is the one read last; a token that is out of place begins where the last good
    // one ended.
    std::size_t offset = std::min(bytes_read == 0 ? 0 : bytes_read - 1, text_.size());
    Cursor place = cursor_;
    place.SkipToToken();
    if (message.find("unexpected ") != std::string_view::npos && place.offset() < offset) {
      offset = place.offset();
    } else {
      place = cursor_.offset() <= offset ? cursor_ : Cursor(text_);
      place.AdvanceTo(offset);
    }
    document_.error = JsonError{JsonError::Kind::kSyntax, place.pos(), std::string(message)};
    return false;
  }

 private:
  bool Fail(JsonError::Kind kind, std::string message) {
    document_.error = JsonError{kind, cursor_.pos(), std::move(message)};
    return false;
  }

  // A place for a value that begins at the cursor; null if there are too many.
  JsonValue* Place() {
    cursor_.SkipToToken();
    if (++values_ > kMaxJsonValues) {
      Fail(JsonError::Kind::kTooLarge, fmt::format("more than {} values", kMaxJsonValues));
      return nullptr;
    }
    JsonValue* place = &document_.root;
    if (!open_.empty()) {
      JsonValue& parent = *open_.back();
      place = parent.is(Kind::kArray) ? &parent.items.emplace_back() : &parent.members.back().value;
    }
    place->pos = cursor_.pos();
    place->begin = cursor_.offset();
    return place;
  }

  template <class Fill>
  bool Leaf(Fill fill) {
    JsonValue* leaf = Place();
    if (leaf == nullptr) return false;
    fill(*leaf);
    leaf->end = cursor_.TokenEnd();
    cursor_.AdvanceTo(leaf->end);
    return true;
  }

  bool Number() {
    return Leaf([this](JsonValue& leaf) {
      // A wrong byte may stick to it: the parser hands the number over before it looks further.
      const std::string_view rest = text_.substr(cursor_.offset());
      const std::string_view written = rest.substr(0, NumberLength(rest));
      const std::optional<int64_t> whole = WholeNumber(written);
      leaf.kind = whole ? Kind::kInteger : Kind::kNumber;
      leaf.integer = whole.value_or(0);
      if (!whole) leaf.text = std::string(written);
    });
  }

  bool Open(Kind kind) {
    JsonValue* value = Place();
    if (value == nullptr) return false;
    if (open_.size() >= static_cast<std::size_t>(kMaxJsonDepth)) {
      return Fail(JsonError::Kind::kTooDeep,
                  fmt::format("nested more than {} levels deep", kMaxJsonDepth));
    }
    value->kind = kind;
    open_.push_back(value);
    cursor_.AdvanceTo(cursor_.offset() + 1);
    return true;
  }

  bool Close() {
    cursor_.SkipToToken();
    cursor_.AdvanceTo(cursor_.offset() + 1);
    open_.back()->end = cursor_.offset();
    open_.pop_back();
    return true;
  }

  std::string_view text_;
  Cursor cursor_;
  JsonDocument document_;
  // Values that are not closed yet, outermost first. Only the last one's list grows, so the
  // pointers stay good.
  std::vector<JsonValue*> open_;
  std::size_t values_ = 0;
};

std::string Shortened(std::string_view text) {
  constexpr std::size_t kShown = 40;
  if (text.size() <= kShown) return std::string(text);
  std::size_t cut = kShown;
  // Not in the middle of a character.
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xc0u) == 0x80u) --cut;
  return std::string(text.substr(0, cut)) + "...";
}

}  // namespace

const JsonValue* JsonValue::Find(std::string_view key) const {
  for (const JsonMember& member : members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

JsonDocument ParseJson(std::string_view text) {
  JsonDocument document;
  if (text.size() > kMaxScenarioBytes) {
    document.error = JsonError{
        JsonError::Kind::kTooLarge, {1, 1}, fmt::format("larger than {} bytes", kMaxScenarioBytes)};
    return document;
  }
  // The parser takes a NUL byte for the end of the text and would overlook the rest.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    Cursor cursor(text);
    cursor.AdvanceTo(nul);
    document.error = JsonError{JsonError::Kind::kNulByte, cursor.pos(), "a NUL byte: not a text"};
    return document;
  }
  Builder builder(text);
  nlohmann::json::sax_parse(text.begin(), text.end(), &builder,
                            nlohmann::detail::input_format_t::json, /*strict=*/true,
                            /*ignore_comments=*/true);
  return builder.Take();
}

std::string DescribeJson(const JsonValue& value) {
  switch (value.kind) {
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return value.boolean ? "true" : "false";
    case Kind::kInteger:
      return fmt::format("the number {}", value.integer);
    case Kind::kNumber:
      return fmt::format("the number {}", Shortened(value.text));
    case Kind::kString:
      return fmt::format("the string {}", QuoteJson(Shortened(value.text)));
    case Kind::kArray:
      return "an array";
    case Kind::kObject:
      return "an object";
  }
  return "";
}

std::string JsonPath(const JsonValue& root, std::size_t offset) {
  std::string path;
  const JsonValue* at = &root;
  while (at != nullptr) {
    const JsonValue* next = nullptr;
    if (at->is(Kind::kArray)) {
      // The last item that begins at or before the offset.
      const auto after =
          std::upper_bound(at->items.begin(), at->items.end(), offset,
                           [](std::size_t o, const JsonValue& item) { return o < item.begin; });
      if (after != at->items.begin() && offset < (after - 1)->end) {
        next = &*(after - 1);
        path += fmt::format("[{}]", (after - 1) - at->items.begin());
      }
    } else if (at->is(Kind::kObject)) {
      const auto after = std::upper_bound(
          at->members.begin(), at->members.end(), offset,
          [](std::size_t o, const JsonMember& member) { return o < member.key_begin; });
      if (after != at->members.begin() && offset < (after - 1)->value.end) {
        const JsonMember& member = *(after - 1);
        if (!path.empty()) path += '.';
        path += Shortened(member.key);
        if (offset >= member.value.begin) next = &member.value;
      }
    }
    at = next != nullptr && next->begin != offset ? next : nullptr;
  }
  return path;
}

SourcePos PosInJsonString(std::string_view text, const JsonValue& value, std::size_t index) {
  SourcePos pos = value.pos;
  ++pos.column;  // the quote
  std::size_t at = value.begin + 1;
  std::size_t decoded = 0;
  while (at + 1 < value.end && decoded < index) {
    const std::size_t start = at;
    if (text[at] == '\\' && at + 1 < text.size() && text[at + 1] == 'u') {
      // An escaped character of up to three bytes; a pair of surrogates is taken for two of two.
      unsigned code = 0;
      for (std::size_t i = at + 2; i < std::min(at + 6, text.size()); ++i) {
        const char c = text[i];
        const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
        code = code * 16 + static_cast<unsigned>(digit);
      }
      at += 6;
      decoded += code < 0x80 ? 1 : code < 0x800 || (code >= 0xd800 && code < 0xe000) ? 2 : 3;
    } else if (text[at] == '\\') {
      at += 2;
      ++decoded;
    } else {
      ++at;
      ++decoded;
    }
    for (std::size_t i = start; i < std::min(at, text.size()); ++i) {
      if ((static_cast<unsigned char>(text[i]) & 0xc0u) != 0x80u) ++pos.column;
    }
  }
  return pos;
}

std::string QuoteJson(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace rqsim
