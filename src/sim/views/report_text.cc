#include "sim/views/report_text.h"

#include <fmt/format.h>

namespace rqsim {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000, kNsPerUs = 1000;

// Apart, so that no length overflows whatever the clock.
struct Span {
  int64_t seconds = 0, nanoseconds = 0;
};

// The nanosecond below. A long division, three decimal digits at a time: no product is larger than
// 1000 clock_hz.
Span SpanOf(int64_t cycles, int64_t clock_hz) {
  Span span;
  span.seconds = cycles / clock_hz;
  int64_t rest = cycles % clock_hz;
  for (int i = 0; i < 3; ++i) {
    rest *= 1000;
    span.nanoseconds = span.nanoseconds * 1000 + rest / clock_hz;
    rest %= clock_hz;
  }
  return span;
}

}  // namespace

std::string MillisecondsText(Cycles cycles, int64_t clock_hz, Rounding rounding) {
  Span span = SpanOf(cycles.count(), clock_hz);
  if (rounding == Rounding::kNearest) {
    span.nanoseconds += kNsPerUs / 2;
    if (span.nanoseconds >= kNsPerSecond) span = {span.seconds + 1, 0};
  }
  const int64_t us = span.nanoseconds / kNsPerUs;
  if (span.seconds == 0) return fmt::format("{}.{:03}", us / 1000, us % 1000);
  return fmt::format("{}{:03}.{:03}", span.seconds, us / 1000, us % 1000);
}

std::string SecondsText(Time time, int64_t clock_hz) {
  const Span span = SpanOf(time.cycles(), clock_hz);
  return fmt::format("{}.{:06}", span.seconds, span.nanoseconds / kNsPerUs);
}

}  // namespace rqsim
