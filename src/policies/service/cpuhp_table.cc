// Which states there are: the kernel's, the short table of the worked examples, the empty one, and
// those that a scenario installs. Origin: Linux 7.2 include/linux/cpuhotplug.h and kernel/cpu.c:
// cpuhp_hp_states; hotplug.md 5.1. Cost: at creation only. Tested by scenarios/hotplug/.
#include "service/cpuhp_table.h"

#include <absl/strings/str_cat.h>

#include <charconv>

namespace rqsim::cpuhp {
namespace {

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

}  // namespace

std::vector<std::pair<std::string, std::string>> SplitPairs(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!text.empty()) {
    const std::size_t blank = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, blank);
    text.remove_prefix(std::min(blank + 1, text.size()));
    if (word.empty()) continue;
    const std::size_t equals = std::min(word.find('='), word.size());
    pairs.emplace_back(word.substr(0, equals),
                       equals == word.size() ? "" : word.substr(equals + 1));
  }
  return pairs;
}

int64_t NumberOf(std::string_view text) {
  int64_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number >= 0 ? number : -1;
}

int Table::Find(std::string_view word) const {
  if (const int64_t number = NumberOf(word); number >= 0 && number < kNumStates) {
    return static_cast<int>(number);
  }
  for (int number = 0; number < kNumStates; ++number) {
    if (!at(number).name.empty() && at(number).name == word) return number;
  }
  return -1;
}

absl::Status Table::Build(std::string_view which, bool split, Cycles c_cb, Cycles c_kick,
                          const std::vector<std::string>& costs,
                          const std::vector<std::string>& states) {
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
  for (const std::string& text : states) {
    absl::Status status = Install(text, c_cb);
    if (!status.ok()) return status;
  }
  for (const std::string& text : costs) {
    for (const auto& [name, value] : SplitPairs(text)) {
      const int number = Find(name);
      const int64_t cost = NumberOf(value);
      if (number < 0 || cost < 0) {
        return absl::InvalidArgumentError(
            absl::StrCat("cpuhp.costs: \"", text, "\" is not STATE=CYCLES"));
      }
      at(number).up.cost = at(number).down.cost = Cycles(cost);
    }
  }
  return absl::OkStatus();
}

absl::Status Table::Install(std::string_view text, Cycles c_cb) {
  State state;
  int number = -1;
  state.up = state.down = {true, c_cb};
  for (const auto& [key, value] : SplitPairs(text)) {
    const int64_t length = NumberOf(value);
    if (key == "name") {
      state.name = value;
    } else if (key == "nr") {
      number = value == "dyn" ? -1 : static_cast<int>(length);
      if (value != "dyn" && (length < 0 || length >= kNumStates)) number = kNumStates;
    } else if (key == "up") {
      state.up.exists = length != 0;
    } else if (key == "down") {
      state.down.exists = length != 0;
    } else if (key == "cost" && length >= 0) {
      state.up.cost = state.down.cost = Cycles(length);
    } else if (key == "fail") {
      state.fails_up = value == "up" || value == "both";
      state.fails_down = value == "down" || value == "both";
    } else if (key == "instances") {
      // In the order in which they were added; "!" before a name: it fails on the way up.
      std::string_view rest = value;
      while (!rest.empty()) {
        const std::size_t comma = std::min(rest.find(','), rest.size());
        std::string_view name = rest.substr(0, comma);
        rest.remove_prefix(std::min(comma + 1, rest.size()));
        Instance instance;
        instance.fails_up = name.starts_with('!');
        if (instance.fails_up) name.remove_prefix(1);
        instance.fails_down = name.ends_with('!');
        if (instance.fails_down) name.remove_suffix(1);
        instance.name = std::string(name);
        state.instances.insert(state.instances.begin(), std::move(instance));
      }
    } else {
      return absl::InvalidArgumentError(absl::StrCat("cpuhp.states: \"", std::string(text),
                                                     "\": there is no ", key, " of that value"));
    }
  }
  // The lowest dynamic slot that is free.
  for (int slot = kDynamicFirst; slot <= kDynamicLast && number < 0; ++slot) {
    if (at(slot).name.empty()) number = slot;
  }
  const bool possible = number > 0 && number < kOnline && !at(number).up.exists &&
                        !at(number).down.exists && !state.name.empty();
  if (!possible) {
    return absl::InvalidArgumentError(
        absl::StrCat("cpuhp.states: \"", std::string(text), "\": no free state, or no name"));
  }
  at(number) = std::move(state);
  return absl::OkStatus();
}

}  // namespace rqsim::cpuhp
