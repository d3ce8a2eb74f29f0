#include "property/worlds.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "support/random.h"

namespace rqsim {
namespace {

constexpr int kKnobsMax = 5;

class Maker {
 public:
  Maker(uint64_t seed, const WorldKind& kind) : random_(seed), kind_(kind) {}

  World Make() {
    World world;
    world.cpus = 1 + random_.Below(kind_.cpus_max);
    world.default_classes = kind_.fair && random_.OneIn(3);
    world.placement = random_.OneIn(2) ? "prev" : "simple";
    const int tasks = 2 + random_.Below(kind_.tasks_max - 1);
    num_others_ = tasks - 1;
    world.locks = kind_.contention ? 1 + random_.Below(kind_.locks_max) : kind_.locks_max;
    if (kind_.contexts) {
      world.ww_locks = 2 + random_.Below(2);
      world.wait_die = random_.OneIn(2);
    }
    if (kind_.deadlines) world.chain_balance = random_.OneIn(3);
    for (int i = 0; i < tasks; ++i) world.tasks.push_back(Task(world, i));
    if (kind_.signals && random_.OneIn(2)) {
      for (int i = 1 + random_.Below(3); i > 0; --i) {
        world.signals.push_back({random_.Below(40), random_.Below(tasks)});
      }
    }
    if (kind_.costs && random_.OneIn(2)) Costs(world);
    if (kind_.wait_locks) world.model_wait_lock = random_.OneIn(3);
    if (kind_.knobs && random_.OneIn(2)) {
      for (int i = 0; i < kKnobsMax; ++i) world.knobs.push_back(random_.Below(60));
    }
    return world;
  }

 private:
  WorldTask Task(const World& world, int number) {
    WorldTask task;
    task.start = random_.Below(12);
    task.loop = 1 + random_.Below(3);
    task.priority = 1 + random_.Below(9);
    if (world.default_classes && random_.OneIn(2)) {
      task.priority = 0;
      task.nice = random_.Below(40) - 20;
    }
    if (kind_.deadlines && world.default_classes && random_.OneIn(3)) {
      task.priority = 0;
      task.budget = 1 + random_.Below(12);
      task.deadline = task.budget + random_.Below(30);
    }
    if (random_.OneIn(2)) task.cpus = uint64_t{1} << random_.Below(world.cpus);
    const bool own = !kind_.contention;
    number_ = number;
    const bool is_first = kind_.first_leads && number == 0;
    if (is_first) task.priority = kFirstPriority;
    if (!own) {
      task.pieces = Sections(world, 0);
    } else if (number < world.locks) {
      task.pieces = {Run(), Section(number, {Run()}), Run()};
    } else {
      task.pieces = {Run()};
    }
    if (kind_.sleeps && !is_first && random_.OneIn(2)) task.pieces.push_back(Sleep());
    return task;
  }

  // Locks from `lowest` on, nested in order: nobody can wait in a circle.
  std::vector<Piece> Sections(const World& world, int lowest) {
    std::vector<Piece> pieces;
    for (int lock = lowest; lock < world.locks; ++lock) {
      if (random_.OneIn(4) || !MayTake(lock)) continue;
      if (random_.OneIn(2)) pieces.push_back(Run());
      std::vector<Piece> inner = {Run()};
      if (kind_.sleeps && kind_.owners_sleep && random_.OneIn(4)) inner.push_back(Sleep());
      if (random_.OneIn(8)) inner.push_back({.kind = Piece::Kind::kYield, .length = 0});
      if (world.ww_locks > 0 && random_.OneIn(4)) inner.push_back(Context(world));
      if (random_.OneIn(2)) {
        for (Piece& piece : Sections(world, lock + 1)) inner.push_back(std::move(piece));
      }
      if (random_.OneIn(3)) inner.push_back(Run());
      pieces.push_back(Section(lock, std::move(inner)));
    }
    if (world.ww_locks > 0 && random_.OneIn(2)) pieces.push_back(Context(world));
    return pieces;
  }

