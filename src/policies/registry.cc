// The table of what this tree brings. A new policy adds one line here and its factory to
// policies.h.
#include "rqsim/registry.h"

#include "policies.h"

namespace rqsim {

const Registry& Registry::BuiltIn() {
  static const Registry registry = [] {
    Registry table;
    table.Add(RegistryEntry::Class(kStopClassInfo, MakeStopClass));
    table.Add(RegistryEntry::Class(kDeadlineClassInfo, MakeDeadlineClass));
    table.Add(RegistryEntry::Class(kRtClassInfo, MakeRtClass));
    table.Add(RegistryEntry::Class(kFairClassInfo, MakeFairClass));
    table.Add(RegistryEntry::Class(kFifoClassInfo, MakeFifoClass));
    table.Add(RegistryEntry::Class(kIdleClassInfo, MakeIdleClass));

    table.Add(RegistryEntry::Lock(kMutexInfo, MakeMutex));
    table.Add(RegistryEntry::Lock(kPiInfo, MakePi));
    table.Add(RegistryEntry::Lock(kProxyLocalInfo, MakeProxyLocal));
    table.Add(RegistryEntry::Lock(kProxyV9Info, MakeProxyV9));
    table.Add(RegistryEntry::Lock(kProxy72Info, MakeProxy72));

    table.Add(RegistryEntry::Place(kPrevPlacementInfo, MakePrevPlacement));
    table.Add(RegistryEntry::Place(kSimplePlacementInfo, MakeSimplePlacement));
    table.Add(RegistryEntry::Place(kFaithfulPlacementInfo, MakeFaithfulPlacement));

    table.Add(RegistryEntry::Service(kCpuhpInfo, MakeCpuhp, CheckCpuhpTexts));
    table.Add(RegistryEntry::Service(kNotifier2012Info, MakeNotifier2012, CheckNotifier2012Texts));
    table.Add(RegistryEntry::Service(kRseqInfo, MakeRseq));
    table.Add(RegistryEntry::Service(kPairV2Info, MakePairV2));
    table.Add(RegistryEntry::Service(kPairSpinInfo, MakePairSpin));
    table.Add(RegistryEntry::Service(kSetAffinityInfo, MakeSetAffinity));
    table.Add(RegistryEntry::Service(kPinOnlineInfo, MakePinOnline));
    table.Add(RegistryEntry::Service(kHotplugSignalInfo, MakeHotplugSignal));
    RegistryEntry affinity2 = RegistryEntry::Service(kAffinity2Info, MakeAffinity2);
    affinity2.alias = "pin-on-cpu";
    table.Add(affinity2);
    RegistryEntry v09 = RegistryEntry::Service(kUmcgV09Info, MakeUmcgV09);
    v09.alias = "umcg-v0.9.1";
    table.Add(RegistryEntry::Service(kUmcgV06Info, MakeUmcgV06));
    table.Add(v09);
    table.Add(RegistryEntry::Service(kUmcgPzInfo, MakeUmcgPz));
    table.Add(RegistryEntry::Service(kUmcgEvInfo, MakeUmcgEv));
    table.Add(RegistryEntry::Service(kSwitchToInfo, MakeSwitchTo));
    table.Add(RegistryEntry::Service(kFutexInfo, MakeFutex));
    table.Add(RegistryEntry::Service(kFutexSwapInfo, MakeFutexSwap));

    table.Add(RegistryEntry::User(kUserFifoInfo, MakeUserFifo));
    table.Add(RegistryEntry::User(kUserRrInfo, MakeUserRr));
    table.Add(RegistryEntry::User(kUserPriorityInfo, MakeUserPriority));
    table.Add(RegistryEntry::User(kUserStealInfo, MakeUserSteal));
    table.Add(RegistryEntry::User(kUserLifoInfo, MakeUserLifo));
    table.Add(RegistryEntry::User(kUserEdfInfo, MakeUserEdf));

    table.AddStack(
        {"default", {"stop", "deadline", "rt", "fair", "idle"}, "the classes of the kernel"});
    table.AddStack({"fifo", {"stop", "fifo", "idle"}, "the reference class for all tasks"});
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
    preempt.allowed = "full lazy none voluntary";
    preempt.summary =
        "when a request to reschedule is acted on in kernel code (classes.md 3.3); full on 6.12";
    return std::vector<ParamInfo>{preempt};
  }();
  return params;
}

}  // namespace rqsim
