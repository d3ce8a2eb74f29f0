#include "sim/scenario/rtapp/thread.h"

#include <fmt/format.h>

#include <limits>
#include <string_view>
#include <utility>

#include "rqsim/limits.h"
#include "sim/scenario/rtapp/operations.h"
#include "sim/scenario/shape.h"

namespace rqsim::rtapp {
namespace {

using Kind = JsonValue::Kind;

constexpr int64_t kMaxLoop = std::numeric_limits<int32_t>::max();
constexpr int64_t kMaxInstances = kMaxTasks / 2;

std::string_view WhyNotModelled(std::string_view key) {
  if (key == "taskgroup") return "task groups";
  if (key == "util_min" || key == "util_max") return "utilisation clamping";
  return "memory binding to NUMA nodes";
}

int64_t CountOperationKeys(const JsonValue& object) {
  int64_t count = 0;
  for (const JsonMember& member : object.members) {
    if (OperationOf(member.key) != nullptr) ++count;
  }
  return count;
}

OpSpec Added(OpKind kind, SourcePos pos) {
  OpSpec op;
  op.kind = kind;
  op.pos = pos;
  return op;
}

// Follows the attributes a thread has from phase to phase and says where they change.
class PhaseSettings {
 public:
  PhaseSettings(const Thread& thread, int num_cpus)
      : thread_(thread), all_(CpuSet::FirstN(num_cpus)) {
    SchedSpec sched = thread.sched;
    for (const Phase& phase : thread.phases) {
      if (phase.sched) sched = *phase.sched;
      sched_after_.push_back(sched);
    }
  }

  CpuSet CpusOf(std::size_t phase) const {
    const std::optional<CpuSet>& own = thread_.phases[phase].cpus;
    return own ? *own : thread_.cpus.value_or(all_);
  }

  // After that phase, the first time round.
  const SchedSpec& SchedAfter(std::size_t phase) const { return sched_after_[phase]; }

  // The phase before, in a thread that goes round; none before the first of one that does not.
  std::optional<std::size_t> Before(std::size_t phase) const {
    if (phase > 0) return phase - 1;
    if (thread_.loop == 1) return std::nullopt;
    return thread_.phases.size() - 1;
  }

