#include "sim/machine/program.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <iterator>

namespace rqsim {
namespace {

TaskState StateOf(SleepState state) {
  switch (state) {
    case SleepState::kInterruptible:
      return TaskState::kInterruptible;
    case SleepState::kUninterruptible:
      return TaskState::kUninterruptible;
    case SleepState::kKillable:
      return TaskState::kKillable;
    case SleepState::kIdle:
      return TaskState::kIdle;
  }
  return TaskState::kInterruptible;
}

class Compiler {
 public:
  Compiler(const Scenario& scenario, const ProgramNames& names)
      : scenario_(scenario), names_(names) {}

  absl::StatusOr<Programs> Compile() {
    for (const std::string& name : scenario_.condvars)
      Waitable(WaitableInfo::Kind::kCondvar, name, 0);
    for (const auto& [name, value] : scenario_.semaphores) {
      Waitable(WaitableInfo::Kind::kSemaphore, name, value);
    }
    for (const std::vector<TaskSpec>* list : {&scenario_.tasks, &scenario_.kthreads}) {
      for (const TaskSpec& task : *list) out_.programs.push_back(CompileTask(task));
    }
    if (!status_.ok()) return status_;
    for (const Program& program : out_.programs) {
      out_.max_counters = std::max(out_.max_counters, program.num_counters);
    }
    return std::move(out_);
  }

 private:
  Program CompileTask(const TaskSpec& task) {
    Program program;
    task_ = &task;
    if (task.worker_start == WorkerStart::kRegister) {
      OpSpec op;
      op.kind = OpKind::kService;
      op.name = "umcg_register";
      OneOp(program, op, 0);
    }
    barriers_seen_.clear();
    unique_timers_.clear();
    if (task.loop == 1) {
      Ops(program, task.ops, 0);
    } else {
      Loop(program, task.loop, task.ops, 0);
    }
    out_.num_unique_timers =
        std::max(out_.num_unique_timers, static_cast<int>(unique_timers_.size()));
    return program;
  }

  void Ops(Program& program, const std::vector<OpSpec>& ops, int depth) {
    for (const OpSpec& op : ops) OneOp(program, op, depth);
  }

  void Loop(Program& program, int64_t count, const std::vector<OpSpec>& body, int depth) {
    if (count == 0 || body.empty()) return;
    Instr begin;
    begin.flow = Instr::Flow::kLoopBegin;
    begin.kind = OpKind::kLoop;
    begin.value = count;
    begin.counter = depth;
    program.num_counters = std::max(program.num_counters, depth + 1);
    program.code.push_back(begin);
    const auto first = static_cast<int32_t>(program.code.size());
    Ops(program, body, depth + 1);
    Instr end;
    end.flow = Instr::Flow::kLoopEnd;
    end.kind = OpKind::kLoop;
    end.counter = depth;
    end.target = first;
    program.code.push_back(end);
  }

  void OneOp(Program& program, const OpSpec& op, int depth) {
    if (op.kind == OpKind::kLoop) {
      Loop(program, op.count, op.ops, depth);
      return;
    }
    if (names_.absent.count(op.name) != 0 &&
        (op.kind == OpKind::kWake || op.kind == OpKind::kKill)) {
      return;
    }
    if (op.kind == OpKind::kService) {
      OneServiceOp(program, op);
      return;
    }
    Instr instr;
    instr.kind = op.kind;
    instr.mode = op.mode;
    instr.value = op.cycles.count();
    instr.forever = op.forever;
    instr.lock_wait = op.lock_wait;
    instr.state = StateOf(op.sleep_state);
    instr.signal = op.signal;
    instr.timer_mode = op.timer_mode;
    instr.sync = op.sync;
    if (op.timeout) instr.limit = op.timeout->count();
    if (op.kind == OpKind::kBlock) {
      instr.page_fault = op.page_fault;
      instr.tail = op.kernel_tail.count();
      instr.times = static_cast<int32_t>(op.count);
      if (op.until) {
        instr.limit = op.until->cycles();
        instr.absolute = true;
      }
    }
    Operands(op, instr);
    const bool may_fail = op.kind == OpKind::kTrylock || op.kind == OpKind::kLock;
    if (may_fail && (!op.ops.empty() || !op.otherwise.empty())) {
      Branch(program, instr, op, depth);
      return;
    }
    program.code.push_back(instr);
  }

