#include "sim/scenario/rtapp/sched.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace rqsim::rtapp {
namespace {

constexpr std::array<std::pair<std::string_view, SchedPolicy>, 5> kPolicies = {{
    {"SCHED_OTHER", SchedPolicy::kNormal},
    {"SCHED_IDLE", SchedPolicy::kIdle},
    {"SCHED_FIFO", SchedPolicy::kFifo},
    {"SCHED_RR", SchedPolicy::kRr},
    {"SCHED_DEADLINE", SchedPolicy::kDeadline},
}};

bool IsRt(SchedPolicy policy) { return policy == SchedPolicy::kFifo || policy == SchedPolicy::kRr; }

// Keys that sched_setattr() of the policy in force does not look at.
void NameUnused(const JsonMember* member, const std::string& path, std::string_view why,
                Reporter& reporter) {
  if (member == nullptr) return;
  reporter.NotModelled(member->key_begin, fmt::format("{}.{}", path, member->key), std::string(why),
                       false);
}

void ApplyPriority(const JsonMember& member, const std::string& path, SchedSpec& sched,
                   Reporter& reporter) {
  if (member.value.kind != JsonValue::Kind::kInteger) {
    reporter.Error(
        Code::kType, member.value.begin,
        fmt::format("{}.priority: {} found, an integer wanted", path, DescribeJson(member.value)));
    return;
  }
  const int64_t value = member.value.integer;
  if (sched.policy == SchedPolicy::kNormal) {
    if (value < -20 || value > 19) {
      reporter.Error(Code::kRange, member.value.begin,
                     fmt::format("{}.priority: {} is no nice value (-20 to 19), which it is under "
                                 "SCHED_OTHER",
                                 path, value));
      return;
    }
    sched.nice = static_cast<int>(value);
  } else if (IsRt(sched.policy)) {
    if (value < 1 || value > 99) {
      reporter.Error(Code::kRange, member.value.begin,
                     fmt::format("{}.priority: {} is no real-time priority (1 to 99)", path, value),
                     sched.nice == 0 && value < 0 ? "a nice value needs SCHED_OTHER" : "");
      return;
    }
    sched.priority = static_cast<int>(value);
  } else {
    NameUnused(&member, path, "neither SCHED_IDLE nor SCHED_DEADLINE looks at a priority",
               reporter);
  }
}

void ApplyDeadline(const SchedKeys& keys, std::size_t offset, const std::string& path,
                   SchedSpec& sched, Reporter& reporter) {
  // The period is the runtime where it is not given, the deadline is the period.
  const auto read = [&](const JsonMember* member, Cycles otherwise) {
    if (member == nullptr) return std::optional<Cycles>(otherwise);
    return Microseconds(member->value, fmt::format("{}.{}", path, member->key), reporter);
  };
  const std::optional<Cycles> runtime = read(keys.runtime, kZeroCycles);
  if (!runtime) return;
  const std::optional<Cycles> period = read(keys.period, *runtime);
  if (!period) return;
  const std::optional<Cycles> deadline = read(keys.deadline, *period);
  if (!deadline) return;
  // sched_setattr() refuses these (kernel/sched/deadline.c: __checkparam_dl()).
  if (*runtime < Cycles(1024)) {
    reporter.Error(Code::kRange, keys.runtime != nullptr ? keys.runtime->value.begin : offset,
                   fmt::format("{}: SCHED_DEADLINE needs a dl-runtime of 2 us at least", path),
                   keys.runtime == nullptr ? "the older spelling \"runtime\" is an operation" : "");
  } else if (*runtime > *deadline || *deadline > *period) {
    reporter.Error(Code::kRange, keys.runtime != nullptr ? keys.runtime->value.begin : offset,
                   fmt::format("{}: SCHED_DEADLINE needs dl-runtime <= dl-deadline <= dl-period, "
                               "found {} us, {} us, {} us",
                               path, runtime->count() / kCyclesPerMicrosecond,
                               deadline->count() / kCyclesPerMicrosecond,
                               period->count() / kCyclesPerMicrosecond));
  } else {
    sched.dl_runtime = *runtime;
    sched.dl_deadline = *deadline;
    sched.dl_period = *period;
  }
}

}  // namespace

