// What the accountant's causes and costs are called.
#include <fmt/format.h>

#include "rqsim/ops.h"
#include "sim/views/accountant.h"

namespace rqsim {

std::string CauseText(const CauseKey& cause, const RunInfo& info) {
  const auto lock = [&] { return info.lock_name(LockId(cause.what)); };
  switch (cause.kind) {
    case CauseKey::Kind::kRan:
      return fmt::format("ran {}", info.task_name(cause.who));
    case CauseKey::Kind::kIdleCpu:
      return "reschedule";
    case CauseKey::Kind::kOthers:
      return "others";
    case CauseKey::Kind::kLock:
      return fmt::format("lock {} owner {}", lock(), info.task_name(cause.who));
    case CauseKey::Kind::kLockFree:
      return fmt::format("lock {} free", lock());
    case CauseKey::Kind::kLockGiven:
      return fmt::format("lock {} handed over", lock());
    case CauseKey::Kind::kOp:
      return static_cast<OpKind>(cause.what) == OpKind::kService
                 ? std::string("service")
                 : std::string(OpInfoOf(static_cast<OpKind>(cause.what)).name);
    case CauseKey::Kind::kNoOp:
      return "no work";
    case CauseKey::Kind::kWakeUp:
      return "wake-up";
    case CauseKey::Kind::kThrottled:
      return "throttled";
    case CauseKey::Kind::kParkedOn:
      return fmt::format("parked on {}", info.task_name(cause.who));
  }
  return {};
}

std::string_view CostName(CostId cost) {
  switch (cost) {
    case CostId::kSyscall:
      return "c_syscall";
    case CostId::kSysret:
      return "c_sysret";
    case CostId::kExc:
      return "c_exc";
    case CostId::kExit:
      return "c_exit";
    case CostId::kSched:
      return "c_sched";
    case CostId::kCtx:
      return "c_ctx";
    case CostId::kCtxMm:
      return "c_ctx_mm";
    case CostId::kTick:
      return "c_tick";
    case CostId::kTimer:
      return "c_timer";
    case CostId::kTimerEach:
      return "c_timer_each";
    case CostId::kWake:
      return "c_wake";
    case CostId::kIpiSend:
      return "c_ipi_send";
    case CostId::kIpiRecv:
      return "c_ipi_recv";
    case CostId::kTtwuEach:
      return "c_ttwu_each";
    case CostId::kCall:
      return "c_call";
    case CostId::kIdlePoll:
      return "l_idle_poll";
    case CostId::kMigrate:
      return "c_migrate";
    case CostId::kStop:
      return "c_stop";
    case CostId::kLb:
      return "c_lb";
    case CostId::kLockRemote:
      return "c_lock_remote";
    case CostId::kPolicy:
      return "policy";
    case CostId::kHold:
      return "hold";
    case CostId::kIdleExit:
      return "c_idle_exit";
    case CostId::kCount:
      break;
  }
  return {};
}

}  // namespace rqsim
