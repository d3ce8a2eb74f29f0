// Random worlds for pairing and its alternatives: users of the data of one CPU, preempters of three
// levels, wake-ups out of the blue, signals, execve(), a CPU that is offline, goes away, comes
// back. They lean towards the windows that the faults of pairing need: somebody who starts on the
// CPU just after it has come back, a preempter at home on it, a task of kernel code that is paired.
#ifndef RQSIM_TESTS_PROPERTY_PAIRING_WORLDS_H_
#define RQSIM_TESTS_PROPERTY_PAIRING_WORLDS_H_

#include <cstdint>
#include <string>

namespace rqsim {

struct PairingWorld {
  std::string text;  // a scenario with one set, `set`
  int updates = 0;   // that its users make
};

// The world of this seed: two to four CPUs at the costs of pairing.md 2, class fifo. `service` is
// an entry of `services`, in which HOST becomes a CPU for workers of offline CPUs; `fault` is the
// name of one, or empty. The world is the same for each of them.
PairingWorld MakePairingWorld(uint64_t seed, std::string service, const std::string& fault);

}  // namespace rqsim

#endif  // RQSIM_TESTS_PROPERTY_PAIRING_WORLDS_H_
