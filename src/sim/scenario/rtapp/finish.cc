#include "sim/scenario/rtapp/finish.h"

#include <fmt/format.h>

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/scenario/json_tree.h"
#include "sim/scenario/shape.h"

namespace rqsim::rtapp {
namespace {

// Calls `visit` for each operation, in order. Phases are loops, and nothing here nests deeper than
// that.
template <class Ops, class Visit>
void ForEachOp(Ops& ops, const Visit& visit) {
  for (auto& op : ops) {
    if (op.kind == OpKind::kLoop) {
      ForEachOp(op.ops, visit);
    } else {
      visit(op);
    }
  }
}

bool NamesNothing(const OpSpec& op) {
  switch (op.kind) {
    case OpKind::kRun:
    case OpKind::kRuntime:
    case OpKind::kSleep:
    case OpKind::kYield:
    case OpKind::kSetSched:
    case OpKind::kSetAffinity:
      return true;
    default:
      return false;
  }
}

// A timer of one's own is told apart by the position of its task, any other has none.
using TimerKey = std::pair<std::ptrdiff_t, std::string>;
TimerKey KeyOf(const Scenario& scenario, const TaskSpec& task, const OpSpec& op) {
  return {op.unique ? &task - scenario.tasks.data() : -1, op.name};
}

// The names that operations other than suspend and resume use as condition variable or mutex.
std::set<std::string> SharedNames(const Scenario& scenario) {
  std::set<std::string> names;
  for (const TaskSpec& task : scenario.tasks) {
    ForEachOp(task.ops, [&names](const OpSpec& op) {
      switch (op.kind) {
        case OpKind::kWait:
        case OpKind::kSync:
          names.insert(op.second);
          names.insert(op.name);
          break;
        case OpKind::kLock:
        case OpKind::kUnlock:
        case OpKind::kSignal:
        case OpKind::kBroad:
          names.insert(op.name);
          break;
        default:
          break;
      }
    });
  }
  return names;
}

OpSpec Like(const OpSpec& op, OpKind kind) {
  OpSpec made;
  made.kind = kind;
  made.name = op.name;
  made.pos = op.pos;
  return made;
}

int64_t WriteOut(std::vector<OpSpec>& ops, const std::set<std::string>& shared) {
  std::vector<OpSpec> written;
  int64_t num_added = 0;
  for (OpSpec& op : ops) {
    if (op.kind == OpKind::kLoop) {
      num_added += WriteOut(op.ops, shared);
      written.push_back(std::move(op));
      continue;
    }
    const bool is_suspend = op.kind == OpKind::kSuspend;
    if ((!is_suspend && op.kind != OpKind::kResume) || !shared.contains(op.name)) {
      written.push_back(std::move(op));
      continue;
    }
    OpSpec middle = Like(op, is_suspend ? OpKind::kWait : OpKind::kBroad);
    if (is_suspend) middle.second = op.name;
    written.push_back(Like(op, OpKind::kLock));
    written.push_back(std::move(middle));
    written.push_back(Like(op, OpKind::kUnlock));
    num_added += 2;
  }
  ops = std::move(written);
  return num_added;
}

// Names in the order in which they come, each once.
class Names {
 public:
  explicit Names(std::vector<std::string>& list) : list_(list), seen_(list.begin(), list.end()) {}
  void Add(const std::string& name) {
    if (seen_.insert(name).second) list_.push_back(name);
  }

 private:
  std::vector<std::string>& list_;
  std::set<std::string> seen_;
};

bool IsLegalName(std::string_view name) { return HasForm(name, TextForm::kName); }

// Names of one kind, and what they become.
class Renaming {
 public:
  void See(const std::string& name, SourcePos pos) { seen_.emplace(name, pos); }

  // Decides once all are seen: a legal name stays, so another must not become it.
  void Decide(bool is_for_tasks, Reporter& reporter) {
    const auto is_legal = [is_for_tasks](std::string_view name) {
      return IsLegalName(name) && !(is_for_tasks && (name == "off" || name == "idle"));
    };
    for (const auto& [name, pos] : seen_) {
      if (is_legal(name)) continue;
      std::string plain = name.substr(0, 48);
      for (char& c : plain) {
        if (!IsLegalName(std::string(1, c))) c = '_';
      }
      // Ends at the latest after as many tries as there are names.
      std::string legal = plain.empty() ? "_" : plain;
      for (int n = 1; seen_.contains(legal) || !taken_.insert(legal).second || !is_legal(legal);
           ++n) {
        legal = fmt::format("{}_{}", plain, n);
      }
      reporter.Remark(pos, fmt::format("{} cannot be a name here and becomes {}", QuoteJson(name),
                                       QuoteJson(legal)));
      becomes_.emplace(name, legal);
    }
  }

