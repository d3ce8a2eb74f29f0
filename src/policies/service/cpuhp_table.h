// The hotplug states of Linux 7.2: which ones a run has, what each costs, who runs it.
#ifndef RQSIM_POLICIES_SERVICE_CPUHP_TABLE_H_
#define RQSIM_POLICIES_SERVICE_CPUHP_TABLE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rqsim/policy.h"
#include "rqsim/time.h"
#include "service/param_texts.h"

namespace rqsim::cpuhp {

// Numbers of Linux 7.2 include/linux/cpuhotplug.h that have a meaning of their own here.
inline constexpr int kOffline = 0;
inline constexpr int kSmpcfdPrepare = 40;
inline constexpr int kTimersPrepare = 58;
inline constexpr int kKickAp = 82;
inline constexpr int kBringup = 83;
inline constexpr int kIdleDead = 84;
inline constexpr int kApOffline = 85;
inline constexpr int kSchedStarting = 87;
inline constexpr int kHrtimersDying = 138;
inline constexpr int kTickDying = 139;
inline constexpr int kApOnline = 142;
inline constexpr int kTeardown = 143;
inline constexpr int kOnlineIdle = 144;
inline constexpr int kWaitEmpty = 147;
inline constexpr int kSmpboot = 148;
inline constexpr int kDynamicFirst = 192;
inline constexpr int kDynamicLast = 232;
inline constexpr int kActive = 235;
inline constexpr int kOnline = 236;
inline constexpr int kNumStates = 237;

// STARTING and DYING: on the CPU itself, interrupts off, must not fail.
constexpr bool IsAtomic(int state) { return state >= kIdleDead && state < kApOnline; }

struct Instance {
  std::string name;
  int number = 0;  // 1 is the first that was declared
  bool fails_up = false, fails_down = false;
};

// One direction of a state.
struct Callback {
  bool exists = false;
  Cycles cost;
};

struct State {
  std::string name;  // "": there is no such state in this run
  Callback up, down;
  bool cant_stop = false;
  bool fails_up = false, fails_down = false;  // installed states: always
  bool is_multi = false;                      // has instances, now or later
  std::vector<Instance> instances;            // in list order: the newest first
  std::vector<Instance> later;                // those that programs add
  bool is_registered = true;                  // else programs install it
  // Callbacks that other policies of the run have declared: positions among hotplug_callbacks().
  std::vector<int> declared;
  bool declared_up = false, declared_down = false;  // … in that direction
};

class Table {
 public:
  // `which` is full, mini or toy. `costs` are "187=3" or "RCU/tree:online=3"; `states` are
  // "name=sub nr=192 up=1 down=1 cost=2 fail=up instances=I1,I2 later=I3 registered=1".
  // Appends what is wrong with them.
  void Build(std::string_view which, bool split, Cycles c_cb, Cycles c_kick,
             const std::vector<std::string>& costs, const std::vector<std::string>& states,
             std::vector<ParamProblem>& problems);

  State& at(int number) { return states_[static_cast<std::size_t>(number)]; }
  const State& at(int number) const { return states_[static_cast<std::size_t>(number)]; }
  // Whether anything is done when the state is passed in that direction.
  bool HasCallback(int number, bool up) const {
    const State& state = at(number);
    const bool exists = (up ? state.up : state.down).exists && state.is_registered;
    return exists || (up ? state.declared_up : state.declared_down);
  }
  // The state that a word means: a number or a name. -1: there is none.
  int Find(std::string_view word) const;

 private:
  void Install(std::string_view text, Cycles c_cb, TextProblems& problems);
  static void InstallWord(const TextWord& word, State& state, int& number, TextProblems& problems);
  void SetCosts(std::string_view text, TextProblems& problems);

  State states_[kNumStates];
};

}  // namespace rqsim::cpuhp

#endif  // RQSIM_POLICIES_SERVICE_CPUHP_TABLE_H_
