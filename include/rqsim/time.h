// Simulated time. `Time` is an instant, `Cycles` a length; both are signed 64-bit integers in
// cycles of the scenario's `clock_hz`. They do not mix: an instant plus a length is an instant, two
// instants give a length.
#ifndef RQSIM_TIME_H_
#define RQSIM_TIME_H_

#include <compare>
#include <cstdint>
#include <limits>

namespace rqsim {

// A length of time in cycles. May be negative (a difference, an overrun).
class Cycles {
 public:
  constexpr Cycles() = default;
  constexpr explicit Cycles(int64_t count) : count_(count) {}
  constexpr int64_t count() const { return count_; }

  constexpr Cycles& operator+=(Cycles other) {
    count_ += other.count_;
    return *this;
  }
  constexpr Cycles& operator-=(Cycles other) {
    count_ -= other.count_;
    return *this;
  }
  constexpr Cycles operator-() const { return Cycles(-count_); }
  friend constexpr Cycles operator+(Cycles a, Cycles b) { return Cycles(a.count_ + b.count_); }
  friend constexpr Cycles operator-(Cycles a, Cycles b) { return Cycles(a.count_ - b.count_); }
  friend constexpr Cycles operator*(Cycles a, int64_t n) { return Cycles(a.count_ * n); }
  friend constexpr Cycles operator*(int64_t n, Cycles a) { return Cycles(a.count_ * n); }
  friend constexpr auto operator<=>(Cycles, Cycles) = default;

 private:
  int64_t count_ = 0;
};

inline constexpr Cycles kZeroCycles{0};

// An instant, in cycles since the start of the run (t = 0).
class Time {
 public:
  constexpr Time() = default;
  constexpr explicit Time(int64_t cycles) : cycles_(cycles) {}
  constexpr int64_t cycles() const { return cycles_; }

  constexpr Time& operator+=(Cycles length) {
    cycles_ += length.count();
    return *this;
  }
  friend constexpr Time operator+(Time t, Cycles length) {
    return Time(t.cycles_ + length.count());
  }
  friend constexpr Time operator-(Time t, Cycles length) {
    return Time(t.cycles_ - length.count());
  }
  friend constexpr Cycles operator-(Time a, Time b) { return Cycles(a.cycles_ - b.cycles_); }
  friend constexpr auto operator<=>(Time, Time) = default;

 private:
  int64_t cycles_ = 0;
};

// Later than every instant of a run. A run may not last longer than kTimeMax, so sums of an instant
// and a length that the scenario reader accepts (each at most kCyclesMax) cannot overflow.
inline constexpr Time kNever{std::numeric_limits<int64_t>::max()};
inline constexpr Time kTimeMax{int64_t{1} << 61};
inline constexpr Cycles kCyclesMax{int64_t{1} << 60};

}  // namespace rqsim

#endif  // RQSIM_TIME_H_