  // trylock or lock with consequences: `then` if it got the lock, `else` if not.
  void Branch(Program& program, const Instr& attempt, const OpSpec& op, int depth) {
    program.code.push_back(attempt);
    Instr to_else;
    to_else.flow =
        op.kind == OpKind::kTrylock ? Instr::Flow::kJumpIfZero : Instr::Flow::kJumpIfErrno;
    to_else.kind = op.kind;
    const std::size_t to_else_at = program.code.size();
    program.code.push_back(to_else);
    Ops(program, op.ops, depth);
    Instr to_end;
    to_end.flow = Instr::Flow::kJump;
    to_end.kind = op.kind;
    const std::size_t to_end_at = program.code.size();
    program.code.push_back(to_end);
    program.code[to_else_at].target = static_cast<int32_t>(program.code.size());
    Ops(program, op.otherwise, depth);
    program.code[to_end_at].target = static_cast<int32_t>(program.code.size());
  }

  void Operands(const OpSpec& op, Instr& instr) {
    switch (op.kind) {
      case OpKind::kRun:
      case OpKind::kRuntime:
      case OpKind::kYield:
      case OpKind::kBlock:
      case OpKind::kExec:
      case OpKind::kExit:
      case OpKind::kPreemptOff:
      case OpKind::kIrqsOff:
      case OpKind::kMigrateDisable:
      case OpKind::kMigrateEnable:
      case OpKind::kLoop:
        return;
      case OpKind::kSleep:
        if (op.until) instr.limit = op.until->cycles();
        return;
      case OpKind::kTimer:
        instr.object = Timer(op, instr);
        return;
      case OpKind::kLock:
      case OpKind::kUnlock:
      case OpKind::kTrylock:
        instr.object = Lookup(names_.locks, op.name, "mutex");
        return;
      case OpKind::kWait:
      case OpKind::kSync:
        instr.object = Waitable(WaitableInfo::Kind::kCondvar, op.name, 0);
        instr.object2 = Lookup(names_.locks, op.second, "mutex");
        return;
      case OpKind::kSignal:
      case OpKind::kBroad:
        instr.object = Waitable(WaitableInfo::Kind::kCondvar, op.name, 0);
        return;
      case OpKind::kBarrier:
        instr.object = Waitable(WaitableInfo::Kind::kBarrier, op.name, 0);
        CountBarrierUser(instr.object);
        return;
      case OpKind::kSuspend:
      case OpKind::kResume:
        instr.object =
            Waitable(WaitableInfo::Kind::kResource, op.name.empty() ? task_->name : op.name, 0);
        return;
      case OpKind::kSemPost:
      case OpKind::kSemWait:
        instr.object = Waitable(WaitableInfo::Kind::kSemaphore, op.name, 0);
        return;
      case OpKind::kWake:
      case OpKind::kKill:
        instr.object = Lookup(names_.tasks, op.name, "task");
        return;
      case OpKind::kSetSched:
        if (!op.name.empty()) instr.object = Lookup(names_.tasks, op.name, "task");
        instr.operand = static_cast<int32_t>(out_.attrs.size());
        out_.attrs.push_back(op.sched);
        return;
      case OpKind::kSetAffinity:
        if (!op.name.empty()) instr.object = Lookup(names_.tasks, op.name, "task");
        instr.operand = static_cast<int32_t>(out_.cpu_sets.size());
        out_.cpu_sets.push_back(op.cpus);
        return;
      case OpKind::kFork:
        instr.object = Lookup(names_.templates, op.name, "task");
        return;
      case OpKind::kService:
        return;  // OneServiceOp
    }
  }

  int32_t Lookup(const std::map<std::string, int32_t, std::less<>>& names, const std::string& name,
                 const char* what) {
    const auto found = names.find(name);
    if (found != names.end()) return found->second;
    Fail(absl::StrCat("task \"", task_->name, "\": \"", name, "\" is not a declared ", what));
    return -1;
  }

  int32_t Waitable(WaitableInfo::Kind kind, const std::string& name, int64_t initial) {
    for (std::size_t i = 0; i < out_.waitables.size(); ++i) {
      if (out_.waitables[i].kind == kind && out_.waitables[i].name == name)
        return static_cast<int32_t>(i);
    }
    out_.waitables.push_back({kind, name, initial});
    return static_cast<int32_t>(out_.waitables.size()) - 1;
  }

  // A barrier waits for as many tasks as use it; every instance counts once.
  void CountBarrierUser(int32_t waitable) {
    if (std::find(barriers_seen_.begin(), barriers_seen_.end(), waitable) != barriers_seen_.end())
      return;
    barriers_seen_.push_back(waitable);
    out_.waitables[static_cast<std::size_t>(waitable)].initial += std::max(1, task_->instances);
  }

