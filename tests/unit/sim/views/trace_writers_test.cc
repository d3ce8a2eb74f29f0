#include <nlohmann/json.hpp>
#include <string>

#include "rqsim/cpuhp_kick.h"
#include "sim/views/chrome_json.h"
#include "sim/views/ftrace_text.h"
#include "sim/views/wall_time.h"
#include "support/catch.h"
#include "support/events.h"
#include "support/mx04.h"

namespace rqsim {
namespace {

std::string Ftrace(EventFeed& feed, void (*events)(EventFeed&)) {
  StringSink sink;
  FtraceText writer(sink);
  feed.To(writer);
  events(feed);
  feed.End(11);
  return sink.text();
}

TEST_CASE("Cycles become seconds and nanoseconds of the scenario's clock", "[views][wall_time]") {
  CHECK(ToWallTime(1'000'000'001, 1'000'000'000).seconds == 1);
  CHECK(ToWallTime(1'000'000'001, 1'000'000'000).nanoseconds == 1);
  // 3 cycles of 2 GHz are 1.5 ns, 5 of 100 MHz are 50 ns.
  CHECK(ToWallTime(3, 2'000'000'000).nanoseconds == 1);
  CHECK(ToWallTime(5, 100'000'000).nanoseconds == 50);
  // 2^61 cycles of 10 GHz.
  CHECK(ToWallTime(int64_t{1} << 61, 10'000'000'000).seconds == 230'584'300);
}

TEST_CASE("The ftrace text of MX-04 has the kernel's formats", "[views][ftrace]") {
  EventFeed feed(Mx04Run());
  const std::string text = Ftrace(feed, FeedMx04);
  CHECK(text.rfind("# tracer: nop\n#\n", 0) == 0);
  const auto has = [&](const std::string& line) {
    CAPTURE(line);
    CHECK(text.find("\n" + line + "\n") != std::string::npos);
  };
  has("          <idle>-0       [000] .....     0.000000000: sched_wakeup_new: comm=L pid=1 prio=0 "
      "target_cpu=000");
  has("          <idle>-0       [001] .....     0.000000000: sched_switch: prev_comm=swapper/1 "
      "prev_pid=0 prev_prio=0 prev_state=R ==> next_comm=H next_pid=2 next_prio=0");
  has("               H-2       [001] .....     0.000000002: contention_begin: 0000000000000001 "
      "(flags=MUTEX)");
  has("               H-2       [001] .....     0.000000002: sched_switch: prev_comm=H prev_pid=2 "
      "prev_prio=0 prev_state=D ==> next_comm=swapper/1 next_pid=0 next_prio=0");
  has("               L-1       [000] .....     0.000000005: tracing_mark_write: F|1|lock A|1");
  has("               L-1       [000] .....     0.000000005: sched_waking: comm=H pid=2 prio=0 "
      "target_cpu=001");
  has("               L-1       [000] .....     0.000000007: ipi_send_cpu: cpu=1 "
      "callsite=ttwu_queue_wakelist callback=0x0");
  has("               H-2       [001] .....     0.000000009: tracing_mark_write: S|2|lock A|1");
  has("               H-2       [001] .....     0.000000009: contention_end: 0000000000000001 "
      "(ret=0)");
  has("               L-1       [000] .....     0.000000009: sched_process_exit: comm=L pid=1 "
      "prio=0 group_dead=true");
}

// Linux 7.2 include/trace/events/cpuhp.h: TP_printk of the three, with their blanks.
TEST_CASE("Hotplug states are printed as the kernel prints them", "[views][ftrace]") {
  EventFeed feed({.cpus = 2, .tasks = {"cpuhp/1"}});
  const std::string text = Ftrace(feed, [](EventFeed& run) {
    const CpuId cpu(1);
    run.Switch(0, 1, "idle", 'R', "cpuhp/1");
    run.At(2, 0, CpuhpEnter{.cpu = cpu, .target = 143, .idx = 236, .up = kCpuhpKick});
    run.At(3, 1, CpuhpEnter{.cpu = cpu, .target = 143, .idx = 235, .up = 0});
    run.At(4, 1, CpuhpExit{.cpu = cpu, .state = 234, .idx = 235, .ret = -16});
    run.At(5, 0, CpuhpEnter{.cpu = cpu, .target = 236, .idx = 83, .up = 1});
    run.At(6, 1, CpuhpMultiEnter{.cpu = cpu, .target = 0, .idx = 192, .up = 0, .instance = 1});
    run.At(7, 1, CpuhpExit{.cpu = cpu, .state = 9, .idx = 40, .ret = 0});
  });
  const auto has = [&](const std::string& line) {
    CAPTURE(line, text);
    CHECK(text.find("\n" + line + "\n") != std::string::npos);
  };
  has("          <idle>-0       [000] .....     0.000000002: cpuhp_enter: cpu: 0001 target: 143 "
      "step: 236 (cpuhp_kick_ap_work)");
  has("         cpuhp/1-1       [001] .....     0.000000003: cpuhp_enter: cpu: 0001 target: 143 "
      "step: 235 (sched_cpu_deactivate)");
  has("         cpuhp/1-1       [001] .....     0.000000004: cpuhp_exit:  cpu: 0001  state: 234 "
      "step: 235 ret: -16");
  has("          <idle>-0       [000] .....     0.000000005: cpuhp_enter: cpu: 0001 target: 236 "
      "step:  83 (cpuhp_bringup_ap)");
  has("         cpuhp/1-1       [001] .....     0.000000006: cpuhp_multi_enter: cpu: 0001 target:  "
      " "
      "0 step: 192 (state_192_teardown)");
  has("         cpuhp/1-1       [001] .....     0.000000007: cpuhp_exit:  cpu: 0001  state:   9 "
      "step:  40 ret: 0");
}

TEST_CASE("The other formats of the kernel, and names that would break a line", "[views][ftrace]") {
  EventFeed feed({.cpus = 1, .tasks = {"a task|x", "H"}});
  const std::string text = Ftrace(feed, [](EventFeed& run) {
    const TaskId task(1);
    run.Switch(0, 0, "idle", 'R', "a task|x");
    run.At(1, 0,
           SchedMigrateTask{.pid = task, .prio = 98, .orig_cpu = CpuId(0), .dest_cpu = CpuId(3)});
    run.At(1, 0, SchedStatRuntime{.runtime = Cycles(7), .pid = task, .donor = task});
    run.At(1, 0, SchedProcessFork{.parent_pid = TaskId(), .child_pid = TaskId(2)});
    run.At(1, 0, SchedPiSetprio{.pid = task, .oldprio = 98, .newprio = 95, .pi_task = TaskId(2)});
    run.At(1, 0, SignalGenerate{.pid = task, .sig = 9});
    run.At(1, 0, IpiEntry{.reason = IpiReason::kResched});
    run.At(1, 0, ProxyDonor{.donor = TaskId(2), .curr = task});
    SchedSwitch change;
    change.prev_pid = task;
    change.next_pid = TaskId(2);
    change.prev_state = StateCode{'R', 1};
    change.donor = task;
    run.At(2, 0, change);
  });
  const auto has = [&](const std::string& part) {
    CAPTURE(part);
    CHECK(text.find(part + "\n") != std::string::npos);
  };
  has(": sched_migrate_task: comm=a_task_x pid=1 prio=98 orig_cpu=0 dest_cpu=3");
  has(": sched_stat_runtime: comm=a_task_x pid=1 runtime=7 [ns]");
  has(": sched_process_fork: comm=swapper/0 pid=0 child_comm=H child_pid=2");
  has(": sched_pi_setprio: comm=a_task_x pid=1 oldprio=98 newprio=95");
  has(": signal_generate: sig=9 errno=0 code=0 comm=a_task_x pid=1 grp=0 res=0");
  has(": ipi_entry: (Rescheduling interrupts)");
  has("tracing_mark_write: I|1|donor H");
  has("prev_state=R+ ==> next_comm=H next_pid=2 next_prio=0");
  has("tracing_mark_write: I|2|donor a_task_x");
}

TEST_CASE("The Chrome trace of MX-04 has its slices, locks and one arrow", "[views][chrome]") {
  EventFeed feed(Mx04Run());
  StringSink sink;
  ChromeJson writer(sink);
  feed.To(writer);
  FeedMx04(feed);
  feed.End(11);
  const auto document = nlohmann::json::parse(sink.text());
  const auto slice = [&](std::string_view cat, int tid, std::string_view ts) {
    for (const auto& event : document["traceEvents"]) {
      if (event["ph"] == "X" && event["cat"] == cat && event["tid"] == tid &&
          event["ts"].dump() == ts) {
        return event["name"].get<std::string>() + " " + event["dur"].dump();
      }
    }
    return std::string();
  };
  // Microseconds: L runs [0,9) ns on CPU 0, H [0,2) and [8,11) on CPU 1; L holds A [1,5), H [9,11).
  CHECK(slice("run", 0, "0.0") == "L 0.009");
  CHECK(slice("run", 1, "0.0") == "H 0.002");
  CHECK(slice("run", 1, "0.008") == "H 0.003");
  CHECK(slice("lock", 0, "0.001") == "L 0.004");
  CHECK(slice("lock", 0, "0.009") == "H 0.002");
  int starts = 0, ends = 0;
  for (const auto& event : document["traceEvents"]) {
    if (event["ph"] == "s") ++starts;
    if (event["ph"] == "f") ++ends;
  }
  CHECK(starts == 1);
  CHECK(ends == 1);
}

TEST_CASE("A Chrome trace ends open slices and survives any name", "[views][chrome]") {
  EventFeed feed({.cpus = 1, .tasks = {"a\"b\\c\n\xff", "H"}, .locks = {"A"}});
  StringSink sink;
  ChromeJson writer(sink);
  feed.To(writer);
  const TaskId task(1);
  SchedSwitch change;
  change.prev_pid = kIdleTask;
  change.next_pid = task;
  change.donor = TaskId(2);
  feed.At(0, 0, change);
  feed.At(2, 0, MutexAcquire{.lock = LockId(0), .pid = task});
  feed.End(1000);
  const auto document = nlohmann::json::parse(sink.text());
  int slices = 0;
  for (const auto& event : document["traceEvents"]) {
    if (event["ph"] != "X") continue;
    ++slices;
    if (event["cat"] == "run") {
      CHECK(event["name"] ==
            "a\"b\\c?"
            "?/H");
      CHECK(event["dur"].dump() == "1.0");
    }
  }
  CHECK(slices == 2);
}

}  // namespace
}  // namespace rqsim
