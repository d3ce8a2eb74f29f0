// The keys `assert` and `expect`.

#include <fmt/format.h>

#include <utility>

#include "rqsim/metrics.h"
#include "sim/scenario/expect_text.h"
#include "sim/scenario/read_context.h"
#include "sim/scenario/shape.h"

namespace rqsim {
namespace {

using Kind = JsonValue::Kind;

// Values of metrics may be negative (a lag); lengths with a unit are not.
constexpr int64_t kMetricMin = -kCyclesMax.count();

class TaskNames final : public NameCheck {
 public:
  explicit TaskNames(const ReadContext& context) : context_(context) {}
  bool IsTask(std::string_view name) const override {
    if (context_.HasTask(name)) return true;
    // Kernel threads of the machine and of policies are called name/N.
    const std::size_t slash = name.find('/');
    if (slash == std::string_view::npos) return IsKthread(name, false);
    if (!HasForm(name.substr(slash + 1), TextForm::kCpuNumber)) return false;
    return IsKthread(name.substr(0, slash), true);
  }

 private:
  bool IsKthread(std::string_view name, bool per_cpu) const {
    if (per_cpu && name == "stop") return true;
    for (const RegistryEntry& entry : context_.registry.entries()) {
      for (const KthreadInfo& info : entry.info->kthreads) {
        if (info.per_cpu == per_cpu && info.name == name) return true;
      }
    }
    return false;
  }

  const ReadContext& context_;
};

std::string NoMetric(MetricOf of, std::string_view name) {
  static constexpr const char* kOf[] = {"a task", "a mutex", "a CPU", "a run"};
  return fmt::format("{} has no metric {}; rqsim list metrics", kOf[static_cast<std::size_t>(of)],
                     QuoteJson(name));
}

class ExpectReader {
 public:
  explicit ExpectReader(ReadContext& context) : context_(context), names_(context) {}

  ExpectSpec Read(const JsonValue& value) {
    ExpectSpec spec;
    spec.pos = value.pos;
    ReadPolicies(value, spec);
    ReadContext::ReadText(value, "source", spec.source);
    if (const JsonValue* outcome = ReadContext::Get(value, "outcome", Kind::kString)) {
      spec.outcome = ValueOfWord(kOutcomeWords, outcome->text);
    }
    if (const auto end = context_.LengthAt(value, "end")) spec.end = Time(*end);
    spec.timeline = ReadLanes(value, "timeline", true);
    spec.work = ReadLanes(value, "work", false);
    spec.user = ReadLanes(value, "user", false);
    ReadSwitches(value, spec);
    spec.tasks = ReadNamed(value, "tasks", MetricOf::kTask);
    spec.locks = ReadNamed(value, "locks", MetricOf::kLock);
    spec.cpus = ReadNamed(value, "cpus", MetricOf::kCpu);
    if (const JsonValue* metrics = value.Find("metrics")) {
      spec.metrics = ReadMetrics(*metrics, MetricOf::kRun);
    }
    ReadReturns(value, spec);
    ReadTexts(value, "events", spec.events);
    ReadTexts(value, "no_events", spec.no_events);
    ReadStates(value, spec);
    ReadViolations(value, spec);
    return spec;
  }

 private:
  void ReadPolicies(const JsonValue& value, ExpectSpec& spec) {
    const JsonValue* policy = value.Find("policy");
    if (policy == nullptr) return;
    const auto read = [&](const JsonValue& name) {
      if (!name.is(Kind::kString)) return;
      spec.policies.push_back(name.text);
      MustBeKnown(name, context_.sets, "policy set");
    };
    read(*policy);
    for (const JsonValue& item : policy->items) read(item);
  }

  void MustBeKnown(const JsonValue& name, const NameTable& table, std::string_view what) {
    if (table.Has(name.text)) return;
    std::string hint = DidYouMean(name.text, table.list());
    if (hint.empty() && !table.list().empty()) hint = "there are " + ListWords(table.list());
    context_.diagnostics.Error(ErrorCode::kExpectUnknown, name,
                               fmt::format("there is no {} \"{}\"", what, name.text),
                               std::move(hint));
  }

  void MustBeTask(const JsonValue& name) {
    if (name.is(Kind::kString) && !names_.IsTask(name.text)) {
      MustBeKnown(name, context_.task_names, "task");
    }
  }

  void Report(const JsonValue& value, const std::vector<TextError>& errors) {
    for (const TextError& error : errors) {
      context_.diagnostics.ErrorInString(ErrorCode::kExpectForm, value, error.index, error.message);
    }
  }

