#include "rqsim/pelt.h"

#include <array>
#include <cstddef>

namespace rqsim {
namespace {

constexpr int64_t kPeriod = 1024;  // units of 1024 ns
constexpr int64_t kHalfLife = 32;  // periods
constexpr int64_t kSumMax = 47742;
constexpr int64_t kVanished = 63 * kHalfLife;  // nothing is left of what is older

// 2^32 * 0.5^(n/32), rounded as in kernel/sched/sched-pelt.h.
constexpr std::array<uint64_t, 32> kDecay = {
    0xffffffff, 0xfa83b2da, 0xf5257d14, 0xefe4b99a, 0xeac0c6e6, 0xe5b906e6, 0xe0ccdeeb, 0xdbfbb796,
    0xd744fcc9, 0xd2a81d91, 0xce248c14, 0xc9b9bd85, 0xc5672a10, 0xc12c4cc9, 0xbd08a39e, 0xb8fbaf46,
    0xb504f333, 0xb123f581, 0xad583ee9, 0xa9a15ab4, 0xa5fed6a9, 0xa2704302, 0x9ef5325f, 0x9b8d39b9,
    0x9837f050, 0x94f4efa8, 0x91c3d373, 0x8ea4398a, 0x8b95c1e3, 0x88980e80, 0x85aac367, 0x82cd8698};

int64_t Decayed(int64_t value, int64_t periods) {
  if (periods > kVanished) return 0;
  if (periods >= kHalfLife) {
    value >>= periods / kHalfLife;
    periods %= kHalfLife;
  }
  __extension__ using Wide = unsigned __int128;
  return static_cast<int64_t>(
      (static_cast<Wide>(value) * kDecay[static_cast<std::size_t>(periods)]) >> 32);
}

}  // namespace

int64_t LoadDivider(const LoadAvg& avg) { return kSumMax - kPeriod + avg.period_contrib; }

void UpdateLoad(LoadAvg& avg, int64_t now_ns, const LoadInput& input) {
  if (now_ns < avg.last_update_ns) {
    avg.last_update_ns = now_ns;
    return;
  }
  const int64_t units = (now_ns - avg.last_update_ns) >> 10;
  if (units == 0) return;
  avg.last_update_ns += units << 10;
  const bool loads = input.load != 0;
  const int64_t runnable = loads ? input.runnable : 0;
  const int64_t running = loads ? input.running : 0;
  int64_t contrib = units;
  int64_t rest = units + avg.period_contrib;
  const int64_t periods = rest / kPeriod;
  if (periods > 0) {
    avg.load_sum = Decayed(avg.load_sum, periods);
    avg.runnable_sum = Decayed(avg.runnable_sum, periods);
    avg.util_sum = Decayed(avg.util_sum, periods);
    rest %= kPeriod;
    if (loads) {
      contrib = Decayed(kPeriod - avg.period_contrib, periods) +
                (kSumMax - Decayed(kSumMax, periods) - kPeriod) + rest;
    }
  }
  avg.period_contrib = static_cast<int32_t>(rest);
  if (loads) avg.load_sum += input.load * contrib;
  avg.runnable_sum += (runnable * contrib) << 10;
  avg.util_sum += (running * contrib) << 10;
  if (periods == 0) return;
  const int64_t divider = LoadDivider(avg);
  avg.load_avg = input.weight * avg.load_sum / divider;
  avg.runnable_avg = avg.runnable_sum / divider;
  avg.util_avg = avg.util_sum / divider;
}

}  // namespace rqsim
