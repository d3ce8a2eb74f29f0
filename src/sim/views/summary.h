// A result for the terminal: what `run` prints.
//
//   MX-04 nospin-cost, policy nospin: done at 11 cycles
//   events 52, digest 1f3c…, schedule digest 09ab…
//   violation MX-I9 at 5: L exits holding A
//
//   TASK  EXEC  BLOCKED  RESPONSE  WAKEUP  SWITCHES  FINISH  WAITED FOR
//   L        9        0         9       0         1       9
//   H        5        6        11       0         2      11  lock A owner L 3, wake-up 3
//
//   CPU  USER  KERNEL  OVERHEAD  IDLE  COSTS
//   0       6       0         4     1  c_ctx 2, c_wake 2
//
//   LOCK  ACQUIRED  FAST  SLOW  WAIT  HOLD  WAKEUPS
//   A            2     1     1     7     4        1
//
// All in cycles. RESPONSE, WAKEUP, WAIT and HOLD are the largest of their lists; WAITED FOR has the
// largest causes of waiting, those of the task's own will left out. Columns in which nothing
// happened, and those that do not fit, are not shown: `--json` has everything.
#ifndef RQSIM_SIM_VIEWS_SUMMARY_H_
#define RQSIM_SIM_VIEWS_SUMMARY_H_

#include <string>

#include "rqsim/result.h"

namespace rqsim {

inline constexpr std::size_t kSummaryWidth = 100;

std::string SummaryText(const Result& result, std::size_t width = kSummaryWidth);

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_SUMMARY_H_
