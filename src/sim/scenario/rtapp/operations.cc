#include "sim/scenario/rtapp/operations.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>
#include <utility>

#include "sim/scenario/rtapp/sched.h"

namespace rqsim::rtapp {
namespace {

// What rt-app takes where an object leaves a name out.
constexpr std::string_view kUnnamed = "unknown";

class Translator {
 public:
  Translator(const JsonMember& member, const std::string& path, Reporter& reporter)
      : member_(member), path_(path), reporter_(reporter) {}

  // The name that the value is.
  bool Name(OpSpec& op) {
    if (member_.value.kind != JsonValue::Kind::kString) {
      return WrongType(member_.value, "a name", path_);
    }
    if (member_.value.text.empty()) {
      reporter_.Error(Code::kMissing, member_.value.begin, fmt::format("{}: an empty name", path_));
      return false;
    }
    op.name = member_.value.text;
    return true;
  }

  bool Length(OpSpec& op) {
    const std::optional<Cycles> length = Microseconds(member_.value, path_, reporter_);
    if (length) op.cycles = *length;
    return length.has_value();
  }

  // {"ref": NAME, "mutex": NAME}
  bool ConditionAndMutex(OpSpec& op) {
    if (!Object({"ref", "mutex"})) return false;
    const std::optional<std::string> ref = NameIn("ref");
    const std::optional<std::string> mutex = NameIn("mutex");
    if (!ref || !mutex) return false;
    op.name = *ref;
    op.second = *mutex;
    return true;
  }

  // {"ref": NAME, "period": MICROSECONDS, "mode": "relative" | "absolute"}
  bool Timer(OpSpec& op) {
    if (!Object({"ref", "period", "mode"})) return false;
    const std::optional<std::string> ref = NameIn("ref");
    if (!ref) return false;
    op.name = *ref;
    op.unique = ref->starts_with("unique");
    if (const JsonValue* period = member_.value.Find("period")) {
      const auto cycles = Microseconds(*period, path_ + ".period", reporter_);
      if (!cycles) return false;
      op.cycles = *cycles;
    }
    if (!Mode(op)) return false;
    if (op.cycles > kZeroCycles) return true;
    reporter_.NotModelled(member_.key_begin, path_, "a timer without a period never waits", true);
    return false;
  }

  // The name of a resource; without one, the thread's own.
  bool OwnName(OpSpec& op, const std::string& thread) {
    const JsonValue& value = member_.value;
    if (value.kind == JsonValue::Kind::kNull ||
        (value.kind == JsonValue::Kind::kString && value.text.empty())) {
      op.name = thread;
      return true;
    }
    return Name(op);
  }

 private:
  bool Mode(OpSpec& op) {
    const JsonValue* mode = member_.value.Find("mode");
    if (mode == nullptr) return true;
    if (mode->kind == JsonValue::Kind::kString && mode->text == "absolute") {
      op.timer_mode = TimerMode::kAbsolute;
      return true;
    }
    if (mode->kind == JsonValue::Kind::kString && mode->text == "relative") return true;
    return WrongType(*mode, "\"relative\" or \"absolute\"", path_ + ".mode");
  }

  bool Object(std::initializer_list<std::string_view> known) {
    if (member_.value.kind != JsonValue::Kind::kObject) {
      return WrongType(member_.value, "an object", path_);
    }
    bool is_good = true;
    const std::vector<JsonMember>& members = member_.value.members;
    // The look-ups below are linear.
    constexpr std::size_t kMostKeys = 64;
    if (members.size() > kMostKeys) {
      reporter_.Error(Code::kRange, member_.value.begin,
                      fmt::format("{}: more than {} keys", path_, kMostKeys));
      return false;
    }
    for (const JsonMember& inner : members) {
      bool is_known = false;
      for (const std::string_view key : known) is_known = is_known || key == inner.key;
      if (!is_known) {
        reporter_.NotModelled(inner.key_begin, fmt::format("{}.{}", path_, inner.key),
                              "rt-app has no such key here", false);
      } else if (member_.value.Find(inner.key) != &inner.value) {
        reporter_.Error(Code::kRepeated, inner.key_begin,
                        fmt::format("{}.{}: given twice", path_, inner.key));
        is_good = false;
      }
    }
    return is_good;
  }

  std::optional<std::string> NameIn(std::string_view key) {
    const JsonValue* value = member_.value.Find(key);
    if (value == nullptr) {
      reporter_.Remark(
          member_.key_begin,
          fmt::format("{}: no \"{}\", taken as \"{}\" as rt-app does", path_, key, kUnnamed));
      return std::string(kUnnamed);
    }
    if (value->kind != JsonValue::Kind::kString || value->text.empty()) {
      WrongType(*value, "a name", fmt::format("{}.{}", path_, key));
      return std::nullopt;
    }
    return value->text;
  }

  bool WrongType(const JsonValue& value, std::string_view wanted, const std::string& path) {
    reporter_.Error(Code::kType, value.begin,
                    fmt::format("{}: {} wanted, {} found", path, wanted, DescribeJson(value)));
    return false;
  }

  const JsonMember& member_;
  const std::string& path_;
  Reporter& reporter_;
};

bool Fill(Translator& translator, const std::string& thread, OpSpec& op) {
  switch (op.kind) {
    case OpKind::kRun:
    case OpKind::kRuntime:
    case OpKind::kSleep:
      return translator.Length(op);
    case OpKind::kTimer:
      return translator.Timer(op);
    case OpKind::kWait:
    case OpKind::kSync:
      return translator.ConditionAndMutex(op);
    case OpKind::kSuspend:
      return translator.OwnName(op, thread);
    case OpKind::kYield:
      // Whatever value it has means nothing.
      return true;
    default:
      return translator.Name(op);
  }
}

}  // namespace

void TranslateOperation(const JsonMember& member, const OperationWord& word,
                        const std::string& path, const std::string& thread, Reporter& reporter,
                        std::vector<OpSpec>& ops) {
  if (!word.kind) {
    reporter.NotModelled(member.key_begin, path,
                         word.word == "mem" ? "writing to memory" : "writing to a file", true);
    return;
  }
  OpSpec op;
  op.kind = *word.kind;
  op.pos = reporter.PosOf(member.key_begin);
  Translator translator(member, path, reporter);
  if (Fill(translator, thread, op)) ops.push_back(std::move(op));
}

}  // namespace rqsim::rtapp
