// How the CPUs lie: cores, caches, nodes, and the scheduling domains that the kernel builds from
// them.
//
//   Level     spans                          groups are             built when it differs from the
//   SMT       the CPUs of a core             single CPUs            level below (a domain of one
//   CLS       a cluster (shared L2)          cores                  CPU is not built at all)
//   MC        the last-level cache           clusters or cores
//   PKG       the CPUs of a node             caches
//   NUMA(d)   the nodes within distance d    what lies below, node by node
//
// Origin: Linux 7.2 kernel/sched/topology.c: build_sched_domains(), sd_init(), machine.md 7.1. What
// differs: no asymmetric packing, no energy model, no isolated CPUs and so one root domain.
// The machine owns the topology of a run and builds it anew when a CPU becomes active or inactive;
// policies reach it through Kernel::topology().
#ifndef RQSIM_TOPOLOGY_H_
#define RQSIM_TOPOLOGY_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "rqsim/cpu_set.h"
#include "rqsim/ids.h"

namespace rqsim {

enum class DomainLevel : uint8_t { kSmt, kCluster, kMc, kPkg, kNuma };
std::string_view DomainLevelName(DomainLevel level);  // "SMT" "CLS" "MC" "PKG" "NUMA"

// Distances between nodes are in the units of ACPI's SLIT. A level that reaches farther than
// kReclaimDistance takes no part in wake-ups and forks.
inline constexpr int kLocalDistance = 10;
inline constexpr int kRemoteDistance = 20;
inline constexpr int kReclaimDistance = 30;

// Where a CPU is. CPUs are in one core, cluster, cache or node when the numbers are equal.
struct CpuPlace {
  int core = 0, cluster = 0, llc = 0, node = 0;
  int capacity = 1024;
};

// A group of a domain: the span of the level below.
struct SchedGroup {
  CpuSet cpus;
  int weight = 0;
  int cores = 0;
  bool shares_capacity = false;  // the CPUs of one core
  bool prefer_sibling = false;   // the level below spreads tasks over its sibling groups
};

struct SchedDomain {
  DomainLevel level = DomainLevel::kMc;
  int distance = kLocalDistance;  // kNuma: how far it reaches
  CpuSet span;
  int weight = 0;
  std::vector<SchedGroup> groups;  // in ring order; where it starts depends on the CPU that looks
  std::vector<int32_t> group_of;   // by CPU: which of them holds it; -1: outside
  int min_interval_ms = 0;
  int max_interval_ms = 0;
  int imbalance_pct = 117;
  int cache_nice_tries = 1;
  int imb_numa_nr = 0;  // tasks that may be more on one node than on another
  bool shares_capacity = false;
  bool shares_cache = false;
  bool prefer_sibling = true;
  bool serialize = false;
  bool wake_affine = true, balance_fork = true, balance_exec = true, balance_newidle = true;
  bool asym_capacity = false;       // not all CPUs of the span are equally large
  bool asym_capacity_full = false;  // … and every size of the machine is among them
};
inline constexpr int kBusyFactor = 16;

class Topology {
 public:
  // Builds the domains of `members` among the CPUs of `places`. `distances` has a row for each
  // node; empty: kLocalDistance within a node, kRemoteDistance between two.
  // Precondition: node numbers are below kMaxCpus, and below the number of rows if there are any.
  void Build(std::span<const CpuPlace> places, const CpuSet& members,
             std::span<const std::vector<int>> distances);

  // The domains of `cpu`, lowest first: their number, and the k-th. None for a CPU that is alone or
  // no member.
  int num_domains(CpuId cpu) const {
    return cpu.index() < chains_.size() ? static_cast<int>(chains_[cpu.index()].size()) : 0;
  }
  const SchedDomain& domain(CpuId cpu, int k) const {
    return domains_[static_cast<std::size_t>(chains_[cpu.index()][static_cast<std::size_t>(k)])];
  }
  // The same for state that a policy keeps per CPU and level: levels are numbered 0 … max_domains()
  // - 1.
  int max_domains() const { return max_domains_; }
  // Counts the builds, so that whoever derives something from the domains knows when to do it anew.
  int generation() const { return generation_; }

  // All CPUs, members or not, of the same core or cache; with the CPU itself.
  const CpuSet& core(CpuId cpu) const { return cores_[core_of_[cpu.index()]]; }
  const CpuSet& llc(CpuId cpu) const { return llcs_[llc_of_[cpu.index()]]; }
  bool SharesCache(CpuId a, CpuId b) const { return llc_of_[a.index()] == llc_of_[b.index()]; }
  bool has_smt() const { return has_smt_; }
  // Whether the members are of several sizes.
  bool has_asym_capacity() const { return has_asym_capacity_; }
  // The lowest domain of `cpu` with every size of CPU in it; null if there is none.
  const SchedDomain* AsymDomain(CpuId cpu) const;
  // The lowest domain of `cpu` that holds `other` too; null if there is none.
  const SchedDomain* Common(CpuId cpu, CpuId other) const;

 private:
  struct Level;
  void NumberPlaces(std::span<const CpuPlace> places);
  std::vector<Level> MakeLevels(std::span<const CpuPlace> places, const CpuSet& members,
                                std::span<const std::vector<int>> distances) const;
  int32_t AddDomain(const Level& level, CpuId cpu, std::span<const CpuPlace> places);
  void AddGroups(SchedDomain& domain, CpuId cpu, bool overlaps) const;
  void SetProperties(SchedDomain& domain, std::span<const CpuPlace> places) const;

  std::vector<SchedDomain> domains_;
  std::vector<std::vector<int32_t>> chains_;  // by CPU: its domains, lowest first
  std::vector<int32_t>
      below_;  // while a level is built, by CPU: its highest domain so far; -1: none
  std::vector<CpuSet> cores_, llcs_;
  std::vector<std::size_t> core_of_, llc_of_;
  std::vector<int> capacities_;  // of the members, each once
  int max_domains_ = 0;
  int generation_ = 0;
  bool has_smt_ = false;
  bool has_asym_capacity_ = false;
};

}  // namespace rqsim

#endif  // RQSIM_TOPOLOGY_H_
