// Who runs on which CPU, a line for each switch: the columns of `perf sched map`.
//
//    *A0           0.000000 secs A0 => L:1
//     A0 *B0       0.000000 secs B0 => M:2
//    *.   B0       0.003000 secs .  => swapper:0
//
// A column is a CPU: `*` stands at the one that switched, `.` is idle; a task is given a letter and
// a digit when it comes for the first time. `for H:3`: on behalf of H (proxy execution). Before its
// first switch a CPU's column is blank.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <tuple>
#include <vector>

#include "sim/views/report_text.h"

namespace rqsim {
namespace {

// A0 … Z0, A1 … Z9, then from the start again, as perf has it.
class ShortNames {
 public:
  explicit ShortNames(std::size_t tasks) : names_(tasks) {}
  // Whether it is new.
  bool Give(TaskId task) {
    std::string& name = names_[task.index()];
    if (!name.empty()) return false;
    name = task == kIdleTask ? std::string(". ") : std::string{letter_, digit_};
    if (task == kIdleTask) return true;
    if (letter_++ < 'Z') return true;
    letter_ = 'A';
    digit_ = digit_ < '9' ? static_cast<char>(digit_ + 1) : '0';
    return true;
  }
  const std::string& Of(TaskId task) const { return names_[task.index()]; }

 private:
  std::vector<std::string> names_;
  char letter_ = 'A', digit_ = '0';
};

// For whom the task executes at the beginning of its stay; invalid: for itself.
TaskId FirstDonor(const Result& result, const Dispatch& stay) {
  const auto before = [&stay](const TimelineCell& cell) {
    return cell.cpu < stay.cpu || (cell.cpu == stay.cpu && cell.start < stay.start);
  };
  const auto cell = std::partition_point(result.timeline.begin(), result.timeline.end(), before);
  const bool begins_here = cell != result.timeline.end() && cell->cpu == stay.cpu &&
                           cell->start == stay.start && cell->curr == stay.task;
  return begins_here && cell->donor != stay.task ? cell->donor : TaskId();
}

}  // namespace

// Whether a CPU idled between two stays can be seen from their ends.
std::vector<MapRow> MapRows(const Result& result) {
  std::vector<std::vector<const Dispatch*>> by_cpu(result.cpus.size());
  for (const Dispatch& stay : result.dispatches) {
    if (stay.cpu.index() < by_cpu.size()) by_cpu[stay.cpu.index()].push_back(&stay);
  }
  std::vector<MapRow> switches;
  for (const auto& stays : by_cpu) {
    for (std::size_t i = 0; i < stays.size(); ++i) {
      const Dispatch& stay = *stays[i];
      switches.push_back({stay.start, stay.cpu, stay.task, FirstDonor(result, stay)});
      const bool goes_on = i + 1 < stays.size() && stays[i + 1]->start == stay.end;
      if (stay.end && !goes_on) switches.push_back({*stay.end, stay.cpu, kIdleTask, TaskId()});
    }
  }
  // total order: the stable sort keeps that of each CPU.
  std::stable_sort(switches.begin(), switches.end(), [](const MapRow& a, const MapRow& b) {
    return std::tuple(a.at, a.cpu) < std::tuple(b.at, b.cpu);
  });
  return switches;
}

std::string_view CommOf(const Result& result, TaskId task) {
  return task == kIdleTask ? std::string_view("swapper") : result.task_names[task.index()];
}

std::string MapText(const Result& result) {
  std::vector<TaskId> on_cpu(result.cpus.size());  // invalid: not known yet
  ShortNames names(std::max<std::size_t>(result.task_names.size(), 1));
  std::string out;
  for (const MapRow& change : MapRows(result)) {
    on_cpu[change.cpu.index()] = change.next;
    const bool is_new = names.Give(change.next);
    out += "  ";
    for (std::size_t i = 0; i < on_cpu.size(); ++i) {
      out += i == change.cpu.index() ? '*' : ' ';
      out += on_cpu[i].valid() ? names.Of(on_cpu[i]) + " " : std::string("   ");
    }
    fmt::format_to(std::back_inserter(out), "  {:>12} secs ",
                   SecondsText(change.at, result.clock_hz));
    if (is_new) {
      fmt::format_to(std::back_inserter(out), "{} => {}:{} ", names.Of(change.next),
                     CommOf(result, change.next), change.next.value());
    }
    if (change.donor.valid()) {
      fmt::format_to(std::back_inserter(out), "for {}:{} ", CommOf(result, change.donor),
                     change.donor.value());
    }
    out.pop_back();
    out += '\n';
  }
  return out;
}

}  // namespace rqsim
