#include "sim/compare/spans.h"

#include <algorithm>
#include <map>

#include "rqsim/expect.h"

namespace rqsim {
namespace {

int NumCpus(const Result& result) {
  int cpus = static_cast<int>(result.cpus.size());
  for (const TimelineCell& cell : result.timeline) cpus = std::max(cpus, cell.cpu.value() + 1);
  return cpus;
}

// The lanes of all CPUs in one pass, tasks by number in a table of names that both runs share.
struct Lane {
  struct Cell {
    Time start, end;
    int curr = 0, donor = 0;
  };
  std::vector<Cell> cells;
};

class NameTable {
 public:
  int Of(const std::string& name) {
    return numbers_.emplace(name, static_cast<int>(numbers_.size())).first->second;
  }

 private:
  std::map<std::string, int> numbers_;
};

std::vector<Lane> LanesOf(const Result& result, int num_cpus, NameTable& names) {
  std::vector<Lane> lanes(static_cast<std::size_t>(num_cpus));
  std::vector<int> number_of_task;
  for (const std::string& name : result.task_names) number_of_task.push_back(names.Of(name));
  const int idle = names.Of("-");
  const int offline = names.Of("off");
  const auto number = [&](TaskId task) {
    return task.valid() && task.index() < number_of_task.size() ? number_of_task[task.index()]
                                                                : idle;
  };
  for (const TimelineCell& cell : result.timeline) {
    Lane::Cell out;
    out.start = cell.start;
    out.end = cell.end;
    switch (cell.kind) {
      case TimelineCell::Kind::kIdle:
        out.curr = out.donor = idle;
        break;
      case TimelineCell::Kind::kOffline:
        out.curr = out.donor = offline;
        break;
      case TimelineCell::Kind::kTask:
        out.curr = number(cell.curr);
        out.donor = number(cell.donor.valid() ? cell.donor : cell.curr);
        break;
    }
    if (out.start < out.end) lanes[cell.cpu.index()].cells.push_back(out);
  }
  return lanes;
}

// Walks a lane; idle where it has no cell.
class Cursor {
 public:
  Cursor(const Lane& lane, int idle) : lane_(lane), idle_(idle) {}

  // What the CPU does at `t`, and until when that lasts. Precondition: `t` does not go back.
  Lane::Cell At(Time t) {
    while (i_ < lane_.cells.size() && lane_.cells[i_].end <= t) ++i_;
    if (i_ == lane_.cells.size()) return {t, kNever, idle_, idle_};
    const Lane::Cell& cell = lane_.cells[i_];
    if (cell.start > t) return {t, cell.start, idle_, idle_};
    return cell;
  }

 private:
  const Lane& lane_;
  int idle_;
  std::size_t i_ = 0;
};

CpuDifference CompareLanes(CpuId cpu, const Lane& a, const Lane& b, int idle) {
  CpuDifference out;
  out.cpu = cpu;
  Cursor in_a(a, idle);
  Cursor in_b(b, idle);
  Time t;
  for (;;) {
    const Lane::Cell cell_a = in_a.At(t);
    const Lane::Cell cell_b = in_b.At(t);
    const Time end = std::min(cell_a.end, cell_b.end);
    if (end == kNever) return out;
    if (cell_a.curr != cell_b.curr || cell_a.donor != cell_b.donor) {
      out.cycles += end - t;
      if (!out.spans.empty() && out.spans.back().end == t) {
        out.spans.back().end = end;
      } else {
        out.spans.push_back({t, end});
      }
    }
    t = end;
  }
}

}  // namespace

std::vector<CpuDifference> DifferingSpans(const Result& baseline, const Result& other) {
  const int num_cpus = std::max(NumCpus(baseline), NumCpus(other));
  NameTable names;
  const std::vector<Lane> a = LanesOf(baseline, num_cpus, names);
  const std::vector<Lane> b = LanesOf(other, num_cpus, names);
  std::vector<CpuDifference> out;
  for (int i = 0; i < num_cpus; ++i) {
    const auto at = static_cast<std::size_t>(i);
    out.push_back(CompareLanes(CpuId(i), a[at], b[at], names.Of("-")));
  }
  return out;
}

TimeSpan Hull(const std::vector<CpuDifference>& cpus) {
  TimeSpan hull;
  bool found = false;
  for (const CpuDifference& cpu : cpus) {
    if (cpu.spans.empty()) continue;
    const TimeSpan span{cpu.spans.front().start, cpu.spans.back().end};
    hull.start = found ? std::min(hull.start, span.start) : span.start;
    hull.end = found ? std::max(hull.end, span.end) : span.end;
    found = true;
  }
  return hull;
}

}  // namespace rqsim
