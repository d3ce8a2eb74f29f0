// Who listens to a run. Listeners are told what happened, in the order in which it happened, and
// change nothing.
#ifndef RQSIM_LISTENER_H_
#define RQSIM_LISTENER_H_

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rqsim/ids.h"
#include "rqsim/limits.h"
#include "rqsim/scenario.h"
#include "rqsim/time.h"
#include "rqsim/trace_event.h"

namespace rqsim {

struct PolicyInfo;

// The kinds of events a listener wants. A record that nobody wants is not built.
class EventMask {
 public:
  static EventMask None() { return EventMask(); }
  static EventMask All() {
    EventMask mask;
    mask.bits_.set();
    return mask;
  }
  template <class... Kinds>
  static EventMask Of(Kinds... kinds) {
    EventMask mask;
    (mask.Add(kinds), ...);
    return mask;
  }
  EventMask& Add(EventKind kind) {
    bits_.set(static_cast<std::size_t>(kind));
    return *this;
  }
  // Every event that policies declare.
  EventMask& AddPolicyEvents() {
    for (std::size_t i = kFirstPolicyEvent; i < kMaxEventKinds; ++i) bits_.set(i);
    return *this;
  }
  bool Contains(EventKind kind) const { return bits_.test(static_cast<std::size_t>(kind)); }
  EventMask operator|(const EventMask& other) const {
    EventMask mask;
    mask.bits_ = bits_ | other.bits_;
    return mask;
  }

 private:
  std::bitset<kMaxEventKinds> bits_;
};

// A breach of an invariant that a checker found.
struct Violation {
  std::string id;       // "MX-I1"
  Time at;              // cycles
  CpuId cpu;            // invalid: no particular one
  TaskId task;          // invalid: none
  LockId lock;          // invalid: none
  std::string message;  // a sentence; names, no addresses
};

// Where checkers report. A fatal report ends the run with outcome `violation` after the present
// event; the trace up to it stays valid.
class ViolationSink {
 public:
  virtual ~ViolationSink() = default;
  enum class Severity : uint8_t { kContinue, kFatal };
  virtual void Report(Violation violation, Severity severity) = 0;
};

// Names and sizes of a run, for listeners. Valid as long as the simulation; tasks may be added
// (fork).
class RunInfo {
 public:
  virtual ~RunInfo() = default;
  virtual const Scenario& scenario() const = 0;
  virtual std::string_view policy_set() const = 0;
  virtual int num_cpus() const = 0;
  virtual int num_locks() const = 0;
  virtual int num_tasks() const = 0;  // the idle task included; ids are 0 … num_tasks() - 1
  virtual std::string_view task_name(TaskId task) const = 0;  // "idle" for the idle task
  virtual bool is_kthread(TaskId task) const = 0;  // the scenario's and the policies' own
  virtual std::string_view lock_name(LockId lock) const = 0;
  virtual Cycles tick() const = 0;
  // The policies of this run in PolicyId order, and the first event kind of each one's declared
  // events.
  virtual const std::vector<const PolicyInfo*>& policies() const = 0;
  virtual EventKind first_event_kind(PolicyId policy) const = 0;
};

// The machine's own sums, handed out at the end so that listeners' books can be held against them.
struct TaskSums {
  Cycles exec;     // executed as curr, switch and handler time included (se.sum_exec_runtime)
  Cycles charged;  // the same cycles booked to the donor
  Cycles work;     // program cycles
  int64_t nr_switches = 0, nr_voluntary_switches = 0, nr_involuntary_switches = 0,
          nr_migrations = 0;
};
struct CpuSums {
  Cycles user, kernel, idle, offline;
  std::vector<Cycles> overhead;  // by CostId
  int64_t ticks = 0;             // taken, those that were no events included
};
struct RunEnd {
  Outcome outcome = Outcome::kDone;
  Time end;
  uint64_t events = 0;  // trace records
  uint64_t digest = 0;
  uint64_t schedule_digest = 0;
  int64_t elided_ticks = 0;     // how many ticks were no events; nothing else tells
  std::string message;          // why, for outcomes that are not done or until
  std::vector<TaskSums> tasks;  // by TaskId
  std::vector<CpuSums> cpus;    // by CpuId
};

// Listeners are called in the order in which they were added. A listener never reads a clock and
// never needs another listener. It may throw nothing.
class Listener {
 public:
  virtual ~Listener() = default;

  // When:    once, when it is added to a simulation. State: nothing has run. May: nothing.
  // Returns: the kinds it wants; OnEvent is called for no other.
  // Default: none, every listener says.
  virtual EventMask Wants() const = 0;

  // When:    once, before the first event. State: t = 0, ids and names exist. `info` and `sink`
  // outlive the listener's use. May:     keep both, and report to `sink` then or later. Default:
  // takes no notice.
  virtual void OnStart(const RunInfo& info, ViolationSink& sink);

  // When:    after each change of the wanted kinds, in trace order. State: the change has been
  // made. May:     write what it is there to write, and report violations; never change the
  // simulation. Default: none, every listener decides.
  virtual void OnEvent(const TraceEvent& event) = 0;

  // When:    once, after the last event. State: every open segment has been closed.
  // May:     write and report, as in OnEvent.
  // Default: takes no notice.
  virtual void OnEnd(const RunEnd& end);
};

}  // namespace rqsim

#endif  // RQSIM_LISTENER_H_
