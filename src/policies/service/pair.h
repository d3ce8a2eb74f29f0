// What the two pairing services have in common: the system call with its errors, the events by
// which views follow them, and how they count.
//
// sched_pair_cpu(cmd, flags, cpu) pairs the caller with a CPU (pairing.md 5): from then on its user
// code runs only while no other user code runs there. A scenario has three operations for it:
// `pair` (SET), `unpair` (CLEAR) and `sched_pair_cpu` with everything spelled out.
#ifndef RQSIM_POLICIES_SERVICE_PAIR_H_
#define RQSIM_POLICIES_SERVICE_PAIR_H_

#include <cstdint>

#include "rqsim/policy.h"

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
inline constexpr EventInfo kPairEvents[] = {
    {"pair_set", kPairFields, "a task asked to be paired; value: 0 or an errno"},
    {"pair_clear", kPairFields, "its pairing is over; value: whether a worker is active for it"},
    {"pair_queue", kPairFields, "it queued for its CPU; value: 0 if it was queued already"},
    {"pair_publish", kPairFields, "the CPU is occupied for it: it may run user code"},
    {"pair_run", kPairFields, "the worker of that CPU took it from its queue"},
    {"pair_cancel", kPairFields, "it left the queue; value: 1 if it was still waiting there"},
    {"pair_work_end", kPairFields, "the worker is done with it; value: cycles since it took it"},
    {"pair_timeout", kPairFields, "… because it took too long"},
    {"pair_same_cpu", kPairFields, "it runs on the CPU it is paired with and needs no worker"},
    {"pair_task", kPairTaskFields, "what the service keeps of a task, as it is now"},
    {"pair_cpu", kPairCpuFields, "… and of a CPU"},
    {"pair_hook", kPairHookFields, "the hooks of a switch; user: 1 if either task uses pairing",
     false},
    {"pair_call", kPairCallFields,
     "an IPI whose sender waits, or -ENXIO; barrier: 1 if only its memory "
     "barrier is wanted"},
    {"pair_ref", kPairFields, "references to the task that queued or executing work holds"},
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

// What a message of the service wants of the CPU it interrupts.
inline constexpr int32_t kPairPreempt = 0;
inline constexpr int32_t kPairBarrier = 1;

}  // namespace rqsim

#endif  // RQSIM_POLICIES_SERVICE_PAIR_H_
