// The scheduling domains of each CPU: core, cache, node, machine, from the closest outwards
// (machine.md 7.1). Real-time and deadline tasks look for a CPU in this order.
#ifndef RQSIM_POLICIES_SCHED_CLASS_DOMAINS_H_
#define RQSIM_POLICIES_SCHED_CLASS_DOMAINS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "rqsim/cpu_set.h"
#include "rqsim/ids.h"
#include "rqsim/kernel.h"

namespace rqsim {

class Domains {
 public:
  // Which CPU of `candidates` is closest to `from`, as both find_lowest_rq() of Linux 7.2
  // kernel/sched/rt.c and find_later_rq() of deadline.c end: `from` itself; else, domain by domain
  // outwards, the executing CPU, else any. Precondition: `candidates` is not empty.
  CpuId Closest(Kernel& kernel, CpuId from, const CpuSet& candidates) {
    if (candidates.Contains(from)) return from;
    if (domain_of_.empty()) Build(kernel);
    const CpuId here = kernel.executing_cpu();
    const bool may_be_here = here.valid() && candidates.Contains(here);
    for (const int32_t domain : domain_of_[from.index()]) {
      const CpuSet& span = spans_[static_cast<std::size_t>(domain)];
      if (may_be_here && span.Contains(here)) return here;
      const CpuSet near = candidates & span;
      if (!near.empty()) return kernel.AnyCpu(near);
    }
    return may_be_here ? here : kernel.AnyCpu(candidates);
  }

 private:
  static constexpr std::size_t kNumLevels = 4;

  // The topology is known once the machine is there, and never changes.
  void Build(const Kernel& kernel) {
    domain_of_.resize(static_cast<std::size_t>(kernel.num_cpus()));
    for (int i = 0; i < kernel.num_cpus(); ++i) {
      for (std::size_t level = 0; level < kNumLevels; ++level) Join(kernel, CpuId(i), level);
    }
  }
  // Puts `cpu` into the domain of the first CPU it shares this level with.
  void Join(const Kernel& kernel, CpuId cpu, std::size_t level) {
    int32_t& domain = domain_of_[cpu.index()][level];
    CpuId first(0);
    while (KeyOf(kernel, first, level) != KeyOf(kernel, cpu, level))
      first = CpuId(first.value() + 1);
    if (first == cpu) {
      domain = static_cast<int32_t>(spans_.size());
      spans_.emplace_back();
    } else {
      domain = domain_of_[first.index()][level];
    }
    spans_[static_cast<std::size_t>(domain)].Add(cpu);
  }
  static int KeyOf(const Kernel& kernel, CpuId cpu, std::size_t level) {
    const Cpu& c = kernel.cpu(cpu);
    return level == 0 ? c.core : level == 1 ? c.llc : level == 2 ? c.node : 0;
  }

  std::vector<std::array<int32_t, kNumLevels>> domain_of_;  // by CPU, closest first
  std::vector<CpuSet> spans_;
};

}  // namespace rqsim

#endif  // RQSIM_POLICIES_SCHED_CLASS_DOMAINS_H_
