// Instants of a run in seconds and nanoseconds, for formats of tools that know no cycles. Rounded
// down.
#ifndef RQSIM_SIM_VIEWS_WALL_TIME_H_
#define RQSIM_SIM_VIEWS_WALL_TIME_H_

#include <cstdint>

#include "rqsim/time.h"

namespace rqsim {

struct WallTime {
  int64_t seconds = 0;
  int64_t nanoseconds = 0;  // 0 to 10^9 - 1
};

// Precondition: cycles >= 0, 0 < clock_hz <= 10^10.
inline WallTime ToWallTime(int64_t cycles, int64_t clock_hz) {
  const auto rest = static_cast<uint64_t>(cycles % clock_hz);
  return WallTime{cycles / clock_hz,
                  static_cast<int64_t>(rest * 1'000'000'000u / static_cast<uint64_t>(clock_hz))};
}

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_WALL_TIME_H_
