#include "sim/views/event_pattern.h"

#include "support/catch.h"

namespace rqsim {
namespace {

constexpr const char* kLine =
    "3 0 sched_switch prev_comm=H prev_pid=2 prev_state=D next_comm=idle next_pid=0";

TEST_CASE("A pattern matches a line that has all its words", "[views][events]") {
  CHECK(EventPattern("sched_switch").Matches(kLine));
  CHECK(EventPattern("3 sched_switch").Matches(kLine));
  CHECK(EventPattern("3 0 sched_switch prev_comm=H next_comm=idle").Matches(kLine));
  CHECK(EventPattern("sched_switch next_comm=idle prev_comm=H").Matches(kLine));
}

TEST_CASE("A pattern asks for whole words, at its place and its instant", "[views][events]") {
  CHECK_FALSE(EventPattern("sched_switch prev_comm=Hb").Matches(kLine));
  CHECK_FALSE(EventPattern("sched_switch next_comm=idl").Matches(kLine));
  CHECK_FALSE(EventPattern("4 0 sched_switch").Matches(kLine));
  CHECK_FALSE(EventPattern("3 1 sched_switch").Matches(kLine));
  CHECK_FALSE(EventPattern("3 - sched_switch").Matches(kLine));
  CHECK_FALSE(EventPattern("sched_wakeup").Matches(kLine));
  // The number 0 is a CPU here, not any word of the line.
  CHECK_FALSE(EventPattern("0 3 sched_switch").Matches(kLine));
}

TEST_CASE("Near misses are events of the same name", "[views][events]") {
  CHECK(EventPattern("9 1 sched_switch next_comm=X").SameName(kLine));
  CHECK_FALSE(EventPattern("3 0 sched_wakeup").SameName(kLine));
}

}  // namespace
}  // namespace rqsim
