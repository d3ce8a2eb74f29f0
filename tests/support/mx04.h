// The run of MX-04 (spin off) as the events that a machine would emit, worked out from
// mutex.md 7.1: c_ctx 1 at every switch, c_wake 2, l_ipi 1, everything else 0.
//
//   CPU 0   [0,1) c_ctx  [1,5) L  [5,7) c_wake  [7,9) L  [9,10) c_ctx  [10,11) idle
//   CPU 1   [0,1) c_ctx  [1,2) H  [2,3) c_ctx   [3,8) idle  [8,9) c_ctx  [9,11) H
//
// L locks A at 1 and unlocks it at 5. H blocks on A at 2; its wake-up begins at 5, crosses to CPU 1
// from 7 to 8, H is queued and switched to at 8, acquires at 9 and releases at 11.
#ifndef RQSIM_TESTS_SUPPORT_MX04_H_
#define RQSIM_TESTS_SUPPORT_MX04_H_

#include "rqsim/kernel.h"
#include "support/events.h"

namespace rqsim {

inline SegmentKind Overhead(CostId cost) {
  return static_cast<SegmentKind>(static_cast<int32_t>(SegmentKind::kOverheadFirst) +
                                  static_cast<int32_t>(cost));
}

inline FakeRun Mx04Run() { return {.cpus = 2, .tasks = {"L", "H"}, .locks = {"A"}}; }

inline void FeedMx04(EventFeed& feed) {
  const TaskId l = feed.Task("L"), h = feed.Task("H");
  const LockId a = feed.Lock("A");
  const SegmentKind ctx = Overhead(CostId::kCtx), wake = Overhead(CostId::kWake);
  const auto begin = [&](int64_t t, int cpu, TaskId task, OpKind op, int32_t object) {
    feed.At(t, cpu, OpBegin{.pid = task, .op = static_cast<int32_t>(op), .object = object});
  };
  const auto end = [&](int64_t t, int cpu, TaskId task, OpKind op) {
    OpEnd done;
    done.pid = task;
    done.op = static_cast<int32_t>(op);
    feed.At(t, cpu, done);
  };
  feed.Wake<SchedWakeupNew>(0, 0, "L", 0);
  feed.Wake<SchedWakeupNew>(0, 1, "H", 1);
  feed.Switch(0, 0, "idle", 'R', "L");
  feed.Switch(0, 1, "idle", 'R', "H");
  feed.Spent(0, 1, 0, ctx, l, l, 0);
  feed.Spent(0, 1, 1, ctx, h, h, 0);
  begin(1, 0, l, OpKind::kLock, 0);
  feed.At(1, 0, MutexWord{.lock = a, .owner = l});
  feed.At(1, 0, MutexAcquire{.lock = a, .pid = l, .path = AcquirePath::kFast});
  end(1, 0, l, OpKind::kLock);

  begin(2, 1, h, OpKind::kLock, 0);
  feed.At(2, 1, ContentionBegin{.lock = a, .pid = h, .flags = kContentionMutex});
  feed.At(2, 1, MutexWait{.lock = a, .pid = h, .joined = 1});
  feed.At(2, 1, MutexWord{.lock = a, .owner = l, .flags = kWaitersFlag});
  feed.At(2, 1, MutexBlockedOn{.pid = h, .lock = a});
  feed.Spent(1, 2, 1, SegmentKind::kUser, h, h, 1);
  feed.Switch(2, 1, "H", 'D', "idle");
  feed.Spent(2, 3, 1, ctx, kIdleTask, kIdleTask, 0);

  feed.Spent(1, 5, 0, SegmentKind::kUser, l, l, 1);
  begin(5, 0, l, OpKind::kUnlock, 0);
  feed.At(5, 0, MutexWord{.lock = a, .owner = TaskId(), .flags = kWaitersFlag});
  feed.At(5, 0, MutexRelease{.lock = a, .pid = l});
  feed.At(5, 0, MutexBlockedOn{.pid = h, .lock = LockId()});
  feed.Wake<SchedWaking>(5, 0, "H", 1);
  feed.Spent(5, 7, 0, wake, l, l, 0);
  feed.At(7, 0, IpiSendCpu{.target = CpuId(1), .reason = IpiReason::kWakeList});
  end(7, 0, l, OpKind::kUnlock);
  feed.Spent(3, 8, 1, SegmentKind::kIdle, kIdleTask, kIdleTask, 0);
  feed.Wake<SchedWakeup>(8, 1, "H", 1);
  feed.Switch(8, 1, "idle", 'R', "H");
  feed.Spent(8, 9, 1, ctx, h, h, 0);
  feed.At(9, 1, MutexWord{.lock = a, .owner = h, .flags = kWaitersFlag});
  feed.At(9, 1, MutexAcquire{.lock = a, .pid = h, .path = AcquirePath::kSlow});
  feed.At(9, 1, MutexWait{.lock = a, .pid = h, .joined = 0, .position = -1});
  feed.At(9, 1, MutexWord{.lock = a, .owner = h});
  feed.At(9, 1, ContentionEnd{.lock = a, .pid = h});
  end(9, 1, h, OpKind::kLock);

  feed.Spent(7, 9, 0, SegmentKind::kUser, l, l, 1);
  feed.At(9, 0, SchedProcessExit{.pid = l});
  feed.Switch(9, 0, "L", 'X', "idle");
  feed.Spent(9, 10, 0, ctx, kIdleTask, kIdleTask, 0);
  feed.Spent(9, 11, 1, SegmentKind::kUser, h, h, 1);
  begin(11, 1, h, OpKind::kUnlock, 0);
  feed.At(11, 1, MutexWord{.lock = a, .owner = TaskId()});
  feed.At(11, 1, MutexRelease{.lock = a, .pid = h});
  end(11, 1, h, OpKind::kUnlock);
  feed.At(11, 1, SchedProcessExit{.pid = h});
  feed.Switch(11, 1, "H", 'X', "idle");
  feed.Spent(10, 11, 0, SegmentKind::kIdle, kIdleTask, kIdleTask, 0);
}

// What the machine's own sums would be.
inline RunEnd Mx04End() {
  RunEnd end;
  end.end = Time(11);
  end.tasks.resize(3);
  end.tasks[1] = TaskSums{.exec = Cycles(9),
                          .charged = Cycles(9),
                          .work = Cycles(6),
                          .nr_switches = 1,
                          .nr_voluntary_switches = 1};
  end.tasks[2] = TaskSums{.exec = Cycles(5),
                          .charged = Cycles(5),
                          .work = Cycles(3),
                          .nr_switches = 2,
                          .nr_voluntary_switches = 2};
  end.cpus.resize(2);
  for (CpuSums& cpu : end.cpus) cpu.overhead.resize(kNumCosts);
  const auto ctx = static_cast<std::size_t>(CostId::kCtx);
  end.cpus[0].user = Cycles(6);
  end.cpus[0].idle = Cycles(1);
  end.cpus[0].overhead[ctx] = Cycles(2);
  end.cpus[0].overhead[static_cast<std::size_t>(CostId::kWake)] = Cycles(2);
  end.cpus[1].user = Cycles(3);
  end.cpus[1].idle = Cycles(5);
  end.cpus[1].overhead[ctx] = Cycles(3);
  return end;
}

}  // namespace rqsim

#endif  // RQSIM_TESTS_SUPPORT_MX04_H_
