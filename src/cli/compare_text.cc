#include "cli/compare_text.h"

#include <absl/strings/str_join.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>

#include "cli/compare_pair.h"
#include "cli/compare_tables.h"
#include "cli/lanes.h"
#include "cli/set_table.h"
#include "cli/units.h"
#include "rqsim/expect.h"
#include "rqsim/metrics.h"

namespace rqsim {
namespace {

// CPUs whose lanes are drawn, and spells that are listed, at most.
constexpr std::size_t kDrawnCpus = 12;
constexpr std::size_t kListedSpans = 3;
// With more spells than this the whole of them would be a blur: the first are drawn.
constexpr std::size_t kSpellsToSee = 40;
constexpr std::size_t kFirstSpells = 8;
class Page {
 public:
  Page(const Comparison& comparison, const CompareTextOptions& options, const Terminal& terminal)
      : c_(comparison), options_(options), t_(terminal) {}

  std::string Text() {
    Headline();
    Remarks();
    Partings();
    const bool brief = IsBrief(c_, options_);
    if (!brief) {
      Timelines();
      DifferingCycles();
    }
    out_ += CompareTables(c_, options_, t_);
    if (brief) {
      Line();
      Line("Timelines, CPUs and what each run did as a whole: fewer sets, with -p, or --all.");
    }
    if (const std::string pairs = PairTable(c_, options_.width); !pairs.empty()) {
      Line();
      out_ += pairs;
    }
    return out_;
  }

 private:
  void Line(const std::string& text = "") { out_ += text + "\n"; }
  void Wrap(const std::string& text) { out_ += Wrapped("  ", text, options_.width); }
  const std::string& baseline() const { return c_.results.front().policy; }
  std::string At(Time t) const { return ValueText(t.cycles(), MetricUnit::kInstant, c_.clock_hz); }
  std::string For(Cycles cycles) const {
    return ValueText(cycles.count(), MetricUnit::kCycles, c_.clock_hz);
  }

  void Headline() {
    std::vector<std::string> others;
    for (const SetComparison& set : c_.against) others.push_back(set.policy);
    Line(fmt::format("{}: {} against {}", t_.Bold(c_.scenario),
                     t_.Bold(absl::StrJoin(others, ", ")), t_.Bold(baseline())));
    for (const Result& result : c_.results) {
      Line(fmt::format("  {}  {} at {}, digest {:016x}",
                       PadRight(Shortened(result.policy, NameWidth()), NameWidth()),
                       OutcomeName(result.outcome), At(result.end), result.digest));
    }
    if (!c_.complete) {
      Line(t_.Yellow("  more events than were kept: the first divergence may be a later one"));
    }
  }

  void Remarks() {
    if (c_.remarks.empty()) return;
    Line();
    const std::string* last = nullptr;
    std::size_t more = 0;
    const auto close = [&] {
      if (more > 0) Line(fmt::format("  … and {} more under {}", more, *last));
      more = 0;
    };
    for (const Remark& remark : c_.remarks) {
      // With many sets one of each says enough.
      if (HasManySets(c_) && last != nullptr && *last == remark.policy) {
        ++more;
        continue;
      }
      close();
      last = &remark.policy;
      Line(t_.Red(fmt::format("! {}: {}", remark.policy, remark.text)));
    }
    close();
  }

  void Partings() {
    if (!HasManySets(c_)) {
      for (const SetComparison& set : c_.against) Parting(set);
      return;
    }
    Line();
    Line(fmt::format("Where they part from {}; two sets, with -p, show it event by event",
                     t_.Bold(baseline())));
    for (const SetComparison& set : c_.against) {
      const std::string name = PadRight(Shortened(set.policy, NameWidth()), NameWidth());
      const std::string where =
          set.divergence
              ? fmt::format("at {}: {}", At(set.divergence->at), set.divergence->cause)
              : std::string(set.same_schedule ? "never" : "decides alike, yet its CPUs differ");
      Line(Shortened(fmt::format("  {}  {}", name, where), options_.width));
    }
  }

