// Cycles as people read them.
#ifndef RQSIM_CLI_UNITS_H_
#define RQSIM_CLI_UNITS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "rqsim/metrics.h"

namespace rqsim {

// "15ms", "31.234us", "-800ns": cycles of a clock, rounded to three digits behind the point.
std::string DurationText(int64_t cycles, int64_t clock_hz);

// "75000000 (75ms)"; the number alone for counts, and for lengths that need no help.
std::string ValueText(int64_t value, MetricUnit unit, int64_t clock_hz);
std::string ValueText(std::optional<int64_t> value, MetricUnit unit, int64_t clock_hz);

// "-30ms -40%", "+2 +50%", "=".
std::string ChangeText(int64_t from, int64_t to, MetricUnit unit, int64_t clock_hz);

// How many columns `text` takes: characters, not bytes (UTF-8), colour codes not counted.
std::size_t Columns(const std::string& text);
// Padded with blanks to `columns`.
std::string PadRight(const std::string& text, std::size_t columns);
std::string PadLeft(const std::string& text, std::size_t columns);
std::string WithoutBlanksBehind(std::string text);
// At most `columns`; what is cut off is shown by "…".
std::string Shortened(const std::string& text, std::size_t columns);
// Lines of at most `columns` where words allow it, each with `indent` before it and a newline
// behind it; words are what blanks part.
std::string Wrapped(const std::string& indent, const std::string& text, std::size_t columns);

}  // namespace rqsim

#endif  // RQSIM_CLI_UNITS_H_
