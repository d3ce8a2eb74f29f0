#include "sim/scenario/units.h"

#include "rqsim/time.h"
#include "support/catch.h"

namespace rqsim {
namespace {

TEST_CASE("Lengths convert exactly at any clock", "[scenario][units]") {
  struct Row {
    const char* text;
    int64_t clock_hz;
    int64_t cycles;
  };
  for (const Row& row : {
           Row{"800ns", 1'000'000'000, 800},
           Row{"1.5ms", 1'000'000'000, 1'500'000},
           Row{"3us", 2'000'000'000, 6000},
           Row{"2s", 1'000'000'000, 2'000'000'000},
           // Half a nanosecond is two cycles of 4 GHz.
           Row{"0.5ns", 4'000'000'000, 2},
           Row{"0.000000000001s", 1'000'000'000'000, 1},
           Row{"1s", 1, 1},
           Row{"0ns", 7, 0},
           Row{"007ms", 1000, 7},
           // 2^60 ns.
           Row{"1152921504606846976ns", 1'000'000'000, kCyclesMax.count()},
       }) {
    INFO(row.text);
    REQUIRE(IsLengthText(row.text));
    const LengthInCycles length = CyclesOfText(row.text, row.clock_hz);
    CHECK(length.error == LengthError::kNone);
    CHECK(length.cycles == row.cycles);
  }
}

TEST_CASE("A length between two cycles is rounded down and said so", "[scenario][units]") {
  const LengthInCycles length = CyclesOfText("800ns", 1'000'000);
  CHECK(length.error == LengthError::kNotWhole);
  CHECK(length.cycles == 0);
  CHECK(CyclesOfText("2.5ns", 1'000'000'000).cycles == 2);
}

TEST_CASE("A length beyond the longest run is refused without overflow", "[scenario][units]") {
  for (const char* text : {"1152921504606846977ns", "9999999999999999999s",
                           "9999999999999999999.999999999999s", "1152922s"}) {
    INFO(text);
    CHECK(CyclesOfText(text, 1'000'000'000'000).error == LengthError::kTooLong);
  }
}

TEST_CASE("What is not digits and a unit is no length", "[scenario][units]") {
  for (const char* text :
       {"", "5", "ms", "5 ms", " 5ms", "5ms ", "-5ms", "+5ms", "5m", "5min", "1e3ms", "5.ms",
        ".5ms", "5,5ms", "0x5ms", "5Ms", "12345678901234567890ns", "1.1234567890123s"}) {
    INFO(text);
    CHECK_FALSE(IsLengthText(text));
  }
}

}  // namespace
}  // namespace rqsim
