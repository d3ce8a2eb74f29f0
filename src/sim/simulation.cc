// Puts a run together: a policy set with everything filled in, the policies it names, the machine.
#include "rqsim/simulation.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "rqsim/faults.h"
#include "sim/machine/machine.h"
#include "sim/scenario/user_space.h"

namespace rqsim {
namespace {

PolicyChoice Choice(std::string name, std::vector<std::pair<std::string, ParamValue>> params = {}) {
  PolicyChoice choice;
  choice.name = std::move(name);
  choice.params = std::move(params);
  return choice;
}

// The set-ups of model/README section 4 that a set can name.
PolicySet PresetSet(std::string_view preset) {
  PolicySet set;
  if (preset == "C" || preset == "M") {
    set.sched_class = Choice("default", {{"preempt", std::string("full")},
                                         {"base_slice", int64_t{3000}},
                                         {"hrtick", false},
                                         {"hrtick_min", int64_t{0}},
                                         {"hrtick_slop", int64_t{0}},
                                         {"slice_limits", false},
                                         {"dl_scale", int64_t{0}},
                                         {"dl_limits", false},
                                         {"fair_server", false}});
    set.placement = Choice("prev");
  } else if (preset == "MX" || preset == "PX") {
    set.sched_class = Choice("fifo");
    set.placement = Choice("prev");
  } else if (preset == "UM") {
    set.sched_class = Choice("fifo");
    set.placement = Choice("simple");
  } else if (preset == "PA" || preset == "HP" || preset == "KA") {
    set.sched_class = Choice("fifo", {{"preempt", std::string("none")}});
    set.placement = Choice("prev");
  }
  return set;
}

// What Linux 7.2 does where nobody says otherwise.
PolicySet KernelSet() {
  PolicySet set;
  set.sched_class = Choice("default");
  set.lock = Choice("mutex");
  set.placement = Choice("simple");
  set.services.emplace();
  return set;
}

void FillIn(PolicySet& set, const PolicySet& from) {
  if (set.kernel.empty()) set.kernel = from.kernel;
  if (!set.sched_class) set.sched_class = from.sched_class;
  if (!set.lock) set.lock = from.lock;
  if (!set.placement) set.placement = from.placement;
  if (!set.services) set.services = from.services;
  if (!set.user) set.user = from.user;
}

class Composer {
 public:
  Composer(const Scenario& scenario, const PolicySet& set, const Registry& registry)
      : scenario_(scenario), set_(ResolvePolicySet(scenario, set)), registry_(registry) {
    AddHotplugService();
  }

  absl::Status Compose();

  MachinePlan plan;
  MachinePolicies policies;
  std::vector<std::unique_ptr<Policy>> owned;

 private:
  void AddHotplugService();
  absl::Status CheckMachine() const;
  absl::Status PlanTasks();
  absl::Status PlanServers();
  bool HasServers() const;
  bool HasWatchdogs() const;
  void CallFaults();
  void StartInPaths();
  void PlaceFaults();
  absl::Status AddImplicitServices();
  absl::Status ChooseUserSchedulers();
  void PlanKthread(const TaskSpec& spec, TaskPlan& task);
  absl::Status ChoosePreemption();
  absl::Status ChooseClasses();
  absl::Status ChooseOthers();
  absl::Status CompileAll();
  void CollectFaults();
  absl::Status ApplyFaults();
  bool ApplyFault(const FaultSpec& fault, absl::Status& status);
  bool FindHeldStep(std::string_view at, HoldPlan& hold) const;
  absl::Status AddRow(const RegistryEntry& entry,
                      const std::vector<std::pair<std::string, ParamValue>>& params);
  Limits LimitsFor(PolicyId self) const;
  const RegistryEntry* Find(Seam seam, const PolicyChoice& choice, absl::Status& status) const;
  int NumPolicyTasks() const;
  bool UsesOperationsOf(const PolicyInfo& info) const;

