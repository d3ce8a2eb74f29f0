#include "rqsim/trace_event.h"

#include <string>

#include "sim/views/event_table.h"
#include "sim/views/event_text.h"
#include "support/catch.h"
#include "support/events.h"

namespace rqsim {
namespace {

std::string TextOf(const EventFeed& run, TraceEvent event, int64_t t, uint64_t cpu) {
  event.t = Time(t);
  event.cpu_bits = cpu & 0xfff;
  std::string text;
  AppendEventText(run, event, text);
  return text;
}

TEST_CASE("Every fixed kind has a name, a summary and fields that its record has room for",
          "[views][trace_event]") {
  REQUIRE(EventTable().size() == static_cast<std::size_t>(EventKind::kCount));
  for (const EventRow& row : EventTable()) {
    CAPTURE(row.name);
    CHECK(EventName(row.kind) == row.name);
    CHECK_FALSE(row.summary.empty());
    CHECK_FALSE(row.fields.empty());
    for (const EventField& field : row.fields) {
      CHECK(field.offset + field.size <= sizeof(TraceEvent::a));
    }
  }
  CHECK(EventName(static_cast<EventKind>(kFirstPolicyEvent)).empty());
}

TEST_CASE("Fields come in the kernel's order with their values", "[views][trace_event]") {
  SchedSwitch payload;
  payload.prev_pid = TaskId(2);
  payload.next_pid = TaskId(1);
  payload.prev_prio = 89;
  payload.next_prio = -1;
  payload.prev_state = StateCode{'R', 1};
  payload.donor = TaskId(3);
  FieldValue fields[kMaxEventFields];
  REQUIRE(FieldsOf(TraceEvent::Of(payload), fields) == 8);
  CHECK(fields[0].name == "prev_pid");
  CHECK(fields[0].value == 2);
  CHECK(fields[1].value == 89);
  CHECK(fields[2].name == "prev_state");
  CHECK(fields[2].value == 'R' + 256);
  CHECK(fields[3].name == "next_pid");
  CHECK(fields[3].value == 1);
  CHECK(fields[4].value == -1);
  CHECK(fields[5].name == "donor");
  CHECK(fields[5].value == 3);
}

TEST_CASE("64-bit and 16-bit fields keep their sign and size", "[views][trace_event]") {
  OpEnd end;
  end.result = -35;
  end.pid = TaskId(1);
  FieldValue fields[kMaxEventFields];
  REQUIRE(FieldsOf(TraceEvent::Of(end), fields) == 5);
  CHECK(fields[4].name == "result");
  CHECK(fields[4].value == -35);

  MutexWait wait;
  wait.lock = LockId(0);
  wait.pid = TaskId(1);
  wait.queue = MutexQueue::kOsq;
  wait.position = -1;
  REQUIRE(FieldsOf(TraceEvent::Of(wait), fields) == 5);
  CHECK(fields[2].value == 1);
  CHECK(fields[3].value == 0);
  CHECK(fields[4].value == -1);
}

TEST_CASE("An event as text names tasks and locks", "[views][event_text]") {
  const EventFeed run({.cpus = 2, .tasks = {"L", "H"}, .locks = {"A"}});
  SchedSwitch payload;
  payload.prev_pid = TaskId(2);
  payload.next_pid = kIdleTask;
  payload.prev_prio = 89;
  payload.next_prio = 120;
  payload.prev_state.letter = 'D';
  payload.voluntary = 1;
  payload.donor = kIdleTask;
  CHECK(TextOf(run, TraceEvent::Of(payload), 3, 0) ==
        "3 0 sched_switch prev_comm=H prev_pid=2 prev_prio=89 prev_state=D next_comm=idle "
        "next_pid=0 next_prio=120 voluntary=1");
  payload.donor = TaskId(2);
  payload.kept_queued = 1;
  CHECK(TextOf(run, TraceEvent::Of(payload), 3, 1) ==
        "3 1 sched_switch prev_comm=H prev_pid=2 prev_prio=89 prev_state=D next_comm=idle "
        "next_pid=0 next_prio=120 donor=H voluntary=1 kept_queued=1");

  MutexWord word;
  word.lock = LockId(0);
  word.flags = 1;
  CHECK(TextOf(run, TraceEvent::Of(word), 7, TraceEvent::kNoCpu) ==
        "7 - mutex_word lock=A owner=none flags=1");
}

TEST_CASE("Events of policies are named by their declaration", "[views][event_text]") {
  static constexpr EventFieldInfo kFields[] = {{"cycles", FieldKind::kCycles},
                                               {"server", FieldKind::kTask},
                                               {"pid", FieldKind::kTask},
                                               {"reason", FieldKind::kInteger}};
  static constexpr EventInfo kEvents[] = {{"toy_first", {}, "nothing"},
                                          {"toy_block", kFields, "a worker blocks"}};
  PolicyInfo toy;
  toy.events = kEvents;
  const EventFeed run({.tasks = {"W", "S"}, .policies = {&toy}});

  TraceEvent event{};
  event.kind_bits = kFirstPolicyEvent + 1;
  PolicyEventPayload payload;
  payload.wide[0] = int64_t{1} << 40;
  payload.wide[1] = 2;
  payload.narrow[0] = 1;
  payload.narrow[1] = -4;
  std::memcpy(event.a, &payload, sizeof(payload));
  CHECK(TextOf(run, event, 5, 0) ==
        "5 0 toy_block cycles=1099511627776 server=S comm=W pid=1 reason=-4");
  CHECK(EventNameIn(run, static_cast<EventKind>(kFirstPolicyEvent + 2)).empty());
}

}  // namespace
}  // namespace rqsim
