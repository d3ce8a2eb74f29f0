// The walk along a chain, row by row of proxy-exec.md 5, and how a donor wakes: what each protocol
// answers in a state that the test sets up. What the machine makes of it, scenarios/proxy shows.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "policies/policies.h"
#include "rqsim/registry.h"
#include "support/catch.h"
#include "support/wordless_kernel.h"

namespace rqsim {
namespace {

using Given = std::vector<std::pair<std::string, ParamValue>>;

constexpr int kTasks = 9;  // numbered from 1
constexpr int kLocks = 9;  // lock i is what task i waits for

// Tasks on the queue of CPU 0, none blocked; a test says what is different.
class World final : public WordlessKernel {
 public:
  explicit World(const PolicyInfo& info, const Given& given = {})
      : tasks_made_(kTasks + 1), cpus_made_(3), locks_made_(kLocks + 1), room_(kMaxRequests) {
    Limits limits;
    limits.self = PolicyId(1);
    limits.num_cpus = 3;
    limits.num_tasks = kTasks + 1;
    limits.num_locks = kLocks + 1;
    const RegistryEntry* const entry =
        Registry::BuiltIn().Find(Seam::kLockProtocol, std::string(info.name));
    protocol_ = *entry->make_lock(PolicyParams(info, given, 1'000'000'000), limits);
    tasks_ = tasks_made_;
    cpus_ = cpus_made_;
    locks_ = locks_made_;
    requests_ = room_;
    for (int i = 1; i <= kTasks; ++i) {
      Task& t = task(i);
      t.state = TaskState::kRunning;
      t.on_rq = true;
      t.cpu = t.wake_cpu = CpuId(0);
      t.cpus_allowed = CpuSet::FirstN(3);
    }
  }

  Task& task(int i) { return tasks_made_[static_cast<std::size_t>(i)]; }
  // `waiter` is blocked on its lock, which `owner` has; 0: nobody.
  void Blocks(int waiter, int owner) {
    Task& t = task(waiter);
    t.state = TaskState::kUninterruptible;
    t.is_blocked = true;
    t.blocked_on = LockId(waiter);
    locks_made_[static_cast<std::size_t>(waiter)].owner = owner > 0 ? TaskId(owner) : TaskId();
  }
  void Executes(int i) { cpus_made_[0].curr = TaskId(i); }
  void Sleeps(int i) {
    task(i).state = TaskState::kInterruptible;
    task(i).on_rq = false;
  }

  // The answer for a donor of CPU 0, as text: "run 3", "idle", "again deactivate 2",
  // "again move 2 to 1" …, then what was asked for: "-edge 2", "-gate 2", "3<2" (blocked_donor).
  std::string Resolve(int donor) {
    answer_ = protocol_->ResolveDonor(*this, CpuId(0), TaskId(donor));
    std::string text = KindText();
    for (int i = 0; i < answer_.num_actions; ++i) {
      const DonorAction& action = answer_.actions[static_cast<std::size_t>(i)];
      static constexpr const char* kNames[] = {"deactivate", "move", "move-chain", "park",
                                               "return"};
      text += std::string(" ") + kNames[static_cast<std::size_t>(action.kind)] + " " +
              std::to_string(action.task.value());
      if (action.cpu.valid()) text += " to " + std::to_string(action.cpu.value());
      if (action.owner.valid()) text += " on " + std::to_string(action.owner.value());
    }
    return text + Asked();
  }
  int64_t overhead() const { return answer_.overhead.count(); }

  std::string Wakes(int i) {
    static constexpr const char* kNames[] = {"in place", "in place, resched", "return",
                                             "return, resched"};
    const WakeAnswer wake = protocol_->WakeQueued(*this, TaskId(i));
    return kNames[static_cast<std::size_t>(wake)] + Asked();
  }
  std::string Enqueued(int i, int cpu) {
    protocol_->Enqueued(*this, TaskId(i), CpuId(cpu));
    return Asked();
  }
  LockProtocol& protocol() { return *protocol_; }

 private:
  std::string KindText() const {
    switch (answer_.kind) {
      case DonorAnswer::Kind::kRunTask:
        return "run " + std::to_string(answer_.task.value());
      case DonorAnswer::Kind::kRunIdle:
        return "idle for good";
      case DonorAnswer::Kind::kRunIdleKeepResched:
        return "idle";
      case DonorAnswer::Kind::kPickAgain:
        return "again";
      case DonorAnswer::Kind::kDeadlock:
        return "deadlock";
      case DonorAnswer::Kind::kStuck:
        return "stuck";
      case DonorAnswer::Kind::kHeld:
        return "held";
    }
    return "";
  }
  // Carries out what was asked for, and tells it.
  std::string Asked() {
    std::string text;
    const int count = std::exchange(num_requests_, 0);
    for (int i = 0; i < count; ++i) {
      const Request& request = room_[static_cast<std::size_t>(i)];
      const std::string who = std::to_string(request.task.value());
      switch (request.kind) {
        case Request::Kind::kSetBlockedOn:
          task(request.task.value()).blocked_on = request.lock;
          text += " -edge " + who;
          break;
        case Request::Kind::kClearBlockedGate:
          task(request.task.value()).is_blocked = false;
          text += " -gate " + who;
          break;
        case Request::Kind::kSetBlockedDonor:
          task(request.task.value()).blocked_donor = request.other;
          text += " " + who + "<" + std::to_string(request.other.value());
          break;
        case Request::Kind::kEnqueueOn:
          task(request.task.value()).parked_on = TaskId();
          text += " enqueue " + who;
          break;
        case Request::Kind::kResched:
          text += " resched " + std::to_string(request.cpu.value());
          break;
        case Request::Kind::kAddWakeCost:
          text += " cost " + std::to_string(request.at.cycles());
          break;
        default:
          break;
      }
    }
    return text;
  }

  std::vector<Task> tasks_made_;
  std::vector<Cpu> cpus_made_;
  std::vector<rqsim::Lock> locks_made_;
  std::vector<Request> room_;
  std::unique_ptr<LockProtocol> protocol_;
  DonorAnswer answer_;
};

}  // namespace

TEST_CASE("A chain that is queued here executes at its end, and every link is remembered",
          "[lock][proxy]") {
  for (const PolicyInfo* info : {&kProxyLocalInfo, &kProxyV9Info, &kProxy72Info}) {
    World world(*info);
    world.Blocks(1, 2);
    world.Blocks(2, 3);
    CHECK(world.Resolve(1) == "run 3 2<1 3<2");
    // Links that have not changed are not set again.
    CHECK(world.Resolve(1) == "run 3");
  }
}

TEST_CASE("A donor whose wait is over: 7.2 leaves it to its waker, v9 waits, local runs it",
          "[lock][proxy]") {
  // Row 1.
  const auto answer = [](const PolicyInfo& info, bool executes) {
    World world(info);
    world.Blocks(1, 2);
    world.task(1).blocked_on = LockId();
    if (executes) world.Executes(1);
    return world.Resolve(1);
  };
  CHECK(answer(kProxy72Info, false) == "again deactivate 1");
  CHECK(answer(kProxyV9Info, false) == "idle");
  CHECK(answer(kProxyLocalInfo, false) == "run 1 -gate 1");
  for (const PolicyInfo* info : {&kProxyLocalInfo, &kProxyV9Info, &kProxy72Info}) {
    CHECK(answer(*info, true) == "run 1 -gate 1");
  }
}

TEST_CASE("A lock without owner: who waits for it tries it where it may run", "[lock][proxy]") {
  // Row 3.
  const auto answer = [](const PolicyInfo& info, bool executes, bool away) {
    World world(info);
    world.Blocks(1, 0);
    if (executes) world.Executes(1);
    if (away) world.task(1).wake_cpu = CpuId(2);
    return world.Resolve(1);
  };
  CHECK(answer(kProxy72Info, false, false) == "again deactivate 1 -edge 1");
  CHECK(answer(kProxy72Info, true, false) == "run 1 -edge 1 -gate 1");
  CHECK(answer(kProxyV9Info, false, true) == "again return 1 -edge 1");
  CHECK(answer(kProxyV9Info, false, false) == "again deactivate 1 -edge 1");
  CHECK(answer(kProxyLocalInfo, false, false) == "run 1 -edge 1 -gate 1");
}

TEST_CASE("A sleeping owner: deactivated, parked, or left queued", "[lock][proxy]") {
  // Row 4.
  const auto answer = [](const PolicyInfo& info, const Given& given, bool in_chain) {
    World world(info, given);
    world.Blocks(1, 2);
    world.Sleeps(2);
    if (in_chain) world.Executes(1);
    return world.Resolve(1);
  };
  CHECK(answer(kProxy72Info, {}, false) == "again deactivate 1 -edge 1");
  CHECK(answer(kProxy72Info, {}, true) == "idle");
  CHECK(answer(kProxyV9Info, {}, false) == "again park 1 on 2");
  CHECK(answer(kProxyV9Info, {}, true) == "idle");
  CHECK(answer(kProxyLocalInfo, {}, false) == "again deactivate 1");
  CHECK(answer(kProxyLocalInfo, {}, true) == "again deactivate 1");
  CHECK(answer(kProxy72Info, {{"sleeping_owner", std::string("park")}}, false) ==
        "again park 1 on 2");
  CHECK(answer(kProxyV9Info, {{"sleeping_owner", std::string("deactivate")}}, false) ==
        "again deactivate 1 -edge 1");
  CHECK(answer(kProxyV9Info, {{"sleeping_owner", std::string("none")}}, false) == "idle");
}

TEST_CASE("An owner whose dequeue is put off counts as asleep", "[lock][proxy]") {
  World world(kProxy72Info);
  world.Blocks(1, 2);
  world.task(2).sched_delayed = true;
  CHECK(world.Resolve(1) == "again deactivate 1 -edge 1");
}

TEST_CASE("An owner on another CPU: the last of the chain goes there, or all of it, or nobody",
          "[lock][proxy]") {
  // Row 5.
  const auto answer = [](const PolicyInfo& info, int executes) {
    World world(info);
    world.Blocks(1, 2);
    world.Blocks(2, 3);
    world.task(3).cpu = CpuId(2);
    world.Executes(executes);
    return world.Resolve(1);
  };
  CHECK(answer(kProxy72Info, 4) == "again move 2 to 2 2<1");
  CHECK(answer(kProxyV9Info, 4) == "again move-chain 2 to 2 2<1");
  CHECK(answer(kProxyLocalInfo, 4) == "again deactivate 2 2<1");
  // The chain has the executing task in it: idle first.
  for (const int in_chain : {1, 2}) {
    CHECK(answer(kProxy72Info, in_chain) == "idle 2<1");
    CHECK(answer(kProxyV9Info, in_chain) == "idle 2<1");
  }
}

TEST_CASE("An owner that sleeps on another CPU: which of the two is asked first", "[lock][proxy]") {
  const auto answer = [](const PolicyInfo& info, const std::string& order) {
    World world(info, {{"check_order", order}});
    world.Blocks(1, 2);
    world.Sleeps(2);
    world.task(2).cpu = CpuId(1);
    return world.Resolve(1);
  };
  CHECK(answer(kProxy72Info, "on_rq_first") == "again deactivate 1 -edge 1");
  CHECK(answer(kProxy72Info, "cpu_first") == "again move 1 to 1");
  CHECK(answer(kProxyV9Info, "on_rq_first") == "again park 1 on 2");
  CHECK(answer(kProxyV9Info, "cpu_first") == "again move-chain 1 to 1");
}

TEST_CASE("An owner on its way: followed when it goes elsewhere, awaited when it comes here",
          "[lock][proxy]") {
  // Rows 5 and 6: between two runqueues a task counts as queued on the second one.
  for (const PolicyInfo* info : {&kProxyV9Info, &kProxy72Info}) {
    World world(*info);
    world.Blocks(1, 2);
    world.task(2).on_rq = false;
    world.task(2).migrating = true;
    CHECK(world.Resolve(1) == "idle");
    world.task(2).cpu = CpuId(1);
    CHECK(world.Resolve(1).substr(0, 10) == "again move");
  }
}

TEST_CASE("A task that owns what it waits for is left to its waker", "[lock][proxy]") {
  // Row 8.
  for (const PolicyInfo* info : {&kProxyLocalInfo, &kProxyV9Info, &kProxy72Info}) {
    World world(*info);
    world.Blocks(1, 1);
    CHECK(world.Resolve(1) == "idle");
  }
}

TEST_CASE("A cycle is found, whoever it is entered from, and its members leave the queue",
          "[lock][proxy]") {
  World world(kProxy72Info);
  world.Blocks(1, 2);  // 1 only waits for the cycle of 2 and 3
  world.Blocks(2, 3);
  world.Blocks(3, 2);
  CHECK(world.Resolve(1) == "again deactivate 2 2<1 3<2 2<3");
  world.task(2).on_rq = false;
  // A member stays out of it even while its owner is queued; it keeps its edge, for the report.
  CHECK(world.Resolve(3) == "again deactivate 3");
  CHECK(world.task(3).blocked_on == LockId(3));
}

TEST_CASE("A cycle can end the run, or hold the CPU for ever", "[lock][proxy]") {
  const auto answer = [](const std::string& action) {
    World world(kProxyV9Info, {{"deadlock_action", action}});
    world.Blocks(1, 2);
    world.Blocks(2, 1);
    return world.Resolve(1);
  };
  CHECK(answer("abort") == "deadlock 2<1 1<2");
  CHECK(answer("hang") == "stuck 2<1 1<2");
}

TEST_CASE("A chain longer than max_chain is given up", "[lock][proxy]") {
  World world(kProxy72Info, {{"max_chain", int64_t{2}}});
  world.Blocks(1, 2);
  world.Blocks(2, 3);
  CHECK(world.Resolve(1) == "run 3 2<1 3<2");
  world.Blocks(3, 4);
  CHECK(world.Resolve(1) == "again deactivate 3 -edge 3");
}

TEST_CASE("What a walk costs is part of the answer", "[lock][proxy]") {
  const Given costs = {{"c_pick", int64_t{1}},
                       {"c_chain_hop", int64_t{10}},
                       {"c_proxy_migrate", int64_t{100}},
                       {"c_park", int64_t{1000}}};
  const auto overhead = [&](const PolicyInfo& info, auto change) {
    World world(info, costs);
    world.Blocks(1, 2);
    world.Blocks(2, 3);
    change(world);
    world.Resolve(1);
    return world.overhead();
  };
  // Two links; one link and a move, of one task or of two; one link and parking.
  CHECK(overhead(kProxy72Info, [](World&) {}) == 20);
  CHECK(overhead(kProxy72Info, [](World& w) { w.task(3).cpu = CpuId(1); }) == 10 + 100 + 1);
  CHECK(overhead(kProxyV9Info, [](World& w) { w.task(3).cpu = CpuId(1); }) == 10 + 200 + 1);
  CHECK(overhead(kProxyV9Info, [](World& w) { w.Sleeps(3); }) == 10 + 1000 + 1);
  CHECK(overhead(kProxy72Info, [](World& w) { w.Sleeps(3); }) == 10 + 1);
}

TEST_CASE("A donor at home wakes in place; v9 reschedules its CPU in any case", "[lock][proxy]") {
  World v9(kProxyV9Info);
  v9.Blocks(1, 2);
  CHECK(v9.Wakes(1) == "in place, resched");
  World linux72(kProxy72Info);
  linux72.Blocks(1, 2);
  CHECK(linux72.Wakes(1) == "in place");
  World always(kProxy72Info, {{"donor_wake_resched", std::string("always")}});
  always.Blocks(1, 2);
  CHECK(always.Wakes(1) == "in place, resched");
}

TEST_CASE("A donor that was moved is placed anew, as `return` says", "[lock][proxy]") {
  const auto answer = [](const PolicyInfo& info, const std::string& returns, bool may_run) {
    World world(info, {{"return", returns}, {"c_return_migrate", int64_t{7}}});
    world.Blocks(1, 2);
    world.task(1).wake_cpu = CpuId(1);
    if (!may_run) world.task(1).cpus_allowed = CpuSet::Of(CpuId(1));
    return world.Wakes(1);
  };
  CHECK(answer(kProxy72Info, "wake_cpu", true) == "return -edge 1 cost 7");
  CHECK(answer(kProxyV9Info, "wake_cpu", true) == "return, resched -edge 1 cost 7");
  CHECK(answer(kProxy72Info, "affinity_only", true) == "in place -edge 1");
  CHECK(answer(kProxy72Info, "affinity_only", false) == "return -edge 1 cost 7");
  CHECK(answer(kProxy72Info, "never", false) == "in place -edge 1");
}

TEST_CASE("A migration-disabled task is never left where it may not execute", "[lock][proxy]") {
  World world(kProxy72Info, {{"return", std::string("affinity_only")}});
  world.Blocks(1, 2);
  world.task(1).wake_cpu = CpuId(1);
  world.task(1).migration_disabled = 1;
  CHECK(world.Wakes(1) == "return -edge 1");
}

TEST_CASE("Parked donors follow their owner depth first, in order of arrival", "[lock][proxy]") {
  // 2 and 3 are parked on 1, 4 on 2; 5 was woken by somebody else meanwhile.
  World world(kProxyV9Info, {{"c_park_activate", int64_t{2}}});
  for (const auto& [waiter, owner] : {std::pair{2, 1}, {3, 1}, {4, 2}, {5, 1}}) {
    world.Sleeps(owner);
    world.Blocks(waiter, owner);
    CHECK(world.Resolve(waiter) ==
          "again park " + std::to_string(waiter) + " on " + std::to_string(owner));
    world.task(waiter).on_rq = false;
    world.task(waiter).parked_on = TaskId(owner);
  }
  world.task(5).parked_on = TaskId();
  CHECK(world.Enqueued(1, 2) == " enqueue 2 enqueue 4 enqueue 3 resched 2 cost 6");
  CHECK(world.Enqueued(1, 2) == "");
}

TEST_CASE("Version 8 hands over always, does not spin and returns by affinity only",
          "[lock][proxy]") {
  World world(kProxyV9Info, {{"preset", std::string("v8")}});
  world.Blocks(1, 2);
  world.task(1).wake_cpu = CpuId(1);
  CHECK(world.Wakes(1) == "in place, resched -edge 1");
}

TEST_CASE("Only protocols that park ask for enqueues", "[lock][proxy]") {
  CHECK(World(kProxyV9Info).protocol().Hooks().Has(Hook::kEnqueued));
  CHECK_FALSE(World(kProxy72Info).protocol().Hooks().Has(Hook::kEnqueued));
  CHECK_FALSE(World(kProxyLocalInfo).protocol().Hooks().Has(Hook::kEnqueued));
}

}  // namespace rqsim
