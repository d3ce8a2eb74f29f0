#include "sim/expect/lanes.h"

#include "rqsim/expect.h"
#include "support/catch.h"
#include "support/events.h"

namespace rqsim {
namespace {

ExpectCell Cell(int64_t start, int64_t end, const char* curr, const char* donor = "") {
  ExpectCell cell;
  cell.start = Time(start);
  cell.end = end < 0 ? kNever : Time(end);
  cell.curr = curr;
  cell.donor = donor;
  return cell;
}

TimelineCell Actual(int64_t start, int64_t end, int task, int donor) {
  TimelineCell cell;
  cell.cpu = CpuId(0);
  cell.start = Time(start);
  cell.end = Time(end);
  cell.kind = task == 0 ? TimelineCell::Kind::kIdle : TimelineCell::Kind::kTask;
  cell.curr = TaskId(task);
  cell.donor = TaskId(donor);
  return cell;
}

TEST_CASE("Cells are written as the documents write them", "[expect][lanes]") {
  CHECK(CellsText({Cell(0, 3, "H"), Cell(3, 6, "-"), Cell(6, 8, "L", "H"),
                   Cell(8, -1, "M", "M")}) == "[0,3)H [3,6)- [6,8)L/H [8,M");
}

TEST_CASE("Equal neighbours merge and cells of length zero vanish", "[expect][lanes]") {
  const auto cells = Normalized({Cell(0, 2, "L"), Cell(2, 2, "M"), Cell(2, 3, "L", "L"),
                                 Cell(3, 5, "L", "H"), Cell(6, 7, "L", "H")});
  CHECK(CellsText(cells) == "[0,3)L [3,5)L/H [6,7)L/H");
}

TEST_CASE("A timeline is read one CPU at a time, tasks by name", "[expect][lanes]") {
  Result result;
  result.task_names = {"idle", "L", "H"};
  result.timeline = {Actual(0, 2, 1, 1), Actual(2, 4, 1, 2), Actual(4, 5, 0, 0)};
  result.timeline.push_back(Actual(0, 5, 2, 2));
  result.timeline.back().cpu = CpuId(1);
  CHECK(CellsText(TimelineOf(result, CpuId(0))) == "[0,2)L [2,4)L/H [4,5)-");
  CHECK(CellsText(TimelineOf(result, CpuId(1))) == "[0,5)H");
  CHECK(CellsText(TimelineOf(result, CpuId(2))) == "nothing");
}

TEST_CASE("Equal lanes do not differ, an open end is the end of the run", "[expect][lanes]") {
  const auto actual = Normalized({Cell(0, 3, "A"), Cell(3, 9, "B")});
  CHECK_FALSE(FirstDifference(actual, actual, Time(9)));
  CHECK_FALSE(FirstDifference(Normalized({Cell(0, 3, "A"), Cell(3, -1, "B")}), actual, Time(9)));
  CHECK(FirstDifference(Normalized({Cell(0, 3, "A"), Cell(3, -1, "B")}), actual, Time(10)));
}

TEST_CASE("The first differing cell is found with the instant where it differs",
          "[expect][lanes]") {
  const auto actual = Normalized({Cell(0, 3, "A"), Cell(3, 9, "B")});
  SECTION("another end") {
    const auto found =
        FirstDifference(Normalized({Cell(0, 4, "A"), Cell(4, 9, "B")}), actual, Time(9));
    REQUIRE(found);
    CHECK(found->index == 0);
    CHECK(found->at == Time(3));
  }
  SECTION("another task") {
    const auto found =
        FirstDifference(Normalized({Cell(0, 3, "A"), Cell(3, 9, "C")}), actual, Time(9));
    REQUIRE(found);
    CHECK(found->index == 1);
    CHECK(found->at == Time(3));
  }
  SECTION("a donor where there was none") {
    const auto found =
        FirstDifference(Normalized({Cell(0, 3, "A"), Cell(3, 9, "B", "C")}), actual, Time(9));
    REQUIRE(found);
    CHECK(found->index == 1);
  }
  SECTION("a cell too few") {
    const auto found = FirstDifference(Normalized({Cell(0, 3, "A")}), actual, Time(9));
    REQUIRE(found);
    CHECK(found->index == 1);
    CHECK_FALSE(found->expected);
  }
}

// The L/H stretch is kernel work on H's behalf; the overhead between and the spinner's idle do not
// make progress. Neighbours merge although the machine reported them in two.
TEST_CASE("Work is what made progress, user work what was in user mode", "[expect][lanes]") {
  FakeRun fake;
  fake.tasks = {"L", "H"};
  EventFeed feed(fake);
  Recording recording(EventMask::All());
  feed.To(recording);
  const TaskId l = feed.Task("L");
  const TaskId h = feed.Task("H");
  feed.Spent(0, 1, 0, SegmentKind::kOverheadFirst, l, l, 0);
  feed.Spent(1, 3, 0, SegmentKind::kUser, l, l, 1);
  feed.Spent(3, 4, 0, SegmentKind::kUser, l, l, 1);
  feed.Spent(4, 6, 0, SegmentKind::kKernel, l, h, 1);
  feed.Spent(6, 8, 0, SegmentKind::kIdle, kIdleTask, kIdleTask, 0);
  feed.Spent(0, 8, 1, SegmentKind::kUser, h, h, 1);
  feed.End(8);
  CHECK(CellsText(WorkOf(recording, CpuId(0), false)) == "[1,4)L [4,6)L/H");
  CHECK(CellsText(WorkOf(recording, CpuId(0), true)) == "[1,4)L");
}

}  // namespace
}  // namespace rqsim
