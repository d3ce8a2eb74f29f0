// What classes have beyond a queue of their own: work put off until a runqueue is consistent again
// (push and pull), tasks that are throttled, servers that run a weaker class, and the right to
// refuse attributes.
#include <algorithm>

#include "sim/machine/machine.h"

namespace rqsim {

// A class that serves another one which this run has, if there is any.
void Machine::FindServer() {
  for (std::size_t k = 0; k < policies_.classes.size(); ++k) {
    const PolicyInfo& info = *policies_.rows[policies_.class_ids[k].index()].info;
    if (info.serves.empty() || !ClassHas(static_cast<int>(k), Hook::kServer)) continue;
    for (std::size_t other = 0; other < policies_.classes.size(); ++other) {
      if (policies_.rows[policies_.class_ids[other].index()].info->name != info.serves) continue;
      server_class_ = static_cast<int>(k);
      served_class_ = static_cast<int>(other);
    }
  }
}

// ------------------------------------------------------------------------------------------
// callbacks

void Machine::AddCallback(CpuId c, const BalanceWork& work) {
  std::vector<BalanceWork>& list = State(c).balance_work;
  if (std::find(list.begin(), list.end(), work) != list.end()) return;
  list.push_back(work);
  balance_due_.Set(c);
  Emit(c, SchedCallback{work.policy.value(), work.what, CallbackChange::kPutOff});
}

// The pick they were put off for is discarded (core.c: zap_balance_callbacks()).
void Machine::DropCallbacks(CpuId c) {
  if (plan_.faults.keep_callbacks) return;
  CpuState& s = State(c);
  for (const BalanceWork& work : s.balance_work) {
    Emit(c, SchedCallback{work.policy.value(), work.what, CallbackChange::kDropped});
  }
  s.balance_work.clear();
  balance_due_.Clear(c);
}

// Does what was put off, wherever it can be done now: a CPU inside schedule() does it at the end of
// its switch.
void Machine::RunCallbacks() {
  for (CpuId c = balance_due_.empty() ? CpuId() : balance_due_.First(); c.valid();
       c = balance_due_.After(c)) {
    const CpuState& s = State(c);
    if (!s.in_schedule && s.after != After::kSwitch) RunCallbacksOf(c);
  }
}

void Machine::RunCallbacksOf(CpuId c) {
  CpuState& s = State(c);
  balance_due_.Clear(c);
  while (!s.balance_work.empty()) {
    const BalanceWork work = s.balance_work.back();
    s.balance_work.pop_back();
    Emit(c, SchedCallback{work.policy.value(), work.what, CallbackChange::kDone});
    auto& sched_class = static_cast<SchedClass&>(*policies_.rows[work.policy.index()].policy);
    for (int calls = 1; sched_class.BalanceCallback(*this, c, work.what); ++calls) {
      Drain();
      if (calls > kMaxTasks) {
        PolicyBroke(work.policy, ViolationCode::kBadRequest, TaskId(), calls);
        break;
      }
    }
    Drain();
  }
}

// ------------------------------------------------------------------------------------------ the
// pick

// Classes may pull work here before the pick, from that of the old donor downwards, until something
// is runnable (core.c: prev_balance()).
void Machine::BalanceBefore(CpuId c, TaskId prev) {
  const Cpu& cpu = cpu_store_[c.index()];
  const std::size_t idle_class = policies_.classes.size() - 1;
  for (std::size_t k = task_store_[prev.index()].sched_class; k < idle_class; ++k) {
    if (!ClassHas(static_cast<int>(k), Hook::kBalance)) continue;
    policies_.classes[k]->Balance(*this, c, prev);
    Drain();
    const auto end = cpu.nr_queued.begin() + static_cast<std::ptrdiff_t>(k) + 1;
    if (std::any_of(cpu.nr_queued.begin(), end, [](int32_t count) { return count > 0; })) return;
  }
}

// What one class has to run; invalid: nothing. A server asks the class it serves, and stops if
// there is nothing.
TaskId Machine::PickOf(CpuId c, std::size_t sched_class) {
  const Cpu& cpu = cpu_store_[c.index()];
  while (cpu.nr_queued[sched_class] > 0) {
    const PickResult result = policies_.classes[sched_class]->Pick(*this, c);
    Drain();
    if (result.kind == PickResult::Kind::kRunTask) return result.task;
    if (result.kind == PickResult::Kind::kNothing) return TaskId();
    const TaskId served = PickOf(c, result.from_class);
    if (served.valid()) return served;
    policies_.classes[sched_class]->ServerStop(*this, c);
    Drain();
  }
  return TaskId();
}

// ------------------------------------------------------------------------------------------
// counts

void Machine::CountQueued(CpuId c, int sched_class, int change) {
  int32_t& count = MutableCpu(c).nr_queued[static_cast<std::size_t>(sched_class)];
  const bool was_empty = count == 0;
  count += change;
  if (was_empty == (count == 0)) return;
  CpuSet& cpus = cpus_with_[static_cast<std::size_t>(sched_class)];
  was_empty ? cpus.Add(c) : cpus.Remove(c);
}

void Machine::SetThrottled(TaskId task, bool throttled) {
  Task& t = MutableTask(task);
  if (t.throttled == throttled) return;
  t.throttled = throttled;
  if (!t.on_rq) return;
  MutableCpu(t.cpu).nr_running += throttled ? -1 : 1;
  CountQueued(t.cpu, t.sched_class, throttled ? -1 : 1);
  if (!throttled && !cpu_store_[t.cpu.index()].queue_online) LeaveOfflineQueue(task);
}

// The first task of the served class is queued here (deadline.c: dl_server_start()).
void Machine::StartServer(CpuId c) {
  Charge(c);
  policies_.classes[static_cast<std::size_t>(server_class_)]->ServerStart(*this, c);
  Drain();
}

// The requests wait for the next Drain(), with those of the class that is charged.
void Machine::ChargeServer(CpuId c, Cycles length) {
  policies_.classes[static_cast<std::size_t>(server_class_)]->ServerCharge(*this, c, length);
}

// ------------------------------------------------------------------------------------------
// admission

// Whether the class that would have the task takes it: 0 or an errno.
int64_t Machine::Admit(TaskId task, const SchedAttr& attr) {
  const uint8_t k = ClassIndexFor(attr.policy);
  if (!ClassHas(k, Hook::kAdmit)) return 0;
  const int64_t result = policies_.classes[k]->Admit(*this, task, attr);
  Drain();
  return result;
}

// A task that is to start with attributes its class may refuse asks for them first, as its program
// would; refused, it starts as an ordinary one (MODEL-71).
void Machine::AdmitNew(TaskId task) {
  Task& t = MutableTask(task);
  if (!ClassHas(t.sched_class, Hook::kAdmit)) return;
  const int64_t result = Admit(task, t.base);
  if (result != 0) {
    t.base = t.eff = AttrOf(SchedSpec());
    t.sched_class = ClassIndexFor(t.eff.policy);
    EmitAttr(task, TaskAttrKind::kSched);
  }
  Emit(actor_, OpEnd{result, task, static_cast<int32_t>(OpKind::kSetSched), -1, -1});
}

}  // namespace rqsim
