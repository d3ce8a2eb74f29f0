// The digest of a run: a 64-bit number that two runs share exactly if they emitted the same
// records. One multiplication and rotation per word; not cryptographic.
#ifndef RQSIM_SIM_ENGINE_DIGEST_H_
#define RQSIM_SIM_ENGINE_DIGEST_H_

#include <bit>
#include <cstdint>

namespace rqsim {

class Digest {
 public:
  void Add(uint64_t word) { value_ = (std::rotl(value_, 23) ^ word) * 0x9e3779b97f4a7c15u; }
  uint64_t value() const { return value_ ^ (value_ >> 32); }

 private:
  uint64_t value_ = 0x243f6a8885a308d3u;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_ENGINE_DIGEST_H_
