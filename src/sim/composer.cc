#include "sim/composer.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <type_traits>

namespace rqsim {

// Where CPUs go offline or come online there is a service that does it: the kernel's, unless the
// set names another one.
void Composer::AddHotplugService() {
  const RegistryEntry* const cpuhp = registry_.Find(Seam::kKernelService, "cpuhp");
  if (cpuhp == nullptr) return;
  for (const PolicyChoice& choice : *set_.services) {
    const RegistryEntry* const entry = registry_.Find(Seam::kKernelService, choice.name);
    if (entry != nullptr && entry->info->runs_hotplug) return;
  }
  const bool needed = !scenario_.hotplug.empty() || UsesOperationsOf(*cpuhp->info);
  if (needed) set_.services->insert(set_.services->begin(), PolicyChoice{"cpuhp", {}, {}});
}

absl::Status Composer::CheckMachine() const {
  const MachineSpec& machine = scenario_.machine;
  if (machine.cpus.empty() || machine.cpus.size() > static_cast<std::size_t>(kMaxCpus)) {
    return absl::InvalidArgumentError(absl::StrCat("machine.cpus: 1 to ", kMaxCpus, " CPUs"));
  }
  if (machine.hz < 1 || machine.clock_hz < machine.hz) {
    return absl::InvalidArgumentError("machine.hz: at least 1, and not more than clock_hz");
  }
  if (machine.idle_governor == IdleGovernor::kFixed &&
      (machine.idle_fixed < 0 ||
       machine.idle_fixed >= static_cast<int>(machine.idle_states.size()))) {
    return absl::InvalidArgumentError("machine.idle_governor: there is no such idle state");
  }
  bool any_online = false;
  for (const CpuSpec& cpu : machine.cpus) any_online = any_online || cpu.online;
  if (!any_online)
    return absl::InvalidArgumentError("machine.cpus: at least one CPU must be online");
  const std::size_t rows = machine.distances.size();
  for (const CpuSpec& cpu : machine.cpus) {
    if (rows > 0 && (cpu.node < 0 || static_cast<std::size_t>(cpu.node) >= rows)) {
      return absl::InvalidArgumentError("machine.distances: a row for each node");
    }
  }
  for (const std::vector<int>& row : machine.distances) {
    if (row.size() != rows) {
      return absl::InvalidArgumentError("machine.distances: as many columns as rows");
    }
  }
  return absl::OkStatus();
}

const RegistryEntry* Composer::Find(Seam seam, const PolicyChoice& choice,
                                    absl::Status& status) const {
  const RegistryEntry* const entry = registry_.Find(seam, choice.name);
  if (entry == nullptr) {
    status = absl::InvalidArgumentError(
        absl::StrCat(std::string(SeamName(seam)), ": there is no policy \"", choice.name, "\""));
  }
  return entry;
}

Limits Composer::LimitsFor(PolicyId self) const {
  Limits limits;
  limits.self = self;
  limits.num_cpus = static_cast<int>(scenario_.machine.cpus.size());
  limits.num_tasks = plan.task_capacity;
  limits.num_locks = static_cast<int>(scenario_.mutexes.size());
  limits.clock_hz = scenario_.machine.clock_hz;
  limits.tick = TickLength(scenario_.machine);
  limits.seed = scenario_.seed;
  limits.kernel = plan.kernel;
  limits.idle_before = IdleBeforeStart(scenario_.machine);
  limits.sched_class = sched_class_;
  limits.served_class = served_class_;
  limits.user = &user_;
  // As the machine numbers them: idle, the scenario's, stop tasks, those of the policies.
  int next = 1 + static_cast<int>(plan.tasks.size()) + limits.num_cpus;
  for (const PolicyRow& row : policies.rows) {
    for (const KthreadInfo& info : row.info->kthreads) next += info.per_cpu ? limits.num_cpus : 1;
  }
  limits.first_kthread = TaskId(next);
  return limits;
}

absl::Status Composer::AddRow(const RegistryEntry& entry,
                              const std::vector<std::pair<std::string, ParamValue>>& params) {
  if (policies.rows.size() == static_cast<std::size_t>(kMaxPolicies)) {
    return absl::InvalidArgumentError(absl::StrCat("more than ", kMaxPolicies - 1, " policies"));
  }
  const PolicyId id(static_cast<int32_t>(policies.rows.size()));
  const PolicyParams values(*entry.info, params, scenario_.machine.clock_hz, faults_on_);
  const Limits limits = LimitsFor(id);
  PolicyRow row;
  row.info = entry.info;
  const auto keep = [&](auto made) -> absl::Status {
    if (!made.ok()) return made.status();
    row.policy = made->get();
    using SeamType = typename std::remove_reference_t<decltype(**made)>;
    if constexpr (!std::is_same_v<SeamType, UserScheduler>) row.hooks = (*made)->Hooks();
    owned.push_back(*std::move(made));
    return absl::OkStatus();
  };
  absl::Status status;
  switch (entry.info->seam) {
    case Seam::kSchedClass:
      status = keep(entry.make_class(values, limits));
      break;
    case Seam::kLockProtocol:
      status = keep(entry.make_lock(values, limits));
      break;
    case Seam::kPlacement:
      status = keep(entry.make_placement(values, limits));
      break;
    case Seam::kKernelService:
      status = keep(entry.make_service(values, limits));
      break;
    case Seam::kUserScheduler:
      status = keep(entry.make_user(values, limits));
      break;
  }
  if (!status.ok()) return status;
  int next_event = kFirstPolicyEvent;
  if (!policies.rows.empty()) {
    const PolicyRow& before = policies.rows.back();
    next_event =
        static_cast<int>(before.first_event) + static_cast<int>(before.info->events.size());
  }
  if (next_event + static_cast<int>(entry.info->events.size()) > kMaxEventKinds) {
    return absl::InvalidArgumentError("the policies of this set declare too many events");
  }
  row.first_event = static_cast<EventKind>(next_event);
  policies.rows.push_back(row);
  return absl::OkStatus();
}

// 7.2 preempts lazily where nobody says otherwise; 6.12 has no lazy preemption (classes.md 3.3).
absl::Status Composer::ChoosePreemption() {
  const bool is_old = plan.kernel == KernelVersion::k6_12;
  plan.preempt = is_old ? PreemptMode::kFull : PreemptMode::kLazy;
  for (const auto& [name, value] : set_.sched_class->params) {
    if (name != "preempt") continue;
    const std::string* const text = std::get_if<std::string>(&value);
    if (text == nullptr) continue;
    if (*text == "lazy" && is_old) {
      return absl::InvalidArgumentError("class.preempt: Linux 6.12 has no lazy preemption");
    }
    if (*text == "lazy") plan.preempt = PreemptMode::kLazy;
    if (*text == "full") plan.preempt = PreemptMode::kFull;
    if (*text == "none") plan.preempt = PreemptMode::kNone;
    if (*text == "voluntary") plan.preempt = PreemptMode::kVoluntary;
  }
  return absl::OkStatus();
}

absl::Status Composer::ChooseClasses() {
  const ClassStack* const stack = registry_.FindStack(set_.sched_class->name);
  if (stack == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("class: there is no class \"", set_.sched_class->name, "\""));
  }
  absl::Status preempt = ChoosePreemption();
  if (!preempt.ok()) return preempt;
  uint32_t scheduled = 0;
  for (const std::string_view name : stack->classes) {
    absl::Status status;
    const RegistryEntry* const entry =
        Find(Seam::kSchedClass, PolicyChoice{std::string(name), {}, {}}, status);
    if (entry == nullptr) return status;
    // Each class gets those parameters of the stack that it declares.
    std::vector<std::pair<std::string, ParamValue>> params;
    for (const auto& [key, value] : set_.sched_class->params) {
      for (const ParamInfo& info : entry->info->params) {
        if (info.name == key) params.emplace_back(key, value);
      }
    }
    const PolicyId id(static_cast<int32_t>(policies.rows.size()));
    sched_class_ = static_cast<int>(policies.classes.size());
    const auto served =
        std::find(stack->classes.begin(), stack->classes.end(), entry->info->serves);
    served_class_ =
        served == stack->classes.end() ? -1 : static_cast<int>(served - stack->classes.begin());
    status = AddRow(*entry, params);
    if (!status.ok()) return status;
    policies.classes.push_back(static_cast<SchedClass*>(policies.rows.back().policy));
    policies.class_ids.push_back(id);
    scheduled |= entry->info->sched_policies;
  }
  sched_class_ = served_class_ = -1;
  for (const std::vector<TaskPlan>* list : {&plan.tasks, &plan.templates}) {
    for (const TaskPlan& task : *list) {
      if ((scheduled & (1u << static_cast<unsigned>(task.sched.policy))) != 0) continue;
      return absl::UnimplementedError(
          absl::StrCat("task \"", task.name, "\": class ", set_.sched_class->name,
                       " does not schedule its policy in this version"));
    }
  }
  return absl::OkStatus();
}

