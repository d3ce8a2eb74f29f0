#include "sim/views/timeline.h"

#include <string>
#include <vector>

#include "support/catch.h"
#include "support/events.h"

namespace rqsim {
namespace {

const std::vector<std::string> kNames = {"idle", "L", "H"};

std::string Lane(const std::vector<TimelineCell>& cells, int cpu) {
  return CellsText(CellsOf(cells, CpuId(cpu)), kNames);
}

TEST_CASE("A cell runs from its switch to the next and the last one to the end of the run",
          "[views][timeline]") {
  EventFeed feed({.cpus = 2, .tasks = {"L", "H"}});
  Timeline timeline;
  feed.To(timeline);
  feed.Switch(0, 0, "idle", 'R', "L");
  feed.Switch(1, 1, "idle", 'R', "H");
  feed.Switch(4, 1, "H", 'S', "idle");
  feed.Switch(6, 0, "L", 'X', "idle");
  feed.End(9);
  CHECK(Lane(timeline.cells(), 0) == "[0,6)L [6,9)-");
  CHECK(Lane(timeline.cells(), 1) == "[0,1)- [1,4)H [4,9)-");
}

TEST_CASE("Cells of no length are left out and equal neighbours are one", "[views][timeline]") {
  EventFeed feed({.cpus = 1, .tasks = {"L", "H"}});
  Timeline timeline;
  feed.To(timeline);
  feed.Switch(0, 0, "idle", 'R', "L");
  feed.Switch(3, 0, "L", 'R', "H");
  feed.Switch(3, 0, "H", 'S', "L");
  feed.End(5);
  CHECK(Lane(timeline.cells(), 0) == "[0,5)L");
}

TEST_CASE("A change of donor begins a cell although nothing is switched", "[views][timeline]") {
  EventFeed feed({.cpus = 1, .tasks = {"L", "H"}});
  Timeline timeline;
  feed.To(timeline);
  feed.Switch(0, 0, "idle", 'R', "L");
  ProxyDonor change;
  change.curr = feed.Task("L");
  change.donor = feed.Task("H");
  feed.At(2, 0, change);
  feed.Switch(6, 0, "L", 'R', "H");
  feed.End(8);
  CHECK(Lane(timeline.cells(), 0) == "[0,2)L [2,6)L/H [6,8)H");
}

TEST_CASE("Offline stretches are cells of their own", "[views][timeline]") {
  EventFeed feed({.cpus = 2, .tasks = {"L", "H"}});
  Timeline timeline;
  feed.To(timeline);
  feed.Spent(0, 4, 1, SegmentKind::kOffline, kIdleTask, kIdleTask, 0);
  feed.Switch(5, 1, "idle", 'R', "H");
  feed.Switch(6, 1, "H", 'S', "idle");
  feed.Spent(7, 9, 1, SegmentKind::kOffline, kIdleTask, kIdleTask, 0);
  feed.End(9);
  CHECK(Lane(timeline.cells(), 0) == "[0,9)-");
  CHECK(Lane(timeline.cells(), 1) == "[0,4)off [4,5)- [5,6)H [6,7)- [7,9)off");
}

TEST_CASE("The lanes work and user leave overhead out", "[views][timeline]") {
  EventFeed feed({.cpus = 1, .tasks = {"L", "H"}});
  Timeline timeline;
  feed.To(timeline);
  const TaskId l = feed.Task("L");
  feed.Switch(0, 0, "idle", 'R', "L");
  feed.Spent(0, 2, 0, SegmentKind::kOverheadFirst, l, l, 0);
  feed.Spent(2, 5, 0, SegmentKind::kUser, l, l, 1);
  feed.Spent(5, 6, 0, SegmentKind::kUser, l, l, 1);
  feed.Spent(6, 7, 0, SegmentKind::kKernel, l, l, 1);
  feed.Spent(7, 8, 0, SegmentKind::kKernel, l, l, 0);
  feed.End(8);
  CHECK(Lane(timeline.cells(), 0) == "[0,8)L");
  CHECK(Lane(timeline.work(), 0) == "[2,7)L");
  CHECK(Lane(timeline.user(), 0) == "[2,6)L");
}

}  // namespace
}  // namespace rqsim
