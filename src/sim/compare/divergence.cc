#include "sim/compare/divergence.h"

#include <array>
#include <set>

#include "sim/compare/cause.h"

namespace rqsim {
namespace {

// How many events are shown on either side of the parting.
constexpr std::size_t kCommonShown = 3;
constexpr std::size_t kNextShown = 4;

// What of an event counts. Tasks are compared by name, since services give ids to kthreads of their
// own; priorities of a switch do not count, they are told by sched_pi_setprio.
struct Key {
  Time t;
  int cpu = -1;
  EventKind kind = EventKind::kCount;
  std::array<std::string, 2> tasks;
  std::array<int64_t, 4> numbers{};
  friend bool operator==(const Key&, const Key&) = default;
};

template <class Wake>
void WakeKey(const TraceEvent& event, const RunNames& names, Key& key) {
  const auto wake = event.As<Wake>();
  key.tasks[0] = names.Task(wake.pid);
  key.numbers[0] = wake.target_cpu.value();
}

Key KeyOf(const TraceEvent& event, const RunNames& names) {
  Key key;
  key.t = event.t;
  key.cpu = event.cpu().value();
  key.kind = event.kind();
  if (event.kind() == EventKind::kSchedSwitch) {
    const auto change = event.As<SchedSwitch>();
    key.tasks = {names.Task(change.prev_pid), names.Task(change.next_pid)};
    key.numbers[0] = change.prev_state.letter;
    key.numbers[1] = change.donor == change.next_pid ? -1 : change.donor.value();
  } else if (event.kind() == EventKind::kSchedWakeup) {
    WakeKey<SchedWakeup>(event, names, key);
  } else if (event.kind() == EventKind::kSchedWakeupNew) {
    WakeKey<SchedWakeupNew>(event, names, key);
  } else if (event.kind() == EventKind::kSchedMigrateTask) {
    const auto move = event.As<SchedMigrateTask>();
    key.tasks[0] = names.Task(move.pid);
    key.numbers = {move.orig_cpu.value(), move.dest_cpu.value()};
  } else if (event.kind() == EventKind::kSchedPiSetprio) {
    const auto boost = event.As<SchedPiSetprio>();
    key.tasks[0] = names.Task(boost.pid);
    key.numbers[0] = boost.newprio;
  } else if (event.kind() == EventKind::kMutexAcquire) {
    const auto acquire = event.As<MutexAcquire>();
    key.tasks[0] = names.Task(acquire.pid);
    key.numbers[0] = acquire.lock.value();
  } else {
    for (std::size_t i = 0; i < key.numbers.size(); ++i) key.numbers[i] = event.a[i];
  }
  return key;
}

// Steps through the compared events of a recording.
class Stream {
 public:
  explicit Stream(const Recording& recording) : recording_(recording) { Skip(); }

  const TraceEvent* event() const {
    return i_ < recording_.events().size() ? &recording_.events()[i_] : nullptr;
  }
  std::size_t index() const { return i_; }
  void Next() {
    ++i_;
    Skip();
  }

 private:
  void Skip() {
    while (event() != nullptr && !IsCompared(event()->kind())) ++i_;
  }

  const Recording& recording_;
  std::size_t i_ = 0;
};

std::vector<std::string> NextTexts(const Recording& recording, Stream stream) {
  std::vector<std::string> lines;
  for (; stream.event() != nullptr && lines.size() < kNextShown; stream.Next()) {
    lines.push_back(recording.Text(*stream.event()));
  }
  return lines;
}

}  // namespace

bool IsCompared(EventKind kind) {
  return kind == EventKind::kSchedSwitch || kind == EventKind::kSchedWakeup ||
         kind == EventKind::kSchedWakeupNew || kind == EventKind::kSchedMigrateTask ||
         kind == EventKind::kSchedPiSetprio || kind == EventKind::kMutexAcquire ||
         kind == EventKind::kProxyDonor || kind == EventKind::kProxyMigrate;
}

bool Explains(EventKind kind) {
  return kind == EventKind::kMutexHandoff || kind == EventKind::kMutexSteal ||
         kind == EventKind::kMutexWait || kind == EventKind::kMutexSpin ||
         kind == EventKind::kMutexBlockedOn || kind == EventKind::kSchedPiSetprio ||
         kind == EventKind::kSchedSetNeedResched || static_cast<int>(kind) >= kFirstPolicyEvent;
}

EventMask ComparedEvents() {
  EventMask mask;
  for (int i = 0; i < static_cast<int>(EventKind::kCount); ++i) {
    const auto kind = static_cast<EventKind>(i);
    if (IsCompared(kind) || Explains(kind)) mask.Add(kind);
  }
  return mask.AddPolicyEvents();
}

std::optional<Divergence> FindDivergence(const Recording& baseline, const Recording& other,
                                         const std::string& baseline_name,
                                         const std::string& other_name) {
  Stream a(baseline);
  Stream b(other);
  std::vector<std::string> common;
  std::size_t common_a = 0;
  std::size_t common_b = 0;
  std::vector<std::size_t> last;
  for (; a.event() != nullptr && b.event() != nullptr; a.Next(), b.Next()) {
    if (KeyOf(*a.event(), baseline.names()) != KeyOf(*b.event(), other.names())) break;
    last.push_back(a.index());
    if (last.size() > kCommonShown) last.erase(last.begin());
    common_a = a.index() + 1;
    common_b = b.index() + 1;
  }
  if (a.event() == nullptr && b.event() == nullptr) return std::nullopt;

  // The earlier of the two is what the other run did not do; at equal times the other set's event
  // tells what is new about it.
  const bool other_first =
      a.event() == nullptr || (b.event() != nullptr && b.event()->t <= a.event()->t);
  const TraceEvent& first = other_first ? *b.event() : *a.event();
  Divergence divergence;
  divergence.at = first.t;
  divergence.cpu = first.cpu();
  if (a.event() != nullptr) divergence.baseline = baseline.Text(*a.event());
  if (b.event() != nullptr) divergence.other = other.Text(*b.event());
  for (const std::size_t i : last) {
    divergence.common.push_back(baseline.Text(baseline.events()[i]));
  }
  divergence.baseline_next = NextTexts(baseline, a);
  divergence.other_next = NextTexts(other, b);
  CauseInput input;
  input.at = first.t;
  input.cpu = first.cpu();
  input.baseline = {&baseline, baseline_name, common_a, a.event()};
  input.other = {&other, other_name, common_b, b.event()};
  divergence.cause = CauseOf(input, other_first);
  return divergence;
}

}  // namespace rqsim
