#include "sim/scenario/rtapp/words.h"

#include <array>
#include <utility>

namespace rqsim::rtapp {
namespace {

constexpr std::array kOperations = {
    OperationWord{"lock", OpKind::kLock},        OperationWord{"unlock", OpKind::kUnlock},
    OperationWord{"wait", OpKind::kWait},        OperationWord{"signal", OpKind::kSignal},
    OperationWord{"broad", OpKind::kBroad},      OperationWord{"sync", OpKind::kSync},
    OperationWord{"sleep", OpKind::kSleep},      OperationWord{"run", OpKind::kRun},
    OperationWord{"runtime", OpKind::kRuntime},  OperationWord{"timer", OpKind::kTimer},
    OperationWord{"suspend", OpKind::kSuspend},  OperationWord{"resume", OpKind::kResume},
    OperationWord{"barrier", OpKind::kBarrier},  OperationWord{"fork", OpKind::kFork},
    OperationWord{"yield", OpKind::kYield},      OperationWord{"sem_post", OpKind::kSemPost},
    OperationWord{"sem_wait", OpKind::kSemWait}, OperationWord{"mem", std::nullopt},
    OperationWord{"iorun", std::nullopt},
};

constexpr std::array<std::pair<std::string_view, Property>, 17> kProperties = {{
    {"loop", Property::kLoop},
    {"instance", Property::kInstance},
    {"delay", Property::kDelay},
    {"phases", Property::kPhases},
    {"policy", Property::kPolicy},
    {"priority", Property::kPriority},
    {"dl-runtime", Property::kDlRuntime},
    {"dl-period", Property::kDlPeriod},
    {"dl-deadline", Property::kDlDeadline},
    {"period", Property::kLegacyPeriod},
    {"deadline", Property::kLegacyDeadline},
    {"cpus", Property::kCpus},
    {"util_min", Property::kNotModelled},
    {"util_max", Property::kNotModelled},
    {"nodes_membind", Property::kNotModelled},
    {"membind_nodes", Property::kNotModelled},
    {"taskgroup", Property::kNotModelled},
}};

constexpr std::array<std::string_view, 3> kOldGrammar = {"exec", "lock_order", "resources"};

}  // namespace

const OperationWord* OperationOf(std::string_view key) {
  if (PropertyOf(key) || IsOldGrammar(key)) return nullptr;
  const OperationWord* longest = nullptr;
  for (const OperationWord& operation : kOperations) {
    if (!key.starts_with(operation.word)) continue;
    if (longest == nullptr || operation.word.size() > longest->word.size()) longest = &operation;
  }
  return longest;
}

std::optional<Property> PropertyOf(std::string_view key) {
  for (const auto& [word, property] : kProperties) {
    if (word == key) return property;
  }
  return std::nullopt;
}

bool IsOldGrammar(std::string_view key) {
  for (const std::string_view word : kOldGrammar) {
    if (word == key) return true;
  }
  return false;
}

}  // namespace rqsim::rtapp
