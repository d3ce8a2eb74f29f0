// The fair server of each CPU: a deadline entity that runs fair tasks when they starve behind
// real-time ones. It is deferred: it waits as long as it can (until its deadline minus its budget),
// and fair tasks and idling use up its budget meanwhile, so in a system where fair tasks get
// through it never runs.
//
//   A inactive   B waits for zero laxity   C the same, and idling used up the budget
//   D queued, runs fair tasks              E its budget is used up, waits for the next period
//
// Origin: Linux 7.2 kernel/sched/deadline.c: dl_server_start(), dl_server_timer(),
// update_curr_dl_se() and the states drawn above them; classes.md 7 has the table.
// Tested by tests/unit/policies/sched_class/deadline_server_test.cc and
// scenarios/classes/C35-fair-server.json.
#ifndef RQSIM_POLICIES_SCHED_CLASS_DEADLINE_SERVER_H_
#define RQSIM_POLICIES_SCHED_CLASS_DEADLINE_SERVER_H_

#include <cstdint>
#include <vector>

#include "rqsim/kernel.h"
#include "rqsim/policy.h"
#include "sched_class/deadline_bandwidth.h"
#include "sched_class/deadline_cbs.h"
#include "sched_class/deadline_queue.h"

namespace rqsim {

struct ServerParams {
  int64_t runtime = 0;
  int64_t period = 0;
  int64_t min_resolution = 0;  // the timer is not put off for less
};

class FairServers {
 public:
  // Timers of the class that has the servers: by CPU.
  struct Timers {
    TimerRef zero_laxity;  // or the replenishment, in state E
    TimerRef zero_lag;     // its bandwidth becomes inactive
  };
  FairServers(const ServerParams& params, const Timers& timers, const Cbs& cbs, DlQueues& queues,
              Bandwidth& bandwidth, int num_cpus);
  // Takes the servers off the queues, which live longer.
  ~FairServers();
  FairServers(const FairServers&) = delete;
  FairServers& operator=(const FairServers&) = delete;

  // Instant 0 of a machine that has been up and idle for `idle_before` (machine.md 14): CPU 0's
  // server waits for its zero-laxity point, the others have not been needed for long.
  void StartRecorded(Kernel& kernel, Cycles idle_before);

  // The hooks of the class that belong to servers (seams.h), and its timers. Start returns whether
  // it became active just now.
  bool Start(Kernel& kernel, CpuId cpu);
  void Charge(Kernel& kernel, CpuId cpu, int64_t length);
  void Stop(Kernel& kernel, CpuId cpu);
  // Returns whether the server was queued, so that something may have to be pushed away.
  bool OnTimer(Kernel& kernel, CpuId cpu, CpuId fired_on);
  void OnZeroLag(CpuId cpu);

  Time NextTickOfInterest(Time booked_to, CpuId cpu) const {
    const Server& server = servers_[cpu.index()];
    return server.is_running_up ? booked_to + Cycles(server.runtime) : kNever;
  }
  // Bandwidth of the servers of CPUs that are not among `cpus`: it has been promised with the
  // others, and is not needed (dl_server_read_bw(), dl_clear_root_domain()).
  int64_t PromisedOutside(const CpuSet& cpus) const {
    int64_t bw = 0;
    for (const Server& server : servers_) bw += cpus.Contains(server.cpu) ? 0 : server.bw;
    return bw;
  }
  int64_t deadline(CpuId cpu) const { return servers_[cpu.index()].deadline; }
  void Describe(CpuId cpu, StateWriter& writer) const;

 private:
  struct Server : DlEntity {
    bool is_running_up = false;  // dl_server_active: states B to E
    bool is_armed = false;       // dl_defer_armed: the timer is for zero laxity
    bool has_starved = false;    // dl_defer_running: D and E
    bool was_idle = false;       // dl_defer_idle: C
    int64_t timer_expiry = 0;
  };

  Server& Of(CpuId cpu) { return servers_[cpu.index()]; }
  bool StartTimer(Kernel& kernel, Server& server);
  void StopTimer(Kernel& kernel, Server& server);
  void NewPeriod(Kernel& kernel, Server& server);
  void AtWakeup(Kernel& kernel, Server& server);
  void Replenish(Kernel& kernel, Server& server);
  void Queue(Kernel& kernel, Server& server);
  void Unqueue(Kernel& kernel, Server& server);
  void UsedUpWaiting(Kernel& kernel, Server& server, bool is_idle);
  void UsedUpRunning(Kernel& kernel, Server& server);
  static DlPayload PayloadOf(const Server& server);

  ServerParams params_;
  Timers timers_;
  const Cbs& cbs_;
  DlQueues& queues_;
  Bandwidth& bandwidth_;
  std::vector<Server> servers_;  // by CPU
};

}  // namespace rqsim

#endif  // RQSIM_POLICIES_SCHED_CLASS_DEADLINE_SERVER_H_
