#include "sim/views/timeline.h"

#include <fmt/format.h>

#include <algorithm>

namespace rqsim {
namespace {

bool SameContent(const TimelineCell& a, const TimelineCell& b) {
  return a.kind == b.kind && a.curr == b.curr && a.donor == b.donor;
}

void Append(std::vector<TimelineCell>& cells, const TimelineCell& cell) {
  if (cell.start == cell.end) return;
  if (!cells.empty() && cells.back().end == cell.start && SameContent(cells.back(), cell)) {
    cells.back().end = cell.end;
    return;
  }
  cells.push_back(cell);
}

TimelineCell CellOf(CpuId cpu, Time start, TaskId curr, TaskId donor) {
  TimelineCell cell;
  cell.cpu = cpu;
  cell.start = start;
  cell.end = start;
  cell.kind = curr == kIdleTask ? TimelineCell::Kind::kIdle : TimelineCell::Kind::kTask;
  cell.curr = curr;
  cell.donor = curr == kIdleTask ? kIdleTask : donor;
  return cell;
}

}  // namespace

EventMask Timeline::Wants() const {
  return EventMask::Of(EventKind::kSchedSwitch, EventKind::kProxyDonor, EventKind::kSegment);
}

void Timeline::OnStart(const RunInfo& info, ViolationSink& /*sink*/) {
  lanes_.assign(static_cast<std::size_t>(info.num_cpus()), Lane());
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    lanes_[i].open = CellOf(CpuId(static_cast<int32_t>(i)), Time(), kIdleTask, kIdleTask);
  }
}

void Timeline::OnEvent(const TraceEvent& event) {
  Lane& lane = lanes_[event.cpu().index()];
  if (event.kind() == EventKind::kSegment) {
    OnSegment(lane, event.As<Segment>(), event.t);
  } else if (event.kind() == EventKind::kSchedSwitch) {
    const SchedSwitch change = event.As<SchedSwitch>();
    Change(lane, event.t, change.next_pid, change.donor);
  } else {
    const ProxyDonor change = event.As<ProxyDonor>();
    Change(lane, event.t, change.curr, change.donor);
  }
}

void Timeline::Change(Lane& lane, Time t, TaskId curr, TaskId donor) {
  lane.open.end = t;
  Append(lane.cells, lane.open);
  lane.open = CellOf(lane.open.cpu, t, curr, donor);
}

void Timeline::OnSegment(Lane& lane, const Segment& segment, Time end) {
  TimelineCell cell = CellOf(lane.open.cpu, segment.start, segment.curr, segment.donor);
  cell.end = end;
  if (segment.progress != 0) Append(lane.work, cell);
  if (segment.kind == SegmentKind::kUser) Append(lane.user, cell);
  if (segment.kind != SegmentKind::kOffline) return;
  // No switch tells that a CPU is offline: the idle task stays its current one.
  Change(lane, segment.start, kIdleTask, kIdleTask);
  cell.kind = TimelineCell::Kind::kOffline;
  Append(lane.cells, cell);
  lane.open = CellOf(lane.open.cpu, end, kIdleTask, kIdleTask);
}

void Timeline::OnEnd(const RunEnd& end) {
  cells_.clear();
  work_.clear();
  user_.clear();
  for (Lane& lane : lanes_) {
    Change(lane, end.end, kIdleTask, kIdleTask);
    cells_.insert(cells_.end(), lane.cells.begin(), lane.cells.end());
    work_.insert(work_.end(), lane.work.begin(), lane.work.end());
    user_.insert(user_.end(), lane.user.begin(), lane.user.end());
  }
}

std::span<const TimelineCell> CellsOf(std::span<const TimelineCell> cells, CpuId cpu) {
  const auto first =
      std::lower_bound(cells.begin(), cells.end(), cpu,
                       [](const TimelineCell& cell, CpuId wanted) { return cell.cpu < wanted; });
  const auto last =
      std::find_if(first, cells.end(), [cpu](const TimelineCell& cell) { return cell.cpu != cpu; });
  return {first, last};
}

std::string CellText(const TimelineCell& cell, std::span<const std::string> names) {
  std::string what;
  switch (cell.kind) {
    case TimelineCell::Kind::kIdle:
      what = "-";
      break;
    case TimelineCell::Kind::kOffline:
      what = "off";
      break;
    case TimelineCell::Kind::kTask:
      what = names[cell.curr.index()];
      if (cell.donor != cell.curr && cell.donor.valid()) {
        what += '/';
        what += names[cell.donor.index()];
      }
      break;
  }
  return fmt::format("[{},{}){}", cell.start.cycles(), cell.end.cycles(), what);
}

std::string CellsText(std::span<const TimelineCell> cells, std::span<const std::string> names) {
  std::string text;
  for (const TimelineCell& cell : cells) {
    if (!text.empty()) text += ' ';
    text += CellText(cell, names);
  }
  return text;
}

}  // namespace rqsim
