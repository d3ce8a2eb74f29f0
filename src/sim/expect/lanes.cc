#include "sim/expect/lanes.h"

#include <fmt/core.h>

#include <algorithm>

#include "rqsim/expect.h"

namespace rqsim {
namespace {

// What kIdle and kOffline cells are called.
constexpr const char* kIdleCell = "-";
constexpr const char* kOfflineCell = "off";

std::string NameOf(const std::vector<std::string>& names, TaskId task) {
  if (!task.valid() || task.index() >= names.size()) return "?";
  return names[task.index()];
}

bool SameWho(const ExpectCell& a, const ExpectCell& b) {
  return a.curr == b.curr && a.donor == b.donor;
}

}  // namespace

std::string CellText(const ExpectCell& cell) {
  std::string text = cell.end == kNever
                         ? fmt::format("[{},", cell.start.cycles())
                         : fmt::format("[{},{})", cell.start.cycles(), cell.end.cycles());
  text += cell.curr;
  if (!cell.donor.empty() && cell.donor != cell.curr) text += '/' + cell.donor;
  return text;
}

std::string CellsText(const std::vector<ExpectCell>& cells) {
  std::string text;
  for (const ExpectCell& cell : cells) {
    if (!text.empty()) text += ' ';
    text += CellText(cell);
  }
  return text.empty() ? "nothing" : text;
}

std::vector<ExpectCell> Normalized(const std::vector<ExpectCell>& cells) {
  std::vector<ExpectCell> out;
  for (ExpectCell cell : cells) {
    if (cell.donor.empty()) cell.donor = cell.curr;
    if (cell.start == cell.end) continue;
    if (!out.empty() && out.back().end == cell.start && SameWho(out.back(), cell)) {
      out.back().end = cell.end;
    } else {
      out.push_back(cell);
    }
  }
  return out;
}

std::vector<ExpectCell> TimelineOf(const Result& result, CpuId cpu) {
  std::vector<ExpectCell> cells;
  // A timeline is in the order of its CPUs.
  const auto first =
      std::lower_bound(result.timeline.begin(), result.timeline.end(), cpu,
                       [](const TimelineCell& one, CpuId wanted) { return one.cpu < wanted; });
  for (auto i = first; i != result.timeline.end() && i->cpu == cpu; ++i) {
    const TimelineCell& cell = *i;
    ExpectCell out;
    out.start = cell.start;
    out.end = cell.end;
    switch (cell.kind) {
      case TimelineCell::Kind::kIdle:
        out.curr = kIdleCell;
        break;
      case TimelineCell::Kind::kOffline:
        out.curr = kOfflineCell;
        break;
      case TimelineCell::Kind::kTask:
        out.curr = NameOf(result.task_names, cell.curr);
        out.donor = NameOf(result.task_names, cell.donor.valid() ? cell.donor : cell.curr);
        break;
    }
    cells.push_back(out);
  }
  return Normalized(cells);
}

std::vector<ExpectCell> WorkOf(const Recording& recording, CpuId cpu, bool user_only) {
  std::vector<ExpectCell> cells;
  for (const TraceEvent& event : recording.events()) {
    if (event.kind() != EventKind::kSegment || event.cpu() != cpu) continue;
    const auto segment = event.As<Segment>();
    if (segment.kind != SegmentKind::kUser && segment.kind != SegmentKind::kKernel) continue;
    if (user_only ? segment.kind != SegmentKind::kUser : segment.progress == 0) continue;
    ExpectCell cell;
    cell.start = segment.start;
    cell.end = event.t;
    cell.curr = recording.names().Task(segment.curr);
    cell.donor = recording.names().Task(segment.donor.valid() ? segment.donor : segment.curr);
    cells.push_back(cell);
  }
  return Normalized(cells);
}

std::optional<LaneDifference> FirstDifference(const std::vector<ExpectCell>& expected,
                                              const std::vector<ExpectCell>& actual, Time end) {
  const std::size_t size = std::max(expected.size(), actual.size());
  for (std::size_t i = 0; i < size; ++i) {
    LaneDifference difference;
    difference.index = i;
    if (i < expected.size()) difference.expected = expected[i];
    if (i < actual.size()) difference.actual = actual[i];
    if (!difference.expected || !difference.actual) {
      difference.at = difference.expected ? difference.expected->start : difference.actual->start;
      return difference;
    }
    const ExpectCell& e = *difference.expected;
    const ExpectCell& a = *difference.actual;
    const Time expected_end = e.end == kNever ? end : e.end;
    if (e.start == a.start && SameWho(e, a) && expected_end == a.end) continue;
    difference.at = e.start == a.start && SameWho(e, a) ? std::min(expected_end, a.end)
                                                        : std::min(e.start, a.start);
    return difference;
  }
  return std::nullopt;
}

}  // namespace rqsim
