// A placement is made of parts: who chooses the CPU of a wake-up, and who balances. Any choice goes
// with any balancer; composed.h puts them together.
#ifndef RQSIM_POLICIES_PLACEMENT_PARTS_H_
#define RQSIM_POLICIES_PLACEMENT_PARTS_H_

#include <cstdint>
#include <vector>

#include "rqsim/kernel.h"
#include "rqsim/policy.h"
#include "rqsim/topology.h"

namespace rqsim {

// Which queued donors count as load that balancing sees: tasks that wait for a mutex, stay on their
// runqueue and cannot be moved (proxy-exec.md 8). The kernel counts them all; the others are
// what-ifs (MODEL-142).
enum class BlockedLoad : uint8_t {
  kCount,
  kExclude,   // none
  kCurrOnly,  // the one whose CPU executes for it
};

// What the parts know together: the balancer finds it out, wake-ups use it too.
struct PlacementShared {
  BlockedLoad blocked_load = BlockedLoad::kCount;
  // By CPU: the capacity that RT and deadline tasks leave, as of the last time the CPU balanced.
  std::vector<int64_t> capacity;
  // By cache, at its lowest CPU: how many CPUs a scan for an idle one looks at; negative: all.
  std::vector<int64_t> nr_idle_scan;

  void Prepare(const Kernel& kernel) {
    if (!capacity.empty()) return;
    for (int i = 0; i < kernel.num_cpus(); ++i) capacity.push_back(kernel.cpu(CpuId(i)).capacity);
    nr_idle_scan.assign(capacity.size(), -1);
  }
  int64_t& IdleScan(const Kernel& kernel, CpuId cpu) {
    return nr_idle_scan[kernel.topology().llc(cpu).First().index()];
  }
};

// fair.c: fits_capacity() and capacity_greater().
constexpr bool FitsCapacity(int64_t util, int64_t capacity) {
  return util * 1280 < capacity * 1024;
}
constexpr bool IsCapacityGreater(int64_t a, int64_t b) { return a * 1024 > b * 1078; }

// Chooses the CPU of a wake-up, a fork or an exec. Hook: Placement::SelectCpu.
class WakeChoice {
 public:
  virtual ~WakeChoice() = default;
  virtual CpuId Select(Kernel& kernel, TaskId task, CpuId waker, WakeFlags flags) = 0;
  virtual bool tracks_load() const { return false; }
  virtual void Describe(TaskId, StateWriter&) const {}
};

// A pass of balancing for one CPU at one level (fair.c: struct lb_env).
struct Pass {
  CpuId dst;  // where tasks come to
  int level = 0;
  IdleKind idle = IdleKind::kBusy;
  int64_t failed = 0;  // passes of this level without success
  CpuSet cpus;         // that are looked at
  // Found:
  CpuId src;
  BalanceUnit unit = BalanceUnit::kTask;
  int64_t amount = 0;

  bool dst_is_idle() const { return idle != IdleKind::kBusy; }
};

// Finds where a pass takes tasks from, and how many. This is all in which the balancers differ.
class SourceFinder {
 public:
  virtual ~SourceFinder() = default;
  // Sets src, unit and amount. Returns kMoved if there is something to move, else why not.
  virtual BalanceResult Find(Kernel& kernel, Pass& pass) = 0;
  virtual bool tracks_load() const = 0;
};

}  // namespace rqsim

#endif  // RQSIM_POLICIES_PLACEMENT_PARTS_H_