  // The CPU a key names; invalid if there is none such.
  CpuId CpuOf(const JsonMember& member) {
    if (!HasForm(member.key, TextForm::kCpuNumber)) return CpuId();
    const std::optional<CpuSet> set = CpuSet::Parse(member.key);
    const CpuId cpu = set ? set->First() : CpuId();
    if (context_.CpuExists(cpu)) return cpu;
    context_.diagnostics.ErrorAtKey(ErrorCode::kExpectUnknown, member,
                                    fmt::format("CPU {} does not exist, the machine has {}",
                                                member.key, context_.Possible().ToString()));
    return CpuId();
  }

  CpuId MustBeCpu(const JsonValue& value) {
    const CpuId cpu(static_cast<int32_t>(std::clamp<int64_t>(value.integer, 0, kMaxCpus - 1)));
    if (context_.CpuExists(cpu)) return cpu;
    context_.diagnostics.Error(ErrorCode::kExpectUnknown, value,
                               fmt::format("CPU {} does not exist, the machine has {}",
                                           value.integer, context_.Possible().ToString()));
    return CpuId();
  }

  std::vector<ExpectLane> ReadLanes(const JsonValue& value, std::string_view key, bool whole) {
    std::vector<ExpectLane> lanes;
    const JsonValue* map = value.Find(key);
    if (map == nullptr) return lanes;
    for (const JsonMember& member : map->members) {
      if (IsNote(member.key) || !member.value.is(Kind::kString)) continue;
      ExpectLane lane;
      lane.cpu = CpuOf(member);
      lane.pos = member.value.pos;
      std::vector<TextError> errors;
      lane.cells = ParseCells(member.value.text, whole, names_, errors);
      Report(member.value, errors);
      lanes.push_back(std::move(lane));
    }
    return lanes;
  }

  void ReadSwitches(const JsonValue& value, ExpectSpec& spec) {
    const JsonValue* map = value.Find("switches");
    if (map == nullptr) return;
    for (const JsonMember& member : map->members) {
      if (IsNote(member.key) || !member.value.is(Kind::kString)) continue;
      ExpectSwitchLane lane;
      lane.cpu = CpuOf(member);
      lane.pos = member.value.pos;
      std::vector<TextError> errors;
      lane.switches = ParseSwitches(member.value.text, names_, errors);
      Report(member.value, errors);
      spec.switches.push_back(std::move(lane));
    }
  }

  MetricValues ReadMetrics(const JsonValue& map, MetricOf of) {
    MetricValues values;
    for (const JsonMember& member : map.members) {
      if (IsNote(member.key) || (of == MetricOf::kLock && member.key == "acquired")) continue;
      if (!IsMetric(of, member.key, context_.registry)) {
        context_.diagnostics.ErrorAtKey(ErrorCode::kUnknownMetric, member, NoMetric(of, member.key),
                                        DidYouMean(member.key, MetricNames(of, context_.registry)));
      }
      if (const auto number = context_.LengthOf(member.value, kMetricMin)) {
        values.emplace_back(member.key, *number);
      }
    }
    return values;
  }

  std::vector<ExpectNamed> ReadNamed(const JsonValue& value, std::string_view key, MetricOf of) {
    std::vector<ExpectNamed> list;
    const JsonValue* map = value.Find(key);
    if (map == nullptr) return list;
    for (const JsonMember& member : map->members) {
      if (IsNote(member.key)) continue;
      CheckNamed(member, key);
      ExpectNamed named;
      named.name = member.key;
      named.pos = member.key_pos;
      named.values = ReadMetrics(member.value, of);
      const JsonValue* acquired = ReadContext::Get(member.value, "acquired", Kind::kString);
      if (key == "locks" && acquired != nullptr) {
        std::vector<TextError> errors;
        named.acquired = ParseAcquired(acquired->text, names_, errors);
        named.states_acquired = true;
        Report(*acquired, errors);
      }
      list.push_back(std::move(named));
    }
    return list;
  }

  void CheckNamed(const JsonMember& member, std::string_view key) {
    if (key == "cpus") {
      CpuOf(member);
      return;
    }
    const bool is_lock = key == "locks";
    const NameTable& table = is_lock ? context_.locks : context_.task_names;
    if (is_lock ? table.Has(member.key) : names_.IsTask(member.key)) return;
    context_.diagnostics.ErrorAtKey(
        ErrorCode::kExpectUnknown, member,
        fmt::format("there is no {} {}", is_lock ? "mutex" : "task", QuoteJson(member.key)),
        DidYouMean(member.key, table.list()));
  }

