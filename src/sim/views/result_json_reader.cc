#include "sim/views/result_json_reader.h"

#include <absl/status/status.h>
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "rqsim/expect.h"
#include "rqsim/limits.h"
#include "sim/views/result_fields.h"

namespace rqsim {
namespace {

using Json = nlohmann::json;

// Takes a document apart. The first thing that is wrong stands in `error`; from then on it gives
// defaults.
class Reader {
 public:
  Result Read(const Json& document, std::string path) {
    path_ = std::move(path);
    Result out;
    if (!document.is_object()) {
      Fail("", "an object wanted");
      return out;
    }
    const int64_t version = Integer(document, "schema_version");
    if (error.empty() && version != kResultSchemaVersion) {
      Fail("schema_version",
           fmt::format("this program reads version {}, not {}", kResultSchemaVersion, version));
    }
    // Another version of the model gives other numbers, not another form.
    Integer(document, "model_version");
    ReadHead(document, out);
    ForEach(document, "tasks", [&](const Json& item) { out.tasks.push_back(ReadTask(item)); });
    for (const TaskResult& task : out.tasks) NameTask(task, out);
    ForEach(document, "cpus", [&](const Json& item) { out.cpus.push_back(ReadCpu(item)); });
    ForEach(document, "locks", [&](const Json& item) { out.locks.push_back(ReadLock(item)); });
    ForEach(document, "violations",
            [&](const Json& item) { out.violations.push_back(ReadViolation(item, out)); });
    ReadByName(document, out.metrics);
    if (document.contains("timeline")) {
      ForEach(document, "timeline",
              [&](const Json& item) { out.timeline.push_back(ReadCell(item)); });
    }
    if (document.contains("dispatches")) {
      ForEach(document, "dispatches",
              [&](const Json& item) { out.dispatches.push_back(ReadDispatch(item)); });
    }
    ReadLockLists(document, out);
    return out;
  }

  std::string error;

 private:
  void Fail(std::string_view key, std::string_view what) {
    if (!error.empty()) return;
    std::string where = path_;
    if (!where.empty() && !key.empty()) where += '.';
    where += key;
    error = where.empty() ? std::string(what) : fmt::format("{}: {}", where, what);
  }

