#include "sim/scenario/shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "sim/scenario/units.h"

namespace rqsim {
namespace {

using Kind = Shape::Kind;
using JsonKind = JsonValue::Kind;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes one to four digits from the front.
bool TakeNumber(std::string_view& text) {
  std::size_t digits = 0;
  while (digits < text.size() && digits < 4 && IsDigit(text[digits])) ++digits;
  text.remove_prefix(digits);
  return digits > 0;
}

bool IsCpuList(std::string_view text) {
  for (;;) {
    if (!TakeNumber(text)) return false;
    if (text.starts_with('-')) {
      text.remove_prefix(1);
      if (!TakeNumber(text)) return false;
    }
    if (text.empty()) return true;
    if (text.front() != ',') return false;
    text.remove_prefix(1);
  }
}

bool IsName(std::string_view text) {
  constexpr std::size_t kLongest = 64;
  const auto is_word = [](char c) {
    return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  if (text.empty() || text.size() > kLongest || !is_word(text.front())) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_word(c) || std::string_view(".:+@#~-").find(c) != std::string_view::npos;
  });
}

// "a whole number from 0 to 99".
std::string RangeText(const Shape& shape) {
  if (shape.max == INT64_MAX && shape.min == INT64_MIN) return "a whole number";
  if (shape.max >= kCyclesMax.count()) return fmt::format("a whole number from {}", shape.min);
  return fmt::format("a whole number from {} to {}", shape.min, shape.max);
}

// What may stand there, for messages.
std::string Expected(const Shape& shape) {
  switch (shape.kind) {
    case Kind::kAny:
    case Kind::kNotModelled:
      return "anything";
    case Kind::kBool:
      return "true or false";
    case Kind::kInteger:
      return RangeText(shape);
    case Kind::kLength: {
      std::string text = "cycles (a whole number) or a string with a unit (ns, us, ms, s)";
      for (const std::string& word : shape.words) text += fmt::format(" or \"{}\"", word);
      return text;
    }
    case Kind::kString:
      return std::string(NameOf(shape.form));
    case Kind::kWord:
      return shape.words.empty() ? "nothing: there are none" : ListWords(shape.words);
    case Kind::kArray:
      return "an array";
    case Kind::kObject:
    case Kind::kMap:
    case Kind::kTagged:
      return "an object";
    case Kind::kOneKey:
      return "an object with one key";
    case Kind::kChoice: {
      std::string text;
      for (const Shape* choice : shape.choices) {
        if (!text.empty()) text += ", or ";
        text += Expected(*choice);
      }
      return text;
    }
  }
  return "";
}

class Checker {
 public:
  explicit Checker(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  // Recursion is as deep as the value, which is bounded by kMaxJsonDepth.
  void Check(const JsonValue& value, const Shape& shape) {
    if (!shape.Takes(value.kind)) {
      std::string expected = Expected(shape);
      diagnostics_.Error(ErrorCode::kWrongType, value,
                         fmt::format("expected {}, found {}", expected, DescribeJson(value)));
      return;
    }
    switch (shape.kind) {
      case Kind::kAny:
      case Kind::kBool:
      case Kind::kNotModelled:
        return;
      case Kind::kInteger:
        return CheckInteger(value, shape);
      case Kind::kLength:
        return CheckLength(value, shape);
      case Kind::kString:
        if (!HasForm(value.text, shape.form)) {
          diagnostics_.Error(
              ErrorCode::kWrongForm, value,
              fmt::format("expected {}, found {}", NameOf(shape.form), DescribeJson(value)));
        }
        return;
      case Kind::kWord:
        return CheckWord(value, shape);
      case Kind::kArray:
        return CheckArray(value, shape);
      case Kind::kObject:
      case Kind::kOneKey:
        return CheckObject(value, shape);
      case Kind::kMap:
        return CheckMap(value, shape);
      case Kind::kTagged:
        return CheckTagged(value, shape);
      case Kind::kChoice:
        return CheckChoice(value, shape);
    }
  }

 private:
  void CheckInteger(const JsonValue& value, const Shape& shape) {
    const bool is_whole = value.is(JsonKind::kInteger);
    // A number that does not fit has its digits only; one with a fraction is of the wrong type.
    const bool is_large = !is_whole && value.text.find_first_of(".eE") == std::string::npos;
    if (!is_whole && !is_large) {
      diagnostics_.Error(
          ErrorCode::kWrongType, value,
          fmt::format("expected {}, found {}", RangeText(shape), DescribeJson(value)));
    } else if (is_large || value.integer < shape.min || value.integer > shape.max) {
      diagnostics_.Error(
          ErrorCode::kOutOfRange, value,
          fmt::format("expected {}, found {}", RangeText(shape), DescribeJson(value)));
    }
  }

  void CheckLength(const JsonValue& value, const Shape& shape) {
    if (!value.is(JsonKind::kString)) return CheckInteger(value, shape);
    if (IsLengthText(value.text)) return;
    if (std::find(shape.words.begin(), shape.words.end(), value.text) != shape.words.end()) return;
    diagnostics_.Error(ErrorCode::kWrongForm, value,
                       fmt::format("expected {}, found {}", Expected(shape), DescribeJson(value)),
                       DidYouMean(value.text, shape.words));
  }

  void CheckWord(const JsonValue& value, const Shape& shape) {
    if (std::find(shape.words.begin(), shape.words.end(), value.text) != shape.words.end()) return;
    diagnostics_.Error(ErrorCode::kUnknownWord, value,
                       fmt::format("expected {}, found {}", Expected(shape), DescribeJson(value)),
                       DidYouMean(value.text, shape.words));
  }

  void CheckArray(const JsonValue& value, const Shape& shape) {
    const auto count = static_cast<int64_t>(value.items.size());
    if (count < shape.min || count > shape.max) {
      diagnostics_.Error(
          ErrorCode::kWrongCount, value,
          count < shape.min ? fmt::format("expected at least {} items, found {}", shape.min, count)
                            : fmt::format("expected at most {} items, found {}", shape.max, count));
    }
    for (const JsonValue& item : value.items) Check(item, *shape.item);
  }

  // Reports repeated keys.
  void CheckRepeated(const JsonValue& value) {
    std::set<std::string_view> seen;
    for (const JsonMember& member : value.members) {
      if (IsNote(member.key) || seen.insert(member.key).second) continue;
      diagnostics_.ErrorAtKey(
          ErrorCode::kRepeatedKey, member,
          fmt::format("the key {} stands here a second time", QuoteJson(member.key)));
    }
  }

  void ReportUnknownKey(const JsonMember& member, const std::vector<KeyShape>& keys) {
    std::vector<std::string> known;
    for (const KeyShape& key : keys) known.push_back(key.key);
    std::string hint = DidYouMean(member.key, known);
    if (hint.empty()) {
      hint = known.empty() ? "no keys are known here" : "known here: " + ListWords(known);
    }
    diagnostics_.ErrorAtKey(ErrorCode::kUnknownKey, member,
                            fmt::format("unknown key {}", QuoteJson(member.key)), std::move(hint));
  }

  void CheckObject(const JsonValue& value, const Shape& shape) {
    CheckRepeated(value);
    int num_known = 0;
    bool has_unknown = false;
    for (const JsonMember& member : value.members) {
      if (IsNote(member.key)) continue;
      const KeyShape* key = shape.FindKey(member.key);
      if (key != nullptr) {
        ++num_known;
        if (key->shape->kind == Kind::kNotModelled) {
          diagnostics_.ErrorAtKey(
              ErrorCode::kNotModelledKey, member,
              fmt::format("{} is not modelled in this version", QuoteJson(member.key)));
        }
        Check(member.value, *key->shape);
      } else if (shape.item != nullptr) {
        Check(member.value, *shape.item);
      } else {
        has_unknown = true;
        ReportUnknownKey(member, shape.keys);
      }
    }
    if (shape.kind == Kind::kOneKey) {
      if (num_known > 1 || (num_known == 0 && !has_unknown)) {
        diagnostics_.Error(ErrorCode::kWrongCount, value,
                           fmt::format("expected an object with one key, found {}", num_known));
      }
      return;
    }
    for (const KeyShape& key : shape.keys) {
      if (!key.required || value.Find(key.key) != nullptr) continue;
      diagnostics_.Error(ErrorCode::kMissingKey, value,
                         fmt::format("the key \"{}\" is missing", key.key));
    }
    for (const KeyGroup& group : shape.groups) CheckGroup(value, group);
  }

  void CheckGroup(const JsonValue& value, const KeyGroup& group) {
    const auto count = std::count_if(group.keys.begin(), group.keys.end(),
                                     [&](const auto& key) { return value.Find(key) != nullptr; });
    if (count < group.min) {
      diagnostics_.Error(ErrorCode::kMissingKey, value,
                         fmt::format("one of the keys {} is missing", ListWords(group.keys)));
    } else if (count > group.max) {
      diagnostics_.Error(
          ErrorCode::kWrongCount, value,
          fmt::format("only one of the keys {} may be there", ListWords(group.keys)));
    }
  }

  void CheckMap(const JsonValue& value, const Shape& shape) {
    CheckRepeated(value);
    for (const JsonMember& member : value.members) {
      if (IsNote(member.key)) continue;
      if (!HasForm(member.key, shape.form)) {
        diagnostics_.ErrorAtKey(
            ErrorCode::kWrongForm, member,
            fmt::format("expected {} as key, found {}", NameOf(shape.form), QuoteJson(member.key)));
      }
      Check(member.value, *shape.item);
    }
  }

  void CheckTagged(const JsonValue& value, const Shape& shape) {
    const JsonValue* tag = value.Find(shape.tag);
    if (tag == nullptr && shape.default_tag.empty()) {
      diagnostics_.Error(ErrorCode::kMissingKey, value,
                         fmt::format("the key \"{}\" is missing", shape.tag));
      return;
    }
    std::string_view name = shape.default_tag;
    if (tag != nullptr) {
      if (!tag->is(JsonKind::kString)) {
        diagnostics_.Error(
            ErrorCode::kWrongType, *tag,
            fmt::format("expected {}, found {}", ListWords(shape.words), DescribeJson(*tag)));
        return;
      }
      name = tag->text;
    }
    const auto found = std::find(shape.words.begin(), shape.words.end(), name);
    if (found == shape.words.end()) {
      const JsonValue& place = tag != nullptr ? *tag : value;
      diagnostics_.Error(
          ErrorCode::kUnknownWord, place,
          fmt::format("expected {}, found {}",
                      shape.words.empty() ? "nothing: there are none" : ListWords(shape.words),
                      QuoteJson(name)),
          DidYouMean(name, shape.words));
      return;
    }
    Check(value, *shape.choices[static_cast<std::size_t>(found - shape.words.begin())]);
  }

  void CheckChoice(const JsonValue& value, const Shape& shape) {
    for (const Shape* choice : shape.choices) {
      if (choice->Takes(value.kind)) return Check(value, *choice);
    }
  }

  Diagnostics& diagnostics_;
};

}  // namespace

bool HasForm(std::string_view text, TextForm form) {
  switch (form) {
    case TextForm::kFree:
      return true;
    case TextForm::kName:
      return IsName(text);
    case TextForm::kCpuList:
      return IsCpuList(text);
    case TextForm::kCpuNumber:
      return TakeNumber(text) && text.empty();
  }
  return false;
}

std::string_view PatternOf(TextForm form) {
  switch (form) {
    case TextForm::kFree:
      return "";
    case TextForm::kName:
      return "^[A-Za-z0-9_][A-Za-z0-9_.:+@#~-]{0,63}$";
    case TextForm::kCpuList:
      return "^[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*$";
    case TextForm::kCpuNumber:
      return "^[0-9]{1,4}$";
  }
  return "";
}

std::string_view NameOf(TextForm form) {
  switch (form) {
    case TextForm::kFree:
      return "a string";
    case TextForm::kName:
      return "a name (letters, digits and _ . : + @ # ~ -, at most 64)";
    case TextForm::kCpuList:
      return "a list of CPUs such as \"0-3,6\"";
    case TextForm::kCpuNumber:
      return "the number of a CPU";
  }
  return "";
}

bool IsNote(std::string_view key) { return key.starts_with("x-") || key.starts_with("//"); }

const KeyShape* Shape::FindKey(std::string_view key) const {
  for (const KeyShape& known : keys) {
    if (known.key == key) return &known;
  }
  return nullptr;
}

bool Shape::Takes(JsonValue::Kind json) const {
  const bool is_number = json == JsonKind::kInteger || json == JsonKind::kNumber;
  switch (kind) {
    case Kind::kAny:
    case Kind::kNotModelled:
      return true;
    case Kind::kBool:
      return json == JsonKind::kBool;
    case Kind::kInteger:
      return is_number;
    case Kind::kLength:
      return is_number || json == JsonKind::kString;
    case Kind::kString:
    case Kind::kWord:
      return json == JsonKind::kString;
    case Kind::kArray:
      return json == JsonKind::kArray;
    case Kind::kObject:
    case Kind::kMap:
    case Kind::kOneKey:
    case Kind::kTagged:
      return json == JsonKind::kObject;
    case Kind::kChoice:
      return std::any_of(choices.begin(), choices.end(),
                         [json](const Shape* choice) { return choice->Takes(json); });
  }
  return false;
}

const Shape* ShapeBook::Integer(int64_t min, int64_t max) {
  Shape& shape = New(Kind::kInteger);
  shape.min = min;
  shape.max = max;
  return &shape;
}

const Shape* ShapeBook::Length(int64_t min, std::vector<std::string> words) {
  Shape& shape = New(Kind::kLength);
  shape.min = min;
  shape.max = kCyclesMax.count();
  shape.words = std::move(words);
  return &shape;
}

const Shape* ShapeBook::String(TextForm form) {
  Shape& shape = New(Kind::kString);
  shape.form = form;
  return &shape;
}

const Shape* ShapeBook::Word(std::vector<std::string> words) {
  Shape& shape = New(Kind::kWord);
  shape.words = std::move(words);
  return &shape;
}

const Shape* ShapeBook::Array(const Shape* item, int64_t min, int64_t max) {
  Shape& shape = New(Kind::kArray);
  shape.item = item;
  shape.min = min;
  shape.max = max;
  return &shape;
}

Shape* ShapeBook::Object(std::vector<KeyShape> keys, std::vector<KeyGroup> groups) {
  Shape& shape = New(Kind::kObject);
  shape.keys = std::move(keys);
  shape.groups = std::move(groups);
  return &shape;
}

const Shape* ShapeBook::Map(TextForm form, const Shape* item) {
  Shape& shape = New(Kind::kMap);
  shape.form = form;
  shape.item = item;
  return &shape;
}

const Shape* ShapeBook::Choice(std::vector<const Shape*> choices) {
  Shape& shape = New(Kind::kChoice);
  shape.choices = std::move(choices);
  return &shape;
}

void CheckShape(const JsonValue& value, const Shape& shape, Diagnostics& diagnostics) {
  Checker(diagnostics).Check(value, shape);
}

}  // namespace rqsim
