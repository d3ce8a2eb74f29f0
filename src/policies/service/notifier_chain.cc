// The chain of notifiers: who is called when, and what a call does to the views, to the masks and
// to what is shared with other CPUs. Origin: Linux 3.4 include/linux/cpu.h;
// hotplug.md 4.1, 4.2, 4.5, 4.8. Cost: O(notifiers) for a round. Tested by scenarios/hotplug/.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <iterator>

#include "service/notifier.h"
#include "service/notifier_events.h"

namespace rqsim::notifier {
namespace {

constexpr int64_t kIntMax = INT32_MAX;
// As registered; the chain sorts by priority. INT_MIN is that of the last one (MODEL-235).
struct Row {
  std::string_view name;
  int64_t priority;
};
constexpr Row kDefault[] = {{"sched_active", kIntMax},
                            {"cpuset_active", kIntMax - 1},
                            {"perf", 20},
                            {"migration", 10},
                            {"workqueue", 5},
                            {"rcu", 0},
                            {"sched_inactive", -kIntMax},
                            {"cpuset_inactive", -kIntMax - 1}};

// The table of that thread; `tboot` returns BAD only where "cannot happen" does (`bad=dying`).
constexpr std::pair<std::string_view, Access> kFound[] = {{"vfp", Access::kPercpu},
                                                          {"s390_nohz", Access::kPercpu},
                                                          {"x86_pmu", Access::kPercpu},
                                                          {"perf_ibs", Access::kUnknown},
                                                          {"tboot", Access::kPercpu},
                                                          {"clockevents", Access::kLocked},
                                                          {"console", Access::kLocked},
                                                          {"migration", Access::kUnknown},
                                                          {"workqueue", Access::kNonatomicRmw},
                                                          {"kvm", Access::kLocked}};

constexpr std::pair<std::string_view, Event> kEventWords[] = {{"online", Event::kOnline},
                                                              {"up_prepare", Event::kUpPrepare},
                                                              {"up_canceled", Event::kUpCanceled},
                                                              {"down_prepare", Event::kDownPrepare},
                                                              {"down_failed", Event::kDownFailed},
                                                              {"dead", Event::kDead},
                                                              {"dying", Event::kDying},
                                                              {"post_dead", Event::kPostDead},
                                                              {"starting", Event::kStarting}};
constexpr std::pair<std::string_view, Access> kAccessWords[] = {
    {"percpu", Access::kPercpu},
    {"locked", Access::kLocked},
    {"atomic", Access::kAtomic},
    {"nonatomic_rmw", Access::kNonatomicRmw},
    {"unknown", Access::kUnknown}};

constexpr std::string_view kNotifierForm =
    "\"name priority=10 cost=3 dying_cost=5 bad=dying,dead access=locked registered=0\"";

// Events at which a notifier objects: "dying,dead".
uint32_t BitsOf(const TextWord& word, TextProblems& problems) {
  uint32_t bits = 0;
  for (const TextPart& part : PartsOf(word.value, word.value_at)) {
    const auto* const found = std::find_if(std::begin(kEventWords), std::end(kEventWords),
                                           [&](const auto& row) { return row.first == part.text; });
    if (found != std::end(kEventWords)) {
      bits |= 1u << static_cast<unsigned>(found->second);
      continue;
    }
    problems.Add(
        ParamProblem::Kind::kValue, part.at,
        absl::StrCat("there is no event \"", std::string(part.text), "\""),
        "up_prepare, starting, online, up_canceled, down_prepare, down_failed, dying, dead "
        "or post_dead");
  }
  return bits;
}

Access AccessOf(const TextWord& word, TextProblems& problems) {
  for (const auto& [text, access] : kAccessWords) {
    if (text == word.value) return access;
  }
  problems.Add(ParamProblem::Kind::kValue, word.value_at,
               absl::StrCat("\"", std::string(word.value), "\" is no value of access"),
               "percpu, locked, atomic, nonatomic_rmw or unknown");
  return Access::kUnknown;
}

// One word of a notifier's text, behind its name.
void ReadWord(const TextWord& word, Notifier& notifier, TextProblems& problems) {
  if (word.key == "priority" && word.has_value) {
    notifier.priority = NumberIn(word, -kIntMax, kIntMax, problems);
  } else if (word.key == "cost" && word.has_value) {
    notifier.cost = notifier.dying_cost = Cycles(NumberIn(word, 0, kCyclesMax.count(), problems));
  } else if (word.key == "dying_cost" && word.has_value) {
    notifier.dying_cost = Cycles(NumberIn(word, 0, kCyclesMax.count(), problems));
  } else if (word.key == "bad" && word.has_value) {
    notifier.bad = BitsOf(word, problems);
  } else if (word.key == "registered" && word.has_value) {
    notifier.is_registered = NumberIn(word, 0, 1, problems) != 0;
  } else if (word.key == "access" && word.has_value) {
    notifier.access = AccessOf(word, problems);
  } else {
    problems.Add(ParamProblem::Kind::kForm, word.at,
                 word.has_value ? absl::StrCat("a notifier has no \"", std::string(word.key), "\"")
                                : absl::StrCat("\"", std::string(word.key), "\" is no KEY=VALUE"),
                 std::string(kNotifierForm));
  }
}

// Registers of the path: event, CPU, how many are called at most, whether interrupts are off; the
// next position; -1 or what the chain came back with.
constexpr int kEvent = 0, kCpu = 1, kLimit = 2, kAtomic = 3, kAt = 4;

CpuId CpuOf(const Frame& frame) { return CpuId(static_cast<int32_t>(frame.r[kCpu])); }
bool IsDown(Event event) {
  return event == Event::kDownPrepare || event == Event::kDying || event == Event::kDead ||
         event == Event::kPostDead || event == Event::kDown;
}

}  // namespace

Access AccessByDefault(std::string_view name) {
  for (const auto& [found, access] : kFound) {
    if (found == name) return access;
  }
  return Access::kPercpu;
}

void Chain::Build(const std::vector<std::string>& texts, Cycles c_cb, int num_cpus,
                  std::vector<ParamProblem>& problems) {
  const auto add = [&](std::string_view name, int64_t priority) -> Notifier& {
    Notifier& notifier = notifiers_.emplace_back();
    notifier.name = std::string(name);
    notifier.priority = priority;
    notifier.cost = notifier.dying_cost = c_cb;
    notifier.access = AccessByDefault(notifier.name);
    notifier.sees.resize(static_cast<std::size_t>(num_cpus));
    notifier.off_since.assign(static_cast<std::size_t>(num_cpus), kNever);
    notifier.setups.resize(static_cast<std::size_t>(num_cpus));
    return notifier;
  };
  if (texts.empty()) {
    for (const Row& row : kDefault) add(row.name, row.priority);
  }
  for (std::size_t k = 0; k < texts.size(); ++k) {
    TextProblems of_text(problems, "notifiers", k);
    const std::vector<TextWord> words = WordsOf(texts[k]);
    if (words.empty() || words[0].has_value) {
      of_text.Add(ParamProblem::Kind::kForm, 0, "a notifier begins with its name",
                  std::string(kNotifierForm));
      continue;
    }
    const std::string_view name = words[0].key;
    if (Find(name) >= 0) {
      of_text.Add(ParamProblem::Kind::kName, words[0].at,
                  absl::StrCat("there is a notifier ", std::string(name), " already"),
                  "names differ");
    }
    int64_t priority = 0;
    for (const Row& row : kDefault) {
      if (row.name == name) priority = row.priority;
    }
    Notifier& notifier = add(name, priority);
    for (std::size_t i = 1; i < words.size(); ++i) ReadWord(words[i], notifier, of_text);
  }
  Sort();
}

std::vector<Dependency> Chain::DependenciesOf(const std::vector<std::string>& texts,
                                              std::vector<ParamProblem>& problems) const {
  std::vector<Dependency> dependencies;
  for (std::size_t k = 0; k < texts.size(); ++k) {
    TextProblems of_text(problems, "depends", k);
    const std::vector<TextWord> words = WordsOf(texts[k]);
    if (words.size() != 2) {
      of_text.Add(ParamProblem::Kind::kForm, 0, "a dependency has two notifiers",
                  "\"scheduler rcu\": the first uses the second");
      continue;
    }
    for (const TextWord& word : words) {
      if (Find(word.key) >= 0) continue;
      std::string names;
      for (int i = 0; i < num_notifiers(); ++i) {
        absl::StrAppend(&names, i == 0 ? "" : ", ", at(i).name);
      }
      of_text.Add(ParamProblem::Kind::kName, word.at,
                  absl::StrCat("there is no notifier \"", std::string(word.key), "\""),
                  std::move(names));
    }
    dependencies.push_back({Find(words[0].key), Find(words[1].key)});
  }
  return dependencies;
}

void Chain::Sort() {
  order_.clear();
  for (int i = 0; i < num_notifiers(); ++i) {
    if (at(i).is_registered) order_.push_back(i);
  }
  if (is_mirrored_) return;
  std::stable_sort(order_.begin(), order_.end(),
                   [this](int a, int b) { return at(a).priority > at(b).priority; });
}

void Chain::SetMirrored(bool mirrored) {
  is_mirrored_ = mirrored;
  Sort();
}

// MODEL-173: a notifier that registers later comes behind those of its priority.
void Chain::Register(int index) {
  at(index).is_registered = true;
  Sort();
}

void Chain::Unregister(int index) {
  at(index).is_registered = false;
  Sort();
}

int Chain::OrderOf(int position, bool down) const {
  const int place = is_mirrored_ && down ? size() - 1 - position : position;
  return order_[static_cast<std::size_t>(place)];
}

int Chain::Find(std::string_view name) const {
  for (int i = 0; i < num_notifiers(); ++i) {
    if (at(i).name == name) return i;
  }
  return -1;
}

// ------------------------------------------------------------------------------------------ calls

// Returns 0, or -1 - k when the notifier at position k objected.
Next Notifier2012::CallChain(StepId then, Event event, CpuId cpu, int limit, bool atomic) {
  const int64_t args[6] = {static_cast<int64_t>(event), cpu.value(), limit, atomic ? 1 : 0, 0, 0};
  return Next::Call(then, self_, kChainPath, args);
}

Next Notifier2012::ChainStep(Kernel& kernel, Frame& frame) {
  if (frame.step == StepId(0)) return NextNotifier(kernel, frame);
  const auto event = static_cast<Event>(frame.r[kEvent]);
  const int index = chain_.OrderOf(static_cast<int>(frame.r[kAt]), IsDown(event));
  Notifier& notifier = chain_.at(index);
  const bool is_bad = (notifier.bad & (1u << static_cast<unsigned>(event))) != 0;
  const int64_t frozen = now_.is_frozen ? kTasksFrozen : 0;
  Set(kernel, kNotifyEvent, static_cast<int64_t>(event) | frozen, is_bad ? -1 : 0,
      frame.r[kCpu] << 8 | index);
  if (event == Event::kDying && is_idle_loop_ && notifier.access == Access::kUnknown) {
    Set(kernel, kUnauditedEvent, frame.r[kCpu], index, 0);
  }
  if (!is_bad) {
    Called(kernel, frame, event, notifier, index);
    ++frame.r[kAt];
    return NextNotifier(kernel, frame);
  }
  // The chain stops here; DYING ignores what comes back, and nobody hears of it.
  if (event == Event::kDying) Set(kernel, kDyingBadEvent, frame.r[kCpu], index, 0);
  return Next::Return(-1 - frame.r[kAt]);
}

Next Notifier2012::NextNotifier(Kernel& kernel, Frame& frame) {
  if (frame.r[kAt] >= std::min<int64_t>(frame.r[kLimit], chain_.size())) return Next::Return(0);
  const auto event = static_cast<Event>(frame.r[kEvent]);
  const Notifier& notifier =
      chain_.at(chain_.OrderOf(static_cast<int>(frame.r[kAt]), IsDown(event)));
  if (event == Event::kDying && notifier.access == Access::kNonatomicRmw) {
    object_read_ = object_;
    object_is_read_ = true;
    object_race_ = false;
  }
  if (event == Event::kDying && notifier.name == "rcu") BeginRcuDying(kernel, CpuOf(frame));
  return Next::Run(StepId(1), event == Event::kDying ? notifier.dying_cost : notifier.cost,
                   frame.r[kAtomic] != 0 ? RunMode::kIrqsOff : RunMode::kKernel);
}

// What a notifier does at the end of its call.
void Notifier2012::Called(Kernel& kernel, const Frame& frame, Event event, Notifier& notifier,
                          int index) {
  const CpuId cpu = CpuOf(frame);
  const std::size_t c = cpu.index();
  switch (event) {
    case Event::kDownPrepare:
      notifier.sees[c] = false;
      notifier.off_since[c] = kernel.now();
      if (ra_since_ == kNever) ra_since_ = kernel.now();
      if (notifier.name == "sched_inactive") kernel.SetActive(cpu, false);
      if (notifier.name == "cpuset_inactive") kernel.UpdateCpusets();
      SwitchRcuCore(kernel, cpu, notifier, false);
      Set(kernel, kViewEvent, cpu.value(), index, 0);
      break;
    case Event::kDownFailed:
    case Event::kOnline:
      notifier.sees[c] = true;
      notifier.off_since[c] = kNever;
      if (notifier.name == "sched_active") kernel.SetActive(cpu, true);
      if (notifier.name == "cpuset_active") kernel.UpdateCpusets();
      SwitchRcuCore(kernel, cpu, notifier, true);
      if (event == Event::kOnline) ++notifier.setups[c];
      Set(kernel, kViewEvent, cpu.value(), index, 1);
      break;
    case Event::kDying:
      if (notifier.name == "migration") kernel.MoveTasks(cpu);
      if (notifier.name == "clockevents") HandOverTick(kernel, cpu);
      if (notifier.name == "rcu") EndRcuDying(kernel, cpu);
      EndDyingAccess(kernel, notifier, cpu);
      break;
    case Event::kDead:
      notifier.setups[c] = 0;
      if (notifier.name == "rcu") AdoptOrphans(kernel, frame.cpu);
      if (notifier.name == "timers") kernel.MoveTimers(cpu, kernel.online().First());
      break;
    case Event::kUpPrepare:
    case Event::kUpCanceled:
    case Event::kPostDead:
    case Event::kStarting:
    case Event::kDown:
      break;
  }
}

// A read-modify-write that is no atomic operation writes back what it read: whoever changed the
// object meanwhile has lost.
void Notifier2012::EndDyingAccess(Kernel& kernel, Notifier& notifier, CpuId cpu) {
  if (notifier.access == Access::kNonatomicRmw) {
    if (object_race_) Set(kernel, kDyingRaceEvent, cpu.value(), object_ & ~object_read_, 0);
    object_ = object_read_ | 1;
    object_is_read_ = false;
  } else if (notifier.access == Access::kAtomic) {
    object_ |= 1;
  } else {
    return;
  }
  Set(kernel, kObjectEvent, object_, 0, 0);
}

// D1: for how long somebody who uses another one's service was on when that was off.
void Notifier2012::ReportWindows(Kernel& kernel, CpuId cpu) {
  for (const Dependency& dependency : dependencies_) {
    const Notifier& user = chain_.at(dependency.user);
    const Notifier& used = chain_.at(dependency.used);
    Time off = used.off_since[cpu.index()];
    const Time until = user.off_since[cpu.index()];
    if (off == kNever || until == kNever) continue;
    if (rcu_waits_jiffy_ && used.name == "rcu") off += jiffy_;
    const Cycles window = until > off ? until - off : kZeroCycles;
    Set(kernel, kDepWindowEvent, window.count(), off.cycles(),
        static_cast<int64_t>(dependency.user) << 8 | dependency.used, is_mirrored_ ? 1 : 0);
  }
}

}  // namespace rqsim::notifier
