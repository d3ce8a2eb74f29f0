#include "sim/scenario/gen/fixed_math.h"

#include <array>
#include <bit>
#include <utility>

namespace rqsim::gen {
namespace {

// 2^(-2^-k) as a fraction, cut off, for k = 1 to 48. Each is the square root of the one before it.
constexpr std::array<uint64_t, kLogBits> kRoots = {
    0xb504f333f9de6484, 0xd744fccad69d6af4, 0xeac0c6e7dd24392e, 0xf5257d152486cc2c,
    0xfa83b2db722a033a, 0xfd3e0c0cf486c174, 0xfe9e115c7b8f884b, 0xff4ecb59511ec8a5,
    0xffa756521c8daed1, 0xffd3a751c0f7e10b, 0xffe9d2b2f7db2755, 0xfff4e91bff1b8c3d,
    0xfffa747ea0040664, 0xfffd3a3b7814eb53, 0xfffe9d1cc60ddab1, 0xffff4e8e25879bfa,
    0xffffa7470363f451, 0xffffd3a37dda0313, 0xffffe9d1bdf703ae, 0xfffff4e8debe025e,
    0xfffffa746f4fa150, 0xfffffd3a37a3f8b0, 0xfffffe9d1bd1065a, 0xffffff4e8de845ad,
    0xffffffa746f41376, 0xffffffd3a37a05e3, 0xffffffe9d1bd01fb, 0xfffffff4e8de80c0,
    0xfffffffa746f4050, 0xfffffffd3a37a024, 0xfffffffe9d1bd011, 0xffffffff4e8de808,
    0xffffffffa746f404, 0xffffffffd3a37a02, 0xffffffffe9d1bd01, 0xfffffffff4e8de80,
    0xfffffffffa746f40, 0xfffffffffd3a37a0, 0xfffffffffe9d1bd0, 0xffffffffff4e8de8,
    0xffffffffffa746f4, 0xffffffffffd3a37a, 0xffffffffffe9d1bd, 0xfffffffffff4e8de,
    0xfffffffffffa746f, 0xfffffffffffd3a37, 0xfffffffffffe9d1b, 0xffffffffffff4e8d,
};

}  // namespace

uint64_t Ratio(uint64_t a, uint64_t b) {
  if (a >= b) return UINT64_MAX;
  // Long division, a bit at a time. The remainder stays below b, its double may need 65 bits.
  uint64_t quotient = 0;
  for (int i = 0; i < 64; ++i) {
    const bool overflows = (a >> 63) != 0;
    a <<= 1;
    quotient <<= 1;
    if (overflows || a >= b) {
      a -= b;
      quotient |= 1;
    }
  }
  return quotient;
}

uint64_t NegLog2(uint64_t fraction) {
  if (fraction == UINT64_MAX) return 0;
  const uint64_t number = fraction + 1;  // over 2^64
  const int zeros = std::countl_zero(number);
  // number / 2^64 = mantissa / 2^63 * 2^-(zeros + 1), the mantissa over 2^63 from 1 up to 2.
  uint64_t mantissa = number << zeros;
  uint64_t log = 0;
  for (int i = 0; i < kLogBits; ++i) {
    log <<= 1;
    const Product square = Multiply(mantissa, mantissa);  // over 2^126
    if ((square.high >> 63) != 0) {
      log |= 1;
      mantissa = square.high;
    } else {
      mantissa = square.high << 1 | square.low >> 63;
    }
  }
  return (static_cast<uint64_t>(zeros + 1) << kLogBits) - log;
}

uint64_t ExpNeg2(uint64_t exponent) {
  const uint64_t whole = exponent >> kLogBits;
  if (whole >= 64) return 0;
  uint64_t power = UINT64_MAX;
  for (int k = 1; k <= kLogBits; ++k) {
    if ((exponent >> (kLogBits - k) & 1u) == 0) continue;
    power = MulHigh(power, kRoots[static_cast<std::size_t>(k - 1)]);
  }
  return power >> whole;
}

Scaled::Scaled(uint64_t mantissa, int64_t exponent) {
  if (mantissa == 0) return;
  const int zeros = std::countl_zero(mantissa);
  mantissa_ = mantissa << zeros;
  exponent_ = exponent - zeros;
}

Scaled operator+(Scaled a, Scaled b) {
  if (a.is_zero()) return b;
  if (b.is_zero()) return a;
  if (a.exponent_ < b.exponent_) std::swap(a, b);
  const int64_t shift = a.exponent_ - b.exponent_;
  if (shift >= 64) return a;
  const uint64_t addend = b.mantissa_ >> shift;
  const uint64_t sum = a.mantissa_ + addend;
  if (sum >= addend) {
    a.mantissa_ = sum;
    return a;
  }
  a.mantissa_ = sum >> 1 | uint64_t{1} << 63;
  ++a.exponent_;
  return a;
}

Scaled operator*(Scaled a, Scaled b) {
  if (a.is_zero() || b.is_zero()) return Scaled();
  const Product product = Multiply(a.mantissa_, b.mantissa_);
  Scaled out;
  const bool is_full = (product.high >> 63) != 0;
  out.mantissa_ = is_full ? product.high : product.high << 1 | product.low >> 63;
  out.exponent_ = a.exponent_ + b.exponent_ + (is_full ? 64 : 63);
  return out;
}

Scaled operator/(Scaled a, uint64_t b) {
  if (a.is_zero()) return a;
  const Scaled divisor(b);
  // Both mantissas have their highest bit; half of the dividend's is below the divisor's.
  return Scaled(Ratio(a.mantissa_ >> 1, divisor.mantissa_), a.exponent_ - divisor.exponent_ - 63);
}

uint64_t Scaled::Share(Scaled part, Scaled whole) {
  if (part.is_zero()) return 0;
  const int64_t shift = whole.exponent_ - part.exponent_;
  if (shift >= 64) return 0;
  return Ratio(shift < 0 ? part.mantissa_ : part.mantissa_ >> shift, whole.mantissa_);
}

}  // namespace rqsim::gen
