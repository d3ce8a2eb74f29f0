// Costs of lock steps from a policy set. The preset `realistic` is not measured: only the ratios of
// its numbers matter (mutex.md 3.6). Its c_wake, l_ipi and c_ctx are the machine's to set.
//
// Tested by tests/unit/policies/lock/mutex_test.cc.
#include "lock/lock_costs.h"

namespace rqsim {
namespace {

struct CostRow {
  std::string_view name;
  Cycles LockCosts::*member;
  int64_t realistic;
};

constexpr CostRow kRows[] = {
    {"c_lock_fast", &LockCosts::lock_fast, 20},
    {"c_trylock", &LockCosts::trylock, 20},
    {"c_slow_enter", &LockCosts::slow_enter, 120},
    {"c_block", &LockCosts::block, 80},
    {"c_recheck", &LockCosts::recheck, 60},
    {"c_acquire_slow", &LockCosts::acquire_slow, 60},
    {"c_unlock_fast", &LockCosts::unlock_fast, 15},
    {"c_unlock_slow", &LockCosts::unlock_slow, 100},
    {"c_unlock_slow_rest", &LockCosts::unlock_slow_rest, 0},
    {"c_cacheline_xfer", &LockCosts::cacheline_xfer, 60},
};
constexpr CostRow kSpinRows[] = {
    {"c_osq_enq", &LockCosts::osq_enq, 30},
    {"c_osq_pass", &LockCosts::osq_pass, 40},
    {"c_spin_poll", &LockCosts::spin_poll, 10},
};

}  // namespace

LockCosts ReadLockCosts(const PolicyParams& params, bool spins) {
  LockCosts costs;
  const bool realistic = params.Text("preset") == "realistic";
  const auto read = [&](const CostRow& row) {
    costs.*row.member =
        realistic && !params.Given(row.name) ? Cycles(row.realistic) : params.Length(row.name);
  };
  for (const CostRow& row : kRows) read(row);
  if (spins) {
    for (const CostRow& row : kSpinRows) read(row);
  }
  return costs;
}

}  // namespace rqsim
