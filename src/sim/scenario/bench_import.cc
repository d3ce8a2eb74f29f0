// Periodic task sets of `data/bench` (w1, w2, w3) as scenarios.
//
// Job k of a task is released at phase + k * period: the task is spawned at `phase` and ends each
// job with an absolute timer of its own, which keeps to that grid when a job is late. EDF is policy
// `deadline` with a budget that no job uses up (MODEL-100), fixed priority is SCHED_FIFO. There are
// no ticks: none of the simulators that the golden counts come from has any.
// Tested by tests/unit/sim/scenario/bench_import_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "rqsim/import.h"
#include "rqsim/limits.h"
#include "sim/scenario/diagnostics.h"
#include "sim/scenario/periodic.h"
#include "sim/scenario/shape.h"

namespace rqsim {
namespace {

using Kind = JsonValue::Kind;

constexpr int64_t kCyclesPerUs = 1000;
constexpr int64_t kMaxUs = kCyclesMax.count() / kCyclesPerUs;
constexpr int64_t kMaxRtPriority = 99;

const Shape* BenchShape(ShapeBook& book) {
  const Shape* us = book.Integer(0, kMaxUs);
  const Shape* some_us = book.Integer(1, kMaxUs);
  const Shape* task =
      book.Object({{"name", book.String(TextForm::kName), "of the task", true},
                   {"period_us", some_us, "from release to release", true},
                   {"deadline_us", some_us, "relative to the release", true},
                   {"wcet_us", some_us, "what each job runs", true},
                   {"phase_us", us, "the first release", true},
                   {"prio", book.Integer(0, INT32_MAX), "0 is the most important", false},
                   {"mutex", book.Integer(0, kMaxLocks - 1), "number of the mutex", false},
                   {"pre_us", us, "what a job runs before it takes the mutex", false},
                   {"cs_us", us, "… while it holds it", false},
                   {"post_us", us, "… afterwards", false}});
  return book.Object(
      {{"name", book.String(), "of the set", true},
       {"cpus", book.Integer(1, kMaxCpus), "how many", true},
       {"policy", book.Word({"edf", "global-edf", "fixed-priority", "fixed-priority+mutex"}),
        "of all tasks", true},
       {"mutexes", book.Integer(0, kMaxLocks), "how many", false},
       {"jobs_per_simulated_second", book.Any(), "a remark", false},
       {"tasks", book.Array(task, 1, kMaxTasks - 1), "the tasks", true}});
}

int64_t IntegerAt(const JsonValue& object, std::string_view key, int64_t otherwise = 0) {
  const JsonValue* value = object.Find(key);
  return value == nullptr ? otherwise : value->integer;
}

Cycles UsAt(const JsonValue& object, std::string_view key) {
  return Cycles(IntegerAt(object, key) * kCyclesPerUs);
}

// Reads a document that has the shape.
class BenchReader {
 public:
  BenchReader(const JsonValue& root, const BenchOptions& options, Diagnostics& diagnostics)
      : root_(root), options_(options), diagnostics_(diagnostics) {}

  Scenario Read() {
    const std::string& policy = root_.Find("policy")->text;
    is_edf_ = policy.ends_with("edf");
    scenario_.name = root_.Find("name")->text;
    scenario_.description =
        fmt::format("Periodic tasks under {}; job k is released at phase + k * period.",
                    is_edf_ ? "EDF" : "fixed priorities");
    scenario_.until = options_.until;
    ReadMachine(policy);
    for (int64_t i = 0; i < IntegerAt(root_, "mutexes"); ++i) {
      scenario_.mutexes.push_back(fmt::format("m{}", i));
    }
    RankPriorities();
    for (const JsonValue& task : root_.Find("tasks")->items) ReadTask(task);
    ChoosePolicies();
    return std::move(scenario_);
  }

 private:
  void ReadMachine(const std::string& policy) {
    const JsonValue& cpus = *root_.Find("cpus");
    if (policy == "edf" && cpus.integer != 1) {
      diagnostics_.Error(ErrorCode::kMachine, cpus,
                         fmt::format("edf is for one CPU, and there are {}", cpus.integer),
                         "global-edf is for several");
    }
    scenario_.machine.cpus.assign(static_cast<std::size_t>(cpus.integer), CpuSpec());
    scenario_.machine.tick = false;
  }

  // The kernel has 99 priorities and larger is more important, so that ranks are what is left of
  // the file's numbers.
  void RankPriorities() {
    if (is_edf_) return;
    for (const JsonValue& task : root_.Find("tasks")->items) {
      const JsonValue* prio = task.Find("prio");
      if (prio == nullptr) {
        diagnostics_.Error(ErrorCode::kMissingKey, task,
                           "under fixed priorities \"prio\" is needed");
        continue;
      }
      ranks_.insert(prio->integer);
    }
    if (static_cast<int64_t>(ranks_.size()) > kMaxRtPriority) {
      diagnostics_.Error(
          ErrorCode::kTooMany, *root_.Find("tasks"),
          fmt::format("{} different priorities; SCHED_FIFO has {}", ranks_.size(), kMaxRtPriority));
    }
  }