absl::Status Composer::ChooseOthers() {
  absl::Status status;
  const RegistryEntry* const lock = Find(Seam::kLockProtocol, *set_.lock, status);
  if (lock == nullptr) return status;
  policies.lock_id = PolicyId(static_cast<int32_t>(policies.rows.size()));
  status = AddRow(*lock, set_.lock->params);
  if (!status.ok()) return status;
  policies.lock = static_cast<LockProtocol*>(policies.rows.back().policy);

  const RegistryEntry* const placement = Find(Seam::kPlacement, *set_.placement, status);
  if (placement == nullptr) return status;
  policies.placement_id = PolicyId(static_cast<int32_t>(policies.rows.size()));
  status = AddRow(*placement, set_.placement->params);
  if (!status.ok()) return status;
  policies.placement = static_cast<Placement*>(policies.rows.back().policy);

  for (const PolicyChoice& choice : *set_.services) {
    const RegistryEntry* const service = Find(Seam::kKernelService, choice, status);
    if (service == nullptr) return status;
    policies.service_ids.emplace_back(static_cast<int32_t>(policies.rows.size()));
    status = AddRow(*service, choice.params);
    if (!status.ok()) return status;
    policies.services.push_back(static_cast<KernelService*>(policies.rows.back().policy));
  }
  status = AddImplicitServices();
  if (!status.ok()) return status;
  return ChooseUserSchedulers();
}

