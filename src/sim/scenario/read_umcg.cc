// The key `umcg`: groups of servers and workers. Servers are tasks that only some policy sets have,
// so their names are declared with those of the tasks.

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "sim/scenario/read_context.h"
#include "sim/scenario/shape.h"

namespace rqsim {
namespace {

using Kind = JsonValue::Kind;

// A number in user memory is at most 30 bits wide: the bit above means something else under
// umcg-pz.
constexpr int64_t kTidMax = 0x3fffffff;

std::vector<std::string> SchedulerNames(const Registry& registry) {
  std::vector<std::string> names;
  for (const RegistryEntry& entry : registry.entries()) {
    if (entry.info->seam == Seam::kUserScheduler) names.emplace_back(entry.info->name);
  }
  return names;
}

const JsonValue* Servers(const JsonValue& group) {
  return ReadContext::Get(group, "servers", Kind::kArray);
}

// Who has which tid. The number of a task that has ended may be given to one that starts later.
class TidTable {
 public:
  explicit TidTable(ReadContext& context) : context_(context) {}
  void Add(const JsonValue& owner) {
    const JsonValue* tid = ReadContext::Get(owner, "tid", Kind::kInteger);
    if (tid == nullptr || tid->integer <= 0) return;
    if (used_.emplace(tid->integer, StartOf(owner)).second) return;
    context_.diagnostics.Error(
        ErrorCode::kUmcgTid, *tid,
        fmt::format("a second task with tid {} that starts at the same time", tid->integer));
  }

 private:
  // A server's is 0, as that of a task that says nothing.
  Time StartOf(const JsonValue& owner) const {
    const JsonValue* name = ReadContext::Get(owner, "name", Kind::kString);
    for (const TaskSpec& task : context_.scenario.tasks) {
      if (name != nullptr && task.name == name->text) return task.start;
    }
    return Time();
  }
  ReadContext& context_;
  std::set<std::pair<int64_t, Time>> used_;
};

UmcgServerSpec ReadServer(ReadContext& context, const JsonValue& value) {
  UmcgServerSpec server;
  server.pos = value.pos;
  ReadContext::ReadText(value, "name", server.name);
  ReadContext::ReadInteger(value, "tid", server.tid);
  server.cpus = context.CpusAt(value, "cpus");
  if (server.cpus) context.MustHaveCpu(*value.Find("cpus"), *server.cpus);
  if (const JsonValue* sched = ReadContext::Get(value, "sched", Kind::kObject)) {
    server.sched = ReadSched(context, *sched);
  }
  return server;
}

void ReadWorkers(ReadContext& context, const JsonValue& value, UmcgGroupSpec& group,
                 NameTable& taken) {
  const JsonValue* workers = ReadContext::Get(value, "workers", Kind::kArray);
  if (workers == nullptr) return;
  for (const JsonValue& item : workers->items) {
    if (!item.is(Kind::kString)) continue;
    context.MustBeTask(item);
    if (!taken.Add(item.text)) {
      context.diagnostics.Error(ErrorCode::kDeclaredTwice, item,
                                fmt::format("\"{}\" is in a group already", item.text));
      continue;
    }
    group.workers.push_back(item.text);
  }
  if (!group.workers.empty() && group.servers.empty()) {
    context.diagnostics.Error(ErrorCode::kUmcgNoServer, *workers,
                              "workers need a server, and this group has none");
  }
}

}  // namespace

const Shape* GroupsShape(ShapeBook& book, const Registry& registry, const Shape* sched) {
  Shape* server = book.Object(
      {{"name", book.String(TextForm::kName), "its name", true},
       {"tid", book.Integer(1, kTidMax), "what user memory calls it (default: the lowest free)"},
       {"cpus", book.String(TextForm::kCpuList), "where it may run (default: everywhere)"},
       {"sched", sched, "scheduling attributes (default: normal, nice 0)"}});
  server->name = "umcg_server";
  Shape* group = book.Object(
      {{"name", book.String(TextForm::kName), "its name"},
       {"process", book.String(TextForm::kName), "address space (default: that of all others)"},
       {"servers", book.Array(server, 0, kMaxCpus), "one for each CPU it wants to use", true},
       {"workers", book.Array(book.String(TextForm::kName)), "tasks of the scenario", true},
       {"scheduler", book.Word(SchedulerNames(registry)),
        "what its servers decide by, where the policy set does not say"}});
  group->name = "umcg_group";
  return book.Array(group);
}

void DeclareServers(ReadContext& context, const JsonValue& value) {
  for (const JsonValue& group : value.items) {
    if (const JsonValue* servers = Servers(group)) DeclareTasks(context, *servers);
  }
}

void ReadGroups(ReadContext& context, const JsonValue& value) {
  NameTable taken;
  for (const JsonValue& item : value.items) {
    if (!item.is(Kind::kObject)) continue;
    UmcgGroupSpec group;
    group.pos = item.pos;
    ReadContext::ReadText(item, "name", group.name);
    ReadContext::ReadText(item, "process", group.process);
    ReadContext::ReadText(item, "scheduler", group.scheduler);
    if (const JsonValue* servers = Servers(item)) {
      for (const JsonValue& server : servers->items) {
        if (!server.is(Kind::kObject)) continue;
        group.servers.push_back(ReadServer(context, server));
        ++context.num_tasks;
      }
    }
    ReadWorkers(context, item, group, taken);
    context.scenario.groups.push_back(std::move(group));
  }
}

void CheckTids(ReadContext& context, const JsonValue& root) {
  TidTable tids(context);
  for (const char* key : {"tasks", "kthreads"}) {
    const JsonValue* tasks = ReadContext::Get(root, key, Kind::kArray);
    if (tasks == nullptr) continue;
    for (const JsonValue& task : tasks->items) tids.Add(task);
  }
  const JsonValue* groups = ReadContext::Get(root, "umcg", Kind::kArray);
  if (groups == nullptr) return;
  for (const JsonValue& group : groups->items) {
    const JsonValue* servers = Servers(group);
    if (servers == nullptr) continue;
    for (const JsonValue& server : servers->items) tids.Add(server);
  }
}

}  // namespace rqsim
