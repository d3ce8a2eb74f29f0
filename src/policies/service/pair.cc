// The common half of the pairing services; pair.h says what is in it. Tested by scenarios/pairing
// and tests/unit/policies/service/pairing_test.cc.
#include "service/pair.h"

namespace rqsim {

PairService::PairService(const PolicyParams& params, const Limits& limits)
    : self_(limits.self),
      c_nr_(params.Length("c_nr")),
      c_pub_(params.Length("c_pub")),
      c_poll_(params.Length("c_poll")),
      first_worker_(limits.first_kthread),
      num_cpus_(limits.num_cpus),
      priority_(params.Integer("worker_priority")),
      host_(params.Integer("worker_host")),
      is_per_cpu_(params.Text("worker_kthread") == "percpu"),
      lines_(static_cast<std::size_t>(limits.num_cpus)),
      next_of_(static_cast<std::size_t>(limits.num_tasks)) {}

// ------------------------------------------------------------------------------------ system call

int64_t PairService::Set(Kernel& kernel, TaskId id, int64_t cpu) {
  int64_t result = 0;
  if (cpu < 0 || cpu >= num_cpus_) {
    result = kEINVAL;
  } else if (PairedWith(id).valid()) {
    result = kEBUSY;
  } else {
    Pair(kernel, id, CpuId(static_cast<int32_t>(cpu)));
  }
  Emit(kernel, PairEvent::kSet, id, CpuId(static_cast<int32_t>(cpu)), result);
  return result;
}

Next PairService::Call(Kernel& kernel, Frame& frame) {
  if (frame.step != StepId(0)) return Next::Return(frame.result);
  if (frame.r[1] != 0) return Next::Return(kEINVAL);
  if (frame.r[0] == kPairQuery) return Next::Return(kPairCommands);
  if (frame.r[0] == kPairSet) return Next::Return(Set(kernel, frame.task, frame.r[2]));
  if (frame.r[0] == kPairClear) return Next::Call(StepId(1), self_, kPairClearPath);
  return Next::Return(kEINVAL);
}

// ---------------------------------------------------------------------------------------- workers

// Those of CPUs that are offline from the start run elsewhere, as a teardown would have said.
void PairService::OnStart(Kernel& kernel) {
  for (int i = 0; i < num_cpus_; ++i) {
    const CpuId cpu(i);
    SchedAttr attr = kernel.task(WorkerOf(cpu)).base;
    attr.priority = static_cast<int16_t>(priority_);
    attr.prio = static_cast<int16_t>(99 - priority_);
    kernel.SetSched(WorkerOf(cpu), attr);
    if (kernel.online().Contains(cpu)) {
      kernel.SetPerCpuKthread(WorkerOf(cpu), is_per_cpu_);
    } else {
      LetGo(kernel, cpu);
    }
  }
}

bool PairService::UsesPairing(TaskId id) const {
  if (id >= WorkerOf(CpuId(0)) && id <= WorkerOf(CpuId(num_cpus_ - 1))) return true;
  return PairedWith(id).valid();
}

void PairService::LetGo(Kernel& kernel, CpuId cpu) const {
  const CpuSet hosts =
      host_ >= 0 ? CpuSet::Of(CpuId(static_cast<int32_t>(host_))) : kernel.facts().possible;
  kernel.SetPerCpuKthread(WorkerOf(cpu), false);
  kernel.SetAffinity(WorkerOf(cpu), hosts);
}

void PairService::BringBack(Kernel& kernel, CpuId cpu) const {
  kernel.SetPerCpuKthread(WorkerOf(cpu), is_per_cpu_);
  kernel.SetAffinity(WorkerOf(cpu), CpuSet::Of(cpu));
}

// ------------------------------------------------------------------------------------------ lines

void PairService::Append(CpuId cpu, TaskId id) {
  Line& line = lines_[cpu.index()];
  next_of_[id.index()] = TaskId();
  (line.tail.valid() ? next_of_[line.tail.index()] : line.head) = id;
  line.tail = id;
}

void PairService::Unlink(CpuId cpu, TaskId id) {
  Line& line = lines_[cpu.index()];
  TaskId before;
  for (TaskId at = line.head; at != id; at = next_of_[at.index()]) before = at;
  (before.valid() ? next_of_[before.index()] : line.head) = next_of_[id.index()];
  if (line.tail == id) line.tail = before;
  next_of_[id.index()] = TaskId();
}

// ----------------------------------------------------------------------------------- what is told

Next PairService::CallAndWait(Kernel& kernel, StepId step, CpuId target, TaskId task,
                              int32_t what) {
  const bool is_online = target.valid() && kernel.online().Contains(target);
  PolicyEventPayload payload;
  payload.wide[0] = target.value();
  payload.wide[1] = is_online ? 0 : kENXIO;
  payload.narrow[0] = task.value();
  payload.narrow[1] = what == kPairBarrier ? 1 : 0;
  kernel.EmitDeclared(self_, static_cast<int>(PairEvent::kCall), payload);
  if (!target.valid()) return Next::Run(step, kZeroCycles, RunMode::kKernelNoPreempt);
  Message message;
  message.policy = self_;
  message.what = what;
  return Next::CallCpu(step, target, message, true);
}

void PairService::Emit(Kernel& kernel, PairEvent which, TaskId task, CpuId cpu, int64_t value) {
  PolicyEventPayload payload;
  payload.wide[0] = cpu.value();
  payload.wide[1] = value;
  payload.narrow[0] = task.value();
  kernel.EmitDeclared(self_, static_cast<int>(which), payload);
}

}  // namespace rqsim
