// JSON as a tree that remembers where everything stands: keys and values with line and column,
// members in the order of the file, repeated keys kept. Comments are allowed. Used for scenarios
// and for rt-app files.
//
//   JsonDocument document = ParseJson(text);
//   if (document.error) ... document.error->pos, document.error->message
//   for (const JsonMember& member : document.root.members) ...
//
// Never throws and never recurses over the input: nesting, size and number of values are bounded.
#ifndef RQSIM_SIM_SCENARIO_JSON_TREE_H_
#define RQSIM_SIM_SCENARIO_JSON_TREE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rqsim/limits.h"
#include "rqsim/scenario.h"

namespace rqsim {

// Four levels for each nested loop of a program (the array, the operation, its value, the array
// below), and some for what is around.
inline constexpr int kMaxJsonDepth = 4 * kMaxProgramDepth + 32;
inline constexpr std::size_t kMaxJsonValues = std::size_t{4} << 20;

struct JsonMember;

struct JsonValue {
  enum class Kind : uint8_t {
    kNull,
    kBool,
    kInteger,  // a whole number that fits; 1.0 and 1e3 are whole numbers too
    kNumber,   // any other number: `text` is what the file says
    kString,
    kArray,
    kObject,
  };
  Kind kind = Kind::kNull;
  bool boolean = false;
  int64_t integer = 0;
  std::string text;  // string: its value; kNumber: as written
  SourcePos pos;
  std::size_t begin = 0;  // offsets in the text: [begin, end)
  std::size_t end = 0;
  std::vector<JsonValue> items;     // array
  std::vector<JsonMember> members;  // object

  bool is(Kind k) const { return kind == k; }
  // The value of the first member of that key; null if there is none, or this is no object.
  const JsonValue* Find(std::string_view key) const;
};

struct JsonMember {
  std::string key;
  SourcePos key_pos;
  std::size_t key_begin = 0;
  JsonValue value;
};

struct JsonError {
  enum class Kind : uint8_t { kSyntax, kNulByte, kTooDeep, kTooLarge };
  Kind kind = Kind::kSyntax;
  SourcePos pos;
  std::string message;
};

// `root` counts unless there is an error.
struct JsonDocument {
  JsonValue root;
  std::optional<JsonError> error;
};

JsonDocument ParseJson(std::string_view text);

// "an object", "the string \"abc\"", "the number 1.5": how a message names a value.
std::string DescribeJson(const JsonValue& value);

// The path of the innermost value or key at `offset`: `tasks[2].ops[0].lock`; "" for the root.
std::string JsonPath(const JsonValue& root, std::size_t offset);

// Where character `index` of a string value stands in the file; escapes are accounted for.
SourcePos PosInJsonString(std::string_view text, const JsonValue& value, std::size_t index);

// `text` as a JSON string, with quotes.
std::string QuoteJson(std::string_view text);

}  // namespace rqsim

#endif  // RQSIM_SIM_SCENARIO_JSON_TREE_H_
