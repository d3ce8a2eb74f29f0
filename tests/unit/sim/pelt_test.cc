// Load averages: the numbers of machine.md 13, M21 and M22, to the last digit.
#include "rqsim/pelt.h"

#include "support/catch.h"

namespace rqsim {
namespace {

constexpr int64_t kPeriodNs = int64_t{1024} * 1024;
constexpr LoadInput kRunning = {1, 1, 1, 1024};
constexpr LoadInput kWaiting = {1, 1, 0, 1024};
constexpr LoadInput kAsleep = {0, 0, 0, 1024};

LoadAvg After(int64_t ns, const LoadInput& input = kRunning) {
  LoadAvg avg;
  UpdateLoad(avg, ns, input);
  return avg;
}

TEST_CASE("M21: single updates of a load average", "[pelt][M21]") {
  SECTION("one period") {
    const LoadAvg avg = After(1048576);
    CHECK(avg.util_sum == 1026048);
    CHECK(avg.util_avg == 21);
    CHECK(avg.load_avg == 21);
  }
  SECTION("4 ms") {
    const LoadAvg avg = After(4000000);
    CHECK(avg.util_sum == 3863552);
    CHECK(avg.util_avg == 81);
    CHECK(avg.period_contrib == 834);
  }
  SECTION("32 periods, and 32 asleep") {
    LoadAvg avg = After(32 * kPeriodNs);
    CHECK(avg.util_sum == 23919616);
    CHECK(avg.util_avg == 512);
    UpdateLoad(avg, 64 * kPeriodNs, kAsleep);
    CHECK(avg.util_sum == 11959807);
    CHECK(avg.util_avg == 255);
    CHECK(avg.load_avg == 255);
  }
  SECTION("345 periods") { CHECK(After(345 * kPeriodNs).util_avg == 1023); }
  SECTION("no period crossed") {
    const LoadAvg avg = After(500000);
    CHECK(avg.util_sum == 499712);
    CHECK(avg.util_avg == 0);
    CHECK(avg.last_update_ns == 499712);
  }
}

TEST_CASE("M22: splitting an update changes the last digits", "[pelt][M22]") {
  SECTION("10 ms at once") {
    const LoadAvg avg = After(10'000'000);
    CHECK(avg.util_sum == 9035776);
    CHECK(avg.util_avg == 191);
    CHECK(avg.period_contrib == 549);
  }
  SECTION("10 ms in ten") {
    LoadAvg avg;
    for (int i = 1; i <= 10; ++i) UpdateLoad(avg, i * 1'000'000, kRunning);
    CHECK(avg.util_sum == 9036263);
    CHECK(avg.util_avg == 191);
  }
  SECTION("nice 5") {
    LoadInput nice_5 = kRunning;
    nice_5.weight = kPrioToWeight[5 + 20];
    CHECK(After(10'000'000, nice_5).load_avg == 62);
  }
  SECTION("4 ms running, 4 ms waiting") {
    LoadAvg avg = After(4'000'000);
    UpdateLoad(avg, 8'000'000, kWaiting);
    CHECK(avg.util_sum == 3542892);
    CHECK(avg.util_avg == 74);
    CHECK(avg.load_avg == 156);
  }
}

TEST_CASE("A clock that went back only sets the average back", "[pelt]") {
  LoadAvg avg = After(4'000'000);
  UpdateLoad(avg, 3'000'000, kRunning);
  CHECK(avg.last_update_ns == 3'000'000);
  CHECK(avg.util_avg == 81);
}

TEST_CASE("Nothing is left after 2016 periods asleep", "[pelt]") {
  LoadAvg avg = After(32 * kPeriodNs);
  UpdateLoad(avg, (32 + 2017) * kPeriodNs, kAsleep);
  CHECK(avg.util_sum == 0);
  CHECK(avg.load_avg == 0);
}

}  // namespace
}  // namespace rqsim
