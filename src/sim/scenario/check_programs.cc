// Warnings: what a run would report by itself (a recursive lock, a lock left held, locks taken in
// two orders, an unlock by a stranger), and sleeps that nobody ends. Programs are looked at without
// running them, so this is about what surely happens, not about what might.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "sim/scenario/read_context.h"
#include "sim/scenario/shape.h"

namespace rqsim {
namespace {

using Kind = JsonValue::Kind;
using Names = std::set<std::string, std::less<>>;

// The locks a program surely holds at a point, in the order in which it took them, and those it
// may hold.
struct Held {
  std::vector<std::string> surely;
  Names maybe;
  friend bool operator==(const Held&, const Held&) = default;

  bool Surely(std::string_view name) const {
    return std::find(surely.begin(), surely.end(), name) != surely.end();
  }
};

Held Either(const Held& a, const Held& b) {
  Held both;
  for (const std::string& name : a.surely) {
    if (b.Surely(name)) both.surely.push_back(name);
  }
  std::set_union(a.maybe.begin(), a.maybe.end(), b.maybe.begin(), b.maybe.end(),
                 std::inserter(both.maybe, both.maybe.end()));
  return both;
}

// Works on the tree, which has the positions of names.
class ProgramChecker {
 public:
  explicit ProgramChecker(ReadContext& context) : context_(context) {}

  void CheckTask(const JsonValue& task) {
    const JsonValue* ops = ReadContext::Get(task, "ops", Kind::kArray);
    if (ops == nullptr) return;
    Held held;
    bool ended = false;
    // What a second round of a looping program meets is what the first left.
    const JsonValue* loop = task.Find("loop");
    const bool repeats = loop != nullptr && !(loop->is(Kind::kInteger) && loop->integer <= 1);
    Walk(*ops, held, ended);
    if (repeats && !ended && !held.maybe.empty()) Walk(*ops, held, ended);
    const bool is_endless = loop != nullptr && loop->is(Kind::kString);
    const JsonValue* name = ReadContext::Get(task, "name", Kind::kString);
    if (!ended && !is_endless && name != nullptr) CheckEnd(*name, held);
  }

  // Locks taken while holding others, by all programs together: one warning for each two locks.
  void CheckOrder() {
    for (const auto& [from, edges] : order_) {
      for (const auto& [to, place] : edges) {
        if (from >= to) continue;
        const JsonValue* back = WayTo(to, from);
        if (back == nullptr) continue;
        context_.diagnostics.Warn(
            ErrorCode::kWarnLockOrder, *place,
            fmt::format("\"{}\" is locked while holding \"{}\", and the other way round at {}:{}",
                        to, from, back->pos.line, back->pos.column));
      }
    }
  }

  // Programs so long and so nested that looking at them takes too long are let off.
  bool has_given_up() const { return work_ <= 0; }

  // Waits without anybody who ends them, and the other way round.
  void CheckPartners() {
    for (const auto& [name, place] : suspended_) {
      if (resumed_.count(name) != 0) continue;
      context_.diagnostics.Warn(ErrorCode::kWarnNeverWoken, *place,
                                fmt::format("nobody resumes \"{}\"", name), Near(name, resumed_));
    }
    for (const auto& [name, place] : resumed_) {
      if (suspended_.count(name) != 0) continue;
      context_.diagnostics.Warn(ErrorCode::kWarnNeverWoken, *place,
                                fmt::format("nobody is ever suspended on \"{}\"", name),
                                Near(name, suspended_));
    }
    for (const auto& [name, place] : waited_) {
      if (signalled_.count(name) != 0) continue;
      context_.diagnostics.Warn(ErrorCode::kWarnNeverWoken, *place,
                                fmt::format("nobody signals \"{}\"", name), Near(name, signalled_));
    }
    for (const auto& [name, place] : sem_waited_) {
      if (sem_posted_.count(name) != 0 || HasInitialValue(name)) continue;
      context_.diagnostics.Warn(ErrorCode::kWarnNeverWoken, *place,
                                fmt::format("nobody posts \"{}\", and it starts at 0", name),
                                Near(name, sem_posted_));
    }
  }

