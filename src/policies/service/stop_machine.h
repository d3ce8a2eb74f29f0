// The lockstep of stop_machine(): every stopper goes through the same stages, and none goes on
// before all have come to the end of one (Linux 7.2 kernel/stop_machine.c: multi_cpu_stop()). Used
// by both hotplug services as a part of their path that runs in the stop tasks.
#ifndef RQSIM_POLICIES_SERVICE_STOP_MACHINE_H_
#define RQSIM_POLICIES_SERVICE_STOP_MACHINE_H_

#include "rqsim/policy.h"

namespace rqsim {

class StopMachine {
 public:
  // Steps of the stoppers' path; `kRun` and what follows it up to `kRan` is the policy's own, on
  // the CPU that is meant, and others wait meanwhile.
  static constexpr StepId kIn{0};
  static constexpr StepId kPrepared{1};
  static constexpr StepId kDisabled{2};
  static constexpr StepId kRan{3};
  static constexpr StepId kExited{4};
  static constexpr StepId kWait{5};
  static constexpr StepId kRun{6};

  // `caller` sleeps until it is over. It is woken when the last stage begins, so that it is next on
  // its CPU when the stopper there has ended (MODEL-171).
  void Begin(const CpuSet& cpus, CpuId meant, TaskId caller, Cycles c_stage) {
    caller_ = caller;
    cpus_ = cpus;
    meant_ = meant;
    c_stage_ = c_stage;
    stage_ = 0;
    acks_ = 0;
  }
  // What the stopper of frame.cpu does next. Called for the steps above, but for kRun.
  Next Step(Kernel& kernel, Frame& frame) {
    if (frame.step == kIn) return Next::Run(kPrepared, c_stage_, RunMode::kKernelNoPreempt);
    if (frame.step == kExited) return Next::Return(0);
    if (frame.step != kWait) {
      // The end of a stage here: who comes last lets all others go on.
      frame.r[1] = stage_;
      if (++acks_ == cpus_.Count()) {
        acks_ = 0;
        if (++stage_ == 3) kernel.Wake(caller_);
        for (CpuId c = cpus_.First(); c.valid(); c = cpus_.After(c)) {
          if (c != frame.cpu) kernel.LookAgain(kernel.cpu(c).stop);
        }
      }
    }
    if (stage_ == frame.r[1]) return Spin(kernel);
    switch (stage_) {
      case 1:
        return Next::Run(kDisabled, c_stage_, RunMode::kIrqsOff);
      case 2:
        return Next::Run(frame.cpu == meant_ ? kRun : kRan, kZeroCycles, RunMode::kIrqsOff);
      default:
        return Next::Run(kExited, c_stage_, RunMode::kIrqsOff);
    }
  }

 private:
  Next Spin(const Kernel& kernel) const {
    Watch watch;
    watch.need_resched = false;
    Next next = Next::Spin(kWait, watch, kZeroCycles, kernel.now());
    next.mode = stage_ >= 1 ? RunMode::kIrqsOff : RunMode::kKernelNoPreempt;
    return next;
  }

  CpuSet cpus_;
  CpuId meant_;
  TaskId caller_;
  Cycles c_stage_;
  int64_t stage_ = 0;  // 0 prepare, 1 interrupts off, 2 run, 3 exit
  int acks_ = 0;
};

// Their names, for the path's table.
inline constexpr StepInfo kStopMachineSteps[] = {{"in"},  {"prepared"}, {"irqs-off"},
                                                 {"ran"}, {"exited"},   {"wait"},
                                                 {"run"}, {"disabled"}, {"dying"}};

}  // namespace rqsim

#endif  // RQSIM_POLICIES_SERVICE_STOP_MACHINE_H_