  const Json* Member(const Json& object, std::string_view key) {
    const auto at = object.is_object() ? object.find(std::string(key)) : object.end();
    if (object.is_object() && at != object.end()) return &*at;
    Fail(key, "missing");
    return nullptr;
  }
  int64_t IntegerOf(const Json& value, std::string_view key) {
    if (!value.is_number_integer()) {
      Fail(key, "a whole number wanted");
      return 0;
    }
    // Negative ones come out as such, and beyond 63 bits as smaller than they are: out of range.
    const int64_t number = value.get<int64_t>();
    const bool fits = !value.is_number_unsigned() || value.get<uint64_t>() <= uint64_t{INT64_MAX};
    if (fits && number >= -kTimeMax.cycles() && number <= kTimeMax.cycles()) return number;
    Fail(key, "the number is out of range");
    return 0;
  }
  int64_t Integer(const Json& object, std::string_view key) {
    const Json* value = Member(object, key);
    return value == nullptr ? 0 : IntegerOf(*value, key);
  }
  std::optional<Time> Instant(const Json& object, std::string_view key) {
    const Json* value = Member(object, key);
    if (value == nullptr || value->is_null()) return std::nullopt;
    return Time(IntegerOf(*value, key));
  }
  std::string Text(const Json& object, std::string_view key) {
    const Json* value = Member(object, key);
    if (value == nullptr || value->is_null()) return {};
    if (value->is_string()) return value->get<std::string>();
    Fail(key, "a string wanted");
    return {};
  }
  bool Flag(const Json& object, std::string_view key) {
    const Json* value = Member(object, key);
    if (value == nullptr) return false;
    if (value->is_boolean()) return value->get<bool>();
    Fail(key, "true or false wanted");
    return false;
  }
  uint64_t Hex(const Json& object, std::string_view key) {
    const std::string text = Text(object, key);
    uint64_t value = 0;
    for (const char c : text) {
      const std::size_t digit = std::string_view("0123456789abcdef").find(c);
      if (digit == std::string_view::npos) Fail(key, "16 hexadecimal digits wanted");
      value = value << 4 | (digit & 15u);
    }
    return value;
  }
  template <class Take>
  void ForEach(const Json& object, std::string_view key, Take take) {
    const Json* list = Member(object, key);
    if (list == nullptr) return;
    if (!list->is_array()) {
      Fail(key, "a list wanted");
      return;
    }
    const std::string outside = path_;
    for (std::size_t i = 0; i < list->size() && error.empty(); ++i) {
      path_ = fmt::format("{}{}{}[{}]", outside, outside.empty() ? "" : ".", key, i);
      take((*list)[i]);
    }
    path_ = outside;
  }
  template <class Thing, std::size_t N>
  void Fields(const Json& object, const ResultField<Thing> (&fields)[N], Thing& out) {
    for (const ResultField<Thing>& field : fields) field.Set(out, Integer(object, field.name()));
  }
  void ReadByName(const Json& object, std::vector<std::pair<std::string, int64_t>>& out) {
    const Json* metrics = Member(object, "metrics");
    if (metrics == nullptr) return;
    for (const auto& [name, value] : metrics->items()) {
      out.emplace_back(name, IntegerOf(value, name));
    }
  }
  Distribution ReadDistribution(const Json& object, std::string_view key) {
    Distribution out;
    const Json* value = Member(object, key);
    if (value != nullptr) Fields(*value, kDistributionFields, out);
    return out;
  }
  CpuId ReadCpuId(const Json& object, std::string_view key) {
    const int64_t cpu = Integer(object, key);
    if (cpu >= 0 && cpu < kMaxCpus) return CpuId(static_cast<int32_t>(cpu));
    Fail(key, "no such CPU");
    return CpuId(0);
  }

  void ReadHead(const Json& document, Result& out) {
    if (const Json* scenario = Member(document, "scenario")) {
      out.scenario = Text(*scenario, "name");
      out.scenario_hash = Hex(*scenario, "hash");
    }
    out.clock_hz = Integer(document, "clock_hz");
    if (out.clock_hz <= 0) Fail("clock_hz", "must be larger than 0");
    out.policy = Text(document, "policy");
    out.outcome = OutcomeOf(Text(document, "outcome"));
    out.message = Text(document, "message");
    out.end = Time(Integer(document, "end_cycles"));
    out.events = static_cast<uint64_t>(Integer(document, "events"));
    out.digest = Hex(document, "digest");
    out.schedule_digest = Hex(document, "schedule_digest");
  }

  Outcome OutcomeOf(const std::string& name) {
    for (const Outcome outcome :
         {Outcome::kDone, Outcome::kUntil, Outcome::kDeadlock, Outcome::kLivelock, Outcome::kLimit,
          Outcome::kViolation, Outcome::kKilled}) {
      if (OutcomeName(outcome) == name) return outcome;
    }
    Fail("outcome", "no such outcome");
    return Outcome::kDone;
  }

  TaskResult ReadTask(const Json& item) {
    TaskResult out;
    out.name = Text(item, "name");
    const int64_t id = Integer(item, "id");
    if (id < 1 || id > kMaxTasks) Fail("id", "no such task");
    out.id = TaskId(static_cast<int32_t>(id));
    out.kthread = Flag(item, "kthread");
    out.finish = Instant(item, "finish");
    Fields(item, kTaskFields, out);
    out.response = ReadDistribution(item, "response");
    out.wakeup_latency = ReadDistribution(item, "wakeup_latency");
    ForEach(item, "waits", [&](const Json& wait) {
      out.waits.push_back(
          {Text(wait, "cause"), Cycles(Integer(wait, "cycles")), Flag(wait, "voluntary")});
    });
    if (item.contains("metrics")) ReadByName(item, out.metrics);
    return out;
  }

