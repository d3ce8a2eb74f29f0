// The keys `common`, `policies` and `faults`: which implementation sits in which seam, checked
// against what each declares in its PolicyInfo.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "rqsim/faults.h"
#include "rqsim/limits.h"
#include "sim/scenario/read_context.h"
#include "sim/scenario/shape.h"

namespace rqsim {
namespace {

using Kind = JsonValue::Kind;

constexpr std::array kSeamKeys = {
    std::pair<std::string_view, Seam>{"lock", Seam::kLockProtocol},
    std::pair<std::string_view, Seam>{"placement", Seam::kPlacement},
    std::pair<std::string_view, Seam>{"services", Seam::kKernelService},
    std::pair<std::string_view, Seam>{"user", Seam::kUserScheduler}};

std::vector<std::string> SplitWords(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t space = std::min(text.find(' '), text.size());
    if (space > 0) words.emplace_back(text.substr(0, space));
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  return words;
}

const Shape* ParamShape(ShapeBook& book, const ParamInfo& info) {
  switch (info.kind) {
    case ParamKind::kInteger:
      return book.Integer(info.min, info.max);
    case ParamKind::kCycles:
      return book.Length(std::max<int64_t>(info.min, 0));
    case ParamKind::kBool:
      return book.Bool();
    case ParamKind::kEnum:
      return book.Word(SplitWords(info.allowed));
    case ParamKind::kStringList:
      return book.Array(info.allowed.empty() ? book.String() : book.Word(SplitWords(info.allowed)));
    case ParamKind::kCpu:
      return book.Integer(-1, kMaxCpus - 1);
  }
  return book.Any();
}

// Everything that a choice of that name may set.
std::vector<const ParamInfo*> ParamsOfStack(const Registry& registry, const ClassStack& stack) {
  std::vector<const ParamInfo*> params;
  const auto add = [&params](const ParamInfo& info) {
    const auto same = [&info](const ParamInfo* known) { return known->name == info.name; };
    if (std::none_of(params.begin(), params.end(), same)) params.push_back(&info);
  };
  for (const ParamInfo& info : ClassStackParams()) add(info);
  for (const std::string_view name : stack.classes) {
    const RegistryEntry* entry = registry.Find(Seam::kSchedClass, name);
    if (entry == nullptr) continue;
    for (const ParamInfo& info : entry->info->params) add(info);
  }
  return params;
}

std::vector<const ParamInfo*> ParamsOf(const Registry& registry, Seam seam, std::string_view name) {
  std::vector<const ParamInfo*> params;
  if (seam == Seam::kSchedClass) {
    const ClassStack* stack = registry.FindStack(name);
    return stack == nullptr ? params : ParamsOfStack(registry, *stack);
  }
  if (const RegistryEntry* entry = registry.Find(seam, name)) {
    for (const ParamInfo& info : entry->info->params) params.push_back(&info);
  }
  return params;
}

std::vector<std::string> NamesOf(const Registry& registry, Seam seam) {
  std::vector<std::string> names;
  if (seam == Seam::kSchedClass) {
    for (const ClassStack& stack : registry.stacks()) names.emplace_back(stack.name);
    return names;
  }
  for (const RegistryEntry& entry : registry.entries()) {
    if (entry.info->seam != seam) continue;
    names.emplace_back(entry.info->name);
    if (!entry.alias.empty()) names.emplace_back(entry.alias);
  }
  return names;
}

// The name that an object without one means: the classes of the kernel, the placement `simple`
// (machine.md 6.2).
std::string DefaultName(const Registry& registry, Seam seam) {
  if (seam == Seam::kSchedClass && registry.FindStack("default") != nullptr) return "default";
  if (seam == Seam::kPlacement && registry.Find(seam, "simple") != nullptr) return "simple";
  return "";
}

// Keys of the format that the placements of this version have no parameter for: no balancing is
// what they do, and the affinity of kernel threads is not modelled.
void AddPlacementKeys(ShapeBook& book, std::vector<KeyShape>& keys) {
  const auto has = [&keys](std::string_view name) {
    return std::any_of(keys.begin(), keys.end(),
                       [name](const KeyShape& key) { return key.key == name; });
  };
  if (!has("balance")) keys.push_back({"balance", book.Word({"off"}), "load balancing"});
  if (!has("kthread")) {
    keys.push_back({"kthread", book.NotModelled(), "affinity of kernel threads"});
  }
}

// `costs.u_cas` is u_cas in the object costs, or stands as it is written.
void AddParamKeys(ShapeBook& book, const std::vector<const ParamInfo*>& params,
                  std::vector<KeyShape>& keys) {
  std::vector<std::pair<std::string, std::vector<KeyShape>>> objects;
  for (const ParamInfo* info : params) {
    const Shape* shape = ParamShape(book, *info);
    keys.push_back({std::string(info->name), shape, std::string(info->summary)});
    const std::size_t dot = info->name.find('.');
    if (dot == std::string_view::npos) continue;
    const std::string object(info->name.substr(0, dot));
    auto found = std::find_if(objects.begin(), objects.end(),
                              [&object](const auto& known) { return known.first == object; });
    if (found == objects.end()) found = objects.insert(found, {object, {}});
    found->second.push_back(
        {std::string(info->name.substr(dot + 1)), shape, std::string(info->summary)});
  }
  for (auto& [name, its_keys] : objects) {
    keys.push_back({name, book.Object(std::move(its_keys)), "parameters that belong together"});
  }
}

// `"mutex"` or `{"name": "mutex", "spin": false}`.
const Shape* ChoiceShape(ShapeBook& book, const Registry& registry, Seam seam) {
  Shape& tagged = book.New(Shape::Kind::kTagged);
  tagged.words = NamesOf(registry, seam);
  tagged.tag = NameKeyOf(seam);
  tagged.default_tag = DefaultName(registry, seam);
  for (const std::string& name : tagged.words) {
    std::vector<KeyShape> keys = {{tagged.tag, book.Word({name}), "which one"}};
    AddParamKeys(book, ParamsOf(registry, seam, name), keys);
    if (seam == Seam::kPlacement) AddPlacementKeys(book, keys);
    tagged.choices.push_back(book.Object(std::move(keys)));
  }
  return book.Choice({book.Word(tagged.words), &tagged});
}

// Words of the command line are read without a machine: the policy itself refuses such CPUs.
void MustBeCpu(ReadContext& context, const JsonValue& value) {
  const CpuSet possible = context.Possible();
  const auto count = static_cast<int64_t>(possible.Count());
  if (count == 0 || value.integer < count || value.integer >= kMaxCpus) return;
  context.diagnostics.Error(ErrorCode::kNoCpu, value,
                            fmt::format("there is no CPU {}", value.integer),
                            fmt::format("the machine has CPUs {}", possible.ToString()));
}

std::optional<ParamValue> ReadParam(ReadContext& context, const ParamInfo& info,
                                    const JsonValue& value) {
  switch (info.kind) {
    case ParamKind::kInteger:
      if (!value.is(Kind::kInteger)) break;
      return value.integer;
    case ParamKind::kCycles:
      return context.LengthOf(value, std::max<int64_t>(info.min, 0));
    case ParamKind::kBool:
      if (value.is(Kind::kBool)) return value.boolean;
      break;
    case ParamKind::kEnum:
      if (value.is(Kind::kString)) return value.text;
      break;
    case ParamKind::kStringList: {
      std::vector<std::string> words;
      for (const JsonValue& item : value.items) {
        if (item.is(Kind::kString)) words.push_back(item.text);
      }
      return words;
    }
    case ParamKind::kCpu:
      if (!value.is(Kind::kInteger)) break;
      MustBeCpu(context, value);
      return value.integer;
  }
  return std::nullopt;
}

ErrorCode CodeOf(ParamProblem::Kind kind) {
  switch (kind) {
    case ParamProblem::Kind::kForm:
      return ErrorCode::kTextForm;
    case ParamProblem::Kind::kValue:
      return ErrorCode::kTextValue;
    case ParamProblem::Kind::kName:
      return ErrorCode::kTextName;
  }
  return ErrorCode::kTextForm;
}

// The policy looks at texts that its table of parameters cannot describe, whole ones only:
// positions are those in the file.
void CheckTexts(ReadContext& context, const JsonValue& value, const RegistryEntry& entry,
                const PolicyChoice& choice) {
  if (entry.check_texts == nullptr) return;
  const PolicyInfo& info = *entry.info;
  const auto is_text = [](const JsonValue& item) { return item.is(Kind::kString); };
  for (const ParamInfo& param : info.params) {
    if (param.kind != ParamKind::kStringList) continue;
    const JsonValue* const texts = value.Find(param.name);
    if (texts == nullptr) continue;
    if (!std::all_of(texts->items.begin(), texts->items.end(), is_text)) return;
  }
  std::vector<ParamProblem> problems;
  entry.check_texts(PolicyParams(info, choice.params, context.scenario.machine.clock_hz), problems);
  for (ParamProblem& problem : problems) {
    const JsonValue* const texts = value.Find(problem.param);
    if (texts == nullptr) continue;
    context.diagnostics.ErrorInString(
        CodeOf(problem.kind), texts->items[static_cast<std::size_t>(problem.item)],
        static_cast<std::size_t>(problem.at), std::move(problem.message), std::move(problem.hint));
  }
}

std::optional<PolicyChoice> ReadChoice(ReadContext& context, const JsonValue& value, Seam seam) {
  PolicyChoice choice;
  choice.pos = value.pos;
  std::string name = DefaultName(context.registry, seam);
  if (value.is(Kind::kString)) name = value.text;
  ReadContext::ReadText(value, NameKeyOf(seam), name);
  if (seam == Seam::kSchedClass) {
    const ClassStack* stack = context.registry.FindStack(name);
    if (stack == nullptr) return std::nullopt;
    choice.name = std::string(stack->name);
  } else {
    const RegistryEntry* entry = context.registry.Find(seam, name);
    if (entry == nullptr) return std::nullopt;
    choice.name = std::string(entry->info->name);
  }
  const RegistryEntry* const entry = context.registry.Find(seam, choice.name);
  const std::vector<const ParamInfo*> params = ParamsOf(context.registry, seam, choice.name);
  const auto read = [&](const std::string& name_of, const JsonValue& given) {
    for (const ParamInfo* info : params) {
      if (info->name != name_of) continue;
      if (auto param = ReadParam(context, *info, given)) {
        choice.params.emplace_back(name_of, std::move(*param));
      }
    }
  };
  for (const JsonMember& member : value.members) {
    if (IsNote(member.key) || member.key == NameKeyOf(seam)) continue;
    read(member.key, member.value);
    for (const JsonMember& inner : member.value.members) {
      if (!IsNote(inner.key)) read(member.key + '.' + inner.key, inner.value);
    }
  }
  if (entry != nullptr) CheckTexts(context, value, *entry, choice);
  return choice;
}

std::vector<std::string> FaultNames(const Registry& registry) {
  std::vector<std::string> names;
  for (const MachineFault& fault : MachineFaults()) names.emplace_back(fault.info.name);
  for (const RegistryEntry& entry : registry.entries()) {
    for (const FaultInfo& info : entry.info->faults) {
      if (std::find(names.begin(), names.end(), info.name) == names.end()) {
        names.emplace_back(info.name);
      }
    }
  }
  return names;
}

// The names of the arguments of a fault, separated by spaces.
std::string_view FaultArgs(const Registry& registry, std::string_view name) {
  for (const RegistryEntry& entry : registry.entries()) {
    for (const FaultInfo& info : entry.info->faults) {
      if (info.name == name) return info.args;
    }
  }
  return "";
}

const Shape* FaultArgShape(ShapeBook& book, std::string_view arg) {
  if (arg == "at" || arg == "for") return book.Length(0);
  if (arg == "cpu") return book.Integer(0, kMaxCpus - 1);
  if (arg == "task") return book.String(TextForm::kName);
  return book.Choice({book.Integer(INT64_MIN, INT64_MAX), book.String(), book.Bool()});
}

void ReadFaultArgs(ReadContext& context, const JsonValue& item, FaultSpec& fault) {
  for (const std::string& arg : SplitWords(FaultArgs(context.registry, fault.name))) {
    const JsonValue* value = item.Find(arg);
    if (value == nullptr) continue;
    if (arg == "at" || arg == "for") {
      if (const auto length = context.LengthOf(*value)) fault.args.emplace_back(arg, *length);
    } else if (value->is(Kind::kInteger)) {
      fault.args.emplace_back(arg, value->integer);
    } else if (value->is(Kind::kBool)) {
      fault.args.emplace_back(arg, value->boolean);
    } else if (value->is(Kind::kString)) {
      if (arg == "task") context.MustBeTask(*value);
      fault.args.emplace_back(arg, value->text);
    }
  }
}

// Everything that a window can be put at: the windows, and the steps of the policies' paths, those
// with the name of a step of another path also by the name of their own.
std::vector<std::string> WindowPlaces(const Registry& registry) {
  std::vector<std::string> places;
  for (const WindowInfo& window : Windows()) places.emplace_back(window.name);
  for (const RegistryEntry& entry : registry.entries()) {
    for (const PathInfo& path : entry.info->paths) {
      for (const StepInfo& step : path.steps) {
        places.push_back(fmt::format("{}.{}", entry.info->name, step.name));
        places.push_back(fmt::format("{}.{}.{}", entry.info->name, path.name, step.name));
      }
    }
  }
  return places;
}

void CheckPlace(ReadContext& context, const JsonValue& at) {
  const std::vector<std::string> places = WindowPlaces(context.registry);
  if (std::find(places.begin(), places.end(), at.text) != places.end()) return;
  std::string hint = DidYouMean(at.text, places);
  if (hint.empty()) hint = "W1 to W7, or POLICY.STEP: rqsim list faults, rqsim list policies";
  context.diagnostics.Error(
      ErrorCode::kUndeclared, at,
      fmt::format("{} is neither a window nor a step of a policy", QuoteJson(at.text)),
      std::move(hint));
}

}  // namespace

std::string_view NameKeyOf(Seam seam) { return seam == Seam::kPlacement ? "wake" : "name"; }

bool IsListParam(const Registry& registry, std::string_view key, std::string_view policy,
                 std::string_view param) {
  Seam seam = Seam::kSchedClass;
  for (const auto& [seam_key, its_seam] : kSeamKeys) {
    if (seam_key == key) seam = its_seam;
  }
  const std::string name = policy.empty() ? DefaultName(registry, seam) : std::string(policy);
  for (const ParamInfo* info : ParamsOf(registry, seam, name)) {
    if (info->name == param) return info->kind == ParamKind::kStringList;
  }
  return false;
}

const Shape* FaultsShape(ShapeBook& book, const Registry& registry) {
  const std::vector<std::string> names = FaultNames(registry);
  Shape& tagged = book.New(Shape::Kind::kTagged);
  tagged.name = "fault";
  tagged.words = names;
  for (const std::string& name : names) {
    std::vector<KeyShape> keys = {{"name", book.Word({name}), "which one"}};
    for (const std::string& arg : SplitWords(FaultArgs(registry, name))) {
      keys.push_back({arg, FaultArgShape(book, arg), "see `rqsim list faults`"});
    }
    tagged.choices.push_back(book.Object(std::move(keys)));
  }
  tagged.words.push_back("window");
  tagged.choices.push_back(
      book.Object({{"name", book.Word({"window"}), "holds a task at a step"},
                   {"at", book.String(),
                    "a window of the machine (W1), or a step of a policy (mutex.L4)", true},
                   {"task", book.String(TextForm::kName), "which task (default: any)"},
                   {"nth", book.Integer(1, INT64_MAX), "which time it is reached (default 1)"},
                   {"hold", book.Length(0), "for how long"},
                   {"until", book.Length(0), "till when"}},
                  {{{"hold", "until"}, 1, 1}}));
  return book.Array(book.Choice({book.Word(names), &tagged}));
}

void ReadFaults(ReadContext& context, const JsonValue& value, std::vector<FaultSpec>& faults) {
  for (const JsonValue& item : value.items) {
    FaultSpec fault;
    fault.pos = item.pos;
    if (item.is(Kind::kString)) fault.name = item.text;
    ReadContext::ReadText(item, "name", fault.name);
    if (fault.name != "window") {
      ReadFaultArgs(context, item, fault);
      faults.push_back(std::move(fault));
      continue;
    }
    if (const JsonValue* at = ReadContext::Get(item, "at", Kind::kString)) {
      fault.at = at->text;
      CheckPlace(context, *at);
    }
    if (const JsonValue* task = ReadContext::Get(item, "task", Kind::kString)) {
      fault.task = task->text;
      context.MustBeTask(*task);
    }
    ReadContext::ReadInteger(item, "nth", fault.nth);
    if (const auto hold = context.LengthAt(item, "hold")) fault.hold = Cycles(*hold);
    if (const auto until = context.LengthAt(item, "until")) fault.until = Time(*until);
    faults.push_back(std::move(fault));
  }
}

const Shape* PolicySetShape(ShapeBook& book, const Registry& registry, const Shape* faults) {
  Shape* set = book.Object(
      {{"preset", book.Word({"C", "M", "MX", "PX", "UM", "PA", "HP", "KA"}),
        "set-up of a family of acceptance scenarios"},
       {"kernel", book.Word({"7.2", "6.12"}), "whose rules (default: the scenario's kernel)"},
       {"class", ChoiceShape(book, registry, Seam::kSchedClass), "the scheduling classes"},
       {"lock", ChoiceShape(book, registry, Seam::kLockProtocol), "the lock protocol of mutexes"},
       {"placement", ChoiceShape(book, registry, Seam::kPlacement),
        "wake-up placement and balancing"},
       {"services", book.Array(ChoiceShape(book, registry, Seam::kKernelService)),
        "kernel services, in this order"},
       {"user", ChoiceShape(book, registry, Seam::kUserScheduler),
        "scheduler of a service's servers"},
       {"faults", faults, "faults under this set only"}});
  set->name = "policy_set";
  return set;
}

void ReadPolicySet(ReadContext& context, const JsonValue& value, PolicySet& set) {
  set.pos = value.pos;
  ReadContext::ReadText(value, "preset", set.preset);
  ReadContext::ReadText(value, "kernel", set.kernel);
  if (const JsonValue* choice = value.Find("class")) {
    set.sched_class = ReadChoice(context, *choice, Seam::kSchedClass);
  }
  for (const auto& [key, seam] : kSeamKeys) {
    const JsonValue* choice = value.Find(key);
    if (choice == nullptr) continue;
    switch (seam) {
      case Seam::kSchedClass:
        break;
      case Seam::kLockProtocol:
        set.lock = ReadChoice(context, *choice, seam);
        break;
      case Seam::kPlacement:
        set.placement = ReadChoice(context, *choice, seam);
        break;
      case Seam::kUserScheduler:
        set.user = ReadChoice(context, *choice, seam);
        break;
      case Seam::kKernelService: {
        NameTable named;
        set.services.emplace();
        for (const JsonValue& item : choice->items) {
          std::optional<PolicyChoice> service = ReadChoice(context, item, seam);
          if (!service) continue;
          if (!named.Add(service->name)) {
            context.diagnostics.Error(
                ErrorCode::kDeclaredTwice, item,
                fmt::format("the service \"{}\" stands here a second time", service->name));
          }
          set.services->push_back(std::move(*service));
        }
        break;
      }
    }
  }
  if (const JsonValue* faults = ReadContext::Get(value, "faults", Kind::kArray)) {
    ReadFaults(context, *faults, set.faults);
  }
}

}  // namespace rqsim
