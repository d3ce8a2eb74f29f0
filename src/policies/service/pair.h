// What the two pairing services have in common: the system call with its errors, the kernel threads
// of CPUs, who waits for which CPU, the events by which views follow them, and how they count.
//
// sched_pair_cpu(cmd, flags, cpu) pairs the caller with a CPU (pairing.md 5): from then on its user
// code runs only while no other user code runs there. A scenario has three operations for it:
// `pair` (SET), `unpair` (CLEAR) and `sched_pair_cpu` with everything spelled out.
#ifndef RQSIM_POLICIES_SERVICE_PAIR_H_
#define RQSIM_POLICIES_SERVICE_PAIR_H_

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "rqsim/seams.h"

namespace rqsim {

inline constexpr int64_t kPairQuery = 0;
inline constexpr int64_t kPairSet = 1;
inline constexpr int64_t kPairClear = 2;
inline constexpr int64_t kPairCommands = 3;  // what QUERY gives: SET | CLEAR

// The operations are the first paths of either service.
inline constexpr PathId kPairSetPath{0};
inline constexpr PathId kPairClearPath{1};
inline constexpr PathId kPairCallPath{2};

inline constexpr ServiceOpInfo kPairOps[] = {
    {.name = "pair",
     .path = kPairSetPath,
     .args = "cpu",
     .summary = "Pairs the task with that CPU: sched_pair_cpu(SET). Its user code runs only while "
                "that of others is kept off there."},
    {.name = "unpair",
     .path = kPairClearPath,
     .summary = "Ends the pairing: sched_pair_cpu(CLEAR)."},
    {.name = "sched_pair_cpu",
     .path = kPairCallPath,
     .args = "cmd flags cpu",
     .summary = "The system call itself: cmd 0 QUERY, 1 SET, 2 CLEAR; gives 3, 0 or an errno."},
};
inline constexpr PercpuRule kPairPercpu = {
    .enter = "pair", .leave = "unpair", .tries_native = true};

// The events, the same in both services: pairing.md 2.9.
enum class PairEvent : uint8_t {
  kSet,
  kClear,
  kQueue,
  kPublish,
  kRun,
  kCancel,
  kWorkEnd,
  kTimeout,
  kSameCpu,
  kTask,
  kCpu,
  kHook,
  kCall,
  kRef,
};
inline constexpr EventFieldInfo kPairFields[] = {
    {"cpu", FieldKind::kCpu}, {"value"}, {"pid", FieldKind::kTask}};
inline constexpr EventFieldInfo kPairTaskFields[] = {{"cpu", FieldKind::kCpu},
                                                     {"queued_work"},
                                                     {"pid", FieldKind::kTask},
                                                     {"need_worker"},
                                                     {"worker_active"}};
inline constexpr EventFieldInfo kPairCpuFields[] = {{"cpu", FieldKind::kCpu},
                                                    {"worker_preempted"},
                                                    {"running", FieldKind::kTask},
                                                    {"current", FieldKind::kTask}};
inline constexpr EventFieldInfo kPairHookFields[] = {{"cycles"},
                                                     {"lines"},
                                                     {"prev_pid", FieldKind::kTask},
                                                     {"next_pid", FieldKind::kTask},
                                                     {"user"}};
inline constexpr EventFieldInfo kPairCallFields[] = {
    {"cpu", FieldKind::kCpu}, {"result"}, {"pid", FieldKind::kTask}, {"barrier"}};
inline constexpr std::array kPairEvents = {
    EventInfo{"pair_set", kPairFields, "a task asked to be paired; value: 0 or an errno"},
    EventInfo{"pair_clear", kPairFields,
              "its pairing is over; value: whether a worker is active for it"},
    EventInfo{"pair_queue", kPairFields,
              "it queued for its CPU; value: 0 if it was queued already"},
    EventInfo{"pair_publish", kPairFields, "the CPU is occupied for it: it may run user code"},
    EventInfo{"pair_run", kPairFields, "the worker of that CPU took it from its queue"},
    EventInfo{"pair_cancel", kPairFields,
              "it left the queue; value: 1 if it was still waiting there"},
    EventInfo{"pair_work_end", kPairFields,
              "the worker is done with it; value: cycles since it took it"},
    EventInfo{"pair_timeout", kPairFields, "… because it took too long"},
    EventInfo{"pair_same_cpu", kPairFields,
              "it runs on the CPU it is paired with and needs no worker"},
    EventInfo{"pair_task", kPairTaskFields, "what the service keeps of a task, as it is now"},
    EventInfo{"pair_cpu", kPairCpuFields, "… and of a CPU"},
    EventInfo{"pair_hook", kPairHookFields,
              "the hooks of a switch; user: 1 if either task uses pairing", false},
    EventInfo{"pair_call", kPairCallFields,
              "an IPI whose sender waits, or -ENXIO; barrier: 1 if only its memory "
              "barrier is wanted; cpu none: task_cpu() was negative, and nobody is interrupted"},
    EventInfo{"pair_ref", kPairFields,
              "references to the task that queued or executing work holds"},
};
inline constexpr MetricInfo kPairMetrics[] = {
    {"s2_overlap_cycles", "a paired task ran user code while other user code ran on its CPU"},
    {"s3_overlap_cycles", "two tasks ran user code paired with the same CPU"},
    {"pairings", "successful SETs"},
    {"soak_cycles", "workers kept CPUs busy"},
    {"pair_ipis", "function-call IPIs of the service"},
    {"ipi_failed", "… to a CPU that was offline"},
    {"cancels", "queued work that was taken back before it began"},
    {"timeouts", "work that was ended by the timeout"},
    {"cs_latency_max", "longest time from SET to the commit that followed"},
    {"bystander_wait_max", "longest wait of a runnable user task behind a worker"},
    {"bystander_wait_cycles", "… all of them together"},
    {"hook_cycles", "spent by hooks at switches"},
    {"hook_cycles_others", "… of tasks that do not use pairing"},
    {"hot_tax_permille", "… per thousand cycles that users and workers spent in pairing"},
    {"o1", "hook cycles per switch between tasks that do not use pairing, rounded down"},
    {"o1_lines", "cache lines touched per such switch, rounded down"},
    {"dead_branch", "times task_cpu() was found negative"},
};

// The worker of a CPU; `path` is what it does.
constexpr KthreadInfo PairWorker(PathId path) {
  return {.name = "pair",
          .path = path,
          .per_cpu = true,
          .starts_asleep = true,
          .may_leave = true,
          .policy = SchedPolicy::kFifo,
          .priority = 5};
}

// What both declare of their costs.
inline constexpr std::array kPairParams = {
    ParamInfo{.name = "c_nr",
              .kind = ParamKind::kCycles,
              .default_value = 1,
              .summary = "a pass of the handler on the way to user code (pair-spin: of its wait "
                         "loop too)"},
    ParamInfo{.name = "c_pub",
              .kind = ParamKind::kCycles,
              .default_value = 1,
              .summary = "the worker publishes that it occupies its CPU"},
    ParamInfo{.name = "c_poll",
              .kind = ParamKind::kCycles,
              .default_value = 1,
              .summary = "a round of the loop in which the worker keeps its CPU busy"},
    ParamInfo{.name = "worker_priority",
              .kind = ParamKind::kInteger,
              .default_value = 5,
              .min = 0,
              .max = 99,
              .summary = "FIFO priority of the workers"},
    ParamInfo{.name = "worker_host",
              .kind = ParamKind::kCpu,
              .default_value = -1,
              .summary = "where workers of offline CPUs run; -1 = where the fallback puts them"},
};

// What the workers are to the scheduler: bound as kthread_create_worker_on_cpu() leaves them, or
// per-CPU threads until a teardown lets them go (MODEL-280; Linux 7.2 kernel/workqueue.c:
// unbind_worker()).
constexpr ParamInfo PairWorkerKthread(std::string_view usual) {
  return {.name = "worker_kthread",
          .kind = ParamKind::kEnum,
          .default_text = usual,
          .allowed = "bound percpu",
          .summary =
              "whether a worker may stay on a CPU that is dying: bound threads may not, per-CPU "
              "threads may until the teardown of the service"};
}

// What a message of the service wants of the CPU it interrupts.
inline constexpr int32_t kPairPreempt = 0;
inline constexpr int32_t kPairBarrier = 1;

// The two factories: a host for workers of offline CPUs must be there.
template <class Service>
absl::StatusOr<std::unique_ptr<KernelService>> MakePairService(const PolicyParams& params,
                                                               const Limits& limits) {
  const int64_t host = params.Integer("worker_host");
  if (host >= limits.num_cpus) {
    return absl::InvalidArgumentError(absl::StrCat("worker_host: there is no CPU ", host));
  }
  return std::make_unique<Service>(params, limits);
}

// The half of a pairing service that does not depend on how a CPU is occupied.
class PairService : public KernelService {
 public:
  void OnStart(Kernel& kernel) final;

