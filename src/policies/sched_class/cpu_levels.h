// Which CPUs run real-time tasks of which priority, so that the weakest ones are found without
// looking at every CPU: cpupri of Linux 7.2 kernel/sched/cpupri.c. Level 0 has no real-time task,
// levels 1 to 99 are rt_priority. Changing a CPU's level is O(1), finding O(levels).
#ifndef RQSIM_POLICIES_SCHED_CLASS_CPU_LEVELS_H_
#define RQSIM_POLICIES_SCHED_CLASS_CPU_LEVELS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "rqsim/cpu_set.h"
#include "rqsim/ids.h"

namespace rqsim {

inline constexpr int kNumCpuLevels = 100;

class CpuLevels {
 public:
  explicit CpuLevels(int num_cpus) : level_(static_cast<std::size_t>(num_cpus), 0) {
    cpus_[0] = CpuSet::FirstN(num_cpus);
    count_[0] = num_cpus;
  }

  void Set(CpuId cpu, int level) {
    int& now = level_[cpu.index()];
    if (now == level) return;
    cpus_[Index(now)].Remove(cpu);
    --count_[Index(now)];
    now = level;
    cpus_[Index(now)].Add(cpu);
    ++count_[Index(now)];
  }

  // The CPUs of `usable` of the lowest level that has any, below `level`; empty if there are none
  // (cpupri_find()).
  CpuSet Lowest(int level, const CpuSet& usable) const {
    for (int i = 0; i < level; ++i) {
      if (count_[Index(i)] == 0) continue;
      const CpuSet found = cpus_[Index(i)] & usable;
      if (!found.empty()) return found;
    }
    return CpuSet();
  }

 private:
  static std::size_t Index(int level) { return static_cast<std::size_t>(level); }

  std::vector<int> level_;  // by CPU
  std::array<CpuSet, kNumCpuLevels> cpus_;
  std::array<int, kNumCpuLevels> count_{};
};

}  // namespace rqsim

#endif  // RQSIM_POLICIES_SCHED_CLASS_CPU_LEVELS_H_
