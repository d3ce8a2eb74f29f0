// Small random worlds of tasks that fight for mutexes, as trees that can be made smaller: a world
// that breaks something is shrunk to the least one that still does, and printed as a scenario.
#ifndef RQSIM_TESTS_PROPERTY_WORLDS_H_
#define RQSIM_TESTS_PROPERTY_WORLDS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "rqsim/scenario.h"

namespace rqsim {

// A piece of a program. A critical section has its lock taken before and released after `inner`; a
// wait that a signal ended skips it. kContext takes two ww locks in any order in an acquire context
// and holds both for `length`; told to give up it backs off and tries in the other order, twice.
struct Piece {
  enum class Kind : uint8_t { kRun, kSleep, kYield, kSection, kContext } kind = Kind::kRun;
  int length = 1;
  int lock = 0;
  int second = 0;  // kContext
  LockWait wait = LockWait::kUninterruptible;
  std::vector<Piece> inner{};
};

struct WorldTask {
  int priority = 1;  // of SCHED_FIFO; 0: a fair task of nice `nice`
  int nice = 0;
  int budget = 0, deadline = 0;  // of a deadline task, which has no priority; 0: it is none
  int start = 0;
  int loop = 1;
  uint64_t cpus = 0;  // a mask; 0: all
  std::vector<Piece> pieces;
};

// An ordinary signal: SIGKILL would leave locks behind.
struct WorldSignal {
  int at = 0;
  int task = 0;
};

// What a world may have.
struct WorldKind {
  int cpus_max = 3, tasks_max = 5, locks_max = 3;
  bool sleeps = true;        // outside of critical sections …
  bool owners_sleep = true;  // … and inside
  bool signals = true;
  bool fair = true;        // fair tasks, under the classes of the kernel
  bool contention = true;  // false: nobody shares a lock
  bool costs = true;
  bool deadlines = false;   // deadline tasks among the fair ones, and now and then chain_balance
  bool contexts = false;    // ww locks, beside the others
  bool wait_locks = false;  // now and then wait_lock is a resource
  bool knobs = false;       // … and protocols do not have their usual knobs
  // The first task is the most important one and never sleeps.
  bool first_leads = false;
  // … and no two others share a lock: they contend with it, and it with each of them.
  bool against_first = false;
};
inline constexpr int kFirstPriority = 10;  // everybody else has less

struct World {
  int cpus = 1;
  int locks = 1;
  int ww_locks = 0;
  bool wait_die = false;
  bool default_classes = false;
  bool chain_balance = false;
  bool model_wait_lock = false;
  std::vector<int> knobs;  // drawn on for the knobs of protocols; empty: they are as usual
  std::string placement = "prev";
  MachineCosts costs;
  std::vector<int64_t> lock_costs;  // drawn on for the costs of protocols, in turn
  std::vector<WorldTask> tasks;
  std::vector<WorldSignal> signals;
};

// How many worlds a long test looks at, and the seed of its first one: RQSIM_WORLDS and
// RQSIM_FIRST_WORLD if they are set.
uint64_t WorldsWanted(uint64_t otherwise);
uint64_t FirstWorld(uint64_t otherwise);

World RandomWorld(uint64_t seed, const WorldKind& kind);
Scenario ScenarioOf(const World& world, const std::string& name);

// The least world that `fails`, starting from one that does. Looks at `tries` candidates at most.
World Shrink(World world, const std::function<bool(const World&)>& fails, int tries = 2000);

}  // namespace rqsim

#endif  // RQSIM_TESTS_PROPERTY_WORLDS_H_
