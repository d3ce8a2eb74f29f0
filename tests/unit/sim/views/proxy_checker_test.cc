#include "sim/views/proxy_checker.h"

#include <string_view>

#include "sim/views/proxy_progress_checker.h"
#include "support/catch.h"
#include "support/events.h"

namespace rqsim {
namespace {

// Two CPUs; L owns A and runs on CPU 1, H waits for A and is queued on CPU 1 as its donor from 1
// on; D is somewhere else. Every event is one that the machine emits at that transition.
struct Proxied {
  EventFeed feed;
  ProxyChecker places;
  ProxyProgressChecker progress;

  explicit Proxied(MachineCosts costs = {}, bool rescheds = false)
      : feed({.cpus = 2, .tasks = {"L", "H", "D"}, .locks = {"A", "B"}, .scenario = With(costs)}),
        progress({.hands_to_donor = true, .rescheds = rescheds}) {
    feed.To(places);
    feed.To(progress);
    for (const char* task : {"L", "H", "D"}) Cpus(0, task, 3);
    Start(0, 1, "L");
    Word(0, "A", "L");
    Start(0, 0, "H");
    BlockedOn(1, "H", "A");
    Join(1, "H", "A");
    Sleep(1, 0, "H", 'S', true);
    Move(1, 0, 1, "H");
    SetDonor(1, 1, "H");
    Link(1, "L", "H");
    feed.At(1, 1, ProxyDonor{.donor = feed.Task("H"), .curr = feed.Task("L")});
  }

