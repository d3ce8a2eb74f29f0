// Critical sections of user code: what stands in one is code that the kernel may send back to its
// beginning at any instant, and rseq allows no system call there (pairing.md 3; Linux 7.2
// kernel/rseq.c: __rseq_debug_syscall_return(), which kills a task that made one).
// Operations of the machine and of services that enter the kernel by themselves are refused, mutex
// operations among them. A page fault is none: the task is switched out and the section aborted
// (MODEL-260).

#include <fmt/format.h>

#include "sim/scenario/read_context.h"
#include "sim/scenario/shape.h"

namespace rqsim {
namespace {

using Kind = JsonValue::Kind;

class SectionChecker {
 public:
  explicit SectionChecker(ReadContext& context) : context_(context) {}

  void CheckTask(const JsonValue& task) {
    begin_ = nullptr;
    const JsonValue* ops = ReadContext::Get(task, "ops", Kind::kArray);
    if (ops == nullptr) return;
    Walk(*ops);
    if (begin_ == nullptr) return;
    context_.diagnostics.ErrorAtKey(
        ErrorCode::kSectionNotEnded, *begin_, "the program ends inside this critical section",
        fmt::format("put an operation that ends it (\"{}\") behind it", NameOfEnd()));
  }

 private:
  // In the order of the text. A section may begin and end on different levels of loops.
  void Walk(const JsonValue& ops) {
    for (const JsonValue& item : ops.items) {
      for (const JsonMember& member : item.members) {
        if (IsNote(member.key)) continue;
        Operation(member);
        break;
      }
    }
  }

  void Operation(const JsonMember& member) {
    if (const ServiceOpInfo* info = FindServiceOp(context_.registry, member.key)) {
      ServiceOperation(member, *info);
    } else if (const OpInfo* machine_op = FindOp(member.key)) {
      if (begin_ != nullptr && EntersKernel(*machine_op, member.value)) Refuse(member);
    }
    for (const char* body : {"ops", "then", "else"}) {
      if (const JsonValue* ops = ReadContext::Get(member.value, body, Kind::kArray)) Walk(*ops);
    }
  }

  void ServiceOperation(const JsonMember& member, const ServiceOpInfo& info) {
    switch (info.role) {
      case OpRole::kSectionBegin:
        if (begin_ != nullptr) RefuseSection(member);
        begin_ = &member;
        return;
      case OpRole::kSectionEnd:
        begin_ = nullptr;
        return;
      case OpRole::kPercpu:
        if (begin_ != nullptr) RefuseSection(member);
        return;
      case OpRole::kPlain:
        if (begin_ != nullptr) Refuse(member);
        return;
    }
  }

  static bool EntersKernel(const OpInfo& info, const JsonValue& value) {
    if (info.kind == OpKind::kBlock) {
      const JsonValue* kind = ReadContext::Get(value, "kind", Kind::kString);
      return kind == nullptr || kind->text != "fault";
    }
    const bool is_mutex =
        info.kind == OpKind::kLock || info.kind == OpKind::kUnlock || info.kind == OpKind::kTrylock;
    return info.pays_syscall || is_mutex;
  }

  void Refuse(const JsonMember& member) {
    context_.diagnostics.ErrorAtKey(
        ErrorCode::kSyscallInSection, member,
        fmt::format("\"{}\" is a system call inside the critical section of {}:{}", member.key,
                    begin_->key_pos.line, begin_->key_pos.column),
        "rseq allows none there: put it before the section or behind its end");
  }

  void RefuseSection(const JsonMember& member) {
    context_.diagnostics.ErrorAtKey(
        ErrorCode::kSectionInSection, member,
        fmt::format("\"{}\" begins a critical section inside that of {}:{}", member.key,
                    begin_->key_pos.line, begin_->key_pos.column),
        fmt::format("critical sections cannot be nested; \"{}\" ends one", NameOfEnd()));
  }

  std::string_view NameOfEnd() const {
    for (const RegistryEntry& entry : context_.registry.entries()) {
      for (const ServiceOpInfo& info : entry.info->ops) {
        if (info.role == OpRole::kSectionEnd) return info.name;
      }
    }
    return "";
  }

  ReadContext& context_;
  const JsonMember* begin_ = nullptr;  // of the section that is open
};

}  // namespace

void CheckSections(ReadContext& context, const JsonValue& root) {
  SectionChecker checker(context);
  for (const char* key : {"tasks", "kthreads"}) {
    const JsonValue* tasks = ReadContext::Get(root, key, Kind::kArray);
    if (tasks == nullptr) continue;
    for (const JsonValue& task : tasks->items) checker.CheckTask(task);
  }
}

}  // namespace rqsim
