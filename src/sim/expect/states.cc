#include "sim/expect/states.h"

#include <absl/strings/str_join.h>
#include <fmt/core.h>

#include <algorithm>

#include "rqsim/kernel.h"
#include "rqsim/pelt.h"
#include "rqsim/simulation.h"
#include "sim/expect/context.h"

namespace rqsim {
namespace {

const char* StateName(TaskState state) {
  switch (state) {
    case TaskState::kRunning:
      return "R";
    case TaskState::kInterruptible:
      return "S";
    case TaskState::kUninterruptible:
    case TaskState::kKillable:
      return "D";
    case TaskState::kIdle:
      return "I";
    case TaskState::kParked:
      return "P";
    case TaskState::kDead:
      return "X";
    case TaskState::kNew:
      return "new";
    case TaskState::kWaking:
      return "waking";
  }
  return "";
}

std::string FlagsText(uint8_t flags) {
  std::string text;
  const auto add = [&](uint8_t flag, const char* name) {
    if ((flags & flag) == 0) return;
    if (!text.empty()) text += '|';
    text += name;
  };
  add(kWaitersFlag, "WAITERS");
  add(kHandoffFlag, "HANDOFF");
  add(kPickupFlag, "PICKUP");
  return text.empty() ? "none" : text;
}

int64_t WeightOf(const SchedAttr& attr) {
  if (attr.policy == SchedPolicy::kIdle) return kIdlePolicyWeight;
  return kPrioToWeight[std::clamp<int>(attr.nice, -20, 19) + 20];
}

// Keeps the field of one name.
class OneField final : public StateWriter {
 public:
  explicit OneField(std::string_view name) : name_(name) {}
  void Field(std::string_view name, int64_t value) override {
    if (name == name_) value_ = value;
  }
  std::optional<int64_t> value() const { return value_; }

 private:
  std::string_view name_;
  std::optional<int64_t> value_;
};

// Keeps the word of user memory of one name.
class OneWord final : public StateWriter {
 public:
  explicit OneWord(std::string_view name) : name_(name) {}
  void Field(std::string_view, int64_t) override {}
  void Word(std::string_view name, std::string_view text) override {
    if (name == name_) text_ = std::string(text);
  }
  const std::optional<std::string>& text() const { return text_; }

 private:
  std::string_view name_;
  std::optional<std::string> text_;
};

class StateLooks {
 public:
  StateLooks(const Simulation& simulation, const Recording& recording)
      : simulation_(simulation), recording_(recording) {}

  // The field as text; nothing if there is none of that name.
  std::optional<std::string> OfTask(const std::string& task, const std::string& field) const {
    const TaskId id = recording_.names().FindTask(task);
    if (!id.valid()) return std::nullopt;
    const Task& t = simulation_.kernel().task(id);
    if (auto text = Plain(t, field)) return text;
    if (field == "user_cpus") {
      const CpuSet* user = simulation_.kernel().user_cpus(id);
      return user == nullptr ? std::string("none") : user->ToString();
    }
    OneField wanted(field);
    simulation_.Describe(id, wanted);
    if (!wanted.value()) return std::nullopt;
    return std::to_string(*wanted.value());
  }

  // "W1.state": a word of a task's user memory.
  std::optional<std::string> OfWord(const std::string& word, const std::string& field) const {
    const std::size_t dot = word.rfind('.');
    if (dot == std::string::npos || field != "value") return std::nullopt;
    const TaskId id = recording_.names().FindTask(word.substr(0, dot));
    if (!id.valid()) return std::nullopt;
    const std::string name = word.substr(dot + 1);
    OneWord wanted(name);
    simulation_.Describe(id, wanted);
    return wanted.text();
  }

  std::optional<std::string> OfLock(const std::string& lock, const std::string& field) const {
    const LockId id = recording_.names().FindLock(lock);
    if (!id.valid()) return std::nullopt;
    const Lock& word = simulation_.kernel().lock(id);
    if (field == "owner") return recording_.names().Task(word.owner);
    if (field == "flags") return FlagsText(word.flags);
    const std::vector<std::string> waiters = WaitersOf(id);
    if (field == "waiters") return std::to_string(waiters.size());
    if (field == "wait_list") return waiters.empty() ? "none" : absl::StrJoin(waiters, " ");
    return std::nullopt;
  }

  // Load is the sum of the weights of fair tasks, queued as donors or not (proxy-exec.md 8).
  std::optional<std::string> OfRunqueue(CpuId id, const std::string& field) const {
    const Kernel& kernel = simulation_.kernel();
    if (id.value() >= kernel.num_cpus()) return std::nullopt;
    const Cpu& cpu = kernel.cpu(id);
    if (field == "curr") return recording_.names().Task(cpu.curr);
    if (field == "donor") return recording_.names().Task(cpu.donor);
    if (field == "nr_running") return std::to_string(cpu.nr_running);
    int64_t total = 0, blocked = 0;
    for (int i = 1; i < kernel.num_tasks(); ++i) {
      const Task& t = kernel.task(TaskId(i));
      if (!t.on_rq || t.cpu != id || t.sched_class != kernel.facts().balanced_class) continue;
      const int64_t weight = WeightOf(t.eff);
      total += weight;
      if (t.is_blocked) blocked += weight;
    }
    if (field == "load_total") return std::to_string(total);
    if (field == "load_blocked") return std::to_string(blocked);
    if (field == "load_real") return std::to_string(total - blocked);
    return std::nullopt;
  }