  static Scenario With(const MachineCosts& costs) {
    Scenario scenario;
    scenario.machine.costs = costs;
    return scenario;
  }
  void Cpus(int64_t t, std::string_view task, uint64_t mask) {
    TaskCpus cpus;
    cpus.pid = feed.Task(task);
    cpus.mask[0] = mask;
    feed.At(t, 0, cpus);
  }
  void Queue(int64_t t, int cpu, std::string_view task, int queued, int wake_cpu = -1) {
    feed.At(t, cpu,
            SchedQueue{.pid = feed.Task(task),
                       .queue = CpuId(cpu),
                       .queued = queued,
                       .wake_cpu = CpuId(wake_cpu < 0 ? cpu : wake_cpu)});
  }
  void SetDonor(int64_t t, int cpu, std::string_view donor) {
    feed.At(t, cpu, SchedSetDonor{.donor = feed.Task(donor), .curr = kIdleTask});
  }
  void Switch(int64_t t, int cpu, std::string_view prev, char state, std::string_view next,
              std::string_view donor, bool kept = false) {
    SchedSwitch event;
    event.prev_pid = feed.Task(prev);
    event.next_pid = feed.Task(next);
    event.donor = feed.Task(donor);
    event.prev_state.letter = static_cast<uint8_t>(state);
    event.voluntary = state == 'R' ? 0 : 1;
    event.kept_queued = kept ? 1 : 0;
    feed.At(t, cpu, event);
  }
  // A new task runs on an idle CPU.
  void Start(int64_t t, int cpu, std::string_view task) {
    Queue(t, cpu, task, 1);
    feed.Wake<SchedWakeupNew>(t, cpu, task, cpu);
    SetDonor(t, cpu, task);
    Switch(t, cpu, "idle", 'R', task, task);
  }
  void Sleep(int64_t t, int cpu, std::string_view task, char state, bool kept) {
    if (!kept) Queue(t, cpu, task, 0);
    SetDonor(t, cpu, "idle");
    Switch(t, cpu, task, state, "idle", "idle", kept);
  }
  void Move(int64_t t, int from, int to, std::string_view task) {
    Queue(t, from, task, 0);
    feed.At(t, from,
            ProxyMigrate{.pid = feed.Task(task), .orig_cpu = CpuId(from), .dest_cpu = CpuId(to)});
    Queue(t, to, task, 1, from);
  }
  void Word(int64_t t, std::string_view lock, std::string_view owner, int cpu = 1) {
    feed.At(t, cpu, MutexWord{.lock = feed.Lock(lock), .owner = feed.Task(owner), .flags = 0});
  }
  void BlockedOn(int64_t t, std::string_view task, std::string_view lock) {
    feed.At(t, 0, MutexBlockedOn{.pid = feed.Task(task), .lock = feed.Lock(lock)});
  }
  void Join(int64_t t, std::string_view task, std::string_view lock) {
    feed.At(t, 0,
            MutexWait{.lock = feed.Lock(lock),
                      .pid = feed.Task(task),
                      .queue = MutexQueue::kWaitList,
                      .joined = 1,
                      .position = 0});
  }
  void Link(int64_t t, std::string_view task, std::string_view donor) {
    feed.At(t, 1, ProxyLink{.pid = feed.Task(task), .donor = feed.Task(donor)});
  }
  // H's wait is over: it returns to CPU 0.
  void Return(int64_t t, int wake_cpu = 0) {
    BlockedOn(t, "H", "");
    feed.Wake<SchedWaking>(t, 1, "H", 1);
    SetDonor(t, 1, "L");
    Queue(t, 1, "H", 0);
    Queue(t, 0, "H", 1, wake_cpu);
    feed.Wake<SchedWakeup>(t, 1, "H", 0);
  }
  // What the machine sums up for the stretch [from, to) of CPU 1.
  void Executed(int64_t from, int64_t to, std::string_view curr, std::string_view donor) {
    feed.At(to, 1,
            SchedStatRuntime{
                .runtime = Cycles(to - from), .pid = feed.Task(curr), .donor = feed.Task(donor)});
    feed.Spent(from, to, 1, SegmentKind::kUser, feed.Task(curr), feed.Task(donor), 1);
    if (feed.end().tasks.empty()) feed.end().tasks.resize(4);
    feed.end().tasks[feed.Task(curr).index()].exec += Cycles(to - from);
    feed.end().tasks[feed.Task(donor).index()].charged += Cycles(to - from);
  }
  std::string End(int64_t t) {
    feed.End(t);
    INFO(feed.messages());
    return feed.reported();
  }
};

}  // namespace

TEST_CASE("A donor that is moved, executed for and returned breaks nothing", "[views][proxy]") {
  Proxied run;
  run.Executed(1, 6, "L", "H");
  run.Word(6, "A", "H");
  run.Return(6);
  run.SetDonor(6, 0, "H");
  run.Switch(6, 0, "idle", 'R', "H", "H");
  CHECK(run.End(7) == "");
}

TEST_CASE("PX-I1 is reported when a task executes twice or is queued twice", "[views][proxy]") {
  Proxied twice;
  twice.SetDonor(3, 0, "L");
  twice.Switch(3, 0, "idle", 'R', "L", "L");
  CHECK(twice.End(3).starts_with("PX-I1@3"));
  Proxied queued;
  queued.Queue(3, 0, "H", 1, 1);
  CHECK(queued.End(3).starts_with("PX-I1@3"));
}

TEST_CASE("PX-I1 covers a task that is still being switched away from", "[views][proxy]") {
  MachineCosts costs;
  costs.c_ctx = Cycles(4);
  Proxied run(costs);
  run.Start(2, 0, "D");
  run.Sleep(10, 0, "D", 'S', false);
  run.feed.Wake<SchedWaking>(11, 1, "D", 0);
  run.Queue(11, 1, "D", 1);
  run.feed.Wake<SchedWakeup>(11, 1, "D", 1);
  run.SetDonor(12, 1, "D");
  run.Switch(12, 1, "L", 'R', "D", "D");
  CHECK(run.End(12) == "PX-I1@12");
}

TEST_CASE("PX-I2 is reported when a donor leaves before idle has taken its place",
          "[views][proxy]") {
  Proxied run;
  run.Queue(4, 1, "H", 0);
  run.feed.At(4, 1, ProxyDeactivate{.pid = run.feed.Task("H")});
  CHECK(run.End(4).starts_with("PX-I2@4"));
}

TEST_CASE("PX-I2 is reported when curr is on the runqueue of another CPU", "[views][proxy]") {
  Proxied run;
  run.Start(2, 0, "D");
  run.Queue(3, 0, "D", 0);
  run.Queue(3, 1, "D", 1);
  CHECK(run.End(3).starts_with("PX-I2@3 PX-I2@3"));
}

TEST_CASE("PX-I4 is reported when a task executes outside its affinity", "[views][proxy]") {
  Proxied run;
  run.Cpus(2, "H", 1);
  run.SetDonor(3, 1, "H");
  run.BlockedOn(3, "H", "");
  run.feed.Wake<SchedWaking>(3, 1, "H", 1);
  run.feed.Wake<SchedWakeup>(3, 1, "H", 1);
  run.Switch(3, 1, "L", 'R', "H", "H");
  CHECK(run.End(3) == "PX-I4@3");
}

TEST_CASE("PX-I5 is reported when a full wake-up leaves wake_cpu behind", "[views][proxy]") {
  Proxied run;
  run.feed.Wake<SchedWaking>(2, 1, "H", 1);
  run.BlockedOn(2, "H", "");
  run.SetDonor(2, 1, "L");
  run.Queue(2, 1, "H", 0);
  run.feed.Wake<SchedWakeup>(2, 1, "H", 1);
  run.Sleep(2, 1, "L", 'S', false);
  // A plain sleeper is woken where it was proxied to.
  run.feed.Wake<SchedWaking>(3, 0, "L", 1);
  run.Queue(3, 1, "L", 1, 0);
  run.feed.Wake<SchedWakeup>(3, 0, "L", 1);
  CHECK(run.feed.reported() == "PX-I13@2 PX-I5@3");
}

TEST_CASE("PX-I6 is reported when who executes is gated, or not the end of the chain",
          "[views][proxy]") {
  Proxied gated;
  gated.Switch(3, 1, "L", 'R', "H", "H");
  CHECK(gated.End(3).starts_with("PX-I6@3"));
  Proxied wrong;
  wrong.Queue(3, 1, "D", 1);
  wrong.feed.Wake<SchedWakeupNew>(3, 1, "D", 1);
  wrong.Switch(3, 1, "L", 'R', "D", "H");
  CHECK(wrong.End(3).starts_with("PX-I6@3"));
}

TEST_CASE("PX-I6 covers an overrun where the protocol promises none", "[views][proxy]") {
  Proxied run({}, true);
  run.Executed(1, 6, "L", "H");
  run.Word(6, "A", "H");
  run.BlockedOn(6, "H", "");
  run.feed.Wake<SchedWaking>(6, 1, "H", 1);
  run.feed.Wake<SchedWakeup>(6, 1, "H", 1);
  run.Executed(6, 7, "L", "H");
  CHECK(run.feed.reported() == "PX-I6@6");
}

TEST_CASE("PX-I7 is reported when a task executes for one that waits for no lock of it",
          "[views][proxy]") {
  Proxied run;
  run.Start(2, 0, "D");
  run.BlockedOn(3, "D", "B");
  run.Link(3, "L", "D");
  run.feed.At(3, 1, ProxyDonor{.donor = run.feed.Task("H"), .curr = run.feed.Task("L")});
  CHECK(run.End(3) == "PX-I7@3");
}

TEST_CASE("PX-I13 is reported when an awake task is nowhere", "[views][proxy]") {
  Proxied run;
  run.Start(2, 0, "D");
  run.Queue(4, 0, "D", 0);
  run.SetDonor(4, 0, "idle");
  run.Switch(4, 0, "D", 'R', "idle", "idle");
  CHECK(run.End(5) == "PX-I13@4");
}

TEST_CASE("PX-I14 is reported when a preempted task is taken off its runqueue", "[views][proxy]") {
  Proxied run;
  run.Start(2, 0, "D");
  run.BlockedOn(3, "D", "A");
  run.SetDonor(4, 0, "idle");
  run.Switch(4, 0, "D", 'R', "idle", "idle");
  run.Queue(5, 0, "D", 0);
  run.feed.At(5, 0, ProxyDeactivate{.pid = run.feed.Task("D")});
  CHECK(run.feed.reported() == "PX-I14@5");
}

TEST_CASE("PX-I15 is reported when a task stays parked on an owner that is queued",
          "[views][proxy]") {
  Proxied run;
  run.SetDonor(3, 1, "idle");
  run.Queue(3, 1, "H", 0);
  run.feed.At(3, 1, ProxyPark{.pid = run.feed.Task("H"), .owner = run.feed.Task("L"), .parked = 1});
  run.SetDonor(3, 1, "L");
  CHECK(run.End(4) == "PX-I15@3");
}

TEST_CASE("PX-I3 is reported when charges and cycles differ", "[views][proxy]") {
  Proxied run;
  run.Executed(1, 6, "L", "H");
  run.feed.end().tasks[2].charged -= Cycles(1);
  CHECK(run.End(6) == "PX-I3@6");
}

TEST_CASE("PX-I8 is reported when a signal does not wake an interruptible waiter",
          "[views][proxy]") {
  Proxied run;
  run.feed.At(4, 0, SignalGenerate{.pid = run.feed.Task("H"), .sig = 10});
  CHECK(run.End(5) == "PX-I8@4");
  Proxied woken;
  woken.feed.At(4, 0, SignalGenerate{.pid = woken.feed.Task("H"), .sig = 10});
  woken.Return(4);
  CHECK(woken.End(5) == "");
}

TEST_CASE("PX-I10 is reported when an unlock passes its donor by", "[views][proxy]") {
  Proxied freed;
  freed.Word(6, "A", "");
  CHECK(freed.feed.reported() == "PX-I10@6");
  Proxied given;
  given.Word(6, "A", "D");
  CHECK(given.feed.reported() == "PX-I10@6");
}

TEST_CASE("PX-I10 asks for the chain of the last schedule: a wait that begins later does not count",
          "[views][proxy]") {
  // H was handed A and has begun to wait for B, which L took while it ran on.
  Proxied again;
  again.Word(4, "A", "H");
  again.BlockedOn(4, "H", "");
  again.Word(4, "B", "L");
  again.BlockedOn(5, "H", "B");
  again.Word(6, "B", "");
  CHECK(again.feed.reported() == "");
  // Unless its CPU has looked again meanwhile.
  Proxied looked;
  looked.Word(4, "A", "H");
  looked.BlockedOn(4, "H", "");
  looked.Word(4, "B", "L");
  looked.BlockedOn(5, "H", "B");
  looked.feed.At(
      5, 1, ProxyWalk{.donor = looked.feed.Task("H"), .end = looked.feed.Task("L"), .hops = 1});
  looked.Word(6, "B", "");
  CHECK(looked.feed.reported() == "PX-I10@6");
}

TEST_CASE("PX-I11 is reported when balancing outlives the pick it was put off for",
          "[views][proxy]") {
  const auto discard = [](Proxied& run) {
    run.feed.At(2, 1, SchedCallback{.change = CallbackChange::kPutOff});
    run.feed.At(2, 1,
                ProxyWalk{.donor = run.feed.Task("H"),
                          .end = run.feed.Task("H"),
                          .why = WalkEnd::kElsewhere,
                          .outcome = WalkOutcome::kAgain});
    run.SetDonor(2, 1, "idle");
  };
  Proxied kept;
  discard(kept);
  CHECK(kept.feed.reported() == "");
  kept.SetDonor(2, 1, "L");
  CHECK(kept.feed.reported() == "PX-I11@2");
  Proxied dropped;
  discard(dropped);
  dropped.feed.At(2, 1, SchedCallback{.change = CallbackChange::kDropped});
  dropped.SetDonor(2, 1, "L");
  CHECK(dropped.feed.reported() == "");
  Proxied done;
  discard(done);
  done.feed.At(2, 1, SchedCallback{.change = CallbackChange::kDone});
  CHECK(done.feed.reported() == "PX-I11@2");
}

TEST_CASE("PX-I12 is reported for a donor that is sent to and fro, and for a livelock",
          "[views][proxy]") {
  Proxied run;
  run.SetDonor(2, 1, "L");
  for (int i = 0; i < 63; ++i) run.Move(2, i % 2 == 0 ? 1 : 0, i % 2 == 0 ? 0 : 1, "H");
  CHECK(run.feed.reported() == "");
  run.Move(2, 0, 1, "H");
  CHECK(run.feed.reported() == "PX-I12@2");
  Proxied livelock;
  livelock.feed.end().outcome = Outcome::kLivelock;
  CHECK(livelock.End(5) == "PX-I12@1");
}

TEST_CASE("PX-I12 counts moves anew when the end of the chain has executed", "[views][proxy]") {
  Proxied run;
  run.SetDonor(2, 1, "L");
  for (int i = 0; i < 60; ++i) run.Move(2, i % 2 == 0 ? 1 : 0, i % 2 == 0 ? 0 : 1, "H");
  run.Executed(2, 3, "L", "L");
  for (int i = 0; i < 60; ++i) run.Move(3, i % 2 == 0 ? 1 : 0, i % 2 == 0 ? 0 : 1, "H");
  CHECK(run.feed.reported() == "");
}

TEST_CASE("PX-I16 is reported when everybody waits and a lock is free", "[views][proxy]") {
  Proxied run;
  run.Word(6, "A", "");
  run.feed.end().outcome = Outcome::kDeadlock;
  CHECK(run.End(9) == "PX-I10@6 PX-I16@6");
}

}  // namespace rqsim