  // Where a set parts from the baseline, and what that led to.
  void Parting(const SetComparison& set) {
    Line();
    if (!set.divergence) {
      Line(fmt::format("{} and {} {}.", t_.Bold(set.policy), t_.Bold(baseline()),
                       set.same_schedule ? "do the same in every cycle"
                                         : "decide alike, yet their CPUs differ"));
      Why(set);
      return;
    }
    const Divergence& d = *set.divergence;
    Line(fmt::format("{} parts from {} at {}{}", t_.Bold(set.policy), t_.Bold(baseline()),
                     t_.Bold(At(d.at)),
                     d.cpu.valid() ? fmt::format(", CPU {}", d.cpu.value()) : ""));
    Wrap(d.cause + ".");
    if (!set.same_schedule) Wrap(FirstCells(set));
    Events(set, d);
    Why(set);
  }

  void Why(const SetComparison& set) {
    if (!set.same_schedule) return;
    if (!c_.why_same.empty()) {
      Wrap("No CPU ever did anything else: " + c_.why_same + ".");
    } else {
      Line("  No CPU ever did anything else.");
    }
  }

  void Events(const SetComparison& set, const Divergence& d) {
    const std::size_t width = std::max(NameWidth(), std::size_t{4});
    const auto show = [&](const std::string& who, const char* sign,
                          const std::vector<std::string>& lines, bool dim) {
      bool first = true;
      for (const std::string& line : lines) {
        const std::string name = PadRight(first ? Shortened(who, width) : "", width);
        const std::string row =
            Shortened(fmt::format("  {} {} {}", name, sign, Brief(line)), options_.width);
        Line(dim ? t_.Dim(row) : row);
        first = false;
      }
      if (lines.empty()) Line(fmt::format("  {} {} nothing more", PadRight(who, width), sign));
    };
    if (!d.common.empty()) show("both", " ", d.common, true);
    show(baseline(), "-", d.baseline_next, false);
    show(set.policy, "+", d.other_next, false);
  }

  // An event without what only machines read: ids beside names, kernel priorities of a switch.
  static std::string Brief(const std::string& line) {
    static constexpr std::array<std::string_view, 6> kLeftOut = {
        "pid=", "prev_pid=", "next_pid=", "prev_prio=", "next_prio=", "voluntary="};
    std::string out;
    for (std::size_t start = 0; start < line.size();) {
      const std::size_t end = std::min(line.find(' ', start), line.size());
      const std::string_view word(line.data() + start, end - start);
      if (std::none_of(kLeftOut.begin(), kLeftOut.end(),
                       [&](std::string_view prefix) { return word.starts_with(prefix); })) {
        if (!out.empty()) out += ' ';
        out += word;
      }
      start = end + 1;
    }
    return out;
  }

  // "From 31 on CPU 0 ran asi_met, not comm."
  std::string FirstCells(const SetComparison& set) const {
    for (const CpuDifference& cpu : set.cpus) {
      if (cpu.spans.empty() || cpu.spans.front().start != set.differing.start) continue;
      const Time at = cpu.spans.front().start;
      return fmt::format("From {} CPU {} runs {} under {}, {} under {}.", At(at), cpu.cpu.value(),
                         RunsAt(set.policy, cpu.cpu, at), set.policy,
                         RunsAt(baseline(), cpu.cpu, at), baseline());
    }
    return "";
  }

  std::string RunsAt(const std::string& policy, CpuId cpu, Time at) const {
    for (const Result& result : c_.results) {
      if (result.policy != policy) continue;
      for (const ExpectCell& cell : TimelineOf(result, cpu)) {
        if (cell.start > at || at >= cell.end) continue;
        if (cell.curr == "-") return "nothing";
        if (cell.curr == "off") return "nothing (offline)";
        if (cell.donor == cell.curr) return cell.curr;
        return fmt::format("{} on behalf of {}", cell.curr, cell.donor);
      }
    }
    return "nothing";
  }

