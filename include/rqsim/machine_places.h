// Where the CPUs of a scenario's machine are, for those who build its topology.
#ifndef RQSIM_MACHINE_PLACES_H_
#define RQSIM_MACHINE_PLACES_H_

#include <vector>

#include "rqsim/scenario.h"
#include "rqsim/topology.h"

namespace rqsim {

// By CPU. One that names no core is a core by itself, one that names no cluster is in that of its
// core.
std::vector<CpuPlace> PlacesOf(const MachineSpec& machine);

}  // namespace rqsim

#endif  // RQSIM_MACHINE_PLACES_H_
