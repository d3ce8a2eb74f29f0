// The scheduling domains (machine.md 7.1) of small machines.
#include "rqsim/topology.h"

#include <string>
#include <vector>

#include "support/catch.h"

namespace rqsim {
namespace {

// One line for each domain of `cpu`: its level, span and groups.
std::vector<std::string> Chain(const Topology& topology, int cpu) {
  std::vector<std::string> lines;
  for (int k = 0; k < topology.num_domains(CpuId(cpu)); ++k) {
    const SchedDomain& domain = topology.domain(CpuId(cpu), k);
    std::string line = std::string(DomainLevelName(domain.level)) + " " + domain.span.ToString();
    for (const SchedGroup& group : domain.groups) line += " {" + group.cpus.ToString() + "}";
    lines.push_back(line);
  }
  return lines;
}
using Lines = std::vector<std::string>;

TEST_CASE("One cache of four CPUs is one level of single CPUs", "[topology]") {
  std::vector<CpuPlace> places(4);
  for (int i = 0; i < 4; ++i) {
    places[static_cast<std::size_t>(i)].core = places[static_cast<std::size_t>(i)].cluster = i;
  }
  Topology topology;
  topology.Build(places, CpuSet::FirstN(4), {});
  CHECK(Chain(topology, 2) == Lines{"MC 0-3 {0} {1} {2} {3}"});
  const SchedDomain& mc = topology.domain(CpuId(2), 0);
  CHECK(mc.min_interval_ms == 4);
  CHECK(mc.max_interval_ms == 8);
  CHECK(mc.imbalance_pct == 117);
  CHECK(mc.cache_nice_tries == 1);
  CHECK(mc.group_of == std::vector<int32_t>{0, 1, 2, 3});
  CHECK_FALSE(topology.has_smt());
  SECTION("an inactive CPU is in no domain, but still shares the cache") {
    topology.Build(places, *CpuSet::Parse("0-2"), {});
    CHECK(Chain(topology, 0) == Lines{"MC 0-2 {0} {1} {2}"});
    CHECK(topology.num_domains(CpuId(3)) == 0);
    CHECK(topology.SharesCache(CpuId(0), CpuId(3)));
    CHECK(topology.generation() == 2);
  }
  SECTION("a CPU that is alone has no domain") {
    topology.Build(places, CpuSet::FirstN(1), {});
    CHECK(topology.num_domains(CpuId(0)) == 0);
    CHECK(topology.max_domains() == 0);
  }
}

// Two nodes of four CPUs, two caches each of a core with two CPUs.
std::vector<CpuPlace> Eight() {
  std::vector<CpuPlace> places(8);
  for (int i = 0; i < 8; ++i) {
    const int core = i / 2;
    places[static_cast<std::size_t>(i)] = {core, core, core, i / 4, 1024};
  }
  return places;
}

TEST_CASE("A level that is equal to the one below it disappears", "[topology]") {
  Topology topology;
  topology.Build(Eight(), CpuSet::FirstN(8), {});
  CHECK(Chain(topology, 5) ==
        Lines{"SMT 4-5 {4} {5}", "PKG 4-7 {4-5} {6-7}", "NUMA 0-7 {0-3} {4-7}"});
  const SchedDomain& smt = topology.domain(CpuId(5), 0);
  CHECK(smt.imbalance_pct == 110);
  CHECK(smt.cache_nice_tries == 0);
  CHECK(smt.shares_cache);
  const SchedDomain& pkg = topology.domain(CpuId(5), 1);
  CHECK(pkg.groups[0].shares_capacity);
  CHECK(pkg.groups[0].prefer_sibling);
  CHECK(pkg.groups[0].cores == 1);
  CHECK(pkg.imb_numa_nr == 2);
  const SchedDomain& numa = topology.domain(CpuId(5), 2);
  CHECK(numa.serialize);
  CHECK_FALSE(numa.prefer_sibling);
  CHECK(numa.groups[0].prefer_sibling);
  CHECK(numa.groups[1].cores == 2);
  CHECK(numa.cache_nice_tries == 2);
  CHECK(topology.Common(CpuId(5), CpuId(4)) == &smt);
  CHECK(topology.Common(CpuId(5), CpuId(7)) == &pkg);
  CHECK(topology.Common(CpuId(5), CpuId(0)) == &numa);
  CHECK(topology.core(CpuId(5)).ToString() == "4-5");
}

TEST_CASE("Nodes in a row: levels by distance, groups that overlap", "[topology]") {
  std::vector<CpuPlace> places(3);
  for (int i = 0; i < 3; ++i) places[static_cast<std::size_t>(i)] = {i, i, i, i, 1024};
  const std::vector<std::vector<int>> distances = {{10, 20, 40}, {20, 10, 20}, {40, 20, 10}};
  Topology topology;
  topology.Build(places, CpuSet::FirstN(3), distances);
  CHECK(Chain(topology, 0) == Lines{"NUMA 0-1 {0} {1}", "NUMA 0-2 {0-1} {1-2}"});
  CHECK(Chain(topology, 1) == Lines{"NUMA 0-2 {1} {2} {0}"});
  CHECK(Chain(topology, 2) == Lines{"NUMA 1-2 {2} {1}", "NUMA 0-2 {1-2} {0-1}"});
  CHECK(topology.domain(CpuId(0), 0).wake_affine);
  CHECK_FALSE(topology.domain(CpuId(0), 1).wake_affine);
  CHECK_FALSE(topology.domain(CpuId(0), 1).balance_fork);
}

TEST_CASE("CPUs of two sizes", "[topology]") {
  std::vector<CpuPlace> places(4);
  for (int i = 0; i < 4; ++i) {
    places[static_cast<std::size_t>(i)] = {i, i / 2, 0, 0, i < 2 ? 1024 : 512};
  }
  Topology topology;
  topology.Build(places, CpuSet::FirstN(4), {});
  CHECK(Chain(topology, 3) == Lines{"CLS 2-3 {2} {3}", "MC 0-3 {0-1} {2-3}"});
  CHECK(topology.has_asym_capacity());
  CHECK(topology.AsymDomain(CpuId(3)) == &topology.domain(CpuId(3), 1));
  // Tasks are not spread over groups of different sizes.
  CHECK_FALSE(topology.domain(CpuId(3), 1).groups[0].prefer_sibling);
  topology.Build(places, *CpuSet::Parse("2-3"), {});
  CHECK_FALSE(topology.has_asym_capacity());
  CHECK(topology.AsymDomain(CpuId(3)) == nullptr);
}

}  // namespace
}  // namespace rqsim
