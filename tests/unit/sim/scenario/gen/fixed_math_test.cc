#include "sim/scenario/gen/fixed_math.h"

#include <cstdint>

#include "support/catch.h"

namespace rqsim::gen {
namespace {

uint64_t Apart(uint64_t a, uint64_t b) { return a < b ? b - a : a - b; }

TEST_CASE("A product has 128 bits", "[scenario][gen]") {
  const Product square = Multiply(UINT64_MAX, UINT64_MAX);
  CHECK(square.high == UINT64_MAX - 1);
  CHECK(square.low == 1);
  CHECK(MulHigh(uint64_t{1} << 63, 10) == 5);
  CHECK(Multiply(0x123456789abcdef0u, 0xfedcba9876543210u).high == 0x121fa00ad77d7422u);
}

TEST_CASE("A ratio is cut off to 64 bits", "[scenario][gen]") {
  CHECK(Ratio(1, 2) == uint64_t{1} << 63);
  CHECK(Ratio(1, 3) == 0x5555555555555555u);
  CHECK(Ratio(0, 7) == 0);
  CHECK(Ratio(UINT64_MAX - 1, UINT64_MAX) == UINT64_MAX - 1);
  CHECK(Ratio(7, 7) == UINT64_MAX);
}

TEST_CASE("Logarithms are within 2^-47 of the true ones", "[scenario][gen]") {
  // Powers of two are exact.
  for (uint64_t k = 0; k < 64; ++k) {
    CHECK(NegLog2((uint64_t{1} << k) - 1) == (64 - k) << kLogBits);
  }
  CHECK(NegLog2(UINT64_MAX) == 0);
  // The others were worked out with 60 decimal digits and cut off.
  struct Row {
    uint64_t fraction, log;
  };
  for (const Row& row :
       {Row{0x0123456789abcdefu, 2199383878819977u}, Row{0x8000000000000000u, 281474976710655u},
        Row{0xfffffffffffffffeu, 0u}, Row{0x0000000000000001u, 17732923532771328u},
        Row{0x5555555555555555u, 446127282977750u}, Row{0xc000000000000000u, 116822670443561u},
        Row{0x000000e8d4a50fffu, 6793922911767253u}}) {
    CAPTURE(row.fraction);
    CHECK(Apart(NegLog2(row.fraction), row.log) <= 2);
  }
}

TEST_CASE("Roots are within 2^-46 of the true ones", "[scenario][gen]") {
  struct Row {
    uint64_t fraction, k, root;
  };
  for (const Row& row : {Row{0x0123456789abcdefu, 3, 0x2a170b82f331d8abu},
                         Row{0x8000000000000000u, 2, 0xb504f333f9de6485u},
                         Row{0x5555555555555555u, 7, 0xdad0fcdccfba48c7u},
                         Row{0x0000000000000001u, 10, 0x033fbf1799ca67aeu},
                         Row{0xfffffffffffffffeu, 5, 0xffffffffffffffffu},
                         Row{0xc000000000000000u, 99, 0xff41d63296977995u}}) {
    CAPTURE(row.fraction, row.k);
    CHECK(Apart(Root(row.fraction, row.k), row.root) <= row.root >> 46);
  }
  CHECK(ExpNeg2(uint64_t{1} << kLogBits) == UINT64_MAX >> 1);
  CHECK(ExpNeg2(uint64_t{64} << kLogBits) == 0);
  CHECK(ExpNeg2(0) == UINT64_MAX);
}

TEST_CASE("Scaled numbers keep 63 bits whatever their magnitude", "[scenario][gen]") {
  const Scaled third = Scaled(1) / 3;
  CHECK(Apart(Scaled::Share(third, Scaled(1)), 0x5555555555555555u) <= 2);
  CHECK(Apart(Scaled::Share(third, third + third), uint64_t{1} << 63) <= 2);
  Scaled small(1), large(1);
  for (int i = 0; i < 1000; ++i) {
    small = small / 1'000'003;
    large = large * Scaled(1'000'003);
  }
  CHECK_FALSE(small.is_zero());
  // A thousand cut-off products and quotients.
  CHECK(Scaled::Share(small * large, Scaled(1)) > UINT64_MAX - (uint64_t{1} << 13));
  CHECK(Scaled::Share(small, large) == 0);
  CHECK((Scaled() + Scaled()).is_zero());
  CHECK((Scaled() * large).is_zero());
}

}  // namespace
}  // namespace rqsim::gen
