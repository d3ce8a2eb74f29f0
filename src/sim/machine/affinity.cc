// Where tasks may run: set_cpus_allowed_ptr() and its relatives, cpusets, housekeeping CPUs.
//
// What a user asked for (user_cpus_ptr) is kept beside the mask in force, in runs in which somebody
// else changes masks too: those with kernel threads or cpusets.
#include "sim/machine/machine.h"

namespace rqsim {

void Machine::SetUpAffinity() {
  const Scenario& scenario = plan_.scenario;
  facts_.nohz_full = scenario.machine.nohz_full & facts_.possible;
  housekeeping_ = facts_.housekeeping;
  affinities_ = plan_.affinities;
  if (!scenario.kthreads.empty()) affinity_index_store_.assign(task_store_.size(), -1);
  affinity_of_ = affinity_index_store_;
  bool any_cpuset = false;
  for (const std::vector<TaskPlan>* list : {&plan_.tasks, &plan_.templates}) {
    for (const TaskPlan& task : *list) any_cpuset = any_cpuset || task.cpuset.has_value();
  }
  for (const ActionSpec& action : scenario.actions) {
    any_cpuset = any_cpuset || action.kind == ActionKind::kMoveToCpuset;
  }
  if (any_cpuset) cpuset_store_.resize(task_store_.size());
  cpusets_ = cpuset_store_;
  if (!scenario.kthreads.empty() || any_cpuset) user_cpus_store_.resize(task_store_.size());
  user_cpus_ = user_cpus_store_;
}

// The active CPUs of a cpuset; all of its parent's if it has none (cpuset v2).
CpuSet Machine::EffectiveOf(const CpuSet& allowed) const {
  const CpuSet effective = allowed & active_;
  return effective.empty() ? active_ : effective;
}

// What the plan says of the affinity of a task that is being created.
void Machine::PlanAffinity(TaskId task, const TaskPlan& plan) {
  Task& t = MutableTask(task);
  if (!cpusets_.empty() && !plan.kthread && plan.cpus != facts_.possible) {
    user_cpus_[task.index()] = plan.cpus;
  }
  if (plan.cpuset) {
    Cpuset& cpuset = cpusets_[task.index()];
    cpuset = {*plan.cpuset & facts_.possible, EffectiveOf(*plan.cpuset), true};
    const CpuSet mask = plan.cpus & cpuset.effective;
    InstallCpus(task, mask.empty() ? cpuset.effective : mask);
  }
  if (plan.affinity < 0) return;
  affinity_index_store_[task.index()] = plan.affinity;
  const KthreadKind kind = plan_.affinities[static_cast<std::size_t>(plan.affinity)].kind;
  t.per_cpu_kthread = kind == KthreadKind::kPerCpu;
  t.no_setaffinity = kind == KthreadKind::kPerCpu || kind == KthreadKind::kBound;
}

void Machine::CallAboutKthread(KthreadCall::Kind kind, TaskId task, const CpuSet& cpus) {
  if (!HasHook(policies_.placement_id, Hook::kKthreadCall)) return;
  if (task.valid() && kthread_affinity(task) == nullptr) return;
  KthreadCall call;
  call.kind = kind;
  call.task = task;
  call.cpus = cpus;
  policies_.placement->OnKthreadCall(*this, call);
  Drain();
}

// kthread_create_on_node(): it waits for its first wake-up.
void Machine::CreateKthread(TaskId task) {
  Context& ctx = contexts_[task.index()];
  if (ctx.created) return;
  ctx.created = true;
  CallAboutKthread(KthreadCall::Kind::kCreate, task, CpuSet());
}

// The mask is in force: whoever counts CPUs or keeps a view of it is told.
void Machine::InstallCpus(TaskId task, const CpuSet& cpus) {
  Task& t = MutableTask(task);
  t.cpus_allowed = cpus;
  t.nr_cpus_allowed = cpus.Count();
}
void Machine::TellCpus(TaskId task) {
  EmitAttr(task, TaskAttrKind::kAffinity);
  EmitCpus(task);
  NotifyTask(task, TaskChange::kAffinity);
}

// What sched_setaffinity() asked for, where anybody looks at it.
void Machine::RememberUserCpus(TaskId task, const CpuSet& asked) {
  if (!user_cpus_.empty()) user_cpus_[task.index()] = asked & facts_.possible;
}

// What the services say to a change that none of them asked for.
MaskAnswer Machine::AskAboutMask(TaskId task, const CpuSet& cpus, MaskChange by) {
  for (KernelService* service : policies_.services) {
    const MaskAnswer answer = service->AdmitMask(*this, task, cpus, by);
    if (answer != MaskAnswer::kChange) return answer;
  }
  return MaskAnswer::kChange;
}

// set_cpus_allowed_ptr() (classes.md 9, kthread-affinity.md 4.2). `must_wait`: the stop task moves
// it, the caller sleeps until that is done.
int64_t Machine::ChangeAffinity(TaskId task, const CpuSet& asked, AffinityCall call, TaskId caller,
                                bool& must_wait) {
  Task& t = MutableTask(task);
  if (t.state == TaskState::kDead) return kEINVAL;
  if (call == AffinityCall::kUser && t.no_setaffinity) return kEINVAL;
  CpuSet cpus = asked & facts_.possible;
  if (call == AffinityCall::kUser) {
    const MaskAnswer answer = AskAboutMask(task, cpus & cpuset(task), MaskChange::kUser);
    if (answer == MaskAnswer::kRefuse) return kEINVAL;
    if (answer == MaskAnswer::kKeep) {
      RememberUserCpus(task, asked);
      return 0;
    }
  }
  if (call == AffinityCall::kUser && !IsInRootCpuset(task)) {
    cpus = cpus & cpusets_[task.index()].effective;
  }
  if (call == AffinityCall::kKernel && user_cpus(task) != nullptr) {
    const CpuSet both = cpus & *user_cpus(task);
    if (!both.empty()) cpus = both;
  }
  const CpuSet usable = cpus & (t.is_kthread ? online_ : active_);
  if (usable.empty()) return kEINVAL;
  if (ClassHas(t.sched_class, Hook::kAdmit)) {
    const int64_t refused = ClassOf(task).AdmitAffinity(*this, task, cpus);
    if (refused != 0) return refused;
  }
  if (call == AffinityCall::kUser) RememberUserCpus(task, asked);
  const CpuSet before = t.cpus_allowed;
  InstallCpus(task, cpus);
  // The kernel chooses before it asks whether the task must move at all.
  CpuId dest = t.cpu;
  if (t.cpus_allowed != before || !t.cpus_allowed.Contains(t.cpu)) dest = AnyCpu(usable);
  TellCpus(task);
  // A blocked donor stays where its owner is, whatever its mask (proxy-exec.md 7.4).
  if (t.is_blocked || t.migration_disabled > 0 || t.cpus_allowed.Contains(t.cpu)) return 0;
  // Woken, and its CPU, which is to enqueue it, has been chosen: affine_move_task() leaves it to
  // the stop task there, too (MODEL-281).
  const bool is_waking = IsOnWakeList(task);
  if (!t.on_rq && !is_waking) return 0;
  if (!t.on_cpu && !is_waking) {
    MoveQueuedTask(task, dest);
    return 0;
  }
  StopWork work;
  work.task = task;
  work.dest = dest;
  if (caller.valid() && caller != task) {
    work.waiter = caller;
    contexts_[caller.index()].joins = 1;
    must_wait = true;
  }
  QueueStopWork(t.cpu, work);
  return 0;
}

// set_cpus_allowed_force().
void Machine::ForceCpus(TaskId task, const CpuSet& cpus) {
  const Task& t = task_store_[task.index()];
  if (t.state == TaskState::kDead) return;
  if (!user_cpus_.empty()) user_cpus_[task.index()] = CpuSet();
  InstallCpus(task, cpus & facts_.possible);
  TellCpus(task);
}

// cpuset_handle_hotplug() (Linux 7.2 kernel/cgroup/cpuset.c): tasks of the root are left alone.
void Machine::UpdateCpusetsNow() {
  for (int id = 1; id < num_tasks_made_; ++id) {
    const TaskId task(id);
    if (IsInRootCpuset(task)) continue;
    Cpuset& cpuset = cpusets_[task.index()];
    const CpuSet effective = EffectiveOf(cpuset.cpus);
    if (effective == cpuset.effective) continue;
    cpuset.effective = effective;
    if (AskAboutMask(task, cpuset.cpus, MaskChange::kHotplug) != MaskAnswer::kChange) continue;
    bool must_wait = false;
    ChangeAffinity(task, effective, AffinityCall::kKernel, TaskId(), must_wait);
  }
}

// cpuset_attach(): the mask of the cpuset is put on the task. Bound kernel threads stay in the
// root.
void Machine::MoveToCpuset(TaskId task, const CpuSet& cpus) {
  if (cpusets_.empty() || task_store_[task.index()].no_setaffinity) return;
  const bool is_child = !cpus.empty();
  const CpuSet inside = is_child ? cpus & facts_.possible : facts_.possible;
  const MaskAnswer answer = AskAboutMask(task, inside, MaskChange::kCpuset);
  if (answer == MaskAnswer::kRefuse) return;
  cpusets_[task.index()] = {inside, EffectiveOf(inside), is_child};
  if (answer == MaskAnswer::kKeep) return;
  bool must_wait = false;
  ChangeAffinity(task, is_child ? EffectiveOf(inside) : inside, AffinityCall::kKernel, TaskId(),
                 must_wait);
}

}  // namespace rqsim
