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
  std::string text;        // a scenario with one set, `set`
  int updates = 0;         // that its users make
  int optional = 0;        // … and that may be made besides
  bool comes_back = true;  // the CPU whose data is used is online in the end
};

// The world of this seed: two to four CPUs at the costs of pairing.md 2, class fifo. `service` is
// an entry of `services`, in which HOST becomes a CPU for workers of offline CPUs; `fault` is the
// name of one, or empty. The world is the same for each of them.
PairingWorld MakePairingWorld(uint64_t seed, std::string service, const std::string& fault);

// The same with CPU hotplug in all its steps and costs: the states of the short or the whole table
// (hotplug.md 5.1), operations that fail and are rolled back, CPUs that go away again as soon as
// they have come, sections of programs that know nothing of the service on the CPU that comes back,
// and tasks that take turns on a CPU while each is paired with another one.
PairingWorld MakeHotplugPairingWorld(uint64_t seed, std::string service, const std::string& fault);

}  // namespace rqsim

#endif  // RQSIM_TESTS_PROPERTY_PAIRING_WORLDS_H_
