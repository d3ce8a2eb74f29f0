// What happened to the mutexes of a run: how they changed hands, who waited for whom, and who
// executed for whom. Of PX-02 under proxy-7.2:
//
//   LOCK  ACQUIRED  WAITED  HANDOFFS  DONOR  WAKEUPS  WAIT TOTAL  WAIT MAX  HOLD MAX
//   A            2       1         1      1        1           5         5         5
//
//   WHO  WAITED FOR  LOCK  TIMES  CYCLES  LONGEST
//   H    K           A         1       5        5
//
//   FROM  TO  TASK  WAITS FOR  OF
//      1   4  K     B          L
//
//   AT  LOCK  PASSED  FROM  TO
//    3  B     donor   L     K       a handoff by flag, donor or always; or a steal, FROM being the
//                                   first waiter, which TO went past
//   CPU  FROM  TO  WHO EXECUTES FOR WHOM
//   0       2   3  H -A-> K -B-> L   H is the donor, L executes
//   0       3   4  H .. L  overrun   H waits for nothing of L any more
//
//   overrun 2 cycles, inversion 0 cycles
//
// What lasts no cycle is not in the list of chains.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <tuple>

#include "rqsim/policy.h"
#include "sim/views/report_text.h"
#include "sim/views/result_fields.h"
#include "sim/views/text_table.h"

