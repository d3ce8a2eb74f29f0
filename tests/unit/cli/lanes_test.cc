#include "cli/lanes.h"

#include "support/catch.h"

namespace rqsim {
namespace {

ExpectCell Cell(int64_t start, int64_t end, const char* curr, const char* donor = "") {
  ExpectCell cell;
  cell.start = Time(start);
  cell.end = Time(end);
  cell.curr = curr;
  cell.donor = donor;
  return cell;
}

TEST_CASE("Few cycles get several columns each", "[cli][lanes]") {
  // 4 cycles in at most 10 columns: 2 columns for each.
  const Scale scale(Time(0), Time(4), 10);
  CHECK(scale.columns() == 8);
  Letters letters;
  CHECK(DrawLane({Cell(0, 1, "L"), Cell(1, 3, "-"), Cell(3, 4, "H")}, scale, letters) ==
        "LL....HH");
  CHECK(scale.Unit(1'000'000'000) == "2 columns are 1 cycle");
}

TEST_CASE("A column of many cycles shows what ran most of them", "[cli][lanes]") {
  // 10 cycles a column: L 6 and H 4 of the first, H 10 of the second, 5 and 5 of the third.
  const Scale scale(Time(0), Time(30), 3);
  Letters letters;
  CHECK(DrawLane({Cell(0, 6, "L"), Cell(6, 25, "H"), Cell(25, 30, "L")}, scale, letters) == "LHH");
}

TEST_CASE("A lane that ends is blank from there on", "[cli][lanes]") {
  const Scale scale(Time(2), Time(6), 4);
  Letters letters;
  CHECK(DrawLane({Cell(0, 4, "L")}, scale, letters) == "LL  ");
}

TEST_CASE("Every column that a difference touches is marked", "[cli][lanes]") {
  const Scale scale(Time(0), Time(30), 3);
  CHECK(DrawMarks({{Time(9), Time(11)}}, scale) == "^^ ");
  CHECK(DrawMarks({{Time(40), Time(41)}}, scale).empty());
}

TEST_CASE("Letters come from the names, each once", "[cli][lanes]") {
  Letters letters;
  letters.Prefer({"bc_sched", "bc_dist", "comm", "asi_met", "bd"});
  // bc_sched b then s; bc_dist d, since b is taken; bd has neither b nor d left: the first free.
  CHECK(letters.Of(Cell(0, 1, "bc_sched")) == 'B');
  CHECK(letters.Of(Cell(0, 1, "bc_dist")) == 'D');
  CHECK(letters.Of(Cell(0, 1, "comm")) == 'C');
  CHECK(letters.Of(Cell(0, 1, "asi_met")) == 'A');
  CHECK(letters.Of(Cell(0, 1, "bd")) == 'E');
}

TEST_CASE("A task on behalf of another has a small letter, as the legend says", "[cli][lanes]") {
  Letters letters;
  CHECK(letters.Of(Cell(0, 1, "low", "high")) == 'a');
  CHECK(letters.Of(Cell(0, 1, "low", "low")) == 'L');
  CHECK(letters.Of(Cell(0, 1, "H")) == 'H');
  CHECK(letters.Of(Cell(0, 1, "-")) == '.');
  CHECK(letters.Legend(80) ==
        std::vector<std::string>{"L low  H  a low on behalf of high  . idle"});
  CHECK(letters.Legend(20).size() == 3);
}

TEST_CASE("The ruler labels round instants where they are", "[cli][lanes]") {
  // 90 cycles in 45 columns: steps of 50 are at least 12 columns apart.
  const Scale scale(Time(10), Time(100), 45);
  const auto [labels, ticks] = scale.Ruler(1'000'000'000);
  CHECK(ticks.find('|') == 20);
  CHECK(labels.substr(20, 2) == "50");
}

}  // namespace
}  // namespace rqsim
