#include "rqsim/faults.h"

namespace rqsim {
namespace {

constexpr MachineFault kMachineFaults[] = {
    {{"proxy.deactivate_before_idle",
      "F2: a donor is dequeued while it still is its CPU's donor, not after idle has become it",
      "PX-I2"},
     &Faults::deactivate_before_idle},
    {{"proxy.park_no_oncpu_check",
      "F6: a parked task is queued with its owner although it was woken and sleeps elsewhere by "
      "then",
      "PX-I1"},
     &Faults::park_no_oncpu_check},
    {{"proxy.keep_callbacks",
      "F7: what a class put off for a pick (push, pull) outlives that pick when it is discarded",
      "PX-I11"},
     &Faults::keep_callbacks},
    {{"proxy.gate_on_blocked_on",
      "F9: a task that was preempted on its way to sleep counts as blocked already", "PX-I14"},
     &Faults::gate_on_blocked_on},
    {{"proxy.stale_wake_cpu",
      "F12: a full wake-up that places a proxied task where it is leaves its wake_cpu as it was",
      "PX-I5"},
     &Faults::stale_wake_cpu},
    {{"proxy.signal_in_place",
      "F13: a signal makes a queued waiter runnable where it is and leaves it gated", "PX-I8"},
     &Faults::signal_in_place},
};

constexpr WindowInfo kWindows[] = {
    {"W1", "wake-up: the task is claimed, its CPU not yet chosen; the waker is held"},
    {"W2", "wake-up: its CPU is chosen, it is not yet queued there; the waker is held"},
    {"W3", "chain walk: the owner's CPU has been read, nothing done about it yet"},
    {"W4", "proxy move: the donor is dequeued here, not yet queued on its owner's CPU"},
    {"W5", "park activation: taken from the owner's list, not yet queued; the activator is held"},
    {"W6", "unlock: it is decided whom to hand the lock to, the lock not yet handed over"},
    {"W7", "block: blocked_on is set, schedule() not yet called; preemptible"},
};

}  // namespace

std::span<const MachineFault> MachineFaults() { return kMachineFaults; }
std::span<const WindowInfo> Windows() { return kWindows; }

}  // namespace rqsim
