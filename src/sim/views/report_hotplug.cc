// What hotplug operations did, step by step, whom they disturbed and who moved where. Of H1 of
// hotplug.md:
//
//   OP  CPU  TO  ASKED  LOCKED  DONE  LATENCY  VERDICT  UNDONE  RESULT
//    1    1   0      0       1    78       78  ok                          hotplug.md 3, Rn1
//
//   OP  CPU  LOCK WAIT  GRACE  INACTIVE  PUSHED  PUSH COST  KTHREADS       in cycles, but PUSHED
//    1    1          1     20        48       0          0         0
//
//   OP  FROM  TO  LATENCY  ON  STEP      RESULT
//    1     3  26       23   1  235 down          by numbers of states; rounds of notifiers by name
//    1    41  73       32   0  143 down
//
//   OP  CPU  STANDS STILL                        cycles in which it could do nothing else
//    1    0            10
//
//   OP  AT  TASK  FROM  TO                       left the CPU meanwhile
//
//   OP  AT  TICK FROM  TO                        the timekeeping duty
#include <fmt/format.h>

#include <string>

#include "rqsim/policy.h"
#include "sim/views/hotplug_books.h"
#include "sim/views/report_kthreads.h"
#include "sim/views/report_text.h"
#include "sim/views/text_table.h"

namespace rqsim {
namespace {

using Align = TextTable::Align;

constexpr std::size_t kPageWidth = 120;

std::string Number(int64_t value) { return fmt::format("{}", value); }
std::string Instant(const std::optional<Time>& at) { return at ? Number(at->cycles()) : "-"; }
std::string CpuText(CpuId cpu) { return cpu.valid() ? Number(cpu.value()) : "all"; }
// hotplug.md 3, Rn1.
std::string VerdictOf(const Result& result, const HotplugOpResult& op) {
  const int64_t latency = (op.done.value_or(result.end) - op.requested).count();
  if (latency >= result.clock_hz) return "bad";
  if (!op.done) return "-";
  return latency > result.clock_hz / kQuickPerSecond ? "slow" : "ok";
}
std::string ResultOf(int64_t result) {
  if (result == 0) return "";
  const std::string_view name = ErrnoName(result);
  return name.empty() ? Number(result) : std::string(name);
}

void AppendOps(const Result& result, std::string& out) {
  TextTable table;
  for (const char* title : {"OP", "CPU", "TO", "ASKED", "LOCKED", "DONE", "LATENCY"}) {
    table.AddColumn(title, Align::kRight, 0);
  }
  for (const char* title : {"VERDICT", "UNDONE", "RESULT"}) table.AddColumn(title, Align::kLeft, 0);
  for (const HotplugOpResult& op : result.hotplug) {
    table.AddRow({Number(op.id), CpuText(op.cpu), Number(op.target), Number(op.requested.cycles()),
                  Instant(op.locked), Instant(op.done),
                  op.done ? Number((*op.done - op.requested).count()) : "-", VerdictOf(result, op),
                  op.is_rolled_back ? "yes" : "", ResultOf(op.result)});
  }
  table.AppendTo(out, kPageWidth);
}

void AppendCosts(const Result& result, std::string& out) {
  TextTable table;
  for (const char* title :
       {"OP", "CPU", "LOCK WAIT", "GRACE", "INACTIVE", "PUSHED", "PUSH COST", "KTHREADS"}) {
    table.AddColumn(title, Align::kRight, 0);
  }
  for (const HotplugOpResult& op : result.hotplug) {
    table.AddRow({Number(op.id), CpuText(op.cpu),
                  op.locked ? Number((*op.locked - op.requested).count()) : "-",
                  Number(op.grace.count()), Number(op.inactive.count()), Number(op.pushed),
                  Number(op.push.count()), Number(op.kthreads.count())});
  }
  out += '\n';
  table.AppendTo(out, kPageWidth);
}

void AppendSteps(const Result& result, std::string& out) {
  TextTable table;
  for (const char* title : {"OP", "FROM", "TO", "LATENCY", "ON"}) {
    table.AddColumn(title, Align::kRight, 0);
  }
  table.AddColumn("STEP", Align::kLeft, 0);
  table.AddColumn("RESULT", Align::kLeft, 0);
  for (const HotplugOpResult& op : result.hotplug) {
    for (const HotplugStep& step : op.steps) {
      table.AddRow({Number(op.id), Number(step.start.cycles()), Number(step.end.cycles()),
                    Number((step.end - step.start).count()), CpuText(step.cpu), step.what,
                    ResultOf(step.result)});
    }
  }
  if (table.empty()) return;
  out += '\n';
  table.AppendTo(out, kPageWidth);
}

void AppendWindows(const Result& result, std::string& out) {
  TextTable table;
  for (const char* title : {"OP", "CPU", "STANDS STILL"}) {
    table.AddColumn(title, Align::kRight, 0);
  }
  for (const HotplugOpResult& op : result.hotplug) {
    for (const HotplugWindow& window : op.windows) {
      table.AddRow({Number(op.id), CpuText(window.cpu), Number(window.cycles.count())});
    }
  }
  if (table.empty()) return;
  out += '\n';
  table.AppendTo(out, kPageWidth);
}

void AppendMoves(const Result& result, std::string& out) {
  TextTable table;
  table.AddColumn("OP", Align::kRight, 0);
  table.AddColumn("AT", Align::kRight, 0);
  table.AddColumn("TASK", Align::kLeft, 0);
  table.AddColumn("FROM", Align::kRight, 0);
  table.AddColumn("TO", Align::kRight, 0);
  for (const HotplugOpResult& op : result.hotplug) {
    for (const HotplugMove& move : op.moves) {
      table.AddRow({Number(op.id), Number(move.at.cycles()), std::string(CommOf(result, move.task)),
                    CpuText(move.from), CpuText(move.to)});
    }
  }
  if (table.empty()) return;
  out += '\n';
  table.AppendTo(out, kPageWidth);
}

void AppendDuties(const Result& result, std::string& out) {
  TextTable table;
  for (const char* title : {"OP", "AT", "TICK FROM", "TO"}) {
    table.AddColumn(title, Align::kRight, 0);
  }
  for (const HotplugOpResult& op : result.hotplug) {
    for (const HotplugDuty& duty : op.duties) {
      table.AddRow({Number(op.id), Number(duty.at.cycles()), CpuText(duty.from), CpuText(duty.to)});
    }
  }
  if (table.empty()) return;
  out += '\n';
  table.AppendTo(out, kPageWidth);
}

}  // namespace

std::string HotplugText(const Result& result) {
  if (result.hotplug.empty()) return "no hotplug operations\n";
  std::string out;
  AppendOps(result, out);
  AppendCosts(result, out);
  AppendSteps(result, out);
  AppendWindows(result, out);
  AppendMoves(result, out);
  AppendDuties(result, out);
  const std::string masks = KthreadMasksText(result);
  if (!masks.empty()) out += '\n' + masks;
  return out;
}

}  // namespace rqsim
