// Who is who in user space (rqsim/user_world.h), from a scenario and the tasks planned for a run.
#ifndef RQSIM_SIM_SCENARIO_USER_SPACE_H_
#define RQSIM_SIM_SCENARIO_USER_SPACE_H_

#include <string>
#include <vector>

#include "rqsim/scenario.h"
#include "rqsim/user_world.h"

namespace rqsim {

// A task of a run: of the scenario, or (spec null) a server or watchdog.
struct PlannedTask {
  std::string name;
  bool kthread = false;
  const TaskSpec* spec = nullptr;
};

// `plans` by TaskId from 1: the scenario's tasks, then the servers of each group, then the
// watchdogs. `has_servers`, `has_watchdogs`: whether those are planned.
UserWorld DescribeUserSpace(const Scenario& scenario, const std::vector<PlannedTask>& plans,
                            bool has_servers, bool has_watchdogs);

}  // namespace rqsim

#endif  // RQSIM_SIM_SCENARIO_USER_SPACE_H_