 private:
  using Places = std::map<std::string, const JsonValue*, std::less<>>;

  static std::string Near(const std::string& name, const Places& others) {
    std::vector<std::string> known;
    for (const auto& [other, place] : others) known.push_back(other);
    return DidYouMean(name, known);
  }

  bool HasInitialValue(std::string_view name) const {
    for (const auto& [semaphore, value] : context_.scenario.semaphores) {
      if (semaphore == name && value > 0) return true;
    }
    return false;
  }

  // The string that names what an operation works on; null if there is none.
  static const JsonValue* NameOf(const JsonValue& value, std::string_view key) {
    if (value.is(Kind::kString)) return &value;
    return ReadContext::Get(value, key, Kind::kString);
  }

  static void Note(Places& places, const JsonValue* name) {
    if (name != nullptr) places.emplace(name->text, name);
  }

  // Goes through the operations; `ended`: the task surely exits in them.
  void Walk(const JsonValue& ops, Held& held, bool& ended) {
    for (const JsonValue& item : ops.items) {
      if (ended || !Spend(1 + held.surely.size())) return;
      for (const JsonMember& member : item.members) {
        if (IsNote(member.key)) continue;
        WalkOp(member, held, ended);
        break;
      }
    }
  }

  void WalkOp(const JsonMember& member, Held& held, bool& ended) {
    const JsonValue& value = member.value;
    const std::string_view op = member.key;
    if (op == "lock") {
      LockOp(value, held, ended);
    } else if (op == "unlock") {
      if (const JsonValue* name = NameOf(value, "name")) Unlock(*name, held);
    } else if (op == "trylock") {
      Trylock(value, held, ended);
    } else if (op == "wait" || op == "sync") {
      Note(waited_, ReadContext::Get(value, "ref", Kind::kString));
      if (op == "sync") Note(signalled_, ReadContext::Get(value, "ref", Kind::kString));
      const JsonValue* mutex = ReadContext::Get(value, "mutex", Kind::kString);
      if (mutex != nullptr && held.maybe.count(mutex->text) == 0) {
        context_.diagnostics.Warn(
            ErrorCode::kWarnUnlock, *mutex,
            fmt::format("waits with \"{}\", which is not locked here", mutex->text));
      }
    } else if (op == "signal" || op == "broad") {
      Note(signalled_, NameOf(value, "ref"));
    } else if (op == "suspend") {
      Note(suspended_, NameOf(value, "name"));
    } else if (op == "resume") {
      Note(resumed_, NameOf(value, "name"));
    } else if (op == "sem_wait") {
      Note(sem_waited_, NameOf(value, "name"));
    } else if (op == "sem_post") {
      Note(sem_posted_, NameOf(value, "name"));
    } else if (op == "exit") {
      CheckEnd(value, held);
      ended = true;
    } else if (op == "loop") {
      Loop(value, held, ended);
    }
  }

  // Whether a signal can end the wait for the lock.
  static bool MayFail(const JsonValue& value) {
    bool interruptible = false;
    bool killable = false;
    ReadContext::ReadBool(value, "interruptible", interruptible);
    ReadContext::ReadBool(value, "killable", killable);
    return interruptible || killable;
  }

  void Lock(const JsonValue& name, bool may_fail, Held& held) {
    const bool is_held = held.Surely(name.text);
    if (is_held) {
      context_.diagnostics.Warn(ErrorCode::kWarnRecursiveLock, name,
                                fmt::format("\"{}\" is held already", name.text));
    }
    // From the lock taken last: the earlier ones lead to it already.
    if (!held.surely.empty() && !is_held) order_[held.surely.back()].emplace(name.text, &name);
    if (!may_fail && !is_held) held.surely.push_back(name.text);
    held.maybe.insert(name.text);
  }

  void Unlock(const JsonValue& name, Held& held) {
    if (held.maybe.count(name.text) == 0) {
      context_.diagnostics.Warn(ErrorCode::kWarnUnlock, name,
                                fmt::format("\"{}\" is not locked here", name.text));
    }
    std::erase(held.surely, name.text);
    held.maybe.erase(name.text);
  }

