// The predicates over the trace that a scenario adds to those of the checkers
// (`check.extra_invariants`; hotplug.md 3, Rn).
//
//   error HP-Rn at 52: quiet: 52 0 sched_switch prev_comm=hotplug … next_comm=stop/0 …
//   error HP-Rn at 110: answered: nothing has come in the 60 cycles since 50
//
// Attached to runs of scenarios that have some.
#ifndef RQSIM_SIM_VIEWS_EXTRA_INVARIANTS_H_
#define RQSIM_SIM_VIEWS_EXTRA_INVARIANTS_H_

#include <deque>
#include <string>
#include <vector>

#include "rqsim/listener.h"
#include "sim/views/event_pattern.h"

namespace rqsim {

class ExtraInvariants final : public Listener {
 public:
  EventMask Wants() const override { return EventMask::All(); }
  void OnStart(const RunInfo& info, ViolationSink& sink) override;
  void OnEvent(const TraceEvent& event) override;
  void OnEnd(const RunEnd& end) override;

 private:
  struct Row {
    const ExtraInvariant* spec = nullptr;
    EventPattern never, comes, after, before;
    bool is_open = false;       // `never` counts now
    std::deque<Time> expected;  // `comes`: when what has not been answered happened
  };

  void OnNever(Row& row, const TraceEvent& event);
  void OnComes(Row& row, const TraceEvent& event);
  // Reports what should have come before `now`.
  void Expire(Row& row, Time now);
  void Break(const Row& row, Time at, CpuId cpu, std::string message);

  const RunInfo* info_ = nullptr;
  ViolationSink* sink_ = nullptr;
  std::vector<Row> rows_;
  std::string line_;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_EXTRA_INVARIANTS_H_
