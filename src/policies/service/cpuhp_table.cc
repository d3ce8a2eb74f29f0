// Which states there are: the kernel's, the short table of the worked examples, the empty one, and
// those that a scenario installs. Origin: Linux 7.2 include/linux/cpuhotplug.h and kernel/cpu.c:
// cpuhp_hp_states; hotplug.md 5.1. Cost: at creation only. Tested by scenarios/hotplug/.
#include "service/cpuhp_table.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace rqsim::cpuhp {
namespace {

using Kind = ParamProblem::Kind;

// hotplug.md 5.1. `in_mini`: the table of the worked examples has it too, with these callbacks.
struct Row {
  int number;
  std::string_view name;
  bool up, down;
  bool cant_stop;
  bool in_mini;
};
constexpr Row kRows[] = {
    {1, "threads:prepare", true, false, true, false},
    {36, "workqueue:prepare", true, false, false, false},
    {38, "hrtimers:prepare", true, false, false, false},
    {40, "smpcfd:prepare", true, true, false, true},
    {43, "RCU/tree:prepare", true, true, false, true},
    {58, "timers:prepare", true, true, false, true},
    {83, "cpu:bringup", true, true, true, true},
    {85, "ap:offline", false, false, true, false},
    {87, "sched:starting", true, true, false, true},
    {88, "RCU/tree:dying", false, true, false, true},
    {137, "smpcfd:dying", false, true, false, true},
    {138, "hrtimers:dying", true, true, false, true},
    {139, "tick:dying", false, true, false, true},
    {143, "cpu:teardown", false, true, true, true},
    {147, "sched:waitempty", false, true, false, true},
    {148, "smpboot/threads:online", true, true, false, true},
    {149, "irq/affinity:online", true, false, false, false},
    {154, "perf:online", true, true, false, false},
    {186, "lockup_detector:online", true, true, false, false},
    {187, "workqueue:online", true, true, false, true},
    {188, "random:online", true, false, false, false},
    {189, "RCU/tree:online", true, true, false, true},
    {190, "kthreads:online", true, false, false, true},
    {235, "sched:active", true, true, false, true},
};
// Without a callback in any table.
constexpr std::pair<int, std::string_view> kMarks[] = {{0, "offline"},
                                                       {84, "idle:dead"},
                                                       {142, "ap:online"},
                                                       {144, "ap:online:idle"},
                                                       {236, "online"}};

// What the core itself does at these states costs what it costs, not c_cb.
bool HasOwnCost(int number, bool up) {
  return (number == kBringup && up) || number == kTeardown || number == kSmpboot;
}

// In the order in which they were added; "!" before a name: it fails on the way up, after: down.
std::vector<Instance> InstancesOf(const TextWord& word, TextProblems& problems) {
  std::vector<Instance> list;
  for (const TextPart& part : PartsOf(word.value, word.value_at)) {
    std::string_view name = part.text;
    Instance instance;
    instance.fails_up = name.starts_with('!');
    if (instance.fails_up) name.remove_prefix(1);
    instance.fails_down = name.ends_with('!');
    if (instance.fails_down) name.remove_suffix(1);
    instance.name = std::string(name);
    const bool known = std::any_of(list.begin(), list.end(), [&](const Instance& other) {
      return other.name == instance.name;
    });
    if (name.empty()) {
      problems.Add(Kind::kForm, part.at, "an instance without a name", "instances=I1,!I2,I3!");
    } else if (known) {
      problems.Add(Kind::kName, part.at, absl::StrCat("a second instance ", std::string(name)),
                   "each has a name of its own");
    }
    list.insert(list.begin(), std::move(instance));
  }
  return list;
}

constexpr std::string_view kStateKeys[] = {"name", "nr",        "up",    "down",      "cost",
                                           "fail", "instances", "later", "registered"};
constexpr std::string_view kStateForm =
    "\"name=x nr=192 up=1 down=1 cost=2 fail=up instances=I1,I2\"";

}  // namespace

