// Tasks of a run: the scenario's, servers, and the programs of all of them.
#include "sim/composer.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <set>

namespace rqsim {
namespace {

bool RunsForever(const std::vector<OpSpec>& ops) {
  return std::any_of(ops.begin(), ops.end(), [](const OpSpec& op) {
    return op.forever || (op.kind == OpKind::kLoop && op.count < 0) || RunsForever(op.ops) ||
           RunsForever(op.otherwise);
  });
}

void CollectForked(const std::vector<OpSpec>& ops, std::set<std::string>& names) {
  for (const OpSpec& op : ops) {
    if (op.kind == OpKind::kFork) names.insert(op.name);
    CollectForked(op.ops, names);
    CollectForked(op.otherwise, names);
  }
}

bool UsesOpOf(const std::vector<OpSpec>& ops, const PolicyInfo& service) {
  return std::any_of(ops.begin(), ops.end(), [&](const OpSpec& op) {
    if (UsesOpOf(op.ops, service) || UsesOpOf(op.otherwise, service)) return true;
    if (op.kind != OpKind::kService) return false;
    return std::any_of(service.ops.begin(), service.ops.end(),
                       [&](const ServiceOpInfo& info) { return info.name == op.name; });
  });
}

}  // namespace

bool Composer::UsesOperationsOf(const PolicyInfo& info) const {
  for (const std::vector<TaskSpec>* list : {&scenario_.tasks, &scenario_.kthreads}) {
    for (const TaskSpec& spec : *list) {
      if (UsesOpOf(spec.ops, info)) return true;
    }
  }
  return false;
}

// A kernel thread with CPUs and without `affinity` is nobody's business; bound ones have their mask
// from the start, what the others get is said by the placement.
void Composer::PlanKthread(const TaskSpec& spec, TaskPlan& task) {
  if (!spec.affinity && spec.cpus) return;
  const KthreadAffinity affinity = spec.affinity.value_or(KthreadAffinity());
  task.affinity = static_cast<int32_t>(plan.affinities.size());
  plan.affinities.push_back(affinity);
  if (affinity.kind == KthreadKind::kPerCpu || affinity.kind == KthreadKind::kBound) {
    task.cpus = affinity.cpus & CpuSet::FirstN(static_cast<int>(scenario_.machine.cpus.size()));
  }
}

absl::Status Composer::PlanTasks() {
  std::set<std::string> forked;
  for (const std::vector<TaskSpec>* list : {&scenario_.tasks, &scenario_.kthreads}) {
    for (const TaskSpec& spec : *list) CollectForked(spec.ops, forked);
  }
  const MachineSpec& machine = scenario_.machine;
  const CpuSet possible = CpuSet::FirstN(static_cast<int>(machine.cpus.size()));
  int position = 0;
  for (const std::vector<TaskSpec>* list : {&scenario_.tasks, &scenario_.kthreads}) {
    const bool kthreads = list == &scenario_.kthreads;
    for (const TaskSpec& spec : *list) {
      if (!scenario_.until && (spec.loop < 0 || RunsForever(spec.ops))) {
        return absl::InvalidArgumentError(
            absl::StrCat("task \"", spec.name, "\" runs for ever: the scenario needs an `until`"));
      }
      TaskPlan task;
      task.name = spec.name;
      task.program = position++;
      task.kthread = kthreads || spec.kthread;
      task.sched = spec.sched;
      task.cpus = spec.cpus.value_or(possible) & possible;
      if (task.kthread) PlanKthread(spec, task);
      task.cpuset = spec.cpuset;
      if (task.cpus.empty()) {
        return absl::InvalidArgumentError(
            absl::StrCat("task \"", spec.name, "\" may run on no CPU of this machine"));
      }
      CpuId start = spec.start_cpu.value_or(CpuId());
      for (CpuId c = task.cpus.First(); c.valid() && !start.valid(); c = task.cpus.After(c)) {
        if (machine.cpus[c.index()].online) start = c;
      }
      if (!start.valid()) start = task.cpus.First();
      if (start.index() >= machine.cpus.size()) {
        return absl::InvalidArgumentError(
            absl::StrCat("task \"", spec.name, "\": start_cpu does not exist"));
      }
      task.start_cpu = start;
      task.start = spec.start;
      task.first_wake = spec.first_wake;
      // A task that is there from the start can be forked too, as in rt-app.
      if (spec.instances == 0 || forked.contains(spec.name)) {
        TaskPlan made_by_fork = task;
        made_by_fork.spawned_at_start = false;
        plan.templates.push_back(std::move(made_by_fork));
      }
      for (int i = 0; i < spec.instances; ++i) {
        TaskPlan instance = task;
        if (spec.instances > 1) instance.name = absl::StrCat(spec.name, "-", i);
        plan.tasks.push_back(std::move(instance));
        specs_.push_back(&spec);
      }
    }
  }
  return absl::OkStatus();
}

// Whether a service of this set has user code for servers.
bool Composer::HasServers() const {
  for (const PolicyChoice& choice : *set_.services) {
    const RegistryEntry* const entry = registry_.Find(Seam::kKernelService, choice.name);
    if (entry != nullptr && entry->info->server_path.valid()) return true;
  }
  return false;
}

// The servers of all groups, after the scenario's tasks.
absl::Status Composer::PlanServers() {
  if (!HasServers()) return absl::OkStatus();
  const CpuSet possible = CpuSet::FirstN(static_cast<int>(scenario_.machine.cpus.size()));
  for (const UmcgGroupSpec& group : scenario_.groups) {
    for (const UmcgServerSpec& server : group.servers) {
      TaskPlan task;
      task.name = server.name;
      task.sched = server.sched;
      task.cpus = server.cpus.value_or(possible) & possible;
      if (task.cpus.empty()) {
        return absl::InvalidArgumentError(
            absl::StrCat("server \"", server.name, "\" may run on no CPU of this machine"));
      }
      task.start_cpu = task.cpus.First();
      task.is_daemon = true;
      plan.tasks.push_back(std::move(task));
      specs_.push_back(nullptr);
    }
  }
  // Then, where a thread of its own preempts, one for each group.
  for (const UmcgGroupSpec& group : scenario_.groups) {
    if (!HasWatchdogs() || group.servers.empty()) continue;
    TaskPlan task;
    task.name = absl::StrCat(group.name, ".watchdog");
    task.sched = group.servers.front().sched;
    task.cpus = possible;
    task.start_cpu = possible.First();
    task.is_daemon = true;
    plan.tasks.push_back(std::move(task));
    specs_.push_back(nullptr);
  }
  return absl::OkStatus();
}

// Whether a service of this set is told that watchdogs preempt.
bool Composer::HasWatchdogs() const {
  for (const PolicyChoice& choice : *set_.services) {
    for (const auto& [name, value] : choice.params) {
      const auto* text = std::get_if<std::string>(&value);
      if (name == "preempt.source" && text != nullptr && *text == "watchdog") return true;
    }
  }
  return false;
}

int Composer::NumPolicyTasks() const {
  int count = static_cast<int>(scenario_.machine.cpus.size());  // stop tasks
  for (const PolicyChoice& choice : *set_.services) {
    const RegistryEntry* const entry = registry_.Find(Seam::kKernelService, choice.name);
    if (entry == nullptr) continue;
    for (const KthreadInfo& kthread : entry->info->kthreads) {
      count += kthread.per_cpu ? static_cast<int>(scenario_.machine.cpus.size()) : 1;
    }
  }
  return count;
}

// Servers begin in the path of the first service that has one, and workers that start parked sleep
// in it; where no service has groups a worker is an ordinary task.
void Composer::StartInPaths() {
  for (std::size_t s = 0; s < policies.services.size(); ++s) {
    const PolicyId id = policies.service_ids[s];
    const PolicyInfo& info = *policies.rows[id.index()].info;
    if (!info.server_path.valid()) continue;
    for (std::size_t i = 0; i < plan.tasks.size(); ++i) {
      TaskPlan& task = plan.tasks[i];
      const UserTask& user = user_.tasks[i + 1];
      const bool is_parked =
          specs_[i] != nullptr && specs_[i]->worker_start == WorkerStart::kParked;
      const bool is_daemon = specs_[i] == nullptr;
      if (user.group < 0 || (!is_daemon && !is_parked)) continue;
      task.policy = id;
      task.path = is_parked ? info.parked_path : info.server_path;
      task.argument = user.group;
      task.starts_asleep = is_parked;
    }
    return;
  }
}

absl::Status Composer::CompileAll() {
  ProgramNames names;
  names.registry = &registry_;
  for (std::size_t i = 0; i < scenario_.mutexes.size(); ++i) {
    names.locks[scenario_.mutexes[i]] = static_cast<int32_t>(i);
  }
  for (std::size_t i = 0; i < plan.tasks.size(); ++i)
    names.tasks[plan.tasks[i].name] = static_cast<int32_t>(i) + 1;
  for (std::size_t i = 0; i < plan.templates.size(); ++i) {
    names.templates[plan.templates[i].name] = static_cast<int32_t>(i);
  }
  for (std::size_t i = 0; i < policies.rows.size(); ++i) {
    names.services.emplace_back(static_cast<int>(i), policies.rows[i].info);
  }
  for (const UmcgGroupSpec& group : scenario_.groups) {
    for (const UmcgServerSpec& server : group.servers) {
      if (names.tasks.count(server.name) == 0) names.absent.insert(server.name);
    }
  }
  for (const ActionSpec& action : scenario_.actions) {
    if (names.absent.count(action.task) != 0) continue;
    if (action.kind == ActionKind::kIsolate) continue;
    if (names.tasks.find(action.task) == names.tasks.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("actions: there is no task \"", action.task, "\""));
    }
  }
  absl::StatusOr<Programs> programs = CompilePrograms(scenario_, names);
  if (!programs.ok()) return programs.status();
  plan.programs = *std::move(programs);
  return absl::OkStatus();
}

}  // namespace rqsim
