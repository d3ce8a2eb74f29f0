#include "sim/views/report_umcg.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/views/report_text.h"
#include "sim/views/text_table.h"

namespace rqsim {
namespace {

constexpr std::size_t kWidth = 100;

// One lane per task, its spans in order; long lanes go on in further lines.
void AppendLanes(const Result& result, UmcgSpan::Kind kind, std::string& out) {
  std::size_t name_width = 0;
  for (const UmcgSpan& span : result.umcg_spans) {
    name_width = std::max(name_width, CommOf(result, span.task).size());
  }
  TaskId last;
  std::size_t column = 0;
  for (const UmcgSpan& span : result.umcg_spans) {
    if (span.kind != kind) continue;
    const std::string cell =
        fmt::format(" [{},{}){}", span.start.cycles(), span.end.cycles(), span.what);
    if (span.task != last || column + cell.size() > kWidth) {
      if (last.valid()) out += '\n';
      const std::string_view name =
          span.task == last ? std::string_view() : CommOf(result, span.task);
      const std::string begin = fmt::format("  {:{}} ", name, name_width);
      out += begin;
      column = begin.size();
      last = span.task;
    }
    out += cell;
    column += cell.size();
  }
  if (last.valid()) out += '\n';
}

}  // namespace

std::string UmcgText(const Result& result) {
  std::string out;
  if (result.umcg_spans.empty() && result.umcg_handoffs.empty()) {
    return "no task of this run has UMCG's state word\n";
  }
  out += "words\n";
  AppendLanes(result, UmcgSpan::Kind::kWord, out);
  out += "\nlists\n";
  AppendLanes(result, UmcgSpan::Kind::kList, out);
  out += "\nhand-offs\n";
  TextTable table;
  table.AddColumn("AT", TextTable::Align::kRight, 0);
  table.AddColumn("KIND", TextTable::Align::kLeft, 0);
  table.AddColumn("FROM", TextTable::Align::kLeft, 0);
  table.AddColumn("TO", TextTable::Align::kLeft, 0);
  table.AddColumn("CYCLES", TextTable::Align::kRight, 0);
  for (const UmcgHandoff& handoff : result.umcg_handoffs) {
    table.AddRow({fmt::format("{}", handoff.start.cycles()), handoff.kind,
                  std::string(CommOf(result, handoff.from)),
                  std::string(CommOf(result, handoff.to)),
                  fmt::format("{}", (handoff.first_cycle - handoff.start).count())});
  }
  table.AppendTo(out, kWidth);
  return out;
}

}  // namespace rqsim
