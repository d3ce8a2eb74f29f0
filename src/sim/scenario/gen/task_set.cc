// Task sets of a given utilisation (MODEL-101, MODEL-102).
//
// Periods are drawn log-uniformly, as Emberson, Stafford and Davis 2010 advise: as many between 10
// and 100 ms as between 100 ms and 1 s. A job is as long as utilisation times period, in whole
// microseconds, at least one. The first release lies anywhere in the first period.
#include <absl/status/status.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/scenario/gen/kinds.h"
#include "sim/scenario/gen/utilisation.h"
#include "sim/scenario/periodic.h"
#include "sim/scenario/words.h"

namespace rqsim::gen {
namespace {

constexpr Cycles kUs{1000};
constexpr int64_t kMillion = 1'000'000;
// How many different gaps a sporadic task has before they come again.
constexpr int kGapsOfTask = 16;

struct Drawn {
  Cycles period, length;
};

absl::Status CheckOptions(const GenOptions& options) {
  if (options.tasks < 1 || options.tasks > kMaxTasksOfSet) {
    return absl::InvalidArgumentError(fmt::format("--tasks: from 1 to {}", kMaxTasksOfSet));
  }
  const int64_t most = std::min<int64_t>(options.tasks, options.cpus) * kMillion;
  if (options.utilisation_ppm < 1 || options.utilisation_ppm > most) {
    return absl::InvalidArgumentError(fmt::format(
        "--utilisation: above 0, at most {}: that many tasks can run at a time", most / kMillion));
  }
  if (options.min_period < 10 * kUs || options.max_period < options.min_period ||
      options.max_period > Cycles(int64_t{1} << 40)) {
    return absl::InvalidArgumentError(
        "--min-period, --max-period: from 10us to 1000s, the second not below the first");
  }
  if (options.spread_percent < 0 || options.spread_percent > 1000) {
    return absl::InvalidArgumentError("--spread: from 0 to 1000 percent");
  }
  if (options.locks < 0 || options.locks > 1000) {
    return absl::InvalidArgumentError("--locks: from 0 to 1000");
  }
  if (options.section_percent < 1 || options.section_percent > 100) {
    return absl::InvalidArgumentError("--section: from 1 to 100 percent");
  }
  return absl::OkStatus();
}

Cycles WholeUs(Cycles cycles) { return Cycles(cycles.count() / kUs.count() * kUs.count()); }

// max * 2^-x for x uniform between 0 and log2(max / min).
Cycles DrawPeriod(const GenOptions& options, Random& random) {
  const auto min = static_cast<uint64_t>(options.min_period.count());
  const auto max = static_cast<uint64_t>(options.max_period.count());
  const uint64_t range = min == max ? 0 : NegLog2(Ratio(min, max));
  const uint64_t exponent = MulHigh(random.Next(), range + 1);
  const Cycles period(static_cast<int64_t>(MulHigh(max, ExpNeg2(exponent))));
  return std::clamp(WholeUs(period), options.min_period, options.max_period);
}

Cycles LengthOf(Cycles period, uint64_t utilisation) {
  const Product product = Multiply(static_cast<uint64_t>(period.count()), utilisation);
  const uint64_t cycles = product.high << (64 - kUtilisationBits) | product.low >> kUtilisationBits;
  return std::clamp(WholeUs(Cycles(static_cast<int64_t>(cycles))), kUs, period);
}

// Rate monotonic: the shorter the period the more important, equals by number.
std::vector<int64_t> RanksByPeriod(const std::vector<Drawn>& tasks) {
  std::vector<std::size_t> order(tasks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  // total order: the stable sort keeps the numbers of equals in order.
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return tasks[a].period < tasks[b].period; });
  std::vector<int64_t> ranks(tasks.size());
  for (std::size_t i = 0; i < order.size(); ++i) ranks[order[i]] = static_cast<int64_t>(i);
  return ranks;
}

SchedSpec SchedOf(const GenOptions& options, const Drawn& task, int64_t rank, std::size_t count) {
  SchedSpec sched;
  sched.policy = options.policy;
  if (options.policy == SchedPolicy::kDeadline) {
    return DeadlineSched(task.length, task.period, task.period);
  }
  if (options.policy == SchedPolicy::kFifo || options.policy == SchedPolicy::kRr) {
    sched.priority = PriorityOfRank(rank, static_cast<int64_t>(count));
  }
  return sched;
}

std::vector<Cycles> GapsOf(const GenOptions& options, Cycles period, Random& random) {
  if (options.arrivals == Arrivals::kPeriodic) return {period};
  std::vector<Cycles> gaps;
  const int64_t spread = period.count() / 100 * options.spread_percent;
  for (int i = 0; i < kGapsOfTask; ++i) {
    gaps.push_back(WholeUs(period + Cycles(random.Below(spread + 1))));
  }
  return gaps;
}

JobSpec JobOf(const GenOptions& options, Cycles length, Random& random) {
  JobSpec job;
  job.before = length;
  if (options.locks == 0) return job;
  job.mutex = fmt::format("m{}", random.Below(options.locks));
  job.inside = std::max(WholeUs(Cycles(length.count() / 100 * options.section_percent)), kUs);
  job.before = WholeUs(Cycles((length - job.inside).count() / 2));
  job.after = length - job.inside - job.before;
  return job;
}

std::string Describe(std::string_view method, const GenOptions& options,
                     const std::vector<Drawn>& tasks) {
  int64_t ppm = 0;
  for (const Drawn& task : tasks) ppm += task.length.count() * kMillion / task.period.count();
  std::string text =
      fmt::format("{} {} tasks by {}, utilisation {}.{:06} ({}.{:06} asked for), seed {}.",
                  options.tasks, options.arrivals == Arrivals::kPeriodic ? "periodic" : "sporadic",
                  method, ppm / kMillion, ppm % kMillion, options.utilisation_ppm / kMillion,
                  options.utilisation_ppm % kMillion, options.seed);
  if (options.locks > 0) {
    text += fmt::format(" Each job holds one of {} mutexes for {} % of its time.", options.locks,
                        options.section_percent);
  }
  return text;
}

absl::StatusOr<Scenario> MakeTaskSet(std::string_view method, const GenOptions& options,
                                     const std::vector<uint64_t>& utilisations) {
  auto base = BaseScenario(method, options);
  if (!base.ok()) return base;
  Scenario scenario = *std::move(base);
  Random periods(options.seed, kPeriods), phases(options.seed, kPhases), gaps(options.seed, kGaps),
      sections(options.seed, kSections);
  std::vector<Drawn> tasks;
  for (const uint64_t utilisation : utilisations) {
    const Cycles period = DrawPeriod(options, periods);
    tasks.push_back({period, LengthOf(period, utilisation)});
  }
  const std::vector<int64_t> ranks = RanksByPeriod(tasks);
  for (int i = 0; i < options.locks; ++i) scenario.mutexes.push_back(fmt::format("m{}", i));
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const Drawn& drawn = tasks[i];
    ReleasedTask released;
    released.name = fmt::format("t{}", i);
    released.first = Time(WholeUs(Cycles(phases.Below(drawn.period.count()))).count());
    released.gaps = GapsOf(options, drawn.period, gaps);
    released.job = JobOf(options, drawn.length, sections);
    TaskSpec task = MakeReleasedTask(released);
    task.sched = SchedOf(options, drawn, ranks[i], tasks.size());
    if (task.sched.policy != SchedPolicy::kDeadline) task.deadline = drawn.period;
    if (options.cpus > 1) {
      task.start_cpu = CpuId(static_cast<int32_t>(i % static_cast<std::size_t>(options.cpus)));
    }
    scenario.tasks.push_back(std::move(task));
  }
  scenario.description = Describe(method, options, tasks);
  if (options.policy == SchedPolicy::kDeadline) scenario.common.sched_class = EdfClasses();
  AddLockSets(scenario);
  return scenario;
}

uint64_t SumOf(const GenOptions& options) {
  const auto ppm = static_cast<uint64_t>(options.utilisation_ppm);
  const uint64_t whole = ppm / kMillion, rest = ppm % kMillion;
  return whole * kWholeCpu + (Ratio(rest, kMillion) >> (64 - kUtilisationBits));
}

}  // namespace

absl::StatusOr<Scenario> MakeUUniFast(const GenOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  Random source(options.seed, kUtilisations);
  const auto utilisations = UUniFast(options.tasks, SumOf(options), source);
  if (!utilisations) {
    return absl::InvalidArgumentError(
        fmt::format("--utilisation: {} draws had a task above one CPU each; randfixedsum draws "
                    "none such",
                    kMaxDraws));
  }
  return MakeTaskSet("uunifast", options, *utilisations);
}

absl::StatusOr<Scenario> MakeRandFixedSum(const GenOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  Random source(options.seed, kUtilisations);
  return MakeTaskSet("randfixedsum", options, RandFixedSum(options.tasks, SumOf(options), source));
}

}  // namespace rqsim::gen
