#include "sim/scenario/expect_text.h"

#include <set>
#include <string>
#include <vector>

#include "support/catch.h"

namespace rqsim {
namespace {

class Names final : public NameCheck {
 public:
  bool IsTask(std::string_view name) const override {
    return name == "H" || name == "L" || name == "stop/1" || name == "a-0";
  }
};

std::vector<ExpectCell> Cells(std::string_view text, std::vector<TextError>& errors,
                              bool whole = true) {
  return ParseCells(text, whole, Names(), errors);
}

TEST_CASE("Cells name who runs, on whose behalf, and when", "[scenario][expect]") {
  std::vector<TextError> errors;
  const auto cells = Cells("[0,3)H  [3,6) L/H [6,8)- [8,9)stop/1 [9,10)stop/1/a-0 [10,off", errors);
  REQUIRE(errors.empty());
  const std::vector<ExpectCell> expected = {
      {Time(0), Time(3), "H", "H"},         {Time(3), Time(6), "L", "H"},
      {Time(6), Time(8), "-", "-"},         {Time(8), Time(9), "stop/1", "stop/1"},
      {Time(9), Time(10), "stop/1", "a-0"}, {Time(10), kNever, "off", "off"}};
  CHECK(cells == expected);
  CHECK(CanonicalCells(cells) == "[0,3)H [3,6)L/H [6,8)- [8,9)stop/1 [9,10)stop/1/a-0 [10,)off");
  CHECK(Cells(CanonicalCells(cells), errors) == cells);
}

TEST_CASE("Equal neighbours are one cell", "[scenario][expect]") {
  std::vector<TextError> errors;
  const auto cells = Cells("[0,2)H [2,5)H [5,6)H/L [6,7)H/L [7,8)-", errors);
  CHECK(errors.empty());
  CHECK(CanonicalCells(cells) == "[0,5)H [5,7)H/L [7,8)-");
}

TEST_CASE("Work leaves gaps, a timeline does not", "[scenario][expect]") {
  std::vector<TextError> errors;
  CHECK(Cells("[19,29)H [31,32)H", errors, false).size() == 2);
  CHECK(errors.empty());
  Cells("[19,29)H", errors);
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].index == 0);
}

TEST_CASE("A broken cell is told with its place in the string", "[scenario][expect]") {
  struct Row {
    const char* text;
    std::size_t index;
  };
  for (const Row& row :
       {Row{"0,3)H", 0}, Row{"[0,3)H x", 7}, Row{"[x,3)H", 1}, Row{"[0;3)H", 2}, Row{"[0,3]H", 4},
        Row{"[0,3)", 5}, Row{"[0,3)Q", 5}, Row{"[0,3)H/Q", 5}, Row{"[0,3)/H", 5},
        Row{"[0,3)H [3,3)L", 7}, Row{"[0,3)H [2,4)L", 7}, Row{"[0,)H [8,9)L", 6},
        Row{"[0,99999999999999999999)H", 3}, Row{"[9223372036854775807,)H", 1}}) {
    INFO(row.text);
    std::vector<TextError> errors;
    Cells(row.text, errors);
    REQUIRE_FALSE(errors.empty());
    CHECK(errors[0].index == row.index);
  }
}

TEST_CASE("Switches are written with either arrow, or without what ran before",
          "[scenario][expect]") {
  std::vector<TextError> errors;
  const auto switches = ParseSwitches("0 idle\xe2\x86\x92H, 110 H->L,120 a-0", Names(), errors);
  REQUIRE(errors.empty());
  REQUIRE(switches.size() == 3);
  CHECK(switches[0].prev == "idle");
  CHECK(switches[0].next == "H");
  CHECK(switches[1].at == Time(110));
  CHECK(switches[1].prev == "H");
  CHECK(switches[2].prev.empty());
  CHECK(switches[2].next == "a-0");
  CHECK(CanonicalSwitches(switches) == "0 idle\xe2\x86\x92H, 110 H\xe2\x86\x92L, 120 a-0");
}

TEST_CASE("Broken lists name the place and go on", "[scenario][expect]") {
  std::vector<TextError> errors;
  ParseSwitches("x, 1 Q->H, 2 H->, 3 H L", Names(), errors);
  REQUIRE(errors.size() == 4);
  CHECK(errors[0].index == 0);
  CHECK(errors[1].index == 5);
  CHECK(errors[2].index == 16);
  CHECK(errors[3].index == 22);
}

TEST_CASE("A string that is wrong all over is given up", "[scenario][expect]") {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "x,";
  std::vector<TextError> errors;
  ParseSwitches(text, Names(), errors);
  CHECK(errors.size() == 20);
}

TEST_CASE("Acquisitions are instants and tasks", "[scenario][expect]") {
  std::vector<TextError> errors;
  const auto acquired = ParseAcquired("0 L, 6 H", Names(), errors);
  REQUIRE(errors.empty());
  REQUIRE(acquired.size() == 2);
  CHECK(acquired[1].first == Time(6));
  CHECK(acquired[1].second == "H");
  CHECK(CanonicalAcquired(acquired) == "0 L, 6 H");
  CHECK(ParseAcquired("", Names(), errors).empty());
  CHECK(errors.empty());
}

}  // namespace
}  // namespace rqsim
