// Hand-made events and a hand-made run, for tests of listeners.
//
//   EventFeed feed({.cpus = 2, .tasks = {"L", "H"}, .locks = {"A"}});
//   Timeline timeline;
//   feed.To(timeline);
//   feed.At(0, 0, SchedSwitch{.prev_pid = kIdleTask, .next_pid = feed.Task("L")});
//   feed.End(6);
//   CHECK(feed.reported() == "");
//
// Tasks get the ids 1, 2 … in the order of `tasks`, the idle task is 0.
#ifndef RQSIM_TESTS_SUPPORT_EVENTS_H_
#define RQSIM_TESTS_SUPPORT_EVENTS_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rqsim/listener.h"
#include "rqsim/policy.h"
#include "rqsim/trace_event.h"

namespace rqsim {

struct FakeRun {
  int cpus = 1;
  std::vector<std::string> tasks{};
  std::vector<std::string> locks{};
  std::vector<std::string> kthreads{};  // those of `tasks` that are kernel threads
  Scenario scenario{};
  std::vector<const PolicyInfo*> policies{};
};

class EventFeed final : public RunInfo, public ViolationSink {
 public:
  explicit EventFeed(FakeRun run) : run_(std::move(run)) {}

  void To(Listener& listener) {
    listeners_.push_back({&listener, listener.Wants()});
    listener.OnStart(*this, *this);
  }

  template <class T>
  void At(int64_t t, int cpu, const T& payload) {
    TraceEvent event = TraceEvent::Of(payload);
    if (cpu >= 0) event.cpu_bits = static_cast<uint64_t>(cpu) & 0xfff;
    Send(t, event);
  }
  void Send(int64_t t, TraceEvent event) {
    event.t = Time(t);
    event.seq = seq_++ & 0xffffffffffu;
    for (const auto& [listener, wants] : listeners_) {
      if (wants.Contains(event.kind())) listener->OnEvent(event);
    }
  }
  // A stretch [from, to) of `cpu`, as the machine reports it at `to`.
  void Spent(int64_t from, int64_t to, int cpu, SegmentKind kind, TaskId curr, TaskId donor,
             int32_t progress) {
    Segment segment;
    segment.start = Time(from);
    segment.curr = curr;
    segment.donor = donor;
    segment.kind = kind;
    segment.progress = progress;
    At(to, cpu, segment);
  }
  // A switch; `state` is what prev goes into.
  void Switch(int64_t t, int cpu, std::string_view prev, char state, std::string_view next) {
    SchedSwitch event;
    event.prev_pid = Task(prev);
    event.next_pid = Task(next);
    event.prev_state.letter = static_cast<uint8_t>(state);
    event.voluntary = state != 'R' ? 1 : 0;
    event.donor = event.next_pid;
    At(t, cpu, event);
  }
  template <class T>
  void Wake(int64_t t, int cpu, std::string_view task, int target) {
    T event;
    event.pid = Task(task);
    event.target_cpu = CpuId(target);
    At(t, cpu, event);
  }
  void End(int64_t t) {
    end_.end = Time(t);
    End();
  }
  void End() {
    for (const auto& [listener, wants] : listeners_) listener->OnEnd(end_);
  }
  RunEnd& end() { return end_; }

  // Id of a task or lock by name; invalid for "".
  TaskId Task(std::string_view name) const {
    if (name == "idle") return kIdleTask;
    for (std::size_t i = 0; i < run_.tasks.size(); ++i) {
      if (run_.tasks[i] == name) return TaskId(static_cast<int32_t>(i) + 1);
    }
    return TaskId();
  }
  LockId Lock(std::string_view name) const {
    for (std::size_t i = 0; i < run_.locks.size(); ++i) {
      if (run_.locks[i] == name) return LockId(static_cast<int32_t>(i));
    }
    return LockId();
  }

  // "MX-I1@3 MX-I9@7": ids and instants of what was reported, in order, `!` after fatal ones.
  std::string reported() const {
    std::string out;
    for (const auto& [violation, severity] : reports_) {
      if (!out.empty()) out += ' ';
      out += violation.id + "@" + std::to_string(violation.at.cycles());
      if (severity == Severity::kFatal) out += '!';
    }
    return out;
  }
  std::string messages() const {
    std::string out;
    for (const auto& [violation, severity] : reports_) out += violation.message + "\n";
    return out;
  }

  // ViolationSink
  void Report(Violation violation, Severity severity) override {
    reports_.push_back({std::move(violation), severity});
  }
  // RunInfo
  const Scenario& scenario() const override { return run_.scenario; }
  std::string_view policy_set() const override { return "fake"; }
  int num_cpus() const override { return run_.cpus; }
  int num_locks() const override { return static_cast<int>(run_.locks.size()); }
  int num_tasks() const override { return static_cast<int>(run_.tasks.size()) + 1; }
  std::string_view task_name(TaskId task) const override {
    return task == kIdleTask ? std::string_view("idle") : run_.tasks[task.index() - 1];
  }
  bool is_kthread(TaskId task) const override {
    for (const std::string& name : run_.kthreads) {
      if (task_name(task) == name) return true;
    }
    return false;
  }
  std::string_view lock_name(LockId lock) const override { return run_.locks[lock.index()]; }
  Cycles tick() const override { return TickLength(run_.scenario.machine); }
  const std::vector<const PolicyInfo*>& policies() const override { return run_.policies; }
  EventKind first_event_kind(PolicyId policy) const override {
    std::size_t first = kFirstPolicyEvent;
    for (std::size_t i = 0; i < policy.index(); ++i) first += run_.policies[i]->events.size();
    return static_cast<EventKind>(first);
  }

 private:
  FakeRun run_;
  std::vector<std::pair<Listener*, EventMask>> listeners_;
  std::vector<std::pair<Violation, Severity>> reports_;
  RunEnd end_;
  uint64_t seq_ = 0;
};

}  // namespace rqsim

#endif  // RQSIM_TESTS_SUPPORT_EVENTS_H_