  // Where all contend with the first task only, each of the others has locks of its own.
  bool MayTake(int lock) const {
    return !kind_.against_first || number_ == 0 || lock % num_others_ == number_ - 1;
  }

  Piece Run() { return {.kind = Piece::Kind::kRun, .length = random_.Below(6)}; }
  Piece Sleep() { return {.kind = Piece::Kind::kSleep, .length = 1 + random_.Below(6)}; }
  Piece Context(const World& world) {
    Piece context{.kind = Piece::Kind::kContext, .length = 1 + random_.Below(5)};
    context.lock = random_.Below(world.ww_locks);
    context.second = (context.lock + 1 + random_.Below(world.ww_locks - 1)) % world.ww_locks;
    return context;
  }
  Piece Section(int lock, std::vector<Piece> inner) {
    Piece section{.kind = Piece::Kind::kSection, .length = 0, .lock = lock};
    section.inner = std::move(inner);
    if (kind_.signals && random_.OneIn(2)) {
      section.wait = random_.OneIn(3) ? LockWait::kKillable : LockWait::kInterruptible;
    }
    return section;
  }

  void Costs(World& world) {
    MachineCosts& costs = world.costs;
    for (Cycles* cost : {&costs.c_sched, &costs.c_ctx, &costs.c_wake, &costs.l_ipi,
                         &costs.c_ipi_send, &costs.c_ipi_recv, &costs.c_syscall}) {
      if (random_.OneIn(2)) *cost = Cycles(random_.Below(3));
    }
    for (int i = 0; i < 16; ++i) {
      world.lock_costs.push_back(random_.OneIn(2) ? 0 : random_.Below(4));
    }
  }

