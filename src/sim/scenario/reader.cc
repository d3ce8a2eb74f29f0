// Text in, a Scenario or every mistake at once out: parse, check the shape, then read part by part
// what has the right shape.

#include "rqsim/scenario_reader.h"

#include <fmt/format.h>

#include <fstream>
#include <utility>

#include "rqsim/limits.h"
#include "sim/scenario/read_context.h"
#include "sim/scenario/shape.h"

namespace rqsim {
namespace {

using Kind = JsonValue::Kind;

// The names under `mutexes` or `condvars`.
void ReadNames(ReadContext& context, const JsonValue& root, std::string_view key,
               std::string_view what, NameTable& table, std::vector<std::string>& out) {
  const JsonValue* list = ReadContext::Get(root, key, Kind::kArray);
  if (list == nullptr) return;
  for (const JsonValue& item : list->items) {
    if (!item.is(Kind::kString) || !HasForm(item.text, TextForm::kName)) continue;
    if (!table.Add(item.text)) {
      context.diagnostics.Error(ErrorCode::kDeclaredTwice, item,
                                fmt::format("a second {} named \"{}\"", what, item.text));
      continue;
    }
    out.push_back(item.text);
  }
}

void ReadSemaphores(ReadContext& context, const JsonValue& root) {
  const JsonValue* map = ReadContext::Get(root, "semaphores", Kind::kObject);
  if (map == nullptr) return;
  for (const JsonMember& member : map->members) {
    if (IsNote(member.key) || !member.value.is(Kind::kInteger)) continue;
    context.scenario.semaphores.emplace_back(member.key, member.value.integer);
  }
}

// Whether a member of `value`, at any depth, has that key.
bool HasKey(const JsonValue& value, std::string_view key) {
  for (const JsonMember& member : value.members) {
    if (member.key == key || HasKey(member.value, key)) return true;
  }
  for (const JsonValue& item : value.items) {
    if (HasKey(item, key)) return true;
  }
  return false;
}

void ReadAllTasks(ReadContext& context, const JsonValue& root) {
  const JsonValue* tasks = ReadContext::Get(root, "tasks", Kind::kArray);
  const JsonValue* kthreads = ReadContext::Get(root, "kthreads", Kind::kArray);
  if (tasks != nullptr) DeclareTasks(context, *tasks);
  if (kthreads != nullptr) DeclareTasks(context, *kthreads);
  const JsonValue* groups = ReadContext::Get(root, "umcg", Kind::kArray);
  if (groups != nullptr) DeclareServers(context, *groups);
  if (tasks != nullptr) CheckTaskNames(context, *tasks);
  if (kthreads != nullptr) CheckTaskNames(context, *kthreads);
  if (tasks != nullptr) ReadTasks(context, *tasks, false);
  if (kthreads != nullptr) ReadTasks(context, *kthreads, true);
  if (groups != nullptr) ReadGroups(context, *groups);
  CheckTids(context, root);
  const std::optional<int> limit = context.scenario.machine.limit_tasks;
  if (limit && *limit < context.num_tasks) {
    context.diagnostics.Error(ErrorCode::kTooMany,
                              *root.Find("machine")->Find("limits")->Find("tasks"),
                              fmt::format("{} tasks are declared already", context.num_tasks));
  }
}

void ReadPolicies(ReadContext& context, const JsonValue& root) {
  if (const JsonValue* common = ReadContext::Get(root, "common", Kind::kObject)) {
    ReadPolicySet(context, *common, context.scenario.common);
  }
  if (const JsonValue* sets = ReadContext::Get(root, "policies", Kind::kObject)) {
    for (const JsonMember& member : sets->members) {
      if (IsNote(member.key) || !member.value.is(Kind::kObject)) continue;
      // A repeated key has been reported; the first counts.
      if (!context.sets.Add(member.key)) continue;
      PolicySet set;
      set.name = member.key;
      ReadPolicySet(context, member.value, set);
      context.scenario.policies.push_back(std::move(set));
    }
  }
  // A scenario without sets has one of that name.
  if (context.sets.list().empty()) context.sets.Add("default");
}

// Reports tasks whose policy no class of any set schedules.
void CheckScheduled(ReadContext& context, const JsonValue& root) {
  uint32_t scheduled = 0;
  const auto add = [&](const PolicySet& set) {
    const std::optional<PolicyChoice>& choice =
        set.sched_class ? set.sched_class : context.scenario.common.sched_class;
    const ClassStack* stack = context.registry.FindStack(choice ? choice->name : "default");
    if (stack == nullptr) return false;
    for (const std::string_view name : stack->classes) {
      const RegistryEntry* entry = context.registry.Find(Seam::kSchedClass, name);
      if (entry == nullptr) return false;
      scheduled |= entry->info->sched_policies;
    }
    return true;
  };
  if (context.scenario.policies.empty() && !add(context.scenario.common)) return;
  for (const PolicySet& set : context.scenario.policies) {
    if (!add(set)) return;
  }
  for (const char* key : {"tasks", "kthreads"}) {
    const JsonValue* tasks = ReadContext::Get(root, key, Kind::kArray);
    if (tasks == nullptr) continue;
    for (const JsonValue& task : tasks->items) {
      const JsonValue* sched = ReadContext::Get(task, "sched", Kind::kObject);
      const JsonValue* word =
          sched == nullptr ? nullptr : ReadContext::Get(*sched, "policy", Kind::kString);
      if (word == nullptr) continue;
      const std::optional<SchedPolicy> policy = ValueOfWord(kSchedPolicyWords, word->text);
      if (!policy || ((scheduled >> static_cast<unsigned>(*policy)) & 1u) != 0) continue;
      context.diagnostics.Error(
          ErrorCode::kNotScheduled, *word,
          fmt::format("no class of any policy set schedules policy {}", word->text));
    }
  }
}

void ReadRoot(ReadContext& context, const JsonValue& root) {
  Scenario& scenario = context.scenario;
  ReadContext::ReadText(root, "name", scenario.name);
  ReadContext::ReadText(root, "description", scenario.description);
  ReadContext::ReadText(root, "kernel", scenario.kernel);
  if (const JsonValue* machine = ReadContext::Get(root, "machine", Kind::kObject)) {
    ReadMachine(context, *machine);
  }
  if (const auto until = context.LengthAt(root, "until")) scenario.until = Time(*until);
  if (const JsonValue* seed = ReadContext::Get(root, "seed", Kind::kInteger)) {
    if (seed->integer >= 0) scenario.seed = static_cast<uint64_t>(seed->integer);
  }
  ReadNames(context, root, "mutexes", "mutex", context.locks, scenario.mutexes);
  ReadNames(context, root, "condvars", "condvar", context.condvars, scenario.condvars);
  ReadSemaphores(context, root);
  const JsonValue* const tasks = root.Find("tasks");
  context.cpus_may_come =
      root.Find("hotplug") != nullptr || (tasks != nullptr && HasKey(*tasks, "online"));
  ReadAllTasks(context, root);
  if (const JsonValue* actions = ReadContext::Get(root, "actions", Kind::kArray)) {
    ReadActions(context, *actions);
  }
  if (const JsonValue* hotplug = ReadContext::Get(root, "hotplug", Kind::kArray)) {
    ReadHotplug(context, *hotplug);
  }
  ReadPolicies(context, root);
  if (const JsonValue* faults = ReadContext::Get(root, "faults", Kind::kArray)) {
    ReadFaults(context, *faults, scenario.faults);
  }
  if (const JsonValue* check = ReadContext::Get(root, "check", Kind::kObject)) {
    ReadChecks(context, *check);
  }
  if (const JsonValue* asserts = ReadContext::Get(root, "assert", Kind::kArray)) {
    ReadAsserts(context, *asserts);
  }
  if (const JsonValue* expects = ReadContext::Get(root, "expect", Kind::kArray)) {
    ReadExpects(context, *expects);
  }
  CheckScheduled(context, root);
  CheckSections(context, root);
  // With a name misspelt the programs would look wrong where they are not.
  if (!context.diagnostics.has_errors()) CheckPrograms(context, root);
}

}  // namespace

const Shape* ScenarioShape(ShapeBook& book, const Registry& registry) {
  const Shape* sched = SchedShape(book);
  const Shape* ops = OpsShape(book, registry, sched);
  const Shape* faults = FaultsShape(book, registry);
  const Shape* set = PolicySetShape(book, registry, faults);
  const Shape* names = book.Array(book.String(TextForm::kName), 0, kMaxLocks);
  Shape* root = book.Object(
      {{"version", book.Integer(1, 1), "of this format", true},
       {"name", book.String(), "one or two words"},
       {"description", book.String(), "what to look at, in a sentence"},
       {"kernel", book.Word({"7.2", "6.12"}), "preset of class behaviour"},
       {"machine", MachineShape(book), "hardware and boot parameters"},
       {"until", book.Length(0), "the run ends here at the latest (default: when all is done)"},
       {"seed", book.Integer(0, INT64_MAX), "for what is drawn (default 1)"},
       {"mutexes", names, "every mutex"},
       {"condvars", names, "every condition variable"},
       {"semaphores", book.Map(TextForm::kName, book.Integer(0, INT32_MAX)),
        "semaphores that do not start at 0, with their value"},
       {"tasks", TasksShape(book, ops, sched, false), "user tasks"},
       {"kthreads", TasksShape(book, ops, sched, true), "kernel threads"},
       {"umcg", GroupsShape(book, registry, sched), "groups of UMCG servers and workers"},
       {"hotplug", HotplugShape(book), "CPUs that go offline and online"},
       {"actions", ActionsShape(book, sched), "what is done from outside"},
       {"common", set, "what the policy sets leave out"},
       {"policies", book.Map(TextForm::kName, set), "named policy sets: what compare compares"},
       {"faults", faults, "faults under every policy set"},
       {"check", ChecksShape(book), "what checkers report"},
       {"assert", AssertsShape(book), "bounds on metrics"},
       {"expect", ExpectsShape(book), "what must happen exactly"}});
  return root;
}

std::optional<Scenario> ReadScenario(std::string_view text, std::string_view file,
                                     std::vector<Diagnostic>& diagnostics,
                                     const Registry& registry) {
  Diagnostics found(text, file);
  const JsonDocument document = ParseJson(text);
  if (document.error) {
    found.NotJson(*document.error);
    found.Finish(diagnostics);
    return std::nullopt;
  }
  found.SetRoot(&document.root);
  ShapeBook book;
  CheckShape(document.root, *ScenarioShape(book, registry), found);
  Scenario scenario;
  ReadContext context(found, registry, scenario);
  ReadRoot(context, document.root);
  const bool has_errors = found.has_errors();
  found.Finish(diagnostics);
  if (has_errors) return std::nullopt;
  return scenario;
}

std::optional<Scenario> ReadScenarioFile(const std::string& path,
                                         std::vector<Diagnostic>& diagnostics,
                                         const Registry& registry) {
  const bool is_stdin = path == "-";
  const std::string shown = is_stdin ? "<stdin>" : path;
  std::ifstream in(is_stdin ? "/dev/stdin" : path, std::ios::binary);
  std::string text;
  // One block more than is allowed is enough to know that it is too large.
  std::string block(std::size_t{1} << 16, '\0');
  while (in && text.size() <= kMaxScenarioBytes) {
    in.read(block.data(), static_cast<std::streamsize>(block.size()));
    text.append(block, 0, static_cast<std::size_t>(in.gcount()));
  }
  const bool failed = in.bad() || !in.is_open();
  if (failed) {
    Diagnostics found("", shown);
    found.ErrorAt(ErrorCode::kUnreadable, {}, "cannot be read");
    found.Finish(diagnostics);
    return std::nullopt;
  }
  return ReadScenario(text, shown, diagnostics, registry);
}

}  // namespace rqsim
