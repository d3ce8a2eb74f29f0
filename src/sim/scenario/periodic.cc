#include "sim/scenario/periodic.h"

#include <algorithm>
#include <utility>

namespace rqsim {
namespace {

// Two units of `dl_scale`, below which the class sees no difference.
constexpr Cycles kBudgetSpare{2000};
constexpr int64_t kPriorities = 99;

void AddRun(Cycles cycles, std::vector<OpSpec>& ops) {
  if (cycles == kZeroCycles) return;
  OpSpec run;
  run.kind = OpKind::kRun;
  run.cycles = cycles;
  ops.push_back(std::move(run));
}

void AddJob(const JobSpec& job, std::vector<OpSpec>& ops) {
  AddRun(job.before, ops);
  if (job.mutex.empty()) return;
  OpSpec op;
  op.name = job.mutex;
  op.kind = OpKind::kLock;
  ops.push_back(op);
  AddRun(job.inside, ops);
  op.kind = OpKind::kUnlock;
  ops.push_back(std::move(op));
  AddRun(job.after, ops);
}

}  // namespace

TaskSpec MakeReleasedTask(const ReleasedTask& task) {
  TaskSpec spec;
  spec.name = task.name;
  spec.start = task.first;
  spec.loop = -1;
  for (const Cycles gap : task.gaps) {
    AddJob(task.job, spec.ops);
    OpSpec timer;
    timer.kind = OpKind::kTimer;
    timer.name = "release";
    timer.unique = true;
    timer.timer_mode = TimerMode::kAbsolute;
    timer.cycles = gap;
    spec.ops.push_back(std::move(timer));
  }
  return spec;
}

SchedSpec DeadlineSched(Cycles job, Cycles deadline, Cycles period) {
  SchedSpec sched;
  sched.policy = SchedPolicy::kDeadline;
  sched.dl_runtime = std::min(job + kBudgetSpare, deadline);
  sched.dl_deadline = deadline;
  sched.dl_period = period;
  return sched;
}

PolicyChoice EdfClasses() {
  PolicyChoice classes;
  classes.name = "default";
  classes.params = {{"dl_limits", false},
                    {"rt_runtime", int64_t{-1}},
                    {"fair_server", false},
                    {"hrtick_dl", false}};
  return classes;
}

int PriorityOfRank(int64_t rank, int64_t count) {
  if (count <= kPriorities) return static_cast<int>(kPriorities - rank);
  return static_cast<int>(kPriorities - rank * kPriorities / count);
}

}  // namespace rqsim
