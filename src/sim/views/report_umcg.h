// The view `umcg`: state words of workers and servers, who stood on a list when, what the lists
// held, and hand-offs.
//
//   words
//     S   [0,5)RUNNING [5,32)IDLE …
//   lists
//     W1  [96,102)list [102,103)queue
//   contents
//     AT  LIST   QUEUE
//     96  W1     -
//    102  -      W1
//   hand-offs
//     AT  KIND      FROM  TO  CYCLES
//      4  dispatch  S     W1      14
//   `list` is the kernel's, the last pushed first, `queue` that of user space, the oldest first;
//   CYCLES to the receiver's first user cycle.
#ifndef RQSIM_SIM_VIEWS_REPORT_UMCG_H_
#define RQSIM_SIM_VIEWS_REPORT_UMCG_H_

#include <string>

#include "rqsim/result.h"

namespace rqsim {

std::string UmcgText(const Result& result);

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_REPORT_UMCG_H_
