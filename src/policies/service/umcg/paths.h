// The paths of the engine and their steps. Steps bear the numbers of umcg.md, so that a fault can
// hold a task at K5 or in the push window.
#ifndef RQSIM_POLICIES_SERVICE_UMCG_PATHS_H_
#define RQSIM_POLICIES_SERVICE_UMCG_PATHS_H_

#include <array>

#include "rqsim/policy.h"

namespace rqsim::umcg {

enum Path : int32_t {
  kServerMain,   // a server's user code, or a watchdog's
  kParkedStart,  // a worker that is asleep in 6.5 when the run begins
  kResume,       // 6.5
  kBlock,        // 6.9
  kWait,         // 6.2; r[0] flags, r[1] absolute timeout or -1
  kIdleLoop,     // 6.4; r[0] absolute timeout or -1
  kCtl,          // 6.1; r[0] flags, r[1] whether self is given
  kMark,         // 6.7; r[0] tid, r[1] whether it may fault: 0, or why not
  kPush,         // 6.6: the idle-worker push
  kTake,         // 6.6: the idle-server take; result: the tid, 0 none, or an errno
  kDeliver,      // a signal's handler
  kPzEntry,      // 10: kernel entry
  kPzExit,       // 10: kernel exit and return to user
  kPzPark,       // 10: unblock-and-wait
  kPzBlock,      // 10: block
  kPzWait,       // 10: umcg_wait
  kPzCtl,        // 10: umcg_ctl
  kPzUnregister,
  kOpYield,  // r[0] requeue
  kOpSwap,   // r[0] task
  kOpWait,   // r[0] until
  kOpWake,   // r[0] task, r[1] current_cpu, r[2] mark
  kOpPreempt,
  kOpBits,  // r[0] bits, r[1] whose (0: its own)
  kOpLock,
  kOpUnlock,
  kOpClearBits,
  kOpRegister,
  kOpUnregister,
  kOpCtl,   // r[0] flags, r[1] self, r[2] word, r[3] next_tid
  kOpOops,  // r[0] for
  kOpSyscall,
  kOpSetNext,  // r[0] tid: the raw contents of next_tid
  kOpPoke,     // r[0] task, r[1] field, r[2] bits to clear, r[3] bits to set
  // umcg-ev
  kEvBlock,
  kEvResume,
  kEvParked,
  kEvIdle,        // r[0] absolute timeout or -1
  kEvWorkerCall,  // r[0] likewise: the wait of a worker's call
  kEvServerWait,  // r[0] likewise, r[1] whether it is made again after a signal
  kEvSwitch,      // r[0] tid, r[1] timeout
  kEvWaitWorker,  // r[0] tid
  kOpWaitWorker,  // r[0] task
  kNumPaths,
};

namespace steps {
inline constexpr StepInfo kServer[] = {
    {"S_look"},         {"S_take"},       {"S_pick"},       {"S_idle"},    {"S_publish"},
    {"S_retake"},       {"S_back"},       {"S_enter"},      {"S_waited"},  {"S_woken"},
    {"S_clear"},        {"S_own"},        {"S_lock"},       {"S_unlock"},  {"S_call"},
    {"S_ran"},          {"S_after"},      {"S_restore"},    {"S_pre_own"}, {"S_preempt"},
    {"S_signal"},       {"S_again"},      {"S_recall"},     {"S_gone"},    {"S_chain"},
    {"S_chain_mark"},   {"S_chain_call"}, {"S_chained"},    {"S_watch"},   {"S_watch_cas"},
    {"S_watch_signal"}, {"S_watch_done"}, {"S_chain_back"}, {"S_still"},   {"S_take_blocked"},
    {"S_nap"},          {"S_napped"},     {"S_nap_over"}};
inline constexpr StepInfo kParked[] = {{"parked"}, {"woken"}, {"unparked"}};
inline constexpr StepInfo kResume[] = {
    {"B0"},  {"B"},      {"B_in"},  {"B4"},       {"B4a"},      {"B6"},      {"B6a"}, {"B6b"},
    {"B6c"}, {"B_idle"}, {"B_pin"}, {"B_pin_in"}, {"B_pinned"}, {"B_leave"}, {"B0a"}};
inline constexpr StepInfo kBlock[] = {{"K1"}, {"K2"}, {"K5"}, {"K6"}, {"K7"}, {"K8"}, {"K9"}};
inline constexpr StepInfo kWait[] = {{"A1"}, {"A2"}, {"A3"}, {"A4"},  {"A5"}, {"A5a"},
                                     {"A6"}, {"A7"}, {"A8"}, {"A8a"}, {"A9"}, {"A6a"}};
inline constexpr StepInfo kIdle[] = {{"I1"}, {"I2"}, {"I5"}, {"I5a"}, {"I_pin"}};
inline constexpr StepInfo kCtl[] = {{"C1"}, {"C6"}, {"C10"}, {"C2"}, {"C2a"}, {"C2b"}};
inline constexpr StepInfo kMark[] = {{"M1"}, {"M2"}, {"M3"}, {"M4"},
                                     {"M5"}, {"M6"}, {"M7"}, {"M8"}};
inline constexpr StepInfo kPush[] = {{"P1"}, {"P2"}, {"P3"}, {"P4"}, {"push_window"}, {"P_in"}};
inline constexpr StepInfo kTake[] = {{"T1"}, {"T2"}, {"T3"}, {"T_in"}};
inline constexpr StepInfo kDeliver[] = {{"D1"}, {"D2"}, {"D3"}};
inline constexpr StepInfo kPzEntry[] = {{"E1"}, {"E2"}, {"E1a"}};
inline constexpr StepInfo kPzExit[] = {{"X1"}, {"X2"}, {"X3"}, {"X4"}, {"X5"}, {"X6"}};
inline constexpr StepInfo kPzPark[] = {{"U1"}, {"U2"}, {"U3"}, {"U4"}, {"U5"}, {"U6"}, {"U7"}};
inline constexpr StepInfo kPzBlock[] = {{"Z1"},     {"Z_pin"}, {"Z2"}, {"Z_list"},
                                        {"Z_next"}, {"Z3"},    {"Z4"}};
inline constexpr StepInfo kPzWait[] = {{"Y1"}, {"Y2"}, {"Y3"}, {"Y4"},  {"Y5"}, {"Y6"},
                                       {"Y7"}, {"Y8"}, {"Y9"}, {"Y10"}, {"Y11"}};
inline constexpr StepInfo kPzCtl[] = {{"G1"}, {"G2"}, {"G3"}};
inline constexpr StepInfo kPzUnregister[] = {{"V1"}, {"V2"}, {"V3"}, {"V4"}, {"V5"}};
inline constexpr StepInfo kEvBlock[] = {{"EB1"}, {"EB2"}};
inline constexpr StepInfo kEvResume[] = {{"ER1"}, {"ER2"}};
inline constexpr StepInfo kEvParked[] = {{"EP1"}};
inline constexpr StepInfo kEvIdle[] = {{"EI1"}, {"EI2"}};
inline constexpr StepInfo kEvWorkerCall[] = {{"EW1"}, {"EW2"}, {"EW3"}};
inline constexpr StepInfo kEvServerWait[] = {{"ES1"}, {"ES2"}, {"ES3"}};
inline constexpr StepInfo kEvSwitch[] = {{"EX1"}, {"EX2"}, {"EX3"}, {"EX4"}, {"EX5"}};
inline constexpr StepInfo kEvWaitWorker[] = {{"EY1"}, {"EY2"}, {"EY3"}};
inline constexpr StepInfo kOp[] = {{"O1"}, {"O2"}, {"O3"}, {"O4"}, {"O5"},
                                   {"O6"}, {"O7"}, {"O8"}, {"O9"}};
}  // namespace steps

inline constexpr std::array<PathInfo, kNumPaths> kPaths = {{
    {"server", steps::kServer},
    {"parked", steps::kParked},
    {"resume", steps::kResume},
    {"block", steps::kBlock},
    {"wait", steps::kWait},
    {"idle_loop", steps::kIdle},
    {"ctl", steps::kCtl},
    {"mark_server", steps::kMark},
    {"push", steps::kPush},
    {"take_server", steps::kTake},
    {"deliver", steps::kDeliver},
    {"pz_entry", steps::kPzEntry},
    {"pz_exit", steps::kPzExit},
    {"pz_park", steps::kPzPark},
    {"pz_block", steps::kPzBlock},
    {"pz_wait", steps::kPzWait},
    {"pz_ctl", steps::kPzCtl},
    {"pz_unregister", steps::kPzUnregister},
    {"umcg_yield", steps::kOp},
    {"umcg_swap", steps::kOp},
    {"umcg_wait", steps::kOp},
    {"umcg_wake", steps::kOp},
    {"umcg_preempt", steps::kOp},
    {"umcg_set_bits", steps::kOp},
    {"umcg_lock", steps::kOp},
    {"umcg_unlock", steps::kOp},
    {"umcg_clear_bits", steps::kOp},
    {"umcg_register", steps::kOp},
    {"umcg_unregister", steps::kOp},
    {"umcg_ctl", steps::kOp},
    {"oops", steps::kOp},
    {"syscall", steps::kOp},
    {"umcg_set_next", steps::kOp},
    {"poke", steps::kOp},
    {"ev_block", steps::kEvBlock},
    {"ev_resume", steps::kEvResume},
    {"ev_parked", steps::kEvParked},
    {"ev_idle", steps::kEvIdle},
    {"ev_worker_wait", steps::kEvWorkerCall},
    {"ev_server_wait", steps::kEvServerWait},
    {"ev_switch", steps::kEvSwitch},
    {"ev_wait_worker", steps::kEvWaitWorker},
    {"umcg_wait_worker", steps::kOp},
}};

}  // namespace rqsim::umcg

#endif  // RQSIM_POLICIES_SERVICE_UMCG_PATHS_H_
