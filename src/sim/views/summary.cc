#include "sim/views/summary.h"

#include <fmt/format.h>

#include <iterator>

#include "rqsim/expect.h"
#include "sim/views/text_table.h"

namespace rqsim {
namespace {

constexpr std::size_t kCausesShown = 3;
constexpr std::size_t kCauseWidthMax = 60;
constexpr std::size_t kNameWidthMax = 24;

using Align = TextTable::Align;

std::string Number(Cycles value) { return fmt::format("{}", value.count()); }
std::string Number(int64_t value) { return fmt::format("{}", value); }

std::string Shortened(const std::string& text, std::size_t width) {
  return text.size() <= width ? text : text.substr(0, width - 2) + "..";
}

std::string Largest(const Distribution& values) {
  return values.n == 0 ? std::string("-") : Number(values.max);
}

// "lock A owner L 3, wake-up 3"
std::string Causes(const TaskResult& task) {
  std::string text;
  std::size_t shown = 0;
  for (const WaitCause& wait : task.waits) {
    if (wait.voluntary) continue;
    const std::string part =
        fmt::format("{}{} {}", text.empty() ? "" : ", ", wait.cause, wait.cycles.count());
    if (shown == kCausesShown || (shown > 0 && text.size() + part.size() > kCauseWidthMax)) {
      text += ", ..";
      break;
    }
    text += part;
    ++shown;
  }
  return text;
}

void AppendTasks(const Result& result, std::size_t width, std::string& out) {
  TextTable table;
  table.AddColumn("TASK", Align::kLeft, 0);
  table.AddColumn("EXEC", Align::kRight, 9);
  table.AddColumn("RUN_DELAY", Align::kRight, 7);
  table.AddColumn("BLOCKED", Align::kRight, 8);
  table.AddColumn("QUEUED", Align::kRight, 6);
  table.AddColumn("SLEEPING", Align::kRight, 2);
  table.AddColumn("RESPONSE", Align::kRight, 8);
  table.AddColumn("MISSES", Align::kRight, 8);
  table.AddColumn("WAKEUP", Align::kRight, 5);
  table.AddColumn("SWITCHES", Align::kRight, 3);
  table.AddColumn("MIGR", Align::kRight, 3);
  table.AddColumn("FINISH", Align::kRight, 7);
  table.AddColumn("WAITED FOR", Align::kLeft, 4);
  for (const TaskResult& task : result.tasks) {
    table.AddRow({Shortened(task.name, kNameWidthMax), Number(task.exec), Number(task.run_delay),
                  Number(task.blocked), Number(task.blocked_queued), Number(task.sleeping),
                  Largest(task.response), Number(task.deadline_misses),
                  Largest(task.wakeup_latency), Number(task.nr_switches),
                  Number(task.nr_migrations),
                  task.finish ? Number(task.finish->cycles()) : std::string("-"), Causes(task)});
  }
  if (table.empty()) return;
  out += '\n';
  table.AppendTo(out, width);
}

void AppendCpus(const Result& result, std::size_t width, std::string& out) {
  TextTable table;
  table.AddColumn("CPU", Align::kLeft, 0);
  table.AddColumn("USER", Align::kRight, 5);
  table.AddColumn("KERNEL", Align::kRight, 4);
  table.AddColumn("OVERHEAD", Align::kRight, 4);
  table.AddColumn("IDLE", Align::kRight, 5);
  table.AddColumn("OFFLINE", Align::kRight, 3);
  table.AddColumn("COSTS", Align::kLeft, 1);
  for (const CpuResult& cpu : result.cpus) {
    Cycles overhead;
    std::string costs;
    for (const auto& [name, length] : cpu.overhead) {
      overhead += length;
      costs += fmt::format("{}{} {}", costs.empty() ? "" : ", ", name, length.count());
    }
    table.AddRow({Number(cpu.id.value()), Number(cpu.user), Number(cpu.kernel), Number(overhead),
                  Number(cpu.idle), Number(cpu.offline), Shortened(costs, kCauseWidthMax)});
  }
  out += '\n';
  table.AppendTo(out, width);
}

void AppendLocks(const Result& result, std::size_t width, std::string& out) {
  TextTable table;
  table.AddColumn("LOCK", Align::kLeft, 0);
  table.AddColumn("ACQUIRED", Align::kRight, 9);
  table.AddColumn("FAST", Align::kRight, 4);
  table.AddColumn("TRY", Align::kRight, 4);
  table.AddColumn("SPIN", Align::kRight, 4);
  table.AddColumn("SLOW", Align::kRight, 4);
  table.AddColumn("STEALS", Align::kRight, 6);
  table.AddColumn("HANDOFFS", Align::kRight, 6);
  table.AddColumn("BYPASS", Align::kRight, 5);
  table.AddColumn("WAIT", Align::kRight, 8);
  table.AddColumn("HOLD", Align::kRight, 8);
  table.AddColumn("WAKEUPS", Align::kRight, 5);
  table.AddColumn("SPUN", Align::kRight, 5);
  for (const LockResult& lock : result.locks) {
    if (lock.acquisitions == 0) continue;
    table.AddRow({Shortened(lock.name, kNameWidthMax), Number(lock.acquisitions), Number(lock.fast),
                  Number(lock.trylock), Number(lock.osq_spin + lock.waiter_spin), Number(lock.slow),
                  Number(lock.steals), Number(lock.handoffs), Number(lock.fifo_bypass_by_donor),
                  Largest(lock.wait), Largest(lock.hold), Number(lock.wakeups),
                  Number(lock.spin_cycles)});
  }
  if (table.empty()) return;
  out += '\n';
  table.AppendTo(out, width);
}

}  // namespace

std::string SummaryText(const Result& result, std::size_t width) {
  std::string out = fmt::format("{}, policy {}: {} at {} cycles\n", result.scenario, result.policy,
                                OutcomeName(result.outcome), result.end.cycles());
  if (!result.message.empty()) out += result.message + "\n";
  fmt::format_to(std::back_inserter(out), "events {}, digest {:016x}, schedule digest {:016x}\n",
                 result.events, result.digest, result.schedule_digest);
  for (const Violation& violation : result.violations) {
    fmt::format_to(std::back_inserter(out), "violation {} at {}: {}\n", violation.id,
                   violation.at.cycles(), violation.message);
  }
  AppendTasks(result, width, out);
  AppendCpus(result, width, out);
  AppendLocks(result, width, out);
  return out;
}

}  // namespace rqsim
