#include "sim/expect/context.h"

#include <algorithm>

namespace rqsim {

bool IsDecision(EventKind kind) {
  if (static_cast<int>(kind) >= kFirstPolicyEvent) return true;
  switch (kind) {
    case EventKind::kSchedWaking:
    case EventKind::kSchedWakeup:
    case EventKind::kSchedWakeupNew:
    case EventKind::kSchedSwitch:
    case EventKind::kSchedMigrateTask:
    case EventKind::kSchedProcessFork:
    case EventKind::kSchedProcessExec:
    case EventKind::kSchedProcessExit:
    case EventKind::kSchedPiSetprio:
    case EventKind::kSchedSetNeedResched:
    case EventKind::kSchedWakeIdleWithoutIpi:
    case EventKind::kIpiSendCpu:
    case EventKind::kIpiEntry:
    case EventKind::kContentionBegin:
    case EventKind::kContentionEnd:
    case EventKind::kSignalGenerate:
    case EventKind::kSignalDeliver:
    case EventKind::kSchedUndelay:
    case EventKind::kMutexAcquire:
    case EventKind::kMutexRelease:
    case EventKind::kMutexHandoff:
    case EventKind::kMutexSteal:
    case EventKind::kProxyDonor:
    case EventKind::kProxyMigrate:
    case EventKind::kProxyDeactivate:
    case EventKind::kProxyPark:
    case EventKind::kProxyReturn:
    case EventKind::kProxyWalk:
    case EventKind::kPolicyViolation:
    case EventKind::kSchedActiveBalance:
    case EventKind::kSchedDlThrottle:
    case EventKind::kSchedDlReplenish:
    case EventKind::kSchedDlServerStart:
    case EventKind::kSchedDlServerStop:
    case EventKind::kCpuhpExit:
    case EventKind::kHotplugMask:
    case EventKind::kHotplugOp:
      return true;
    case EventKind::kSchedStatRuntime:
    case EventKind::kIpiExit:
    case EventKind::kTick:
    case EventKind::kSegment:
    case EventKind::kOpBegin:
    case EventKind::kOpEnd:
    case EventKind::kTaskAttr:
    case EventKind::kMutexWord:
    case EventKind::kMutexBlockedOn:
    case EventKind::kMutexWait:
    case EventKind::kMutexSpin:
    case EventKind::kStepBegin:
    case EventKind::kTtwuStat:
    case EventKind::kSchedWakeAffine:
    case EventKind::kSchedBalance:
    case EventKind::kSchedMoveRefused:
    case EventKind::kSchedEntry:
    case EventKind::kSchedDelay:
    case EventKind::kSchedDlUpdate:
    case EventKind::kSchedQueue:
    case EventKind::kSchedSetDonor:
    case EventKind::kProxyLink:
    case EventKind::kTaskCpus:
    case EventKind::kWindowHold:
    case EventKind::kWwContext:
    case EventKind::kSchedCallback:
    case EventKind::kCpuhpEnter:
    case EventKind::kCpuhpMultiEnter:
    case EventKind::kCount:
      return false;
  }
  return false;
}

std::vector<std::string> DecisionsUpTo(const Recording& recording, CpuId cpu, Time at,
                                       std::size_t count) {
  std::vector<std::string> lines;
  for (auto event = recording.events().rbegin();
       event != recording.events().rend() && lines.size() < count; ++event) {
    if (event->t > at || !IsDecision(event->kind())) continue;
    if (cpu.valid() && event->cpu() != cpu) continue;
    lines.push_back(recording.Text(*event));
  }
  std::reverse(lines.begin(), lines.end());
  return lines;
}

}  // namespace rqsim
