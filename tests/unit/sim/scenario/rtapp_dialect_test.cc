#include "sim/scenario/rtapp/dialect.h"

#include <string>

#include "support/catch.h"

namespace rqsim::rtapp {
namespace {

std::string Strict(std::string_view text) { return MakeStrict(text).json; }

TEST_CASE("Comments become blanks and lines stay", "[rtapp][dialect]") {
  CHECK(Strict("{ /* a\n b */ \"x\" : 1 // c\n}") == "{     \n      \"x\" : 1     \n}");
}

TEST_CASE("What looks like a comment inside a string is none", "[rtapp][dialect]") {
  CHECK(Strict(R"({"a":"/*x*/ // \" /*"})") == R"({"a":"/*x*/ // \" /*"})");
}

TEST_CASE("A comma before a closing brace or bracket becomes a blank", "[rtapp][dialect]") {
  CHECK(Strict("{\"a\": [1, 2, ], }") == "{\"a\": [1, 2  ]  }");
  CHECK(Strict("{\"a\": 1, /* last */ }") == "{\"a\": 1             }");
}

TEST_CASE("Commas that separate nothing are left for the parser", "[rtapp][dialect]") {
  CHECK(Strict("{,}") == "{,}");
  CHECK(Strict("[1,,]") == "[1,,]");
}

TEST_CASE("A key that stands alone gets a value", "[rtapp][dialect]") {
  CHECK(Strict(R"({"suspend", "run": 1})") == R"({"suspend":null, "run": 1})");
  CHECK(Strict(R"({"run": 1, "suspend" })") == R"({"run": 1, "suspend" :null})");
  CHECK(Strict(R"({"suspend",})") == R"({"suspend":null })");
}

TEST_CASE("Strings of a list and values are no keys that stand alone", "[rtapp][dialect]") {
  CHECK(Strict(R"({"a": ["b", "c"], "d": "e"})") == R"({"a": ["b", "c"], "d": "e"})");
}

TEST_CASE("Offsets after a completed key lead back to the source", "[rtapp][dialect]") {
  //                             0         1         2
  //                             0123456789012345678901234
  const std::string_view text = R"({"a","b","c":1})";
  const StrictText strict = MakeStrict(text);
  CHECK(strict.json == R"({"a":null,"b":null,"c":1})");
  CHECK(strict.SourceOffset(1) == 1);    // "a"
  CHECK(strict.SourceOffset(4) == 4);    // the completion stands where the key ends
  CHECK(strict.SourceOffset(6) == 4);    // all of it
  CHECK(strict.SourceOffset(9) == 4);    // the comma behind it
  CHECK(strict.SourceOffset(10) == 5);   // "b": five characters were put in before it
  CHECK(strict.SourceOffset(19) == 9);   // "c": ten
  CHECK(strict.SourceOffset(23) == 13);  // 1
}

TEST_CASE("A comment without an end is pointed at", "[rtapp][dialect]") {
  const StrictText strict = MakeStrict("{} /* and so on");
  REQUIRE(strict.open_comment);
  CHECK(*strict.open_comment == 3);
}

TEST_CASE("Garbage goes through without harm", "[rtapp][dialect]") {
  for (const char* text :
       {"", "}", "]]]", "{\"", "{\"a\\", "/", "/*", ",", "[}", "{]", "\"\\\"", ":::"}) {
    const StrictText strict = MakeStrict(text);
    CHECK(strict.SourceOffset(strict.json.size()) <= std::string_view(text).size());
  }
}

}  // namespace
}  // namespace rqsim::rtapp