  // Shared timers count from 0 up, a task's own from -2 down.
  int32_t Timer(const OpSpec& op, const Instr&) {
    if (op.unique) {
      const auto found = std::find(unique_timers_.begin(), unique_timers_.end(), op.name);
      const auto index = static_cast<int32_t>(found - unique_timers_.begin());
      if (found == unique_timers_.end()) unique_timers_.push_back(op.name);
      return -2 - index;
    }
    const auto found = std::find(out_.timers.begin(), out_.timers.end(), op.name);
    const auto index = static_cast<int32_t>(found - out_.timers.begin());
    if (found == out_.timers.end()) out_.timers.push_back(op.name);
    return index;
  }

  // ---------------------------------------------------------------------------- service operations

  void OneServiceOp(Program& program, const OpSpec& op) {
    const ServiceOpInfo* const info = FindOp(op.name);
    if (info == nullptr) {
      Fail(absl::StrCat("task \"", task_->name, "\": nobody brings the operation ", op.name));
      return;
    }
    if (info->role != OpRole::kPercpu && !HasService(op)) {
      WithoutService(program, op, *info);
      return;
    }
    const std::vector<int64_t> args = Arguments(op, *info);
    if (info->role == OpRole::kPercpu) {
      Percpu(program, args);
      return;
    }
    const std::size_t at = program.code.size();
    Call(program, op.name, args);
    if (info->role == OpRole::kSectionBegin) {
      section_at_ = at;
      const int on_abort = ArgIndex(*info, "on_abort");
      section_fails_ = on_abort >= 0 && args[static_cast<std::size_t>(on_abort)] != 0;
      program.code[at].target = static_cast<int32_t>(at);
    } else if (info->role == OpRole::kSectionEnd && section_fails_) {
      program.code[section_at_].target = static_cast<int32_t>(program.code.size());
    }
  }

  // One update of a CPU's data by the rule of the first service of the set that has one: a critical
  // section between two operations of that service, and before them perhaps one without it.
  void Percpu(Program& program, const std::vector<int64_t>& args) {
    PercpuRule rule;
    for (const auto& [policy, info] : names_.services) {
      if (rule.enter.empty() && !info->percpu.enter.empty()) rule = info->percpu;
    }
    std::size_t jump_at = 0;
    if (rule.tries_native) {
      const std::size_t native = CriticalSection(program, args, 1);
      // A guard that fails goes on at once.
      out_.service_ops[static_cast<std::size_t>(program.code[native].operand)].args[2] = 1;
      jump_at = program.code.size();
      Instr jump;
      jump.flow = Instr::Flow::kJump;
      program.code.push_back(jump);
      program.code[native].target = static_cast<int32_t>(program.code.size());
    }
    const std::size_t enter = program.code.size();
    if (!rule.enter.empty()) Call(program, rule.enter, {args[0]});
    const std::size_t begin = CriticalSection(program, args, rule.guard);
    program.code[begin].target = static_cast<int32_t>(rule.restarts ? enter : begin);
    if (rule.restarts) program.code[enter].target = static_cast<int32_t>(enter);
    if (!rule.leave.empty()) Call(program, rule.leave, {args[0]});
    if (rule.tries_native) {
      program.code[jump_at].target = static_cast<int32_t>(program.code.size());
    }
  }

  // Returns where it begins.
  std::size_t CriticalSection(Program& program, const std::vector<int64_t>& args, int64_t guard) {
    const std::size_t begin = program.code.size();
    Call(program, "rseq_begin", {args[0], guard, 0});
    Instr run;
    run.kind = OpKind::kRun;
    run.value = args[1];
    program.code.push_back(run);
    Call(program, "rseq_commit", {});
    return begin;
  }

  void Call(Program& program, std::string_view name, const std::vector<int64_t>& args) {
    ServiceOp call;
    for (const auto& [policy, info] : names_.services) {
      for (std::size_t i = 0; i < info->ops.size(); ++i) {
        const ServiceOpInfo& service_op = info->ops[i];
        if (service_op.name != name) continue;
        call.policy = policy;
        call.op = static_cast<int>(i);
        call.path = service_op.path;
        call.pays_syscall = service_op.pays_syscall;
      }
    }
    for (std::size_t i = 0; i < args.size() && i < std::size(call.args); ++i) {
      call.args[i] = args[i];
    }
    Instr instr;
    instr.kind = OpKind::kService;
    instr.operand = static_cast<int32_t>(out_.service_ops.size());
    // What traces call it: ServiceOpObject() in trace_event.h.
    if (call.policy >= 0) instr.object = ServiceOpObject(call.policy, call.op);
    out_.service_ops.push_back(call);
    program.code.push_back(instr);
  }

