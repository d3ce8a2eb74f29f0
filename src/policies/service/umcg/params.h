// What a policy set can say about UMCG: the knobs of umcg.md 12, the costs of 5.2 that are not the
// machine's, and who preempts.
#ifndef RQSIM_POLICIES_SERVICE_UMCG_PARAMS_H_
#define RQSIM_POLICIES_SERVICE_UMCG_PARAMS_H_

#include "rqsim/policy.h"
#include "service/umcg/words.h"

namespace rqsim::umcg {

struct Costs {
  Cycles u_cas, u_store, k_get, k_put, k_cas, vpid, direct, pin, unpin, fault_in, sig_send, sig_dlv,
      pick, push_window, spin_poll;
};

enum class PreemptSource : uint8_t { kOff, kWatchdog, kServerTimeout, kKernelTick };

// umcg-pz with a list of blocked workers in each server (January 2022): as posted without one; with
// one, for servers that registered MULTI, or for those that did not and may have one worker only.
enum class BlockedList : uint8_t { kOff, kMulti, kSingle };

// Faults: each is a mistake of the engine that a checker must see.
struct Mistakes {
  bool any_space = false;     // servers of other processes are marked, too
  bool wrong_change = false;  // a worker whose wait is over becomes RUNNING instead of IDLE
  bool erases_bits = false;   // the kernel writes whole words, without their user bits
  bool survives = false;      // whoever is killed goes on
  bool same_time = false;     // a change carries the time of the one before it
};

struct Knobs {
  int vpid_lookups = 2;
  bool userbits_in_retry = false;  // each: true = corrected
  bool retry_rule = false;
  bool userbits_in_server = false;
  bool lookup_atomic = false;
  bool kthread_check = false;
  bool validate_next = false;
  bool exit_late = false;  // exit_order: UMCG's part once signals are shut off
  bool wake_on_unregister = false;
  bool signals_delivered = false;
  bool list_push_atomic = false;
  bool hook_in_wait = false;   // true: block detection is asked inside the idle loop too
  bool nopreempt_hook = true;  // block detection runs with preemption off
  bool handoff_direct = false;
  PreemptSource preempt_source = PreemptSource::kOff;
  int64_t preempt_jiffies = 10;  // source kernel-tick: after so many ticks
  BlockedList blocked_list = BlockedList::kOff;
  bool preempt_at_schedule = false;  // trigger next-schedule
  bool timeout_restores = false;     // server.timeout_protocol libumcg
  Cycles server_timeout;             // 0: none, or the slice of the user scheduler
  int64_t server_bits = 0;           // user bits that servers keep in their word
  bool keeps_preempted = false;      // servers do not clear PREEMPTED when they run a worker
  bool chain = false;                // a server that sees more work wakes one further server
  bool detects_donors = true;        // block detection fires for a task kept queued as a donor
  Mistakes mistakes;
};

Costs ReadCosts(const PolicyParams& params);
Knobs ReadKnobs(const PolicyParams& params, Variant variant);
std::span<const ParamInfo> ParamsOf(Variant variant);
std::span<const ParamInfo> SwitchToParams();

}  // namespace rqsim::umcg

#endif  // RQSIM_POLICIES_SERVICE_UMCG_PARAMS_H_
