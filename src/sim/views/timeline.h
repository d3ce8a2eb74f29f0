// What each CPU did, as cells.
//
//   CPU 0: [0,3)L [3,6)L/H [6,8)H [8,12)-
//          from 0 to 3 L executes for itself, then L on behalf of H, then H; idle from 8 to 12;
//          `off` is offline.
//
// A cell runs from its sched_switch (or change of donor) to the next, the cost of the switch
// included; cells of no length are left out, equal neighbours are one. Two more lanes per CPU leave
// overhead out: `work` has the cycles that make progress in a task's program or path, `user` those
// in user mode; between their cells there may be gaps.
#ifndef RQSIM_SIM_VIEWS_TIMELINE_H_
#define RQSIM_SIM_VIEWS_TIMELINE_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rqsim/listener.h"
#include "rqsim/result.h"
#include "rqsim/trace_event.h"

namespace rqsim {

class Timeline final : public Listener {
 public:
  EventMask Wants() const override;
  void OnStart(const RunInfo& info, ViolationSink& sink) override;
  void OnEvent(const TraceEvent& event) override;
  void OnEnd(const RunEnd& end) override;

  // By cpu, then start; complete after OnEnd.
  const std::vector<TimelineCell>& cells() const { return cells_; }
  const std::vector<TimelineCell>& work() const { return work_; }
  const std::vector<TimelineCell>& user() const { return user_; }

 private:
  struct Lane {
    TimelineCell open;  // since its start, end unknown
    std::vector<TimelineCell> cells, work, user;
  };

  // Ends the open cell of `lane` at `t` and opens another there.
  static void Change(Lane& lane, Time t, TaskId curr, TaskId donor);
  static void OnSegment(Lane& lane, const Segment& segment, Time end);

  std::vector<Lane> lanes_;
  std::vector<TimelineCell> cells_, work_, user_;
};

// The cells of one CPU of a list ordered by cpu.
std::span<const TimelineCell> CellsOf(std::span<const TimelineCell> cells, CpuId cpu);

// "[0,3)L [3,6)L/H [6,8)-". `names` by TaskId.
std::string CellText(const TimelineCell& cell, std::span<const std::string> names);
std::string CellsText(std::span<const TimelineCell> cells, std::span<const std::string> names);

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_TIMELINE_H_
