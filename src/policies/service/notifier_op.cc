// One operation of 2012, step by step (Linux 3.4 kernel/cpu.c: _cpu_down(), _cpu_up(); hotplug.md
// 4.3 to 4.5). Tested by scenarios/hotplug/.
#include <algorithm>
#include <utility>

#include "service/notifier.h"
#include "service/notifier_events.h"

namespace rqsim::notifier {
namespace {

constexpr int kAll = INT32_MAX;

// Steps of the way down.
constexpr StepId kBegin{0}, kLocked{1}, kAsk{2}, kPrepared{3}, kFailed{4}, kParkStep{5}, kFrozen{6},
    kStopped{7}, kClear{8}, kSync{9}, kTell{10}, kFlag{11}, kPoll{12}, kReady{13}, kDied{14},
    kDead{15}, kCheck{16}, kChecked{17}, kHotplugFree{18}, kPostDead{19}, kUnlocked{20}, kError{21};
// … and up.
constexpr StepId kThreadsMade{2}, kUpPrepared{3}, kCanceled{4}, kBooted{5}, kIsUp{6}, kUnparked{7},
    kOnlineTold{8}, kUpUnlocked{9};
// Which of the eleven steps of hotplug.md 4.5 begins; 0: none. The sixth is the idle loop's.
int NumberOf(StepId step) {
  constexpr std::pair<StepId, int> kNumbers[] = {
      {kBegin, 1}, {kAsk, 2},  {kClear, 3}, {kSync, 4},     {kTell, 5},
      {kPoll, 7},  {kDied, 8}, {kCheck, 9}, {kChecked, 10}, {kHotplugFree, 11}};
  for (const auto& [begins, number] : kNumbers) {
    if (begins == step) return number;
  }
  return 0;
}

// A step that takes no time is an entry of the trace all the same.
Next Begin(StepId step) { return Next::Run(step, kZeroCycles, RunMode::kKernel); }

// Registers: CPU, result, which thread, what threads have cost.
constexpr int kResult = 1, kThreadAt = 2, kThreadCost = 3;

CpuId CpuOf(const Frame& frame) { return CpuId(static_cast<int32_t>(frame.r[0])); }

}  // namespace

int64_t Notifier2012::Check(Kernel& kernel, const Operation& operation) {
  // Without hotplug CPUs boot, and stay.
  if (disabled_ > 0 && !operation.is_frozen) return kEBUSY;
  if (!has_hotplug_ && !operation.up) return kEBUSY;
  const int64_t admitted = kernel.AdmitHotplug(operation.cpu, operation.up);
  if (admitted < 0) return admitted;
  if (!operation.up && kernel.online().Count() == 1) return kEBUSY;
  return kernel.cpu(operation.cpu).online == operation.up ? kEINVAL : 0;
}

Next Notifier2012::Unlock(Frame& frame, int64_t result, StepId step) {
  frame.r[kResult] = result;
  return Next::Run(step, c_unlock_, RunMode::kKernel);
}

Next Notifier2012::DownStep(Kernel& kernel, Frame& frame) {
  const CpuId cpu = CpuOf(frame);
  if (const int number = NumberOf(frame.step); number > 0) {
    Set(kernel, kStepEvent, cpu.value(), number, 0);
  }
  if (frame.step == kBegin) return Next::Run(kLocked, c_lock_, RunMode::kKernel);
  if (frame.step == kLocked) {
    if (frame.r[kResult] == 0) {
      const int64_t refused = Check(kernel, now_);
      if (refused != 0) return Unlock(frame, refused, kError);
    }
    if (!readers_.empty()) {
      // Woken for the last reader's sake, but another one has come meanwhile.
      if (frame.r[kResult]++ > 0) Set(kernel, kWriterRetryEvent, ++writer_retries_, 0, 0);
      CheckDeadlock(kernel);
      return Next::Block(kLocked, TaskState::kUninterruptible);
    }
    frame.r[kResult] = 0;
    is_active_ = true;
    EmitNow(kernel, HotplugPhase::kLocked, 0);
    caller_ = frame.task;
    ra_since_ = kNever;
    return Begin(kAsk);
  }
  if (frame.step == kAsk) return CallChain(kPrepared, Event::kDownPrepare, cpu, kAll, false);
  if (frame.step == kPrepared) return AfterDownPrepare(kernel, frame);
  if (frame.step == kFailed) return Unlock(frame, frame.r[kResult], kError);
  if (frame.step == kParkStep) return Park(kernel, frame, kParkStep);
  if (frame.step == kFrozen) {
    ThreadsAre(kernel, cpu, Place::kParked);
    return Remove(kernel, frame);
  }
  if (frame.step == kStopped && !is_stopped_) return NotDisabled(kernel, frame);
  if (frame.step == kStopped) {
    // The controller spins until the CPU idles (it does: its stopper has ended or is about to).
    if (kernel.cpu(cpu).curr != kIdleTask) {
      Watch watch;
      watch.task = kernel.cpu(cpu).stop;
      watch.need_resched = false;
      return Next::Spin(kStopped, watch, kZeroCycles, kernel.now());
    }
    Set(kernel, kStepEvent, cpu.value(), kStepDie, 0);
    return Next::Run(kDied, c_die_, RunMode::kKernel);
  }
  if (frame.step <= kReady) return IdleLoopStep(kernel, frame);
  if (frame.step == kError || frame.step == kUnlocked) {
    EmitNow(kernel, HotplugPhase::kDone, frame.r[kResult]);
    if (num_threads_ > 0) Set(kernel, kKthreadsEvent, frame.r[kThreadCost], cpu.value(), 0);
    return Next::Return(frame.r[kResult]);
  }
  return AfterDeath(kernel, frame);
}

Next Notifier2012::AfterDownPrepare(Kernel& kernel, Frame& frame) {
  const CpuId cpu = CpuOf(frame);
  if (frame.result < 0) {
    // The k-th objected: those before it hear that it is off, in the order of the chain.
    frame.r[kResult] = -1;
    const int told = static_cast<int>(-1 - frame.result);
    return CallChain(kFailed, Event::kDownFailed, cpu, told, false);
  }
  ReportWindows(kernel, cpu);
  if (kernel.cpu(cpu).active) kernel.SetActive(cpu, false);
  kernel.SetDying(cpu, true);
  frame.r[kThreadAt] = -1;
  if (kthread_mode_ == KthreadMode::kMigrate) {
    for (int k = 0; k < num_threads_; ++k) {
      CpuSet others = kernel.online();
      others.Remove(cpu);
      kernel.SetAffinity(ThreadAt(cpu, k), others);
    }
    ThreadsAre(kernel, cpu, Place::kElsewhere);
  }
  const bool stops_threads =
      kthread_mode_ == KthreadMode::kPark || kthread_mode_ == KthreadMode::kFreeze;
  if (stops_threads && num_threads_ > 0) Set(kernel, kStepEvent, cpu.value(), kStepPark, 0);
  if (kthread_mode_ == KthreadMode::kFreeze && num_threads_ > 0) {
    frame.r[kThreadCost] = (c_freeze_ * num_threads_).count();
    return Next::Run(kFrozen, c_freeze_ * num_threads_, RunMode::kKernel);
  }
  return Park(kernel, frame, kParkStep);
}

void Notifier2012::ThreadsAre(Kernel& kernel, CpuId cpu, Place place) {
  for (int k = 0; k < num_threads_; ++k) {
    Set(kernel, kKthreadEvent, cpu.value(), static_cast<int64_t>(place), ThreadAt(cpu, k).value());
  }
}

// Mode `park`: one handshake after another. Then the CPU is taken away.
Next Notifier2012::Park(Kernel& kernel, Frame& frame, StepId again) {
  const CpuId cpu = CpuOf(frame);
  if (kthread_mode_ != KthreadMode::kPark) return Remove(kernel, frame);
  if (frame.r[kThreadAt] >= 0) {
    const TaskId thread = ThreadAt(cpu, frame.r[kThreadAt]);
    if (kernel.task(thread).state != TaskState::kParked) {
      return Next::Block(again, TaskState::kUninterruptible);
    }
    Set(kernel, kKthreadEvent, cpu.value(), static_cast<int64_t>(Place::kParked), thread.value());
  }
  if (++frame.r[kThreadAt] == num_threads_) return Remove(kernel, frame);
  frame.r[kThreadCost] += c_park_.count();
  parker_ = frame.task;
  kernel.ParkKthread(ThreadAt(cpu, frame.r[kThreadAt]));
  return Next::Block(again, TaskState::kUninterruptible);
}

Next Notifier2012::Remove(Kernel& kernel, Frame& frame) {
  const CpuId cpu = CpuOf(frame);
  is_stopped_ = false;
  if (is_idle_loop_) return Begin(kClear);
  stop_cpus_ = kernel.online();
  for (int i = 0; i < kernel.num_cpus() && !blocks_offline_; ++i) {
    if (CpuId(i) != cpu && kernel.PreemptionOff(CpuId(i))) stop_cpus_.Remove(CpuId(i));
  }
  Set(kernel, kStepEvent, cpu.value(), kStepStopMachine, 0);
  stop_.Begin(stop_cpus_, cpu, frame.task, c_stage_);
  return Next::Stop(kStopped, stop_cpus_, self_, kStopPath);
}

// The architecture has refused: threads go on, and every notifier hears that the CPU stays.
Next Notifier2012::NotDisabled(Kernel& kernel, Frame& frame) {
  const CpuId cpu = CpuOf(frame);
  frame.r[kResult] = kEBUSY;
  kernel.SetDying(cpu, false);
  for (int k = 0; k < num_threads_; ++k) {
    if (kthread_mode_ == KthreadMode::kMigrate) {
      kernel.SetAffinity(ThreadAt(cpu, k), CpuSet::Of(cpu));
    } else {
      kernel.UnparkKthread(ThreadAt(cpu, k));
    }
  }
  if (kthread_mode_ != KthreadMode::kTeardown) ThreadsAre(kernel, cpu, Place::kHere);
  return CallChain(kFailed, Event::kDownFailed, cpu, kAll, false);
}

void Notifier2012::ClearOnline(Kernel& kernel, CpuId cpu) {
  kernel.SetQueueOnline(cpu, false);
  kernel.SetOnline(cpu, false);
  if (ra_since_ == kNever) return;
  Set(kernel, kRaWindowEvent, (kernel.now() - ra_since_).count(), cpu.value(), 0);
}

// iii to vii of the outline: nobody counts on the CPU any more, whoever did is done, the CPU is
// told, takes itself down, and the controller looks for it.
Next Notifier2012::IdleLoopStep(Kernel& kernel, Frame& frame) {
  const CpuId cpu = CpuOf(frame);
  if (frame.step == kClear) {
    ClearOnline(kernel, cpu);
    return Begin(kSync);
  }
  if (frame.step == kSync) {
    if (!blocks_offline_) {
      return Next::Block(kTell, TaskState::kUninterruptible, kernel.now() + c_sync_);
    }
    // MODEL-175: it is back without a switch, as N2 has it.
    kernel.Wake(frame.task, WakeFlags::kFreeSwitch);
    return Next::Grace(kTell, c_sync_);
  }
  if (frame.step == kTell && help_idle_ == HelpIdle::kNotifiers) {
    return CallChain(kFlag, Event::kDown, cpu, kAll, false);
  }
  if (frame.step == kTell || frame.step == kFlag) {
    leaving_ = cpu;
    ready_at_ = kNever;
    Set(kernel, kFlagEvent, cpu.value(), 0, 0);
    if (pushes_) kernel.SetPush(cpu, true);
    if (help_idle_ == HelpIdle::kIpi) kernel.RunInIdle(cpu, self_, kIdlePath, Cycles(-1));
    if (help_idle_ == HelpIdle::kNotifiers) kernel.RunInIdle(cpu, self_, kIdlePath, kZeroCycles);
    frame.r[kThreadAt] = kernel.now().cycles();
    return Begin(kPoll);
  }
  // A look that ends at the cycle at which the CPU gets ready has been made before, if this CPU has
  // the lower number.
  const bool sees = ready_at_ < kernel.now() || (ready_at_ == kernel.now() && frame.cpu > cpu);
  if (sees) return Next::Run(kDied, c_die_, RunMode::kKernel);
  Watch watch;
  watch.need_resched = false;
  if (ready_at_ != kNever) watch.until = kernel.now() + c_poll_;
  return Next::Spin(kReady, watch, c_poll_, Time(frame.r[kThreadAt]));
}

Next Notifier2012::AfterDeath(Kernel& kernel, Frame& frame) {
  const CpuId cpu = CpuOf(frame);
  if (frame.step == kDied) {
    kernel.SetPush(cpu, false);
    return CallChain(kDead, Event::kDead, cpu, kAll, false);
  }
  if (frame.step == kDead) {
    // Also where no notifier is called `timers`: nothing may expire on a CPU that is not there.
    kernel.MoveTimers(cpu, kernel.online().First());
    if (kthread_mode_ == KthreadMode::kTeardown && num_threads_ > 0) {
      frame.r[kThreadCost] = (c_stop_thr_ * num_threads_).count();
      for (int k = 0; k < num_threads_; ++k) kernel.ParkKthread(ThreadAt(cpu, k));
      ThreadsAre(kernel, cpu, Place::kStopped);
      return Next::Run(kCheck, c_stop_thr_ * num_threads_, RunMode::kKernel);
    }
    return Begin(kCheck);
  }
  if (frame.step == kCheck) return Next::Run(kChecked, c_check_, RunMode::kKernel);
  if (frame.step == kChecked) {
    Set(kernel, kStragglersEvent, cpu.value(), Stragglers(kernel, cpu), 0);
    return Next::Run(kHotplugFree, c_unlock_, RunMode::kKernel);
  }
  if (frame.step == kHotplugFree) {
    ReleaseHotplug(kernel);
    return CallChain(kPostDead, Event::kPostDead, cpu, kAll, false);
  }
  return Unlock(frame, 0, kUnlocked);
}

// check_for_tasks(): those that have run and are runnable on a CPU that is gone.
int Notifier2012::Stragglers(const Kernel& kernel, CpuId cpu) const {
  int count = 0;
  for (int id = 1; id < kernel.num_tasks(); ++id) {
    const Task& task = kernel.task(TaskId(id));
    if (task.on_rq && task.cpu == cpu && task.state == TaskState::kRunning &&
        TaskId(id) != kernel.cpu(cpu).stop) {
      ++count;
    }
  }
  return count;
}

// ------------------------------------------------------------------------------------------ up

Next Notifier2012::UpStep(Kernel& kernel, Frame& frame) {
  const CpuId cpu = CpuOf(frame);
  if (frame.step == kBegin) return Next::Run(kLocked, c_lock_, RunMode::kKernel);
  if (frame.step == kLocked) {
    const int64_t refused = Check(kernel, now_);
    if (refused != 0) return Unlock(frame, refused, kUpUnlocked);
    if (!readers_.empty()) return Next::Block(kLocked, TaskState::kUninterruptible);
    is_active_ = true;
    EmitNow(kernel, HotplugPhase::kLocked, 0);
    return PrepareThreads(kernel, frame);
  }
  if (frame.step == kThreadsMade)
    return CallChain(kUpPrepared, Event::kUpPrepare, cpu, kAll, false);
  if (frame.step == kUpPrepared) {
    if (frame.result >= 0) return StartCpu(kernel, frame);
    frame.r[kResult] = -1;
    const int told = static_cast<int>(-1 - frame.result);
    return CallChain(kCanceled, Event::kUpCanceled, cpu, told, false);
  }
  if (frame.step == kCanceled) return Unlock(frame, frame.r[kResult], kUpUnlocked);
  if (frame.step == kBooted) {
    frame.r[kResult] = kEIO;
    return CallChain(kCanceled, Event::kUpCanceled, cpu, kAll, false);
  }
  if (frame.step == kIsUp) {
    if (!came_online_) {
      Watch watch;
      watch.need_resched = false;
      return Next::Spin(kIsUp, watch, kZeroCycles, kernel.now());
    }
    Cycles each;
    if (kthread_mode_ == KthreadMode::kPark) each = c_unpark_;
    if (kthread_mode_ == KthreadMode::kFreeze) each = c_thaw_;
    if (each > kZeroCycles) frame.r[kThreadCost] = (each * num_threads_).count();
    return Next::Run(kUnparked, each * num_threads_, RunMode::kKernel);
  }
  if (frame.step == kUnparked) {
    for (int k = 0; k < num_threads_; ++k) {
      if (kthread_mode_ == KthreadMode::kMigrate) {
        kernel.SetAffinity(ThreadAt(cpu, k), CpuSet::Of(cpu));
      } else {
        kernel.UnparkKthread(ThreadAt(cpu, k));
      }
    }
    ThreadsAre(kernel, cpu, Place::kHere);
    return CallChain(kOnlineTold, Event::kOnline, cpu, kAll, false);
  }
  if (frame.step == kOnlineTold) {
    if (!kernel.cpu(cpu).active) kernel.SetActive(cpu, true);
    kernel.SetQueueOnline(cpu, true);
    return Unlock(frame, 0, kUpUnlocked);
  }
  EmitNow(kernel, HotplugPhase::kDone, frame.r[kResult]);
  if (num_threads_ > 0) Set(kernel, kKthreadsEvent, frame.r[kThreadCost], cpu.value(), 1);
  return Next::Return(frame.r[kResult]);
}

// Mode `teardown` makes the threads anew, each with the wait for old versions of bash.
Next Notifier2012::PrepareThreads(Kernel&, Frame& frame) {
  if (kthread_mode_ != KthreadMode::kTeardown || num_threads_ == 0) {
    return Next::Run(kThreadsMade, kZeroCycles, RunMode::kKernel);
  }
  const Cycles each = clone_nodelay_ ? c_create_ : c_create_ + c_bash_;
  frame.r[kThreadCost] = (each * num_threads_).count();
  return Next::Run(kThreadsMade, each * num_threads_, RunMode::kKernel);
}

Next Notifier2012::StartCpu(Kernel& kernel, Frame& frame) {
  if (boot_fails_) return Next::Run(kBooted, c_boot_, RunMode::kKernel);
  came_online_ = false;
  caller_ = frame.task;
  kernel.SetDying(CpuOf(frame), false);
  kernel.RunInIdle(CpuOf(frame), self_, kStartPath, c_boot_);
  Watch watch;
  watch.need_resched = false;
  return Next::Spin(kIsUp, watch, kZeroCycles, kernel.now());
}

}  // namespace rqsim::notifier
