// The cpuhp_enter that is for no callback.
#ifndef RQSIM_CPUHP_KICK_H_
#define RQSIM_CPUHP_KICK_H_

#include <cstdint>

namespace rqsim {

// CpuhpEnter::up where the hotplug thread of a CPU is sent on its way (Linux 7.2 kernel/cpu.c:
// cpuhp_kick_ap_work()): `idx` is the state in which the CPU is, and the cpuhp_exit of that number
// follows when the thread is back, whatever it had to undo.
inline constexpr int32_t kCpuhpKick = 2;

}  // namespace rqsim

#endif  // RQSIM_CPUHP_KICK_H_
