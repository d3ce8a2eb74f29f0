#include "cli/compare_pair.h"

#include <absl/strings/str_join.h>
#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "rqsim/metrics.h"
#include "sim/views/text_table.h"

namespace rqsim {
namespace {

// Parts of a cell, those whose number is not 0.
class Parts {
 public:
  explicit Parts(const Result& result) : result_(result) {}
  Parts& Add(std::string_view metric, fmt::format_string<const int64_t&> form) {
    const int64_t value = MetricValue(result_, metric).value_or(0);
    if (value != 0) parts_.push_back(fmt::format(form, value));
    return *this;
  }
  std::string Text(std::string_view none) const {
    return parts_.empty() ? std::string(none) : absl::StrJoin(parts_, ", ");
  }

 private:
  const Result& result_;
  std::vector<std::string> parts_;
};

bool IsLivelocked(const Result& result) {
  return std::any_of(result.violations.begin(), result.violations.end(),
                     [](const Violation& violation) { return violation.id == "PA-L1"; });
}

}  // namespace

std::string PairTable(const Comparison& comparison, std::size_t width) {
  TextTable table;
  table.AddColumn("SET", TextTable::Align::kLeft, 0);
  table.AddColumn("SAFETY", TextTable::Align::kLeft, 0);
  table.AddColumn("LIVENESS", TextTable::Align::kLeft, 0);
  table.AddColumn("DISTURBANCE", TextTable::Align::kLeft, 0);
  table.AddColumn("COST TO OTHERS", TextTable::Align::kLeft, 0);
  for (const Result& result : comparison.results) {
    const auto commits = MetricValue(result, "rseq_commits");
    if (!commits) continue;
    std::string liveness = fmt::format("{} committed", *commits);
    const std::string more = Parts(result)
                                 .Add("rseq_aborts", "{} aborts")
                                 .Add("rseq_guard_fails", "{} guards")
                                 .Add("cs_latency_max", "max {}")
                                 .Text("");
    if (!more.empty()) liveness += ", " + more;
    if (IsLivelocked(result)) liveness += ", L1";
    table.AddRow({result.policy,
                  Parts(result)
                      .Add("lost_updates", "{} lost")
                      .Add("s1_overlap_cycles", "S1 {}")
                      .Add("s2_overlap_cycles", "S2 {}")
                      .Add("s3_overlap_cycles", "S3 {}")
                      .Text("kept"),
                  liveness,
                  Parts(result)
                      .Add("bystander_wait_max", "wait {}")
                      .Add("pair_ipis", "{} IPIs")
                      .Add("soak_cycles", "soak {}")
                      .Add("task_moves", "{} moves")
                      .Text("none"),
                  Parts(result)
                      .Add("hook_cycles_others", "hooks {}")
                      .Add("o1_lines", "{} lines a switch")
                      .Add("hotplug_refused", "{} refused")
                      .Add("hotplug_latency_max", "hotplug {}")
                      .Text("none")});
  }
  if (table.empty()) return "";
  std::string text = "Updates of the data of CPUs\n";
  // Wider than the terminal rather than without one of the heads.
  table.AppendTo(text, std::max<std::size_t>(width, 200));
  return text;
}

}  // namespace rqsim
