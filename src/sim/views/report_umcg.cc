#include "sim/views/report_umcg.h"

#include <absl/strings/str_join.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

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

// Tasks by when they came.
using Standing = std::map<int64_t, TaskId>;

std::string NamesOf(const Result& result, const Standing& standing, bool last_first) {
  std::vector<std::string> names;
  for (const auto& [order, task] : standing) names.emplace_back(CommOf(result, task));
  if (last_first) std::reverse(names.begin(), names.end());
  return names.empty() ? "-" : absl::StrJoin(names, " ");
}

// A line for each instant at which a list of the kernel's or a queue of user space changed.
void AppendContents(const Result& result, std::string& out) {
  struct Change {
    Time at;
    bool joins = false;
    const UmcgSpan* span = nullptr;
  };
  std::vector<Change> changes;
  std::set<std::string> groups;
  for (const UmcgSpan& span : result.umcg_spans) {
    if (span.kind != UmcgSpan::Kind::kList) continue;
    changes.push_back({span.start, true, &span});
    if (span.end < result.end) changes.push_back({span.end, false, &span});
    groups.insert(span.group);
  }
  if (changes.empty()) return;
  // total order: a span has one begin and one end, and orders differ.
  std::sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) {
    return std::tuple(a.at, a.span->group, a.joins, a.span->order) <
           std::tuple(b.at, b.span->group, b.joins, b.span->order);
  });
  out += "\ncontents\n";
  TextTable table;
  table.AddColumn("AT", TextTable::Align::kRight, 0);
  if (groups.size() > 1) table.AddColumn("GROUP", TextTable::Align::kLeft, 0);
  table.AddColumn("LIST", TextTable::Align::kLeft, 0);
  table.AddColumn("QUEUE", TextTable::Align::kLeft, 0);
  std::map<std::string, std::pair<Standing, Standing>> standing;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const UmcgSpan& span = *changes[i].span;
    auto& [list, queue] = standing[span.group];
    Standing& place = span.what == "list" ? list : queue;
    if (changes[i].joins) {
      place[span.order] = span.task;
    } else {
      place.erase(span.order);
    }
    const bool is_last = i + 1 == changes.size() || changes[i + 1].at != changes[i].at ||
                         changes[i + 1].span->group != span.group;
    if (!is_last) continue;
    std::vector<std::string> row = {fmt::format("{}", changes[i].at.cycles())};
    if (groups.size() > 1) row.push_back(span.group);
    row.push_back(NamesOf(result, list, true));
    row.push_back(NamesOf(result, queue, false));
    table.AddRow(std::move(row));
  }
  table.AppendTo(out, kWidth);
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
  AppendContents(result, out);
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
