#include "rqsim/ops.h"

#include <array>

#include "rqsim/check.h"

namespace rqsim {
namespace {

// What is kernel code on the task's behalf without being a system call pays nothing (machine.md
// 3.1): the mutex operations, `loop`, `preempt_off`, `irqs_off`, `migrate_disable` and `_enable`.
// `run` and `runtime` are the user's own code.
constexpr std::array kOps = {
    OpInfo{OpKind::kRun, "run", R"({"run": {"for": "3ms", "mode": "kernel"}})", "user", false,
           "Executes for that many cycles; a number, a string with a unit, or \"forever\"."},
    OpInfo{OpKind::kRuntime, "runtime", R"({"runtime": "3ms"})", "user", false,
           "Executes until so much time has passed since it began, whoever had the CPU meanwhile."},
    OpInfo{OpKind::kSleep, "sleep", R"({"sleep": {"until": "10ms"}})", "kernel", true,
           "Sleeps for a length, or until an instant of the run; `state` says how (default S)."},
    OpInfo{OpKind::kTimer, "timer",
           R"({"timer": {"ref": "tick", "period": "20ms", "mode": "absolute"}})", "kernel", true,
           "Sleeps until the next period of the timer; does not sleep when that has passed."},
    OpInfo{OpKind::kLock, "lock",
           R"({"lock": {"name": "A", "interruptible": true, "then": [], "else": []}})", "kernel",
           false,
           "Acquires a mutex by the lock protocol of the policy set; goes on with `else` if that "
           "came back with an errno."},
    OpInfo{OpKind::kUnlock, "unlock", R"({"unlock": "A"})", "kernel", false,
           "Releases a mutex that the task owns."},
    OpInfo{OpKind::kTrylock, "trylock", R"({"trylock": {"name": "A", "then": [], "else": []}})",
           "kernel", false,
           "Acquires a mutex if that needs no waiting, and goes on with `then` or `else`."},
    OpInfo{OpKind::kWait, "wait", R"({"wait": {"ref": "data", "mutex": "A", "timeout": "5ms"}})",
           "kernel", true,
           "Releases the mutex, waits for the condition variable, acquires the mutex again."},
    OpInfo{OpKind::kSignal, "signal", R"({"signal": "data"})", "kernel", true,
           "Wakes the first waiter of the condition variable."},
    OpInfo{OpKind::kBroad, "broad", R"({"broad": "data"})", "kernel", true,
           "Wakes every waiter of the condition variable, in the order of waiting."},
    OpInfo{OpKind::kSync, "sync", R"({"sync": {"ref": "data", "mutex": "A"}})", "kernel", true,
           "signal, then wait, as one operation."},
    OpInfo{OpKind::kBarrier, "barrier", R"({"barrier": "start"})", "kernel", true,
           "Waits until every task that uses the barrier has come; the last one wakes the others."},
    OpInfo{OpKind::kSuspend, "suspend", R"({"suspend": "me"})", "kernel", true,
           "Sleeps until somebody resumes the resource."},
    OpInfo{OpKind::kResume, "resume", R"({"resume": "me"})", "kernel", true,
           "Wakes the tasks that are suspended on the resource; nothing is remembered."},
    OpInfo{OpKind::kSemPost, "sem_post", R"({"sem_post": "items"})", "kernel", true,
           "Adds one to the semaphore, or hands it to the first waiter."},
    OpInfo{OpKind::kSemWait, "sem_wait", R"({"sem_wait": {"name": "items", "timeout": "5ms"}})",
           "kernel", true, "Takes one from the semaphore, waiting while it is 0."},
    OpInfo{OpKind::kYield, "yield", R"({"yield": {}})", "kernel", true,
           "Gives the CPU to another runnable task as the class sees fit (sched_yield())."},
    OpInfo{OpKind::kBlock, "block",
           R"({"block": {"kind": "io", "for": "5ms", "state": "D", "kernel_tail": 20}})", "kernel",
           true,
           "Sleeps until it is woken, or for as long as a device takes; S interruptible, D not, "
           "K killable, I idle. A fault is entered by an exception."},
    OpInfo{OpKind::kWake, "wake", R"({"wake": {"task": "B", "sync": true}})", "kernel", true,
           "Wakes a task (try_to_wake_up()); nothing if that is not asleep."},
    OpInfo{OpKind::kSetSched, "set_sched", R"({"set_sched": {"policy": "fifo", "priority": 5}})",
           "kernel", true, "Changes its own scheduling attributes (sched_setattr())."},
    OpInfo{OpKind::kSetAffinity, "set_affinity", R"({"set_affinity": "0-1"})", "kernel", true,
           "Changes the CPUs it may run on (sched_setaffinity())."},
    OpInfo{OpKind::kFork, "fork", R"({"fork": "child"})", "kernel", true,
           "Makes a task from a template (a task with instances 0)."},
    OpInfo{OpKind::kExec, "exec", R"({"exec": {}})", "kernel", true,
           "Starts a new program: the same operations go on, placement may move the task."},
    OpInfo{OpKind::kExit, "exit", R"({"exit": {}})", "kernel", true,
           "Ends the task here; the end of a program does the same. Pays c_exit, not c_syscall."},
    OpInfo{
        OpKind::kKill, "kill", R"({"kill": {"task": "B", "signal": "KILL"}})", "kernel", true,
        "Sends a POSIX signal: an ordinary one ends interruptible waits, KILL killable ones too."},
    OpInfo{OpKind::kPreemptOff, "preempt_off", R"({"preempt_off": 300})", "kernel", false,
           "Executes with preemption off: interrupts are taken, a reschedule waits for the end."},
    OpInfo{OpKind::kIrqsOff, "irqs_off", R"({"irqs_off": 300})", "kernel", false,
           "Executes with interrupts off: they are handled at the end."},
    OpInfo{OpKind::kMigrateDisable, "migrate_disable", R"({"migrate_disable": {}})", "kernel",
           false, "Executes on no other CPU from here on; can be nested (migrate_disable())."},
    OpInfo{OpKind::kMigrateEnable, "migrate_enable", R"({"migrate_enable": {}})", "kernel", false,
           "Ends the last migrate_disable."},
    OpInfo{OpKind::kLoop, "loop", R"({"loop": {"count": 3, "ops": []}})", "-", false,
           "Repeats its operations count times, or \"forever\"."},
};

}  // namespace

std::span<const OpInfo> OpTable() { return kOps; }

const OpInfo& OpInfoOf(OpKind kind) {
  RQSIM_CHECK(kind != OpKind::kService);
  const OpInfo& info = kOps[static_cast<std::size_t>(kind)];
  RQSIM_CHECK(info.kind == kind);
  return info;
}

}  // namespace rqsim
