// Lengths of time as scenarios write them: a whole number of cycles, or a string with a unit.
#ifndef RQSIM_SIM_SCENARIO_UNITS_H_
#define RQSIM_SIM_SCENARIO_UNITS_H_

#include <cstdint>
#include <string_view>

namespace rqsim {

// "800ns", "1.5ms", "3us", "2s": digits, an optional fraction, a unit, nothing else. The same as
// kLengthPattern.
bool IsLengthText(std::string_view text);
inline constexpr std::string_view kLengthPattern = "^[0-9]{1,19}([.][0-9]{1,12})?(ns|us|ms|s)$";

enum class LengthError : uint8_t { kNone, kNotWhole, kTooLong };
struct LengthInCycles {
  LengthError error = LengthError::kNone;
  int64_t cycles = 0;  // kNotWhole: rounded down
};

// Converts at `clock_hz` cycles a second, exactly. Precondition: IsLengthText(text), clock_hz > 0.
LengthInCycles CyclesOfText(std::string_view text, int64_t clock_hz);

}  // namespace rqsim

#endif  // RQSIM_SIM_SCENARIO_UNITS_H_