  std::size_t NameWidth() const {
    std::size_t width = 0;
    for (const Result& result : c_.results) width = std::max(width, Columns(result.policy));
    return std::min<std::size_t>(width, 22);
  }

  // From a little before the first difference to a little after the last, or what was asked for.
  TimeSpan Window() const {
    Time end;
    for (const Result& result : c_.results) end = std::max(end, result.end);
    TimeSpan window{Time(0), end};
    bool found = false;
    for (const SetComparison& set : c_.against) {
      if (set.same_schedule) continue;
      window.start = found ? std::min(window.start, set.differing.start) : set.differing.start;
      window.end = found ? std::max(window.end, set.differing.end) : set.differing.end;
      found = true;
    }
    if (found && !options_.to) window.end = std::min(window.end, EndOfFirstSpells());
    if (found) {
      const Cycles margin(std::max<int64_t>((window.end - window.start).count() / 20, 1));
      window.start = std::max(Time(0), window.start - margin);
      window.end = std::min(end, window.end + margin);
    }
    if (options_.from) window.start = *options_.from;
    if (options_.to) window.end = *options_.to;
    return window;
  }

  // Where the drawing may end when there are too many differences for one page.
  Time EndOfFirstSpells() const {
    Time end = kNever;
    for (const SetComparison& set : c_.against) {
      for (const CpuDifference& cpu : set.cpus) {
        if (cpu.spans.size() > kSpellsToSee) end = std::min(end, cpu.spans[kFirstSpells - 1].end);
      }
    }
    // Not before the first difference of a CPU that has few.
    for (const SetComparison& set : c_.against) {
      if (!set.same_schedule && end != kNever) end = std::max(end, set.differing.start + Cycles(1));
    }
    return end;
  }

  std::vector<CpuId> DrawnCpus() const {
    std::vector<CpuId> cpus;
    if (c_.against.empty()) return cpus;
    for (std::size_t i = 0; i < c_.against.front().cpus.size(); ++i) {
      const bool differs =
          std::any_of(c_.against.begin(), c_.against.end(), [&](const SetComparison& set) {
            return i < set.cpus.size() && !set.cpus[i].spans.empty();
          });
      if (differs || AllSame()) cpus.push_back(CpuId(static_cast<int32_t>(i)));
    }
    return cpus;
  }
  bool AllSame() const {
    return std::all_of(c_.against.begin(), c_.against.end(),
                       [](const SetComparison& set) { return set.same_schedule; });
  }

  void Timelines() {
    const TimeSpan window = Window();
    std::vector<CpuId> cpus = DrawnCpus();
    if (cpus.empty() || window.end <= window.start) return;
    const std::size_t hidden = cpus.size() > kDrawnCpus ? cpus.size() - kDrawnCpus : 0;
    cpus.resize(cpus.size() - hidden);
    const std::size_t label = 8 + NameWidth() + 2;
    const Scale scale(window.start, window.end, options_.width - label);
    Letters letters;
    letters.Prefer(TasksIn(window, cpus));
    Line();
    Line(t_.Bold(fmt::format("Timelines from {} to {}", At(window.start), At(window.end))) + ", " +
         scale.Unit(c_.clock_hz));
    const auto [labels, ticks] = scale.Ruler(c_.clock_hz);
    Line(t_.Dim(WithoutBlanksBehind(std::string(label, ' ') + labels)));
    Line(t_.Dim(WithoutBlanksBehind(std::string(label, ' ') + ticks)));
    for (const CpuId cpu : cpus) CpuLanes(cpu, scale, letters);
    if (hidden > 0) Line(fmt::format("  … and {} more CPUs that differ", hidden));
    for (const std::string& line : letters.Legend(options_.width - 2)) Line("  " + line);
  }

