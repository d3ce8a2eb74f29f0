#include "sim/views/extra_invariants.h"

#include <utility>

#include "support/catch.h"
#include "support/events.h"

namespace rqsim {
namespace {

// One CPU, on which L and H take turns.
struct World {
  EventFeed feed;
  ExtraInvariants extra;

  explicit World(ExtraInvariant spec)
      : feed({.cpus = 1, .tasks = {"L", "H"}, .scenario = With(std::move(spec))}) {
    feed.To(extra);
    feed.Switch(0, 0, "idle", 'R', "L");
    feed.Switch(10, 0, "L", 'R', "H");
    feed.Switch(20, 0, "H", 'S', "L");
    feed.Switch(30, 0, "L", 'R', "H");
    feed.End(40);
  }
  static Scenario With(ExtraInvariant spec) {
    Scenario scenario;
    scenario.check.extra_invariants.push_back(std::move(spec));
    return scenario;
  }
};

ExtraInvariant Never(const char* never, const char* after = "", const char* before = "") {
  ExtraInvariant spec;
  spec.name = "x";
  spec.never = never;
  spec.after = after;
  spec.before = before;
  return spec;
}

ExtraInvariant Comes(const char* after, const char* comes, int64_t within) {
  ExtraInvariant spec;
  spec.name = "x";
  spec.after = after;
  spec.comes = comes;
  spec.within = Cycles(within);
  return spec;
}

TEST_CASE("What must never happen is reported each time it does", "[views][events]") {
  CHECK(World(Never("sched_switch next_comm=H")).feed.reported() == "HP-Rn@10 HP-Rn@30");
  CHECK(World(Never("sched_wakeup")).feed.reported() == "");
}

TEST_CASE("… and only between the events that open and close it", "[views][events]") {
  // Open from 10 on, that event not counted.
  CHECK(World(Never("next_comm=H", "sched_switch next_comm=H")).feed.reported() == "HP-Rn@30");
  // Open from 0 until 20.
  CHECK(World(Never("next_comm=H", "prev_comm=idle", "prev_state=S")).feed.reported() ==
        "HP-Rn@10");
  // Opened at 20, closed at 30 by the event itself.
  CHECK(World(Never("next_comm=H", "prev_state=S", "next_comm=H")).feed.reported() == "");
}

TEST_CASE("What must come is reported when its time is over", "[views][events]") {
  // H comes in 10 cycles each time, L does within 10 after H at 10; the run leaves no more than 10
  // after H at 30.
  CHECK(World(Comes("next_comm=L", "next_comm=H", 10)).feed.reported() == "");
  CHECK(World(Comes("next_comm=L", "next_comm=H", 9)).feed.reported() == "HP-Rn@9 HP-Rn@29");
  CHECK(World(Comes("next_comm=H", "next_comm=L", 10)).feed.reported() == "");
  CHECK(World(Comes("next_comm=H", "next_comm=L", 9)).feed.reported() == "HP-Rn@19 HP-Rn@39");
}

}  // namespace
}  // namespace rqsim
