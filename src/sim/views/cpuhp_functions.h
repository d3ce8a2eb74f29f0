// What the kernel's tracepoints of hotplug states print as a function: the callback's symbol.
#ifndef RQSIM_SIM_VIEWS_CPUHP_FUNCTIONS_H_
#define RQSIM_SIM_VIEWS_CPUHP_FUNCTIONS_H_

#include <string>

namespace rqsim {

// The symbol of the startup (`up`) or teardown callback of a state of Linux 7.2 (kernel/cpu.c:
// cpuhp_hp_states, kernel/kthread.c: kthreads_init()). A state that the scenario has installed, or
// a policy, has no function there: "state_192_startup".
std::string CpuhpFunction(int state, int up);

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_CPUHP_FUNCTIONS_H_
