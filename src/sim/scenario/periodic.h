// Tasks that are released again and again, as programs: what imported and generated task sets are
// made of.
#ifndef RQSIM_SIM_SCENARIO_PERIODIC_H_
#define RQSIM_SIM_SCENARIO_PERIODIC_H_

#include <string>
#include <string_view>
#include <vector>

#include "rqsim/scenario.h"

namespace rqsim {

// What a job executes: `before`, then `inside` under a mutex, then `after`. Without a mutex it is
// `before` alone.
struct JobSpec {
  Cycles before, inside, after;
  std::string mutex;  // empty: none

  Cycles length() const { return before + inside + after; }
};

// A task that is spawned at `first` and released anew after each of `gaps`, over and over. The
// releases lie on that grid also when a job is late (an absolute timer of its own).
struct ReleasedTask {
  std::string name;
  Time first;
  std::vector<Cycles> gaps;
  JobSpec job;
};
TaskSpec MakeReleasedTask(const ReleasedTask& task);

// Policy `deadline` for jobs of that length, with a budget that no job uses up, so that deadlines
// alone decide. A budget that is spent to the last cycle throttles its task, and the next release
// would come from the replenishment instead of the wake-up.
SchedSpec DeadlineSched(Cycles job, Cycles deadline, Cycles period);

// The kernel's classes with everything off that bounds or interrupts EDF: the test of parameters,
// admission, the fair server and the timer that ends budgets.
PolicyChoice EdfClasses();

// SCHED_FIFO priorities for ranks 0 (the most important) to count - 1: 99 downwards, several ranks
// to a priority if there are more than 99.
int PriorityOfRank(int64_t rank, int64_t count);

}  // namespace rqsim

#endif  // RQSIM_SIM_SCENARIO_PERIODIC_H_