std::optional<SchedPolicy> PolicyOf(const JsonMember& member, const std::string& path,
                                    Reporter& reporter) {
  if (member.value.kind == JsonValue::Kind::kString) {
    for (const auto& [name, policy] : kPolicies) {
      if (member.value.text == name) return policy;
    }
  }
  reporter.Error(Code::kUnknownName, member.value.begin,
                 fmt::format("{}.{}: one of SCHED_OTHER, SCHED_IDLE, SCHED_FIFO, SCHED_RR, "
                             "SCHED_DEADLINE wanted, {} found",
                             path, member.key,
                             member.value.kind == JsonValue::Kind::kString
                                 ? fmt::format("\"{}\"", member.value.text)
                                 : std::string(DescribeJson(member.value))));
  return std::nullopt;
}

std::optional<Cycles> Microseconds(const JsonValue& node, const std::string& path,
                                   Reporter& reporter) {
  if (node.kind != JsonValue::Kind::kInteger) {
    reporter.Error(Code::kType, node.begin,
                   fmt::format("{}: microseconds wanted, {} found", path, DescribeJson(node)));
    return std::nullopt;
  }
  constexpr int64_t kMost = kCyclesMax.count() / kCyclesPerMicrosecond;
  if (node.integer < 0 || node.integer > kMost) {
    reporter.Error(Code::kRange, node.begin,
                   fmt::format("{}: {} us is not in 0 to {}", path, node.integer, kMost));
    return std::nullopt;
  }
  return Cycles(node.integer * kCyclesPerMicrosecond);
}

SchedSpec DefaultSched(SchedPolicy policy) {
  SchedSpec sched;
  sched.policy = policy;
  if (IsRt(policy)) sched.priority = kDefaultRtPriority;
  return sched;
}

SchedSpec ApplySched(const SchedKeys& keys, const SchedSpec& before, std::size_t offset,
                     const std::string& path, Reporter& reporter) {
  SchedSpec sched = before;
  if (keys.policy != nullptr) {
    const std::optional<SchedPolicy> policy = PolicyOf(*keys.policy, path, reporter);
    if (!policy) return before;
    sched = DefaultSched(*policy);
  }
  if (keys.priority != nullptr) ApplyPriority(*keys.priority, path, sched, reporter);

  switch (sched.policy) {
    case SchedPolicy::kDeadline:
      if (keys.policy != nullptr || keys.runtime != nullptr || keys.period != nullptr ||
          keys.deadline != nullptr) {
        ApplyDeadline(keys, offset, path, sched, reporter);
      }
      return sched;
    case SchedPolicy::kNormal:
      // The fair class takes the runtime as the length of its requests.
      if (keys.runtime != nullptr) {
        const auto slice = Microseconds(keys.runtime->value,
                                        fmt::format("{}.{}", path, keys.runtime->key), reporter);
        if (slice) sched.slice = *slice;
      }
      break;
    case SchedPolicy::kIdle:
    case SchedPolicy::kFifo:
    case SchedPolicy::kRr:
      NameUnused(keys.runtime, path, "only SCHED_DEADLINE and SCHED_OTHER look at it", reporter);
      break;
    case SchedPolicy::kBatch:
    case SchedPolicy::kStop:
    case SchedPolicy::kSwapper:
      break;
  }
  NameUnused(keys.period, path, "only SCHED_DEADLINE looks at it", reporter);
  NameUnused(keys.deadline, path, "only SCHED_DEADLINE looks at it", reporter);
  return sched;
}

}  // namespace rqsim::rtapp
