// Each invariant of kernel threads: kept, and broken by hand-made events. Four CPUs, node 1 has CPU
// 2 and 3; CPU 3 is isolated; thread k is the subject.
#include "sim/views/kthread_checker.h"

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "policies/placement/kthread_part.h"
#include "support/catch.h"
#include "support/events.h"

namespace rqsim {
namespace {

constinit const PolicyInfo kPlacement = {
    .name = "placement", .seam = Seam::kPlacement, .events = kKthreadEvents};

FakeRun RunWith(const KthreadAffinity& affinity) {
  FakeRun run{.cpus = 4, .tasks = {"k", "U"}, .kthreads = {"k"}, .policies = {&kPlacement}};
  run.scenario.machine.cpus.resize(4);
  run.scenario.machine.cpus[2].node = run.scenario.machine.cpus[3].node = 1;
  TaskSpec spec;
  spec.name = "k";
  spec.kthread = true;
  spec.affinity = affinity;
  run.scenario.kthreads = {spec};
  return run;
}
KthreadAffinity Affine(KthreadKind kind, const char* cpus = "", int node = -1) {
  KthreadAffinity affinity;
  affinity.kind = kind;
  if (*cpus != 0) affinity.cpus = *CpuSet::Parse(cpus);
  affinity.node = node;
  return affinity;
}

struct World {
  EventFeed feed;
  KthreadChecker checker;

