// Parameters in effect, names, and the table of policies.
#include "rqsim/policy.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "rqsim/registry.h"
#include "support/catch.h"

namespace rqsim {
namespace {

using Given = std::vector<std::pair<std::string, ParamValue>>;

constexpr ParamInfo kParams[] = {
    {.name = "count", .default_value = 7},
    {.name = "flag", .kind = ParamKind::kBool, .default_value = 1},
    {.name = "cost", .kind = ParamKind::kCycles, .default_value = 2500, .ns = true},
    {.name = "mode", .kind = ParamKind::kEnum, .default_text = "slow", .allowed = "slow quick"},
    {.name = "words", .kind = ParamKind::kStringList, .default_text = "A BC", .allowed = "A BC D"},
};
constexpr PolicyInfo kInfo = {.name = "test", .params = kParams};

TEST_CASE("What is not given has its default, times in the scenario's clock", "[policy]") {
  const PolicyParams params(kInfo, {}, 1'000'000'000);
  CHECK(params.Integer("count") == 7);
  CHECK(params.Flag("flag"));
  CHECK(params.Length("cost") == Cycles(2500));
  CHECK(params.Text("mode") == "slow");
  CHECK(params.Lists("words", "A"));
  CHECK(params.Lists("words", "BC"));
  CHECK_FALSE(params.Lists("words", "B"));
  CHECK_FALSE(params.Lists("words", "D"));
  // 2500 ns at 1 GHz/1000: 2.5 cycles, rounded down; at 1 kHz less than one, which counts as one.
  CHECK(PolicyParams(kInfo, {}, 1'000'000).Length("cost") == Cycles(2));
  CHECK(PolicyParams(kInfo, {}, 1'000).Length("cost") == Cycles(1));
}

TEST_CASE("What is given counts, and others' parameters do not disturb", "[policy]") {
  const Given given = {{"somebody else's", int64_t{1}},
                       {"count", int64_t{-3}},
                       {"flag", false},
                       {"cost", int64_t{10}},
                       {"mode", std::string("quick")},
                       {"words", std::vector<std::string>{"D"}}};
  const PolicyParams params(kInfo, given, 1'000'000);
  CHECK(params.Integer("count") == -3);
  CHECK_FALSE(params.Flag("flag"));
  CHECK(params.Length("cost") == Cycles(10));
  CHECK(params.Text("mode") == "quick");
  CHECK(params.Lists("words", "D"));
  CHECK_FALSE(params.Lists("words", "A"));
}

TEST_CASE("Each seam has its key, each error its name", "[policy]") {
  CHECK(SeamName(Seam::kSchedClass) == "class");
  CHECK(SeamName(Seam::kLockProtocol) == "lock");
  CHECK(SeamName(Seam::kPlacement) == "placement");
  CHECK(SeamName(Seam::kKernelService) == "services");
  CHECK(SeamName(Seam::kUserScheduler) == "user");
  CHECK(ErrnoName(kEDEADLK) == "-EDEADLK");
  CHECK(ErrnoName(0).empty());
}

TEST_CASE("The table has every entry once, complete and fit to be shown", "[policy][registry]") {
  std::set<std::pair<Seam, std::string>> names;
  for (const RegistryEntry& entry : Registry::BuiltIn().entries()) {
    const PolicyInfo& info = *entry.info;
    INFO(info.name);
    CHECK(names.emplace(info.seam, info.name).second);
    CHECK(Registry::BuiltIn().Find(info.seam, info.name) == &entry);
    CHECK_FALSE(info.summary.empty());
    CHECK_FALSE(info.source.empty());
    const int factories = (entry.make_class != nullptr) + (entry.make_lock != nullptr) +
                          (entry.make_placement != nullptr) + (entry.make_service != nullptr) +
                          (entry.make_user != nullptr);
    CHECK(factories == 1);
    CHECK((entry.make_class != nullptr) == (info.seam == Seam::kSchedClass));
    std::set<std::string> params;
    for (const ParamInfo& param : info.params) {
      INFO(param.name);
      CHECK(params.insert(std::string(param.name)).second);
      CHECK_FALSE(param.summary.empty());
      CHECK((param.kind == ParamKind::kCpu ? -1 : param.min) <= param.default_value);
      CHECK(param.default_value <= param.max);
      // A list may take any words.
      if (param.kind == ParamKind::kStringList) continue;
      CHECK((param.kind == ParamKind::kEnum) == !param.allowed.empty());
    }
  }
  CHECK(Registry::BuiltIn().Find(Seam::kSchedClass, "") == nullptr);
  CHECK(Registry::BuiltIn().Find(Seam::kLockProtocol, "fifo") == nullptr);
}

TEST_CASE("A stack begins with stop, ends with idle and schedules each policy once",
          "[policy][registry]") {
  for (const ClassStack& stack : Registry::BuiltIn().stacks()) {
    INFO(stack.name);
    CHECK(Registry::BuiltIn().FindStack(stack.name) == &stack);
    CHECK(stack.classes.front() == "stop");
    CHECK(stack.classes.back() == "idle");
    uint32_t seen = 0;
    for (std::string_view name : stack.classes) {
      const RegistryEntry* entry = Registry::BuiltIn().Find(Seam::kSchedClass, name);
      REQUIRE(entry != nullptr);
      CHECK((seen & entry->info->sched_policies) == 0);
      seen |= entry->info->sched_policies;
    }
    for (SchedPolicy policy :
         {SchedPolicy::kNormal, SchedPolicy::kBatch, SchedPolicy::kIdle, SchedPolicy::kFifo,
          SchedPolicy::kRr, SchedPolicy::kStop, SchedPolicy::kSwapper}) {
      CHECK((seen & (1u << static_cast<unsigned>(policy))) != 0);
    }
  }
  CHECK(Registry::BuiltIn().FindStack("default") != nullptr);
  CHECK(Registry::BuiltIn().FindStack("none") == nullptr);
}

}  // namespace
}  // namespace rqsim