int Table::Find(std::string_view word) const {
  if (const int64_t number = NumberOf(word); number >= 0 && number < kNumStates) {
    return static_cast<int>(number);
  }
  for (int number = 0; number < kNumStates; ++number) {
    if (!at(number).name.empty() && at(number).name == word) return number;
  }
  return -1;
}

void Table::Build(std::string_view which, bool split, Cycles c_cb, Cycles c_kick,
                  const std::vector<std::string>& costs, const std::vector<std::string>& states,
                  std::vector<ParamProblem>& problems) {
  for (const auto& [number, name] : kMarks) at(number).name = std::string(name);
  const bool is_toy = which == "toy";
  for (const Row& row : kRows) {
    State& state = at(row.number);
    state.name = std::string(row.name);
    state.cant_stop = row.cant_stop;
    if (which == "mini" && !row.in_mini) continue;
    state.up.exists = row.up;
    state.down.exists = row.down;
    state.up.cost = is_toy || HasOwnCost(row.number, true) ? kZeroCycles : c_cb;
    state.down.cost = is_toy || HasOwnCost(row.number, false) ? kZeroCycles : c_cb;
  }
  if (is_toy) {
    // Nothing but what makes a CPU come and go.
    for (const Row& row : kRows) {
      const bool needed = row.number == kBringup || row.number == kTeardown ||
                          row.number == kWaitEmpty || row.number == kActive ||
                          row.number == kHrtimersDying;
      if (needed) continue;
      at(row.number).up.exists = at(row.number).down.exists = false;
    }
  }
  if (split) {
    State& kick = at(kKickAp);
    kick.name = "cpu:kick_ap";
    kick.up = {true, c_kick};
  }
  for (std::size_t k = 0; k < states.size(); ++k) {
    TextProblems of_text(problems, "states", k);
    Install(states[k], c_cb, of_text);
  }
  for (std::size_t k = 0; k < costs.size(); ++k) {
    TextProblems of_text(problems, "costs", k);
    SetCosts(costs[k], of_text);
  }
}

// "187=3 RCU/tree:online=2".
void Table::SetCosts(std::string_view text, TextProblems& problems) {
  const std::vector<TextWord> words = WordsOf(text);
  if (words.empty()) {
    problems.Add(Kind::kForm, 0, "there is nothing in it", "\"187=3\": STATE=CYCLES");
  }
  for (const TextWord& word : words) {
    const int number = Find(word.key);
    if (!word.has_value) {
      problems.Add(Kind::kForm, word.at,
                   absl::StrCat("\"", std::string(word.key), "\" has no cost"),
                   "\"187=3\": STATE=CYCLES");
    } else if (number < 0 || at(number).name.empty()) {
      problems.Add(Kind::kName, word.at,
                   absl::StrCat("there is no state \"", std::string(word.key), "\""),
                   "a number of hotplug.md 5.1, or a name as in kernel/cpu.c: \"sched:active\"");
    } else {
      at(number).up.cost = at(number).down.cost =
          Cycles(NumberIn(word, 0, kCyclesMax.count(), problems));
    }
  }
}

