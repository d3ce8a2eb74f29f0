// A chain of mutexes, built anew in every period (MODEL-103).
//
//   tail    lock m2                                run  unlock m2
//   link2     lock m1  run  lock m2 (waits) ...                     unlock m2  unlock m1
//   link1       lock m0  run  lock m1 (waits) ...                               ...
//   head          lock m0 (waits) ...
//   hog              more important than all but the head: it keeps the tail from its CPU
//
// The tail comes first and is the least important, the head last and the most important: while it
// waits it waits for all of them. All members share CPU 0, so that the chain is whole on one
// runqueue; hogs are on every CPU.
#include <absl/status/status.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "sim/scenario/gen/kinds.h"
#include "sim/scenario/gen/random.h"
#include "sim/scenario/periodic.h"

namespace rqsim::gen {
namespace {

constexpr Cycles kUs{1000};

absl::Status CheckOptions(const GenOptions& options) {
  if (options.depth < 1 || options.depth > 60) {
    return absl::InvalidArgumentError("--depth: from 1 to 60");
  }
  if (options.hogs < 0 || options.hogs > 30) {
    return absl::InvalidArgumentError("--hogs: from 0 to 30 on each CPU");
  }
  if (options.min_period < Cycles(1'000'000) || options.min_period > Cycles(int64_t{1} << 40)) {
    return absl::InvalidArgumentError("--min-period: from 1ms to 1000s");
  }
  if (options.section_percent < 1 || options.section_percent > 90) {
    return absl::InvalidArgumentError("--section: from 1 to 90 percent");
  }
  if (options.policy == SchedPolicy::kDeadline) {
    return absl::InvalidArgumentError(
        "--policy: a chain has no deadlines; normal, batch, fifo, rr");
  }
  return absl::OkStatus();
}

OpSpec Op(OpKind kind, std::string name) {
  OpSpec op;
  op.kind = kind;
  op.name = std::move(name);
  return op;
}
OpSpec Run(Cycles cycles) {
  OpSpec op;
  op.kind = OpKind::kRun;
  op.cycles = cycles;
  return op;
}

class Chain {
 public:
  Chain(const GenOptions& options, Scenario& scenario)
      : options_(options), scenario_(scenario), random_(options.seed, kSections) {
    // All sections together are that share of a period, and each comes a step after the one before.
    const int64_t all = options.min_period.count() / 100 * options.section_percent;
    section_ = Cycles(all / (options.depth + 1));
    step_ = std::max(Cycles(section_.count() / 8), kUs);
  }

  void Make() {
    for (int i = 0; i < options_.depth; ++i) scenario_.mutexes.push_back(Mutex(i));
    for (int i = options_.depth; i >= 0; --i) AddMember(i);
    for (int cpu = 0; cpu < options_.cpus; ++cpu) {
      for (int i = 0; i < options_.hogs; ++i) AddHog(cpu, i);
    }
  }

 private:
  static std::string Mutex(int i) { return fmt::format("m{}", i); }

  // The head is number 0, the tail number depth.
  std::string NameOf(int i) const {
    if (i == 0) return "head";
    return i == options_.depth ? "tail" : fmt::format("link{}", i);
  }

  // Between half and the whole of it.
  Cycles Drawn(Cycles length) {
    return std::max(Cycles(random_.Between(length.count() / 2, length.count())), kUs);
  }

  void AddMember(int i) {
    TaskSpec task;
    task.name = NameOf(i);
    task.start = Time() + (options_.depth - i) * step_;
    const Cycles work = Drawn(section_);
    const Cycles first = std::min(work, Cycles(step_.count() / 2 + 1));
    if (i > 0) task.ops.push_back(Op(OpKind::kLock, Mutex(i - 1)));
    task.ops.push_back(Run(first));
    if (i < options_.depth) {
      task.ops.push_back(Op(OpKind::kLock, Mutex(i)));
      task.ops.push_back(Run(std::max(work - first, kUs)));
      task.ops.push_back(Op(OpKind::kUnlock, Mutex(i)));
    } else {
      task.ops.push_back(Run(std::max(work - first, kUs)));
    }
    if (i > 0) task.ops.push_back(Op(OpKind::kUnlock, Mutex(i - 1)));
    // The head is the most important, then the hogs, then the links and the tail.
    const int rank = i == 0 ? 0 : options_.hogs + i;
    Finish(std::move(task), rank, 0);
  }

  void AddHog(int cpu, int i) {
    TaskSpec task;
    task.name = fmt::format("hog{}_{}", cpu, i);
    task.start = Time() + (options_.depth + 1 + i) * step_;
    task.ops.push_back(Run(Drawn(Cycles(options_.min_period.count() / 4))));
    Finish(std::move(task), 1 + i, cpu);
  }

  void Finish(TaskSpec task, int rank, int cpu) {
    OpSpec timer = Op(OpKind::kTimer, "release");
    timer.unique = true;
    timer.timer_mode = TimerMode::kAbsolute;
    timer.cycles = options_.min_period;
    task.ops.push_back(std::move(timer));
    task.loop = -1;
    task.cpus = CpuSet::Of(CpuId(cpu));
    task.deadline = options_.min_period;
    const int count = 1 + options_.hogs + options_.depth;
    task.sched.policy = options_.policy;
    if (options_.policy == SchedPolicy::kFifo || options_.policy == SchedPolicy::kRr) {
      task.sched.priority = PriorityOfRank(rank, count);
    } else {
      task.sched.nice = -20 + 39 * rank / std::max(count - 1, 1);
    }
    scenario_.tasks.push_back(std::move(task));
  }

  const GenOptions& options_;
  Scenario& scenario_;
  Random random_;
  Cycles section_, step_;
};

}  // namespace

absl::StatusOr<Scenario> MakeLockChain(const GenOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  auto base = BaseScenario("lock-chain", options);
  if (!base.ok()) return base;
  Scenario scenario = *std::move(base);
  Chain(options, scenario).Make();
  scenario.description = fmt::format(
      "A chain of {} mutexes on CPU 0, {} hogs on each of {} CPUs, anew every {} us, seed {}.",
      options.depth, options.hogs, options.cpus, options.min_period.count() / 1000, options.seed);
  AddLockSets(scenario);
  return scenario;
}

}  // namespace rqsim::gen
