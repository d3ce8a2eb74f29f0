// A set of CPUs: the kernel's cpumask. Printed and parsed as a cpulist ("0-3,6").
#ifndef RQSIM_CPU_SET_H_
#define RQSIM_CPU_SET_H_

#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rqsim/ids.h"
#include "rqsim/limits.h"

namespace rqsim {

// Fixed size, no allocation. All operations are O(kMaxCpus / 64) at most.
class CpuSet {
 public:
  constexpr CpuSet() = default;

  static CpuSet Of(CpuId cpu) {
    CpuSet set;
    set.Add(cpu);
    return set;
  }
  // The CPUs 0 to count - 1. Precondition: 0 <= count <= kMaxCpus.
  static CpuSet FirstN(int count) {
    CpuSet set;
    for (int i = 0; i < count; ++i) set.Add(CpuId(i));
    return set;
  }
  // A cpulist such as "0-3,6"; nothing if it is not one or names a CPU of kMaxCpus or more.
  static std::optional<CpuSet> Parse(std::string_view cpulist);

  bool Contains(CpuId cpu) const {
    return cpu.valid() && ((words_[Word(cpu)] >> Bit(cpu)) & 1u) != 0;
  }
  void Add(CpuId cpu) { words_[Word(cpu)] |= uint64_t{1} << Bit(cpu); }
  void Remove(CpuId cpu) { words_[Word(cpu)] &= ~(uint64_t{1} << Bit(cpu)); }
  void Clear() { words_.fill(0); }

  bool empty() const {
    for (uint64_t word : words_) {
      if (word != 0) return false;
    }
    return true;
  }
  int Count() const {
    int count = 0;
    for (uint64_t word : words_) count += std::popcount(word);
    return count;
  }
  // The lowest CPU of the set, or an invalid id.
  CpuId First() const { return NextFrom(0); }
  // The lowest CPU of the set with a number greater than `cpu`, or an invalid id.
  CpuId After(CpuId cpu) const { return NextFrom(cpu.value() + 1); }
  // The first CPU of the set going up from `start`, wrapping around; invalid if the set is empty.
  CpuId FirstFromWrapping(int start) const {
    const CpuId found = NextFrom(start);
    return found.valid() ? found : NextFrom(0);
  }

  CpuSet operator&(const CpuSet& other) const {
    CpuSet out;
    for (std::size_t i = 0; i < kWords; ++i) out.words_[i] = words_[i] & other.words_[i];
    return out;
  }
  CpuSet operator|(const CpuSet& other) const {
    CpuSet out;
    for (std::size_t i = 0; i < kWords; ++i) out.words_[i] = words_[i] | other.words_[i];
    return out;
  }
  CpuSet operator-(const CpuSet& other) const {
    CpuSet out;
    for (std::size_t i = 0; i < kWords; ++i) out.words_[i] = words_[i] & ~other.words_[i];
    return out;
  }
  friend bool operator==(const CpuSet&, const CpuSet&) = default;

  // As a cpulist; "" for the empty set.
  std::string ToString() const;

 private:
  static constexpr std::size_t kWords = kMaxCpus / 64;

  static std::size_t Word(CpuId cpu) { return cpu.index() / 64; }
  static unsigned Bit(CpuId cpu) { return static_cast<unsigned>(cpu.value()) % 64u; }
  CpuId NextFrom(int start) const {
    if (start >= kMaxCpus) return CpuId();
    std::size_t i = static_cast<std::size_t>(start) / 64;
    uint64_t word = words_[i] & (~uint64_t{0} << (static_cast<unsigned>(start) % 64u));
    for (;;) {
      if (word != 0) return CpuId(static_cast<int32_t>(i) * 64 + std::countr_zero(word));
      if (++i == kWords) return CpuId();
      word = words_[i];
    }
  }

  std::array<uint64_t, kWords> words_{};
};

}  // namespace rqsim

#endif  // RQSIM_CPU_SET_H_
