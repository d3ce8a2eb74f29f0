// What hotplug operations cost and whom they disturbed, from events alone, and whom they left
// behind:
//
//   error HP-T2 at 40: 2 runnable tasks are left on CPU 1, which is dead
//
//   HP-T2  no runnable task is left on a CPU that is dead (check_for_tasks())
//   HP-K1  no task is queued on a CPU that has been offline since its operation ended
//
// The other requirements of hotplug.md 3: hotplug_checker.h.
//
// Attached to runs that have a hotplug service.
#ifndef RQSIM_SIM_VIEWS_HOTPLUG_BOOKS_H_
#define RQSIM_SIM_VIEWS_HOTPLUG_BOOKS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "rqsim/listener.h"
#include "rqsim/result.h"
#include "rqsim/trace_event.h"

namespace rqsim {

// hotplug.md 3, Rn1: an operation is fine up to 10 ms and bad from 1 s on.
inline constexpr int64_t kQuickPerSecond = 100;

class HotplugBooks final : public Listener {
 public:
  // Without `checks` it only counts.
  explicit HotplugBooks(bool checks) : checks_(checks) {}

  EventMask Wants() const override;
  void OnStart(const RunInfo& info, ViolationSink& sink) override;
  void OnEvent(const TraceEvent& event) override;
  void OnEnd(const RunEnd& end) override;

  // Every operation, as it was asked for. Precondition: the run is over.
  std::vector<HotplugOpResult> Take() { return std::move(records_); }
  // The metrics of the run, by name. Precondition: the run is over.
  void AddTo(std::vector<std::pair<std::string, int64_t>>& metrics) const;

 private:
  struct Op {
    int32_t id = 0;
    CpuId cpu;
    Time requested;
    bool is_done = false;
  };
  struct OfCpu {
    bool online = true, active = true, pushes = false;
    TaskId stop, hotplug;  // stop/N, cpuhp/N
    TaskId curr;
    Time inactive_since = kNever;
    Cycles window;    // of its stop task, in the present operation
    Time busy_until;  // when anybody but its stop task last did something there, or was moved away
  };

  void OnMask(const TraceEvent& event);
  void OnOp(const TraceEvent& event);
  void OnSegment(const TraceEvent& event);
  void OnMove(const TraceEvent& event);
  void OnDying(HotplugOpResult& op, bool on);
  void EndGrace(Time at);
  static void AddInactive(HotplugOpResult& op, Time since, Time until);
  void OnDeclared(const TraceEvent& event);
  void Break(const char* id, Time at, CpuId cpu, TaskId task, std::string message);
  void EndWindows();
  HotplugOpResult* Present();
  void OnCallback(const TraceEvent& event);
  static HotplugStep* OpenStep(HotplugOpResult& op, int state);
  void OnBudget(const TraceEvent& event);
  void OnStep(const TraceEvent& event, const PolicyEventPayload& payload);
  static void EndStep(HotplugOpResult& op, int& open, Time at);
  void OnNotify(const TraceEvent& event, const PolicyEventPayload& payload);

  bool checks_;
  const RunInfo* info_ = nullptr;
  ViolationSink* sink_ = nullptr;
  std::vector<OfCpu> cpus_;
  std::vector<Op> open_;
  std::vector<bool> throttled_;  // by task
  std::vector<CpuId> queue_of_;  // by task: the runqueue it is on
  std::vector<std::pair<EventKind, std::string>> declared_;
  std::vector<HotplugOpResult> records_;
  Time offline_since_;                          // when a CPU left the online mask last
  HotplugStep locking_;                         // step i of an operation that has no lock yet
  int open_step_ = -1, idle_step_ = -1;         // of the controller, of the idle loop; -1: none
  bool has_direction_ = false, is_up_ = false;  // of the operation that has the lock, once known
  Time grace_since_ = kNever;                   // kNever: nobody waits for a grace period
  int kicked_ = -1;                             // state from which a hotplug thread was sent off
  std::size_t last_done_ = 0;                   // 1 + the record that ended last; 0: none
  int32_t present_ = 0;                         // id of the operation that has the lock; 0: none
  CpuId meant_;                                 // of the operation that has the lock
  bool in_operation_ = false;
  Time last_;
  int64_t ops_ = 0, failed_ = 0, latency_max_ = 0, latency_sum_ = 0, window_max_ = 0,
          window_sum_ = 0, inactive_ = 0, moved_ = 0, races_ = 0, bads_ = 0, stragglers_ = 0,
          kthread_cycles_ = 0, slow_ = 0, bad_ = 0, callbacks_ = 0;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_HOTPLUG_BOOKS_H_
