#include "sim/views/result_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "rqsim/expect.h"
#include "rqsim/version.h"
#include "sim/views/result_fields.h"

namespace rqsim {
namespace {

using Json = nlohmann::ordered_json;

std::string Hex(uint64_t value) { return fmt::format("{:016x}", value); }

std::string NameOf(const Result& result, TaskId task) {
  return task.valid() && task.index() < result.task_names.size() ? result.task_names[task.index()]
                                                                 : std::string();
}

Json NameOrNull(std::string name) { return name.empty() ? Json(nullptr) : Json(std::move(name)); }

// Appends the plain numbers of `thing` to `out`.
template <class Thing, std::size_t N>
void AddFields(const Thing& thing, const ResultField<Thing> (&fields)[N], Json& out) {
  for (const ResultField<Thing>& field : fields) {
    out[std::string(field.name())] = field.Get(thing);
  }
}

Json ToJson(const Distribution& values) {
  Json out = Json::object();
  AddFields(values, kDistributionFields, out);
  return out;
}

Json ToJson(const Result& result, const Violation& violation) {
  const bool has_lock = violation.lock.valid() && violation.lock.index() < result.locks.size();
  return Json{{"id", violation.id},
              {"at", violation.at.cycles()},
              {"cpu", violation.cpu.valid() ? Json(violation.cpu.value()) : Json(nullptr)},
              {"task", NameOrNull(NameOf(result, violation.task))},
              {"lock", has_lock ? Json(result.locks[violation.lock.index()].name) : Json(nullptr)},
              {"message", violation.message}};
}

Json ByName(const std::vector<std::pair<std::string, int64_t>>& values) {
  Json out = Json::object();
  for (const auto& [name, value] : values) out[name] = value;
  return out;
}

Json ToJson(const TaskResult& task) {
  Json waits = Json::array();
  for (const WaitCause& wait : task.waits) {
    waits.push_back(Json{
        {"cause", wait.cause}, {"cycles", wait.cycles.count()}, {"voluntary", wait.voluntary}});
  }
  Json out{{"name", task.name},
           {"id", task.id.value()},
           {"kthread", task.kthread},
           {"finish", task.finish ? Json(task.finish->cycles()) : Json(nullptr)}};
  AddFields(task, kTaskFields, out);
  out["response"] = ToJson(task.response);
  out["wakeup_latency"] = ToJson(task.wakeup_latency);
  out["waits"] = std::move(waits);
  if (!task.metrics.empty()) out["metrics"] = ByName(task.metrics);
  return out;
}

Json ToJson(const DomainResult& domain) {
  Json out{{"name", domain.name}};
  AddFields(domain, kDomainFields, out);
  for (const BalanceKind& kind : kBalanceKinds) {
    Json counts = Json::object();
    AddFields(domain.*kind.counts, kBalanceFields, counts);
    out[std::string(kind.name)] = std::move(counts);
  }
  return out;
}

Json ToJson(const CpuResult& cpu) {
  Json overhead = Json::object();
  for (const auto& [name, length] : cpu.overhead) overhead[name] = length.count();
  Json out{{"id", cpu.id.value()}};
  AddFields(cpu, kCpuFields, out);
  out["overhead"] = std::move(overhead);
  out["domains"] = Json::array();
  for (const DomainResult& domain : cpu.domains) out["domains"].push_back(ToJson(domain));
  return out;
}

Json ToJson(const LockResult& lock) {
  Json acquired = Json::array();
  for (const auto& [t, task] : lock.acquired) acquired.push_back(Json::array({t.cycles(), task}));
  Json out{{"name", lock.name}};
  AddFields(lock, kLockFields, out);
  out["wait"] = ToJson(lock.wait);
  out["hold"] = ToJson(lock.hold);
  out["acquired"] = std::move(acquired);
  return out;
}

std::string_view KindName(TimelineCell::Kind kind) {
  switch (kind) {
    case TimelineCell::Kind::kIdle:
      return "idle";
    case TimelineCell::Kind::kOffline:
      return "offline";
    case TimelineCell::Kind::kTask:
      return "task";
  }
  return {};
}

Json ToJson(const Result& result, const TimelineCell& cell) {
  const bool is_task = cell.kind == TimelineCell::Kind::kTask;
  return Json{{"cpu", cell.cpu.value()},
              {"start", cell.start.cycles()},
              {"end", cell.end.cycles()},
              {"kind", KindName(cell.kind)},
              {"curr", is_task ? NameOrNull(NameOf(result, cell.curr)) : Json(nullptr)},
              {"donor", is_task ? NameOrNull(NameOf(result, cell.donor)) : Json(nullptr)}};
}

Json ToJson(const Result& result, const Dispatch& dispatch) {
  const auto instant = [](const std::optional<Time>& t) {
    return t ? Json(t->cycles()) : Json(nullptr);
  };
  return Json{{"cpu", dispatch.cpu.value()},      {"task", NameOf(result, dispatch.task)},
              {"woken", instant(dispatch.woken)}, {"start", dispatch.start.cycles()},
              {"end", instant(dispatch.end)},     {"state", std::string(1, dispatch.state)}};
}

std::string LockNameOf(const Result& result, LockId lock) {
  return lock.valid() && lock.index() < result.locks.size() ? result.locks[lock.index()].name
                                                            : std::string();
}

Json ToJson(const Result& result, const ProxyChain& chain) {
  Json tasks = Json::array();
  Json locks = Json::array();
  for (const TaskId task : chain.tasks) tasks.push_back(NameOf(result, task));
  for (const LockId lock : chain.locks) locks.push_back(LockNameOf(result, lock));
  return Json{{"cpu", chain.cpu.value()},  {"start", chain.start.cycles()},
              {"end", chain.end.cycles()}, {"tasks", std::move(tasks)},
              {"locks", std::move(locks)}, {"overrun", chain.is_overrun}};
}

Json ToJson(const Result& result, const LockWaitSpan& wait) {
  return Json{{"lock", LockNameOf(result, wait.lock)},
              {"task", NameOf(result, wait.task)},
              {"owner", NameOrNull(NameOf(result, wait.owner))},
              {"start", wait.start.cycles()},
              {"end", wait.end ? Json(wait.end->cycles()) : Json(nullptr)},
              {"result", wait.result}};
}

Json ToJson(const Result& result, const LockPassing& passing) {
  return Json{{"at", passing.at.cycles()},
              {"lock", LockNameOf(result, passing.lock)},
              {"kind", kPassingNames[static_cast<std::size_t>(passing.kind)]},
              {"from", NameOrNull(NameOf(result, passing.from))},
              {"to", NameOrNull(NameOf(result, passing.to))}};
}

Json ToJson(const Result& result, const KthreadMask& mask) {
  return Json{{"task", NameOf(result, mask.task)}, {"at", mask.at.cycles()}, {"cpus", mask.cpus}};
}

Json ToJson(const Result& result, const Pairing& pairing) {
  const auto instant = [](Time at) { return at == kNever ? Json(nullptr) : Json(at.cycles()); };
  return Json{{"task", NameOf(result, pairing.task)},
              {"cpu", pairing.cpu.value()},
              {"set", pairing.set.cycles()},
              {"let_in", instant(pairing.let_in)},
              {"cleared", instant(pairing.cleared)},
              {"times", pairing.times},
              {"aborts", pairing.aborts},
              {"commits", pairing.commits},
              {"ipis", pairing.ipis},
              {"soak", pairing.soak.count()}};
}

Json ToJson(const Result& result, const UmcgSpan& span) {
  return Json{{"kind", span.kind == UmcgSpan::Kind::kWord ? "word" : "list"},
              {"task", NameOf(result, span.task)},
              {"group", NameOrNull(span.group)},
              {"start", span.start.cycles()},
              {"end", span.end.cycles()},
              {"what", span.what},
              {"order", span.order}};
}

Json ToJson(const Result& result, const UmcgHandoff& handoff) {
  return Json{{"at", handoff.start.cycles()},
              {"kind", handoff.kind},
              {"from", NameOf(result, handoff.from)},
              {"to", NameOf(result, handoff.to)},
              {"first_cycle", handoff.first_cycle.cycles()}};
}

Json ToJson(const Result& result, const HotplugOpResult& op) {
  const auto cpu = [](CpuId id) { return id.valid() ? Json(id.value()) : Json(nullptr); };
  const auto instant = [](const std::optional<Time>& at) {
    return at ? Json(at->cycles()) : Json(nullptr);
  };
  Json steps = Json::array(), windows = Json::array(), moves = Json::array(),
       duties = Json::array();
  for (const HotplugStep& step : op.steps) {
    steps.push_back(Json{{"cpu", cpu(step.cpu)},
                         {"start", step.start.cycles()},
                         {"end", step.end.cycles()},
                         {"what", step.what},
                         {"result", step.result}});
  }
  for (const HotplugWindow& window : op.windows) {
    windows.push_back(Json{{"cpu", cpu(window.cpu)}, {"cycles", window.cycles.count()}});
  }
  for (const HotplugMove& move : op.moves) {
    moves.push_back(Json{{"task", NameOf(result, move.task)},
                         {"from", cpu(move.from)},
                         {"to", cpu(move.to)},
                         {"at", move.at.cycles()}});
  }
  for (const HotplugDuty& duty : op.duties) {
    duties.push_back(
        Json{{"from", cpu(duty.from)}, {"to", cpu(duty.to)}, {"at", duty.at.cycles()}});
  }
  return Json{{"id", op.id},
              {"cpu", cpu(op.cpu)},
              {"target", op.target},
              {"requested", op.requested.cycles()},
              {"locked", instant(op.locked)},
              {"done", instant(op.done)},
              {"result", op.result},
              {"rolled_back", op.is_rolled_back},
              {"grace", op.grace.count()},
              {"inactive", op.inactive.count()},
              {"pushed", op.pushed},
              {"push", op.push.count()},
              {"kthreads", op.kthreads.count()},
              {"steps", std::move(steps)},
              {"windows", std::move(windows)},
              {"moves", std::move(moves)},
              {"duties", std::move(duties)}};
}

template <class List, class Convert>
Json ListOf(const List& list, Convert convert) {
  Json out = Json::array();
  for (const auto& element : list) out.push_back(convert(element));
  return out;
}

}  // namespace

nlohmann::ordered_json ResultToJson(const Result& result) {
  Json out{{"schema_version", kResultSchemaVersion},
           {"model_version", kModelVersion},
           {"scenario", Json{{"name", result.scenario}, {"hash", Hex(result.scenario_hash)}}},
           {"clock_hz", result.clock_hz},
           {"policy", result.policy},
           {"outcome", OutcomeName(result.outcome)},
           {"end_cycles", result.end.cycles()},
           {"events", result.events},
           {"digest", Hex(result.digest)},
           {"schedule_digest", Hex(result.schedule_digest)},
           {"message", result.message},
           {"violations",
            ListOf(result.violations, [&](const Violation& v) { return ToJson(result, v); })},
           {"tasks", ListOf(result.tasks, [](const TaskResult& t) { return ToJson(t); })},
           {"cpus", ListOf(result.cpus, [](const CpuResult& c) { return ToJson(c); })},
           {"locks", ListOf(result.locks, [](const LockResult& l) { return ToJson(l); })},
           {"metrics", ByName(result.metrics)}};
  if (!result.timeline.empty()) {
    out["timeline"] =
        ListOf(result.timeline, [&](const TimelineCell& cell) { return ToJson(result, cell); });
  }
  if (!result.dispatches.empty()) {
    out["dispatches"] =
        ListOf(result.dispatches, [&](const Dispatch& d) { return ToJson(result, d); });
  }
  const auto put = [&](const char* key, const auto& list) {
    if (list.empty()) return;
    out[key] = ListOf(list, [&](const auto& element) { return ToJson(result, element); });
  };
  put("chains", result.chains);
  put("lock_waits", result.lock_waits);
  put("lock_passings", result.lock_passings);
  put("kthread_masks", result.kthread_masks);
  put("umcg_spans", result.umcg_spans);
  put("umcg_handoffs", result.umcg_handoffs);
  put("hotplug", result.hotplug);
  put("pairings", result.pairings);
  return out;
}

std::string ResultJsonText(const Result& result) {
  // Names come from files that may hold any bytes; what is not UTF-8 is replaced.
  return ResultToJson(result).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace rqsim
