// The masks of kernel threads over time, as a table that a page of `rqsim report` may show.
//
//   THREAD  FROM  UNTIL  MAY RUN ON CPU
//   k          0   2009  2-3
//           2009   3057  0-7
//           3057   5000  2-3
#ifndef RQSIM_SIM_VIEWS_REPORT_KTHREADS_H_
#define RQSIM_SIM_VIEWS_REPORT_KTHREADS_H_

#include <string>
#include <vector>

#include "rqsim/result.h"

namespace rqsim {

// A thread had one mask from `start` to `end`.
struct KthreadMaskSpan {
  const KthreadMask* mask = nullptr;
  Time start, end;
};
// By thread, then time. Masks that lasted no cycle are left out.
std::vector<KthreadMaskSpan> KthreadMaskSpans(const Result& result);
// "" without kernel threads.
std::string KthreadMasksText(const Result& result);

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_REPORT_KTHREADS_H_