  SchedSpec SchedOf(const JsonValue& task) const {
    if (is_edf_) {
      return DeadlineSched(UsAt(task, "wcet_us"), UsAt(task, "deadline_us"),
                           UsAt(task, "period_us"));
    }
    SchedSpec sched;
    sched.policy = SchedPolicy::kFifo;
    const auto rank = std::distance(ranks_.begin(), ranks_.find(IntegerAt(task, "prio")));
    sched.priority = PriorityOfRank(rank, static_cast<int64_t>(ranks_.size()));
    return sched;
  }

  void ReadTask(const JsonValue& task) {
    ReleasedTask released;
    released.name = task.Find("name")->text;
    if (!names_.insert(released.name).second) {
      diagnostics_.Error(ErrorCode::kDeclaredTwice, *task.Find("name"),
                         fmt::format("a second task named \"{}\"", released.name));
    }
    if (released.name == "idle" || released.name == "off") {
      diagnostics_.Error(ErrorCode::kReservedName, *task.Find("name"),
                         fmt::format("\"{}\" means something else in timelines", released.name));
    }
    CheckTimes(task);
    CheckCriticalSection(task);
    released.first = Time(UsAt(task, "phase_us").count());
    released.gaps = {UsAt(task, "period_us")};
    if (task.Find("mutex") != nullptr) {
      released.job = {UsAt(task, "pre_us"), UsAt(task, "cs_us"), UsAt(task, "post_us"),
                      fmt::format("m{}", IntegerAt(task, "mutex"))};
    } else {
      released.job.before = UsAt(task, "wcet_us");
    }
    TaskSpec spec = MakeReleasedTask(released);
    spec.sched = SchedOf(task);
    if (!is_edf_) spec.deadline = UsAt(task, "deadline_us");
    scenario_.tasks.push_back(std::move(spec));
  }

  void CheckTimes(const JsonValue& task) {
    const auto at_most = [&](std::string_view small, std::string_view large) {
      const JsonValue& value = *task.Find(small);
      if (value.integer <= IntegerAt(task, large)) return;
      diagnostics_.Error(ErrorCode::kDeadlineOrder, value,
                         fmt::format("{} must not be larger than {}, {}", value.integer, large,
                                     IntegerAt(task, large)));
    };
    at_most("wcet_us", "deadline_us");
    at_most("deadline_us", "period_us");
  }

  void CheckCriticalSection(const JsonValue& task) {
    const std::pair<std::string_view, bool> keys[] = {{"mutex", task.Find("mutex") != nullptr},
                                                      {"pre_us", task.Find("pre_us") != nullptr},
                                                      {"cs_us", task.Find("cs_us") != nullptr},
                                                      {"post_us", task.Find("post_us") != nullptr}};
    const bool any = std::any_of(std::begin(keys), std::end(keys), [](auto k) { return k.second; });
    if (!any) return;
    for (const auto& [key, given] : keys) {
      if (given) continue;
      diagnostics_.Error(ErrorCode::kMissingKey, task,
                         fmt::format("a critical section needs \"{}\" too", key));
      return;
    }
    const JsonValue& mutex = *task.Find("mutex");
    if (mutex.integer >= IntegerAt(root_, "mutexes")) {
      diagnostics_.Error(ErrorCode::kUndeclared, mutex,
                         fmt::format("no mutex {}: \"mutexes\" is {}", mutex.integer,
                                     IntegerAt(root_, "mutexes")));
    }
    const int64_t sum =
        IntegerAt(task, "pre_us") + IntegerAt(task, "cs_us") + IntegerAt(task, "post_us");
    if (sum != IntegerAt(task, "wcet_us")) {
      diagnostics_.Error(
          ErrorCode::kOutOfRange, *task.Find("wcet_us"),
          fmt::format("pre_us + cs_us + post_us is {}, not {}", sum, IntegerAt(task, "wcet_us")));
    }
  }

  void ChoosePolicies() {
    const auto add = [this](std::string name, std::string lock) {
      PolicySet set;
      set.name = std::move(name);
      if (!lock.empty()) {
        set.lock = PolicyChoice();
        set.lock->name = std::move(lock);
      }
      scenario_.policies.push_back(std::move(set));
    };
    if (is_edf_) {
      scenario_.common.sched_class = EdfClasses();
      add("edf", "");
    } else if (scenario_.mutexes.empty()) {
      add("fixed", "");
    } else {
      add("mutex", "mutex");
      add("pi", "pi");
    }
  }

  const JsonValue& root_;
  const BenchOptions& options_;
  Diagnostics& diagnostics_;
  Scenario scenario_;
  bool is_edf_ = false;
  std::set<int64_t> ranks_;  // of the priorities in the file
  std::set<std::string, std::less<>> names_;
};

}  // namespace

std::optional<Scenario> ImportBench(std::string_view text, std::string_view file,
                                    const BenchOptions& options,
                                    std::vector<Diagnostic>& diagnostics) {
  Diagnostics found(text, file);
  std::optional<Scenario> scenario;
  const JsonDocument document = ParseJson(text);
  if (document.error) {
    found.NotJson(*document.error);
  } else {
    found.SetRoot(&document.root);
    ShapeBook book;
    CheckShape(document.root, *BenchShape(book), found);
    if (!found.has_errors()) scenario = BenchReader(document.root, options, found).Read();
  }
  const bool has_errors = found.has_errors();
  found.Finish(diagnostics);
  if (has_errors) return std::nullopt;
  return scenario;
}

}  // namespace rqsim
