#include "sim/views/event_text.h"

#include <fmt/format.h>

#include <iterator>

namespace rqsim {
namespace {

// The declaration of a policy's event; null if no policy of this run declares `kind`.
const EventInfo* DeclarationOf(const RunInfo& info, EventKind kind) {
  const int number = static_cast<int>(kind);
  const auto& policies = info.policies();
  for (std::size_t i = 0; i < policies.size(); ++i) {
    const int first = static_cast<int>(info.first_event_kind(PolicyId(static_cast<int32_t>(i))));
    const int count = static_cast<int>(policies[i]->events.size());
    if (number >= first && number < first + count) {
      return &policies[i]->events[static_cast<std::size_t>(number - first)];
    }
  }
  return nullptr;
}

void AppendField(const RunInfo& info, const FieldValue& field, std::string& out) {
  const auto to = std::back_inserter(out);
  const int32_t id = static_cast<int32_t>(field.value);
  switch (field.kind) {
    case FieldKind::kTask: {
      const std::string_view name = NameOrNone(info, TaskId(id));
      if (field.name.ends_with("pid")) {
        const std::string_view prefix = field.name.substr(0, field.name.size() - 3);
        fmt::format_to(to, " {}comm={} {}={}", prefix, name, field.name, id);
      } else {
        fmt::format_to(to, " {}={}", field.name, name);
      }
      return;
    }
    case FieldKind::kLock:
      fmt::format_to(to, " {}={}", field.name,
                     LockId(id).valid() ? info.lock_name(LockId(id)) : "none");
      return;
    case FieldKind::kCpu:
      if (id < 0) {
        fmt::format_to(to, " {}=none", field.name);
      } else {
        fmt::format_to(to, " {}={}", field.name, id);
      }
      return;
    case FieldKind::kState:
      fmt::format_to(to, " {}=", field.name);
      AppendState(field.value, out);
      return;
    case FieldKind::kSymbol:
      if (field.text != nullptr) {
        fmt::format_to(to, " {}=", field.name);
        field.text(field.value, out);
        return;
      }
      [[fallthrough]];
    case FieldKind::kInteger:
    case FieldKind::kCycles:
    case FieldKind::kTime:
      fmt::format_to(to, " {}={}", field.name, field.value);
      return;
  }
}

}  // namespace

std::string_view EventNameIn(const RunInfo& info, EventKind kind) {
  const std::string_view fixed = EventName(kind);
  if (!fixed.empty()) return fixed;
  const EventInfo* const declared = DeclarationOf(info, kind);
  return declared != nullptr ? declared->name : std::string_view();
}

int FieldsIn(const RunInfo& info, const TraceEvent& event, FieldValue out[kMaxEventFields]) {
  if (static_cast<int>(event.kind()) < kFirstPolicyEvent) return FieldsOf(event, out);
  const EventInfo* const declared = DeclarationOf(info, event.kind());
  if (declared == nullptr) return 0;
  PolicyEventPayload payload;
  std::memcpy(&payload, event.a, sizeof(payload));
  int count = 0;
  for (const EventFieldInfo& field : declared->fields) {
    if (count == 6) break;
    const int64_t value = count < 2 ? payload.wide[count] : payload.narrow[count - 2];
    out[count++] = FieldValue{field.name, field.kind, value, field.text};
  }
  return count;
}

std::string_view NameOrNone(const RunInfo& info, TaskId task) {
  return task.valid() && task.value() < info.num_tasks() ? info.task_name(task) : "none";
}

void AppendState(int64_t state, std::string& out) {
  out += static_cast<char>(state & 0xff);
  if ((state >> 8) != 0) out += '+';
}

void AppendEventText(const RunInfo& info, const TraceEvent& event, std::string& out) {
  if (event.cpu().valid()) {
    fmt::format_to(std::back_inserter(out), "{} {} ", event.t.cycles(), event.cpu().value());
  } else {
    fmt::format_to(std::back_inserter(out), "{} - ", event.t.cycles());
  }
  out += EventNameIn(info, event.kind());
  FieldValue fields[kMaxEventFields];
  const int count = FieldsIn(info, event, fields);
  const bool is_switch = event.kind() == EventKind::kSchedSwitch;
  for (int i = 0; i < count; ++i) {
    if (is_switch && fields[i].name == "kept_queued" && fields[i].value == 0) continue;
    if (is_switch && fields[i].name == "donor") {
      const SchedSwitch payload = event.As<SchedSwitch>();
      if (payload.donor == payload.next_pid) continue;
    }
    AppendField(info, fields[i], out);
  }
}

}  // namespace rqsim