// One word of a state that the scenario installs. `number`: -1 dynamic, 0 none that can be.
void Table::InstallWord(const TextWord& word, State& state, int& number, TextProblems& problems) {
  if (word.key == "name") {
    state.name = word.value;
  } else if (word.key == "nr") {
    const int64_t given = NumberOf(word.value);
    const bool is_dynamic = word.value == "dyn";
    const bool fits = given > kOffline && given < kOnline;
    number = is_dynamic ? -1 : static_cast<int>(fits ? given : kOffline);
    if (is_dynamic || fits) return;
    problems.Add(Kind::kValue, word.value_at,
                 absl::StrCat("\"", std::string(word.value), "\" is no value of nr"),
                 absl::StrCat("1 to ", kOnline - 1, ", or dyn"));
  } else if (word.key == "up") {
    state.up.exists = NumberIn(word, 0, 1, problems) != 0;
  } else if (word.key == "down") {
    state.down.exists = NumberIn(word, 0, 1, problems) != 0;
  } else if (word.key == "cost") {
    state.up.cost = state.down.cost = Cycles(NumberIn(word, 0, kCyclesMax.count(), problems));
  } else if (word.key == "fail") {
    state.fails_up = word.value == "up" || word.value == "both";
    state.fails_down = word.value == "down" || word.value == "both";
    if (state.fails_up || state.fails_down) return;
    problems.Add(Kind::kValue, word.value_at,
                 absl::StrCat("\"", std::string(word.value), "\" is no value of fail"),
                 "up, down or both");
  } else if (word.key == "instances") {
    state.instances = InstancesOf(word, problems);
    state.is_multi = true;
  } else if (word.key == "later") {
    state.later = InstancesOf(word, problems);
    state.is_multi = true;
  } else if (word.key == "registered") {
    state.is_registered = NumberIn(word, 0, 1, problems) != 0;
  }
}

void Table::Install(std::string_view text, Cycles c_cb, TextProblems& problems) {
  State state;
  int number = -1;
  int64_t number_at = 0, name_at = 0;
  state.up = state.down = {true, c_cb};
  std::vector<std::string_view> seen;
  for (const TextWord& word : WordsOf(text)) {
    const bool known =
        std::find(std::begin(kStateKeys), std::end(kStateKeys), word.key) != std::end(kStateKeys);
    if (!known || !word.has_value) {
      problems.Add(Kind::kForm, word.at,
                   known ? absl::StrCat(std::string(word.key), " has no value")
                         : absl::StrCat("a state has no \"", std::string(word.key), "\""),
                   std::string(kStateForm));
      continue;
    }
    if (std::find(seen.begin(), seen.end(), word.key) != seen.end()) {
      problems.Add(Kind::kForm, word.at, absl::StrCat("a second ", std::string(word.key)),
                   "one of each");
    }
    seen.push_back(word.key);
    if (word.key == "nr") number_at = word.value_at;
    if (word.key == "name") name_at = word.value_at;
    InstallWord(word, state, number, problems);
  }
  if (state.name.empty()) {
    problems.Add(Kind::kForm, name_at, "a state without a name", std::string(kStateForm));
    return;
  }
  if (const int same = Find(state.name); same >= 0 && same != number) {
    problems.Add(Kind::kName, name_at, absl::StrCat("there is a state ", state.name, " already"),
                 "a name that is no number and none of the table's");
    return;
  }
  // The lowest dynamic slot that is free.
  for (int slot = kDynamicFirst; slot <= kDynamicLast && number < 0; ++slot) {
    if (at(slot).name.empty()) number = slot;
  }
  if (number < 0) {
    problems.Add(Kind::kName, number_at,
                 absl::StrCat("no dynamic state is free for ", state.name, " (-ENOSPC)"),
                 absl::StrCat("there are ", kDynamicLast - kDynamicFirst + 1));
    return;
  }
  if (number == kOffline) return;
  State& place = at(number);
  const bool is_mark = std::any_of(std::begin(kMarks), std::end(kMarks),
                                   [&](const auto& mark) { return mark.first == number; });
  if (is_mark || place.up.exists || place.down.exists) {
    problems.Add(Kind::kName, number_at, absl::StrCat("state ", number, " is ", place.name),
                 "a number that is free, or nr=dyn");
    return;
  }
  // The lists have the newest first.
  int newest = 0;
  for (auto it = state.instances.rbegin(); it != state.instances.rend(); ++it)
    it->number = ++newest;
  for (auto it = state.later.rbegin(); it != state.later.rend(); ++it) it->number = ++newest;
  place = std::move(state);
}

}  // namespace rqsim::cpuhp
