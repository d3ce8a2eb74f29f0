// Every stay of a task on a CPU, from its sched_switch in to its sched_switch out: what `perf sched
// timehist` and `map` are printed from.
//
//   CPU 0  L  woken 0  [0, 3)  D      a wake-up at 0, on the CPU from 0 to 3, then asleep in D
//   CPU 0  H           [3, 8)  R      it had been preempted; preempted again at 8
#ifndef RQSIM_SIM_VIEWS_DISPATCHES_H_
#define RQSIM_SIM_VIEWS_DISPATCHES_H_

#include <optional>
#include <utility>
#include <vector>

#include "rqsim/listener.h"
#include "rqsim/result.h"
#include "rqsim/trace_event.h"

namespace rqsim {

class Dispatches final : public Listener {
 public:
  EventMask Wants() const override;
  void OnStart(const RunInfo& info, ViolationSink& sink) override;
  void OnEvent(const TraceEvent& event) override;
  void OnEnd(const RunEnd& end) override;

  // In the order of their ends, open ones last. To be called after OnEnd, once.
  std::vector<Dispatch> Take() { return std::move(done_); }

 private:
  std::vector<std::optional<Dispatch>> open_;  // by CPU
  std::vector<std::optional<Time>> woken_;     // by task, until its next switch in
  std::vector<Dispatch> done_;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_DISPATCHES_H_
