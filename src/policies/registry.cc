#include "rqsim/registry.h"

namespace rqsim {

const Registry& Registry::BuiltIn() {
  static const Registry registry = [] {
    Registry table;
    return table;
  }();
  return registry;
}

const RegistryEntry* Registry::Find(Seam seam, std::string_view name) const {
  if (name.empty()) return nullptr;
  for (const RegistryEntry& entry : entries_) {
    if (entry.info->seam != seam) continue;
    if (entry.info->name == name || entry.alias == name) return &entry;
  }
  return nullptr;
}

const ClassStack* Registry::FindStack(std::string_view name) const {
  for (const ClassStack& stack : stacks_) {
    if (stack.name == name) return &stack;
  }
  return nullptr;
}

const std::vector<ParamInfo>& ClassStackParams() {
  static const std::vector<ParamInfo> params = [] {
    ParamInfo preempt;
    preempt.name = "preempt";
    preempt.kind = ParamKind::kEnum;
    preempt.default_text = "lazy";
    preempt.allowed = "full lazy none";
    preempt.summary = "preemption mode of the kernel: when a request in kernel code is acted on";
    return std::vector<ParamInfo>{preempt};
  }();
  return params;
}

}  // namespace rqsim
