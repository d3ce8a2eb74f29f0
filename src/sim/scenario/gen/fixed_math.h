// Logarithms, powers and ratios of numbers between 0 and 1, in integers alone, so that what is
// drawn with them has the same bytes on every machine, compiler and optimisation level.
//
// A fraction is a 64-bit integer over 2^64. Its logarithm is found bit by bit, by squaring; a power
// of two is the product of the constants 2^(-2^-k) for the bits of the exponent. Errors:
//
//   NegLog2   below 2^-47, absolute: 48 bits of fraction are kept; the truncation of 48 squarings
//             adds less than 2^-61
//   ExpNeg2   below 2^-56, relative: at most 48 products and as many constants, each 2^-64 too
//             small, and the result of the products is at least 1/2
//   Root      so r^(1/k) is right to 2^-46, relative: the exponent is off by less than
//             2^-47 / k + 2^-48, times ln 2
#ifndef RQSIM_SIM_SCENARIO_GEN_FIXED_MATH_H_
#define RQSIM_SIM_SCENARIO_GEN_FIXED_MATH_H_

#include <cstdint>

namespace rqsim::gen {

// The high and the low half of a product of 128 bits.
struct Product {
  uint64_t high = 0, low = 0;
};
constexpr Product Multiply(uint64_t a, uint64_t b) {
  constexpr uint64_t kHalf = 0xffffffffu;
  const uint64_t a0 = a & kHalf, a1 = a >> 32, b0 = b & kHalf, b1 = b >> 32;
  const uint64_t low = a0 * b0, mid1 = a1 * b0, mid2 = a0 * b1;
  const uint64_t carry = ((low >> 32) + (mid1 & kHalf) + (mid2 & kHalf)) >> 32;
  return {a1 * b1 + (mid1 >> 32) + (mid2 >> 32) + carry, a * b};
}
constexpr uint64_t MulHigh(uint64_t a, uint64_t b) { return Multiply(a, b).high; }

// a / b as a fraction, cut off; at most 2^64 - 1. Precondition: b > 0.
uint64_t Ratio(uint64_t a, uint64_t b);

inline constexpr int kLogBits = 48;
// -log2((fraction + 1) / 2^64) over 2^48: 0 … 64 * 2^48.
uint64_t NegLog2(uint64_t fraction);
// 2^-(exponent / 2^48) as a fraction; at most 2^64 - 1.
uint64_t ExpNeg2(uint64_t exponent);
// ((fraction + 1) / 2^64)^(1/k) as a fraction. Precondition: k > 0.
inline uint64_t Root(uint64_t fraction, uint64_t k) { return ExpNeg2(NegLog2(fraction) / k); }

// A number >= 0 of any magnitude with 64 bits of precision, rounded down: what a recurrence needs
// whose values leave every fixed range.
class Scaled {
 public:
  constexpr Scaled() = default;
  // mantissa * 2^exponent
  explicit Scaled(uint64_t mantissa, int64_t exponent = 0);

  friend Scaled operator+(Scaled a, Scaled b);
  friend Scaled operator*(Scaled a, Scaled b);
  friend Scaled operator/(Scaled a, uint64_t b);
  // part / whole as a fraction. Precondition: part <= whole, whole > 0.
  static uint64_t Share(Scaled part, Scaled whole);
  bool is_zero() const { return mantissa_ == 0; }

 private:
  uint64_t mantissa_ = 0;  // 0, or its highest bit is set
  int64_t exponent_ = 0;
};

}  // namespace rqsim::gen

#endif  // RQSIM_SIM_SCENARIO_GEN_FIXED_MATH_H_
