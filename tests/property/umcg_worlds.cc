#include "property/umcg_worlds.h"

#include <fmt/format.h>

#include <vector>

#include "support/random.h"

namespace rqsim {
namespace {

OpSpec Op(OpKind kind, int64_t cycles = 0, std::string name = "") {
  OpSpec op;
  op.kind = kind;
  op.cycles = Cycles(cycles);
  op.name = std::move(name);
  return op;
}

OpSpec Call(std::string name) { return Op(OpKind::kService, 0, std::move(name)); }

constexpr int kSpan = 1500;  // instants of what comes from outside

class Maker {
 public:
  Maker(uint64_t seed, const UmcgWorldKind& kind) : random_(seed), kind_(kind) {}

  Scenario Make() {
    scenario_.name = "umcg-world";
    const int cpus = 1 + random_.Below(kind_.cpus_max);
    scenario_.machine.cpus.resize(static_cast<std::size_t>(cpus));
    scenario_.machine.tick = false;
    scenario_.until = Time(200'000);
    scenario_.mutexes = {"A", "B"};
    Costs();
    Policies();
    const int groups = random_.OneIn(3) ? 2 : 1;
    for (int g = 0; g < groups; ++g) Group(g);
    if (random_.OneIn(3) && kind_.preempts) Preempter();
    if (kind_.is_plain) return std::move(scenario_);
    const bool has_pair = random_.OneIn(3);
    if (has_pair && !IsEv()) BasicPair();
    // As posted ev lets a parked worker that has a signal turn in the kernel.
    const bool has_signals = random_.OneIn(2);
    if (has_signals && (!IsEv() || kind_.fixes)) Signals();
    if (cpus > 1 && random_.OneIn(2)) Hotplug();
    return std::move(scenario_);
  }

 private:
  bool IsEv() const { return kind_.service == "umcg-ev"; }
  int Cpus() const { return static_cast<int>(scenario_.machine.cpus.size()); }
  OpSpec Run() { return Op(OpKind::kRun, 1 + random_.Below(random_.OneIn(8) ? 600 : 60)); }

  void Costs() {
    MachineCosts& costs = scenario_.machine.costs;
    const bool plain = random_.OneIn(2);
    const auto some = [&](int usual) { return Cycles(plain ? usual : random_.Below(6)); };
    costs.c_syscall = some(1);
    costs.c_sysret = some(1);
    costs.c_exc = some(1);
    costs.c_sched = some(1);
    costs.c_ctx = some(2);
    costs.c_wake = some(2);
    costs.l_ipi = some(4);
    costs.c_exit = Cycles(0);
  }

  void Policies() {
    scenario_.common.preset = "UM";
    PolicyChoice service;
    service.name = kind_.service;
    service.params = {{"costs.preset", std::string("EX")}};
    if (random_.OneIn(2)) {
      for (const char* cost : {"k_get", "k_cas", "u_store", "push_window", "unpin"}) {
        const int64_t cycles = random_.Below(5);
        service.params.emplace_back(fmt::format("costs.{}", cost), cycles);
      }
    }
    if (kind_.fixes) service.params.emplace_back("fixes", std::vector<std::string>{"all"});
    PolicyChoice user;
    user.name = "fifo";
    const int who = kind_.preempts ? random_.Below(4) : 2 + random_.Below(2);
    const int64_t slice = 20 + random_.Below(60);
    if (kind_.ticks || IsEv()) {
      // A tick is 50 cycles long.
      scenario_.machine.hz = 20'000'000;
      service.params.emplace_back("preempt.source", std::string(who <= 1 ? "kernel-tick" : "none"));
      service.params.emplace_back("preempt.jiffies", 1 + slice % 3);
      user.name = who == 0 ? "rr" : who == 2 ? "steal" : "fifo";
    } else if (who == 0) {
      service.params.emplace_back("preempt.source", std::string("watchdog"));
      user.name = random_.OneIn(2) ? "rr" : "priority";
      user.params = {{"slice", slice}};
    } else if (who == 1) {
      service.params.emplace_back("preempt.source", std::string("server-timeout"));
      user.name = "rr";
      // It counts from the dispatch, and so has to be longer than any wait for a CPU.
      user.params = {{"slice", slice + 300}};
    } else if (who == 2) {
      user.name = "steal";
    }
    if (kind_.multi) service.params.emplace_back("pz.blocked_list", std::string("multi"));
    if (random_.OneIn(4)) service.params.emplace_back("server.chain", true);
    // v0.9 kills whom it asks there (N6).
    const bool asks = random_.OneIn(4);
    if (asks && kind_.service == "umcg-v0.6") service.params.emplace_back("hook_in_wait", true);
    scenario_.common.services = std::vector<PolicyChoice>{service};
    scenario_.common.user = user;
    constexpr const char* kLocks[] = {"mutex", "pi", "proxy-v9", "proxy-7.2"};
    PolicyChoice lock;
    lock.name = kLocks[random_.Below(4)];
    scenario_.common.lock = lock;
  }

  void Group(int number) {
    UmcgGroupSpec group;
    group.name = fmt::format("g{}", number);
    if (number > 0 && random_.OneIn(2)) group.process = "other";
    const int servers = 1 + random_.Below(Cpus());
    for (int s = 0; s < servers; ++s) {
      UmcgServerSpec server;
      server.name = fmt::format("S{}{}", number, s);
      if (!random_.OneIn(4)) server.cpus = CpuSet::Of(CpuId(s));
      group.servers.push_back(server);
    }
    const int workers = 1 + random_.Below(number == 0 ? kind_.workers_max : 2);
    for (int w = 0; w < workers; ++w) group.workers.push_back(fmt::format("W{}{}", number, w));
    for (const std::string& name : group.workers) {
      TaskSpec task;
      task.name = name;
      task.process = group.process;
      // A file has no place for "register" beside a time.
      const bool registers = random_.OneIn(3);
      if (registers) {
        task.start = Time(random_.Below(200));
        task.ops.push_back(Call("umcg_register"));
      } else {
        task.worker_start = WorkerStart::kParked;
      }
      task.sched.priority = 0;
      const int pieces = 1 + random_.Below(5);
      for (int i = 0; i < pieces; ++i) Piece(group, task.ops);
      task.ops.push_back(Call("umcg_unregister"));
      scenario_.tasks.push_back(task);
    }
    scenario_.groups.push_back(group);
  }

  void Piece(const UmcgGroupSpec& group, std::vector<OpSpec>& ops) {
    switch (random_.Below(10)) {
      case 0:
      case 1:
        ops.push_back(Block());
        return;
      case 2:
        Section(ops);
        return;
      case 3: {
        OpSpec yield = Call("umcg_yield");
        yield.args.emplace_back("requeue", int64_t{1});
        ops.push_back(yield);
        return;
      }
      case 4: {
        OpSpec wait = Call("umcg_wait");
        wait.args.emplace_back("until", int64_t{1 + random_.Below(kSpan)});
        ops.push_back(wait);
        return;
      }
      case 5: {
        OpSpec swap = Call("umcg_swap");
        const int whom = random_.Below(static_cast<int>(group.workers.size()));
        swap.args.emplace_back("task", group.workers[static_cast<std::size_t>(whom)]);
        swap.args.emplace_back("requeue", int64_t{1});
        ops.push_back(swap);
        return;
      }
      case 6: {
        OpSpec call = Call("syscall");
        call.args.emplace_back("for", int64_t{random_.Below(20)});
        ops.push_back(call);
        return;
      }
      default:
        ops.push_back(Run());
        return;
    }
  }

  OpSpec Block() {
    OpSpec block = Op(OpKind::kBlock, 1 + random_.Below(60));
    block.page_fault = random_.OneIn(2);
    block.sleep_state =
        random_.OneIn(2) ? SleepState::kInterruptible : SleepState::kUninterruptible;
    block.kernel_tail = Cycles(random_.Below(4));
    block.count = 1 + random_.Below(2);
    return block;
  }

  void Section(std::vector<OpSpec>& ops) {
    const bool both = random_.OneIn(3);
    ops.push_back(Op(OpKind::kLock, 0, "A"));
    ops.push_back(Run());
    if (both) ops.push_back(Op(OpKind::kLock, 0, "B"));
    if (random_.OneIn(2)) ops.push_back(Block());
    if (both) ops.push_back(Op(OpKind::kUnlock, 0, "B"));
    ops.push_back(Op(OpKind::kUnlock, 0, "A"));
  }

  // Two basic tasks that hand a CPU to each other, wait for a while, wake each other, and a third
  // one that wakes them in the end: whoever exits has perhaps just been handed the CPU.
  void BasicPair() {
    const int turns = 1 + random_.Below(4);
    for (const char* name : {"B0", "B1"}) {
      const std::string other = name == std::string("B0") ? "B1" : "B0";
      TaskSpec task;
      task.name = name;
      task.basic = true;
      for (int i = 0; i < turns; ++i) {
        task.ops.push_back(Run());
        OpSpec swap = Call("umcg_swap");
        swap.args.emplace_back("task", other);
        task.ops.push_back(swap);
        if (random_.OneIn(3)) {
          OpSpec wait = Call("umcg_wait");
          wait.args.emplace_back("until", int64_t{1 + random_.Below(kSpan)});
          task.ops.push_back(wait);
        }
        if (random_.OneIn(3)) {
          OpSpec wake = Call("umcg_wake");
          wake.args.emplace_back("task", other);
          wake.args.emplace_back("keep_word", int64_t{random_.Below(2)});
          task.ops.push_back(wake);
        }
      }
      scenario_.tasks.push_back(task);
    }
    TaskSpec last;
    last.name = "B2";
    last.basic = true;
    last.loop = 3 * turns;
    last.ops.push_back(Op(OpKind::kSleep, 2 * kSpan));
    for (const char* name : {"B0", "B1"}) {
      OpSpec wake = Call("umcg_wake");
      wake.args.emplace_back("task", std::string(name));
      last.ops.push_back(wake);
    }
    scenario_.tasks.push_back(last);
  }

  void Preempter() {
    TaskSpec task;
    task.name = "P";
    for (int i = 1 + random_.Below(3); i > 0; --i) {
      task.ops.push_back(Op(OpKind::kSleep, 1 + random_.Below(100)));
      OpSpec preempt = Call("umcg_preempt");
      preempt.args.emplace_back("task", std::string("W00"));
      task.ops.push_back(preempt);
    }
    scenario_.tasks.push_back(task);
  }

  void Signals() {
    for (int i = 1 + random_.Below(4); i > 0; --i) {
      ActionSpec action;
      action.kind = ActionKind::kSignal;
      action.at = Time(1 + random_.Below(kSpan));
      const int whom = random_.Below(static_cast<int>(scenario_.tasks.size()));
      action.task = scenario_.tasks[static_cast<std::size_t>(whom)].name;
      scenario_.actions.push_back(action);
    }
  }

  // A CPU goes and returns, perhaps twice; the others stay.
  void Hotplug() {
    const CpuId cpu(random_.Below(Cpus()));
    int at = 0;
    for (int i = 2 * (1 + random_.Below(2)); i > 0; --i) {
      at += 1 + random_.Below(400);
      HotplugSpec request;
      request.at = Time(at);
      request.cpus = CpuSet::Of(cpu);
      request.to = i % 2 == 0 ? "offline" : "online";
      scenario_.hotplug.push_back(request);
    }
  }

  Random random_;
  const UmcgWorldKind& kind_;
  Scenario scenario_;
};

}  // namespace

Scenario RandomUmcgWorld(uint64_t seed, const UmcgWorldKind& kind) {
  return Maker(seed, kind).Make();
}

}  // namespace rqsim
