#include "sim/views/report_kthreads.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/views/report_text.h"

namespace rqsim {

std::vector<KthreadMaskSpan> KthreadMaskSpans(const Result& result) {
  std::vector<KthreadMaskSpan> spans;
  for (const KthreadMask& mask : result.kthread_masks)
    spans.push_back({&mask, mask.at, result.end});
  // total order: a thread has one mask in the list for an instant.
  std::sort(spans.begin(), spans.end(), [](const KthreadMaskSpan& a, const KthreadMaskSpan& b) {
    if (a.mask->task != b.mask->task) return a.mask->task < b.mask->task;
    return a.start < b.start;
  });
  for (std::size_t i = 0; i + 1 < spans.size(); ++i) {
    if (spans[i].mask->task == spans[i + 1].mask->task) spans[i].end = spans[i + 1].start;
  }
  return spans;
}

std::string KthreadMasksText(const Result& result) {
  const std::vector<KthreadMaskSpan> spans = KthreadMaskSpans(result);
  if (spans.empty()) return "";
  std::size_t width = 0;
  for (const KthreadMaskSpan& span : spans) {
    width = std::max(width, CommOf(result, span.mask->task).size());
  }
  std::string text = "kernel threads\n";
  TaskId last;
  for (const KthreadMaskSpan& span : spans) {
    const std::string_view name =
        span.mask->task == last ? std::string_view() : CommOf(result, span.mask->task);
    last = span.mask->task;
    text += fmt::format("  {:{}}  [{}, {})  CPU {}\n", name, width, span.start.cycles(),
                        span.end.cycles(), span.mask->cpus);
  }
  return text;
}

}  // namespace rqsim
