// What every policy gets for nothing: the defaults of the optional hooks, which do what the comment
// of the hook says, and the parameters in effect.
//
// Tested by tests/unit/policies/policy_test.cc.
#include "rqsim/policy.h"

#include <algorithm>

#include "rqsim/seams.h"
#include "wide.h"

namespace rqsim {
namespace {

// Whether `word` is one of the words of `list`, which single spaces separate.
bool HasWord(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const std::size_t space = list.find(' ');
    if (list.substr(0, space) == word) return true;
    if (space == std::string_view::npos) return false;
    list.remove_prefix(space + 1);
  }
  return false;
}

// classes.md, "how to read it": ns to cycles, rounded down, but never to nothing.
int64_t CyclesOfNs(int64_t ns, int64_t clock_hz) {
  const Wide cycles = static_cast<Wide>(ns) * clock_hz / 1'000'000'000;
  if (cycles == 0 && ns != 0) return 1;
  return static_cast<int64_t>(cycles);
}

}  // namespace

std::string_view ErrnoName(int64_t result) {
  switch (result) {
    case kEPERM:
      return "-EPERM";
    case kESRCH:
      return "-ESRCH";
    case kEINTR:
      return "-EINTR";
    case kEIO:
      return "-EIO";
    case kENXIO:
      return "-ENXIO";
    case kEAGAIN:
      return "-EAGAIN";
    case kENOMEM:
      return "-ENOMEM";
    case kEACCES:
      return "-EACCES";
    case kEFAULT:
      return "-EFAULT";
    case kEBUSY:
      return "-EBUSY";
    case kEEXIST:
      return "-EEXIST";
    case kEINVAL:
      return "-EINVAL";
    case kENOSPC:
      return "-ENOSPC";
    case kERANGE:
      return "-ERANGE";
    case kEDEADLK:
      return "-EDEADLK";
    case kENOSYS:
      return "-ENOSYS";
    case kEOPNOTSUPP:
      return "-EOPNOTSUPP";
    case kETIMEDOUT:
      return "-ETIMEDOUT";
    case kECANCELED:
      return "-ECANCELED";
    default:
      return "";
  }
}

std::string_view SeamName(Seam seam) {
  switch (seam) {
    case Seam::kSchedClass:
      return "class";
    case Seam::kLockProtocol:
      return "lock";
    case Seam::kPlacement:
      return "placement";
    case Seam::kKernelService:
      return "services";
    case Seam::kUserScheduler:
      return "user";
  }
  return "";
}

// --- parameters ----------------------------------------------------------------------------------

PolicyParams::PolicyParams(const PolicyInfo& info,
                           std::span<const std::pair<std::string, ParamValue>> given,
                           int64_t clock_hz, std::span<const std::string> faults)
    : info_(&info),
      given_(given.begin(), given.end()),
      clock_hz_(clock_hz),
      faults_(faults.begin(), faults.end()) {}

const ParamInfo& PolicyParams::Find(std::string_view name) const {
  for (const ParamInfo& param : info_->params) {
    if (param.name == name) return param;
  }
  CheckFailed("the parameter is declared", __FILE__, __LINE__);
}

int64_t PolicyParams::Integer(std::string_view name) const {
  const ParamInfo& param = Find(name);
  for (const auto& [key, value] : given_) {
    if (key != name) continue;
    if (const auto* integer = std::get_if<int64_t>(&value)) return *integer;
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? 1 : 0;
  }
  return param.ns ? CyclesOfNs(param.default_value, clock_hz_) : param.default_value;
}

std::string_view PolicyParams::Text(std::string_view name) const {
  const ParamInfo& param = Find(name);
  for (const auto& [key, value] : given_) {
    if (key != name) continue;
    if (const auto* text = std::get_if<std::string>(&value)) return *text;
  }
  return param.default_text;
}

const std::vector<std::string>& PolicyParams::List(std::string_view name) const {
  static const std::vector<std::string> kEmpty;
  for (const auto& [key, value] : given_) {
    if (key != name) continue;
    if (const auto* list = std::get_if<std::vector<std::string>>(&value)) return *list;
  }
  return kEmpty;
}

bool PolicyParams::Lists(std::string_view name, std::string_view word) const {
  const ParamInfo& param = Find(name);
  for (const auto& [key, value] : given_) {
    if (key != name) continue;
    if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
      for (const std::string& item : *list) {
        if (item == word) return true;
      }
      return false;
    }
  }
  return HasWord(param.default_text, word);
}

bool PolicyParams::Fault(std::string_view name) const {
  const auto is_it = [name](const auto& fault) { return fault.name == name; };
  RQSIM_CHECK(std::any_of(info_->faults.begin(), info_->faults.end(), is_it));
  return std::find(faults_.begin(), faults_.end(), name) != faults_.end();
}

// --- defaults of the optional hooks --------------------------------------------------------------

Next Policy::Step(Kernel&, Frame&) { return Next::Return(0); }
void Policy::OnStart(Kernel&) {}

