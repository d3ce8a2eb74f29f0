#include "sim/scenario/user_space.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace rqsim {

// Who is who in user space (user_world.h). Tids that nobody states are the lowest left over, tasks
// first, then servers, whether or not this set has them.
UserWorld DescribeUserSpace(const Scenario& scenario, const std::vector<PlannedTask>& plans,
                            bool has_servers, bool has_watchdogs) {
  UserWorld user;
  std::set<int64_t> used;
  for (const TaskSpec& spec : scenario.tasks) used.insert(spec.tid);
  for (const UmcgGroupSpec& group : scenario.groups) {
    for (const UmcgServerSpec& server : group.servers) used.insert(server.tid);
  }
  int64_t next = 1;
  const auto tid_of = [&](int64_t stated) {
    if (stated != 0) return stated;
    while (used.count(next) != 0) ++next;
    used.insert(next);
    return next;
  };
  std::map<std::string, int32_t> processes;
  const auto process_of = [&](const std::string& name) {
    return processes.emplace(name, static_cast<int32_t>(processes.size())).first->second;
  };
  // The address space of whoever names none is that of the first group.
  if (!scenario.groups.empty()) {
    processes.emplace("", 0);
    processes.emplace(scenario.groups.front().process, 0);
  }
  user.tasks.resize(1);
  std::map<std::string, int32_t> group_of_worker;
  for (std::size_t g = 0; g < scenario.groups.size(); ++g) {
    const UmcgGroupSpec& group = scenario.groups[g];
    user.groups.push_back({group.name, process_of(group.process), {}, {}});
    for (const std::string& worker : group.workers) {
      group_of_worker[worker] = static_cast<int32_t>(g);
    }
  }
  for (std::size_t i = 0; i < plans.size() && plans[i].spec != nullptr; ++i) {
    const TaskSpec& spec = *plans[i].spec;
    const auto id = TaskId(static_cast<int32_t>(i) + 1);
    UserTask task;
    task.name = plans[i].name;
    task.kthread = plans[i].kthread;
    task.tid = tid_of(spec.instances > 1 ? 0 : spec.tid);
    task.process = process_of(spec.process);
    task.role = spec.basic ? UserRole::kBasic : UserRole::kPlain;
    auto group = group_of_worker.find(task.name);
    if (group == group_of_worker.end()) group = group_of_worker.find(spec.name);
    if (group != group_of_worker.end()) {
      task.role = UserRole::kWorker;
      task.group = group->second;
      UserGroup& its = user.groups[static_cast<std::size_t>(task.group)];
      if (spec.process.empty()) task.process = its.process;
      its.workers.push_back(id);
    }
    user.tasks.push_back(std::move(task));
  }
  // Workers in the order in which their group names them.
  for (std::size_t g = 0; g < scenario.groups.size(); ++g) {
    const std::vector<std::string>& names = scenario.groups[g].workers;
    std::map<std::string_view, std::size_t> places;
    for (std::size_t i = 0; i < names.size(); ++i) places.emplace(names[i], i);
    const auto rank = [&](TaskId worker) {
      const auto place = places.find(user.tasks[worker.index()].name);
      return place == places.end() ? names.size() : place->second;
    };
    // total order: equal ranks are instances of one task, which keep theirs.
    std::stable_sort(user.groups[g].workers.begin(), user.groups[g].workers.end(),
                     [&](TaskId a, TaskId b) { return rank(a) < rank(b); });
  }
  auto id = static_cast<int32_t>(user.tasks.size());
  for (std::size_t g = 0; g < scenario.groups.size(); ++g) {
    for (const UmcgServerSpec& server : scenario.groups[g].servers) {
      UserTask task;
      task.name = server.name;
      task.tid = tid_of(server.tid);
      task.process = user.groups[g].process;
      task.group = static_cast<int32_t>(g);
      task.role = UserRole::kServer;
      if (!has_servers) continue;
      user.groups[g].servers.push_back(TaskId(id++));
      user.tasks.push_back(std::move(task));
    }
  }
  // A watchdog belongs to a group and is neither its server nor its worker.
  for (std::size_t g = 0; g < scenario.groups.size() && has_servers && has_watchdogs; ++g) {
    if (scenario.groups[g].servers.empty()) continue;
    UserTask task;
    task.name = absl::StrCat(scenario.groups[g].name, ".watchdog");
    task.tid = tid_of(0);
    task.process = user.groups[g].process;
    task.group = static_cast<int32_t>(g);
    user.tasks.push_back(std::move(task));
  }
  return user;
}

}  // namespace rqsim
