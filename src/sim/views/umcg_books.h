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
#ifndef RQSIM_SIM_VIEWS_UMCG_BOOKS_H_
#define RQSIM_SIM_VIEWS_UMCG_BOOKS_H_

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rqsim/listener.h"
#include "rqsim/result.h"
#include "rqsim/trace_event.h"

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
  // Appends the metrics, if the run has UMCG.
  void AddTo(std::vector<std::pair<std::string, int64_t>>& metrics) const;

 private:
  static constexpr int kKinds = 5;
  static constexpr int kReasons = 12;
  struct Worker {
    int group = -1;
    bool is_server = false;
    bool blocked = false;       // its word says so
    bool is_woken = false;      // … and its wait is over: not parked yet
    bool is_waiting = false;    // woken, waits for a CPU
    Time waits_until = kNever;  // … until the switch to it is over
    bool on_list = false, in_queue = false;
    Time woken = kNever, pushed = kNever, blocked_at = kNever, asked = kNever;
    Time handoff = kNever;  // to it, begun
    int handoff_kind = 0;
    TaskId gives;  // whom it hands its CPU to
    TaskId runs;   // of a server: its worker
    bool is_lost = false;
    Time word_since, list_since;
    std::string word;  // as text; empty: not seen yet
    TaskId giver;      // of the hand-off to it
  };
  struct Group {
    int servers = 0;
    CpuSet cpus;
    int64_t parked_gap = 0, unparked_gap = 0, excess = 0;
    std::vector<std::pair<Time, Time>> user;
  };
  Worker& Of(TaskId task);
  bool Parked(const Worker& worker) const { return worker.on_list || worker.in_queue; }
  void Accumulate(Time t);
  void OnUmcg(int kind, const TraceEvent& event);
  void OnState(const PolicyEventPayload& p, Time t);
  void OnSegment(const Segment& segment, Time end);
  void OnSwitch(const TraceEvent& event);
  void NoteWord(TaskId task, const PolicyEventPayload& p, Time t);
  void NoteList(TaskId task, Time t);
  void Lost(TaskId worker);
  static void Add(std::vector<std::pair<std::string, int64_t>>& metrics, const std::string& name,
                  std::vector<int64_t> samples);

  bool spans_wanted_;
  std::vector<UmcgSpan> spans_;
  std::vector<UmcgHandoff> arrived_;
  void (*word_text_)(int64_t value, std::string& out) = nullptr;
  UmcgEvents events_;
  bool is_on_ = false;
  const RunInfo* info_ = nullptr;
  Cycles switch_cost_;
  std::deque<Worker> workers_;  // a reference stays good when it grows
  std::vector<Group> groups_;
  std::vector<Time> idle_from_;
  Time last_;
  Time end_;
  std::array<std::vector<int64_t>, kKinds> handoffs_;
  std::vector<int64_t> block_notify_, wake_notify_, sched_latency_, wake_to_run_, preempt_;
  std::array<int64_t, kReasons> killed_{};
  int64_t attached_user_ = 0, unmanaged_ = 0, umcg_steps_ = 0, busy_ = 0, lost_ = 0, silent_ = 0,
          futile_ = 0, spurious_ = 0, missed_ = 0, consumer_spin_ = 0, kernel_spin_ = 0,
          discarded_ = 0, pins_max_ = 0, lookups_ = 0, cross_wakes_ = 0, servers_ = 0;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_UMCG_BOOKS_H_