  // Null if nobody brings it.
  const ServiceOpInfo* FindOp(std::string_view name) const {
    for (const auto& [policy, info] : names_.services) {
      for (const ServiceOpInfo& op : info->ops) {
        if (op.name == name) return &op;
      }
    }
    if (names_.registry == nullptr) return nullptr;
    for (const RegistryEntry& entry : names_.registry->entries()) {
      for (const ServiceOpInfo& op : entry.info->ops) {
        if (op.name == name) return &op;
      }
    }
    return nullptr;
  }

  static std::vector<std::string_view> Split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find(separator), text.size());
      parts.push_back(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
  }

  // Which of its arguments has that name; -1 none.
  static int ArgIndex(const ServiceOpInfo& info, std::string_view name) {
    const std::vector<std::string_view> args = Split(info.args, ' ');
    const auto found = std::find_if(args.begin(), args.end(), [name](std::string_view arg) {
      return arg.substr(0, arg.find(':')) == name;
    });
    return found == args.end() ? -1 : static_cast<int>(found - args.begin());
  }

  // Which of the words that an argument may be is `word`; -1 if it has none, or not this one.
  static int WordIndex(const ServiceOpInfo& info, int arg, std::string_view word) {
    if (arg < 0) return -1;
    const std::string_view declared = Split(info.args, ' ')[static_cast<std::size_t>(arg)];
    const std::size_t colon = declared.find(':');
    if (colon == std::string_view::npos) return -1;
    const std::vector<std::string_view> words = Split(declared.substr(colon + 1), '|');
    const auto found = std::find(words.begin(), words.end(), word);
    return found == words.end() ? -1 : static_cast<int>(found - words.begin());
  }

  // In the order of the declaration; one that has no place there comes after the one before it.
  std::vector<int64_t> Arguments(const OpSpec& op, const ServiceOpInfo& info) {
    std::vector<int64_t> args(6, 0);
    int last = 0;
    for (const auto& [name, value] : op.args) {
      const int place = ArgIndex(info, name);
      const int at = place < 0 ? last : place;
      last = at + 1;
      if (at >= 6) continue;
      int64_t& arg = args[static_cast<std::size_t>(at)];
      if (const auto* number = std::get_if<int64_t>(&value)) {
        arg = *number;
      } else if (const auto* flag = std::get_if<bool>(&value)) {
        arg = *flag ? 1 : 0;
      } else {
        const auto& text = std::get<std::string>(value);
        const int word = WordIndex(info, place, text);
        if (word >= 0) {
          arg = word;
        } else {
          arg = names_.absent.count(text) != 0 ? -1 : Lookup(names_.tasks, text, "task");
        }
      }
    }
    return args;
  }

  bool HasService(const OpSpec& op) const {
    for (const auto& [policy, info] : names_.services) {
      for (const ServiceOpInfo& service_op : info->ops) {
        if (service_op.name == op.name) return true;
      }
    }
    return false;
  }

  // What the operation means where nobody brings it (ServiceOpInfo::without). A wake-up is of the
  // task it names, and a block ends when it says; one that is both wakes first.
  void WithoutService(Program& program, const OpSpec& op, const ServiceOpInfo& info) {
    if (info.without == OpKind::kRun) return;
    OpSpec plain;
    plain.kind = info.without;
    plain.pos = op.pos;
    const bool wakes = info.without == OpKind::kWake || info.without == OpKind::kSync;
    for (const auto& [name, value] : op.args) {
      if (name == "until") plain.until = Time(std::get<int64_t>(value));
      if (const auto* task = std::get_if<std::string>(&value); task != nullptr && wakes) {
        plain.name = *task;
      }
    }
    if (wakes && plain.name.empty()) return;
    if (info.without == OpKind::kSync) {
      OpSpec wake = plain;
      wake.kind = OpKind::kWake;
      OneOp(program, wake, 0);
      plain.kind = OpKind::kBlock;
      plain.name.clear();
    }
    OneOp(program, plain, 0);
  }

  void Fail(const std::string& message) {
    if (status_.ok()) status_ = absl::InvalidArgumentError(message);
  }

  const Scenario& scenario_;
  const ProgramNames& names_;
  Programs out_;
  absl::Status status_;
  const TaskSpec* task_ = nullptr;
  std::vector<int32_t> barriers_seen_;
  std::vector<std::string> unique_timers_;
  std::size_t section_at_ = 0;  // the last operation that began a section, and what becomes of it
  bool section_fails_ = false;
};

}  // namespace

absl::StatusOr<Programs> CompilePrograms(const Scenario& scenario, const ProgramNames& names) {
  return Compiler(scenario, names).Compile();
}

}  // namespace rqsim
