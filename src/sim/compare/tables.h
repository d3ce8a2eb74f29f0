// The metrics of several results side by side.
#ifndef RQSIM_SIM_COMPARE_TABLES_H_
#define RQSIM_SIM_COMPARE_TABLES_H_

#include "rqsim/compare.h"

namespace rqsim {

// Fills tasks, locks, cpus and run of `comparison` from its results. Tasks that never lived (stop
// tasks that nothing woke) are left out.
void FillTables(Comparison& comparison);

}  // namespace rqsim

#endif  // RQSIM_SIM_COMPARE_TABLES_H_
