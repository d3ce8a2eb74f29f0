// Who has been promised how much of the CPUs, and who uses it: admission control and, for tasks
// that may reclaim what others leave over, GRUB (classes.md 6.6, 6.7).
//
//   total_bw     what has been admitted, tasks and servers
//   this_bw      by CPU: of all entities assigned to it
//   running_bw   by CPU: of the active ones; a task that blocks is active until its zero-lag time
//   extra_bw     by CPU: what nobody has been promised
// All are fractions of 2^20 of a CPU.
//
// Origin: Linux 7.2 kernel/sched/deadline.c: __dl_overflow(), grub_reclaim(),
// task_non_contending(). Tested by tests/unit/policies/sched_class/deadline_cbs_test.cc.
#ifndef RQSIM_POLICIES_SCHED_CLASS_DEADLINE_BANDWIDTH_H_
#define RQSIM_POLICIES_SCHED_CLASS_DEADLINE_BANDWIDTH_H_

#include <cstdint>
#include <vector>

#include "rqsim/cpu_set.h"
#include "rqsim/ids.h"
#include "sched_class/deadline_cbs.h"
#include "sched_class/deadline_queue.h"

namespace rqsim {

class Bandwidth {
 public:
  // `rt_runtime` of each `rt_period` may be promised; negative: no limit.
  Bandwidth(int num_cpus, int64_t rt_period, int64_t rt_runtime)
      : is_limited_(rt_runtime >= 0),
        limit_(is_limited_ ? DlRatio(rt_period, rt_runtime) : int64_t{1} << kBwShift),
        ratio_(is_limited_ ? DlRatio(rt_runtime, rt_period) >> (kBwShift - kRatioShift)
                           : int64_t{1} << kRatioShift),
        extra_(limit_),
        cpus_(static_cast<std::size_t>(num_cpus)) {}

  bool is_limited() const { return is_limited_; }
  int64_t total() const { return total_; }
  int64_t extra() const { return extra_; }
  int64_t assigned(CpuId cpu) const { return cpus_[cpu.index()].assigned; }
  int64_t running(CpuId cpu) const { return cpus_[cpu.index()].running; }

  // --- admission ---
  // Whether `bw` more, instead of `old`, does not fit CPUs of this capacity together.
  bool Overflows(int64_t capacity, int64_t old, int64_t bw) const {
    return is_limited_ && ((limit_ * capacity) >> 10) < total_ - old + bw;
  }
  // `entity` has been admitted with `bw`; 0 gives it back. Shared by `num_cpus` CPUs.
  void Promise(DlEntity& entity, int64_t bw, int num_cpus) {
    total_ += bw - entity.admitted_bw;
    extra_ += entity.admitted_bw / num_cpus;
    extra_ -= bw / num_cpus;
    entity.admitted_bw = bw;
  }

  // --- use ---
  // `entity` belongs to `cpu` from now on, active or not as before.
  void Assign(DlEntity& entity, CpuId cpu) {
    if (entity.bw_cpu == cpu) return;
    const bool was_active = entity.is_active;
    Release(entity);
    entity.bw_cpu = cpu;
    cpus_[cpu.index()].assigned += entity.bw;
    if (was_active) Activate(entity);
  }
  // … to none.
  void Release(DlEntity& entity) {
    if (!entity.bw_cpu.valid()) return;
    Deactivate(entity);
    cpus_[entity.bw_cpu.index()].assigned -= entity.bw;
    entity.bw_cpu = CpuId();
  }
  // Precondition of both: it is assigned.
  void Activate(DlEntity& entity) {
    if (entity.is_active) return;
    entity.is_active = true;
    cpus_[entity.bw_cpu.index()].running += entity.bw;
  }
  void Deactivate(DlEntity& entity) {
    if (!entity.is_active) return;
    entity.is_active = false;
    cpus_[entity.bw_cpu.index()].running -= entity.bw;
  }

  // What `length` cycles cost an entity that reclaims (grub_reclaim()).
  int64_t Reclaimed(const DlEntity& entity, CpuId cpu, int64_t length) const;

 private:
  static constexpr int kRatioShift = 8;
  struct OfCpu {
    int64_t assigned = 0;
    int64_t running = 0;
  };

  bool is_limited_;
  int64_t limit_;  // max_bw of each CPU
  int64_t ratio_;  // 1 / limit, of 2^8
  int64_t extra_;  // of each CPU: the promises are spread evenly
  int64_t total_ = 0;
  std::vector<OfCpu> cpus_;
};

}  // namespace rqsim

#endif  // RQSIM_POLICIES_SCHED_CLASS_DEADLINE_BANDWIDTH_H_