  void Apply(std::string& name) const {
    const auto found = becomes_.find(name);
    if (found != becomes_.end()) name = found->second;
  }
  bool empty() const { return becomes_.empty(); }

 private:
  std::map<std::string, SourcePos> seen_;
  std::set<std::string> taken_;
  std::map<std::string, std::string> becomes_;
};

// Whether this can keep a loop from going round at one instant for ever (imports have no costs).
bool CanTakeTime(const OpSpec& op) {
  switch (op.kind) {
    case OpKind::kRun:
    case OpKind::kRuntime:
    case OpKind::kSleep:
      return op.cycles > kZeroCycles;
    case OpKind::kUnlock:
    case OpKind::kSignal:
    case OpKind::kBroad:
    case OpKind::kResume:
    case OpKind::kSemPost:
    case OpKind::kFork:
    case OpKind::kSetSched:
    case OpKind::kSetAffinity:
      return false;
    default:
      return true;
  }
}

bool CanTakeTime(const std::vector<OpSpec>& ops) {
  bool can = false;
  ForEachOp(ops, [&can](const OpSpec& op) { can = can || CanTakeTime(op); });
  return can;
}

void CheckEndless(const TaskSpec& task, Reporter& reporter) {
  const auto report = [&](SourcePos pos) {
    reporter.Error(Code::kEndless, pos,
                   fmt::format("{} repeats for ever what takes no time: the run would never go on",
                               QuoteJson(task.name)));
  };
  for (const OpSpec& op : task.ops) {
    if (op.kind == OpKind::kLoop && op.count == -1 && !CanTakeTime(op.ops)) {
      report(op.pos);
      return;
    }
  }
  if (task.loop == -1 && !task.ops.empty() && !CanTakeTime(task.ops)) report(task.pos);
}

void CheckForks(const Scenario& scenario, Reporter& reporter) {
  std::map<std::string, const TaskSpec*> known;
  for (const TaskSpec& task : scenario.tasks) known.emplace(task.name, &task);
  for (const TaskSpec& task : scenario.tasks) {
    ForEachOp(task.ops, [&](const OpSpec& op) {
      if (op.kind != OpKind::kFork) return;
      const auto found = known.find(op.name);
      if (found == known.end()) {
        reporter.Error(Code::kUnknownName, op.pos,
                       fmt::format("fork in {}: there is no thread {}", QuoteJson(task.name),
                                   QuoteJson(op.name)));
      } else if (found->second->start > Time(0)) {
        reporter.Remark(op.pos, fmt::format("fork of {}: its delay is from the start of the run, a "
                                            "forked thread starts at once",
                                            QuoteJson(op.name)));
      }
    });
  }
}

void CheckBarriers(const TaskSpec& task, Reporter& reporter) {
  std::set<std::string> used;
  ForEachOp(task.ops, [&](const OpSpec& op) {
    if (op.kind != OpKind::kBarrier) return;
    if (task.instances == 0) {
      reporter.Remark(op.pos,
                      fmt::format("barrier {} in thread {}, which only fork makes: rt-app does not "
                                  "count it among the users, here it counts as one",
                                  QuoteJson(op.name), QuoteJson(task.name)));
    }
    if (!used.insert(op.name).second) {
      reporter.Remark(op.pos, fmt::format("barrier {} a second time in thread {}: rt-app counts "
                                          "each use and would wait for ever, here a thread counts "
                                          "once",
                                          QuoteJson(op.name), QuoteJson(task.name)));
    }
  });
}

}  // namespace

void SettleTimers(Scenario& scenario) {
  std::set<TimerKey> absolute;
  for (const TaskSpec& task : scenario.tasks) {
    ForEachOp(task.ops, [&](const OpSpec& op) {
      if (op.kind == OpKind::kTimer && op.timer_mode == TimerMode::kAbsolute) {
        absolute.insert(KeyOf(scenario, task, op));
      }
    });
  }
  for (TaskSpec& task : scenario.tasks) {
    ForEachOp(task.ops, [&](OpSpec& op) {
      if (op.kind == OpKind::kTimer && absolute.contains(KeyOf(scenario, task, op))) {
        op.timer_mode = TimerMode::kAbsolute;
      }
    });
  }
}

int64_t WriteOutSharedResources(Scenario& scenario) {
  const std::set<std::string> shared = SharedNames(scenario);
  int64_t num_added = 0;
  for (TaskSpec& task : scenario.tasks) num_added += WriteOut(task.ops, shared);
  return num_added;
}

void DeclareFromUse(Scenario& scenario) {
  Names mutexes(scenario.mutexes);
  Names condvars(scenario.condvars);
  std::vector<std::string> semaphore_list;
  Names semaphores(semaphore_list);
  for (const TaskSpec& task : scenario.tasks) {
    ForEachOp(task.ops, [&](const OpSpec& op) {
      switch (op.kind) {
        case OpKind::kLock:
        case OpKind::kUnlock:
          mutexes.Add(op.name);
          break;
        case OpKind::kWait:
        case OpKind::kSync:
          condvars.Add(op.name);
          mutexes.Add(op.second);
          break;
        case OpKind::kSignal:
        case OpKind::kBroad:
          condvars.Add(op.name);
          break;
        case OpKind::kSemPost:
        case OpKind::kSemWait:
          semaphores.Add(op.name);
          break;
        default:
          break;
      }
    });
  }
  for (std::string& name : semaphore_list) scenario.semaphores.emplace_back(std::move(name), 0);
}

void CheckReferences(const Scenario& scenario, Reporter& reporter) {
  // Programs from which a mistake has taken something say nothing about themselves.
  const bool is_whole = !reporter.has_errors();
  CheckForks(scenario, reporter);
  for (const TaskSpec& task : scenario.tasks) {
    CheckBarriers(task, reporter);
    if (is_whole) CheckEndless(task, reporter);
  }
}

void SpreadThreads(Scenario& scenario) {
  const auto num_cpus = scenario.machine.cpus.size();
  if (num_cpus == 1) return;
  std::vector<int64_t> num_started(num_cpus);
  for (TaskSpec& task : scenario.tasks) {
    if (task.instances == 0) continue;
    const CpuSet allowed = task.cpus.value_or(CpuSet::FirstN(static_cast<int>(num_cpus)));
    CpuId best = allowed.First();
    for (CpuId cpu = best; cpu.valid() && cpu.index() < num_cpus; cpu = allowed.After(cpu)) {
      if (num_started[cpu.index()] < num_started[best.index()]) best = cpu;
    }
    // A CPU that --cpus leaves out has been reported.
    if (!best.valid() || best.index() >= num_cpus) continue;
    num_started[best.index()] += task.instances;
    if (best != allowed.First()) task.start_cpu = best;
  }
}

void MakeNamesLegal(Scenario& scenario, Reporter& reporter) {
  // Everything that is no task has one space of names: what the file shares stays shared.
  Renaming tasks;
  Renaming objects;
  for (const TaskSpec& task : scenario.tasks) {
    tasks.See(task.name, task.pos);
    ForEachOp(task.ops, [&](const OpSpec& op) {
      if (NamesNothing(op)) return;
      if (op.kind != OpKind::kFork) objects.See(op.name, op.pos);
      if (!op.second.empty()) objects.See(op.second, op.pos);
    });
  }
  for (const std::string& name : scenario.mutexes) objects.See(name, SourcePos{1, 1});
  for (const std::string& name : scenario.condvars) objects.See(name, SourcePos{1, 1});
  tasks.Decide(true, reporter);
  objects.Decide(false, reporter);
  if (tasks.empty() && objects.empty()) return;

  for (TaskSpec& task : scenario.tasks) {
    tasks.Apply(task.name);
    ForEachOp(task.ops, [&](OpSpec& op) {
      if (NamesNothing(op)) return;
      (op.kind == OpKind::kFork ? tasks : objects).Apply(op.name);
      objects.Apply(op.second);
    });
  }
  for (std::string& name : scenario.mutexes) objects.Apply(name);
  for (std::string& name : scenario.condvars) objects.Apply(name);
  for (auto& [name, value] : scenario.semaphores) objects.Apply(name);
}

bool RunsForever(const Scenario& scenario) {
  for (const TaskSpec& task : scenario.tasks) {
    if (task.loop == -1) return true;
    for (const OpSpec& op : task.ops) {
      if (op.kind == OpKind::kLoop && op.count == -1) return true;
    }
  }
  return false;
}

int64_t CountOperations(const Scenario& scenario) {
  int64_t count = 0;
  for (const TaskSpec& task : scenario.tasks) {
    ForEachOp(task.ops, [&count](const OpSpec&) { ++count; });
  }
  return count;
}

}  // namespace rqsim::rtapp
