// Policy sets with everything filled in: from the set, what all sets share, presets, the kernel.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rqsim/scenario.h"
#include "rqsim/simulation.h"

namespace rqsim {
namespace {

PolicyChoice Choice(std::string name, std::vector<std::pair<std::string, ParamValue>> params = {}) {
  PolicyChoice choice;
  choice.name = std::move(name);
  choice.params = std::move(params);
  return choice;
}

// The set-ups of model/README section 4 that a set can name.
PolicySet PresetSet(std::string_view preset) {
  PolicySet set;
  if (preset == "C" || preset == "M") {
    set.sched_class = Choice("default", {{"preempt", std::string("full")},
                                         {"base_slice", int64_t{3000}},
                                         {"hrtick", false},
                                         {"hrtick_min", int64_t{0}},
                                         {"hrtick_slop", int64_t{0}},
                                         {"slice_limits", false},
                                         {"dl_scale", int64_t{0}},
                                         {"dl_limits", false},
                                         {"fair_server", false}});
    set.placement = Choice("prev");
  } else if (preset == "MX" || preset == "PX") {
    set.sched_class = Choice("fifo");
    set.placement = Choice("prev");
  } else if (preset == "UM") {
    set.sched_class = Choice("fifo");
    set.placement = Choice("simple");
  } else if (preset == "PA" || preset == "HP" || preset == "KA") {
    set.sched_class = Choice("fifo", {{"preempt", std::string("none")}});
    set.placement = Choice("prev");
  }
  return set;
}

// What Linux 7.2 does where nobody says otherwise.
PolicySet KernelSet() {
  PolicySet set;
  set.sched_class = Choice("default");
  set.lock = Choice("mutex");
  set.placement = Choice("simple");
  set.services.emplace();
  return set;
}

void FillIn(PolicySet& set, const PolicySet& from) {
  if (set.kernel.empty()) set.kernel = from.kernel;
  if (!set.sched_class) set.sched_class = from.sched_class;
  if (!set.lock) set.lock = from.lock;
  if (!set.placement) set.placement = from.placement;
  if (!set.services) set.services = from.services;
  if (!set.user) set.user = from.user;
}

}  // namespace

PolicySet ResolvePolicySet(const Scenario& scenario, const PolicySet& set) {
  PolicySet resolved = set;
  if (!set.preset.empty()) FillIn(resolved, PresetSet(set.preset));
  FillIn(resolved, scenario.common);
  if (!scenario.common.preset.empty()) FillIn(resolved, PresetSet(scenario.common.preset));
  FillIn(resolved, KernelSet());
  if (resolved.kernel.empty()) resolved.kernel = scenario.kernel;
  return resolved;
}

const PolicySet* FindPolicySet(const Scenario& scenario, std::string_view name) {
  for (const PolicySet& set : scenario.policies) {
    if (set.name == name) return &set;
  }
  static const PolicySet kDefault = [] {
    PolicySet set;
    set.name = "default";
    return set;
  }();
  return scenario.policies.empty() && name == kDefault.name ? &kDefault : nullptr;
}

}  // namespace rqsim
