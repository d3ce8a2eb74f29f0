// Faults: mistakes that a run makes on purpose, so that the invariant that forbids them is seen to
// report (proxy-exec.md 9). Every fault is off unless a scenario or a policy set names it, each is
// read at exactly one place, and `rqsim list faults` prints these tables.
//
//   "faults": ["proxy.gate_on_blocked_on",
//              {"name": "window", "at": "W7", "task": "T", "hold": 3}]
//
// The faults of the machine are below; those of policies stand in their PolicyInfo::faults.
#ifndef RQSIM_FAULTS_H_
#define RQSIM_FAULTS_H_

#include <span>
#include <string_view>

#include "rqsim/policy.h"

namespace rqsim {

// The machine's faults, all off.
struct Faults {
  bool deactivate_before_idle = false;
  bool park_no_oncpu_check = false;
  bool keep_callbacks = false;
  bool gate_on_blocked_on = false;
  bool stale_wake_cpu = false;
  bool signal_in_place = false;
};

struct MachineFault {
  FaultInfo info;
  bool Faults::*on;
};

// A row per member of Faults.
std::span<const MachineFault> MachineFaults();

// A named window that a `window` fault can hold.
struct WindowInfo {
  std::string_view name;  // "W1"
  std::string_view summary;
};

// W1 … W7. The first five are the machine's (Window in kernel.h); W6 and W7 are the steps of that
// name of the lock protocol in force.
std::span<const WindowInfo> Windows();

}  // namespace rqsim

#endif  // RQSIM_FAULTS_H_
