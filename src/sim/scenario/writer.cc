// A Scenario as a document: canonical, with every length in cycles and what is the default left
// out.

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "rqsim/ops.h"
#include "rqsim/scenario_reader.h"
#include "sim/scenario/expect_text.h"
#include "sim/scenario/json_print.h"
#include "sim/scenario/read_context.h"
#include "sim/scenario/words.h"

namespace rqsim {
namespace {

using Json = nlohmann::ordered_json;

Json OfOps(const std::vector<OpSpec>& ops);

Json OfLoopCount(int64_t count) { return count < 0 ? Json("forever") : Json(count); }

Json OfSched(const SchedSpec& sched) {
  Json out = {{"policy", WordOfValue(kSchedPolicyWords, sched.policy)}};
  if (sched.priority != 0) out["priority"] = sched.priority;
  if (sched.nice != 0) out["nice"] = sched.nice;
  if (sched.slice != kZeroCycles) out["slice"] = sched.slice.count();
  if (sched.dl_runtime != kZeroCycles) out["runtime"] = sched.dl_runtime.count();
  if (sched.dl_deadline != kZeroCycles) out["deadline"] = sched.dl_deadline.count();
  if (sched.dl_period != kZeroCycles) out["period"] = sched.dl_period.count();
  if (sched.dl_reclaim) out["flags"].push_back("reclaim");
  if (sched.dl_overrun) out["flags"].push_back("overrun");
  if (sched.reset_on_fork) out["reset_on_fork"] = true;
  return out;
}

// `"A"` when nothing else is to be said, else the object.
Json NameOrObject(const char* key, const std::string& name, const Json& more) {
  if (more.empty()) return name;
  Json out = {{key, name}};
  out.update(more);
  return out;
}

Json OfRun(const OpSpec& op) {
  const Json length = op.forever ? Json("forever") : Json(op.cycles.count());
  if (op.mode == RunMode::kUser) return length;
  return {{"for", length}, {"mode", WordOfValue(kRunModeWords, op.mode)}};
}

Json OfService(const OpSpec& op) {
  Json out = Json::object();
  for (const auto& [name, value] : op.args) {
    std::visit([&out, &key = name](const auto& v) { out[key] = v; }, value);
  }
  return out;
}

// What stands behind the name of an operation.
Json OfSleep(const OpSpec& op) {
  const bool usual = op.sleep_state == SleepState::kInterruptible;
  if (usual && !op.until) return op.cycles.count();
  Json out = op.until ? Json{{"until", op.until->cycles()}} : Json{{"for", op.cycles.count()}};
  if (!usual) out["state"] = WordOfValue(kSleepStateWords, op.sleep_state);
  return out;
}

Json OfForm(const OpSpec& op) {
  Json more = Json::object();
  if (op.timeout) more["timeout"] = op.timeout->count();
  switch (op.kind) {
    case OpKind::kRun:
      return OfRun(op);
    case OpKind::kRuntime:
    case OpKind::kPreemptOff:
    case OpKind::kIrqsOff:
      return op.cycles.count();
    case OpKind::kSleep:
      return OfSleep(op);
    case OpKind::kTimer:
      more = {{"ref", op.name}, {"period", op.cycles.count()}};
      if (op.timer_mode != TimerMode::kRelative) {
        more["mode"] = WordOfValue(kTimerModeWords, op.timer_mode);
      }
      if (op.unique) more["unique"] = true;
      return more;
    case OpKind::kLock:
      if (op.lock_wait == LockWait::kInterruptible) more["interruptible"] = true;
      if (op.lock_wait == LockWait::kKillable) more["killable"] = true;
      if (!op.ops.empty()) more["then"] = OfOps(op.ops);
      if (!op.otherwise.empty()) more["else"] = OfOps(op.otherwise);
      return NameOrObject("name", op.name, more);
    case OpKind::kTrylock:
      if (!op.ops.empty()) more["then"] = OfOps(op.ops);
      if (!op.otherwise.empty()) more["else"] = OfOps(op.otherwise);
      return NameOrObject("name", op.name, more);
    case OpKind::kWait:
    case OpKind::kSync: {
      Json out = {{"ref", op.name}, {"mutex", op.second}};
      out.update(more);
      return out;
    }
    case OpKind::kUnlock:
    case OpKind::kSignal:
    case OpKind::kBroad:
    case OpKind::kBarrier:
    case OpKind::kSuspend:
    case OpKind::kResume:
    case OpKind::kSemPost:
    case OpKind::kFork:
      return op.name;
    case OpKind::kSemWait:
      return NameOrObject("name", op.name, more);
    case OpKind::kYield:
    case OpKind::kMigrateDisable:
    case OpKind::kMigrateEnable:
    case OpKind::kExec:
    case OpKind::kExit:
      return Json::object();
    case OpKind::kBlock:
      if (op.sleep_state != SleepState::kInterruptible) {
        more["state"] = WordOfValue(kSleepStateWords, op.sleep_state);
      }
      if (op.page_fault) more["kind"] = "fault";
      if (op.cycles > kZeroCycles) more["for"] = op.cycles.count();
      if (op.count != 1) more["times"] = op.count;
      if (op.kernel_tail > kZeroCycles) more["kernel_tail"] = op.kernel_tail.count();
      return more;
    case OpKind::kWake:
      if (op.sync) more["sync"] = true;
      return NameOrObject("task", op.name, more);
    case OpKind::kKill:
      if (op.signal != SignalKind::kOrdinary) more["signal"] = WordOfValue(kSignalWords, op.signal);
      return NameOrObject("task", op.name, more);
    case OpKind::kSetSched:
      return OfSched(op.sched);
    case OpKind::kSetAffinity:
      return op.cpus.ToString();
    case OpKind::kLoop:
      more["count"] = OfLoopCount(op.count);
      if (!op.name.empty()) more["name"] = op.name;
      more["ops"] = OfOps(op.ops);
      return more;
    case OpKind::kService:
      return OfService(op);
  }
  return more;
}

Json OfOps(const std::vector<OpSpec>& ops) {
  Json out = Json::array();
  for (const OpSpec& op : ops) {
    const std::string name =
        op.kind == OpKind::kService ? op.name : std::string(OpInfoOf(op.kind).name);
    out.push_back(Json::object({{name, OfForm(op)}}));
  }
  return out;
}

Json OfAffinity(const KthreadAffinity& affinity) {
  Json out = {{"kind", WordOfValue(kKthreadKindWords, affinity.kind)}};
  if (!affinity.cpus.empty()) out["cpus"] = affinity.cpus.ToString();
  if (affinity.node >= 0) out["node"] = affinity.node;
  if (affinity.owner != KthreadOwner::kNobody) {
    out["owner"] = WordOfValue(kKthreadOwnerWords, affinity.owner);
  }
  return out;
}

Json OfTask(const TaskSpec& task) {
  Json out = {{"name", task.name}};
  if (task.instances != 1) out["instances"] = task.instances;
  if (!(task.sched == SchedSpec{})) out["sched"] = OfSched(task.sched);
  if (task.cpus) out["cpus"] = task.cpus->ToString();
  if (task.cpuset) out["cpuset"] = task.cpuset->ToString();
  if (task.start_cpu) out["start_cpu"] = task.start_cpu->value();
  if (task.start != Time()) out["start"] = task.start.cycles();
  if (task.worker_start == WorkerStart::kParked) out["start"] = "parked";
  if (task.worker_start == WorkerStart::kRegister) out["start"] = "register";
  if (task.tid != 0) out["tid"] = task.tid;
  if (!task.process.empty()) out["process"] = task.process;
  if (task.basic) out["role"] = "basic";
  if (task.deadline) out["deadline"] = task.deadline->count();
  if (task.first_wake) out["first_wake"] = task.first_wake->cycles();
  if (task.affinity) out["affinity"] = OfAffinity(*task.affinity);
  if (task.loop != 1) out["loop"] = OfLoopCount(task.loop);
  out["ops"] = OfOps(task.ops);
  return out;
}

Json OfMaskCall(const ActionSpec& action) {
  return {{"task", action.task}, {"cpus", action.cpus.ToString()}};
}

Json OfGroup(const UmcgGroupSpec& group) {
  Json out = Json::object();
  if (!group.name.empty()) out["name"] = group.name;
  if (!group.process.empty()) out["process"] = group.process;
  out["servers"] = Json::array();
  for (const UmcgServerSpec& server : group.servers) {
    Json item = {{"name", server.name}};
    if (server.tid != 0) item["tid"] = server.tid;
    if (server.cpus) item["cpus"] = server.cpus->ToString();
    if (!(server.sched == SchedSpec{})) item["sched"] = OfSched(server.sched);
    out["servers"].push_back(std::move(item));
  }
  out["workers"] = group.workers;
  if (!group.scheduler.empty()) out["scheduler"] = group.scheduler;
  return out;
}

Json OfAction(const ActionSpec& action) {
  Json out = {{"at", action.at.cycles()}};
  switch (action.kind) {
    case ActionKind::kWake:
      out["wake"] = action.task;
      break;
    case ActionKind::kSignal:
      out["signal"] = {{"task", action.task}};
      if (action.signal != SignalKind::kOrdinary) {
        out["signal"]["signal"] = WordOfValue(kSignalWords, action.signal);
      }
      break;
    case ActionKind::kSetAffinity:
      out["set_affinity"] = OfMaskCall(action);
      break;
    case ActionKind::kSetSched:
      out["set_sched"] = {{"task", action.task}};
      out["set_sched"].update(OfSched(action.sched));
      break;
    case ActionKind::kAffinePreferred:
      out["kthread_affine_preferred"] = OfMaskCall(action);
      break;
    case ActionKind::kAffinePreferredUpdate:
      out["kthread_affine_preferred_update"] = OfMaskCall(action);
      break;
    case ActionKind::kBind:
      out["kthread_bind_mask"] = OfMaskCall(action);
      break;
    case ActionKind::kIsolate:
      out["isolate"] = Json::object();
      if (!action.cpus.empty()) out["isolate"]["cpus"] = action.cpus.ToString();
      break;
    case ActionKind::kMoveToCpuset:
      out["move_to_cpuset"] = {{"task", action.task}};
      if (!action.cpus.empty()) out["move_to_cpuset"]["cpus"] = action.cpus.ToString();
      break;
  }
  return out;
}

Json OfHotplug(const HotplugSpec& request) {
  Json out = {{"at", request.at.cycles()}};
  if (request.to.starts_with("fail:")) {
    out["fail"] = request.to.substr(5);
  } else {
    out["to"] = request.to;
  }
  if (!request.cpus.empty()) out["cpu"] = request.cpus.ToString();
  if (request.on) out["on"] = request.on->value();
  return out;
}

bool SameSpec(const CpuSpec& a, const CpuSpec& b) {
  return a.capacity == b.capacity && a.node == b.node && a.llc == b.llc && a.core == b.core &&
         a.cluster == b.cluster && a.online == b.online;
}

Json OfCpus(const std::vector<CpuSpec>& cpus) {
  Json out = Json::array();
  for (std::size_t first = 0; first < cpus.size();) {
    const CpuSpec& spec = cpus[first];
    CpuSet ids;
    std::size_t next = first;
    for (; next < cpus.size() && SameSpec(cpus[next], spec); ++next) {
      ids.Add(CpuId(static_cast<int32_t>(next)));
    }
    Json cpu = {{"ids", ids.ToString()}};
    if (spec.capacity != CpuSpec().capacity) cpu["capacity"] = spec.capacity;
    if (spec.node != 0) cpu["node"] = spec.node;
    if (spec.llc != spec.node) cpu["llc"] = spec.llc;
    if (spec.core >= 0) cpu["core"] = spec.core;
    if (spec.cluster >= 0) cpu["cluster"] = spec.cluster;
    if (!spec.online) cpu["online"] = false;
    out.push_back(std::move(cpu));
    first = next;
  }
  return out;
}

// What a machine is when nothing is said of it.
const MachineSpec kUsualMachine;

Json OfCosts(const MachineSpec& machine) {
  Json out = Json::object();
  if (machine.cost_preset != kUsualMachine.cost_preset) out["preset"] = machine.cost_preset;
  const MachineCosts preset =
      CostsOfPreset(machine.cost_preset, machine.clock_hz).value_or(MachineCosts());
  for (const CostField& field : CostFields()) {
    const Cycles cost = machine.costs.*field.member;
    if (cost != preset.*field.member) out[std::string(field.name)] = cost.count();
  }
  if (machine.costs.c_exit && machine.costs.c_exit != preset.c_exit) {
    out["c_exit"] = machine.costs.c_exit->count();
  }
  return out;
}

Json OfMachine(const MachineSpec& machine) {
  const MachineSpec& usual = kUsualMachine;
  Json out = Json::object();
  if (machine.clock_hz != usual.clock_hz) out["clock_hz"] = machine.clock_hz;
  if (machine.hz != usual.hz) out["hz"] = machine.hz;
  if (!machine.tick) out["tick"] = false;
  if (machine.cpus.size() != 1 || !SameSpec(machine.cpus[0], CpuSpec())) {
    out["cpus"] = OfCpus(machine.cpus);
  }
  if (!machine.distances.empty()) out["distances"] = machine.distances;
  if (machine.housekeeping) out["housekeeping"] = machine.housekeeping->ToString();
  if (Json costs = OfCosts(machine); !costs.empty()) out["costs"] = std::move(costs);
  if (machine.nohz != usual.nohz) out["nohz"] = WordOfValue(kNohzWords, machine.nohz);
  if (!machine.nohz_full.empty()) out["nohz_full"] = machine.nohz_full.ToString();
  if (machine.idle_tick != usual.idle_tick) {
    out["idle_tick"] = WordOfValue(kIdleTickWords, machine.idle_tick);
  }
  if (machine.skew_tick) out["skew_tick"] = true;
  if (machine.ties != usual.ties) out["ties"] = WordOfValue(kTiesWords, machine.ties);
  if (machine.cpu_choice != usual.cpu_choice) {
    out["cpu_choice"] = WordOfValue(kCpuChoiceWords, machine.cpu_choice);
  }
  if (!machine.cpu_choice_start.empty()) {
    Json choices = Json::array();
    for (CpuId cpu : machine.cpu_choice_start) choices.push_back(cpu.value());
    out["cpu_choice_start"] = std::move(choices);
  }
  if (machine.start_state != usual.start_state) {
    out["start_state"] = WordOfValue(kStartStateWords, machine.start_state);
  }
  if (machine.idle_poll) out["idle_poll"] = true;
  for (const IdleState& state : machine.idle_states) {
    Json item = {{"name", state.name}, {"exit_latency", state.exit_latency.count()}};
    if (state.target_residency > kZeroCycles) {
      item["target_residency"] = state.target_residency.count();
    }
    if (state.polling) item["polling"] = true;
    out["idle_states"].push_back(std::move(item));
  }
  if (machine.idle_governor == IdleGovernor::kFixed) {
    out["idle_governor"] = fmt::format("fixed:{}", machine.idle_fixed);
  }
  if (machine.irq_time_accounting) out["irq_time_accounting"] = true;
  if (!machine.tick_elision) out["tick_elision"] = false;
  if (machine.slack_policy != usual.slack_policy) {
    out["slack_policy"] = WordOfValue(kSlackPolicyWords, machine.slack_policy);
  }
  if (machine.limit_tasks) out["limits"]["tasks"] = *machine.limit_tasks;
  if (machine.limit_instant_passes != usual.limit_instant_passes) {
    out["limits"]["instant_passes"] = machine.limit_instant_passes;
  }
  if (machine.limit_pick_again != usual.limit_pick_again) {
    out["limits"]["pick_again"] = machine.limit_pick_again;
  }
  if (machine.limit_proxy_hops != usual.limit_proxy_hops) {
    out["limits"]["proxy_hops"] = machine.limit_proxy_hops;
  }
  return out;
}

Json OfChoice(const PolicyChoice& choice, Seam seam = Seam::kLockProtocol) {
  if (choice.params.empty()) return choice.name;
  Json out = {{NameKeyOf(seam), choice.name}};
  for (const auto& [name, value] : choice.params) {
    std::visit([&out, &key = name](const auto& v) { out[key] = v; }, value);
  }
  return out;
}

Json OfFaults(const std::vector<FaultSpec>& faults) {
  Json out = Json::array();
  for (const FaultSpec& fault : faults) {
    if (fault.name != "window") {
      if (fault.args.empty()) {
        out.push_back(fault.name);
        continue;
      }
      Json item = {{"name", fault.name}};
      for (const auto& [name, value] : fault.args) {
        std::visit([&item, &key = name](const auto& v) { item[key] = v; }, value);
      }
      out.push_back(std::move(item));
      continue;
    }
    Json window = {{"name", fault.name}, {"at", fault.at}};
    if (!fault.task.empty()) window["task"] = fault.task;
    if (fault.nth != 1) window["nth"] = fault.nth;
    if (fault.hold) window["hold"] = fault.hold->count();
    if (fault.until) window["until"] = fault.until->cycles();
    out.push_back(std::move(window));
  }
  return out;
}

Json OfPolicySet(const PolicySet& set) {
  Json out = Json::object();
  if (!set.preset.empty()) out["preset"] = set.preset;
  if (!set.kernel.empty()) out["kernel"] = set.kernel;
  if (set.sched_class) out["class"] = OfChoice(*set.sched_class);
  if (set.lock) out["lock"] = OfChoice(*set.lock);
  if (set.placement) {
    const Json choice = OfChoice(*set.placement, Seam::kPlacement);
    out["placement"] = choice.is_string() ? Json::object({{"wake", choice}}) : choice;
  }
  if (set.services) {
    out["services"] = Json::array();
    for (const PolicyChoice& service : *set.services) out["services"].push_back(OfChoice(service));
  }
  if (set.user) out["user"] = OfChoice(*set.user);
  if (!set.faults.empty()) out["faults"] = OfFaults(set.faults);
  return out;
}

Json OfExtraInvariant(const ExtraInvariant& spec) {
  Json out = {{"name", spec.name}};
  if (!spec.never.empty()) out["never"] = spec.never;
  if (!spec.after.empty()) out["after"] = spec.after;
  if (!spec.before.empty()) out["before"] = spec.before;
  if (!spec.comes.empty()) {
    out["comes"] = spec.comes;
    out["within"] = spec.within.count();
  }
  return out;
}

Json OfChecks(const CheckSpec& spec) {
  Json out = Json::object();
  if (spec.rt_topn_strict) out["rt_topn"] = "strict";
  if (!spec.extra_invariants.empty()) {
    Json& list = out["extra_invariants"] = Json::array();
    for (const ExtraInvariant& extra : spec.extra_invariants)
      list.push_back(OfExtraInvariant(extra));
  }
  return out;
}

Json OfAssert(const AssertSpec& spec) {
  Json out = Json::object();
  if (!spec.policy.empty()) out["policy"] = spec.policy;
  if (!spec.task.empty()) out["task"] = spec.task;
  if (!spec.lock.empty()) out["lock"] = spec.lock;
  if (!spec.cpu.empty()) out["cpu"] = CpuSet::Parse(spec.cpu).value_or(CpuSet()).First().value();
  out["metric"] = spec.metric;
  if (spec.min) out["min"] = *spec.min;
  if (spec.max) out["max"] = *spec.max;
  if (spec.equals) out["equals"] = *spec.equals;
  return out;
}

std::string CpuKey(CpuId cpu) { return fmt::format("{}", cpu.value()); }

Json OfMetrics(const MetricValues& values) {
  Json out = Json::object();
  for (const auto& [name, value] : values) out[name] = value;
  return out;
}

Json OfNamed(const std::vector<ExpectNamed>& list) {
  Json out = Json::object();
  for (const ExpectNamed& named : list) {
    Json values = OfMetrics(named.values);
    if (named.states_acquired) values["acquired"] = CanonicalAcquired(named.acquired);
    out[named.name] = std::move(values);
  }
  return out;
}

Json OfLanes(const std::vector<ExpectLane>& lanes) {
  Json out = Json::object();
  for (const ExpectLane& lane : lanes) out[CpuKey(lane.cpu)] = CanonicalCells(lane.cells);
  return out;
}

Json OfReturns(const std::vector<ExpectReturn>& returns) {
  Json out = Json::array();
  for (const ExpectReturn& item : returns) {
    out.push_back(
        {{"task", item.task}, {"op", item.op}, {"at", item.at.cycles()}, {"value", item.value}});
  }
  return out;
}

Json OfStates(const std::vector<ExpectState>& states) {
  Json out = Json::array();
  for (const ExpectState& state : states) {
    Json item = {{"at", state.at.cycles()}};
    if (!state.task.empty()) item["task"] = state.task;
    if (!state.lock.empty()) item["lock"] = state.lock;
    if (!state.word.empty()) item["word"] = state.word;
    if (state.rq.valid()) item["rq"] = state.rq.value();
    for (const auto& [field, value] : state.values) item[field] = value;
    out.push_back(std::move(item));
  }
  return out;
}

Json OfExpect(const ExpectSpec& spec) {
  Json out = Json::object();
  const auto put = [&out](const char* key, Json value) {
    if (!value.empty()) out[key] = std::move(value);
  };
  put("policy", spec.policies);
  if (!spec.source.empty()) out["source"] = spec.source;
  if (spec.outcome) out["outcome"] = WordOfValue(kOutcomeWords, *spec.outcome);
  if (spec.end) out["end"] = spec.end->cycles();
  put("timeline", OfLanes(spec.timeline));
  put("work", OfLanes(spec.work));
  put("user", OfLanes(spec.user));
  Json switches = Json::object();
  for (const ExpectSwitchLane& lane : spec.switches) {
    switches[CpuKey(lane.cpu)] = CanonicalSwitches(lane.switches);
  }
  put("switches", std::move(switches));
  put("tasks", OfNamed(spec.tasks));
  put("locks", OfNamed(spec.locks));
  put("cpus", OfNamed(spec.cpus));
  put("metrics", OfMetrics(spec.metrics));
  put("returns", OfReturns(spec.returns));
  put("events", spec.events);
  put("no_events", spec.no_events);
  put("states", OfStates(spec.states));
  Json violations = Json::array();
  for (const ExpectViolation& violation : spec.violations) {
    Json item = {{"id", violation.id}};
    if (violation.at) item["at"] = violation.at->cycles();
    violations.push_back(std::move(item));
  }
  put("violations", std::move(violations));
  return out;
}

template <class List, class Of>
Json OfList(const List& list, Of of) {
  Json out = Json::array();
  for (const auto& item : list) out.push_back(of(item));
  return out;
}

Json OfScenario(const Scenario& scenario) {
  Json out = {{"version", 1}};
  const auto put = [&out](const char* key, Json value) {
    if (!value.empty()) out[key] = std::move(value);
  };
  if (!scenario.name.empty()) out["name"] = scenario.name;
  if (!scenario.description.empty()) out["description"] = scenario.description;
  if (scenario.kernel != Scenario().kernel) out["kernel"] = scenario.kernel;
  put("machine", OfMachine(scenario.machine));
  if (scenario.until) out["until"] = scenario.until->cycles();
  if (scenario.seed != Scenario().seed) out["seed"] = scenario.seed;
  put("mutexes", scenario.mutexes);
  put("condvars", scenario.condvars);
  Json semaphores = Json::object();
  for (const auto& [name, value] : scenario.semaphores) semaphores[name] = value;
  put("semaphores", std::move(semaphores));
  put("tasks", OfList(scenario.tasks, OfTask));
  put("kthreads", OfList(scenario.kthreads, OfTask));
  put("umcg", OfList(scenario.groups, OfGroup));
  put("hotplug", OfList(scenario.hotplug, OfHotplug));
  put("actions", OfList(scenario.actions, OfAction));
  put("common", OfPolicySet(scenario.common));
  Json policies = Json::object();
  for (const PolicySet& set : scenario.policies) policies[set.name] = OfPolicySet(set);
  put("policies", std::move(policies));
  put("faults", OfFaults(scenario.faults));
  if (Json check = OfChecks(scenario.check); !check.empty()) out["check"] = std::move(check);
  put("assert", OfList(scenario.asserts, OfAssert));
  put("expect", OfList(scenario.expects, OfExpect));
  return out;
}

}  // namespace

std::string WriteScenario(const Scenario& scenario) { return PrintJson(OfScenario(scenario)); }

uint64_t ScenarioHash(const Scenario& scenario) {
  Json document = OfScenario(scenario);
  for (const char* key : {"name", "description", "assert", "expect"}) document.erase(key);
  // FNV-1a over the canonical text.
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : document.dump()) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3u;
  }
  return hash;
}

}  // namespace rqsim
