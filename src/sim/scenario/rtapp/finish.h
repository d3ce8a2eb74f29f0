// What can be settled only when all programs of an import are known: timers whose mode another use
// sets, resources that are used in more than one way, what is declared, and whether the names fit
// together.
#ifndef RQSIM_SIM_SCENARIO_RTAPP_FINISH_H_
#define RQSIM_SIM_SCENARIO_RTAPP_FINISH_H_

#include <cstdint>

#include "rqsim/scenario.h"
#include "sim/scenario/rtapp/reporter.h"

namespace rqsim::rtapp {

// A timer is absolute if one of its uses says so (MODEL-41), as in rt-app, where the mode is the
// timer's. A timer of one's own is the task's, any other is shared by all.
void SettleTimers(Scenario& scenario);

// suspend X is a wait on condition variable X under mutex X, resume X a broadcast under it. Where X
// is also locked, waited for or signalled by other operations, these must meet, so it is written
// out there: lock, wait, unlock and lock, broad, unlock (MODEL-42). Returns how many operations
// that added.
int64_t WriteOutSharedResources(Scenario& scenario);

// Mutexes, condition variables and semaphores in the order of their first use, after those that the
// file's section `resources` has already declared.
void DeclareFromUse(Scenario& scenario);

// Forks of threads that do not exist (MODEL-44), uses of barriers that would never be passed in
// rt-app (MODEL-43), and threads that repeat for ever what takes no time.
void CheckReferences(const Scenario& scenario, Reporter& reporter);

// Spreads the threads over the CPUs they may start on, as their creation would (MODEL-48): each
// starts where the fewest have started so far.
void SpreadThreads(Scenario& scenario);

// Names that a scenario cannot have, and names with a meaning of their own in timelines, get
// others.
void MakeNamesLegal(Scenario& scenario, Reporter& reporter);

// Whether there is a thread that does not come to an end by itself.
bool RunsForever(const Scenario& scenario);

// Operations in all programs; loops are none, their bodies count once.
int64_t CountOperations(const Scenario& scenario);

}  // namespace rqsim::rtapp

#endif  // RQSIM_SIM_SCENARIO_RTAPP_FINISH_H_