 private:
  const Thread& thread_;
  CpuSet all_;
  std::vector<SchedSpec> sched_after_;
};

}  // namespace

// What an object of a thread or phase has, by meaning; null where it does not have the key.
struct ThreadReader::Keys {
  const JsonMember* loop = nullptr;
  const JsonMember* instance = nullptr;
  const JsonMember* delay = nullptr;
  const JsonMember* phases = nullptr;
  const JsonMember* cpus = nullptr;
  const JsonMember* legacy_period = nullptr;
  const JsonMember* legacy_deadline = nullptr;
  SchedKeys sched;
  std::vector<const JsonMember*> operations;
};

std::optional<Thread> ThreadReader::Read(const JsonMember& member, const std::string& name) {
  const std::string path = fmt::format("tasks.{}", name);
  if (member.value.kind != Kind::kObject) {
    reporter_.Error(
        Code::kType, member.value.begin,
        fmt::format("{}: an object wanted, {} found", path, DescribeJson(member.value)));
    return std::nullopt;
  }
  if (IsOldGrammar(member.value, path)) return std::nullopt;

  Keys keys = Collect(member.value, path, false);
  Thread thread;
  thread.name = name;
  thread.pos = reporter_.PosOf(member.key_begin);
  if (keys.instance != nullptr) {
    const JsonValue& value = keys.instance->value;
    if (value.kind != Kind::kInteger || value.integer < 0 || value.integer > kMaxInstances) {
      reporter_.Error(Code::kRange, value.begin,
                      fmt::format("{}.instance: a number from 0 to {} wanted, {} found", path,
                                  kMaxInstances, DescribeJson(value)));
    } else {
      thread.instances = static_cast<int>(value.integer);
    }
  }
  if (keys.delay != nullptr) {
    if (const auto delay = Microseconds(keys.delay->value, path + ".delay", reporter_)) {
      thread.start = Time(0) + *delay;
    }
  }
  thread.loop = Loop(keys.loop, -1, path);
  thread.cpus = Cpus(keys.cpus, path, thread.named_cpus);
  // A thread's period and deadline have an older spelling too.
  if (keys.sched.period == nullptr) keys.sched.period = keys.legacy_period;
  if (keys.sched.deadline == nullptr) keys.sched.deadline = keys.legacy_deadline;
  thread.sched =
      ApplySched(keys.sched, DefaultSched(default_policy_), member.key_begin, path, reporter_);
  Phases(keys, path, thread);
  if (keys.phases == nullptr) {
    Phase& only = thread.phases.emplace_back();
    only.pos = thread.pos;
    Operations(keys, member.value, path, name, only.ops);
  }
  return thread;
}

void ThreadReader::CountIn(const JsonValue& tasks, ImportReport& report) {
  for (const JsonMember& task : tasks.members) {
    report.operations_in += CountOperationKeys(task.value);
    for (const JsonMember& member : task.value.members) {
      if (member.key != "phases") continue;
      for (const JsonMember& phase : member.value.members) {
        report.operations_in += CountOperationKeys(phase.value);
      }
    }
  }
}

// A thread of the old grammar has keys that nothing else has; all of its keys are named then.
bool ThreadReader::IsOldGrammar(const JsonValue& object, const std::string& path) {
  bool is_old = false;
  for (const JsonMember& member : object.members) {
    is_old = is_old || rtapp::IsOldGrammar(member.key);
  }
  if (!is_old) return false;
  for (const JsonMember& member : object.members) {
    if (!rtapp::IsOldGrammar(member.key) && member.key != "period" && member.key != "deadline") {
      continue;
    }
    reporter_.Error(Code::kOldGrammar, member.key_begin,
                    fmt::format("{}.{}: rt-app's old grammar, which rt-app itself no longer takes",
                                path, member.key),
                    "write the thread's operations out: run, lock, unlock, wait, signal, timer");
  }
  return true;
}

ThreadReader::Keys ThreadReader::Collect(const JsonValue& object, const std::string& path,
                                         bool is_phase) {
  Keys keys;
  for (const JsonMember& member : object.members) {
    if (const std::optional<Property> property = PropertyOf(member.key)) {
      Place(member, *property, path, is_phase, keys);
    } else if (OperationOf(member.key) != nullptr) {
      keys.operations.push_back(&member);
    } else {
      reporter_.NotModelled(member.key_begin, fmt::format("{}.{}", path, member.key),
                            "rt-app has no such word", false);
    }
  }
  return keys;
}

void ThreadReader::Place(const JsonMember& member, Property property, const std::string& path,
                         bool is_phase, Keys& keys) {
  const JsonMember** place = nullptr;
  bool is_for_phases = true;
  switch (property) {
    case Property::kLoop:
      place = &keys.loop;
      break;
    case Property::kInstance:
      place = &keys.instance;
      is_for_phases = false;
      break;
    case Property::kDelay:
      place = &keys.delay;
      is_for_phases = false;
      break;
    case Property::kPhases:
      place = &keys.phases;
      is_for_phases = false;
      break;
    case Property::kPolicy:
      place = &keys.sched.policy;
      break;
    case Property::kPriority:
      place = &keys.sched.priority;
      break;
    case Property::kDlRuntime:
      place = &keys.sched.runtime;
      break;
    case Property::kDlPeriod:
      place = &keys.sched.period;
      break;
    case Property::kDlDeadline:
      place = &keys.sched.deadline;
      break;
    case Property::kLegacyPeriod:
      place = &keys.legacy_period;
      is_for_phases = false;
      break;
    case Property::kLegacyDeadline:
      place = &keys.legacy_deadline;
      is_for_phases = false;
      break;
    case Property::kCpus:
      place = &keys.cpus;
      break;
    case Property::kNotModelled:
      reporter_.NotModelled(member.key_begin, fmt::format("{}.{}", path, member.key),
                            std::string(WhyNotModelled(member.key)), false);
      return;
  }
  if (is_phase && !is_for_phases) {
    reporter_.NotModelled(member.key_begin, fmt::format("{}.{}", path, member.key),
                          "a property of threads, not of phases", false);
  } else if (*place != nullptr) {
    reporter_.Error(Code::kRepeated, member.key_begin,
                    fmt::format("{}.{}: given twice", path, member.key));
  } else {
    *place = &member;
  }
}

void ThreadReader::Phases(const Keys& keys, const std::string& path, Thread& thread) {
  if (keys.phases == nullptr) return;
  for (const JsonMember* member : keys.operations) {
    reporter_.NotModelled(member->key_begin, fmt::format("{}.{}", path, member->key),
                          "rt-app passes over operations beside phases", true);
  }
  const JsonValue& phases = keys.phases->value;
  if (phases.kind != Kind::kObject) {
    reporter_.Error(
        Code::kType, phases.begin,
        fmt::format("{}.phases: an object wanted, {} found", path, DescribeJson(phases)));
    return;
  }
  if (phases.members.empty()) {
    reporter_.Error(Code::kNoOperations, phases.begin,
                    fmt::format("{}.phases: there is none", path));
  }
  SchedSpec sched = thread.sched;
  for (const JsonMember& member : phases.members) {
    OnePhase(member, fmt::format("{}.phases.{}", path, member.key), sched, thread);
  }
}

void ThreadReader::OnePhase(const JsonMember& member, const std::string& path, SchedSpec& sched,
                            Thread& thread) {
  if (member.value.kind != Kind::kObject) {
    reporter_.Error(
        Code::kType, member.value.begin,
        fmt::format("{}: an object wanted, {} found", path, DescribeJson(member.value)));
    return;
  }
  if (IsOldGrammar(member.value, path)) return;
  const Keys keys = Collect(member.value, path, true);
  Phase& phase = thread.phases.emplace_back();
  phase.name = member.key;
  phase.pos = reporter_.PosOf(member.key_begin);
  phase.loop = Loop(keys.loop, 1, path);
  phase.cpus = Cpus(keys.cpus, path, thread.named_cpus);
  if (keys.sched.any()) {
    sched = ApplySched(keys.sched, sched, member.key_begin, path, reporter_);
    phase.sched = sched;
  }
  Operations(keys, member.value, path, thread.name, phase.ops);
}

void ThreadReader::Operations(const Keys& keys, const JsonValue& object, const std::string& path,
                              const std::string& thread, std::vector<OpSpec>& ops) {
  if (keys.operations.empty()) {
    reporter_.Error(Code::kNoOperations, object.begin,
                    fmt::format("{}: no operation, which rt-app refuses", path));
  }
  for (const JsonMember* member : keys.operations) {
    TranslateOperation(*member, *OperationOf(member->key), fmt::format("{}.{}", path, member->key),
                       thread, reporter_, ops);
  }
}

int64_t ThreadReader::Loop(const JsonMember* member, int64_t otherwise, const std::string& path) {
  if (member == nullptr) return otherwise;
  const JsonValue& value = member->value;
  const bool is_good = value.kind == Kind::kInteger && value.integer <= kMaxLoop &&
                       (value.integer == -1 || value.integer > 0);
  if (is_good) return value.integer;
  reporter_.Error(Code::kRange, value.begin,
                  fmt::format("{}.loop: -1 (for ever) or 1 to {} wanted, {} found", path, kMaxLoop,
                              DescribeJson(value)));
  return otherwise;
}

std::optional<CpuSet> ThreadReader::Cpus(const JsonMember* member, const std::string& path,
                                         std::vector<NamedCpu>& named) {
  if (member == nullptr) return std::nullopt;
  const JsonValue& value = member->value;
  if (value.kind != Kind::kArray || value.items.empty()) {
    reporter_.Error(Code::kType, value.begin,
                    fmt::format("{}.cpus: an array of CPU numbers wanted, {} found", path,
                                value.kind == Kind::kArray ? "an empty one" : DescribeJson(value)));
    return std::nullopt;
  }
  CpuSet cpus;
  for (const JsonValue& item : value.items) {
    if (item.kind != Kind::kInteger || item.integer < 0 || item.integer >= kMaxCpus) {
      reporter_.Error(Code::kCpu, item.begin,
                      fmt::format("{}.cpus: a CPU number from 0 to {} wanted, {} found", path,
                                  kMaxCpus - 1, DescribeJson(item)));
      continue;
    }
    const int cpu = static_cast<int>(item.integer);
    cpus.Add(CpuId(cpu));
    named.push_back({cpu, item.begin});
  }
  return cpus;
}

TaskSpec MakeTask(Thread thread, int num_cpus, int64_t& num_added) {
  const PhaseSettings settings(thread, num_cpus);
  TaskSpec task;
  task.name = thread.name;
  task.pos = thread.pos;
  task.instances = thread.instances;
  task.start = thread.start;
  task.loop = thread.loop;
  if (thread.phases.empty()) return task;

  // The first phase's attributes hold before its first operation, so the task is made with them.
  task.sched = settings.SchedAfter(0);
  if (thread.phases[0].cpus || thread.cpus) task.cpus = settings.CpusOf(0);
  for (std::size_t i = 0; i < thread.phases.size(); ++i) {
    Phase& phase = thread.phases[i];
    if (const std::optional<std::size_t> before = settings.Before(i)) {
      if (phase.sched && *phase.sched != settings.SchedAfter(*before)) {
        task.ops.push_back(Added(OpKind::kSetSched, phase.pos));
        task.ops.back().sched = *phase.sched;
        ++num_added;
      }
      if (settings.CpusOf(i) != settings.CpusOf(*before)) {
        task.ops.push_back(Added(OpKind::kSetAffinity, phase.pos));
        task.ops.back().cpus = settings.CpusOf(i);
        ++num_added;
      }
    }
    if (phase.loop == 1) {
      for (OpSpec& op : phase.ops) task.ops.push_back(std::move(op));
    } else {
      OpSpec loop = Added(OpKind::kLoop, phase.pos);
      // The name is for people only; one that a scenario cannot have is left out.
      if (HasForm(phase.name, TextForm::kName)) loop.name = phase.name;
      loop.count = phase.loop;
      loop.ops = std::move(phase.ops);
      task.ops.push_back(std::move(loop));
    }
  }
  return task;
}

}  // namespace rqsim::rtapp