  int sched_class_ = -1;  // place of the class that is being made, and of the one it serves
  int served_class_ = -1;
  const Scenario& scenario_;
  PolicySet set_;
  const Registry& registry_;
  std::vector<std::string> faults_on_;  // by name; windows are not among them
  UserWorld user_;
  std::vector<const TaskSpec*> specs_;  // by planned task; null: a server
};

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

// Where CPUs go offline or come online there is a service that does it: the kernel's, unless the
// set names another one.
void Composer::AddHotplugService() {
  const RegistryEntry* const cpuhp = registry_.Find(Seam::kKernelService, "cpuhp");
  if (cpuhp == nullptr) return;
  for (const PolicyChoice& choice : *set_.services) {
    const RegistryEntry* const entry = registry_.Find(Seam::kKernelService, choice.name);
    if (entry != nullptr && entry->info->runs_hotplug) return;
  }
  bool needed = !scenario_.hotplug.empty();
  for (const std::vector<TaskSpec>* list : {&scenario_.tasks, &scenario_.kthreads}) {
    for (const TaskSpec& task : *list) needed = needed || UsesOpOf(task.ops, *cpuhp->info);
  }
  if (needed) set_.services->insert(set_.services->begin(), Choice("cpuhp"));
}

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

// Faults with arguments, of the scenario and of this set, with the tasks they name.
void Composer::CallFaults() {
  for (const std::vector<FaultSpec>* list :
       {&scenario_.faults, &scenario_.common.faults,
        static_cast<const std::vector<FaultSpec>*>(&set_.faults)}) {
    for (const FaultSpec& fault : *list) {
      if (fault.args.empty()) continue;
      FaultCall call;
      call.name = fault.name;
      for (const auto& [name, value] : fault.args) {
        const auto* text = std::get_if<std::string>(&value);
        if (name != "task" || text == nullptr) {
          call.args.emplace_back(name, value);
          continue;
        }
        int64_t task = -1;
        for (std::size_t i = 0; i < plan.tasks.size(); ++i) {
          if (plan.tasks[i].name == *text) task = static_cast<int64_t>(i) + 1;
        }
        call.args.emplace_back(name, task);
      }
      user_.faults.push_back(std::move(call));
    }
  }
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

// Faults with an instant come as events of their CPU, stalls as holds at a step.
void Composer::PlaceFaults() {
  for (std::size_t i = 0; i < user_.faults.size(); ++i) {
    const FaultCall& call = user_.faults[i];
    for (std::size_t r = 1; r < policies.rows.size(); ++r) {
      const PolicyInfo& info = *policies.rows[r].info;
      const bool is_its = std::any_of(info.faults.begin(), info.faults.end(),
                                      [&](const FaultInfo& f) { return f.name == call.name; });
      if (!is_its) continue;
      if (call.Has("at")) {
        const auto cpu = static_cast<int32_t>(call.Number("cpu", 0));
        plan.faults_at.push_back(
            {PolicyId(static_cast<int32_t>(r)), static_cast<int>(i), Time(call.Number("at", 0)),
             CpuId(cpu < static_cast<int32_t>(scenario_.machine.cpus.size()) ? cpu : 0)});
      }
      HoldPlan hold;
      if (call.name.ends_with(".stall") &&
          FindHeldStep(absl::StrCat(std::string(info.name), ".", call.Text("step")), hold)) {
        hold.task = TaskId(static_cast<int32_t>(call.Number("task", -1)));
        hold.nth = call.Number("nth", 1);
        hold.length = Cycles(call.Number("for", 0));
        plan.holds.push_back(hold);
      }
    }
  }
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
    const RegistryEntry* const entry = Find(Seam::kSchedClass, Choice(std::string(name)), status);
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
    PolicyChoice choice = Choice("fifo");
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

void Composer::CollectFaults() {
  const std::vector<FaultSpec>& own = set_.faults;
  for (const std::vector<FaultSpec>* list : {&scenario_.faults, &scenario_.common.faults, &own}) {
    for (const FaultSpec& fault : *list) {
      if (fault.name != "window") faults_on_.push_back(fault.name);
    }
  }
}

// The step of a policy of this run that `at` names: "mutex.L4", "mutex.unlock.enter"; W6 and W7 are
// steps of the lock protocol.
bool Composer::FindHeldStep(std::string_view at, HoldPlan& hold) const {
  const bool is_window = at.find('.') == std::string_view::npos;
  for (std::size_t r = 1; r < policies.rows.size(); ++r) {
    const PolicyInfo& info = *policies.rows[r].info;
    std::string_view step = at;
    if (is_window) {
      if (info.seam != Seam::kLockProtocol) continue;
    } else {
      if (!at.starts_with(info.name) || at[info.name.size()] != '.') continue;
      step.remove_prefix(info.name.size() + 1);
    }
    for (std::size_t p = 0; p < info.paths.size(); ++p) {
      for (std::size_t s = 0; s < info.paths[p].steps.size(); ++s) {
        const std::string_view name = info.paths[p].steps[s].name;
        if (step != name &&
            step != absl::StrCat(std::string(info.paths[p].name), ".", std::string(name))) {
          continue;
        }
        hold.policy = PolicyId(static_cast<int32_t>(r));
        hold.path = PathId(static_cast<int32_t>(p));
        hold.step = StepId(static_cast<int32_t>(s));
        return true;
      }
    }
  }
  return false;
}

// Returns whether the fault has a place in this run.
bool Composer::ApplyFault(const FaultSpec& fault, absl::Status& status) {
  if (fault.name != "window") {
    for (const MachineFault& row : MachineFaults()) {
      if (row.info.name != fault.name) continue;
      plan.faults.*row.on = true;
      return true;
    }
    for (const PolicyRow& row : policies.rows) {
      for (const FaultInfo& info : row.info->faults) {
        if (info.name == fault.name) return true;
      }
    }
    return false;
  }
  HoldPlan hold;
  hold.nth = fault.nth;
  if (fault.hold) hold.length = *fault.hold;
  if (fault.until) hold.until = *fault.until;
  if (!fault.task.empty()) {
    for (std::size_t i = 0; i < plan.tasks.size(); ++i) {
      if (plan.tasks[i].name == fault.task) hold.task = TaskId(static_cast<int32_t>(i) + 1);
    }
    if (!hold.task.valid()) {
      status =
          absl::InvalidArgumentError(absl::StrCat("faults: there is no task \"", fault.task, "\""));
      return false;
    }
  }
  if (fault.at.size() == 2 && fault.at[0] == 'W' && fault.at[1] >= '1' && fault.at[1] <= '5') {
    hold.window = static_cast<Window>(fault.at[1] - '0');
  } else if (!FindHeldStep(fault.at, hold)) {
    return false;
  }
  plan.holds.push_back(hold);
  return true;
}

// A fault of the scenario counts where there is something that can have it; one of a policy set
// must have a place in it.
absl::Status Composer::ApplyFaults() {
  absl::Status status;
  for (const std::vector<FaultSpec>* list : {&scenario_.faults, &scenario_.common.faults}) {
    for (const FaultSpec& fault : *list) ApplyFault(fault, status);
  }
  for (const FaultSpec& fault : set_.faults) {
    if (ApplyFault(fault, status) || !status.ok()) continue;
    return absl::InvalidArgumentError(absl::StrCat("faults: no policy of set \"", set_.name,
                                                   "\" has ",
                                                   fault.name == "window" ? fault.at : fault.name));
  }
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

class SimulationImpl final : public Simulation {
 public:
  explicit SimulationImpl(Composer composer)
      : owned_(std::move(composer.owned)),
        machine_(std::move(composer.plan), std::move(composer.policies)) {}

  void AddListener(Listener& listener) override { machine_.AddListener(listener); }
  bool RunUntil(Time t) override { return machine_.RunUntil(t); }
  void Run() override { machine_.RunUntil(kNever); }
  const RunEnd& end() const override { return machine_.end(); }
  const Kernel& kernel() const override { return machine_; }
  const RunInfo& info() const override { return machine_; }
  const std::vector<Violation>& violations() const override { return machine_.violations(); }
  void Describe(TaskId task, StateWriter& writer) const override {
    machine_.Describe(task, writer);
  }
  Time now() const override { return machine_.now(); }

 private:
  std::vector<std::unique_ptr<Policy>> owned_;
  Machine machine_;
};

}  // namespace

PolicySet ResolvePolicySet(const Scenario& scenario, const PolicySet& set) {
  PolicySet resolved = set;
  if (!set.preset.empty()) FillIn(resolved, PresetSet(set.preset));
  FillIn(resolved, scenario.common);
  if (!scenario.common.preset.empty()) FillIn(resolved, PresetSet(scenario.common.preset));
  FillIn(resolved, KernelSet());
  if (resolved.kernel.empty()) resolved.kernel = scenario.kernel;
  return resolved;
}

const PolicySet* FindPolicySet(const Scenario& scenario, std::string_view name) {
  for (const PolicySet& set : scenario.policies) {
    if (set.name == name) return &set;
  }
  static const PolicySet kDefault = [] {
    PolicySet set;
    set.name = "default";
    return set;
  }();
  return scenario.policies.empty() && name == kDefault.name ? &kDefault : nullptr;
}

absl::StatusOr<std::unique_ptr<Simulation>> Simulation::Create(const Scenario& scenario,
                                                               const PolicySet& set,
                                                               const Registry& registry) {
  Composer composer(scenario, set, registry);
  const absl::Status status = composer.Compose();
  if (!status.ok()) return status;
  return std::unique_ptr<Simulation>(std::make_unique<SimulationImpl>(std::move(composer)));
}

}  // namespace rqsim
