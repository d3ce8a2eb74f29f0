// Whether hotplug operations keep what hotplug.md 3 requires, from events alone.
//
//   error HP-R1 at 52: CPU 1 goes offline inside a section with preemption off on CPU 2 that began
//   at 40
//   error HP-R3 at 36: missed_cpu: CPU 1 comes online while U relies on the set of those that are,
//   since 20, without the reader lock and without callbacks
//
//   HP-H0  active CPUs are online (hotplug.md 2)
//   HP-R1  a CPU that was online when a section with preemption off began is online until its end
//   HP-R2  who learns in such a section that a CPU is online is right until its end
//   HP-R3  who works for all online CPUs, or relies on one being offline, has the reader lock or
//          callbacks, or no CPU changes meanwhile (missed_cpu)
//   HP-D1  in mirrored order nobody is on while one whose service it uses is off
//   HP-T1  a CPU that runs its DYING callbacks takes no interrupt
//   HP-T3  nobody but its stop task and its idle loop executes on a CPU that is offline, and no
//   user
//          task that was picked on one that pushes, unless it has migration disabled
//   HP-DL  nobody who reads waits for a lock whose owner waits until nobody reads
//   HP-C1  RCU's core does not need the thread of a CPU while that is parked, stopped or elsewhere
//   HP-V1  a CPU is empty when the scheduler's DYING callback runs (not_vacated)
//   HP-V2  no callback fails on the way down once the CPU is dead (dead_callback_failed)
//   HP-V3  no teardown fails when a state or an instance is removed, or taken back after an error
//
// What is counted and no error: CPUs that appear inside a section (R1b), services that are
// withdrawn inside one while the CPU is online (Ra; MODEL-231), threads bound to a CPU that are
// elsewhere.
// Attached to runs that have a hotplug service; HP-T2, HP-K1 and what operations cost:
// hotplug_books.h.
#ifndef RQSIM_SIM_VIEWS_HOTPLUG_CHECKER_H_
#define RQSIM_SIM_VIEWS_HOTPLUG_CHECKER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "rqsim/listener.h"
#include "rqsim/trace_event.h"
#include "sim/views/declared_events.h"

namespace rqsim {

class HotplugChecker final : public Listener {
 public:
  // Without `checks` it only counts.
  explicit HotplugChecker(bool checks);

  EventMask Wants() const override;
  void OnStart(const RunInfo& info, ViolationSink& sink) override;
  void OnEvent(const TraceEvent& event) override;

  // The metrics of the run, by name. Precondition: the run is over.
  void AddTo(std::vector<std::pair<std::string, int64_t>>& metrics) const;

 private:
  struct OfCpu {
    bool online = true, active = true, pushes = false;
    bool is_dying = false;  // runs DYING callbacks
    Time online_since;      // kNever: it is not
    TaskId stop;
    TaskId pushed;  // picked there while it pushes, and has to leave
    Time section_since = kNever;
    TaskId section_of;
    bool rcu_in_kthread = false;
    bool rcu_thread_away = false;
  };
  // Somebody relies on `cpu` being online or not, or on the set of those that are.
  struct Reliance {
    TaskId task;
    CpuId cpu;  // invalid: all of them
    bool answer = true;
    bool is_covered = false;
    Time since;
  };

  void OnMask(const TraceEvent& event);
  void OnOnline(Time at, CpuId cpu, bool on);
  void OnSection(CpuId cpu, TaskId task, Time at, bool begins);
  void OnOp(const TraceEvent& event, OpKind op, TaskId task, bool begins);
  void OnRelies(const TraceEvent& event, const PolicyEventPayload& payload);
  void OnSwitch(const TraceEvent& event);
  void OnSegment(const TraceEvent& event);
  void OnDeclared(const TraceEvent& event);
  void CheckRcu(Time at, CpuId cpu);
  void Break(const char* id, Time at, CpuId cpu, TaskId task, std::string message);
  OfCpu& At(CpuId cpu) { return cpus_[cpu.index()]; }

  bool checks_;
  const RunInfo* info_ = nullptr;
  ViolationSink* sink_ = nullptr;
  DeclaredEvents<17> declared_;
  std::vector<OfCpu> cpus_;
  std::vector<int> pinned_;  // by task: how often migration is disabled
  std::vector<Reliance> reliances_;
  int64_t appeared_ = 0, withdrawn_ = 0, missed_ = 0, away_ = 0, not_vacated_ = 0, dead_failed_ = 0,
          unaudited_ = 0, dep_window_ = 0, ra_window_ = 0, retries_ = 0, timeouts_ = 0, lost_ = 0;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_HOTPLUG_CHECKER_H_