 private:
  std::optional<std::string> Plain(const Task& t, const std::string& field) const {
    const auto number = [](int64_t value) { return std::to_string(value); };
    const auto flag = [](bool value) { return std::string(value ? "true" : "false"); };
    if (field == "state") return StateName(t.state);
    if (field == "priority") return number(t.base.priority);
    if (field == "effective_priority" || field == "eff_priority") return number(t.eff.priority);
    if (field == "prio") return number(t.eff.prio);
    if (field == "nice") return number(t.base.nice);
    if (field == "boosted") return flag(t.boosted);
    if (field == "cpu") return number(t.cpu.value());
    if (field == "wake_cpu") return number(t.wake_cpu.value());
    if (field == "on_rq") return flag(t.on_rq);
    if (field == "on_cpu") return flag(t.on_cpu);
    if (field == "sched_delayed") return flag(t.sched_delayed);
    if (field == "blocked_on") return recording_.names().Lock(t.blocked_on);
    if (field == "blocked_donor") return recording_.names().Task(t.blocked_donor);
    if (field == "cpus_allowed") return t.cpus_allowed.ToString();
    return std::nullopt;
  }

  // From the events: the word knows that there are waiters, only the protocol knows which.
  std::vector<std::string> WaitersOf(LockId lock) const {
    std::vector<std::string> waiters;
    for (const TraceEvent& event : recording_.events()) {
      if (event.kind() != EventKind::kMutexWait) continue;
      const auto wait = event.As<MutexWait>();
      if (wait.lock != lock || wait.queue != MutexQueue::kWaitList) continue;
      const std::string name = recording_.names().Task(wait.pid);
      if (wait.joined == 0) {
        waiters.erase(std::remove(waiters.begin(), waiters.end(), name), waiters.end());
        continue;
      }
      const std::size_t position =
          wait.position < 0 ? waiters.size()
                            : std::min(static_cast<std::size_t>(wait.position), waiters.size());
      waiters.insert(waiters.begin() + static_cast<std::ptrdiff_t>(position), name);
    }
    return waiters;
  }

  const Simulation& simulation_;
  const Recording& recording_;
};

void CheckState(const ExpectState& wanted, const StateLooks& looks, const Recording& recording,
                ExpectReport& report) {
  const bool is_task = !wanted.task.empty();
  const std::string subject = is_task                ? "task " + wanted.task
                              : !wanted.lock.empty() ? "lock " + wanted.lock
                              : wanted.rq.valid()    ? fmt::format("rq {}", wanted.rq.value())
                                                     : "word " + wanted.word;
  for (const auto& [field, value] : wanted.values) {
    ++report.statements;
    std::optional<std::string> actual;
    if (is_task) {
      actual = looks.OfTask(wanted.task, field);
    } else if (!wanted.lock.empty()) {
      actual = looks.OfLock(wanted.lock, field);
    } else if (wanted.rq.valid()) {
      actual = looks.OfRunqueue(wanted.rq, field);
    } else {
      actual = looks.OfWord(wanted.word, field);
    }
    if (actual && *actual == value) continue;
    Mismatch mismatch;
    mismatch.pos = wanted.pos;
    mismatch.what = actual ? fmt::format("at {} {} of {} is {}, not {}", wanted.at.cycles(), field,
                                         subject, *actual, value)
                           : fmt::format("at {} {} has no {}", wanted.at.cycles(), subject, field);
    mismatch.before = DecisionsUpTo(recording, CpuId(), wanted.at);
    report.mismatches.push_back(mismatch);
  }
}

}  // namespace

absl::Status CheckStates(const Scenario& scenario, const PolicySet& set, const Registry& registry,
                         ExpectReport& report) {
  std::vector<const ExpectState*> wanted;
  for (const ExpectSpec& expect : scenario.expects) {
    if (!AppliesTo(expect, set.name)) continue;
    for (const ExpectState& state : expect.states) wanted.push_back(&state);
  }
  if (wanted.empty()) return absl::OkStatus();
  std::stable_sort(wanted.begin(), wanted.end(),
                   [](const ExpectState* a, const ExpectState* b) { return a->at < b->at; });
  auto simulation = Simulation::Create(scenario, set, registry);
  if (!simulation.ok()) return simulation.status();
  Recording recording(EventMask::All());
  (*simulation)->AddListener(recording);
  for (const ExpectState* state : wanted) {
    (*simulation)->RunUntil(state->at);
    recording.TakeNames();
    CheckState(*state, StateLooks(**simulation, recording), recording, report);
  }
  return absl::OkStatus();
}

}  // namespace rqsim
