// What a run may cost: no allocation per event, and at most ten virtual calls per scheduling event
// (DESIGN section 10).
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "rqsim/simulation.h"
#include "support/catch.h"

namespace {

// Allocations of this program while `counting`. One thread only.
bool counting = false;
int64_t allocations = 0;

}  // namespace

// Not inlined, or the compiler would see malloc and free where it expects new and delete.
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (counting) ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
// std::stable_sort asks in this way; a sanitizer minds when only one of the two is ours.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  if (counting) ++allocations;
  return std::malloc(size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace rqsim {
namespace {

// Sixteen periodic fixed-priority tasks on two CPUs, each with a critical section on one of four
// mutexes: sleeps, timers, preemptions, contention, wake-ups across CPUs, and a tick.
Scenario Busy() {
  Scenario scenario;
  scenario.machine.cpus.resize(2);
  scenario.machine.clock_hz = 1'000'000;
  scenario.machine.hz = 1000;
  scenario.until = Time(20'000'000);
  scenario.mutexes = {"m0", "m1", "m2", "m3"};
  const auto op = [](OpKind kind, int64_t cycles) {
    OpSpec spec;
    spec.kind = kind;
    spec.cycles = Cycles(cycles);
    return spec;
  };
  for (int i = 0; i < 16; ++i) {
    TaskSpec task;
    task.name = "t" + std::to_string(i);
    task.sched.policy = SchedPolicy::kFifo;
    task.sched.priority = 60 - i;
    task.cpus = CpuSet::Of(CpuId(i % 2));
    task.loop = -1;
    const int64_t period = 5000 + 1370 * i;
    OpSpec timer = op(OpKind::kTimer, period);
    timer.name = "own";
    timer.unique = true;
    OpSpec lock = op(OpKind::kLock, 0);
    lock.name = "m" + std::to_string(i % 4);
    OpSpec unlock = lock;
    unlock.kind = OpKind::kUnlock;
    task.ops = {timer,  op(OpKind::kRun, period / 50), lock, op(OpKind::kRun, period / 40),
                unlock, op(OpKind::kRun, period / 50)};
    scenario.tasks.push_back(task);
  }
  return scenario;
}

PolicySet Set(const std::string& sched_class, const std::string& lock) {
  PolicySet set;
  set.name = sched_class + "+" + lock;
  PolicyChoice choice;
  choice.name = sched_class;
  set.sched_class = choice;
  choice.name = lock;
  set.lock = choice;
  return set;
}

TEST_CASE("A run allocates nothing once it is under way", "[machine][cost]") {
  for (const std::string sched_class : {"default", "fifo"}) {
    for (const std::string lock : {"mutex", "pi"}) {
      INFO(sched_class << " " << lock);
      auto simulation = Simulation::Create(Busy(), Set(sched_class, lock));
      REQUIRE(simulation.ok());
      // Long enough for every array to have reached its size.
      REQUIRE((*simulation)->RunUntil(Time(2'000'000)));
      allocations = 0;
      counting = true;
      const bool more = (*simulation)->RunUntil(Time(19'000'000));
      counting = false;
      CHECK(more);
      CHECK(allocations == 0);
    }
  }
}

// ------------------------------------------------------------------------------------------
// virtual calls

int64_t virtual_calls = 0;

// Passes every hook on to the class it wraps, and counts.
class CountedClass final : public SchedClass {
 public:
  explicit CountedClass(std::unique_ptr<SchedClass> inner) : inner_(std::move(inner)) {}
  HookMask Hooks() const override { return inner_->Hooks(); }
  void Enqueue(Kernel& k, CpuId c, TaskId t, QueueReason r) override {
    return Counted().Enqueue(k, c, t, r);
  }
  DequeueResult Dequeue(Kernel& k, CpuId c, TaskId t, QueueReason r) override {
    return Counted().Dequeue(k, c, t, r);
  }
  PickResult Pick(Kernel& k, CpuId c) override { return Counted().Pick(k, c); }
  void PutPrev(Kernel& k, CpuId c, TaskId t) override { Counted().PutPrev(k, c, t); }
  void SetNext(Kernel& k, CpuId c, TaskId t, SetNextReason r) override {
    Counted().SetNext(k, c, t, r);
  }
  void Charge(Kernel& k, CpuId c, TaskId d, TaskId t, Cycles n) override {
    Counted().Charge(k, c, d, t, n);
  }
  void WakeupPreempt(Kernel& k, CpuId c, TaskId t, WakeFlags f) override {
    Counted().WakeupPreempt(k, c, t, f);
  }
  void Tick(Kernel& k, CpuId c, TaskId t, TickKind kind) override { Counted().Tick(k, c, t, kind); }
  void Yield(Kernel& k, CpuId c, TaskId t) override { Counted().Yield(k, c, t); }
  void Forked(Kernel& k, TaskId p, TaskId t) override { Counted().Forked(k, p, t); }
  void OnTimer(Kernel& k, TimerRef t, CpuId c) override { Counted().OnTimer(k, t, c); }
  void OnTask(Kernel& k, TaskId t, TaskChange change) override { Counted().OnTask(k, t, change); }

 private:
  SchedClass& Counted() {
    ++virtual_calls;
    return *inner_;
  }
  std::unique_ptr<SchedClass> inner_;
};

class CountedLock final : public LockProtocol {
 public:
  explicit CountedLock(std::unique_ptr<LockProtocol> inner) : inner_(std::move(inner)) {}
  HookMask Hooks() const override { return inner_->Hooks(); }
  Next Step(Kernel& k, Frame& f) override {
    ++virtual_calls;
    return inner_->Step(k, f);
  }
  void PrioChanged(Kernel& k, TaskId t) override { inner_->PrioChanged(k, t); }
  void Signalled(Kernel& k, TaskId t) override { inner_->Signalled(k, t); }
  void OnTask(Kernel& k, TaskId t, TaskChange change) override { inner_->OnTask(k, t, change); }

 private:
  std::unique_ptr<LockProtocol> inner_;
};

template <PolicyFactory<SchedClass>* factory>
absl::StatusOr<std::unique_ptr<SchedClass>> MakeCounted(const PolicyParams& params,
                                                        const Limits& limits) {
  auto made = (*factory)(params, limits);
  if (!made.ok()) return made.status();
  return std::unique_ptr<SchedClass>(std::make_unique<CountedClass>(*std::move(made)));
}

PolicyFactory<SchedClass> fifo_factory, stop_factory, idle_factory;
PolicyFactory<LockProtocol> mutex_factory;
absl::StatusOr<std::unique_ptr<LockProtocol>> MakeCountedLock(const PolicyParams& params,
                                                              const Limits& limits) {
  auto made = mutex_factory(params, limits);
  if (!made.ok()) return made.status();
  return std::unique_ptr<LockProtocol>(std::make_unique<CountedLock>(*std::move(made)));
}

// Job releases, job ends and dispatches.
class EventCount final : public Listener {
 public:
  int64_t count = 0;
  EventMask Wants() const override {
    return EventMask::Of(EventKind::kSchedSwitch, EventKind::kSchedWakeup);
  }
  void OnEvent(const TraceEvent& event) override {
    ++count;
    if (event.kind() != EventKind::kSchedSwitch) return;
    const auto e = event.As<SchedSwitch>();
    if (e.next_pid == kIdleTask) --count;  // not a dispatch
    if (e.voluntary == 1) ++count;         // a job ended, or a wait began
  }
};

TEST_CASE("A scheduling event takes at most ten virtual calls", "[machine][cost]") {
  const Registry& built_in = Registry::BuiltIn();
  fifo_factory = built_in.Find(Seam::kSchedClass, "fifo")->make_class;
  stop_factory = built_in.Find(Seam::kSchedClass, "stop")->make_class;
  idle_factory = built_in.Find(Seam::kSchedClass, "idle")->make_class;
  mutex_factory = built_in.Find(Seam::kLockProtocol, "mutex")->make_lock;
  Registry counted;
  counted.Add(RegistryEntry::Class(*built_in.Find(Seam::kSchedClass, "stop")->info,
                                   MakeCounted<&stop_factory>));
  counted.Add(RegistryEntry::Class(*built_in.Find(Seam::kSchedClass, "fifo")->info,
                                   MakeCounted<&fifo_factory>));
  counted.Add(RegistryEntry::Class(*built_in.Find(Seam::kSchedClass, "idle")->info,
                                   MakeCounted<&idle_factory>));
  counted.Add(
      RegistryEntry::Lock(*built_in.Find(Seam::kLockProtocol, "mutex")->info, MakeCountedLock));
  counted.Add(*built_in.Find(Seam::kPlacement, "simple"));
  counted.AddStack({"fifo", {"stop", "fifo", "idle"}, "counted"});
  Scenario scenario = Busy();
  scenario.machine.tick = false;  // ticks are no scheduling events
  EventCount events;
  auto simulation = Simulation::Create(scenario, Set("fifo", "mutex"), counted);
  REQUIRE(simulation.ok());
  (*simulation)->AddListener(events);
  virtual_calls = 0;
  (*simulation)->Run();
  CAPTURE(virtual_calls, events.count);
  REQUIRE(events.count > 10'000);
  CHECK(virtual_calls <= 10 * events.count);
}

}  // namespace
}  // namespace rqsim
