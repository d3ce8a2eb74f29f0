#include "sim/scenario/json_tree.h"

#include <string>

#include "support/catch.h"

namespace rqsim {
namespace {

using Kind = JsonValue::Kind;

TEST_CASE("Keys and values know their line and column", "[scenario][json]") {
  const JsonDocument doc = ParseJson(
      "{\n"
      "  \"a\": 1, // one\n"
      "  /* two */ \"b\" : [true, \"x\",null]\n"
      "}\n");
  REQUIRE_FALSE(doc.error);
  REQUIRE(doc.root.members.size() == 2);
  CHECK(doc.root.pos == SourcePos{1, 1});
  const JsonMember& a = doc.root.members[0];
  CHECK(a.key == "a");
  CHECK(a.key_pos == SourcePos{2, 3});
  CHECK(a.value.pos == SourcePos{2, 8});
  const JsonMember& b = doc.root.members[1];
  CHECK(b.key_pos == SourcePos{3, 13});
  CHECK(b.value.pos == SourcePos{3, 19});
  CHECK(b.value.items[0].pos == SourcePos{3, 20});
  CHECK(b.value.items[1].pos == SourcePos{3, 26});
  CHECK(b.value.items[2].pos == SourcePos{3, 30});
}

TEST_CASE("Repeated keys are kept in the order of the file", "[scenario][json]") {
  const JsonDocument doc = ParseJson(R"({"run": 1, "sleep": 2, "run": 3})");
  REQUIRE(doc.root.members.size() == 3);
  CHECK(doc.root.members[0].value.integer == 1);
  CHECK(doc.root.members[2].key == "run");
  CHECK(doc.root.members[2].value.integer == 3);
  CHECK(doc.root.Find("run")->integer == 1);
  CHECK(doc.root.Find("lock") == nullptr);
}

TEST_CASE("A column is a character, not a byte", "[scenario][json]") {
  const JsonDocument doc = ParseJson("[\"\xc3\xa4\xe2\x86\x92\", 7]");
  CHECK(doc.root.items[1].pos == SourcePos{1, 8});
}

TEST_CASE("A byte order mark has no width", "[scenario][json]") {
  const JsonDocument doc = ParseJson("\xef\xbb\xbf[7]");
  REQUIRE_FALSE(doc.error);
  CHECK(doc.root.items[0].pos == SourcePos{1, 2});
}

TEST_CASE("Whole numbers are integers however they are written", "[scenario][json]") {
  struct Row {
    const char* text;
    int64_t value;
  };
  for (const Row& row :
       {Row{"0", 0}, Row{"-0", 0}, Row{"1.0", 1}, Row{"1e3", 1000}, Row{"1.5e1", 15},
        Row{"100e-2", 1}, Row{"-7", -7}, Row{"9223372036854775807", INT64_MAX},
        Row{"-9223372036854775808", INT64_MIN}, Row{"0e99999999999", 0}}) {
    INFO(row.text);
    const JsonDocument doc = ParseJson(row.text);
    REQUIRE(doc.root.is(Kind::kInteger));
    CHECK(doc.root.integer == row.value);
  }
}

TEST_CASE("Other numbers keep their text", "[scenario][json]") {
  for (const char* text : {"1.5", "9223372036854775808", "-9223372036854775809", "1e19", "1e-1",
                           "18446744073709551616", "1e308"}) {
    INFO(text);
    const JsonDocument doc = ParseJson(text);
    REQUIRE_FALSE(doc.error);
    CHECK(doc.root.is(Kind::kNumber));
    CHECK(doc.root.text == text);
  }
}

TEST_CASE("A syntax error is placed at the wrong token", "[scenario][json]") {
  struct Row {
    const char* text;
    SourcePos pos;
  };
  for (const Row& row :
       {Row{"", {1, 1}}, Row{"{\"a\": 1,\n \"b\" 2}", {2, 6}}, Row{"[1,,2]", {1, 4}},
        Row{"[1,]", {1, 4}}, Row{"{\"a\": 1", {1, 8}}, Row{"[1] x", {1, 5}},
        Row{"{\n\"a\": tru}", {2, 9}}, Row{"[\"a\nb\"]", {1, 4}}, Row{"[1 \"abc\"]", {1, 4}},
        Row{"[\"\xff\"]", {1, 3}}, Row{"/* open", {1, 8}}, Row{"[1e400]", {1, 6}}}) {
    INFO(row.text);
    const JsonDocument doc = ParseJson(row.text);
    REQUIRE(doc.error);
    CHECK(doc.error->kind == JsonError::Kind::kSyntax);
    INFO(doc.error->message);
    CHECK(doc.error->pos.line == row.pos.line);
    CHECK(doc.error->pos.column == row.pos.column);
    CHECK_FALSE(doc.error->message.empty());
  }
}

TEST_CASE("A NUL byte is found wherever it is", "[scenario][json]") {
  const JsonDocument doc = ParseJson(std::string_view("{}\n\0{}", 6));
  REQUIRE(doc.error);
  CHECK(doc.error->kind == JsonError::Kind::kNulByte);
  CHECK(doc.error->pos == SourcePos{2, 1});
}

TEST_CASE("Deep nesting is an error, not a stack overflow", "[scenario][json]") {
  for (const char* open : {"[", "{\"a\":"}) {
    std::string text;
    for (int i = 0; i < 10'000; ++i) text += open;
    const JsonDocument doc = ParseJson(text);
    REQUIRE(doc.error);
    CHECK(doc.error->kind == JsonError::Kind::kTooDeep);
    CHECK(doc.error->pos.line == 1);
  }
  // The limit itself is fine.
  const std::string text = std::string(kMaxJsonDepth, '[') + std::string(kMaxJsonDepth, ']');
  CHECK_FALSE(ParseJson(text).error);
}

TEST_CASE("A path leads to the value at an offset", "[scenario][json]") {
  const std::string text = R"({"tasks": [{"ops": []}, {"ops": [{"lock": "A"}]}]})";
  const JsonDocument doc = ParseJson(text);
  CHECK(JsonPath(doc.root, 0).empty());
  CHECK(JsonPath(doc.root, text.find("\"A\"")) == "tasks[1].ops[0].lock");
  CHECK(JsonPath(doc.root, text.find("\"lock\"")) == "tasks[1].ops[0].lock");
  CHECK(JsonPath(doc.root, text.find("{\"lock\"")) == "tasks[1].ops[0]");
  CHECK(JsonPath(doc.root, text.find("[{\"ops\"")) == "tasks");
}

TEST_CASE("A character of a string is found behind escapes", "[scenario][json]") {
  const std::string text = "[\"a\\n\xc3\xa4\\u2192b\"]";
  const JsonDocument doc = ParseJson(text);
  const JsonValue& value = doc.root.items[0];
  // a, newline, two bytes, three bytes, b.
  REQUIRE(value.text.size() == 8);
  CHECK(PosInJsonString(text, value, 0) == SourcePos{1, 3});
  CHECK(PosInJsonString(text, value, 1) == SourcePos{1, 4});
  CHECK(PosInJsonString(text, value, 2) == SourcePos{1, 6});
  CHECK(PosInJsonString(text, value, 7) == SourcePos{1, 13});
}

TEST_CASE("Values are named as a message needs them", "[scenario][json]") {
  CHECK(DescribeJson(ParseJson("1.5").root) == "the number 1.5");
  CHECK(DescribeJson(ParseJson("\"a\\\"b\"").root) == "the string \"a\\\"b\"");
  CHECK(DescribeJson(ParseJson("[]").root) == "an array");
  CHECK(DescribeJson(ParseJson("\"" + std::string(100, 'x') + "\"").root).size() < 70);
}

TEST_CASE("Bytes that stick to a number are a mistake and no part of it", "[scenario][json]") {
  const JsonDocument doc = ParseJson("[9e\xc3\xc3\xff]");
  CHECK(doc.error);
  const JsonDocument later = ParseJson("[7\xff\xff\xff\xff\xff\xff\xff\xff\xff]");
  REQUIRE(later.error);
  REQUIRE(later.root.items.size() == 1);
  CHECK(later.root.items[0].integer == 7);
  CHECK(ParseJson("[0E0+11111111111111111111111]").error);
}

}  // namespace
}  // namespace rqsim
