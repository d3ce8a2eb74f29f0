// CPUs for which something is due at the present instant, lowest first. Replaces queue entries for
// the phases in which a CPU has at most one (ends of zero-length sections, reschedules).
#ifndef RQSIM_SIM_ENGINE_CPU_BITMAP_H_
#define RQSIM_SIM_ENGINE_CPU_BITMAP_H_

#include <array>
#include <bit>
#include <cstdint>

#include "rqsim/ids.h"
#include "rqsim/limits.h"

namespace rqsim {

class CpuBitmap {
 public:
  void Set(CpuId cpu) {
    const unsigned c = static_cast<unsigned>(cpu.value());
    words_[c / 64] |= uint64_t{1} << (c % 64);
    summary_ |= 1u << (c / 64);
  }
  void Clear(CpuId cpu) {
    const unsigned c = static_cast<unsigned>(cpu.value());
    uint64_t& word = words_[c / 64];
    word &= ~(uint64_t{1} << (c % 64));
    if (word == 0) summary_ &= ~(1u << (c / 64));
  }
  bool Test(CpuId cpu) const {
    const unsigned c = static_cast<unsigned>(cpu.value());
    return ((words_[c / 64] >> (c % 64)) & 1u) != 0;
  }
  bool empty() const { return summary_ == 0; }
  // The lowest CPU. Precondition: not empty.
  CpuId First() const {
    const int word = std::countr_zero(summary_);
    return CpuId(word * 64 + std::countr_zero(words_[static_cast<std::size_t>(word)]));
  }
  // The lowest CPU above `cpu`, or an invalid id.
  CpuId After(CpuId cpu) const {
    const auto c = static_cast<unsigned>(cpu.value()) + 1;
    if (c >= kMaxCpus) return CpuId();
    const unsigned word = c / 64;
    const uint64_t here = words_[word] & (~uint64_t{0} << (c % 64));
    if (here != 0) return CpuId(static_cast<int32_t>(word) * 64 + std::countr_zero(here));
    const uint32_t later = summary_ & ~((uint32_t{2} << word) - 1);
    if (later == 0) return CpuId();
    const int next = std::countr_zero(later);
    return CpuId(next * 64 + std::countr_zero(words_[static_cast<std::size_t>(next)]));
  }

 private:
  static_assert(kMaxCpus / 64 <= 32);
  std::array<uint64_t, kMaxCpus / 64> words_{};
  uint32_t summary_ = 0;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_ENGINE_CPU_BITMAP_H_
