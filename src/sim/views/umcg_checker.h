// Holds a run of UMCG against the invariants I1 to I15 of umcg.md 14, from events alone. (I16, that
// all cycles are somebody's, is the accountant's.) A breach is reported and the run goes on: what
// is as posted breaks some of them, and the scenarios say which.
//
//   UM-I1 at 41: W executes user code with its word IDLE
#ifndef RQSIM_SIM_VIEWS_UMCG_CHECKER_H_
#define RQSIM_SIM_VIEWS_UMCG_CHECKER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "rqsim/listener.h"
#include "rqsim/trace_event.h"
#include "sim/views/per_task.h"
#include "sim/views/umcg_books.h"

namespace rqsim {

class UmcgChecker final : public Listener {
 public:
  EventMask Wants() const override;
  void OnStart(const RunInfo& info, ViolationSink& sink) override;
  void OnEvent(const TraceEvent& event) override;
  void OnEnd(const RunEnd& end) override;

 private:
  struct Seen {
    int group = -1;
    int process = 0;
    bool is_worker = false, is_server = false;
    int64_t word = 0;
    int rounds = 0;            // pushed so often without a cycle of user code in between
    bool was_running = false;  // before the last change of its word
    bool on_list = false;
    bool pushing = false;     // between the push and the look for an idle server
    bool waits_idle = false;  // a server that found no work and waits
    bool told_lost = false;   // that it is on the list and nobody looks
    bool in_block_path = false;
    bool is_asleep = false;
    int64_t pages = 0;
    TaskId runs_for;              // the server of a worker
    std::vector<TaskId> running;  // of a server: the workers of it that are RUNNING, by id
    int mutexes = 0;              // it holds
    Time released = kNever;       // when it last gave up a mutex
    Time died = kNever;
    Time bad_since = kNever;                 // its word forbids it user code
    std::vector<std::pair<Time, Time>> bad;  // … it did, not yet held against user code
  };
  // What must be known of all tasks of a group at once.
  struct Group {
    int pushing = 0;
    int servers = 0,
        idle_servers = 0;  // all of them; those that wait idle, with a word that says so
  };
  Seen& Of(TaskId task) { return seen_[task]; }
  // Changes what Count() looks at.
  template <class Change>
  void Alter(TaskId task, Change change) {
    Count(task, -1);
    change(Of(task));
    Count(task, 1);
  }
  void Count(TaskId task, int by);
  int64_t StateOf(int64_t word) const { return word & state_mask_; }
  bool MayRunUser(int64_t word) const;
  bool IsUnlock(int64_t from, int64_t to) const;
  TaskId ServerAfter(const PolicyEventPayload& p);
  bool MayStandOnList(int64_t word) const;
  void Report(const char* id, Time at, CpuId cpu, TaskId task, std::string message);
  std::string Name(TaskId task) const { return std::string(info_->task_name(task)); }
  void OnState(const TraceEvent& event, const PolicyEventPayload& p);
  void CheckKernelChange(const TraceEvent& event, const PolicyEventPayload& p);
  void CheckServers(const TraceEvent& event, TaskId task);
  void OnPush(const TraceEvent& event, TaskId task);
  void OnUmcg(int kind, const TraceEvent& event);
  void OnSegment(const Segment& segment, const TraceEvent& event);
  void OnSwitch(const SchedSwitch& change, const TraceEvent& event);
  bool HeldMutex(TaskId task, Time t) const;
  void CheckPins(Time at, CpuId cpu, TaskId task);
  void OnStep(const StepBegin& step);
  void CheckIdle(Time at, CpuId cpu, TaskId task);

  UmcgEvents events_;
  bool is_on_ = false;
  bool is_pz_ = false, is_v09_ = false, is_ev_ = false;
  int64_t state_mask_ = 0xff, user_bits_ = 0, locked_ = 0, preempted_ = 0, cond_wait_ = 0;
  int policy_ = -1;
  std::vector<int> block_steps_;  // by path: the steps of block detection; 0: it is another path
  const RunInfo* info_ = nullptr;
  ViolationSink* sink_ = nullptr;
  PerTask<Seen> seen_;
  std::vector<Group> groups_;
  std::vector<TaskId> owners_;
  std::vector<std::string> processes_;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_UMCG_CHECKER_H_
