#include "sim/scenario/read_context.h"

#include <fmt/format.h>

#include "sim/scenario/shape.h"
#include "sim/scenario/units.h"

namespace rqsim {

std::optional<int64_t> ReadContext::LengthOf(const JsonValue& value, int64_t min) {
  if (value.is(JsonValue::Kind::kInteger)) {
    if (value.integer < min || value.integer > kCyclesMax.count()) return std::nullopt;
    return value.integer;
  }
  if (!value.is(JsonValue::Kind::kString) || !IsLengthText(value.text)) return std::nullopt;
  const LengthInCycles length = CyclesOfText(value.text, clock_hz);
  switch (length.error) {
    case LengthError::kNone:
      break;
    case LengthError::kNotWhole:
      diagnostics.Error(
          ErrorCode::kNotWholeCycles, value,
          fmt::format("\"{}\" is not a whole number of cycles at {} Hz", value.text, clock_hz),
          fmt::format("{} or {} cycles", length.cycles, length.cycles + 1));
      return std::nullopt;
    case LengthError::kTooLong:
      diagnostics.Error(ErrorCode::kTooLong, value,
                        fmt::format("\"{}\" is longer than a run can be ({} cycles)", value.text,
                                    kCyclesMax.count()));
      return std::nullopt;
  }
  if (length.cycles < min) {
    diagnostics.Error(ErrorCode::kNotWholeCycles, value,
                      fmt::format("\"{}\" is less than {} cycle", value.text, min));
    return std::nullopt;
  }
  return length.cycles;
}

std::optional<CpuSet> ReadContext::CpusOf(const JsonValue& value) {
  if (!value.is(JsonValue::Kind::kString) || !HasForm(value.text, TextForm::kCpuList)) {
    return std::nullopt;
  }
  const std::optional<CpuSet> cpus = CpuSet::Parse(value.text);
  if (!cpus) {
    diagnostics.Error(
        ErrorCode::kNoCpu, value,
        fmt::format("\"{}\" runs backwards, or names a CPU above {}", value.text, kMaxCpus - 1));
  }
  return cpus;
}

void ReadContext::MustBeDeclared(const JsonValue& value, const NameTable& table,
                                 std::string_view what) {
  if (!value.is(JsonValue::Kind::kString) || !HasForm(value.text, TextForm::kName)) return;
  if (table.Has(value.text)) return;
  std::string hint = diagnostics.is_full() ? "" : DidYouMean(value.text, table.list());
  if (hint.empty() && !table.list().empty()) hint = "declared: " + ListWords(table.list());
  diagnostics.Error(ErrorCode::kUndeclared, value,
                    fmt::format("\"{}\" is not a declared {}", value.text, what), std::move(hint));
}

void ReadContext::MustBeTask(const JsonValue& value) {
  if (!value.is(JsonValue::Kind::kString) || HasTask(value.text)) return;
  MustBeDeclared(value, task_names, "task");
}

bool ReadContext::HasTask(std::string_view name) const {
  if (instances.find(name) != instances.end()) return true;
  const std::size_t dash = name.rfind('-');
  if (dash == std::string_view::npos) return false;
  const std::string_view number = name.substr(dash + 1);
  const auto base = instances.find(name.substr(0, dash));
  if (base == instances.end() || base->second == 1) return false;
  constexpr std::size_t kDigits = 7;
  if (number.empty() || number.size() > kDigits || (number.size() > 1 && number[0] == '0')) {
    return false;
  }
  int64_t index = 0;
  for (const char c : number) {
    if (c < '0' || c > '9') return false;
    index = index * 10 + (c - '0');
  }
  return base->second == 0 || index < base->second;
}

void ReadContext::MustHaveCpu(const JsonValue& value, const CpuSet& cpus) {
  if (cpus.empty() || !(cpus & Possible()).empty()) return;
  diagnostics.Error(ErrorCode::kNoCpu, value,
                    fmt::format("no CPU of \"{}\" exists, the machine has {}", cpus.ToString(),
                                Possible().ToString()));
}

bool ReadContext::CanTakeTime(const std::vector<OpSpec>& ops) const {
  const MachineCosts& costs = scenario.machine.costs;
  const bool syscalls_cost = costs.c_syscall + costs.c_sysret > kZeroCycles;
  for (const OpSpec& op : ops) {
    switch (op.kind) {
      case OpKind::kRun:
      case OpKind::kRuntime:
      case OpKind::kPreemptOff:
      case OpKind::kIrqsOff:
      case OpKind::kSleep:
        if (op.forever || op.cycles > kZeroCycles || (op.kind == OpKind::kSleep && syscalls_cost)) {
          return true;
        }
        break;
      // These wait, or give the CPU to somebody who may take time.
      case OpKind::kTimer:
      case OpKind::kLock:
      case OpKind::kWait:
      case OpKind::kSync:
      case OpKind::kBarrier:
      case OpKind::kSuspend:
      case OpKind::kSemWait:
      case OpKind::kBlock:
      case OpKind::kYield:
      case OpKind::kExit:
      case OpKind::kService:
        return true;
      case OpKind::kUnlock:
      case OpKind::kMigrateDisable:
      case OpKind::kMigrateEnable:
        break;
      case OpKind::kTrylock:
      case OpKind::kLoop:
        if (CanTakeTime(op.ops) || CanTakeTime(op.otherwise)) return true;
        break;
      case OpKind::kSignal:
      case OpKind::kBroad:
      case OpKind::kResume:
      case OpKind::kSemPost:
      case OpKind::kWake:
      case OpKind::kSetSched:
      case OpKind::kSetAffinity:
      case OpKind::kFork:
      case OpKind::kExec:
      case OpKind::kKill:
        if (syscalls_cost) return true;
        break;
    }
  }
  return false;
}

}  // namespace rqsim