  void NameTask(const TaskResult& task, Result& out) {
    if (!error.empty()) return;
    if (out.task_names.empty()) out.task_names.emplace_back("idle");
    if (out.task_names.size() <= task.id.index()) out.task_names.resize(task.id.index() + 1);
    out.task_names[task.id.index()] = task.name;
    ids_[task.name] = task.id;
  }
  TaskId TaskOf(const Json& item, std::string_view key) {
    const std::string name = Text(item, key);
    if (name.empty()) return kIdleTask;
    const auto at = ids_.find(name);
    if (at != ids_.end()) return at->second;
    Fail(key, fmt::format("there is no task \"{}\"", name));
    return kIdleTask;
  }

  CpuResult ReadCpu(const Json& item) {
    CpuResult out;
    out.id = ReadCpuId(item, "id");
    Fields(item, kCpuFields, out);
    if (const Json* overhead = Member(item, "overhead")) {
      for (const auto& [name, value] : overhead->items()) {
        out.overhead.emplace_back(name, Cycles(IntegerOf(value, name)));
      }
    }
    ForEach(item, "domains",
            [&](const Json& domain) { out.domains.push_back(ReadDomain(domain)); });
    return out;
  }

  DomainResult ReadDomain(const Json& item) {
    DomainResult out;
    out.name = Text(item, "name");
    Fields(item, kDomainFields, out);
    for (const BalanceKind& kind : kBalanceKinds) {
      const Json* counts = Member(item, kind.name);
      if (counts != nullptr) Fields(*counts, kBalanceFields, out.*kind.counts);
    }
    return out;
  }

  LockResult ReadLock(const Json& item) {
    LockResult out;
    out.name = Text(item, "name");
    Fields(item, kLockFields, out);
    out.wait = ReadDistribution(item, "wait");
    out.hold = ReadDistribution(item, "hold");
    ForEach(item, "acquired", [&](const Json& pair) {
      if (!pair.is_array() || pair.size() != 2 || !pair[1].is_string()) {
        Fail("", "an instant and a task wanted");
        return;
      }
      out.acquired.push_back({Time(IntegerOf(pair[0], "")), pair[1].get<std::string>()});
    });
    return out;
  }

  Violation ReadViolation(const Json& item, const Result& result) {
    Violation out;
    out.id = Text(item, "id");
    out.at = Time(Integer(item, "at"));
    const Json* cpu = Member(item, "cpu");
    if (cpu != nullptr && !cpu->is_null()) out.cpu = ReadCpuId(item, "cpu");
    const TaskId task = TaskOf(item, "task");
    if (task != kIdleTask) out.task = task;
    const std::string lock = Text(item, "lock");
    for (std::size_t i = 0; i < result.locks.size(); ++i) {
      if (result.locks[i].name == lock) out.lock = LockId(static_cast<int32_t>(i));
    }
    out.message = Text(item, "message");
    return out;
  }

  TimelineCell ReadCell(const Json& item) {
    TimelineCell out;
    out.cpu = ReadCpuId(item, "cpu");
    out.start = Time(Integer(item, "start"));
    out.end = Time(Integer(item, "end"));
    const std::string kind = Text(item, "kind");
    if (kind != "idle" && kind != "offline" && kind != "task") Fail("kind", "no such kind");
    out.kind = kind == "idle"      ? TimelineCell::Kind::kIdle
               : kind == "offline" ? TimelineCell::Kind::kOffline
                                   : TimelineCell::Kind::kTask;
    out.curr = TaskOf(item, "curr");
    out.donor = TaskOf(item, "donor");
    return out;
  }

  Dispatch ReadDispatch(const Json& item) {
    Dispatch out;
    out.cpu = ReadCpuId(item, "cpu");
    out.task = TaskOf(item, "task");
    out.woken = Instant(item, "woken");
    out.start = Time(Integer(item, "start"));
    out.end = Instant(item, "end");
    const std::string state = Text(item, "state");
    if (state.size() != 1) Fail("state", "one letter wanted");
    out.state = state.empty() ? '-' : state.front();
    return out;
  }

