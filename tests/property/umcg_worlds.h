// Random groups of servers and workers, with basic tasks and plain threads beside them, whose
// programs keep the contract of UMCG whatever happens to them.
#ifndef RQSIM_TESTS_PROPERTY_UMCG_WORLDS_H_
#define RQSIM_TESTS_PROPERTY_UMCG_WORLDS_H_

#include <cstdint>
#include <string>

#include "rqsim/scenario.h"

namespace rqsim {

struct UmcgWorldKind {
  std::string service = "umcg-v0.6";
  bool fixes = true;
  int cpus_max = 3, workers_max = 6;
  bool is_plain = false;  // no basic tasks, signals, CPUs that go
  bool preempts = true;   // by a watchdog, a server's timeout or a thread of the process
  bool ticks = false;     // by the kernel's tick instead of the first two, as always under umcg-ev
  bool multi = false;     // umcg-pz: servers have lists of blocked workers
};

// One or two groups (of one process or of two) with workers that run, block, fault, wait for
// mutexes of some lock protocol, yield, swap, wait with a timeout; basic tasks that hand a CPU to
// each other (not under umcg-ev, which kills them); a thread that preempts; signals; CPUs that go
// and come back.
Scenario RandomUmcgWorld(uint64_t seed, const UmcgWorldKind& kind);

}  // namespace rqsim

#endif  // RQSIM_TESTS_PROPERTY_UMCG_WORLDS_H_
