#include "sim/views/extra_invariants.h"

#include <fmt/format.h>

#include <utility>

#include "sim/views/event_text.h"

namespace rqsim {

void ExtraInvariants::OnStart(const RunInfo& info, ViolationSink& sink) {
  info_ = &info;
  sink_ = &sink;
  for (const ExtraInvariant& spec : info.scenario().check.extra_invariants) {
    rows_.push_back({&spec,
                     EventPattern(spec.never),
                     EventPattern(spec.comes),
                     EventPattern(spec.after),
                     EventPattern(spec.before),
                     spec.after.empty(),
                     {}});
  }
}

void ExtraInvariants::Break(const Row& row, Time at, CpuId cpu, std::string message) {
  sink_->Report({"HP-Rn", at, cpu, TaskId(), LockId(),
                 fmt::format("{}: {}", row.spec->name, std::move(message))},
                ViolationSink::Severity::kContinue);
}

void ExtraInvariants::OnEvent(const TraceEvent& event) {
  line_.clear();
  AppendEventText(*info_, event, line_);
  for (Row& row : rows_) {
    if (row.spec->never.empty()) {
      OnComes(row, event);
    } else {
      OnNever(row, event);
    }
  }
}

// The events that open and close it are not inside it.
void ExtraInvariants::OnNever(Row& row, const TraceEvent& event) {
  if (row.is_open && !row.spec->before.empty() && row.before.Matches(line_)) {
    row.is_open = false;
  } else if (row.is_open) {
    if (row.never.Matches(line_)) Break(row, event.t, event.cpu(), line_);
  }
  if (!row.is_open && !row.spec->after.empty() && row.after.Matches(line_)) row.is_open = true;
}

// One answer is for all who wait.
void ExtraInvariants::OnComes(Row& row, const TraceEvent& event) {
  Expire(row, event.t);
  if (row.comes.Matches(line_)) row.expected.clear();
  if (row.after.Matches(line_)) row.expected.push_back(event.t);
}

void ExtraInvariants::Expire(Row& row, Time now) {
  while (!row.expected.empty() && row.expected.front() + row.spec->within < now) {
    const Time since = row.expected.front();
    row.expected.pop_front();
    Break(row, since + row.spec->within, CpuId(),
          fmt::format("nothing has come in the {} cycles since {}", row.spec->within.count(),
                      since.cycles()));
  }
}

// What is still to come at the end comes never, unless there was no time for it.
void ExtraInvariants::OnEnd(const RunEnd& end) {
  for (Row& row : rows_) Expire(row, end.end);
}

}  // namespace rqsim
