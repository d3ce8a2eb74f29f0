#include "rqsim/topology.h"

#include <algorithm>
#include <map>
#include <utility>

#include "rqsim/check.h"
#include "rqsim/limits.h"
#include "rqsim/machine_places.h"

namespace rqsim {

std::vector<CpuPlace> PlacesOf(const MachineSpec& machine) {
  std::vector<CpuPlace> places;
  for (const CpuSpec& cpu : machine.cpus) {
    const int number = static_cast<int>(places.size());
    const int core = cpu.core >= 0 ? cpu.core : kMaxCpus + number;
    const int cluster = cpu.cluster >= 0 ? cpu.cluster : kMaxCpus + core;
    places.push_back({core, cluster, cpu.llc, cpu.node, cpu.capacity});
  }
  return places;
}

std::string_view DomainLevelName(DomainLevel level) {
  switch (level) {
    case DomainLevel::kSmt:
      return "SMT";
    case DomainLevel::kCluster:
      return "CLS";
    case DomainLevel::kMc:
      return "MC";
    case DomainLevel::kPkg:
      return "PKG";
    case DomainLevel::kNuma:
      return "NUMA";
  }
  return "";
}

// A row of the kernel's table of levels: which CPUs are near each CPU.
struct Topology::Level {
  DomainLevel level = DomainLevel::kSmt;
  int distance = kLocalDistance;
  std::vector<CpuSet> sets;
  std::vector<std::size_t> set_of;      // by CPU
  std::map<std::size_t, int32_t> made;  // set: its domain
  bool overlaps = false;                // two sets meet without being equal
  const CpuSet& Near(CpuId cpu) const { return sets[set_of[cpu.index()]]; }
};

void Topology::Build(std::span<const CpuPlace> places, const CpuSet& members,
                     std::span<const std::vector<int>> distances) {
  ++generation_;
  NumberPlaces(places);
  domains_.clear();
  chains_.assign(places.size(), {});
  max_domains_ = 0;
  capacities_.clear();
  for (CpuId cpu = members.First(); cpu.valid(); cpu = members.After(cpu)) {
    const int capacity = places[cpu.index()].capacity;
    if (std::find(capacities_.begin(), capacities_.end(), capacity) == capacities_.end()) {
      capacities_.push_back(capacity);
    }
  }
  has_asym_capacity_ = capacities_.size() > 1;
  std::vector<Level> levels = MakeLevels(places, members, distances);
  below_.assign(places.size(), -1);
  for (Level& level : levels) {
    for (std::size_t i = 0; i < chains_.size(); ++i) {
      if (!chains_[i].empty()) below_[i] = chains_[i].back();
    }
    for (CpuId cpu = members.First(); cpu.valid(); cpu = members.After(cpu)) {
      std::vector<int32_t>& chain = chains_[cpu.index()];
      const CpuSet& span = level.Near(cpu);
      const CpuSet below =
          chain.empty() ? CpuSet::Of(cpu) : domains_[static_cast<std::size_t>(chain.back())].span;
      if (span == below) continue;
      int32_t made = -1;
      const auto known = level.made.find(level.set_of[cpu.index()]);
      if (known != level.made.end() && !level.overlaps) {
        made = known->second;
      } else {
        made = AddDomain(level, cpu, places);
        level.made[level.set_of[cpu.index()]] = made;
      }
      chain.push_back(made);
      max_domains_ = std::max(max_domains_, static_cast<int>(chain.size()));
    }
  }
}

void Topology::NumberPlaces(std::span<const CpuPlace> places) {
  std::map<int, std::size_t> cores, llcs;
  cores_.clear();
  llcs_.clear();
  core_of_.resize(places.size());
  llc_of_.resize(places.size());
  has_smt_ = false;
  const auto number = [](std::map<int, std::size_t>& seen, std::vector<CpuSet>& sets, int id,
                         CpuId cpu) {
    const auto [at, fresh] = seen.emplace(id, sets.size());
    if (fresh) sets.emplace_back();
    sets[at->second].Add(cpu);
    return at->second;
  };
  for (std::size_t i = 0; i < places.size(); ++i) {
    const CpuId cpu(static_cast<int32_t>(i));
    const std::size_t before = cores_.size();
    core_of_[i] = number(cores, cores_, places[i].core, cpu);
    has_smt_ = has_smt_ || cores_.size() == before;
    llc_of_[i] = number(llcs, llcs_, places[i].llc, cpu);
  }
}

std::vector<Topology::Level> Topology::MakeLevels(
    std::span<const CpuPlace> places, const CpuSet& members,
    std::span<const std::vector<int>> distances) const {
  std::vector<Level> levels;
  const auto add = [&](DomainLevel kind, int CpuPlace::*id) {
    Level& level = levels.emplace_back();
    level.level = kind;
    level.set_of.resize(places.size());
    std::map<int, std::size_t> seen;
    for (CpuId cpu = members.First(); cpu.valid(); cpu = members.After(cpu)) {
      const auto [at, fresh] = seen.emplace(places[cpu.index()].*id, level.sets.size());
      if (fresh) level.sets.emplace_back();
      level.sets[at->second].Add(cpu);
      level.set_of[cpu.index()] = at->second;
    }
    return seen;
  };
  add(DomainLevel::kSmt, &CpuPlace::core);
  add(DomainLevel::kCluster, &CpuPlace::cluster);
  add(DomainLevel::kMc, &CpuPlace::llc);
  const std::map<int, std::size_t> nodes = add(DomainLevel::kPkg, &CpuPlace::node);
  const Level pkg = levels.back();

  const auto distance = [&](int a, int b) {
    if (distances.empty()) return a == b ? kLocalDistance : kRemoteDistance;
    return distances[static_cast<std::size_t>(a)][static_cast<std::size_t>(b)];
  };
  std::vector<int> far;
  for (const auto& [a, set_a] : nodes) {
    for (const auto& [b, set_b] : nodes) {
      const int d = distance(a, b);
      if (a != b && std::find(far.begin(), far.end(), d) == far.end()) far.push_back(d);
    }
  }
  std::sort(far.begin(), far.end());  // total order: integers
  bool overlaps = false;              // from the lowest level on where nodes do
  for (const int reach : far) {
    Level& level = levels.emplace_back();
    level.level = DomainLevel::kNuma;
    level.distance = reach;
    level.set_of = pkg.set_of;
    level.sets.resize(pkg.sets.size());
    for (const auto& [a, set_a] : nodes) {
      for (const auto& [b, set_b] : nodes) {
        if (a != b && distance(a, b) > reach) continue;
        level.sets[set_a] = level.sets[set_a] | pkg.sets[set_b];
      }
    }
    for (const CpuSet& a : level.sets) {
      for (const CpuSet& b : level.sets) {
        overlaps = overlaps || (!(a == b) && !(a & b).empty());
      }
    }
    level.overlaps = overlaps;
  }
  return levels;
}

int32_t Topology::AddDomain(const Level& level, CpuId cpu, std::span<const CpuPlace> places) {
  SchedDomain domain;
  domain.level = level.level;
  domain.distance = level.distance;
  domain.span = level.Near(cpu);
  domain.weight = domain.span.Count();
  AddGroups(domain, cpu, level.overlaps);
  SetProperties(domain, places);
  // Tasks are not spread over CPUs of different sizes.
  if (domain.asym_capacity) {
    for (SchedGroup& group : domain.groups) group.prefer_sibling = false;
  }
  domains_.push_back(std::move(domain));
  return static_cast<int32_t>(domains_.size()) - 1;
}

// The spans of the level below, from `cpu` on. Where nodes overlap a CPU may be in several groups;
// group_of names the first.
void Topology::AddGroups(SchedDomain& domain, CpuId cpu, bool overlaps) const {
  domain.group_of.assign(chains_.size(), -1);
  CpuSet covered;
  const CpuId first = overlaps ? cpu : domain.span.First();
  for (CpuId at = first;;) {
    if (!covered.Contains(at)) {
      SchedGroup group;
      if (below_[at.index()] < 0) {
        group.cpus = CpuSet::Of(at);
      } else {
        const SchedDomain& below = domains_[static_cast<std::size_t>(below_[at.index()])];
        group.cpus = below.span & domain.span;
        group.shares_capacity = below.shares_capacity;
        group.prefer_sibling = below.prefer_sibling;
      }
      group.weight = group.cpus.Count();
      CpuSet seen;
      for (CpuId c = group.cpus.First(); c.valid(); c = group.cpus.After(c)) {
        int32_t& group_of = domain.group_of[c.index()];
        if (group_of < 0) group_of = static_cast<int32_t>(domain.groups.size());
        if (!seen.Contains(c)) ++group.cores;
        seen = seen | core(c);
      }
      covered = covered | group.cpus;
      domain.groups.push_back(group);
    }
    at = domain.span.FirstFromWrapping(at.value() + 1);
    if (at == first) break;
  }
}

void Topology::SetProperties(SchedDomain& domain, std::span<const CpuPlace> places) const {
  domain.min_interval_ms = domain.weight;
  domain.max_interval_ms = 2 * domain.weight;
  domain.shares_capacity = domain.level == DomainLevel::kSmt;
  domain.shares_cache = domain.level <= DomainLevel::kMc;
  if (domain.shares_capacity) {
    domain.imbalance_pct = 110;
    domain.cache_nice_tries = 0;
  }
  if (domain.level == DomainLevel::kNuma) {
    domain.cache_nice_tries = 2;
    domain.prefer_sibling = false;
    domain.serialize = true;
    if (domain.distance > kReclaimDistance) {
      domain.wake_affine = domain.balance_fork = domain.balance_exec = false;
    }
  }
  std::vector<int> sizes;
  for (CpuId c = domain.span.First(); c.valid(); c = domain.span.After(c)) {
    const int capacity = places[c.index()].capacity;
    if (std::find(sizes.begin(), sizes.end(), capacity) == sizes.end()) sizes.push_back(capacity);
  }
  domain.asym_capacity = sizes.size() > 1;
  domain.asym_capacity_full = domain.asym_capacity && sizes.size() == capacities_.size();
  if (domain.shares_cache) return;
  // adjust_numa_imbalance(): an eighth of a node with one cache, a task for each cache otherwise.
  const CpuId any = domain.span.First();
  const int node_weight = [&] {
    int weight = 0;
    for (CpuId c = domain.span.First(); c.valid(); c = domain.span.After(c)) {
      if (places[c.index()].node == places[any.index()].node) ++weight;
    }
    return weight;
  }();
  const int cache_weight = (llc(any) & domain.span).Count();
  const int caches = node_weight / std::max(1, cache_weight);
  const int imbalance = std::max(1, caches == 1 ? node_weight >> 3 : caches);
  int numa_weight = 0;  // of the lowest NUMA level
  for (const int32_t id : chains_[any.index()]) {
    const SchedDomain& below = domains_[static_cast<std::size_t>(id)];
    if (below.level == DomainLevel::kNuma && numa_weight == 0) numa_weight = below.weight;
  }
  if (numa_weight == 0) numa_weight = domain.weight;
  domain.imb_numa_nr = imbalance * std::max(1, domain.weight / numa_weight);
}

const SchedDomain* Topology::AsymDomain(CpuId cpu) const {
  for (int k = 0; k < num_domains(cpu); ++k) {
    if (domain(cpu, k).asym_capacity_full) return &domain(cpu, k);
  }
  return nullptr;
}

const SchedDomain* Topology::Common(CpuId cpu, CpuId other) const {
  for (int k = 0; k < num_domains(cpu); ++k) {
    if (domain(cpu, k).span.Contains(other)) return &domain(cpu, k);
  }
  return nullptr;
}

}  // namespace rqsim
