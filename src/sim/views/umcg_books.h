// What UMCG cost and whom it let down, from events alone (umcg.md 15). The numbers stand in the
// result's `metrics`:
//
//   handoff_latency.max 14       first step of the giver to the receiver's first user cycle; also
//   by
//                                kind: handoff_block.max …
//   runnable_idle_gap.parked 10  cycles in which a CPU allowed for a server idles while a worker of
//                                its group stands on a list or queue; .unparked: woken, not yet
//                                there
//   lost_wakeups 1               servers left asleep by a worker that can wake them no more
//
// What they add up to is for umcg_totals.h.
#ifndef RQSIM_SIM_VIEWS_UMCG_BOOKS_H_
#define RQSIM_SIM_VIEWS_UMCG_BOOKS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "rqsim/listener.h"
#include "rqsim/result.h"
#include "rqsim/trace_event.h"
#include "sim/views/per_task.h"
#include "sim/views/umcg_totals.h"

namespace rqsim {

// The declared events of a UMCG service, found by their names.
class UmcgEvents {
 public:
  enum Kind : int {
    kState,
    kPush,
    kTake,
    kTakeServer,
    kIgnored,
    kSilent,
    kRetry,
    kDie,
    kPin,
    kEnter,
    kExit,
    kHandoff,
    kQueue,
    kServerIdle,
    kDiscard,
    kSpurious,
    kPreempt,
    kSpin,
    kLookup,
    kRegister,
    kGone,
    kStamp,
    kCount,
  };
  // Returns whether the run has a policy with such events.
  bool Bind(const RunInfo& info);
  // kCount: none of them.
  int Find(EventKind kind) const {
    const int index = static_cast<int>(kind) - first_;
    return index >= 0 && index < static_cast<int>(kinds_.size())
               ? kinds_[static_cast<std::size_t>(index)]
               : kCount;
  }

 private:
  int first_ = 0;
  std::vector<int> kinds_;
};

class UmcgBooks final : public Listener {
 public:
  // `spans`: also what the view `umcg` shows.
  explicit UmcgBooks(bool spans) : spans_wanted_(spans) {}
  EventMask Wants() const override;
  void OnStart(const RunInfo& info, ViolationSink& sink) override;
  void OnEvent(const TraceEvent& event) override;
  void OnEnd(const RunEnd& end) override;
  // Words and lists by task and start, hand-offs by arrival. To be called after OnEnd, once.
  std::vector<UmcgSpan> TakeSpans();
  std::vector<UmcgHandoff> TakeHandoffs() { return std::move(arrived_); }
  // Appends the metrics, if the scenario has groups or hand-offs, and those of its threads.
  void AddTo(Result& result) const;

 private:
  // Whose cycles a stretch is: a program's, a UMCG path's that is in the kernel only, or one's that
  // has user code too.
  enum class Step : uint8_t { kProgram, kKernelPath, kUserPath };
  struct Handoff {
    Time begun = kNever;
    int kind = 0;
    TaskId giver;
  };
  struct Worker {
    int group = -1;
    bool is_server = false;
    bool blocked = false;       // its word says so
    bool is_woken = false;      // … and its wait is over: not parked yet
    bool is_waiting = false;    // woken, waits for a CPU
    Time waits_until = kNever;  // … until the switch to it is over
    bool on_list = false, in_queue = false;
    Time woken = kNever, pushed = kNever, blocked_at = kNever, asked = kNever;
    Handoff pending, before;     // to it; what it replaced
    TaskId gives;                // whom it hands its CPU to
    TaskId runs;                 // of a server: its worker
    std::vector<TaskId> run_by;  // of a worker: the servers whose it is
    TaskId serves;               // of a worker: the server that sleeps for it
    bool is_lost = false;
    Time word_since, list_since;
    std::string word;        // as text; empty: not seen yet
    int64_t list_order = 0;  // its joining of the list or queue, counted over the run
    Step step = Step::kProgram;
    Time step_since, stretch_since;
    Cycles in_kernel_path, in_user_path;  // since its last stretch of one kind began
  };
  // Those workers of a group that keep a CPU from idling rightly.
  struct Waiting {
    int parked = 0;
    int for_switch = 0;            // woken, nobody has switched to them yet
    std::vector<TaskId> switched;  // … somebody has, in no order
  };
  struct UserTime {
    int group = 0;
    Time start, end;
  };
  Worker& Of(TaskId task) { return workers_[task]; }
  // Changes what Count() looks at.
  template <class Change>
  void Alter(TaskId task, Change change) {
    Count(task, -1);
    change(Of(task));
    Count(task, 1);
  }
  void Count(TaskId task, int by);
  void SetRuns(TaskId server, TaskId worker);
  bool Parked(const Worker& worker) const { return worker.on_list || worker.in_queue; }
  void Accumulate(Time t);
  void OnUmcg(int kind, const TraceEvent& event);
  void OnState(const PolicyEventPayload& p, Time t);
  void OnHandoff(const PolicyEventPayload& p, Time t);
  void OnSwapped(TaskId by, TaskId task);
  void OnCounted(int kind, const PolicyEventPayload& p, Time t);
  void OnRegister(const PolicyEventPayload& p);
  void OnSegment(const Segment& segment, Time end);
  void OnUserCode(const Segment& segment, Time end);
  void OnSwitch(const TraceEvent& event);
  void OnWaking(TaskId task, Time t);
  void Mark(TaskId task, Step step, Time t);
  void CountSteps(const Segment& segment, Time end);
  void NoteWord(TaskId task, const PolicyEventPayload& p, Time t);
  void NoteList(TaskId task, Time t);
  void AddSpan(UmcgSpan::Kind kind, TaskId task, Time start, Time end, std::string what,
               int64_t order);
  void OnTake(TaskId server);
  void TakeBack(TaskId giver);
  void Lost(TaskId worker);
  void JoinByName(const RunInfo& info);

  bool spans_wanted_;
  std::vector<UmcgSpan> spans_;
  std::vector<UmcgHandoff> arrived_;
  void (*word_text_)(int64_t value, std::string& out) = nullptr;
  UmcgEvents events_;
  bool is_on_ = false;
  bool has_service_ = false;   // one that knows hand-offs
  bool has_protocol_ = false;  // … and groups
  PolicyId policy_;            // the one that knows groups
  int64_t locked_ = 0;         // the bit LOCKED of a word
  std::vector<Step> path_step_;
  Cycles switch_cost_;
  PerTask<Worker> workers_;
  std::vector<CpuSet> group_cpus_;
  std::vector<Waiting> waiting_;  // by group
  std::vector<UserTime> user_;
  std::vector<Time> idle_from_;
  int nr_idle_ = 0;
  Time last_;
  int64_t joins_ = 0;       // of lists and queues, so far
  int64_t next_taken_ = 0;  // the number of the next worker that a server takes
  UmcgTotals totals_;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_UMCG_BOOKS_H_
