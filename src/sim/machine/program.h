// Programs of tasks, flattened: loops become jumps, names become indices. Made once per task of the
// scenario (instances share one), executed by the machine.
#ifndef RQSIM_SIM_MACHINE_PROGRAM_H_
#define RQSIM_SIM_MACHINE_PROGRAM_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "rqsim/cpu_set.h"
#include "rqsim/kernel.h"
#include "rqsim/registry.h"
#include "rqsim/scenario.h"

namespace rqsim {

// One instruction. What `object`, `value` … mean depends on the kind (program.cc, machine/ops.cc).
struct Instr {
  enum class Flow : uint8_t {
    kOp,           // an operation
    kLoopBegin,    // value: how often, -1 for ever; counter: which loop counter
    kLoopEnd,      // target: first instruction of the body
    kJump,         // target
    kJumpIfZero,   // target: taken when the last operation's result was 0 (trylock)
    kJumpIfErrno,  // target: taken when it was an errno (lock)
  };
  Flow flow = Flow::kOp;
  OpKind kind = OpKind::kRun;
  RunMode mode = RunMode::kUser;
  LockWait lock_wait = LockWait::kUninterruptible;
  TaskState state = TaskState::kInterruptible;
  SignalKind signal = SignalKind::kOrdinary;
  TimerMode timer_mode = TimerMode::kRelative;
  bool forever = false;
  bool sync = false;
  bool page_fault = false;  // block: an exception
  bool absolute = false;    // block: `limit` is an instant
  int32_t times = 1;        // block: waits
  int64_t tail = 0;         // block: kernel work after them
  int32_t object = -1;      // lock, waitable, timer, task, template
  int32_t object2 = -1;     // wait, sync: the lock
  int32_t counter = -1;
  int32_t target = -1;   // jumps; operations that can be aborted: the abort address
  int32_t operand = -1;  // index into Programs::attrs, cpu_sets or service_ops
  int64_t value = 0;     // cycles, times
  int64_t limit =
      -1;  // sleep: until this instant; block, wait, sem_wait: timeout in cycles; -1 none
};

struct Program {
  std::vector<Instr> code;
  int num_counters = 0;
};

// Things that tasks wait on and that the machine keeps: condition variables, barriers, semaphores,
// suspend resources.
struct WaitableInfo {
  enum class Kind : uint8_t { kCondvar, kBarrier, kSemaphore, kResource };
  Kind kind = Kind::kCondvar;
  std::string name;
  int64_t initial = 0;  // semaphore: value; barrier: number of tasks that use it
};

// A call of a service's operation, resolved: which policy (index in the run) and path, with
// arguments.
struct ServiceOp {
  int policy = -1;  // -1: the service is absent, the operation means nothing here
  int op = -1;      // which of its operations
  PathId path;
  bool pays_syscall = true;
  int64_t args[6] = {};
};

// The programs of a run and the tables they refer to.
struct Programs {
  std::vector<Program> programs;  // by TaskSpec position: tasks, then kthreads
  std::vector<WaitableInfo> waitables;
  std::vector<std::string> timers;  // shared timers by `ref`
  int num_unique_timers = 0;        // timers of one's own: at most this many per task
  std::vector<SchedSpec> attrs;
  std::vector<CpuSet> cpu_sets;
  std::vector<ServiceOp> service_ops;
  int max_counters = 0;
};

// What compiling needs to know about names. Task names map to ids of existing tasks; templates to
// positions.
struct ProgramNames {
  std::map<std::string, int32_t, std::less<>> locks;
  std::map<std::string, int32_t, std::less<>> tasks;
  std::map<std::string, int32_t, std::less<>> templates;
  // Servers that this run has none of: operations on them mean nothing.
  std::set<std::string, std::less<>> absent;
  // Policies of the run with their operations: position in the run and PolicyInfo.
  std::vector<std::pair<int, const PolicyInfo*>> services;
  const Registry* registry = nullptr;
};

// Errors: InvalidArgument for names that nothing declares (the reader finds these earlier,
// embedders may not).
absl::StatusOr<Programs> CompilePrograms(const Scenario& scenario, const ProgramNames& names);

}  // namespace rqsim

#endif  // RQSIM_SIM_MACHINE_PROGRAM_H_