// Those that the programs need, whatever the set says.
absl::Status Composer::AddImplicitServices() {
  absl::Status status;
  for (const RegistryEntry& entry : registry_.entries()) {
    if (!entry.info->implicit || !UsesOperationsOf(*entry.info)) continue;
    const auto same = [&entry](const PolicyChoice& choice) {
      return choice.name == entry.info->name;
    };
    if (std::any_of(set_.services->begin(), set_.services->end(), same)) continue;
    policies.service_ids.emplace_back(static_cast<int32_t>(policies.rows.size()));
    status = AddRow(entry, {});
    if (!status.ok()) return status;
    policies.services.push_back(static_cast<KernelService*>(policies.rows.back().policy));
  }
  return status;
}

// One user scheduler for all groups if the set names one; else each group its own, `fifo` where it
// names none.
absl::Status Composer::ChooseUserSchedulers() {
  absl::Status status;
  if (!set_.user && !HasServers()) return status;
  std::vector<UserScheduler*> by_group;
  for (std::size_t g = 0; g < std::max<std::size_t>(scenario_.groups.size(), 1); ++g) {
    if (set_.user && g > 0) {
      by_group.push_back(by_group.front());
      continue;
    }
    PolicyChoice choice = PolicyChoice{"fifo", {}, {}};
    if (g < scenario_.groups.size() && !scenario_.groups[g].scheduler.empty()) {
      choice.name = scenario_.groups[g].scheduler;
    }
    if (set_.user) choice = *set_.user;
    const RegistryEntry* const user = Find(Seam::kUserScheduler, choice, status);
    if (user == nullptr) return status;
    status = AddRow(*user, choice.params);
    if (!status.ok()) return status;
    by_group.push_back(static_cast<UserScheduler*>(policies.rows.back().policy));
  }
  for (KernelService* service : policies.services) service->Bind(by_group);
  return status;
}

absl::Status Composer::Compose() {
  CollectFaults();
  absl::Status status = CheckMachine();
  if (status.ok()) status = PlanTasks();
  if (status.ok()) status = PlanServers();
  std::vector<PlannedTask> planned;
  for (std::size_t i = 0; i < plan.tasks.size(); ++i) {
    planned.push_back({plan.tasks[i].name, plan.tasks[i].kthread, specs_[i]});
  }
  user_ = DescribeUserSpace(scenario_, planned, HasServers(), HasWatchdogs());
  CallFaults();
  if (!status.ok()) return status;
  if (set_.kernel != "7.2" && set_.kernel != "6.12") {
    return absl::InvalidArgumentError(
        absl::StrCat("kernel: there is no preset \"", set_.kernel, "\", only 7.2 and 6.12"));
  }
  if (set_.kernel == "6.12") plan.kernel = KernelVersion::k6_12;
  const int declared = static_cast<int>(plan.tasks.size()) + NumPolicyTasks() + 1;
  const int spare = plan.templates.empty() ? 0 : kDefaultSpareTasks;
  plan.task_capacity = std::max(declared, scenario_.machine.limit_tasks.value_or(declared + spare));
  if (plan.task_capacity > kMaxTasks) {
    return absl::InvalidArgumentError(absl::StrCat("more than ", kMaxTasks, " tasks"));
  }
  PolicyRow machine;
  machine.info = &MachinePolicyInfo();
  machine.first_event = static_cast<EventKind>(kFirstPolicyEvent);
  policies.rows.push_back(machine);
  status = ChooseClasses();
  if (status.ok()) status = ChooseOthers();
  if (status.ok()) status = ApplyFaults();
  if (status.ok()) StartInPaths();
  if (status.ok()) PlaceFaults();
  if (status.ok()) status = CompileAll();
  if (!status.ok()) return status;
  plan.scenario = scenario_;
  plan.set_name = set_.name;
  return absl::OkStatus();
}

}  // namespace rqsim
