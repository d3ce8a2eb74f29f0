#include "sim/views/sched_stats.h"

#include "support/catch.h"
#include "support/events.h"

namespace rqsim {
namespace {

// The counters as a listener of their own.
class Listening final : public Listener {
 public:
  EventMask Wants() const override { return SchedStats::Wants(); }
  void OnStart(const RunInfo& info, ViolationSink& sink) override { stats_.OnStart(info, sink); }
  void OnEvent(const TraceEvent& event) override { stats_.OnEvent(event); }
  void OnEnd(const RunEnd& end) override { stats_.OnEnd(end); }

  TaskResult Of(TaskId task) const {
    TaskResult out;
    stats_.Fill(task, out);
    return out;
  }
  CpuResult Of(CpuId cpu) const {
    CpuResult out;
    stats_.Fill(cpu, out);
    return out;
  }

 private:
  SchedStats stats_;
};

TEST_CASE("A wait runs from the queue to the CPU, and each CPU has its part of it",
          "[views][sched_stats]") {
  EventFeed feed({.cpus = 2, .tasks = {"L", "H"}});
  Listening stats;
  feed.To(stats);
  feed.Wake<SchedWakeupNew>(0, 0, "L", 0);
  feed.Wake<SchedWakeupNew>(1, 0, "H", 0);
  feed.Switch(3, 0, "idle", 'R', "L");
  // H waits [1,5) on CPU 0 and [5,9) on CPU 1; L is preempted [10,12).
  feed.At(5, 0, SchedMigrateTask{feed.Task("H"), 120, CpuId(0), CpuId(1)});
  feed.Switch(9, 1, "idle", 'R', "H");
  feed.Switch(10, 0, "L", 'R', "idle");
  feed.Switch(12, 0, "idle", 'R', "L");
  feed.End(20);
  const TaskResult h = stats.Of(feed.Task("H")), l = stats.Of(feed.Task("L"));
  CHECK(h.run_delay == Cycles(8));
  CHECK(h.pcount == 1);
  CHECK(h.run_delay_max == Cycles(8));
  CHECK(h.run_delay_max_start == Time(1));
  CHECK(h.run_delay_max_end == Time(9));
  CHECK(l.run_delay == Cycles(5));
  CHECK(l.pcount == 2);
  CHECK(l.run_delay_max == Cycles(3));
  CHECK(stats.Of(CpuId(0)).run_delay == Cycles(9));
  CHECK(stats.Of(CpuId(1)).run_delay == Cycles(4));
  CHECK(stats.Of(CpuId(0)).pcount == 2);
  // L runs [3,10) and [12,20), H [9,20).
  CHECK(stats.Of(CpuId(0)).rq_cpu_time == Cycles(15));
  CHECK(stats.Of(CpuId(1)).rq_cpu_time == Cycles(11));
}

TEST_CASE("Sleep counts until the wake-up's enqueue, and in D also as block",
          "[views][sched_stats]") {
  EventFeed feed({.cpus = 1, .tasks = {"T"}});
  Listening stats;
  feed.To(stats);
  feed.Wake<SchedWakeupNew>(0, 0, "T", 0);
  feed.Switch(0, 0, "idle", 'R', "T");
  feed.Switch(2, 0, "T", 'S', "idle");
  feed.Wake<SchedWaking>(6, 0, "T", 0);
  feed.Wake<SchedWakeup>(7, 0, "T", 0);
  feed.Switch(8, 0, "idle", 'R', "T");
  feed.Switch(9, 0, "T", 'D', "idle");
  feed.Wake<SchedWakeup>(19, 0, "T", 0);
  feed.Switch(19, 0, "idle", 'R', "T");
  feed.Switch(20, 0, "T", 'S', "idle");
  feed.End(30);
  const TaskResult t = stats.Of(feed.Task("T"));
  // [2,7) and [9,19); what begins at 20 has no end.
  CHECK(t.sum_sleep_runtime == Cycles(15));
  CHECK(t.sum_block_runtime == Cycles(10));
}

TEST_CASE("A delayed sleeper is in its tree but does not wait for a CPU", "[views][sched_stats]") {
  EventFeed feed({.cpus = 1, .tasks = {"A", "B"}});
  Listening stats;
  feed.To(stats);
  feed.Wake<SchedWakeupNew>(0, 0, "A", 0);
  feed.Wake<SchedWakeupNew>(0, 0, "B", 0);
  feed.Switch(0, 0, "idle", 'R', "A");
  feed.At(4, 0, SchedDelay{feed.Task("A")});
  feed.Switch(4, 0, "A", 'S', "B");
  feed.At(9, 0, SchedUndelay{feed.Task("A")});
  feed.Wake<SchedWakeup>(15, 0, "A", 0);
  feed.Switch(16, 0, "B", 'R', "A");
  feed.End(20);
  const TaskResult a = stats.Of(feed.Task("A"));
  // In the tree [0,0), [4,9), [15,16).
  CHECK(a.wait_sum == Cycles(6));
  CHECK(a.wait_count == 3);
  CHECK(a.wait_max == Cycles(5));
  CHECK(a.run_delay == Cycles(1));
  CHECK(a.sum_sleep_runtime == Cycles(11));
  const TaskResult b = stats.Of(feed.Task("B"));
  CHECK(b.wait_sum == Cycles(8));
  CHECK(b.wait_count == 1);
}

TEST_CASE("A donor is out of its tree while others execute for it", "[views][sched_stats]") {
  EventFeed feed({.cpus = 1, .tasks = {"L", "H"}});
  Listening stats;
  feed.To(stats);
  feed.Wake<SchedWakeupNew>(0, 0, "L", 0);
  feed.Switch(0, 0, "idle", 'R', "L");
  feed.Wake<SchedWakeupNew>(2, 0, "H", 0);
  feed.Switch(2, 0, "L", 'R', "H");
  // H blocks on L's lock and stays queued: L executes for it [4,7).
  SchedSwitch lend;
  lend.prev_pid = feed.Task("H");
  lend.next_pid = feed.Task("L");
  lend.prev_state.letter = 'D';
  lend.kept_queued = 1;
  lend.donor = feed.Task("H");
  feed.At(4, 0, lend);
  feed.Wake<SchedWakeup>(7, 0, "H", 0);
  feed.Switch(7, 0, "L", 'R', "H");
  feed.End(10);
  const TaskResult l = stats.Of(feed.Task("L")), h = stats.Of(feed.Task("H"));
  // L: [2,10) in the tree, executing or not; what is open at the end is in the sum.
  CHECK(l.wait_sum == Cycles(8));
  CHECK(l.run_delay == Cycles(5));
  CHECK(h.wait_sum == Cycles(0));
  CHECK(h.sum_block_runtime == Cycles(0));
}

TEST_CASE("Wake-ups are counted by where waker and woken are", "[views][sched_stats]") {
  EventFeed feed({.cpus = 2, .tasks = {"T"}});
  Listening stats;
  feed.To(stats);
  feed.Wake<SchedWakeupNew>(0, 0, "T", 0);
  feed.Switch(0, 0, "idle", 'R', "T");
  feed.Switch(1, 0, "T", 'S', "idle");
  const auto woken_by = [&](int64_t at, CpuId waker, int target, int16_t migrated, int16_t sync) {
    feed.At(at, waker.valid() ? waker.value() : -1,
            TtwuStat{feed.Task("T"), waker, CpuId(target), migrated, sync});
    feed.Wake<SchedWakeup>(at, target, "T", target);
    feed.Switch(at, target, "idle", 'R', "T");
    feed.Switch(at + 1, target, "T", 'S', "idle");
  };
  woken_by(2, CpuId(1), 1, 1, 1);
  woken_by(4, CpuId(0), 1, 0, 0);
  // From outside.
  woken_by(6, CpuId(), 1, 0, 0);
  feed.At(8, 0, SchedWakeAffine{feed.Task("T"), CpuId(0), CpuId(1), 0});
  feed.At(8, 0, SchedWakeAffine{feed.Task("T"), CpuId(0), CpuId(1), 1});
  feed.At(8, 0, SchedMoveRefused{feed.Task("T"), CpuId(0), MoveRefusal::kHot});
  feed.At(8, 0, SchedMoveRefused{feed.Task("T"), CpuId(0), MoveRefusal::kOther});
  feed.End(8);
  const TaskResult t = stats.Of(feed.Task("T"));
  CHECK(t.nr_wakeups == 3);
  CHECK(t.nr_wakeups_local == 1);
  CHECK(t.nr_wakeups_remote == 1);
  CHECK(t.nr_wakeups_sync == 1);
  CHECK(t.nr_wakeups_migrate == 1);
  CHECK(t.nr_wakeups_affine == 1);
  CHECK(t.nr_wakeups_affine_attempts == 2);
  CHECK(t.nr_failed_migrations_affine == 0);
  CHECK(t.nr_failed_migrations_hot == 1);
  CHECK(stats.Of(CpuId(0)).ttwu_count == 1);
  CHECK(stats.Of(CpuId(0)).ttwu_local == 0);
  CHECK(stats.Of(CpuId(1)).ttwu_count == 1);
  CHECK(stats.Of(CpuId(1)).ttwu_local == 1);
}

TEST_CASE("schedule() calls, switches to idle and yields are counted by CPU",
          "[views][sched_stats]") {
  EventFeed feed({.cpus = 1, .tasks = {"T"}});
  Listening stats;
  feed.To(stats);
  feed.At(0, 0, SchedEntry{0});
  feed.Switch(0, 0, "idle", 'R', "T");
  feed.At(1, 0, OpEnd{.pid = feed.Task("T"), .op = static_cast<int32_t>(OpKind::kYield)});
  feed.At(1, 0, SchedEntry{0});
  feed.At(2, 0, SchedEntry{0});
  feed.Switch(2, 0, "T", 'S', "idle");
  feed.End(3);
  const CpuResult cpu = stats.Of(CpuId(0));
  CHECK(cpu.sched_count == 3);
  CHECK(cpu.sched_goidle == 1);
  CHECK(cpu.yld_count == 1);
}

}  // namespace
}  // namespace rqsim