  // Lists that stand there only if they are not empty.
  void ReadLockLists(const Json& document, Result& out) {
    const auto read = [&](const char* key, auto take) {
      if (document.contains(key)) ForEach(document, key, take);
    };
    read("chains", [&](const Json& item) { out.chains.push_back(ReadChain(item, out)); });
    read("lock_waits", [&](const Json& item) {
      LockWaitSpan wait;
      wait.lock = LockOf(item, "lock", out);
      wait.task = TaskOf(item, "task");
      wait.owner = TaskOrNobody(item, "owner");
      wait.start = Time(Integer(item, "start"));
      wait.end = Instant(item, "end");
      wait.result = static_cast<int32_t>(Integer(item, "result"));
      out.lock_waits.push_back(wait);
    });
    read("lock_passings", [&](const Json& item) {
      LockPassing passing;
      passing.at = Time(Integer(item, "at"));
      passing.lock = LockOf(item, "lock", out);
      passing.kind = PassingOf(Text(item, "kind"));
      passing.from = TaskOrNobody(item, "from");
      passing.to = TaskOrNobody(item, "to");
      out.lock_passings.push_back(passing);
    });
    read("kthread_masks", [&](const Json& item) {
      out.kthread_masks.push_back(
          {TaskOf(item, "task"), Time(Integer(item, "at")), Text(item, "cpus")});
    });
    read("umcg_spans", [&](const Json& item) { out.umcg_spans.push_back(ReadUmcgSpan(item)); });
    read("umcg_handoffs", [&](const Json& item) {
      out.umcg_handoffs.push_back({Time(Integer(item, "at")), Time(Integer(item, "first_cycle")),
                                   Text(item, "kind"), TaskOf(item, "from"), TaskOf(item, "to")});
    });
    read("hotplug", [&](const Json& item) { out.hotplug.push_back(ReadHotplug(item)); });
    read("pairings", [&](const Json& item) { out.pairings.push_back(ReadPairing(item)); });
  }

  Pairing ReadPairing(const Json& item) {
    Pairing pairing;
    pairing.task = TaskOf(item, "task");
    pairing.cpu = ReadCpuId(item, "cpu");
    pairing.set = Time(Integer(item, "set"));
    pairing.let_in = Instant(item, "let_in").value_or(kNever);
    pairing.cleared = Instant(item, "cleared").value_or(kNever);
    pairing.times = Integer(item, "times");
    pairing.aborts = Integer(item, "aborts");
    pairing.commits = Integer(item, "commits");
    pairing.ipis = Integer(item, "ipis");
    pairing.soak = Cycles(Integer(item, "soak"));
    return pairing;
  }

  UmcgSpan ReadUmcgSpan(const Json& item) {
    UmcgSpan span;
    const std::string kind = Text(item, "kind");
    if (kind != "word" && kind != "list") Fail("kind", "no such kind");
    span.kind = kind == "word" ? UmcgSpan::Kind::kWord : UmcgSpan::Kind::kList;
    span.task = TaskOf(item, "task");
    span.group = Text(item, "group");
    span.start = Time(Integer(item, "start"));
    span.end = Time(Integer(item, "end"));
    span.what = Text(item, "what");
    span.order = Integer(item, "order");
    return span;
  }

  CpuId CpuOrAll(const Json& item, const char* key) {
    return item.contains(key) && item[key].is_null() ? CpuId() : ReadCpuId(item, key);
  }

