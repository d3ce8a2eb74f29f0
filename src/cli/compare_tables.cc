#include "cli/compare_tables.h"

#include <absl/strings/str_join.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/set_table.h"
#include "cli/units.h"
#include "rqsim/metrics.h"
#include "rqsim/result.h"

namespace rqsim {
namespace {

constexpr const char* kAllTogether = "all together";
// Tasks (locks, CPUs) whose numbers are printed without --all.
constexpr std::size_t kThingsShown = 12;
// Columns for the name of a set.
constexpr std::size_t kNameWidth = 26;

// What people ask for first; the other metrics are shown with --all, or when they alone differ.
constexpr std::array<std::string_view, 24> kHeadline = {"finish",
                                                        "exec",
                                                        "run_delay",
                                                        "blocked",
                                                        "sleeping",
                                                        "response.max",
                                                        "response.n",
                                                        "wakeup_latency.max",
                                                        "nr_switches",
                                                        "nr_migrations",
                                                        "nr_involuntary_switches",
                                                        "deadline_misses",
                                                        "acquisitions",
                                                        "fast",
                                                        "osq_spin",
                                                        "slow",
                                                        "steals",
                                                        "handoffs",
                                                        "wakeups",
                                                        "spin_cycles",
                                                        "wait.max",
                                                        "hold.max",
                                                        "end",
                                                        "violations"};
// Of those the ones that have a table of their own when there are many sets: what tasks wait for
// and what CPUs do.
constexpr std::array<std::string_view, 7> kOfManySets = {
    "response.max", "run_delay", "blocked", "deadline_misses", "kernel", "overhead", "idle"};
// Of a distribution these are left out unless --all asks for them.
constexpr std::array<std::string_view, 3> kFineStatistics = {".min", ".mean", ".p99"};

template <typename Names>
bool Has(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Nothing happened under any set: nothing to see, even where some of them have no such number.
bool IsIdle(const ComparedMetric& metric) {
  return std::all_of(metric.values.begin(), metric.values.end(),
                     [](const std::optional<int64_t>& value) { return value.value_or(0) == 0; });
}

class Tables {
 public:
  Tables(const Comparison& comparison, const CompareTextOptions& options, const Terminal& terminal)
      : c_(comparison), options_(options), t_(terminal) {}

  std::string Text() {
    Section("Tasks", "response.max", c_.tasks);
    Section("Locks", "", c_.locks);
    if (IsBrief(c_, options_)) return out_;
    Section("CPUs", "kernel", c_.cpus);
    RunSection();
    return out_;
  }

 private:
  void Line(const std::string& text = "") { out_ += text + "\n"; }
  void Wrap(const std::string& text) { out_ += Wrapped("  ", text, options_.width); }
  const std::string& baseline() const { return c_.results.front().policy; }

  bool Differs(const ComparedMetric& metric) const { return metric.differs && !IsIdle(metric); }
  bool Differs(const ComparedThing& thing) const {
    return std::any_of(thing.metrics.begin(), thing.metrics.end(),
                       [&](const ComparedMetric& metric) { return Differs(metric); });
  }

  // What the run did as a whole, as far as no task, lock or CPU says it: chains, moves, their
  // price.
  void RunSection() {
    ComparedThing run;
    run.name = kAllTogether;
    for (const ComparedMetric& metric : c_.run.metrics) {
      const MetricRow* const row = FindMetricRow(MetricOf::kRun, metric.name);
      const bool left_out = (row != nullptr && !row->in_compare) || IsFine(metric.name);
      if (left_out && !options_.all) continue;
      run.metrics.push_back(metric);
    }
    if (Differs(run) || options_.all) Section("Run", "", {run});
  }
  // Of a distribution, where its median and its largest value are shown.
  bool IsFine(const std::string& name) const {
    return std::any_of(kFineStatistics.begin(), kFineStatistics.end(),
                       [&](std::string_view end) { return std::string_view(name).ends_with(end); });
  }

  // `by`: with many sets there is a table for each metric, of those that differ or of this one;
  // empty: a table for each thing.
  void Section(const std::string& title, const std::string& by,
               const std::vector<ComparedThing>& things) {
    if (things.empty()) return;
    std::vector<std::string> same, others;
    std::vector<const ComparedThing*> shown;
    for (const ComparedThing& thing : things) {
      if (Differs(thing) || options_.all) {
        shown.push_back(&thing);
      } else {
        same.push_back(thing.name);
      }
    }
    KeepMostAffected(shown, others);
    Line();
    if (shown.empty()) {
      Line(fmt::format("{}: every number is the same under every set.", t_.Bold(title)));
      return;
    }
    if (!HasManySets(c_)) {
      SideBySide(title, shown);
    } else if (by.empty()) {
      for (const ComparedThing* thing : shown) TableOfThing(title, *thing);
    } else {
      TablesOfMetrics(title, by, shown);
    }
    if (!others.empty()) Wrap("less affected (--all prints them): " + absl::StrJoin(others, ", "));
    if (!same.empty()) Wrap("the same under every set: " + absl::StrJoin(same, ", "));
  }

  // Of many things those whose lengths changed most, in their old order; the names of the others.
  void KeepMostAffected(std::vector<const ComparedThing*>& shown,
                        std::vector<std::string>& others) const {
    if (options_.all || shown.size() <= kThingsShown) return;
    std::vector<std::pair<int64_t, std::size_t>> weights;
    for (std::size_t i = 0; i < shown.size(); ++i)
      weights.emplace_back(-LargestChange(*shown[i]), i);
    // total order: the place breaks ties.
    std::sort(weights.begin(), weights.end());
    std::vector<bool> kept(shown.size());
    for (std::size_t i = 0; i < kThingsShown; ++i) kept[weights[i].second] = true;
    std::vector<const ComparedThing*> all;
    std::swap(all, shown);
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (kept[i]) {
        shown.push_back(all[i]);
      } else {
        others.push_back(all[i]->name);
      }
    }
  }

  static int64_t LargestChange(const ComparedThing& thing) {
    int64_t largest = 0;
    for (const ComparedMetric& metric : thing.metrics) {
      if (metric.unit == MetricUnit::kCount || !metric.values[0]) continue;
      for (const std::optional<int64_t>& value : metric.values) {
        if (value) largest = std::max(largest, std::abs(*value - *metric.values[0]));
      }
    }
    return largest;
  }

  // Which metrics of `thing` are printed: those people ask for first, if any of them differs. Of
  // the run as a whole every one counts.
  std::vector<const ComparedMetric*> Shown(const ComparedThing& thing) const {
    const auto is_headline = [](const ComparedMetric& metric) {
      return Has(kHeadline, metric.name);
    };
    const bool headline_differs =
        thing.name != kAllTogether &&
        std::any_of(thing.metrics.begin(), thing.metrics.end(), [&](const ComparedMetric& metric) {
          return Differs(metric) && is_headline(metric);
        });
    std::vector<const ComparedMetric*> shown;
    for (const ComparedMetric& metric : thing.metrics) {
      if (options_.all || (Differs(metric) && (is_headline(metric) || !headline_differs)))
        shown.push_back(&metric);
    }
    return shown;
  }

  // Few sets: a line for each number, with its change from the baseline.
  void SideBySide(const std::string& title, const std::vector<const ComparedThing*>& shown) {
    std::string head =
        PadRight(t_.Bold(title), kMetricWidth) + PadLeft(baseline(), BaselineWidth());
    for (std::size_t i = 1; i < c_.results.size(); ++i) {
      head += PadLeft(Shortened(c_.results[i].policy, ValueWidth() - 2), ValueWidth()) +
              std::string(ChangeWidth(), ' ');
    }
    Line(WithoutBlanksBehind(head));
    for (const ComparedThing* thing : shown) {
      Line("  " + t_.Cyan(thing->name));
      for (const ComparedMetric* metric : Shown(*thing)) Numbers(*metric);
    }
  }

  void Numbers(const ComparedMetric& metric) {
    std::string line =
        PadRight("    " + metric.name, kMetricWidth) +
        PadLeft(ValueText(metric.values[0], Unit(metric), c_.clock_hz), BaselineWidth());
    for (std::size_t i = 1; i < c_.results.size(); ++i) {
      line += PadLeft(ValueText(metric.values[i], Unit(metric), c_.clock_hz), ValueWidth());
      const std::string change = PadRight("  " + Change(metric, i), ChangeWidth());
      line += metric.values[i] == metric.values[0] ? change : t_.Yellow(change);
    }
    Line(WithoutBlanksBehind(line));
  }

  // Many sets: a line for each of them, a column for each metric of the thing.
  void TableOfThing(const std::string& title, const ComparedThing& thing) {
    SetTable table(thing.name == kAllTogether ? title : fmt::format("{}: {}", title, thing.name),
                   Names());
    for (const ComparedMetric* metric : Shown(thing)) table.AddColumn(metric->name, Cells(*metric));
    out_ += table.Text(options_.width);
  }

  // Many sets: a table for each metric, a column for each thing.
  void TablesOfMetrics(const std::string& title, const std::string& by,
                       const std::vector<const ComparedThing*>& shown) {
    bool first = true;
    for (std::size_t i = 0; i < shown.front()->metrics.size(); ++i) {
      const std::string& name = shown.front()->metrics[i].name;
      if (!options_.all && !Has(kOfManySets, name)) continue;
      SetTable table(fmt::format("{}: {}", title, name), Names());
      bool differs = options_.all || name == by;
      for (const ComparedThing* thing : shown) {
        if (i >= thing->metrics.size()) continue;
        table.AddColumn(thing->name, Cells(thing->metrics[i]));
        differs = differs || Differs(thing->metrics[i]);
      }
      if (!differs) continue;
      if (!first) Line();
      first = false;
      out_ += table.Text(options_.width);
    }
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const Result& result : c_.results) names.push_back(Shortened(result.policy, kNameWidth));
    return names;
  }
  std::vector<std::string> Cells(const ComparedMetric& metric) const {
    std::vector<std::string> cells;
    for (const std::optional<int64_t>& value : metric.values)
      cells.push_back(ValueText(value, MetricUnit::kCount, c_.clock_hz));
    return cells;
  }

