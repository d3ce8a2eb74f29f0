// One event as a line of text: what `expect` matches, `diff` prints and a reader of a trace greps.
//
//   3 0 sched_switch prev_comm=H prev_pid=2 prev_prio=89 prev_state=D next_comm=idle next_pid=0
//   next_prio=120 voluntary=1 5 1 mutex_handoff lock=A comm=L pid=1 to=H reason=0 │ │ └ kind, then
//   its fields in the kernel's order, name=value │ └ CPU, `-` if it happened on none └ cycles since
//   the start of the run
//
// A task is printed by name; where the kernel has comm and pid, both are. `none` is an absent task,
// lock or CPU. The donor of a switch is left out when it is the next task, `kept_queued` when it is
// 0.
#ifndef RQSIM_SIM_VIEWS_EVENT_TEXT_H_
#define RQSIM_SIM_VIEWS_EVENT_TEXT_H_

#include <string>
#include <string_view>

#include "rqsim/listener.h"
#include "rqsim/policy.h"
#include "rqsim/trace_event.h"

namespace rqsim {

// The name of any kind of this run, also of a policy's declared events; "" for kinds that it does
// not have.
std::string_view EventNameIn(const RunInfo& info, EventKind kind);

// The fields of any event of this run, at most kMaxEventFields; returns how many.
int FieldsIn(const RunInfo& info, const TraceEvent& event, FieldValue out[kMaxEventFields]);

// A task's name; "none" for an invalid id.
std::string_view NameOrNone(const RunInfo& info, TaskId task);

// Appends a StateCode as sched_switch prints it: "R", "R+", "D" …
void AppendState(int64_t state, std::string& out);

// Appends the line, without a newline.
void AppendEventText(const RunInfo& info, const TraceEvent& event, std::string& out);

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_EVENT_TEXT_H_