namespace rqsim {
namespace {

using Align = TextTable::Align;

constexpr std::size_t kPageWidth = 120;

std::string Number(int64_t value) { return fmt::format("{}", value); }
std::string Number(Cycles value) { return Number(value.count()); }
std::string Number(Time value) { return Number(value.cycles()); }

std::string NameOf(const Result& result, TaskId task) {
  return task.valid() ? std::string(CommOf(result, task)) : std::string("nobody");
}

int64_t MetricOr0(const Result& result, std::string_view wanted) {
  for (const auto& [name, value] : result.metrics) {
    if (name == wanted) return value;
  }
  return 0;
}

void AppendLocks(const Result& result, std::string& out) {
  TextTable table;
  table.AddColumn("LOCK", Align::kLeft, 0);
  table.AddColumn("ACQUIRED", Align::kRight, 9);
  table.AddColumn("WAITED", Align::kRight, 9);
  table.AddColumn("STEALS", Align::kRight, 8);
  table.AddColumn("HANDOFFS", Align::kRight, 8);
  table.AddColumn("FLAG", Align::kRight, 6);
  table.AddColumn("DONOR", Align::kRight, 6);
  table.AddColumn("ALWAYS", Align::kRight, 6);
  table.AddColumn("BYPASS", Align::kRight, 5);
  table.AddColumn("WAKEUPS", Align::kRight, 4);
  table.AddColumn("SPUN", Align::kRight, 4);
  table.AddColumn("WAIT TOTAL", Align::kRight, 7);
  table.AddColumn("WAIT MAX", Align::kRight, 8);
  table.AddColumn("HOLD MAX", Align::kRight, 7);
  for (const LockResult& lock : result.locks) {
    if (lock.acquisitions == 0) continue;
    table.AddRow({lock.name, Number(lock.acquisitions), Number(lock.wait.n), Number(lock.steals),
                  Number(lock.handoffs), Number(lock.handoffs_flag), Number(lock.handoffs_donor),
                  Number(lock.handoffs_always), Number(lock.fifo_bypass_by_donor),
                  Number(lock.wakeups), Number(lock.spin_cycles), Number(lock.wait.sum),
                  Number(lock.wait.max), Number(lock.hold.max)});
  }
  table.AppendTo(out, kPageWidth);
}

void AppendWhoWaited(const Result& result, std::string& out) {
  TextTable table;
  table.AddColumn("WHO", Align::kLeft, 0);
  table.AddColumn("WAITED FOR", Align::kLeft, 0);
  table.AddColumn("LOCK", Align::kLeft, 0);
  table.AddColumn("TIMES", Align::kRight, 9);
  table.AddColumn("CYCLES", Align::kRight, 9);
  table.AddColumn("LONGEST", Align::kRight, 9);
  for (const LockWaitSum& sum : LockWaitSums(result)) {
    table.AddRow({NameOf(result, sum.task), NameOf(result, sum.owner), LockNameOf(result, sum.lock),
                  Number(sum.times), Number(sum.cycles), Number(sum.longest)});
  }
  if (table.empty()) return;
  out += '\n';
  table.AppendTo(out, kPageWidth);
}

void AppendWaits(const Result& result, std::string& out) {
  TextTable table;
  table.AddColumn("FROM", Align::kRight, 0);
  table.AddColumn("TO", Align::kRight, 0);
  table.AddColumn("TASK", Align::kLeft, 0);
  table.AddColumn("WAITS FOR", Align::kLeft, 0);
  table.AddColumn("OF", Align::kLeft, 0);
  table.AddColumn("GAVE UP", Align::kLeft, 5);
  for (const LockWaitSpan& wait : result.lock_waits) {
    const bool gave_up = wait.result != 0;
    table.AddRow({Number(wait.start), wait.end ? Number(*wait.end) : "-", NameOf(result, wait.task),
                  LockNameOf(result, wait.lock), NameOf(result, wait.owner),
                  gave_up ? std::string(ErrnoName(wait.result)) : std::string()});
  }
  if (table.empty()) return;
  out += '\n';
  table.AppendTo(out, kPageWidth);
}

void AppendPassings(const Result& result, std::string& out) {
  TextTable table;
  table.AddColumn("AT", Align::kRight, 0);
  table.AddColumn("LOCK", Align::kLeft, 0);
  table.AddColumn("PASSED", Align::kLeft, 0);
  table.AddColumn("FROM", Align::kLeft, 0);
  table.AddColumn("TO", Align::kLeft, 0);
  for (const LockPassing& passing : result.lock_passings) {
    table.AddRow({Number(passing.at), LockNameOf(result, passing.lock),
                  std::string(kPassingNames[static_cast<std::size_t>(passing.kind)]),
                  NameOf(result, passing.from), NameOf(result, passing.to)});
  }
  if (table.empty()) return;
  out += '\n';
  table.AppendTo(out, kPageWidth);
}

void AppendChains(const Result& result, std::string& out) {
  TextTable table;
  table.AddColumn("CPU", Align::kLeft, 0);
  table.AddColumn("FROM", Align::kRight, 0);
  table.AddColumn("TO", Align::kRight, 0);
  table.AddColumn("WHO EXECUTES FOR WHOM", Align::kLeft, 0);
  for (const ProxyChain& chain : result.chains) {
    table.AddRow({Number(chain.cpu.value()), Number(chain.start), Number(chain.end),
                  ChainText(result, chain)});
  }
  if (table.empty()) return;
  out += '\n';
  table.AppendTo(out, kPageWidth);
}

}  // namespace

std::string LockNameOf(const Result& result, LockId lock) {
  if (!lock.valid() || lock.index() >= result.locks.size()) return {};
  return result.locks[lock.index()].name;
}

std::string ChainText(const Result& result, const ProxyChain& chain) {
  std::string text;
  for (std::size_t i = 0; i < chain.tasks.size(); ++i) {
    if (i > 0 && chain.is_overrun) text += " .. ";
    if (i > 0 && !chain.is_overrun) {
      text += fmt::format(" -{}-> ", LockNameOf(result, chain.locks[i - 1]));
    }
    text += NameOf(result, chain.tasks[i]);
  }
  if (chain.is_overrun) text += "  overrun";
  return text;
}

std::vector<LockWaitSum> LockWaitSums(const Result& result) {
  std::vector<LockWaitSum> sums;
  for (const LockWaitSpan& wait : result.lock_waits) {
    const auto same = [&](const LockWaitSum& sum) {
      return sum.task == wait.task && sum.owner == wait.owner && sum.lock == wait.lock;
    };
    auto at = std::find_if(sums.begin(), sums.end(), same);
    if (at == sums.end()) {
      sums.push_back({wait.task, wait.owner, wait.lock, 0, kZeroCycles, kZeroCycles});
      at = sums.end() - 1;
    }
    const Cycles length = wait.end.value_or(result.end) - wait.start;
    ++at->times;
    at->cycles += length;
    at->longest = std::max(at->longest, length);
  }
  // total order: no two are of the same tasks and lock.
  std::sort(sums.begin(), sums.end(), [](const LockWaitSum& a, const LockWaitSum& b) {
    return std::tuple(-a.cycles.count(), a.task, a.owner, a.lock) <
           std::tuple(-b.cycles.count(), b.task, b.owner, b.lock);
  });
  return sums;
}

Cycles OverrunCycles(const Result& result) {
  Cycles sum;
  for (const ProxyChain& chain : result.chains) {
    if (chain.is_overrun) sum += chain.end - chain.start;
  }
  return sum;
}

std::string LocksText(const Result& result) {
  std::string out;
  AppendLocks(result, out);
  AppendWhoWaited(result, out);
  AppendWaits(result, out);
  AppendPassings(result, out);
  AppendChains(result, out);
  fmt::format_to(std::back_inserter(out), "\noverrun {} cycles, inversion {} cycles\n",
                 OverrunCycles(result).count(), MetricOr0(result, "inversion_cycles"));
  return out;
}

}  // namespace rqsim
