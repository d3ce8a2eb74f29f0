// Which CPU a deadline task goes to: the search for one, pushing tasks away and pulling them here,
// so that the tasks with the earliest deadlines run somewhere (global EDF). A waiter goes with its
// chain (chains.h); only where chains are balanced is one pushable at all.
//
// Origin: Linux 7.2 kernel/sched/deadline.c and cpudeadline.c, function names at the code;
// classes.md 6.8.
// Tested by tests/unit/policies/sched_class/deadline_test.cc and scenarios/classes/dl-p*.json.
#ifndef RQSIM_POLICIES_SCHED_CLASS_DEADLINE_CPUS_H_
#define RQSIM_POLICIES_SCHED_CLASS_DEADLINE_CPUS_H_

#include <vector>

#include "rqsim/cpu_set.h"
#include "rqsim/kernel.h"
#include "sched_class/deadline_queue.h"
#include "sched_class/domains.h"

namespace rqsim {

class DeadlineCpus {
 public:
  // `entities` by task.
  DeadlineCpus(const std::vector<DlEntity>& entities, const DlQueues& queues)
      : entities_(entities), queues_(queues) {}

  // Whether the CPU is fast enough for what the entity may ask for (dl_task_fits_capacity()).
  static bool Fits(const Kernel& kernel, CpuId cpu, const DlEntity& entity);
  // find_later_rq() for `task` where `exec` would execute for it. Invalid: nowhere to go.
  CpuId FindLater(Kernel& kernel, TaskId task, TaskId exec);
  // check_preempt_equal_dl(), which asks cpudl_find() without a mask and so does not see free CPUs.
  bool CanOnlyCurrMove(const Kernel& kernel, CpuId cpu, TaskId donor, TaskId woken) const;
  // push_dl_task(). Returns whether it moved one.
  bool Push(Kernel& kernel, CpuId cpu);
  // pull_dl_task(). One from each overloaded CPU, if it is earlier than all before.
  void Pull(Kernel& kernel, CpuId cpu) const;

 private:
  static bool IsDeadline(const Task& task) { return task.eff.policy == SchedPolicy::kDeadline; }
  CpuSet LaterCpus(const Kernel& kernel, TaskId task, TaskId exec) const;
  bool HasLater(const Kernel& kernel, TaskId task, TaskId exec) const;

  const std::vector<DlEntity>& entities_;
  const DlQueues& queues_;
  Domains domains_;
  bool knows_capacities_ = false;  // they are known once the machine is there, and never change
  bool is_asymmetric_ = false;
};

}  // namespace rqsim

#endif  // RQSIM_POLICIES_SCHED_CLASS_DEADLINE_CPUS_H_
