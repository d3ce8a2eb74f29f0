// Instant 0: listeners and policies are told, what is to happen is armed; with the start state
// `recorded` the tasks are there already and sleep (machine.md 14).
#include "sim/machine/machine.h"

namespace rqsim {

void Machine::Start() {
  started_ = true;
  for (std::size_t k = 0; k < kMaxEventKinds; ++k) {
    emit_wanted_[k] = trace_.Wanted(static_cast<EventKind>(k));
  }
  may_elide_ = MayElideTicks();
  for (Listener* listener : trace_.listeners()) listener->OnStart(*this, *this);
  for (int id = 1; id < num_tasks_made_; ++id) {
    EmitAttr(TaskId(id), TaskAttrKind::kCreated);
    EmitCpus(TaskId(id));
  }
  const MachineSpec& machine = plan_.scenario.machine;
  for (std::size_t i = 0; i < cpu_store_.size(); ++i) {
    cpu_store_[i].idle_since = cpu_states_[i].charge_start = now_ - IdleBeforeStart(machine);
  }
  for (const PolicyRow& row : policies_.rows) {
    if (row.policy == nullptr || !row.hooks.Has(Hook::kOnStart)) continue;
    row.policy->OnStart(*this);
    Drain();
  }
  if (machine.start_state == StartState::kRecorded) {
    for (std::size_t i = 0; i < plan_.tasks.size(); ++i) {
      if (plan_.tasks[i].starts_asleep) continue;
      LetSleepUntilStart(TaskId(static_cast<int32_t>(i) + 1), plan_.tasks[i].start);
    }
  }
  for (std::size_t i = 0; i < plan_.tasks.size(); ++i) {
    if (plan_.tasks[i].starts_asleep) LetSleepInPath(TaskId(static_cast<int32_t>(i) + 1));
  }
  for (std::size_t i = 0; i < plan_.faults_at.size(); ++i) {
    const FaultAt& fault = plan_.faults_at[i];
    queue_.Push(fault.at, order_.seg_end, fault.cpu, Payload(Ev::kFault, static_cast<int32_t>(i)));
  }
  ArmExt();
  if (machine.nohz == Nohz::kOff) {
    for (CpuId c = online_.First(); c.valid(); c = online_.After(c)) ArmTick(c);
  }
}

// A task that exists before the run and sleeps in the path it was given: somebody wakes it.
void Machine::LetSleepInPath(TaskId task) {
  AdmitNew(task);
  MutableTask(task).state = TaskState::kInterruptible;
  contexts_[task.index()].started = now_;
  NotifyTask(task, TaskChange::kNew);
}

// A task that exists before the run: its first wake-up is an ordinary one, by a timer of the CPU it
// slept on. Uninterruptible, so that a signal does not start it early.
void Machine::LetSleepUntilStart(TaskId task, Time start) {
  CreateKthread(task);
  CallAboutKthread(KthreadCall::Kind::kFirstWake, task, CpuSet());
  AdmitNew(task);
  Task& t = MutableTask(task);
  t.state = TaskState::kUninterruptible;
  Context& ctx = contexts_[task.index()];
  ctx.started = start;
  ctx.sleep_timer = queue_.Push(start, Phase::kTimer, t.cpu, Payload(Ev::kSleep, task.value()));
  NotifyTask(task, TaskChange::kNew);
}

}  // namespace rqsim