void Policy::OnTimer(Kernel&, TimerRef, CpuId) {}
void Policy::OnCall(Kernel&, CpuId, const Message&) {}
void Policy::OnFault(Kernel&, int) {}
void Policy::OnTask(Kernel&, TaskId, TaskChange) {}
bool Policy::HasHotplugCallback(const HotplugCallbackInfo&, bool) const { return true; }
void Policy::Describe(const Kernel&, TaskId, StateWriter&) const {}

void SchedClass::Yield(Kernel&, CpuId, TaskId) {}
CpuId SchedClass::SelectCpu(Kernel& kernel, TaskId task, CpuId, WakeFlags) {
  return kernel.task(task).wake_cpu;
}
void SchedClass::TaskWoken(Kernel&, CpuId, TaskId) {}
void SchedClass::Balance(Kernel&, CpuId, TaskId) {}
bool SchedClass::BalanceCallback(Kernel&, CpuId, int) { return false; }
void SchedClass::ServerStart(Kernel&, CpuId) {}
void SchedClass::ServerCharge(Kernel&, CpuId, Cycles) {}
void SchedClass::ServerStop(Kernel&, CpuId) {}
int64_t SchedClass::Admit(Kernel&, TaskId, const SchedAttr&) { return 0; }
int64_t SchedClass::AdmitAffinity(Kernel&, TaskId, const CpuSet&) { return 0; }
void SchedClass::SwitchedFrom(Kernel&, CpuId, TaskId) {}
void SchedClass::SwitchedTo(Kernel&, CpuId, TaskId) {}
void SchedClass::PrioChanged(Kernel&, CpuId, TaskId, const SchedAttr&) {}
void SchedClass::Forked(Kernel&, TaskId, TaskId) {}
bool SchedClass::MayMove(Kernel&, TaskId) { return true; }
int64_t SchedClass::AdmitOffline(Kernel&, CpuId) { return 0; }
void SchedClass::RqChanged(Kernel&, CpuId, bool) {}
void KernelService::HotplugRetry(Kernel&) {}
int64_t KernelService::AdmitHotplug(Kernel&, CpuId, bool) { return 0; }
MaskAnswer KernelService::AdmitMask(Kernel&, TaskId, const CpuSet&, MaskChange) {
  return MaskAnswer::kChange;
}
bool KernelService::Hotplug(Kernel&, const HotplugSpec&) { return false; }
Time SchedClass::NextTickOfInterest(Kernel& kernel, CpuId) { return kernel.now(); }
bool SchedClass::NeedsTick(Kernel&, CpuId) { return false; }

bool LockProtocol::KeepsQueued(Kernel&, TaskId) { return false; }
DonorAnswer LockProtocol::ResolveDonor(Kernel&, CpuId, TaskId picked) {
  return DonorAnswer::Run(picked);
}
WakeAnswer LockProtocol::WakeQueued(Kernel&, TaskId) { return WakeAnswer::kInPlace; }
void LockProtocol::Enqueued(Kernel&, TaskId, CpuId) {}
void LockProtocol::Signalled(Kernel&, TaskId) {}
void LockProtocol::PrioChanged(Kernel&, TaskId) {}

void Placement::OnKthreadCall(Kernel&, const KthreadCall&) {}
bool Placement::TickBalance(Kernel&, CpuId, IdleKind) { return false; }
Time Placement::NextTickOfInterest(Kernel& kernel, CpuId) { return kernel.now(); }
BalanceAnswer Placement::PeriodicBalance(Kernel&, CpuId, IdleKind) { return BalanceAnswer::kDone; }
BalanceAnswer Placement::KickedBalance(Kernel&, CpuId) { return BalanceAnswer::kDone; }
BalanceAnswer Placement::NewIdle(Kernel&, CpuId) { return BalanceAnswer::kDone; }
BalanceAnswer Placement::BalanceStep(Kernel&, CpuId) { return BalanceAnswer::kDone; }

PathCall KernelService::BlockPath(Kernel&, TaskId) { return PathCall::None(); }
PathCall KernelService::SwitchedPath(Kernel&, CpuId, TaskId, TaskId) { return PathCall::None(); }
PathCall KernelService::UserReturnPath(Kernel&, TaskId) { return PathCall::None(); }
PathCall KernelService::KernelEntryPath(Kernel&, TaskId) { return PathCall::None(); }
void KernelService::Bind(std::span<UserScheduler* const>) {}
void KernelService::Scheduled(Kernel&, CpuId, TaskId) {}

void UserScheduler::Queued(Kernel&, TaskId, TaskId) {}
Cycles UserScheduler::Slice(Kernel&, TaskId) { return kZeroCycles; }
bool UserScheduler::PerServer() const { return false; }
bool UserScheduler::Preempts(Kernel&, TaskId, const WorkerQueues&) { return true; }
void UserScheduler::SliceOver(Kernel&, TaskId) {}
TaskId UserScheduler::Steal(Kernel&, TaskId, const WorkerQueues&) { return TaskId(); }

}  // namespace rqsim
