// The keys `tasks`, `kthreads` and `actions`.

#include <fmt/format.h>

#include <array>
#include <utility>

#include "rqsim/limits.h"
#include "sim/scenario/read_context.h"
#include "sim/scenario/shape.h"

namespace rqsim {
namespace {

using Kind = JsonValue::Kind;

// Actions that call a function of kernel/kthread.c with a thread and a mask.
constexpr std::array kMaskCalls = {
    std::pair<ActionKind, std::string_view>{ActionKind::kAffinePreferred,
                                            "kthread_affine_preferred"},
    std::pair<ActionKind, std::string_view>{ActionKind::kAffinePreferredUpdate,
                                            "kthread_affine_preferred_update"},
    std::pair<ActionKind, std::string_view>{ActionKind::kBind, "kthread_bind_mask"}};

bool IsRealtime(SchedPolicy policy) {
  return policy == SchedPolicy::kFifo || policy == SchedPolicy::kRr;
}
bool IsFair(SchedPolicy policy) {
  return policy == SchedPolicy::kNormal || policy == SchedPolicy::kBatch ||
         policy == SchedPolicy::kIdle;
}

// Reports keys that belong to another policy, and values that do not fit together.
void CheckSched(ReadContext& context, const JsonValue& value, const SchedSpec& sched) {
  const std::string_view policy = WordOfValue(kSchedPolicyWords, sched.policy);
  const auto not_here = [&](std::string_view key, std::string_view where) {
    if (const JsonValue* member = value.Find(key)) {
      context.diagnostics.Error(
          ErrorCode::kSchedKey, *member,
          fmt::format("\"{}\" means nothing for policy {}, it belongs to {}", key, policy, where));
    }
  };
  if (!IsFair(sched.policy)) not_here("slice", "normal, batch and idle");
  if (sched.policy != SchedPolicy::kDeadline) {
    for (const char* key : {"runtime", "deadline", "period", "flags"}) not_here(key, "deadline");
  }
  const JsonValue* priority = ReadContext::Get(value, "priority", Kind::kInteger);
  if (!IsRealtime(sched.policy) && sched.priority > 0) not_here("priority", "fifo and rr");
  if (IsRealtime(sched.policy) && sched.priority == 0) {
    context.diagnostics.Error(ErrorCode::kSchedKey, priority != nullptr ? *priority : value,
                              fmt::format("policy {} needs a priority from 1 to 99", policy));
  }
  if (sched.policy != SchedPolicy::kDeadline) return;
  for (const char* key : {"runtime", "deadline"}) {
    if (value.Find(key) != nullptr) continue;
    context.diagnostics.Error(ErrorCode::kSchedKey, value,
                              fmt::format("policy deadline needs the key \"{}\"", key));
    return;
  }
  const Cycles period = sched.dl_period == kZeroCycles ? sched.dl_deadline : sched.dl_period;
  if (sched.dl_runtime > sched.dl_deadline || sched.dl_deadline > period) {
    context.diagnostics.Error(
        ErrorCode::kDeadlineOrder, value,
        fmt::format("runtime <= deadline <= period must hold, found {}, {}, {}",
                    sched.dl_runtime.count(), sched.dl_deadline.count(), period.count()));
  }
}

void ReadLoopCount(const JsonValue& object, int64_t& loop) {
  const JsonValue* value = object.Find("loop");
  if (value == nullptr) return;
  if (value->is(Kind::kString)) loop = -1;
  if (value->is(Kind::kInteger) && value->integer >= 0) loop = value->integer;
}

void ReadTaskCpus(ReadContext& context, const JsonValue& value, TaskSpec& task) {
  const MachineSpec& machine = context.scenario.machine;
  task.cpus = context.CpusAt(value, "cpus");
  CpuSet allowed = context.Possible();
  if (task.cpus) {
    const JsonValue& place = *value.Find("cpus");
    context.MustHaveCpu(place, *task.cpus);
    allowed = allowed & *task.cpus;
  }
  CpuSet online;
  for (std::size_t i = 0; i < machine.cpus.size(); ++i) {
    if (machine.cpus[i].online) online.Add(CpuId(static_cast<int32_t>(i)));
  }
  // One that is offline now may come online.
  if (task.cpus && !allowed.empty() && (allowed & online).empty() && !context.cpus_may_come) {
    context.diagnostics.Error(ErrorCode::kNoCpu, *value.Find("cpus"),
                              "none of these CPUs is online");
  }
  const JsonValue* start_cpu = ReadContext::Get(value, "start_cpu", Kind::kInteger);
  if (start_cpu == nullptr || start_cpu->integer < 0 || start_cpu->integer >= kMaxCpus) return;
  const CpuId cpu(static_cast<int32_t>(start_cpu->integer));
  task.start_cpu = cpu;
  const char* problem = !context.CpuExists(cpu)  ? "does not exist"
                        : !allowed.Contains(cpu) ? "is not among the task's cpus"
                        : !online.Contains(cpu)  ? "is not online"
                                                 : nullptr;
  if (problem != nullptr) {
    context.diagnostics.Error(ErrorCode::kStartCpu, *start_cpu,
                              fmt::format("CPU {} {}", cpu.value(), problem));
  }
}

// `affinity` of a kernel thread: each kind has the keys it needs and no other.
void ReadAffinity(ReadContext& context, const JsonValue& value, TaskSpec& task) {
  KthreadAffinity& affinity = task.affinity.emplace();
  ReadContext::ReadWord(value, "kind", kKthreadKindWords, affinity.kind);
  ReadContext::ReadWord(value, "owner", kKthreadOwnerWords, affinity.owner);
  ReadContext::ReadInteger(value, "node", affinity.node);
  affinity.cpus = context.CpusAt(value, "cpus").value_or(CpuSet());
  if (const JsonValue* cpus = value.Find("cpus")) context.MustHaveCpu(*cpus, affinity.cpus);
  const std::string_view kind = WordOfValue(kKthreadKindWords, affinity.kind);
  const auto report = [&](const char* key, std::string message) {
    const JsonValue* where = value.Find(key);
    context.diagnostics.Error(ErrorCode::kKthreadAffinity, where != nullptr ? *where : value,
                              std::move(message));
  };
  const bool takes_cpus =
      affinity.kind != KthreadKind::kUnbound && affinity.kind != KthreadKind::kNode;
  if (takes_cpus != (value.Find("cpus") != nullptr)) {
    report("cpus", fmt::format("kind {} {} \"cpus\"", kind, takes_cpus ? "needs" : "has no"));
  } else if (affinity.kind == KthreadKind::kPerCpu && affinity.cpus.Count() > 1) {
    report("cpus", "a per_cpu thread has one CPU");
  }
  if (affinity.kind == KthreadKind::kNode && affinity.node < 0) {
    report("node", "kind node needs \"node\"");
  } else if (affinity.kind == KthreadKind::kUnbound && affinity.node >= 0) {
    report("node", "a thread with a node is of kind node");
  }
  bool node_exists = affinity.node < 0;
  for (const CpuSpec& cpu : context.scenario.machine.cpus) {
    node_exists = node_exists || cpu.node == affinity.node;
  }
  if (!node_exists) report("node", fmt::format("no CPU is in node {}", affinity.node));
  if (task.cpus) report("kind", "\"cpus\" and \"affinity\" of one thread exclude each other");
}

TaskSpec ReadTask(ReadContext& context, const JsonValue& value, bool kthread) {
  TaskSpec task;
  task.kthread = kthread;
  task.pos = value.pos;
  ReadContext::ReadText(value, "name", task.name);
  ReadContext::ReadInteger(value, "instances", task.instances);
  if (task.instances < 0 || task.instances > kMaxTasks) task.instances = 1;
  if (const JsonValue* sched = ReadContext::Get(value, "sched", Kind::kObject)) {
    task.sched = ReadSched(context, *sched);
  }
  ReadTaskCpus(context, value, task);
  task.cpuset = context.CpusAt(value, "cpuset");
  if (task.cpuset) context.MustHaveCpu(*value.Find("cpuset"), *task.cpuset);
  const JsonValue* start = ReadContext::Get(value, "start", Kind::kString);
  if (start != nullptr && (start->text == "parked" || start->text == "register")) {
    task.worker_start = start->text == "parked" ? WorkerStart::kParked : WorkerStart::kRegister;
  } else {
    task.start = Time(context.LengthAt(value, "start").value_or(0));
  }
  ReadContext::ReadInteger(value, "tid", task.tid);
  ReadContext::ReadText(value, "process", task.process);
  task.basic = ReadContext::Get(value, "role", Kind::kString) != nullptr;
  if (const auto deadline = context.LengthAt(value, "deadline", 1)) {
    task.deadline = Cycles(*deadline);
  }
  if (const JsonValue* affinity = ReadContext::Get(value, "affinity", Kind::kObject)) {
    ReadAffinity(context, *affinity, task);
  }
  if (const auto wake = context.LengthAt(value, "first_wake")) {
    task.first_wake = Time(*wake);
    if (*task.first_wake < task.start) {
      context.diagnostics.Error(ErrorCode::kKthreadAffinity, *value.Find("first_wake"),
                                "a thread is woken after its start, when it is created");
    }
  }
  ReadLoopCount(value, task.loop);
  const JsonValue* ops = ReadContext::Get(value, "ops", Kind::kArray);
  if (ops != nullptr) task.ops = ReadOps(context, *ops, 0);
  if (task.loop == -1 && ops != nullptr && !context.CanTakeTime(task.ops)) {
    context.diagnostics.Error(ErrorCode::kEndlessLoop, *value.Find("loop"),
                              "repeats for ever what takes no time: the run would never go on");
  }
  return task;
}

const Shape* TaskShape(ShapeBook& book, const Shape* ops, const Shape* sched, bool kthread) {
  const std::vector<std::string> forever = {"forever"};
  std::vector<KeyShape> keys = {
      {"name", book.String(TextForm::kName), "its name; instances get -0, -1, ...", true},
      {"instances", book.Integer(0, kMaxTasks), "how many of it; 0 = a template for fork"},
      {"sched", sched, "scheduling attributes (default: normal, nice 0)"},
      {"cpus", book.String(TextForm::kCpuList), "where it may run (default: everywhere)"},
      {"cpuset", book.String(TextForm::kCpuList), "CPUs of its cpuset (default: the root one)"},
      {"start_cpu", book.Integer(0, kMaxCpus - 1), "where it is made (default: its lowest online)"},
      {"start", kthread ? book.Length(0) : book.Length(0, {"parked", "register"}),
       "when it is made (default 0); a worker: asleep and known to the servers, or it registers"},
      {"tid", book.Integer(1, 0x3fffffff),
       "what user memory calls it (default: the lowest free); that of a task that has ended by "
       "then "
       "may be given again"},
      {"process", book.String(TextForm::kName), "its address space"},
      {"deadline", book.Length(1), "of each job, from its release"},
      {"loop", book.Choice({book.Integer(0, INT64_MAX), book.Word(forever)}),
       "how often the program runs (default 1)"},
      {"ops", ops, "its program", true}};
  if (!kthread) {
    keys.push_back({"role", book.Word({"basic"}), "basic: a registered server without workers"});
  }
  if (kthread) {
    Shape* affinity = book.Object(
        {{"kind", book.Word(WordList(kKthreadKindWords)), "which pattern it follows", true},
         {"cpus", book.String(TextForm::kCpuList), "per_cpu, bound: its CPUs; preferred: those"},
         {"node", book.Integer(0, kMaxCpus - 1), "the node it was created for"},
         {"owner", book.Word(WordList(kKthreadOwnerWords)),
          "whose it is: what placement.kthread `manual` does with it"}});
    affinity->name = "kthread_affinity";
    keys.push_back({"affinity", affinity, "where it should run (default: unbound)"});
    keys.push_back({"first_wake", book.Length(0), "after its creation (default: at its start)"});
  }
  Shape* task = book.Object(std::move(keys));
  task->name = kthread ? "kthread" : "task";
  return task;
}

const Shape* ActionShape(ShapeBook& book, const Shape* sched) {
  const Shape* task = book.String(TextForm::kName);
  const Shape* mask_call = book.Object(
      {{"task", task, "whose", true}, {"cpus", book.String(TextForm::kCpuList), "which", true}});
  // set_sched takes the attributes beside the task.
  std::vector<KeyShape> sched_keys = {{"task", task, "whose", true}};
  for (const KeyShape& key : sched->keys) sched_keys.push_back(key);
  Shape* action = book.Object(
      {{"at", book.Length(0), "when", true},
       {"wake", task, "wakes a task"},
       {"signal",
        book.Object({{"task", task, "whom", true},
                     {"signal", book.Word(WordList(kSignalWords)), "default TERM"}}),
        "sends a signal to a task"},
       {"set_affinity",
        book.Object({{"task", task, "whose", true},
                     {"cpus", book.String(TextForm::kCpuList), "the new set", true}}),
        "changes where a task may run"},
       {"set_sched", book.Object(std::move(sched_keys)), "changes a task's attributes"},
       {"kthread_affine_preferred", mask_call, "prefers CPUs for a kernel thread"},
       {"kthread_affine_preferred_update", mask_call, "prefers others from now on"},
       {"kthread_bind_mask", mask_call, "binds a kernel thread"},
       {"isolate", book.Object({{"cpus", book.String(TextForm::kCpuList), "default: none"}}),
        "which CPUs are in isolated partitions from now on"},
       {"move_to_cpuset",
        book.Object({{"task", task, "whom", true},
                     {"cpus", book.String(TextForm::kCpuList), "default: the root"}}),
        "moves a task to a cpuset"}},
      {{{"wake", "signal", "set_affinity", "set_sched", "kthread_affine_preferred",
         "kthread_affine_preferred_update", "kthread_bind_mask", "isolate", "move_to_cpuset"},
        1,
        1}});
  action->name = "action";
  return action;
}

}  // namespace

const Shape* SchedShape(ShapeBook& book) {
  Shape* sched = book.Object(
      {{"policy", book.Word(WordList(kSchedPolicyWords)),
        "scheduling policy; left out: fifo with a priority, else normal"},
       {"priority", book.Integer(0, 99), "fifo and rr: larger is more important"},
       {"nice", book.Integer(-20, 19), "weight of fair tasks"},
       {"slice", book.Length(1), "fair: request length instead of base_slice"},
       {"runtime", book.Length(1), "deadline: budget in each period"},
       {"deadline", book.Length(1), "deadline: relative"},
       {"period", book.Length(1), "deadline: default the deadline"},
       {"flags", book.Array(book.Word({"reclaim", "overrun"}), 0, 2),
        "deadline: reclaim = may use what others leave over, overrun = counts overruns"},
       {"reset_on_fork", book.Bool(), "children start as normal tasks"}});
  sched->name = "sched";
  return sched;
}

SchedSpec ReadSched(ReadContext& context, const JsonValue& value) {
  SchedSpec sched;
  ReadContext::ReadInteger(value, "priority", sched.priority);
  if (sched.priority > 0 && value.Find("policy") == nullptr) sched.policy = SchedPolicy::kFifo;
  ReadContext::ReadWord(value, "policy", kSchedPolicyWords, sched.policy);
  ReadContext::ReadInteger(value, "nice", sched.nice);
  sched.slice = Cycles(context.LengthAt(value, "slice", 1).value_or(0));
  sched.dl_runtime = Cycles(context.LengthAt(value, "runtime", 1).value_or(0));
  sched.dl_deadline = Cycles(context.LengthAt(value, "deadline", 1).value_or(0));
  sched.dl_period = Cycles(context.LengthAt(value, "period", 1).value_or(0));
  if (const JsonValue* flags = ReadContext::Get(value, "flags", Kind::kArray)) {
    for (const JsonValue& flag : flags->items) {
      if (flag.kind != Kind::kString) continue;
      sched.dl_reclaim = sched.dl_reclaim || flag.text == "reclaim";
      sched.dl_overrun = sched.dl_overrun || flag.text == "overrun";
    }
  }
  ReadContext::ReadBool(value, "reset_on_fork", sched.reset_on_fork);
  if (value.is(Kind::kObject)) CheckSched(context, value, sched);
  return sched;
}

void DeclareTasks(ReadContext& context, const JsonValue& value) {
  for (const JsonValue& item : value.items) {
    const JsonValue* name = ReadContext::Get(item, "name", Kind::kString);
    if (name == nullptr || !HasForm(name->text, TextForm::kName)) continue;
    if (name->text == "off" || name->text == "idle") {
      context.diagnostics.Error(
          ErrorCode::kReservedName, *name,
          fmt::format("\"{}\" has a meaning of its own in timelines", name->text));
    }
    if (!context.task_names.Add(name->text)) {
      context.diagnostics.Error(ErrorCode::kDeclaredTwice, *name,
                                fmt::format("a second task named \"{}\"", name->text));
      continue;
    }
    int64_t instances = 1;
    ReadContext::ReadInteger(item, "instances", instances);
    context.instances.emplace(name->text, instances);
  }
}

void CheckTaskNames(ReadContext& context, const JsonValue& value) {
  for (const JsonValue& item : value.items) {
    const JsonValue* name = ReadContext::Get(item, "name", Kind::kString);
    if (name == nullptr) continue;
    const auto own = context.instances.find(name->text);
    if (own == context.instances.end()) continue;
    // Without the task itself: is the name that of an instance of another one?
    const auto taken = context.instances.extract(own);
    const bool is_instance = context.HasTask(name->text);
    if (is_instance) {
      context.diagnostics.Error(
          ErrorCode::kDeclaredTwice, *name,
          fmt::format("\"{}\" is an instance of another task already", name->text));
    }
    context.instances.emplace(taken.key(), taken.mapped());
  }
}

void ReadTasks(ReadContext& context, const JsonValue& value, bool kthreads) {
  std::vector<TaskSpec>& tasks = kthreads ? context.scenario.kthreads : context.scenario.tasks;
  for (const JsonValue& item : value.items) {
    if (!item.is(Kind::kObject)) continue;
    tasks.push_back(ReadTask(context, item, kthreads));
    context.num_tasks += tasks.back().instances;
    if (context.num_tasks - tasks.back().instances <= kMaxTasks && context.num_tasks > kMaxTasks) {
      context.diagnostics.Error(ErrorCode::kTooMany, item,
                                fmt::format("more than {} tasks up to here", kMaxTasks));
    }
  }
}

void ReadActions(ReadContext& context, const JsonValue& value) {
  for (const JsonValue& item : value.items) {
    ActionSpec action;
    action.pos = item.pos;
    action.at = Time(context.LengthAt(item, "at").value_or(0));
    const JsonValue* target = nullptr;
    if (const JsonValue* wake = item.Find("wake")) {
      action.kind = ActionKind::kWake;
      target = wake;
    } else if (const JsonValue* signal = item.Find("signal")) {
      action.kind = ActionKind::kSignal;
      target = signal->Find("task");
      ReadContext::ReadWord(*signal, "signal", kSignalWords, action.signal);
    } else if (const JsonValue* affinity = item.Find("set_affinity")) {
      action.kind = ActionKind::kSetAffinity;
      target = affinity->Find("task");
      action.cpus = context.CpusAt(*affinity, "cpus").value_or(CpuSet());
      context.MustHaveCpu(*affinity, action.cpus);
    } else if (const JsonValue* sched = item.Find("set_sched")) {
      action.kind = ActionKind::kSetSched;
      target = sched->Find("task");
      action.sched = ReadSched(context, *sched);
    } else if (const JsonValue* isolated = item.Find("isolate")) {
      action.kind = ActionKind::kIsolate;
      action.cpus = context.CpusAt(*isolated, "cpus").value_or(CpuSet());
      context.scenario.actions.push_back(std::move(action));
      continue;
    } else if (const JsonValue* move = item.Find("move_to_cpuset")) {
      action.kind = ActionKind::kMoveToCpuset;
      target = move->Find("task");
      action.cpus = context.CpusAt(*move, "cpus").value_or(CpuSet());
      context.MustHaveCpu(*move, action.cpus);
    } else {
      for (const auto& [kind, key] : kMaskCalls) {
        const JsonValue* call = item.Find(key);
        if (call == nullptr) continue;
        action.kind = kind;
        target = call->Find("task");
        action.cpus = context.CpusAt(*call, "cpus").value_or(CpuSet());
        context.MustHaveCpu(*call, action.cpus);
      }
    }
    if (target == nullptr || !target->is(Kind::kString)) continue;
    action.task = target->text;
    context.MustBeTask(*target);
    context.scenario.actions.push_back(std::move(action));
  }
}

const Shape* TasksShape(ShapeBook& book, const Shape* ops, const Shape* sched, bool kthreads) {
  return book.Array(TaskShape(book, ops, sched, kthreads));
}

const Shape* ActionsShape(ShapeBook& book, const Shape* sched) {
  return book.Array(ActionShape(book, sched));
}

}  // namespace rqsim