  static std::string ValueText(const JsonValue& value) {
    if (value.is(Kind::kInteger)) return fmt::format("{}", value.integer);
    if (value.is(Kind::kBool)) return value.boolean ? "true" : "false";
    return value.text;
  }

  void ReadReturns(const JsonValue& value, ExpectSpec& spec) {
    const JsonValue* list = value.Find("returns");
    if (list == nullptr) return;
    for (const JsonValue& item : list->items) {
      ExpectReturn result;
      result.pos = item.pos;
      ReadContext::ReadText(item, "task", result.task);
      if (const JsonValue* task = item.Find("task")) MustBeTask(*task);
      ReadContext::ReadText(item, "op", result.op);
      result.at = Time(context_.LengthAt(item, "at").value_or(0));
      if (const JsonValue* text = item.Find("value")) result.value = ValueText(*text);
      spec.returns.push_back(std::move(result));
    }
  }

  static void ReadTexts(const JsonValue& value, std::string_view key,
                        std::vector<std::string>& out) {
    const JsonValue* list = value.Find(key);
    if (list == nullptr) return;
    for (const JsonValue& item : list->items) {
      if (item.is(Kind::kString)) out.push_back(item.text);
    }
  }

  void ReadStates(const JsonValue& value, ExpectSpec& spec) {
    const JsonValue* list = value.Find("states");
    if (list == nullptr) return;
    for (const JsonValue& item : list->items) {
      ExpectState state;
      state.pos = item.pos;
      for (const JsonMember& member : item.members) {
        if (IsNote(member.key)) continue;
        if (member.key == "at") {
          state.at = Time(context_.LengthOf(member.value).value_or(0));
        } else if (member.key == "task") {
          state.task = member.value.text;
          MustBeTask(member.value);
        } else if (member.key == "lock") {
          state.lock = member.value.text;
          if (member.value.is(Kind::kString)) MustBeKnown(member.value, context_.locks, "mutex");
        } else if (member.key == "word") {
          state.word = member.value.text;
        } else if (member.key == "rq") {
          if (member.value.is(Kind::kInteger)) state.rq = MustBeCpu(member.value);
        } else {
          state.values.emplace_back(member.key, ValueText(member.value));
        }
      }
      spec.states.push_back(std::move(state));
    }
  }

  void ReadViolations(const JsonValue& value, ExpectSpec& spec) {
    const JsonValue* list = value.Find("violations");
    if (list == nullptr) return;
    for (const JsonValue& item : list->items) {
      ExpectViolation violation;
      violation.pos = item.pos;
      ReadContext::ReadText(item, "id", violation.id);
      if (const auto at = context_.LengthAt(item, "at")) violation.at = Time(*at);
      spec.violations.push_back(std::move(violation));
    }
  }