 protected:
  PairService(const PolicyParams& params, const Limits& limits);

  // sched_pair_cpu(SET) for a task that is not paired: `cpu` exists. Beside the answer nothing has
  // happened yet.
  virtual void Pair(Kernel& kernel, TaskId id, CpuId cpu) = 0;
  virtual CpuId PairedWith(TaskId id) const = 0;

  // pairing.md 5; the path of CLEAR is each service's own.
  int64_t Set(Kernel& kernel, TaskId id, int64_t cpu);
  Next Call(Kernel& kernel, Frame& frame);

  TaskId WorkerOf(CpuId cpu) const { return TaskId(first_worker_.value() + cpu.value()); }
  // Whether a switch from or to it has to do with pairing.
  bool UsesPairing(TaskId id) const;
  // The worker goes where those of offline CPUs are, or back: unbind_worker(), rebind_workers().
  void LetGo(Kernel& kernel, CpuId cpu) const;
  void BringBack(Kernel& kernel, CpuId cpu) const;

  // Those who wait for a CPU, first come, first served. A task waits for one CPU at most.
  TaskId FirstFor(CpuId cpu) const { return lines_[cpu.index()].head; }
  void Append(CpuId cpu, TaskId id);
  void Unlink(CpuId cpu, TaskId id);

  // A function-call IPI about `task`; waits for its handler, and goes on at `step`. -1 is what the
  // posted code tests task_cpu() against: there is nobody to interrupt then (MODEL-264).
  Next CallAndWait(Kernel& kernel, StepId step, CpuId target, TaskId task, int32_t what);
  void Emit(Kernel& kernel, PairEvent which, TaskId task, CpuId cpu, int64_t value);

  PolicyId self_;
  Cycles c_nr_, c_pub_, c_poll_;

 private:
  struct Line {
    TaskId head, tail;
  };

  TaskId first_worker_;
  int num_cpus_;
  int64_t priority_, host_;
  bool is_per_cpu_;              // worker_kthread percpu
  std::vector<Line> lines_;      // by CPU
  std::vector<TaskId> next_of_;  // by task, on its line
};

}  // namespace rqsim

#endif  // RQSIM_POLICIES_SERVICE_PAIR_H_
