#include "unit/sim/scenario/test_registry.h"

#include <array>

namespace rqsim {
namespace {

uint32_t Bit(SchedPolicy policy) { return uint32_t{1} << static_cast<unsigned>(policy); }

ParamInfo Param(std::string_view name, ParamKind kind) {
  ParamInfo info;
  info.name = name;
  info.kind = kind;
  info.summary = "for the tests";
  return info;
}

ParamInfo WordParam(std::string_view name, std::string_view allowed, ParamKind kind) {
  ParamInfo info = Param(name, kind);
  info.allowed = allowed;
  return info;
}

ParamInfo NumberParam(std::string_view name, int64_t min, int64_t max) {
  ParamInfo info = Param(name, ParamKind::kInteger);
  info.min = min;
  info.max = max;
  return info;
}

PolicyInfo Info(std::string_view name, Seam seam) {
  PolicyInfo info;
  info.name = name;
  info.seam = seam;
  info.summary = "for the tests";
  return info;
}

const PolicyInfo& FairInfo() {
  static const std::array params = {
      Param("base_slice", ParamKind::kCycles),
      WordParam("features", "NO_HRTICK NEXT_BUDDY", ParamKind::kStringList)};
  static const PolicyInfo info = [] {
    PolicyInfo fair = Info("fair", Seam::kSchedClass);
    fair.params = params;
    fair.sched_policies =
        Bit(SchedPolicy::kNormal) | Bit(SchedPolicy::kBatch) | Bit(SchedPolicy::kIdle);
    return fair;
  }();
  return info;
}

const PolicyInfo& FifoInfo() {
  static const PolicyInfo info = [] {
    PolicyInfo fifo = Info("fifo", Seam::kSchedClass);
    fifo.sched_policies = Bit(SchedPolicy::kNormal) | Bit(SchedPolicy::kFifo);
    return fifo;
  }();
  return info;
}

const PolicyInfo& MutexInfo() {
  static const std::array params = {
      Param("spin", ParamKind::kBool),
      WordParam("handoff", "normal donor always never", ParamKind::kEnum),
      Param("c_lock_fast", ParamKind::kCycles)};
  static const PolicyInfo info = [] {
    PolicyInfo mutex = Info("mutex", Seam::kLockProtocol);
    mutex.params = params;
    return mutex;
  }();
  return info;
}

const PolicyInfo& PiInfo() {
  static const std::array params = {NumberParam("max_lock_depth", 1, 1024)};
  static const PolicyInfo info = [] {
    PolicyInfo pi = Info("pi", Seam::kLockProtocol);
    pi.params = params;
    return pi;
  }();
  return info;
}

PolicyInfo PlacementInfo(std::string_view name) {
  static const std::array params = {WordParam("balance", "off simple", ParamKind::kEnum)};
  PolicyInfo placement = Info(name, Seam::kPlacement);
  placement.params = params;
  return placement;
}

const PolicyInfo& PrevInfo() {
  static const PolicyInfo info = PlacementInfo("prev");
  return info;
}

const PolicyInfo& SimpleInfo() {
  static const PolicyInfo info = PlacementInfo("simple");
  return info;
}

const PolicyInfo& PairInfo() {
  const auto make = [](std::string_view name, std::string_view args, OpRole role) {
    ServiceOpInfo op;
    op.name = name;
    op.args = args;
    op.role = role;
    op.summary = "for the tests";
    return op;
  };
  static const std::array ops = {make("pair_with", "cpu partner", OpRole::kPlain),
                                 make("cs_begin", "data", OpRole::kSectionBegin),
                                 make("cs_end", "", OpRole::kSectionEnd),
                                 make("cs_whole", "cpu run", OpRole::kPercpu)};
  static const std::array kthreads = {[] {
    KthreadInfo kthread;
    kthread.name = "pair";
    kthread.per_cpu = true;
    return kthread;
  }()};
  static const std::array faults = {FaultInfo{"pair.no_resched", "for the tests", "PA-I1"}};
  static const PolicyInfo info = [] {
    PolicyInfo pair = Info("pair", Seam::kKernelService);
    pair.ops = ops;
    pair.kthreads = kthreads;
    pair.faults = faults;
    return pair;
  }();
  return info;
}

const PolicyInfo& RoundRobinInfo() {
  static const std::array params = {Param("slice", ParamKind::kCycles)};
  static const PolicyInfo info = [] {
    PolicyInfo rr = Info("rr", Seam::kUserScheduler);
    rr.params = params;
    return rr;
  }();
  return info;
}

}  // namespace

const Registry& TestRegistry() {
  static const Registry registry = [] {
    Registry table;
    table.Add(RegistryEntry::Class(FairInfo(), nullptr));
    table.Add(RegistryEntry::Class(FifoInfo(), nullptr));
    table.Add(RegistryEntry::Lock(MutexInfo(), nullptr));
    table.Add(RegistryEntry::Lock(PiInfo(), nullptr));
    table.Add(RegistryEntry::Place(PrevInfo(), nullptr));
    table.Add(RegistryEntry::Place(SimpleInfo(), nullptr));
    RegistryEntry pair = RegistryEntry::Service(PairInfo(), nullptr);
    pair.alias = "pairing";
    table.Add(pair);
    table.Add(RegistryEntry::User(RoundRobinInfo(), nullptr));
    table.AddStack({"default", {"fair", "fifo"}, "for the tests"});
    table.AddStack({"fifo", {"fifo"}, "for the tests"});
    return table;
  }();
  return registry;
}

}  // namespace rqsim