  HotplugOpResult ReadHotplug(const Json& item) {
    HotplugOpResult op;
    op.id = static_cast<int32_t>(Integer(item, "id"));
    op.cpu = CpuOrAll(item, "cpu");
    op.target = static_cast<int32_t>(Integer(item, "target"));
    op.requested = Time(Integer(item, "requested"));
    op.locked = Instant(item, "locked");
    op.done = Instant(item, "done");
    op.result = Integer(item, "result");
    op.is_rolled_back = Flag(item, "rolled_back");
    op.grace = Cycles(Integer(item, "grace"));
    op.inactive = Cycles(Integer(item, "inactive"));
    op.pushed = Integer(item, "pushed");
    op.push = Cycles(Integer(item, "push"));
    op.kthreads = Cycles(Integer(item, "kthreads"));
    ForEach(item, "steps", [&](const Json& step) {
      op.steps.push_back({CpuOrAll(step, "cpu"), Time(Integer(step, "start")),
                          Time(Integer(step, "end")), Text(step, "what"), Integer(step, "result")});
    });
    ForEach(item, "windows", [&](const Json& window) {
      op.windows.push_back({ReadCpuId(window, "cpu"), Cycles(Integer(window, "cycles"))});
    });
    ForEach(item, "moves", [&](const Json& move) {
      op.moves.push_back({TaskOf(move, "task"), ReadCpuId(move, "from"), ReadCpuId(move, "to"),
                          Time(Integer(move, "at"))});
    });
    ForEach(item, "duties", [&](const Json& duty) {
      op.duties.push_back(
          {ReadCpuId(duty, "from"), ReadCpuId(duty, "to"), Time(Integer(duty, "at"))});
    });
    return op;
  }

  ProxyChain ReadChain(const Json& item, const Result& result) {
    ProxyChain chain;
    chain.cpu = ReadCpuId(item, "cpu");
    chain.start = Time(Integer(item, "start"));
    chain.end = Time(Integer(item, "end"));
    chain.is_overrun = Flag(item, "overrun");
    ForEach(item, "tasks", [&](const Json& name) {
      chain.tasks.push_back(TaskOf(Json{{"task", name}}, "task"));
    });
    ForEach(item, "locks", [&](const Json& name) {
      chain.locks.push_back(LockOf(Json{{"lock", name}}, "lock", result));
    });
    const std::size_t links = chain.is_overrun ? 0 : chain.tasks.size() - 1;
    if (chain.tasks.size() < 2 || chain.locks.size() != links) Fail("locks", "one for each link");
    return chain;
  }

  LockPassing::Kind PassingOf(const std::string& name) {
    for (std::size_t i = 0; i < std::size(kPassingNames); ++i) {
      if (kPassingNames[i] == name) return static_cast<LockPassing::Kind>(i);
    }
    Fail("kind", "no such kind");
    return LockPassing::Kind::kSteal;
  }
  LockId LockOf(const Json& item, std::string_view key, const Result& result) {
    const std::string name = Text(item, key);
    for (std::size_t i = 0; i < result.locks.size(); ++i) {
      if (result.locks[i].name == name) return LockId(static_cast<int32_t>(i));
    }
    Fail(key, fmt::format("there is no mutex \"{}\"", name));
    return LockId();
  }
  TaskId TaskOrNobody(const Json& item, std::string_view key) {
    const TaskId task = TaskOf(item, key);
    return task == kIdleTask ? TaskId() : task;
  }

  std::string path_;
  std::map<std::string, TaskId, std::less<>> ids_;
};

Json Parse(std::string_view text) { return Json::parse(text, nullptr, false); }

bool IsResult(const Json& document) {
  return document.is_object() && document.contains("schema_version");
}

}  // namespace

bool LooksLikeResult(std::string_view text) {
  // Scenarios, which are much the more frequent, need not be parsed for this.
  if (text.find("\"schema_version\"") == std::string_view::npos) return false;
  const Json document = Parse(text);
  return IsResult(document) ||
         (document.is_array() && !document.empty() && IsResult(document.front()));
}

absl::StatusOr<std::vector<Result>> ReadResults(std::string_view text) {
  const Json document = Parse(text);
  if (document.is_discarded()) return absl::InvalidArgumentError("it is not JSON");
  std::vector<Result> results;
  const std::size_t count = document.is_array() ? document.size() : 1;
  for (std::size_t i = 0; i < count; ++i) {
    Reader reader;
    results.push_back(document.is_array() ? reader.Read(document[i], fmt::format("[{}]", i))
                                          : reader.Read(document, ""));
    if (!reader.error.empty()) return absl::InvalidArgumentError(reader.error);
  }
  if (results.empty()) return absl::InvalidArgumentError("it is an empty list");
  return results;
}

}  // namespace rqsim
