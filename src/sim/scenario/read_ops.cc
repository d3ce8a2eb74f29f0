// Programs of tasks: the operations, their forms and their meaning.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "rqsim/limits.h"
#include "rqsim/ops.h"
#include "sim/scenario/read_context.h"
#include "sim/scenario/shape.h"
#include "sim/scenario/units.h"

namespace rqsim {
namespace {

using Kind = JsonValue::Kind;

const std::vector<std::string> kForever = {"forever"};

// `"A"` or `{key: "A", ...}`.
const Shape* NameOrObject(ShapeBook& book, std::string key, std::string doc,
                          std::vector<KeyShape> more = {}) {
  std::vector<KeyShape> keys = {
      {std::move(key), book.String(TextForm::kName), std::move(doc), true}};
  for (KeyShape& extra : more) keys.push_back(std::move(extra));
  return book.Choice({book.String(TextForm::kName), book.Object(std::move(keys))});
}

const Shape* TimerShape(ShapeBook& book) {
  return book.Object({{"ref", book.String(TextForm::kName), "the timer", true},
                      {"period", book.Length(1), "its period", true},
                      {"mode", book.Word(WordList(kTimerModeWords)),
                       "relative: late periods are dropped; absolute: they are caught up with"},
                      {"unique", book.Bool(), "each task has a timer of its own"}});
}

const Shape* LockShape(ShapeBook& book, const Shape* ops) {
  Shape* object = book.Object({{"name", book.String(TextForm::kName), "the mutex", true},
                               {"interruptible", book.Bool(), "a signal ends the wait"},
                               {"killable", book.Bool(), "SIGKILL ends the wait"},
                               {"then", ops, "what is done holding it"},
                               {"else", ops, "what is done when it came back with an errno"}},
                              {{{"interruptible", "killable"}, 0, 1}});
  return book.Choice({book.String(TextForm::kName), object});
}

const Shape* BlockShape(ShapeBook& book, const KeyShape& timeout) {
  return book.Object(
      {{"kind", book.Word({"io", "fault", "mutex", "sleep"}),
        "what it waits for: a device, a page (entered by an exception), the mutex `lock`"},
       {"lock", book.String(TextForm::kName), "the mutex"},
       {"state", book.Word(WordList(kSleepStateWords)), "how it sleeps (default S)"},
       {"sleep", book.Word({"interruptible", "uninterruptible", "killable", "idle"}),
        "the same in words"},
       {"for", book.Length(1), "how long the device takes, from the instant it is off its CPU"},
       {"times", book.Integer(1, 1000), "waits in one system call (default 1)"},
       {"kernel_tail", book.Length(0), "kernel work after the wait"},
       timeout},
      {{{"state", "sleep"}, 0, 1}, {{"for", "timeout"}, 0, 1}});
}

// The shape of what stands behind the operation's name.
const Shape* OpShape(ShapeBook& book, OpKind kind, const Shape* ops, const Shape* sched) {
  const KeyShape timeout = {"timeout", book.Length(0), "gives up after"};
  const KeyShape mutex = {"mutex", book.String(TextForm::kName), "released and acquired again",
                          true};
  switch (kind) {
    case OpKind::kRun:
      return book.Choice(
          {book.Length(0, kForever),
           book.Object({{"for", book.Length(0, kForever), "how long", true},
                        {"mode", book.Word(WordList(kRunModeWords)), "in which mode"}})});
    case OpKind::kRuntime:
    case OpKind::kPreemptOff:
    case OpKind::kIrqsOff:
      return book.Length(0);
    case OpKind::kSleep:
      return book.Choice(
          {book.Length(0), book.Object({{"for", book.Length(0), "how long"},
                                        {"until", book.Length(0), "till when"},
                                        {"state", book.Word(WordList(kSleepStateWords)),
                                         "how it sleeps (default S)"}},
                                       {{{"for", "until"}, 1, 1}})});
    case OpKind::kTimer:
      return TimerShape(book);
    case OpKind::kLock:
      return LockShape(book, ops);
    case OpKind::kTrylock:
      return NameOrObject(
          book, "name", "the mutex",
          {{"then", ops, "what is done holding it"}, {"else", ops, "what is done without it"}});
    case OpKind::kWait:
      return book.Object(
          {{"ref", book.String(TextForm::kName), "the condition variable", true}, mutex, timeout});
    case OpKind::kSync:
      return book.Object(
          {{"ref", book.String(TextForm::kName), "the condition variable", true}, mutex});
    case OpKind::kSignal:
    case OpKind::kBroad:
      return NameOrObject(book, "ref", "the condition variable");
    case OpKind::kUnlock:
      return NameOrObject(book, "name", "the mutex");
    case OpKind::kBarrier:
    case OpKind::kSemPost:
    case OpKind::kSuspend:
    case OpKind::kResume:
      return NameOrObject(book, "name", "which one");
    case OpKind::kSemWait:
      return NameOrObject(book, "name", "the semaphore", {timeout});
    case OpKind::kYield:
    case OpKind::kMigrateDisable:
    case OpKind::kMigrateEnable:
    case OpKind::kExec:
    case OpKind::kExit:
      return book.Object({});
    case OpKind::kBlock:
      return BlockShape(book, timeout);
    case OpKind::kWake:
      return NameOrObject(book, "task", "whom",
                          {{"sync", book.Bool(), "the waker is about to sleep"}});
    case OpKind::kFork:
      return NameOrObject(book, "task", "the template");
    case OpKind::kKill:
      return NameOrObject(book, "task", "whom",
                          {{"signal", book.Word(WordList(kSignalWords)), "default TERM"}});
    case OpKind::kSetSched:
      return sched;
    case OpKind::kSetAffinity:
      return book.Choice({book.String(TextForm::kCpuList),
                          book.Object({{"cpus", book.String(TextForm::kCpuList), "which", true}})});
    case OpKind::kLoop:
      return book.Object({{"count", book.Choice({book.Integer(0, INT64_MAX), book.Word(kForever)}),
                           "how often", true},
                          {"name", book.String(TextForm::kName), "of the phase, for people"},
                          {"ops", ops, "what is repeated", true}});
    case OpKind::kService:
      break;
  }
  return book.Any();
}

// Words separated by spaces.
std::vector<std::string> SplitWords(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t space = std::min(text.find(' '), text.size());
    if (space > 0) words.emplace_back(text.substr(0, space));
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  return words;
}

// What an argument of a service's operation may be: one of its words if it has a list of them.
std::vector<std::string> WordsOfArg(const std::string& arg) {
  std::vector<std::string> words;
  std::size_t at = arg.find(':');
  while (at != std::string::npos) {
    const std::size_t end = std::min(arg.find('|', at + 1), arg.size());
    words.push_back(arg.substr(at + 1, end - at - 1));
    at = end == arg.size() ? std::string::npos : end;
  }
  return words;
}

const Shape* ServiceOpShape(ShapeBook& book, const ServiceOpInfo& info) {
  std::vector<KeyShape> keys;
  for (const std::string& arg : SplitWords(info.args)) {
    const std::vector<std::string> words = WordsOfArg(arg);
    const Shape* shape =
        words.empty()
            ? book.Choice({book.Integer(INT64_MIN, INT64_MAX), book.String(), book.Bool()})
            : book.Word(words);
    keys.push_back({arg.substr(0, arg.find(':')), shape,
                    words.empty() ? "a number, a length, a task, or true or false" : "which"});
  }
  if (keys.empty()) return book.Object({});
  const Shape* first = keys.front().shape;
  return book.Choice({first, book.Object(std::move(keys))});
}

}  // namespace

const ServiceOpInfo* FindServiceOp(const Registry& registry, std::string_view name) {
  for (const RegistryEntry& entry : registry.entries()) {
    for (const ServiceOpInfo& info : entry.info->ops) {
      if (info.name == name) return &info;
    }
  }
  return nullptr;
}

const OpInfo* FindOp(std::string_view name) {
  for (const OpInfo& info : OpTable()) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

namespace {

class OpReader {
 public:
  OpReader(ReadContext& context, int depth) : context_(context), depth_(depth) {}

  std::optional<OpSpec> Read(const JsonValue& item) {
    for (const JsonMember& member : item.members) {
      if (IsNote(member.key)) continue;
      OpSpec op;
      op.pos = member.key_pos;
      if (const OpInfo* info = FindOp(member.key)) {
        op.kind = info->kind;
        ReadForm(member.value, op);
        return op;
      }
      if (FindServiceOp(context_.registry, member.key) != nullptr) {
        op.kind = OpKind::kService;
        op.name = member.key;
        ReadArguments(member.value, *FindServiceOp(context_.registry, member.key), op);
        return op;
      }
    }
    return std::nullopt;
  }

 private:
  void ReadForm(const JsonValue& value, OpSpec& op) {
    switch (op.kind) {
      case OpKind::kRun:
        return ReadRun(value, op);
      case OpKind::kRuntime:
      case OpKind::kPreemptOff:
      case OpKind::kIrqsOff:
        op.cycles = Cycles(context_.LengthOf(value).value_or(0));
        return;
      case OpKind::kSleep:
        return ReadSleep(value, op);
      case OpKind::kTimer:
        ReadContext::ReadText(value, "ref", op.name);
        op.cycles = Cycles(context_.LengthAt(value, "period", 1).value_or(1));
        ReadContext::ReadWord(value, "mode", kTimerModeWords, op.timer_mode);
        ReadContext::ReadBool(value, "unique", op.unique);
        return;
      case OpKind::kLock:
        return ReadLock(value, op);
      case OpKind::kUnlock:
        return ReadName(value, "name", op, &context_.locks, "mutex");
      case OpKind::kTrylock:
        ReadName(value, "name", op, &context_.locks, "mutex");
        op.ops = ReadBody(value, "then");
        op.otherwise = ReadBody(value, "else");
        return;
      case OpKind::kWait:
      case OpKind::kSync:
        ReadName(value, "ref", op, &context_.condvars, "condvar");
        if (const JsonValue* mutex = ReadContext::Get(value, "mutex", Kind::kString)) {
          op.second = mutex->text;
          context_.MustBeDeclared(*mutex, context_.locks, "mutex");
        }
        return ReadTimeout(value, op);
      case OpKind::kSignal:
      case OpKind::kBroad:
        return ReadName(value, "ref", op, &context_.condvars, "condvar");
      case OpKind::kBarrier:
      case OpKind::kSuspend:
      case OpKind::kResume:
      case OpKind::kSemPost:
        return ReadName(value, "name", op, nullptr, "");
      case OpKind::kSemWait:
        ReadName(value, "name", op, nullptr, "");
        return ReadTimeout(value, op);
      case OpKind::kYield:
      case OpKind::kMigrateDisable:
      case OpKind::kMigrateEnable:
      case OpKind::kExec:
      case OpKind::kExit:
      case OpKind::kService:
        return;
      case OpKind::kBlock:
        return ReadBlock(value, op);
      case OpKind::kWake:
      case OpKind::kKill:
      case OpKind::kFork:
        ReadName(value, "task", op, &context_.task_names, "task");
        ReadContext::ReadBool(value, "sync", op.sync);
        ReadContext::ReadWord(value, "signal", kSignalWords, op.signal);
        return;
      case OpKind::kSetSched:
        op.sched = ReadSched(context_, value);
        return;
      case OpKind::kSetAffinity:
        op.cpus =
            (value.is(Kind::kString) ? context_.CpusOf(value) : context_.CpusAt(value, "cpus"))
                .value_or(CpuSet());
        return context_.MustHaveCpu(value, op.cpus);
      case OpKind::kLoop:
        return ReadLoop(value, op);
    }
  }

  void ReadRun(const JsonValue& value, OpSpec& op) {
    const JsonValue* length = value.is(Kind::kObject) ? value.Find("for") : &value;
    if (length == nullptr) return;
    op.forever = length->is(Kind::kString) && length->text == kForever[0];
    if (!op.forever) op.cycles = Cycles(context_.LengthOf(*length).value_or(0));
    ReadContext::ReadWord(value, "mode", kRunModeWords, op.mode);
  }

  void ReadSleep(const JsonValue& value, OpSpec& op) {
    if (!value.is(Kind::kObject)) {
      op.cycles = Cycles(context_.LengthOf(value).value_or(0));
      return;
    }
    if (const auto until = context_.LengthAt(value, "until")) op.until = Time(*until);
    if (const auto cycles = context_.LengthAt(value, "for")) op.cycles = Cycles(*cycles);
    ReadContext::ReadWord(value, "state", kSleepStateWords, op.sleep_state);
  }

  void ReadLock(const JsonValue& value, OpSpec& op) {
    ReadName(value, "name", op, &context_.locks, "mutex");
    bool interruptible = false;
    bool killable = false;
    ReadContext::ReadBool(value, "interruptible", interruptible);
    ReadContext::ReadBool(value, "killable", killable);
    if (interruptible) op.lock_wait = LockWait::kInterruptible;
    if (killable) op.lock_wait = LockWait::kKillable;
    op.ops = ReadBody(value, "then");
    op.otherwise = ReadBody(value, "else");
  }

  void ReadBlock(const JsonValue& value, OpSpec& op) {
    std::string kind;
    ReadContext::ReadText(value, "kind", kind);
    if (const JsonValue* lock = ReadContext::Get(value, "lock", Kind::kString)) {
      context_.MustBeDeclared(*lock, context_.locks, "mutex");
      op.name = lock->text;
    }
    if (kind == "mutex") {
      if (op.name.empty()) {
        context_.diagnostics.Error(ErrorCode::kMissingKey, value,
                                   "a block of kind mutex needs the key \"lock\"");
      }
      op.kind = OpKind::kLock;
      return;
    }
    op.page_fault = kind == "fault";
    ReadContext::ReadWord(value, "state", kSleepStateWords, op.sleep_state);
    std::string sleep;
    ReadContext::ReadText(value, "sleep", sleep);
    if (sleep == "uninterruptible") op.sleep_state = SleepState::kUninterruptible;
    if (sleep == "killable") op.sleep_state = SleepState::kKillable;
    if (sleep == "idle") op.sleep_state = SleepState::kIdle;
    op.cycles = Cycles(context_.LengthAt(value, "for", 1).value_or(0));
    op.kernel_tail = Cycles(context_.LengthAt(value, "kernel_tail").value_or(0));
    ReadContext::ReadInteger(value, "times", op.count);
    ReadTimeout(value, op);
  }

  void ReadLoop(const JsonValue& value, OpSpec& op) {
    if (const JsonValue* count = value.Find("count")) {
      if (count->is(Kind::kString)) op.count = -1;
      if (count->is(Kind::kInteger) && count->integer >= 0) op.count = count->integer;
    }
    ReadContext::ReadText(value, "name", op.name);
    op.ops = ReadBody(value, "ops");
    if (op.count == -1 && !context_.CanTakeTime(op.ops)) {
      context_.diagnostics.Error(ErrorCode::kEndlessLoop, value,
                                 "repeats for ever what takes no time: the run would never go on");
    }
  }

  std::vector<OpSpec> ReadBody(const JsonValue& value, std::string_view key) {
    const JsonValue* body = ReadContext::Get(value, key, Kind::kArray);
    return body == nullptr ? std::vector<OpSpec>() : ReadOps(context_, *body, depth_ + 1);
  }

  void ReadTimeout(const JsonValue& value, OpSpec& op) {
    if (const auto timeout = context_.LengthAt(value, "timeout")) op.timeout = Cycles(*timeout);
  }

  // `"A"` or `{key: "A"}`. Without a table the name is declared by its use.
  void ReadName(const JsonValue& value, std::string_view key, OpSpec& op, const NameTable* table,
                std::string_view what) {
    const JsonValue* name = value.is(Kind::kObject) ? value.Find(key) : &value;
    if (name == nullptr || !name->is(Kind::kString)) return;
    op.name = name->text;
    if (table == &context_.task_names) {
      context_.MustBeTask(*name);
    } else if (table != nullptr) {
      context_.MustBeDeclared(*name, *table, what);
    }
  }

  // `{"cpu": 1}`, or the first argument alone.
  void ReadArguments(const JsonValue& value, const ServiceOpInfo& info, OpSpec& op) {
    const std::vector<std::string> args = SplitWords(info.args);
    if (!value.is(Kind::kObject)) {
      if (!args.empty()) ReadArgument(args[0], value, op);
      return;
    }
    for (const JsonMember& member : value.members) {
      for (const std::string& arg : args) {
        if (arg.substr(0, arg.find(':')) == member.key) ReadArgument(arg, member.value, op);
      }
    }
  }

  void ReadArgument(const std::string& arg, const JsonValue& value, OpSpec& op) {
    const std::string name = arg.substr(0, arg.find(':'));
    const std::vector<std::string> words = WordsOfArg(arg);
    const auto word = std::find(words.begin(), words.end(), value.text);
    if (value.is(Kind::kBool)) {
      op.args.emplace_back(name, value.boolean);
    } else if (value.is(Kind::kInteger)) {
      op.args.emplace_back(name, value.integer);
    } else if (value.is(Kind::kString) && word != words.end()) {
      op.args.emplace_back(name, *word);
    } else if (value.is(Kind::kString) && words.empty() && IsLengthText(value.text)) {
      if (const auto length = context_.LengthOf(value)) op.args.emplace_back(name, *length);
    } else if (value.is(Kind::kString) && words.empty()) {
      context_.MustBeTask(value);
      op.args.emplace_back(name, value.text);
    }
  }

  ReadContext& context_;
  int depth_;
};

}  // namespace

const Shape* OpsShape(ShapeBook& book, const Registry& registry, const Shape* sched) {
  Shape& op = book.New(Shape::Kind::kOneKey);
  op.name = "op";
  op.doc = "One operation of a program: an object with one key.";
  const Shape* ops = book.Array(&op);
  for (const OpInfo& info : OpTable()) {
    op.keys.push_back(
        {std::string(info.name), OpShape(book, info.kind, ops, sched), std::string(info.effect)});
  }
  for (const RegistryEntry& entry : registry.entries()) {
    for (const ServiceOpInfo& info : entry.info->ops) {
      if (op.FindKey(info.name) != nullptr) continue;
      op.keys.push_back(
          {std::string(info.name), ServiceOpShape(book, info), std::string(info.summary)});
    }
  }
  return ops;
}

std::vector<OpSpec> ReadOps(ReadContext& context, const JsonValue& value, int depth) {
  std::vector<OpSpec> ops;
  if (depth > kMaxProgramDepth) {
    context.diagnostics.Error(
        ErrorCode::kTooMany, value,
        fmt::format("more than {} loops inside each other", kMaxProgramDepth));
    return ops;
  }
  OpReader reader(context, depth);
  for (const JsonValue& item : value.items) {
    if (std::optional<OpSpec> op = reader.Read(item)) ops.push_back(std::move(*op));
  }
  return ops;
}

}  // namespace rqsim