  Random random_;
  WorldKind kind_;
  int number_ = 0, num_others_ = 1;  // the task that is being made
};

OpSpec Op(OpKind kind, int cycles = 0) {
  OpSpec op;
  op.kind = kind;
  op.cycles = Cycles(cycles);
  return op;
}

std::string LockName(int lock) { return fmt::format("m{}", lock); }

OpSpec Named(OpKind kind, const std::string& name) {
  OpSpec op = Op(kind);
  op.name = name;
  return op;
}

// The owner of `first` takes `second` too. Told to give up it leaves `first`, waits for `second`,
// and tries the other way round, `tries` times.
std::vector<OpSpec> TakeSecond(const std::string& first, const std::string& second, int length,
                               int tries) {
  OpSpec lock = Named(OpKind::kLock, second);
  lock.ops = {Op(OpKind::kRun, length), Named(OpKind::kUnlock, second),
              Named(OpKind::kUnlock, first)};
  lock.otherwise = {Named(OpKind::kUnlock, first)};
  if (tries > 0) {
    OpSpec waits = Named(OpKind::kLock, second);
    waits.ops = TakeSecond(second, first, length, tries - 1);
    lock.otherwise.push_back(std::move(waits));
  }
  return {lock};
}

std::string WwName(int lock) { return fmt::format("w{}", lock); }

std::vector<OpSpec> ContextOps(const Piece& piece, bool wait_die) {
  OpSpec begin = Named(OpKind::kService, "ww_begin");
  if (wait_die) begin.args.emplace_back("wait_die", true);
  // Under `pi`, to which contexts mean nothing, this one may fail as well (MODEL-310).
  OpSpec lock = Named(OpKind::kLock, WwName(piece.lock));
  lock.ops = {Op(OpKind::kRun, 1)};
  for (OpSpec& op : TakeSecond(WwName(piece.lock), WwName(piece.second), piece.length, 2)) {
    lock.ops.push_back(std::move(op));
  }
  return {begin, lock, Named(OpKind::kService, "ww_end")};
}

std::vector<OpSpec> OpsOf(const std::vector<Piece>& pieces, bool wait_die) {
  std::vector<OpSpec> ops;
  for (const Piece& piece : pieces) {
    switch (piece.kind) {
      case Piece::Kind::kRun:
        ops.push_back(Op(OpKind::kRun, piece.length));
        break;
      case Piece::Kind::kSleep:
        ops.push_back(Op(OpKind::kSleep, piece.length));
        break;
      case Piece::Kind::kYield:
        ops.push_back(Op(OpKind::kYield));
        break;
      case Piece::Kind::kContext:
        for (OpSpec& op : ContextOps(piece, wait_die)) ops.push_back(std::move(op));
        break;
      case Piece::Kind::kSection: {
        OpSpec lock = Named(OpKind::kLock, LockName(piece.lock));
        lock.lock_wait = piece.wait;
        OpSpec unlock = Named(OpKind::kUnlock, lock.name);
        std::vector<OpSpec> inner = OpsOf(piece.inner, wait_die);
        inner.push_back(std::move(unlock));
        if (piece.wait == LockWait::kUninterruptible) {
          ops.push_back(std::move(lock));
          for (OpSpec& op : inner) ops.push_back(std::move(op));
        } else {
          lock.ops = std::move(inner);
          ops.push_back(std::move(lock));
        }
        break;
      }
    }
  }
  return ops;
}

// All worlds that are one step smaller in their programs.
void SmallerPieces(const std::vector<Piece>& pieces,
                   const std::function<void(std::vector<Piece>)>& take) {
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    std::vector<Piece> without = pieces;
    without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
    take(without);
    if (pieces[i].kind == Piece::Kind::kSection) {
      std::vector<Piece> unlocked = without;
      unlocked.insert(unlocked.begin() + static_cast<std::ptrdiff_t>(i), pieces[i].inner.begin(),
                      pieces[i].inner.end());
      take(unlocked);
      if (pieces[i].wait != LockWait::kUninterruptible) {
        std::vector<Piece> plain = pieces;
        plain[i].wait = LockWait::kUninterruptible;
        take(plain);
      }
      SmallerPieces(pieces[i].inner, [&](std::vector<Piece> inner) {
        std::vector<Piece> changed = pieces;
        changed[i].inner = std::move(inner);
        take(changed);
      });
    } else if (pieces[i].length > 1) {
      std::vector<Piece> shorter = pieces;
      --shorter[i].length;
      take(shorter);
    }
  }
}

std::vector<World> SmallerWorlds(const World& world) {
  std::vector<World> smaller;
  const auto with = [&](const std::function<void(World&)>& change) {
    smaller.push_back(world);
    change(smaller.back());
  };
  for (std::size_t t = 0; world.tasks.size() > 1 && t < world.tasks.size(); ++t) {
    with([&](World& w) {
      w.tasks.erase(w.tasks.begin() + static_cast<std::ptrdiff_t>(t));
      std::erase_if(w.signals, [&](const WorldSignal& s) { return s.task == static_cast<int>(t); });
      for (WorldSignal& signal : w.signals) {
        if (signal.task > static_cast<int>(t)) --signal.task;
      }
    });
  }
  for (std::size_t s = 0; s < world.signals.size(); ++s) {
    with([&](World& w) { w.signals.erase(w.signals.begin() + static_cast<std::ptrdiff_t>(s)); });
  }
  if (!world.lock_costs.empty()) with([](World& w) { w.lock_costs.clear(); });
  if (world.chain_balance) with([](World& w) { w.chain_balance = false; });
  if (!world.knobs.empty()) with([](World& w) { w.knobs.clear(); });
  if (world.model_wait_lock) with([](World& w) { w.model_wait_lock = false; });
  if (world.costs.c_sched + world.costs.c_ctx + world.costs.c_wake + world.costs.l_ipi +
          world.costs.c_ipi_send + world.costs.c_ipi_recv + world.costs.c_syscall >
      kZeroCycles) {
    with([](World& w) { w.costs = MachineCosts(); });
  }
  for (std::size_t t = 0; t < world.tasks.size(); ++t) {
    const WorldTask& task = world.tasks[t];
    if (task.loop > 1) with([&](World& w) { --w.tasks[t].loop; });
    if (task.start > 0) with([&](World& w) { --w.tasks[t].start; });
    if (task.deadline > 0) with([&](World& w) { w.tasks[t].deadline = w.tasks[t].budget = 0; });
    SmallerPieces(task.pieces, [&](std::vector<Piece> pieces) {
      with([&](World& w) { w.tasks[t].pieces = pieces; });
    });
  }
  return smaller;
}

bool HasDeadlines(const World& world) {
  return std::any_of(world.tasks.begin(), world.tasks.end(),
                     [](const WorldTask& task) { return task.deadline > 0; });
}

uint64_t FromEnvironment(const char* variable, uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace

uint64_t WorldsWanted(uint64_t otherwise) { return FromEnvironment("RQSIM_WORLDS", otherwise); }
uint64_t FirstWorld(uint64_t otherwise) { return FromEnvironment("RQSIM_FIRST_WORLD", otherwise); }

World RandomWorld(uint64_t seed, const WorldKind& kind) { return Maker(seed, kind).Make(); }

Scenario ScenarioOf(const World& world, const std::string& name) {
  Scenario scenario;
  scenario.name = name;
  scenario.machine.cpus.resize(static_cast<std::size_t>(world.cpus));
  scenario.machine.costs = world.costs;
  for (int i = 0; i < world.locks; ++i) scenario.mutexes.push_back(LockName(i));
  for (int i = 0; i < world.ww_locks; ++i) scenario.mutexes.push_back(WwName(i));
  for (std::size_t i = 0; i < world.tasks.size(); ++i) {
    const WorldTask& from = world.tasks[i];
    TaskSpec task;
    task.name = fmt::format("t{}", i);
    task.start = Time(from.start);
    task.loop = from.loop;
    task.sched.policy = from.priority > 0 ? SchedPolicy::kFifo : SchedPolicy::kNormal;
    task.sched.priority = from.priority;
    task.sched.nice = from.priority > 0 ? 0 : from.nice;
    if (from.deadline > 0) {
      task.sched = SchedSpec();
      task.sched.policy = SchedPolicy::kDeadline;
      task.sched.dl_runtime = Cycles(from.budget);
      task.sched.dl_deadline = Cycles(from.deadline);
    }
    if (from.cpus != 0) {
      CpuSet cpus;
      for (int c = 0; c < world.cpus; ++c) {
        if ((from.cpus >> c & 1) != 0) cpus.Add(CpuId(c));
      }
      task.cpus = cpus;
    }
    task.ops = OpsOf(from.pieces, world.wait_die);
    scenario.tasks.push_back(std::move(task));
  }
  for (const WorldSignal& signal : world.signals) {
    ActionSpec action;
    action.at = Time(signal.at);
    action.kind = ActionKind::kSignal;
    action.task = scenario.tasks[static_cast<std::size_t>(signal.task)].name;
    scenario.actions.push_back(std::move(action));
  }
  scenario.common.sched_class = PolicyChoice{world.default_classes ? "default" : "fifo", {}, {}};
  if (HasDeadlines(world)) {
    auto& params = scenario.common.sched_class->params;
    params.emplace_back("dl_limits", false);
    params.emplace_back("rt_runtime", int64_t{-1});
    if (world.chain_balance) params.emplace_back("chain_balance", true);
  }
  scenario.common.placement = PolicyChoice{world.placement, {}, {}};
  // Far beyond the end of any world that does end.
  scenario.until = Time(1'000'000);
  return scenario;
}

World Shrink(World world, const std::function<bool(const World&)>& fails, int tries) {
  for (bool found = true; found && tries > 0;) {
    found = false;
    for (World& candidate : SmallerWorlds(world)) {
      if (--tries < 0) break;
      if (!fails(candidate)) continue;
      world = std::move(candidate);
      found = true;
      break;
    }
  }
  return world;
}

}  // namespace rqsim
