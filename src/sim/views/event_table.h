// The fixed event kinds as a table: what EventName, FieldsOf, the text of an event and `rqsim list
// events` come from. Fields stand in the order in which the kernel prints them (Linux 7.2
// include/trace/events/*.h).
//
//   sched_switch   prev_pid prev_prio prev_state next_pid next_prio donor …   a task is taken off a
//   CPU, another put on it
//
// A field of kind kTask whose name ends in `pid` stands for two in text, as in the kernel:
// prev_comm and prev_pid.
#ifndef RQSIM_SIM_VIEWS_EVENT_TABLE_H_
#define RQSIM_SIM_VIEWS_EVENT_TABLE_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "rqsim/trace_event.h"

namespace rqsim {

// Where a field lies in TraceEvent::a: `size` bytes from `offset`, signed; a StateCode is taken as
// 16 bits without sign.
struct EventField {
  std::string_view name;
  FieldKind kind = FieldKind::kInteger;
  uint8_t offset = 0;
  uint8_t size = 0;
};

struct EventRow {
  EventKind kind;
  std::string_view name;
  bool in_kernel;  // the kernel has this tracepoint; else it is the model's own
  std::span<const EventField> fields;
  std::string_view summary;
};

// In EventKind order, one row per fixed kind.
std::span<const EventRow> EventTable();

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_EVENT_TABLE_H_
