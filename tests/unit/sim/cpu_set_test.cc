#include "rqsim/cpu_set.h"

#include "support/catch.h"

namespace rqsim {
namespace {

TEST_CASE("A cpulist reads back as it is written, in order and merged", "[cpu_set]") {
  CHECK(CpuSet::Parse("0-3,6")->ToString() == "0-3,6");
  CHECK(CpuSet::Parse("6,3,2,0-1")->ToString() == "0-3,6");
  CHECK(CpuSet::Parse("63-64")->ToString() == "63-64");
  CHECK(CpuSet::Parse("1023")->ToString() == "1023");
  CHECK(CpuSet::Parse("")->empty());
  CHECK(CpuSet().ToString().empty());
  CHECK(CpuSet::Parse("0-1023")->Count() == kMaxCpus);
}

TEST_CASE("What is not a cpulist is refused", "[cpu_set]") {
  for (const char* text : {",", "0,", "-1", "0-", "3-0", "1024", "0-1024", "a", "0 1", " 0", "0x1",
                           "99999999999999999999", "0--1", "0-1-2"}) {
    INFO(text);
    CHECK_FALSE(CpuSet::Parse(text).has_value());
  }
}

}  // namespace
}  // namespace rqsim
