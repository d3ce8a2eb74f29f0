// Checks the properties of pairing.md 4 from events alone, and counts what they cost. Attached to
// every run whose programs have critical sections on the data of a CPU or use pairing.
//
//   error PA-S2 at 23: T runs user code paired with CPU 1 while X does there
//   error PA-L1 at 150: T was let in 5 times since it was paired and has committed nothing
//
//   PA-S1  two tasks are never in user code of critical sections on the same data
//   PA-LU  … and no update is lost (pairing or not)
//   PA-S2  while a paired task runs user code elsewhere nobody else runs user code on its CPU
//   PA-S3  nor does another task that is paired with that CPU
//   PA-S4  when unpair is over no worker is active for the task
//   PA-L1  a paired task that is let in commits in the end: by the end of the run not
//   kMaxVainEntries
//          times in vain
//   PA-I1  no task executes on an offline CPU, and task_cpu() of none is negative
//   PA-I2  a CPU runs for a task exactly while a worker is active for it (pair-v2). Between the
//   hook
//          of a task that lost its CPU and the worker's next look it may be otherwise, as long as
//          the worker has not executed more than two looks; a task that has its CPU lost nothing
//   PA-I3  queued or executing work holds one reference to its task, and an unpaired task has none
//
// The metrics it adds are those that the policies `rseq`, `pair-v2` and `pair-spin` declare.
#ifndef RQSIM_SIM_VIEWS_PAIR_CHECKER_H_
#define RQSIM_SIM_VIEWS_PAIR_CHECKER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "rqsim/listener.h"
#include "rqsim/result.h"
#include "rqsim/trace_event.h"
#include "sim/views/declared_events.h"
#include "sim/views/user_overlaps.h"

namespace rqsim {

class PairChecker final : public Listener {
 public:
  static constexpr int kMaxVainEntries = 3;

  // Whether the policies of a run have anything to check.
  static bool AppliesTo(const RunInfo& info);
  // `poll`: the length of a worker's look.
  explicit PairChecker(Cycles poll);

  EventMask Wants() const override;
  void OnStart(const RunInfo& info, ViolationSink& sink) override;
  void OnEvent(const TraceEvent& event) override;
  void OnEnd(const RunEnd& end) override;

  std::vector<Pairing> TakePairings() { return std::move(pairings_); }
  // Adds its metrics to `metrics`, which is sorted afterwards by whoever owns it.
  void AddTo(std::vector<std::pair<std::string, int64_t>>& metrics) const;

 private:
  struct TaskBook {
    CpuId pair_cpu;
    CpuId queue;  // the runqueue it is on
    bool worker_active = false;
    bool is_queued = false;
    bool is_kthread = false;
    bool is_worker = false;
    bool waits = false;  // behind a worker, since …
    Time waits_since;
    CpuId works_for;        // workers: the CPU that is theirs
    Time set_at = kNever;   // since when it has been paired without a commit
    int pairing = -1;       // the present one, or update, in pairings_
    int last_pairing = -1;  // … or the one before
    int entries = 0;        // times it was let in since
    int aborts = 0;         // critical sections started anew since
    int64_t refs = 0;       // as the service says
    int64_t work = 0;       // queued and executing work, as counted here
  };
  struct CpuBook {
    TaskId curr = kIdleTask;
    TaskId running;   // for whom its worker runs
    TaskId current;   // whose work its worker has
    int serves = -1;  // for which of pairings_ that is
    bool is_online = true;
    bool by_itself = false;  // the task it runs for cleared its own half, on its own CPU
    bool is_open = false;    // PA-I2 does not hold just now …
    bool reported = false;
    std::string problem;
    Time open_since;
    Cycles executed_since;  // … what its worker has executed since, hooks apart
    Cycles hook;            // what the hook of the switch to its worker still takes
  };

  TaskBook& At(TaskId task);
  Pairing* PairingOf(TaskId task);
  CpuBook& At(CpuId cpu) { return cpus_[cpu.index()]; }

  void OnSegment(const TraceEvent& event);
  void OnSwitch(const TraceEvent& event);
  void OnQueue(const SchedQueue& queue);
  void OnPair(const TraceEvent& event, int which);
  void OnRseq(const TraceEvent& event, int which);
  void OpenUpdate(TaskId id, CpuId data, Time at);
  void EndWait(TaskBook& task, Time at);
  void Settle();
  void CheckRefs(TaskId id);
  void CheckCpu(CpuId id);
  void Report(const char* id, Time at, TaskId task, CpuId cpu, std::string message);
  std::string Name(TaskId task) const { return std::string(info_->task_name(task)); }

  static constexpr std::size_t kNumEvents = 17;
  DeclaredEvents<kNumEvents> events_;
  Cycles poll_;
  const RunInfo* info_ = nullptr;
  ViolationSink* sink_ = nullptr;
  bool has_worker_state_ = false;  // pair-v2: PA-I2 can be held against something
  bool is_pairing_ = false;
  Time now_;
  UserOverlaps overlaps_;
  std::vector<UserOverlaps::Overlap> found_;
  std::vector<TaskBook> tasks_;
  std::vector<CpuBook> cpus_;
  std::vector<TaskId> workers_;  // by CPU
  std::vector<Pairing> pairings_;
  std::vector<TaskId> touched_;  // tasks whose references changed at this instant
  bool is_dirty_ = false;
  int64_t num_pairings_ = 0, commits_ = 0, aborts_ = 0, guard_fails_ = 0, lost_ = 0;
  int64_t ipis_ = 0, ipi_failed_ = 0, dead_branch_ = 0, cancels_ = 0, timeouts_ = 0;
  int64_t hook_cycles_ = 0, hook_cycles_others_ = 0, hook_lines_others_ = 0, switches_others_ = 0;
  int64_t moves_ = 0, hotplug_refused_ = 0;
  Time asked_at_;
  Cycles hotplug_max_;
  Cycles soak_, latency_max_, wait_max_, wait_sum_, users_kernel_;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_PAIR_CHECKER_H_
