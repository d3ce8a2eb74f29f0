// Faults of a run: switched on, called, placed as events and holds.
#include "sim/composer.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

#include "rqsim/faults.h"

namespace rqsim {

void Composer::CollectFaults() {
  const std::vector<FaultSpec>& own = set_.faults;
  for (const std::vector<FaultSpec>* list : {&scenario_.faults, &scenario_.common.faults, &own}) {
    for (const FaultSpec& fault : *list) {
      if (fault.name != "window") faults_on_.push_back(fault.name);
    }
  }
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

}  // namespace rqsim