  ReadContext& context_;
  TaskNames names_;
};

}  // namespace

const Shape* AssertsShape(ShapeBook& book) {
  const Shape* name = book.String(TextForm::kName);
  Shape* assertion =
      book.Object({{"policy", name, "the policy set (default: each)"},
                   {"task", book.String(), "a metric of this task"},
                   {"lock", name, "a metric of this mutex"},
                   {"cpu", book.Integer(0, kMaxCpus - 1), "a metric of this CPU"},
                   {"metric", book.String(), "its name: rqsim list metrics", true},
                   {"min", book.Length(kMetricMin), "at least"},
                   {"max", book.Length(kMetricMin), "at most"},
                   {"equals", book.Length(kMetricMin), "exactly"}},
                  {{{"task", "lock", "cpu"}, 0, 1}, {{"min", "max", "equals"}, 1, 3}});
  assertion->name = "assert";
  return book.Array(assertion);
}

namespace {

void CheckMetric(ReadContext& context, const JsonValue& item, AssertSpec& spec) {
  const JsonValue* metric = ReadContext::Get(item, "metric", Kind::kString);
  if (metric == nullptr) return;
  spec.metric = metric->text;
  MetricOf of = MetricOf::kRun;
  if (!spec.task.empty()) of = MetricOf::kTask;
  if (!spec.lock.empty()) of = MetricOf::kLock;
  if (!spec.cpu.empty()) of = MetricOf::kCpu;
  if (IsMetric(of, spec.metric, context.registry)) return;
  context.diagnostics.Error(ErrorCode::kUnknownMetric, *metric, NoMetric(of, spec.metric),
                            DidYouMean(spec.metric, MetricNames(of, context.registry)));
}

}  // namespace

void ReadAsserts(ReadContext& context, const JsonValue& value) {
  TaskNames names(context);
  for (const JsonValue& item : value.items) {
    AssertSpec spec;
    spec.pos = item.pos;
    const auto known = [&](std::string_view key, const NameTable& table, std::string_view what,
                           std::string& out) {
      const JsonValue* name = ReadContext::Get(item, key, Kind::kString);
      if (name == nullptr) return;
      out = name->text;
      if (table.Has(out) || (key == "task" && names.IsTask(out))) return;
      context.diagnostics.Error(ErrorCode::kExpectUnknown, *name,
                                fmt::format("there is no {} \"{}\"", what, out),
                                DidYouMean(out, table.list()));
    };
    known("policy", context.sets, "policy set", spec.policy);
    known("task", context.task_names, "task", spec.task);
    known("lock", context.locks, "mutex", spec.lock);
    if (const JsonValue* cpu = ReadContext::Get(item, "cpu", Kind::kInteger)) {
      spec.cpu = fmt::format("{}", cpu->integer);
      if (cpu->integer >= static_cast<int64_t>(context.scenario.machine.cpus.size())) {
        context.diagnostics.Error(ErrorCode::kExpectUnknown, *cpu,
                                  fmt::format("CPU {} does not exist", cpu->integer));
      }
    }
    CheckMetric(context, item, spec);
    spec.min = context.LengthAt(item, "min", kMetricMin);
    spec.max = context.LengthAt(item, "max", kMetricMin);
    spec.equals = context.LengthAt(item, "equals", kMetricMin);
    context.scenario.asserts.push_back(std::move(spec));
  }
}

const Shape* ExpectsShape(ShapeBook& book) {
  const Shape* name = book.String(TextForm::kName);
  const Shape* text = book.String();
  const Shape* number = book.Length(kMetricMin);
  const Shape* metrics = book.Map(TextForm::kFree, number);
  const Shape* lane = book.Map(TextForm::kCpuNumber, text);
  const Shape* scalar = book.Choice({book.Integer(INT64_MIN, INT64_MAX), text, book.Bool()});
  Shape* lock = book.Object({{"acquired", text, "\"0 L, 6 H\": when and by whom"}});
  lock->item = number;
  Shape* state = book.Object({{"at", book.Length(0), "after everything of this instant", true},
                              {"task", text, "fields of this task"},
                              {"lock", name, "fields of this mutex"},
                              {"word", text, "the value of this word"},
                              {"rq", book.Integer(0, kMaxCpus - 1), "fields of this runqueue"}},
                             {{{"task", "lock", "word", "rq"}, 1, 1}});
  state->item = scalar;
  Shape* expect = book.Object(
      {{"policy", book.Choice({name, book.Array(name, 1)}), "policy sets (default: each)"},
       {"source", text, "where the numbers come from"},
       {"outcome", book.Word(WordList(kOutcomeWords)), "how the run ends"},
       {"end", book.Length(0), "when it ends"},
       {"timeline", lane, "\"[0,3)H [3,6)L/H [6,8)-\" for each CPU, whole"},
       {"work", lane, "only cycles that make progress"},
       {"user", lane, "only cycles in user mode"},
       {"switches", lane, "\"0 idle->A, 110 A->F\" for each CPU"},
       {"tasks", book.Map(TextForm::kFree, metrics), "metrics of tasks"},
       {"locks", book.Map(TextForm::kName, lock), "metrics of mutexes"},
       {"cpus", book.Map(TextForm::kCpuNumber, metrics), "metrics of CPUs"},
       {"metrics", metrics, "metrics of the run"},
       {"returns",
        book.Array(book.Object({{"task", text, "whose operation", true},
                                {"op", text, "which, as \"lock B\"", true},
                                {"at", book.Length(0), "when it returns", true},
                                {"value", book.Choice({text, book.Integer(INT64_MIN, INT64_MAX)}),
                                 "0 or an error such as -EINTR", true}})),
        "what operations return"},
       {"events", book.Array(text), "events in this order, others may lie between"},
       {"no_events", book.Array(text), "events that do not happen"},
       {"states", book.Array(state), "state at an instant"},
       {"violations",
        book.Array(
            book.Object({{"id", text, "the invariant", true}, {"at", book.Length(0), "when"}})),
        "violations that are reported, and no others"}});
  expect->name = "expect";
  return book.Array(expect);
}

void ReadExpects(ReadContext& context, const JsonValue& value) {
  ExpectReader reader(context);
  for (const JsonValue& item : value.items) {
    if (item.is(Kind::kObject)) context.scenario.expects.push_back(reader.Read(item));
  }
}

}  // namespace rqsim
