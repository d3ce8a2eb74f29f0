#include "sim/scenario/units.h"

#include <array>
#include <cstddef>
#include <optional>

#include "rqsim/check.h"
#include "rqsim/time.h"

namespace rqsim {
namespace {

__extension__ using Wide = unsigned __int128;

struct Unit {
  std::string_view name;
  int64_t per_second;
};
constexpr std::array kUnits = {Unit{"ns", 1'000'000'000}, Unit{"us", 1'000'000}, Unit{"ms", 1'000},
                               Unit{"s", 1}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

struct LengthText {
  std::string_view whole, fraction;
  int64_t per_second = 1;
};

std::optional<LengthText> Split(std::string_view text) {
  constexpr std::size_t kWholeDigits = 19;
  constexpr std::size_t kFractionDigits = 12;
  LengthText parts;
  std::size_t digits = 0;
  while (digits < text.size() && IsDigit(text[digits])) ++digits;
  parts.whole = text.substr(0, digits);
  text.remove_prefix(digits);
  if (digits == 0 || digits > kWholeDigits) return std::nullopt;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    digits = 0;
    while (digits < text.size() && IsDigit(text[digits])) ++digits;
    parts.fraction = text.substr(0, digits);
    text.remove_prefix(digits);
    if (digits == 0 || digits > kFractionDigits) return std::nullopt;
  }
  for (const Unit& unit : kUnits) {
    if (text == unit.name) {
      parts.per_second = unit.per_second;
      return parts;
    }
  }
  return std::nullopt;
}

Wide Gcd(Wide a, Wide b) {
  while (b != 0) {
    const Wide rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

}  // namespace

bool IsLengthText(std::string_view text) { return Split(text).has_value(); }

LengthInCycles CyclesOfText(std::string_view text, int64_t clock_hz) {
  const std::optional<LengthText> parts = Split(text);
  RQSIM_CHECK(parts.has_value());
  // cycles = digits * clock_hz / (per_second * 10^fraction digits). At most 31 digits, so the
  // product needs care, the quotient is what counts.
  Wide digits = 0;
  for (const char c : parts->whole) digits = digits * 10 + static_cast<Wide>(c - '0');
  Wide divisor = static_cast<Wide>(parts->per_second);
  for (const char c : parts->fraction) {
    digits = digits * 10 + static_cast<Wide>(c - '0');
    divisor *= 10;
  }
  Wide factor = static_cast<Wide>(clock_hz);
  const Wide common = Gcd(factor, divisor);
  factor /= common;
  divisor /= common;
  Wide product = 0;
  if (__builtin_mul_overflow(digits, factor, &product)) return {LengthError::kTooLong, 0};
  const Wide cycles = product / divisor;
  if (cycles > static_cast<Wide>(kCyclesMax.count())) return {LengthError::kTooLong, 0};
  LengthInCycles length;
  length.cycles = static_cast<int64_t>(cycles);
  if (product % divisor != 0) length.error = LengthError::kNotWhole;
  return length;
}

}  // namespace rqsim