  explicit World(const KthreadAffinity& affinity, const KthreadChecker::Promises& promises = {})
      : feed(RunWith(affinity)), checker(promises, true, true) {
    feed.To(checker);
    Cpus(0, KthreadEvent::kHousekeeping, "0-2");
  }
  // Wide 0 and 1, then the narrow fields.
  void Say(int64_t t, KthreadEvent event, int64_t a = 0, int64_t b = 0, int32_t c = 0,
           int32_t d = 0, int32_t e = 0, int32_t f = 0) {
    PolicyEventPayload payload;
    payload.wide[0] = a;
    payload.wide[1] = b;
    const int32_t narrow[] = {c, d, e, f};
    for (int i = 0; i < 4; ++i) payload.narrow[i] = narrow[i];
    TraceEvent record{};
    record.kind_bits = (kFirstPolicyEvent + static_cast<unsigned>(event)) & 0xfffu;
    std::memcpy(record.a, &payload, sizeof(payload));
    feed.Send(t, record);
  }
  static int64_t Bits(const char* cpus) {
    int64_t bits = 0;
    const CpuSet set = *CpuSet::Parse(cpus);
    for (CpuId c = set.First(); c.valid(); c = set.After(c)) bits |= int64_t{1} << c.value();
    return bits;
  }
  void Cpus(int64_t t, KthreadEvent event, const char* cpus) { Say(t, event, Bits(cpus)); }
  void Mask(int64_t t, const char* cpus) {
    TaskCpus change;
    change.pid = TaskId(1);
    change.mask[0] = static_cast<uint64_t>(Bits(cpus));
    feed.At(t, 0, change);
  }
  void Prefer(int64_t t, const char* cpus) {
    Say(t, KthreadEvent::kPreference, Bits(cpus), 0, 1, 0, 1, -1);
  }
  void Start(int64_t t) { feed.Wake<SchedWakeupNew>(t, 0, "k", 0); }
  void List(int64_t t, int linked) { Say(t, KthreadEvent::kList, 1, linked); }
  void SetAff(int64_t t, int64_t result) { Say(t, KthreadEvent::kSetaff, 1, result); }
  // An update by CPU `cpu` that came up; -1: by isolation.
  void Update(int64_t t, int cpu) { Say(t, KthreadEvent::kUpdate, 0, 1, cpu, 1); }
  void Online(int64_t t, int cpu, int on) {
    HotplugMask change;
    change.mask = HotplugMaskKind::kOnline;
    change.cpu = CpuId(cpu);
    change.on = on;
    feed.At(t, cpu, change);
  }
  void Queue(int64_t t, int cpu, int queued) {
    SchedQueue change;
    change.pid = TaskId(1);
    change.queue = CpuId(cpu);
    change.queued = queued;
    feed.At(t, cpu, change);
  }
  std::string Reported(int64_t end) {
    feed.End(end);
    return feed.reported();
  }
};

TEST_CASE("KA-I1: a per-CPU thread runs on its CPU only", "[views][kthread]") {
  World good(Affine(KthreadKind::kPerCpu, "1"));
  good.Mask(0, "1");
  good.feed.Switch(2, 1, "idle", 'R', "k");
  CHECK(good.Reported(9).empty());
  World bad(Affine(KthreadKind::kPerCpu, "1"));
  bad.Mask(0, "1");
  bad.feed.Switch(2, 1, "idle", 'R', "k");
  bad.feed.Switch(5, 0, "idle", 'R', "k");
  CHECK(bad.Reported(9) == "KA-I1@5");
}

TEST_CASE("KA-I2: a bound thread runs in its set, unless its binding was reported lost",
          "[views][kthread]") {
  World told(Affine(KthreadKind::kBound, "0-1"));
  told.Mask(0, "0-1");
  told.feed.Switch(2, 1, "idle", 'R', "k");
  told.Say(4, KthreadEvent::kBindingLost, 1);
  told.Mask(4, "0-2");
  told.feed.Switch(5, 2, "idle", 'R', "k");
  CHECK(told.Reported(9).empty());
  World silent(Affine(KthreadKind::kBound, "0-1"));
  silent.Mask(4, "0-2");
  silent.feed.Switch(5, 2, "idle", 'R', "k");
  CHECK(silent.Reported(9) == "KA-I2@5");
}

TEST_CASE("KA-I3: an update leaves every listed thread with the mask that follows",
          "[views][kthread]") {
  const auto run = [](const char* mask) {
    World world(Affine(KthreadKind::kPreferred, "1-2"));
    world.Prefer(0, "1-2");
    world.List(0, 1);
    world.Mask(0, "1-2");
    world.Start(1);
    world.Mask(5, mask);
    world.Update(7, 2);
    return world.Reported(9);
  };
  CHECK(run("1-2").empty());
  // Too narrow: inside what it prefers, so that KA-I5 is kept.
  CHECK(run("1") == "KA-I3@7");
  CHECK(run("0-2") == "KA-I3@7 KA-I5@7");
}

TEST_CASE("KA-I3: a thread of a node gets the online CPUs of its node", "[views][kthread]") {
  World world(Affine(KthreadKind::kNode, "", 1));
  world.List(0, 1);
  world.Start(0);
  world.Mask(0, "2");
  world.Update(3, 2);
  world.Online(4, 2, 0);
  // No CPU of the node is left that is no isolated one: all housekeeping CPUs.
  world.Mask(6, "0-2");
  world.Update(6, 1);
  CHECK(world.Reported(9).empty());
  World wrong(Affine(KthreadKind::kNode, "", 1));
  wrong.List(0, 1);
  wrong.Start(0);
  wrong.Mask(0, "2-3");
  wrong.Update(3, 2);
  CHECK(wrong.Reported(9) == "KA-I4@0 KA-I3@3 KA-I5@3");
}

TEST_CASE("KA-I4: no isolated CPU, and whose doing it is otherwise", "[views][kthread]") {
  const auto base = [](World& world) {
    world.Prefer(0, "1-2");
    world.List(0, 1);
    world.Mask(0, "1-2");
  };
  World good(Affine(KthreadKind::kPreferred, "1-2"));
  base(good);
  CHECK(good.Reported(9).empty());

  World asked(Affine(KthreadKind::kPreferred, "1-2"));
  base(asked);
  asked.Mask(2, "1-3");
  CHECK(asked.Reported(9) == "KA-I4@2");
  CHECK(asked.feed.messages().find(kIsolatedByCaller) != std::string::npos);

  World fallen(Affine(KthreadKind::kPreferred, "1-2"));
  base(fallen);
  fallen.Start(1);
  fallen.Mask(4, "0-3");
  CHECK(fallen.Reported(9) == "KA-I4@4");
  CHECK(fallen.feed.messages().find(kIsolatedByFallback) != std::string::npos);

  World refused(Affine(KthreadKind::kPreferred, "1-2"));
  base(refused);
  refused.Start(1);
  refused.Cpus(5, KthreadEvent::kHousekeeping, "0,2");
  refused.SetAff(5, kEINVAL);
  refused.Update(5, -1);
  CHECK(refused.Reported(9) == "KA-I5@5 KA-I4@5");
  CHECK(refused.feed.messages().find(kIsolatedByRefusal) != std::string::npos);

  World forgotten(Affine(KthreadKind::kPreferred, "1-2"));
  base(forgotten);
  forgotten.Start(1);
  forgotten.SetAff(2, 0);
  forgotten.Cpus(5, KthreadEvent::kHousekeeping, "0,2");
  CHECK(forgotten.Reported(9) == "KA-I4@5");
  CHECK(forgotten.feed.messages().find(kIsolatedByNobody) != std::string::npos);

  // What the user asked for may be isolated.
  World user(Affine(KthreadKind::kPreferred, "1-2"));
  base(user);
  user.Start(1);
  user.Say(3, KthreadEvent::kUser, 1, 1);
  user.Mask(3, "3");
  CHECK(user.Reported(9).empty());
}

TEST_CASE("KA-I5: who was told that it prefers CPUs does", "[views][kthread]") {
  World good(Affine(KthreadKind::kPreferred, "1"));
  good.Prefer(0, "1");
  good.Say(0, KthreadEvent::kAffinePreferred, 1, 0);
  CHECK(good.Reported(9).empty());
  World refused(Affine(KthreadKind::kPreferred, "1"));
  refused.Say(0, KthreadEvent::kAffinePreferred, 1, kENOMEM);
  CHECK(refused.Reported(9).empty());
  World bad(Affine(KthreadKind::kPreferred, "1"));
  bad.Say(3, KthreadEvent::kAffinePreferred, 1, 0);
  CHECK(bad.Reported(9) == "KA-I5@3");
}

TEST_CASE("KA-I6: a runnable thread has an online CPU in its mask", "[views][kthread]") {
  World world(Affine(KthreadKind::kUnbound));
  world.Mask(0, "2");
  world.Online(3, 2, 0);
  // Asleep: nobody needs a CPU for it.
  world.Queue(5, 0, 1);
  world.Mask(7, "0-1");
  CHECK(world.Reported(9) == "KA-I6@5");
}

TEST_CASE("KA-I7: no preference is taken after the first wake-up", "[views][kthread]") {
  World refused(Affine(KthreadKind::kUnbound));
  refused.Start(1);
  refused.Say(3, KthreadEvent::kAffinePreferred, 1, kEINVAL);
  CHECK(refused.Reported(9).empty());
  World taken(Affine(KthreadKind::kUnbound));
  taken.Start(1);
  taken.Prefer(3, "1");
  taken.Say(3, KthreadEvent::kAffinePreferred, 1, 0);
  CHECK(taken.Reported(9) == "KA-I7@3");
}

TEST_CASE("KA-I8: the list has each thread once, ends, and has none that is gone",
          "[views][kthread]") {
  World twice(Affine(KthreadKind::kPreferred, "1"));
  twice.List(0, 1);
  twice.List(2, 2);
  CHECK(twice.Reported(9) == "KA-I8@2");
  World loop(Affine(KthreadKind::kPreferred, "1"));
  loop.Say(4, KthreadEvent::kSelfLoop, 1);
  loop.Say(5, KthreadEvent::kSelfLoop, 1);
  CHECK(loop.Reported(9) == "KA-I8@4!");
  World gone(Affine(KthreadKind::kPreferred, "1"));
  gone.List(0, 1);
  gone.feed.At(6, 0, SchedProcessExit{.pid = TaskId(1)});
  CHECK(gone.Reported(9) == "KA-I8@6");
}

TEST_CASE("KA-I9: the draft's own online mask is the online CPUs between operations",
          "[views][kthread]") {
  World world(Affine(KthreadKind::kUnbound), {.is_draft = true});
  const auto done = [&](int64_t t) {
    HotplugOp op;
    op.phase = HotplugPhase::kDone;
    op.id = 1;
    world.feed.At(t, 0, op);
  };
  world.Cpus(0, KthreadEvent::kOnlineMask, "0-3");
  world.Cpus(2, KthreadEvent::kOnlineMask, "0-2");
  world.Online(4, 3, 0);
  done(5);
  world.Cpus(6, KthreadEvent::kOnlineMask, "0-1");
  done(7);
  done(8);
  world.Cpus(9, KthreadEvent::kOnlineMask, "0-2");
  done(10);
  CHECK(world.Reported(12) == "KA-I9@7");
}

TEST_CASE("Masks over time, and what state 190 cost", "[views][kthread]") {
  World world(Affine(KthreadKind::kUnbound));
  world.Mask(0, "0-2");
  world.feed.At(3, 1, CpuhpEnter{.cpu = CpuId(1), .target = 236, .idx = 190, .up = 1});
  world.Mask(5, "1");
  world.feed.At(8, 1, CpuhpExit{.cpu = CpuId(1), .state = 190, .idx = 190, .ret = 0});
  CHECK(world.Reported(9).empty());
  const std::vector<KthreadMask> masks = world.checker.TakeMasks();
  REQUIRE(masks.size() == 2);
  CHECK(masks[0].cpus == "0-2");
  CHECK(masks[1].at == Time(5));
  CHECK(masks[1].cpus == "1");
  std::vector<std::pair<std::string, int64_t>> metrics;
  world.checker.AddTo(metrics);
  for (const auto& [name, value] : metrics) {
    if (name == "kthread_hotplug_cycles") CHECK(value == 5);
  }
}

}  // namespace
}  // namespace rqsim