  void LockOp(const JsonValue& value, Held& held, bool& ended) {
    const JsonValue* name = NameOf(value, "name");
    if (name == nullptr) return;
    const Held without = held;
    const bool branches = value.Find("then") != nullptr || value.Find("else") != nullptr;
    Lock(*name, MayFail(value) && !branches, held);
    if (branches) Branches(value, held, without, held, ended);
  }

  void Trylock(const JsonValue& value, Held& held, bool& ended) {
    const JsonValue* name = NameOf(value, "name");
    if (name == nullptr) return;
    Held with = held;
    if (!with.Surely(name->text)) with.surely.push_back(name->text);
    with.maybe.insert(name->text);
    Branches(value, with, held, held, ended);
  }

  // `then` with what is held if it got the lock, `else` without.
  void Branches(const JsonValue& value, Held with, Held without, Held& held, bool& ended) {
    bool with_ended = false;
    bool without_ended = false;
    if (const JsonValue* body = ReadContext::Get(value, "then", Kind::kArray)) {
      Walk(*body, with, with_ended);
    }
    if (const JsonValue* body = ReadContext::Get(value, "else", Kind::kArray)) {
      Walk(*body, without, without_ended);
    }
    ended = with_ended && without_ended;
    held = with_ended ? without : without_ended ? with : Either(with, without);
  }

  void Loop(const JsonValue& value, Held& held, bool& ended) {
    const JsonValue* body = ReadContext::Get(value, "ops", Kind::kArray);
    const JsonValue* count = value.Find("count");
    if (body == nullptr || count == nullptr) return;
    if (count->is(Kind::kInteger) && count->integer <= 0) return;
    const Held before = held;
    Walk(*body, held, ended);
    const bool once = count->is(Kind::kInteger) && count->integer == 1;
    // The second round starts with what the first left. Loops inside it get one round: two at every
    // level would be as many as two to the power of the depth.
    if (!once && !ended && !is_second_round_ && !(held == before)) {
      is_second_round_ = true;
      Walk(*body, held, ended);
      is_second_round_ = false;
    }
    // What follows an endless loop is never reached.
    if (count->is(Kind::kString)) ended = true;
  }

  void CheckEnd(const JsonValue& place, const Held& held) {
    for (const std::string& name : held.surely) {
      context_.diagnostics.Warn(ErrorCode::kWarnLockHeld, place,
                                fmt::format("the task ends holding \"{}\"", name));
    }
  }

  // The first step on a way in the order of locks from `from` to `to`; null if there is none.
  const JsonValue* WayTo(const std::string& from, const std::string& to) {
    const auto first = order_.find(from);
    if (first == order_.end()) return nullptr;
    Names seen = {from};
    for (const auto& [start, place] : first->second) {
      std::vector<std::string> open = {start};
      while (!open.empty()) {
        const std::string at = std::move(open.back());
        open.pop_back();
        if (at == to) return place;
        if (!seen.insert(at).second || !Spend(1)) continue;
        const auto edges = order_.find(at);
        if (edges == order_.end()) continue;
        for (const auto& [next, unused] : edges->second) open.push_back(next);
      }
    }
    return nullptr;
  }

  // Counts work; false when there has been too much.
  bool Spend(std::size_t amount) {
    work_ -= static_cast<int64_t>(amount);
    return work_ > 0;
  }

  ReadContext& context_;
  std::map<std::string, Places> order_;
  Places suspended_, resumed_, waited_, signalled_, sem_waited_, sem_posted_;
  bool is_second_round_ = false;
  int64_t work_ = 20'000'000;
};

}  // namespace

void CheckPrograms(ReadContext& context, const JsonValue& root) {
  ProgramChecker checker(context);
  for (const char* key : {"tasks", "kthreads"}) {
    const JsonValue* tasks = ReadContext::Get(root, key, Kind::kArray);
    if (tasks == nullptr) continue;
    for (const JsonValue& task : tasks->items) checker.CheckTask(task);
  }
  checker.CheckOrder();
  if (!checker.has_given_up()) checker.CheckPartners();
}

}  // namespace rqsim
