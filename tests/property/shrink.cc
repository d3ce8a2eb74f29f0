#include "property/shrink.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rqsim/scenario_reader.h"

namespace rqsim {
namespace {

// One step of shrinking, made on a copy.
using Change = std::function<void(Scenario&)>;

template <class T>
void EraseAt(std::vector<T>& list, std::size_t i) {
  list.erase(list.begin() + static_cast<std::ptrdiff_t>(i));
}

// Ways to make a length shorter, the boldest first.
template <class T>
void Shorten(int64_t length, std::vector<Change>& changes, const T& member) {
  for (const int64_t less : {int64_t{1}, length / 2, length - length / 8, length - 1}) {
    if (less <= 0 || less >= length) continue;
    changes.push_back([=](Scenario& s) { member(s) = Cycles(less); });
  }
}

void ShrinkPolicy(std::optional<PolicyChoice> PolicySet::*seam, const Scenario& scenario,
                  std::vector<Change>& changes) {
  const std::optional<PolicyChoice>& choice = scenario.common.*seam;
  if (!choice) return;
  changes.push_back([=](Scenario& s) { s.common.*seam = std::nullopt; });
  for (std::size_t i = 0; i < choice->params.size(); ++i) {
    changes.push_back([=](Scenario& s) { EraseAt((s.common.*seam)->params, i); });
  }
}

void ShrinkMachine(const Scenario& scenario, std::vector<Change>& changes) {
  const MachineSpec& machine = scenario.machine;
  if (machine.cpus.size() > 1) {
    changes.push_back([](Scenario& s) {
      s.machine.cpus.pop_back();
      s.machine.nohz_full.Remove(CpuId(static_cast<int32_t>(s.machine.cpus.size())));
    });
  }
  for (std::size_t c = 0; c < machine.cpus.size(); ++c) {
    changes.push_back([=](Scenario& s) { s.machine.cpus[c] = CpuSpec(); });
  }
  for (Cycles MachineCosts::*cost :
       {&MachineCosts::c_syscall, &MachineCosts::c_sched, &MachineCosts::c_ctx,
        &MachineCosts::c_tick, &MachineCosts::c_timer, &MachineCosts::c_timer_each,
        &MachineCosts::c_wake, &MachineCosts::c_ipi_send, &MachineCosts::l_ipi,
        &MachineCosts::c_ipi_recv, &MachineCosts::c_ttwu_each}) {
    if (machine.costs.*cost == kZeroCycles) continue;
    changes.push_back([=](Scenario& s) { s.machine.costs.*cost = kZeroCycles; });
    Shorten((machine.costs.*cost).count(), changes,
            [=](Scenario& s) -> Cycles& { return s.machine.costs.*cost; });
  }
  const MachineSpec plain;
  changes.push_back([](Scenario& s) { s.machine.nohz_full = CpuSet(); });
  changes.push_back([=](Scenario& s) { s.machine.nohz = plain.nohz; });
  changes.push_back([=](Scenario& s) { s.machine.idle_tick = plain.idle_tick; });
  changes.push_back([=](Scenario& s) { s.machine.skew_tick = plain.skew_tick; });
  changes.push_back([](Scenario& s) { s.kernel = Scenario().kernel; });
}

// Groups of UMCG: with a group go its workers, with a task its place in its group and its faults.
void EraseTask(Scenario& s, const std::string& name) {
  std::erase_if(s.tasks, [&](const TaskSpec& task) { return task.name == name; });
  std::erase_if(s.actions, [&](const ActionSpec& action) { return action.task == name; });
  for (UmcgGroupSpec& group : s.groups) std::erase(group.workers, name);
  std::erase_if(s.faults, [&](const FaultSpec& fault) {
    for (const auto& [key, value] : fault.args) {
      const auto* text = std::get_if<std::string>(&value);
      if (key == "task" && text != nullptr && *text == name) return true;
    }
    return false;
  });
}

void ShrinkGroups(const Scenario& scenario, std::vector<Change>& changes) {
  for (std::size_t g = 0; g < scenario.groups.size(); ++g) {
    changes.push_back([=](Scenario& s) {
      const std::vector<std::string> workers = s.groups[g].workers;
      for (const std::string& worker : workers) EraseTask(s, worker);
      EraseAt(s.groups, g);
    });
    for (std::size_t i = 0; i < scenario.groups[g].servers.size(); ++i) {
      changes.push_back([=](Scenario& s) { EraseAt(s.groups[g].servers, i); });
    }
  }
  for (std::size_t f = 0; f < scenario.faults.size(); ++f) {
    changes.push_back([=](Scenario& s) { EraseAt(s.faults, f); });
  }
  for (std::size_t h = 0; h < scenario.hotplug.size(); ++h) {
    changes.push_back([=](Scenario& s) { EraseAt(s.hotplug, h); });
  }
  if (!scenario.common.services) return;
  for (std::size_t i = 0; i < scenario.common.services->size(); ++i) {
    for (std::size_t p = 0; p < (*scenario.common.services)[i].params.size(); ++p) {
      changes.push_back([=](Scenario& s) { EraseAt((*s.common.services)[i].params, p); });
    }
  }
}

void ShrinkTask(const Scenario& scenario, std::size_t t, std::vector<Change>& changes) {
  const TaskSpec& task = scenario.tasks[t];
  for (std::size_t i = 0; i < task.ops.size() && task.ops.size() > 1; ++i) {
    changes.push_back([=](Scenario& s) { EraseAt(s.tasks[t].ops, i); });
  }
  if (task.loop != 1) changes.push_back([=](Scenario& s) { s.tasks[t].loop = 1; });
  if (task.start != Time()) changes.push_back([=](Scenario& s) { s.tasks[t].start = Time(); });
  if (task.cpus) changes.push_back([=](Scenario& s) { s.tasks[t].cpus = std::nullopt; });
  changes.push_back([=](Scenario& s) { s.tasks[t].sched = SchedSpec(); });
  changes.push_back([=](Scenario& s) { s.tasks[t].sched.slice = Cycles(); });
  changes.push_back([=](Scenario& s) { s.tasks[t].sched.nice = 0; });
  for (std::size_t i = 0; i < task.ops.size(); ++i) {
    Shorten(task.ops[i].cycles.count(), changes,
            [=](Scenario& s) -> Cycles& { return s.tasks[t].ops[i].cycles; });
    if (task.ops[i].mode != RunMode::kUser) {
      changes.push_back([=](Scenario& s) { s.tasks[t].ops[i].mode = RunMode::kUser; });
    }
  }
}

std::vector<Change> Changes(const Scenario& scenario) {
  std::vector<Change> changes;
  for (std::size_t t = 0; t < scenario.tasks.size() && scenario.tasks.size() > 1; ++t) {
    const std::string name = scenario.tasks[t].name;
    changes.push_back([=](Scenario& s) { EraseTask(s, name); });
  }
  for (std::size_t a = 0; a < scenario.actions.size(); ++a) {
    changes.push_back([=](Scenario& s) { EraseAt(s.actions, a); });
  }
  if (scenario.until) {
    for (const int64_t part : {2, 8, 64}) {
      const int64_t until = scenario.until->cycles();
      if (until / part == 0) continue;
      changes.push_back([=](Scenario& s) { s.until = Time(until - until / part); });
    }
  }
  ShrinkMachine(scenario, changes);
  ShrinkPolicy(&PolicySet::sched_class, scenario, changes);
  ShrinkPolicy(&PolicySet::placement, scenario, changes);
  ShrinkPolicy(&PolicySet::lock, scenario, changes);
  ShrinkPolicy(&PolicySet::user, scenario, changes);
  ShrinkGroups(scenario, changes);
  for (std::size_t t = 0; t < scenario.tasks.size(); ++t) ShrinkTask(scenario, t, changes);
  return changes;
}

}  // namespace

Scenario ShrinkScenario(Scenario scenario, const std::function<bool(const Scenario&)>& fails,
                        int tries) {
  // A change is told from none by what the scenario says as a file.
  std::string text = WriteScenario(scenario);
  for (bool found = true; found && tries > 0;) {
    found = false;
    for (const Change& change : Changes(scenario)) {
      Scenario candidate = scenario;
      change(candidate);
      std::string candidate_text = WriteScenario(candidate);
      if (candidate_text == text) continue;
      if (--tries < 0) break;
      if (!fails(candidate)) continue;
      scenario = std::move(candidate);
      text = std::move(candidate_text);
      found = true;
      break;
    }
  }
  return scenario;
}

}  // namespace rqsim
