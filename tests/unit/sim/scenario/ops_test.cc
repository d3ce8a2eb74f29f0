#include "rqsim/ops.h"

#include <set>
#include <string_view>

#include "support/catch.h"

namespace rqsim {
namespace {

TEST_CASE("The table of operations is in OpKind order and complete", "[scenario][ops]") {
  const auto table = OpTable();
  REQUIRE(table.size() == static_cast<std::size_t>(OpKind::kService));
  for (std::size_t i = 0; i < table.size(); ++i) {
    CHECK(static_cast<std::size_t>(table[i].kind) == i);
    CHECK(&OpInfoOf(table[i].kind) == &table[i]);
  }
}

TEST_CASE("Operations have distinct names and show them in their form", "[scenario][ops]") {
  std::set<std::string_view> names;
  for (const OpInfo& info : OpTable()) {
    CHECK(names.insert(info.name).second);
    CHECK(info.form.find(info.name) == 2);
    CHECK(info.effect.back() == '.');
  }
}

// machine.md 3.1: `loop`, mutex operations, `preempt_off`, `irqs_off` and turning migration off and
// on are not system calls, and neither is work.
TEST_CASE("What is no system call pays none", "[scenario][ops]") {
  const std::set<OpKind> free = {OpKind::kRun,          OpKind::kRuntime, OpKind::kLock,
                                 OpKind::kUnlock,       OpKind::kTrylock, OpKind::kPreemptOff,
                                 OpKind::kIrqsOff,      OpKind::kLoop,    OpKind::kMigrateDisable,
                                 OpKind::kMigrateEnable};
  for (const OpInfo& info : OpTable()) {
    INFO(info.name);
    CHECK(info.pays_syscall == (free.count(info.kind) == 0));
  }
}

}  // namespace
}  // namespace rqsim
