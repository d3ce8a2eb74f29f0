// What both hotplug services do before an operation begins and when it is over: who asks for the
// lock, in which order they get it, and the kernel thread `hotplug` that carries out what the
// scenario asks (MODEL-170). A service adds what it accepts and what it does then.
// Tested by scenarios/hotplug/.
#ifndef RQSIM_POLICIES_SERVICE_HOTPLUG_REQUESTS_H_
#define RQSIM_POLICIES_SERVICE_HOTPLUG_REQUESTS_H_

#include <vector>

#include "rqsim/seams.h"
#include "service/hotplug_ops.h"

namespace rqsim::hotplug {

// The controller's main loop; the same path in both services, like those of hotplug_ops.h.
inline constexpr PathId kControllerPath{0};
inline constexpr StepInfo kControllerSteps[] = {{"idle"}, {"done"}};
inline constexpr StepInfo kTaskOpSteps[] = {{"enter"}, {"owner"}, {"done"}};
// The step at which the operation that CarryOut or TaskOp has called is over.
inline constexpr StepId kCarriedOut{1};
inline constexpr StepId kTaskOpDone{2};

// Where a CPU is brought to, for both services.
inline constexpr int kToOffline = 0, kToOnline = 236;

enum class Ask : uint8_t {
  kTarget,
  kFail,
  kFreeze,
  kThaw,
  kDisable,
  kEnable,
  kSmtOff,
  kSmtOn,
  kWakeup
};
// A request of the scenario.
struct Asked {
  Ask what = Ask::kTarget;
  int target = kToOffline;
  CpuSet cpus;  // none for what concerns all of them
  CpuId on;     // where its controller is to run; invalid: no matter
  int id = 0;
};

class RequestedService : public KernelService {
 public:
  void HotplugRetry(Kernel& kernel) final {
    if (held_up_.valid()) kernel.Wake(held_up_);
    Dispatch(kernel);
  }

 protected:
  // Somebody in line for the lock.
  struct Waiter {
    TaskId task;       // invalid: a request
    int request = -1;  // by number, in the order in which they were made
  };

  // The controller is the first kernel thread that the service declares.
  explicit RequestedService(const Limits& limits);

  // What a request or an operation of a task is when it has the lock: the operation, called with
  // kCarriedOut or kTaskOpDone as the step after it.
  virtual Next CarryOut(Kernel& kernel, Frame& frame, const Asked& asked) = 0;
  virtual Next TaskOp(Kernel& kernel, Frame& frame, CpuId cpu, bool up) = 0;
  // Whether `waiter` has to wait for readers before it gets the lock.
  virtual bool WaitsForReaders(const Waiter& waiter) const = 0;
  // A request that needs no controller: begins at once, with the lock. Default: each needs one.
  virtual bool BeginByItself(Kernel& kernel, const Asked& asked);
  // Where a request is carried out that says nothing about it. Default: the lowest CPU that is
  // online and not meant, else the lowest that is online.
  virtual CpuId ControllerCpu(const Kernel& kernel, const Asked& asked) const;
  // The lock is about to be free. Default: nothing goes with it.
  virtual void BeforeRelease(Kernel& kernel);

  void EmitOp(Kernel& kernel, CpuId cpu, int target, HotplugPhase phase, int64_t result, int id);
  int NewId() { return ++next_id_; }
  // Puts a request in line; Dispatch follows.
  void Add(const Asked& asked);
  // Puts a task in line, which must sleep until it is the owner.
  void AddWaiter(TaskId task) { waiters_.push_back({task, -1}); }
  // Who has waited longest gets the lock as soon as it is free. A request whose turn it is not has
  // no controller yet.
  void Dispatch(Kernel& kernel);
  void Release(Kernel& kernel);

  // The timekeeping duty (Linux 7.2 kernel/time/tick-common.c: tick_do_timer_cpu): whose it is when
  // the run begins, and that a CPU which goes gives it to the first that stays (MODEL-301).
  void StartTick(const Kernel& kernel);
  void HandOverTick(Kernel& kernel, CpuId from);

  Next ControllerStep(Kernel& kernel, Frame& frame);
  // The operations offline and online: the task that executes them is the controller.
  Next TaskOpStep(Kernel& kernel, Frame& frame);

  const Asked& request(int number) const { return requests_[static_cast<std::size_t>(number)]; }
  // The one that the controller carries out; -1: none.
  int running() const { return running_; }
  const std::vector<Waiter>& waiters() const { return waiters_; }
  bool is_locked() const { return is_locked_; }
  // Who has the lock; invalid: nobody, or a request without a controller.
  TaskId owner() const { return owner_; }

  PolicyId self_;
  Readers readers_;
  TaskId held_up_;  // it has the lock, and was made to wait after all

 private:
  bool IsHeldUp(Kernel& kernel, const Waiter& waiter) const;
  CpuId PlaceOf(const Kernel& kernel, const Asked& asked) const;

  TaskId controller_;
  bool is_locked_ = false;  // add_remove; under cpuhp the write lock goes with it
  TaskId owner_;
  std::vector<Waiter> waiters_;  // first in, first out
  std::vector<Asked> requests_;  // as the scenario made them
  int running_ = -1;
  int next_id_ = 0;
  CpuId tick_cpu_;
};

}  // namespace rqsim::hotplug

#endif  // RQSIM_POLICIES_SERVICE_HOTPLUG_REQUESTS_H_
