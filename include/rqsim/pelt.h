// Per-entity load tracking: geometric averages of how long something was runnable and ran, in the
// kernel's integers (Linux 7.2 kernel/sched/pelt.c; machine.md 10).
//
// Time is cut into periods of 1024 units of 1024 ns; what lies 32 periods back counts half. The
// machine keeps averages only when something of the run wants them (Hook::kTracksLoad) and updates
// them exactly at: tick, enqueue, dequeue, set_next, put_prev. Between these they are stale, as in
// the kernel; a balancer refreshes a CPU with Kernel::RefreshLoad().
#ifndef RQSIM_PELT_H_
#define RQSIM_PELT_H_

#include <cstdint>

namespace rqsim {

struct LoadAvg {
  int64_t last_update_ns = 0;
  int64_t load_sum = 0, runnable_sum = 0, util_sum = 0;
  int64_t load_avg = 0, runnable_avg = 0, util_avg = 0;
  int32_t period_contrib = 0;  // of the present period, 0..1023
};

// What it was doing since the last update. A task: load = queued, runnable = queued and not
// delayed, running = it is the donor, each 0 or 1, and the weight of its priority. A queue: the sum
// of the weights, the number of runnable tasks, whether one of them is the donor, and weight 1.
struct LoadInput {
  int64_t load = 0, runnable = 0, running = 0;
  int64_t weight = 1;
};

// Brings `avg` up to `now_ns`. Whole units only: the rest is left for the next update.
void UpdateLoad(LoadAvg& avg, int64_t now_ns, const LoadInput& input);
// What full load for ever adds up to, as of this average's place in its period.
int64_t LoadDivider(const LoadAvg& avg);

// The averages of a runqueue: its fair tasks, and for RT and deadline how much of it they take.
struct RunqueueLoad {
  LoadAvg fair, rt, dl;
};

// Weight of a fair task by its nice value (Linux 7.2 kernel/sched/core.c: sched_prio_to_weight),
// and of one of policy idle.
inline constexpr int64_t kPrioToWeight[40] = {
    88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904,
    3906,  3121,  2501,  1991,  1586,  1277,  1024,  820,   655,   526,   423,  335,  272,  215,
    172,   137,   110,   87,    70,    56,    45,    36,    29,    23,    18,   15};
inline constexpr int64_t kIdlePolicyWeight = 3;

}  // namespace rqsim

#endif  // RQSIM_PELT_H_
