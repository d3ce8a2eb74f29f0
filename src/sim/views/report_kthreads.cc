#include "sim/views/report_kthreads.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sim/views/report_text.h"
#include "sim/views/text_table.h"

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
  TextTable table;
  table.AddColumn("THREAD", TextTable::Align::kLeft, 0);
  table.AddColumn("FROM", TextTable::Align::kRight, 0);
  table.AddColumn("UNTIL", TextTable::Align::kRight, 0);
  table.AddColumn("MAY RUN ON CPU", TextTable::Align::kLeft, 0);
  TaskId last;
  for (const KthreadMaskSpan& span : spans) {
    std::string name;
    if (span.mask->task != last) name = CommOf(result, span.mask->task);
    last = span.mask->task;
    table.AddRow({std::move(name), fmt::format("{}", span.start.cycles()),
                  fmt::format("{}", span.end.cycles()), span.mask->cpus});
  }
  std::string text;
  constexpr std::size_t kPageWidth = 120;
  table.AppendTo(text, kPageWidth);
  return text;
}

}  // namespace rqsim
