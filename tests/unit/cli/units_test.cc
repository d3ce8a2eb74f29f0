#include "cli/units.h"

#include "support/catch.h"

namespace rqsim {
namespace {

constexpr int64_t kGigahertz = 1'000'000'000;

TEST_CASE("Durations take the largest unit that fits and three digits at most", "[cli][units]") {
  CHECK(DurationText(0, kGigahertz) == "0");
  CHECK(DurationText(800, kGigahertz) == "800ns");
  CHECK(DurationText(1'500, kGigahertz) == "1.5us");
  CHECK(DurationText(15'000'000, kGigahertz) == "15ms");
  CHECK(DurationText(-31'234'500, kGigahertz) == "-31.235ms");
  CHECK(DurationText(2'000'000'000, kGigahertz) == "2s");
}

TEST_CASE("Durations follow the clock of the scenario", "[cli][units]") {
  // At 1 MHz a cycle is a microsecond, at 3 GHz a third of a nanosecond.
  CHECK(DurationText(94'000, 1'000'000) == "94ms");
  CHECK(DurationText(3'000, 3'000'000'000) == "1us");
  // The largest instant there is: 2^61 cycles at 1 Hz.
  CHECK(DurationText(int64_t{1} << 61, 1) == "2305843009213693952s");
}

TEST_CASE("Long lengths have a unit beside them, counts never", "[cli][units]") {
  CHECK(ValueText(9'999, MetricUnit::kCycles, kGigahertz) == "9999");
  CHECK(ValueText(75'000'000, MetricUnit::kCycles, kGigahertz) == "75000000 (75ms)");
  CHECK(ValueText(75'000'000, MetricUnit::kCount, kGigahertz) == "75000000");
  CHECK(ValueText(std::nullopt, MetricUnit::kInstant, kGigahertz) == "-");
}

TEST_CASE("Changes have a sign, and a share where one means something", "[cli][units]") {
  CHECK(ChangeText(75, 75, MetricUnit::kCycles, kGigahertz) == "=");
  CHECK(ChangeText(79'000'000, 2'000'000, MetricUnit::kCycles, kGigahertz) == "-77ms -97%");
  CHECK(ChangeText(4, 6, MetricUnit::kCount, kGigahertz) == "+2 +50%");
  CHECK(ChangeText(1'000, 1'003, MetricUnit::kCount, kGigahertz) == "+3");
  CHECK(ChangeText(0, 3, MetricUnit::kCycles, kGigahertz) == "+3");
  CHECK(ChangeText(8, 11, MetricUnit::kInstant, kGigahertz) == "+3");
}

TEST_CASE("Columns are characters that are seen", "[cli][units]") {
  CHECK(Columns("A→B") == 3);
  CHECK(Columns("\x1b[31mred\x1b[0m") == 3);
  CHECK(PadLeft("→", 3) == "  →");
  CHECK(PadRight("→", 3) == "→  ");
  CHECK(Shortened("abcdef", 4) == "abc…");
  CHECK(Shortened("abcd", 4) == "abcd");
}

}  // namespace
}  // namespace rqsim