  void CpuLanes(CpuId cpu, const Scale& scale, Letters& letters) {
    for (std::size_t i = 0; i < c_.results.size(); ++i) {
      const Result& result = c_.results[i];
      const std::string name =
          i == 0 ? PadRight(fmt::format("  CPU {}", cpu.value()), 8) : std::string(8, ' ');
      const std::string lane = DrawLane(TimelineOf(result, cpu), scale, letters);
      Line(fmt::format("{}{}{}", name,
                       PadRight(Shortened(result.policy, NameWidth()), NameWidth() + 2), lane));
      if (i == 0 || cpu.index() >= c_.against[i - 1].cpus.size() || HasManySets(c_)) continue;
      const std::string marks = DrawMarks(c_.against[i - 1].cpus[cpu.index()].spans, scale);
      if (!marks.empty())
        Line(std::string(8 + NameWidth() + 2, ' ') + t_.Yellow(WithoutBlanksBehind(marks)));
    }
  }

  // Those that run in the window, in the order of the scenario: letters are few.
  std::vector<std::string> TasksIn(const TimeSpan& window, const std::vector<CpuId>& cpus) const {
    std::set<std::string> seen;
    for (const Result& result : c_.results) {
      for (const CpuId cpu : cpus) {
        for (const ExpectCell& cell : TimelineOf(result, cpu)) {
          if (cell.start < window.end && cell.end > window.start) seen.insert(cell.curr);
        }
      }
    }
    std::vector<std::string> names;
    for (const ComparedThing& task : c_.tasks) {
      if (seen.contains(task.name)) names.push_back(task.name);
    }
    return names;
  }

  void DifferingCycles() {
    if (AllSame()) return;
    Line();
    if (HasManySets(c_)) {
      DifferingCyclesOfMany();
      return;
    }
    Line(t_.Bold("Cycles in which a CPU did something else") + " than under " + baseline());
    for (const SetComparison& set : c_.against) {
      for (const CpuDifference& cpu : set.cpus) {
        if (cpu.spans.empty()) continue;
        std::string line = fmt::format(
            "  {}  CPU {}  {} in {}:", PadRight(Shortened(set.policy, NameWidth()), NameWidth()),
            cpu.cpu.value(), For(cpu.cycles),
            cpu.spans.size() == 1 ? std::string("1 spell")
                                  : fmt::format("{} spells", cpu.spans.size()));
        std::size_t listed = 0;
        for (; listed < std::min(cpu.spans.size(), kListedSpans); ++listed) {
          const std::string span = fmt::format(" [{},{})", cpu.spans[listed].start.cycles(),
                                               cpu.spans[listed].end.cycles());
          if (Columns(line) + Columns(span) + 2 > options_.width) break;
          line += span;
        }
        if (listed < cpu.spans.size()) line += " …";
        Line(line);
      }
      if (set.same_schedule) {
        Line(fmt::format("  {}  none", PadRight(Shortened(set.policy, NameWidth()), NameWidth())));
      }
    }
  }

  void DifferingCyclesOfMany() {
    std::vector<std::string> names;
    for (const SetComparison& set : c_.against) names.push_back(Shortened(set.policy, NameWidth()));
    SetTable table("not as " + Shortened(baseline(), NameWidth()), std::move(names));
    for (std::size_t cpu = 0; cpu < c_.cpus.size(); ++cpu) {
      std::vector<std::string> cells;
      for (const SetComparison& set : c_.against) {
        const bool differs = cpu < set.cpus.size() && !set.cpus[cpu].spans.empty();
        cells.push_back(differs ? std::to_string(set.cpus[cpu].cycles.count()) : "-");
      }
      table.AddColumn(fmt::format("CPU {}", cpu), std::move(cells));
    }
    Line(t_.Bold("Cycles in which a CPU did something else") + " than under " + baseline());
    out_ += table.Text(options_.width);
  }

  const Comparison& c_;
  const CompareTextOptions& options_;
  const Terminal& t_;
  std::string out_;
};

}  // namespace

std::string CompareText(const Comparison& comparison, const CompareTextOptions& options,
                        const Terminal& terminal) {
  return Page(comparison, options, terminal).Text();
}

}  // namespace rqsim