  // With one set beside the baseline there is room for units; with more, the plain cycles.
  bool Narrow() const { return c_.results.size() > 2; }
  MetricUnit Unit(const ComparedMetric& metric) const {
    return Narrow() ? MetricUnit::kCount : metric.unit;
  }
  std::size_t BaselineWidth() const { return Narrow() ? 15 : 24; }
  std::size_t ValueWidth() const { return Narrow() ? 12 : 24; }
  std::size_t ChangeWidth() const { return Narrow() ? 7 : 20; }

  std::string Change(const ComparedMetric& metric, std::size_t i) const {
    const std::optional<int64_t>& from = metric.values[0];
    const std::optional<int64_t>& to = metric.values[i];
    if (from == to) return "=";
    if (!from || !to) return "*";
    std::string text = ChangeText(*from, *to, metric.unit, c_.clock_hz);
    if (!Narrow()) return text;
    const std::size_t blank = text.find(' ');
    if (blank != std::string::npos) return text.substr(blank + 1);
    return Columns(text) + 2 <= ChangeWidth() ? text : "*";
  }

  static constexpr std::size_t kMetricWidth = 28;

  const Comparison& c_;
  const CompareTextOptions& options_;
  const Terminal& t_;
  std::string out_;
};

}  // namespace

std::string CompareTables(const Comparison& comparison, const CompareTextOptions& options,
                          const Terminal& terminal) {
  return Tables(comparison, options, terminal).Text();
}

}  // namespace rqsim
