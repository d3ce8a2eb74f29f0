// The key `machine`: hardware and boot parameters (machine.md).

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>

#include "rqsim/topology.h"
#include "sim/scenario/read_context.h"
#include "sim/scenario/shape.h"

namespace rqsim {
namespace {

using Kind = JsonValue::Kind;

constexpr int64_t kClockHzMax = 1'000'000'000'000;

// machine.md 3.3: what the presets for worked examples have that is not 0, in cycles.
struct PresetCost {
  Cycles MachineCosts::*member;
  int64_t cycles;
};
constexpr std::array kUmcgEx = {
    PresetCost{&MachineCosts::c_syscall, 1}, PresetCost{&MachineCosts::c_sysret, 1},
    PresetCost{&MachineCosts::c_exc, 1},     PresetCost{&MachineCosts::c_sched, 1},
    PresetCost{&MachineCosts::c_ctx, 2},     PresetCost{&MachineCosts::c_wake, 2},
    PresetCost{&MachineCosts::l_ipi, 4}};
constexpr std::array kPair = {
    PresetCost{&MachineCosts::c_syscall, 1}, PresetCost{&MachineCosts::c_ctx, 2},
    PresetCost{&MachineCosts::l_call, 3}, PresetCost{&MachineCosts::c_call, 1},
    PresetCost{&MachineCosts::c_stop, 1}};

// Kernel constants are in ns: rounded down, but not to 0 (classes.md, conventions).
Cycles FromNanoseconds(int64_t ns, int64_t clock_hz) {
  constexpr int64_t kPerSecond = 1'000'000'000;
  const int64_t cycles = ns * (clock_hz / kPerSecond) + ns * (clock_hz % kPerSecond) / kPerSecond;
  return Cycles(ns > 0 ? std::max<int64_t>(cycles, 1) : 0);
}

struct CpuGroup {
  const JsonValue* value;
  CpuSet ids;
  CpuSpec spec;
};

void ReadCpus(ReadContext& context, const JsonValue& list) {
  std::vector<CpuGroup> groups;
  CpuSet all;
  for (const JsonValue& item : list.items) {
    const std::optional<CpuSet> ids = context.CpusAt(item, "ids");
    if (!ids) return;
    CpuGroup& group = groups.emplace_back();
    group.value = &item;
    group.ids = *ids;
    ReadContext::ReadInteger(item, "capacity", group.spec.capacity);
    ReadContext::ReadInteger(item, "node", group.spec.node);
    // The CPUs of a node share the last cache unless the file says otherwise.
    group.spec.llc = group.spec.node;
    ReadContext::ReadInteger(item, "llc", group.spec.llc);
    ReadContext::ReadInteger(item, "core", group.spec.core);
    ReadContext::ReadInteger(item, "cluster", group.spec.cluster);
    ReadContext::ReadBool(item, "online", group.spec.online);
    const CpuSet twice = all & *ids;
    if (!twice.empty()) {
      context.diagnostics.Error(ErrorCode::kMachine, *item.Find("ids"),
                                fmt::format("CPU {} stands here a second time", twice.ToString()));
    }
    all = all | *ids;
  }
  if (all.empty()) return;
  const CpuSet missing = CpuSet::FirstN(all.Count()) - all;
  if (!missing.empty()) {
    context.diagnostics.Error(
        ErrorCode::kMachine, list,
        fmt::format("CPUs are numbered from 0 without gaps, {} is missing", missing.ToString()));
    return;
  }
  std::vector<CpuSpec>& cpus = context.scenario.machine.cpus;
  cpus.assign(static_cast<std::size_t>(all.Count()), CpuSpec{});
  std::map<int, int> node_of_llc;
  std::map<int, int> llc_of_core;
  std::map<int, int> llc_of_cluster;
  std::map<int, int> cluster_of_core;
  bool any_online = false;
  for (const CpuGroup& group : groups) {
    for (CpuId cpu = group.ids.First(); cpu.valid(); cpu = group.ids.After(cpu)) {
      cpus[cpu.index()] = group.spec;
    }
    any_online = any_online || group.spec.online;
    const auto [llc, new_llc] = node_of_llc.emplace(group.spec.llc, group.spec.node);
    if (!new_llc && llc->second != group.spec.node) {
      context.diagnostics.Error(ErrorCode::kMachine, *group.value,
                                fmt::format("llc {} lies in node {} and in node {}", group.spec.llc,
                                            llc->second, group.spec.node));
    }
    const int cluster_id = group.spec.cluster;
    if (cluster_id >= 0) {
      const auto [cluster, is_new] = llc_of_cluster.emplace(cluster_id, group.spec.llc);
      if (!is_new && cluster->second != group.spec.llc) {
        context.diagnostics.Error(ErrorCode::kMachine, *group.value,
                                  fmt::format("cluster {} lies in llc {} and in llc {}", cluster_id,
                                              cluster->second, group.spec.llc));
      }
    }
    if (group.spec.core < 0) continue;
    const auto [in_cluster, is_first] = cluster_of_core.emplace(group.spec.core, cluster_id);
    if (!is_first && in_cluster->second != cluster_id) {
      context.diagnostics.Error(
          ErrorCode::kMachine, *group.value,
          fmt::format("core {} lies in more than one cluster", group.spec.core));
    }
    const auto [core, new_core] = llc_of_core.emplace(group.spec.core, group.spec.llc);
    if (!new_core && core->second != group.spec.llc) {
      context.diagnostics.Error(ErrorCode::kMachine, *group.value,
                                fmt::format("core {} lies in llc {} and in llc {}", group.spec.core,
                                            core->second, group.spec.llc));
    }
  }
  if (!any_online) {
    context.diagnostics.Error(ErrorCode::kMachine, list, "no CPU is online");
  }
}

// A square of distances, a row for each node; a node is nearer to itself than to any other.
void ReadDistances(ReadContext& context, const JsonValue& list) {
  MachineSpec& machine = context.scenario.machine;
  std::size_t nodes = 0;
  for (const CpuSpec& cpu : machine.cpus) {
    nodes = std::max(nodes, static_cast<std::size_t>(cpu.node) + 1);
  }
  const auto report = [&](const JsonValue& where, std::string message) {
    context.diagnostics.Error(ErrorCode::kMachine, where, std::move(message));
    machine.distances.clear();
  };
  if (list.items.size() != nodes) {
    report(list, fmt::format("{} rows for nodes 0 to {}", list.items.size(), nodes - 1));
    return;
  }
  for (const JsonValue& row : list.items) {
    std::vector<int>& distances = machine.distances.emplace_back();
    for (const JsonValue& item : row.items) {
      if (item.kind != Kind::kInteger) return;
      distances.push_back(static_cast<int>(std::clamp<int64_t>(item.integer, 0, 255)));
    }
    if (distances.size() != nodes) {
      report(row, fmt::format("{} distances for nodes 0 to {}", row.items.size(), nodes - 1));
      return;
    }
  }
  for (std::size_t a = 0; a < nodes; ++a) {
    for (std::size_t b = 0; b < nodes; ++b) {
      const bool fits = a == b ? machine.distances[a][b] == kLocalDistance
                               : machine.distances[a][b] > kLocalDistance &&
                                     machine.distances[a][b] == machine.distances[b][a];
      if (fits) continue;
      report(list.items[a].items[b],
             a == b ? fmt::format("the distance of node {} to itself is not 10", a)
                    : fmt::format("nodes {} and {}: the distance must be above 10 and the same "
                                  "both ways",
                                  a, b));
      return;
    }
  }
}

void ReadCosts(ReadContext& context, const JsonValue& value) {
  MachineSpec& machine = context.scenario.machine;
  ReadContext::ReadText(value, "preset", machine.cost_preset);
  machine.costs = CostsOfPreset(machine.cost_preset, context.clock_hz).value_or(MachineCosts{});
  for (const CostField& field : CostFields()) {
    if (const auto cycles = context.LengthAt(value, field.name)) {
      machine.costs.*field.member = Cycles(*cycles);
    }
  }
  if (const auto cycles = context.LengthAt(value, "c_exit")) machine.costs.c_exit = Cycles(*cycles);
}

// "fixed:0" … and "oracle", the default.
std::vector<std::string> GovernorWords() {
  std::vector<std::string> words = {"oracle"};
  for (int k = 0; k < kMaxIdleStates; ++k) words.push_back(fmt::format("fixed:{}", k));
  return words;
}

void ReadIdleStates(ReadContext& context, const JsonValue& value) {
  MachineSpec& machine = context.scenario.machine;
  if (const JsonValue* list = ReadContext::Get(value, "idle_states", Kind::kArray)) {
    for (const JsonValue& item : list->items) {
      IdleState& state = machine.idle_states.emplace_back();
      ReadContext::ReadText(item, "name", state.name);
      state.exit_latency = Cycles(context.LengthAt(item, "exit_latency").value_or(0));
      state.target_residency = Cycles(context.LengthAt(item, "target_residency").value_or(0));
      ReadContext::ReadBool(item, "polling", state.polling);
    }
  }
  const JsonValue* governor = ReadContext::Get(value, "idle_governor", Kind::kString);
  if (governor == nullptr || !governor->text.starts_with("fixed:")) return;
  machine.idle_governor = IdleGovernor::kFixed;
  machine.idle_fixed = std::atoi(governor->text.c_str() + 6);
  if (machine.idle_fixed < static_cast<int>(machine.idle_states.size())) return;
  context.diagnostics.Error(ErrorCode::kMachine, *governor,
                            fmt::format("there is no idle state {}: the machine has {}",
                                        machine.idle_fixed, machine.idle_states.size()));
  machine.idle_fixed = 0;
}

void ReadChoiceStart(ReadContext& context, const JsonValue& value) {
  const JsonValue* const list = ReadContext::Get(value, "cpu_choice_start", Kind::kArray);
  if (list == nullptr) return;
  MachineSpec& machine = context.scenario.machine;
  if (list->items.size() > machine.cpus.size()) {
    context.diagnostics.Error(
        ErrorCode::kNoCpu, *list,
        fmt::format("{} entries for {} CPUs", list->items.size(), machine.cpus.size()));
    return;
  }
  for (const JsonValue& item : list->items) {
    if (item.kind != Kind::kInteger) return;
    if (item.integer < 0 || item.integer >= static_cast<int64_t>(machine.cpus.size())) {
      context.diagnostics.Error(ErrorCode::kNoCpu, item,
                                fmt::format("there is no CPU {}", item.integer));
      return;
    }
    machine.cpu_choice_start.emplace_back(static_cast<int32_t>(item.integer));
  }
}

}  // namespace

const std::vector<std::string>& CostPresets() {
  static const std::vector<std::string> presets = {"zero", "x86-like", "umcg-ex", "pair"};
  return presets;
}

const std::vector<CostField>& CostFields() {
  using C = MachineCosts;
  static const std::vector<CostField> fields = {
      {"c_syscall", &C::c_syscall, 100, "the way into a system call, before its effect"},
      {"c_sysret", &C::c_sysret, 0, "the way out of a system call"},
      {"c_exc", &C::c_exc, 100, "the way in by a page fault or for a signal"},
      {"c_sched", &C::c_sched, 300, "every schedule(), even without switch"},
      {"c_ctx", &C::c_ctx, 700, "added when the task changes"},
      {"c_ctx_mm", &C::c_ctx_mm, 300, "added when the address space changes too"},
      {"c_tick", &C::c_tick, 2000, "each tick"},
      {"c_timer", &C::c_timer, 1000, "each timer interrupt"},
      {"c_timer_each", &C::c_timer_each, 200, "each expired timer"},
      {"c_wake", &C::c_wake, 500, "each wake-up by a task"},
      {"c_ipi_send", &C::c_ipi_send, 600, "sending a reschedule or wake-up IPI"},
      {"l_ipi", &C::l_ipi, 1000, "from the end of sending to its arrival"},
      {"c_ipi_recv", &C::c_ipi_recv, 500, "handling it"},
      {"c_ttwu_each", &C::c_ttwu_each, 300, "each task on a wake-up list"},
      {"l_call", &C::l_call, 1000, "function-call IPI: from sending to arrival"},
      {"c_call", &C::c_call, 500, "function-call IPI: handling it"},
      {"l_idle_poll", &C::l_idle_poll, 300, "a polling idle CPU notices a request"},
      {"c_lb", &C::c_lb, 1000, "each balancing call"},
      {"c_lb_cpu", &C::c_lb_cpu, 100, "each CPU it looks at"},
      {"c_migrate_smt", &C::c_migrate_smt, 0, "extra work after a move within a core"},
      {"c_migrate_llc", &C::c_migrate_llc, 5000, "extra work after a move within a cache"},
      {"c_migrate_node", &C::c_migrate_node, 30000, "extra work after a move within a node"},
      {"c_migrate_remote", &C::c_migrate_remote, 60000, "extra work after a move between nodes"},
      {"c_stop", &C::c_stop, 1000, "run time of the stop task for each request"},
      {"c_lock_remote", &C::c_lock_remote, 0, "each access to another CPU's runqueue"},
  };
  return fields;
}

std::optional<MachineCosts> CostsOfPreset(std::string_view preset, int64_t clock_hz) {
  MachineCosts costs;
  const auto apply = [&costs](const auto& rows) {
    for (const PresetCost& row : rows) costs.*row.member = Cycles(row.cycles);
    costs.c_exit = kZeroCycles;
  };
  if (preset == "zero") return costs;
  if (preset == "x86-like") {
    for (const CostField& field : CostFields()) {
      costs.*field.member = FromNanoseconds(field.x86_like_ns, clock_hz);
    }
    return costs;
  }
  if (preset == "umcg-ex") {
    apply(kUmcgEx);
    return costs;
  }
  if (preset == "pair") {
    apply(kPair);
    return costs;
  }
  return std::nullopt;
}

const Shape* MachineShape(ShapeBook& book) {
  Shape* cpu = book.Object(
      {{"ids", book.String(TextForm::kCpuList), "which CPUs these are", true},
       {"capacity", book.Integer(1, 1024), "compute capacity, 1024 = full"},
       {"node", book.Integer(0, kMaxCpus - 1), "NUMA node (default 0)"},
       {"llc", book.Integer(0, kMaxCpus - 1), "last-level cache (default: one for each node)"},
       {"core", book.Integer(0, kMaxCpus - 1), "CPUs of one core are SMT siblings"},
       {"cluster", book.Integer(0, kMaxCpus - 1), "CPUs of one cluster share an L2 cache"},
       {"online", book.Bool(), "at the start (default true)"}});
  cpu->name = "cpu";
  std::vector<KeyShape> costs = {
      {"preset", book.Word(CostPresets()), "where the values come from that are not given"},
      {"c_exit", book.Length(0), "before an exit (default: c_syscall)"}};
  for (const CostField& field : CostFields()) {
    costs.push_back({std::string(field.name), book.Length(0), std::string(field.doc)});
  }
  Shape* costs_shape = book.Object(std::move(costs));
  costs_shape->name = "costs";
  Shape* idle_state = book.Object(
      {{"name", book.String(TextForm::kName), "what it is called", true},
       {"exit_latency", book.Length(0), "what leaving it takes", true},
       {"target_residency", book.Length(0), "stays shorter than this do not pay (default 0)"},
       {"polling", book.Bool(), "no IPI is needed to wake the CPU (default false)"}});
  idle_state->name = "idle_state";
  return book.Object(
      {{"clock_hz", book.Integer(1, kClockHzMax), "cycles in a second (default 10^9)"},
       {"hz", book.Integer(1, 1'000'000'000), "ticks in a second (default 250)"},
       {"tick", book.Bool(), "whether the tick ticks; its length follows from hz all the same"},
       {"cpus", book.Array(cpu, 1, kMaxCpus), "the CPUs (default: one)"},
       {"distances", book.Array(book.Array(book.Integer(10, 255), 1, kMaxCpus), 1, kMaxCpus),
        "between nodes, a row for each (default: 10 to itself, 20 to others)"},
       {"housekeeping", book.String(TextForm::kCpuList), "CPUs for what may run anywhere"},
       {"costs", costs_shape, "cost parameters (machine.md 3.2)"},
       {"nohz", book.Word(WordList(kNohzWords)), "whether idle CPUs tick (default idle: no)"},
       {"nohz_full", book.String(TextForm::kCpuList), "CPUs without tick when one task runs"},
       {"idle_tick", book.Word(WordList(kIdleTickWords)),
        "when a CPU that goes idle stops ticking"},
       {"skew_tick", book.Bool(), "offset the ticks of the CPUs"},
       {"ties", book.Word(WordList(kTiesWords)), "what comes first at one instant"},
       {"cpu_choice", book.Word(WordList(kCpuChoiceWords)),
        "any CPU of a set: the lowest, or the next one after the executing CPU's last choice"},
       {"cpu_choice_start", book.Array(book.Integer(0, kMaxCpus - 1), 0, kMaxCpus),
        "by CPU: what a rotating choice there took last, before the start (default 0)"},
       {"start_state", book.Word(WordList(kStartStateWords)),
        "boot: tasks are new at their start; recorded: they sleep before 0 and wake up then"},
       {"idle_poll", book.Bool(), "idle CPUs poll instead of waiting for an IPI"},
       {"idle_states", book.Array(idle_state, 1, kMaxIdleStates),
        "idle states, shallow to deep (default: none, leaving idle takes no time)"},
       {"idle_governor", book.Word(GovernorWords()),
        "which idle state a CPU enters: always the same, or what pays until its next timer"},
       {"irq_time_accounting", book.Bool(), "handler time is nobody's run time"},
       {"tick_elision", book.Bool(), "false: ticks that decide nothing are events all the same"},
       {"slack_policy", book.Word(WordList(kSlackPolicyWords)), "when a sleep timer fires"},
       {"limits",
        book.Object(
            {{"tasks", book.Integer(1, kMaxTasks), "tasks of a run, forked ones too"},
             {"instant_passes", book.Integer(1, kMaxLivelockLimit),
              "schedule() calls of a CPU at one instant; more is a livelock (default 1000)"},
             {"pick_again", book.Integer(1, kMaxLivelockLimit),
              "discarded picks of one schedule(); more is a livelock (default 1000)"},
             {"proxy_hops", book.Integer(1, kMaxLivelockLimit),
              "moves of a donor without progress; more is PX-I12 (default 64)"}}),
        "sizes, and what counts as going round in circles"}});
}

void ReadMachine(ReadContext& context, const JsonValue& value) {
  MachineSpec& machine = context.scenario.machine;
  ReadContext::ReadInteger(value, "clock_hz", machine.clock_hz);
  if (machine.clock_hz < 1 || machine.clock_hz > kClockHzMax) machine.clock_hz = 1'000'000'000;
  context.clock_hz = machine.clock_hz;
  ReadContext::ReadInteger(value, "hz", machine.hz);
  if (machine.hz < 1) machine.hz = 250;
  if (TickLength(machine).count() < 1) {
    const JsonValue* place = value.Find("hz");
    context.diagnostics.Error(ErrorCode::kMachine, place != nullptr ? *place : value,
                              fmt::format("a tick of {} Hz is shorter than a cycle of {} Hz",
                                          machine.hz, machine.clock_hz));
  }
  ReadContext::ReadBool(value, "tick", machine.tick);
  if (const JsonValue* cpus = ReadContext::Get(value, "cpus", Kind::kArray)) {
    ReadCpus(context, *cpus);
  }
  if (const JsonValue* distances = ReadContext::Get(value, "distances", Kind::kArray)) {
    ReadDistances(context, *distances);
  }
  if (const JsonValue* costs = ReadContext::Get(value, "costs", Kind::kObject)) {
    ReadCosts(context, *costs);
  }
  ReadContext::ReadWord(value, "nohz", kNohzWords, machine.nohz);
  ReadContext::ReadWord(value, "idle_tick", kIdleTickWords, machine.idle_tick);
  ReadContext::ReadWord(value, "ties", kTiesWords, machine.ties);
  ReadContext::ReadWord(value, "cpu_choice", kCpuChoiceWords, machine.cpu_choice);
  ReadContext::ReadWord(value, "start_state", kStartStateWords, machine.start_state);
  ReadChoiceStart(context, value);
  ReadContext::ReadWord(value, "slack_policy", kSlackPolicyWords, machine.slack_policy);
  ReadContext::ReadBool(value, "skew_tick", machine.skew_tick);
  ReadContext::ReadBool(value, "idle_poll", machine.idle_poll);
  ReadContext::ReadBool(value, "irq_time_accounting", machine.irq_time_accounting);
  ReadContext::ReadBool(value, "tick_elision", machine.tick_elision);
  ReadIdleStates(context, value);
  const CpuSet possible = CpuSet::FirstN(static_cast<int>(machine.cpus.size()));
  machine.housekeeping = context.CpusAt(value, "housekeeping");
  if (machine.housekeeping && (*machine.housekeeping & possible).empty()) {
    context.diagnostics.Error(ErrorCode::kNoCpu, *value.Find("housekeeping"),
                              "none of these CPUs exists");
  }
  machine.nohz_full = context.CpusAt(value, "nohz_full").value_or(CpuSet());
  if (const JsonValue* limits = ReadContext::Get(value, "limits", Kind::kObject)) {
    if (const JsonValue* tasks = ReadContext::Get(*limits, "tasks", Kind::kInteger)) {
      if (tasks->integer >= 1 && tasks->integer <= kMaxTasks) {
        machine.limit_tasks = static_cast<int>(tasks->integer);
      }
    }
    const auto livelock = [limits](std::string_view key, int& limit) {
      ReadContext::ReadInteger(*limits, key, limit);
      limit = std::clamp(limit, 1, kMaxLivelockLimit);
    };
    livelock("instant_passes", machine.limit_instant_passes);
    livelock("pick_again", machine.limit_pick_again);
    livelock("proxy_hops", machine.limit_proxy_hops);
  }
}

}  // namespace rqsim
