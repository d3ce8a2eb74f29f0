// The fair server: see deadline_server.h.
//
// Idea: a deadline entity that is queued only when its budget can no longer be had in the
// background. Origin: Linux 7.2 kernel/sched/deadline.c, function names at the code. Cost: O(log n)
// where it is queued, else O(1). Tested by tests/unit/policies/sched_class/deadline_server_test.cc.
#include "sched_class/deadline_server.h"

#include "rqsim/check.h"
#include "wide.h"

namespace rqsim {

FairServers::FairServers(const ServerParams& params, const Timers& timers, const Cbs& cbs,
                         DlQueues& queues, Bandwidth& bandwidth, int num_cpus)
    : params_(params),
      timers_(timers),
      cbs_(cbs),
      queues_(queues),
      bandwidth_(bandwidth),
      servers_(static_cast<std::size_t>(num_cpus)) {
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    Server& server = servers_[i];
    server.cpu = CpuId(static_cast<int32_t>(i));
    cbs_.SetParams(server, params.runtime, params.period, params.period);
    Cbs::NewPeriod(server, 0);
    bandwidth_.Promise(server, server.bw, num_cpus);
    bandwidth_.Assign(server, server.cpu);
  }
}

FairServers::~FairServers() {
  for (Server& server : servers_) queues_.Remove(server.cpu, server);
}

void FairServers::StartRecorded(Kernel& kernel, Cycles idle_before) {
  for (Server& server : servers_) server.deadline = kNoDeadline;
  Server& first = servers_.front();
  first.deadline = (kernel.now() - idle_before).cycles() + first.dl_deadline;
  first.is_running_up = first.is_armed = first.is_throttled = true;
  bandwidth_.Activate(first);
  StartTimer(kernel, first);
}

// deadline.c: dl_server_start().
bool FairServers::Start(Kernel& kernel, CpuId cpu) {
  Server& server = Of(cpu);
  server.was_idle = false;
  if (server.is_running_up) return false;
  server.is_running_up = true;
  kernel.EmitOn(cpu, SchedDlServerStart{PayloadOf(server)});
  if (server.is_inactive_timer_queued) {
    server.is_inactive_timer_queued = false;
    TimerRef timer = timers_.zero_lag;
    timer.owner = cpu.value();
    kernel.CancelTimer(timer);
  }
  bandwidth_.Activate(server);
  AtWakeup(kernel, server);
  if (server.is_throttled && StartTimer(kernel, server)) return true;
  if (server.is_throttled) {
    // Its zero-laxity point has passed: it runs at once.
    StopTimer(kernel, server);
    server.is_armed = server.is_throttled = false;
  }
  Queue(kernel, server);
  return true;
}

// deadline.c: update_dl_entity(). A server that ran when it stopped goes on with what it has, if it
// may.
void FairServers::AtWakeup(Kernel& kernel, Server& server) {
  const int64_t now = kernel.now().cycles();
  if (server.deadline < now || cbs_.Overflows(server, now)) {
    if (server.has_starved && server.deadline >= now) {
      Cbs::Revise(server, now);
      return;
    }
    server.has_starved = false;
    NewPeriod(kernel, server);
  } else if (!server.has_starved) {
    server.is_armed = server.is_throttled = true;
  }
}

// deadline.c: replenish_dl_new_period().
void FairServers::NewPeriod(Kernel& kernel, Server& server) {
  Cbs::NewPeriod(server, kernel.now().cycles());
  if (!server.has_starved) server.is_throttled = server.is_armed = true;
  kernel.EmitOn(server.cpu, SchedDlReplenish{PayloadOf(server)});
}

// deadline.c: update_curr_dl_se().
void FairServers::Charge(Kernel& kernel, CpuId cpu, int64_t length) {
  Server& server = Of(cpu);
  if (!server.is_running_up) return;
  const bool is_idle = kernel.IsIdle(cpu);
  server.runtime -= length;
  if (!is_idle) server.was_idle = false;
  if (server.runtime > 0) {
    kernel.EmitOn(cpu, SchedDlUpdate{PayloadOf(server)});
  } else if (server.is_throttled) {
    UsedUpWaiting(kernel, server, is_idle);
  } else {
    UsedUpRunning(kernel, server);
  }
}

// B, C, E: what it is there for got through without it. It waits on with a new budget; but idling
// renews it once only.
void FairServers::UsedUpWaiting(Kernel& kernel, Server& server, bool is_idle) {
  if (server.was_idle && is_idle) {
    server.runtime = 0;
    return;
  }
  server.has_starved = false;
  StopTimer(kernel, server);
  NewPeriod(kernel, server);
  server.was_idle = is_idle;
  StartTimer(kernel, server);
}

// D: until its next period.
void FairServers::UsedUpRunning(Kernel& kernel, Server& server) {
  kernel.EmitOn(server.cpu, SchedDlThrottle{PayloadOf(server)});
  server.is_throttled = true;
  Unqueue(kernel, server);
  if (!StartTimer(kernel, server)) {
    NewPeriod(kernel, server);
    StartTimer(kernel, server);
  }
  kernel.Resched(server.cpu, ReschedKind::kFull);
}

// deadline.c: dl_server_stop().
void FairServers::Stop(Kernel& kernel, CpuId cpu) {
  Server& server = Of(cpu);
  if (!server.is_running_up) return;
  kernel.EmitOn(cpu, SchedDlServerStop{PayloadOf(server)});
  Unqueue(kernel, server);
  // Its bandwidth counts as used until the budget it leaves would have been.
  const int64_t zero_lag =
      server.deadline - static_cast<int64_t>(static_cast<Wide>(server.runtime) * server.dl_period /
                                             server.dl_runtime);
  if (zero_lag < kernel.now().cycles() || server.is_inactive_timer_queued) {
    bandwidth_.Deactivate(server);
  } else {
    server.is_inactive_timer_queued = true;
    TimerRef timer = timers_.zero_lag;
    timer.owner = cpu.value();
    kernel.ArmTimer(timer, cpu, Time(zero_lag));
  }
  StopTimer(kernel, server);
  server.is_armed = server.is_throttled = server.was_idle = server.is_running_up = false;
}

void FairServers::OnZeroLag(CpuId cpu) {
  Of(cpu).is_inactive_timer_queued = false;
  bandwidth_.Deactivate(Of(cpu));
}

// deadline.c: dl_server_timer().
bool FairServers::OnTimer(Kernel& kernel, CpuId cpu, CpuId fired_on) {
  Server& server = Of(cpu);
  // The charge just before may have put it off.
  if (server.timer_expiry <= kernel.now().cycles()) server.is_timer_queued = false;
  if (!server.is_throttled) return false;
  if (server.was_idle) {
    Stop(kernel, cpu);
    return false;
  }
  if (server.is_timer_queued) return false;
  if (server.is_armed) {
    const int64_t zero_laxity = server.deadline - server.runtime;
    if (kernel.now().cycles() < zero_laxity - params_.min_resolution) {
      server.is_timer_queued = true;
      server.timer_expiry = zero_laxity;
      TimerRef timer = timers_.zero_laxity;
      timer.owner = cpu.value();
      kernel.ArmTimer(timer, fired_on, Time(zero_laxity));
      return false;
    }
    server.has_starved = true;
  }
  Replenish(kernel, server);
  Queue(kernel, server);
  return true;
}

// deadline.c: replenish_dl_entity().
void FairServers::Replenish(Kernel& kernel, Server& server) {
  const int64_t now = kernel.now().cycles();
  if (server.is_armed && cbs_.Overflows(server, now)) Cbs::NewPeriod(server, now);
  Cbs::Replenish(server, now);
  server.is_armed = false;
  kernel.EmitOn(server.cpu, SchedDlReplenish{PayloadOf(server)});
}

// ------------------------------------------------------------------------------------------ queue
// and timer

void FairServers::Queue(Kernel& kernel, Server& server) {
  queues_.Insert(server.cpu, server);
  kernel.QueueServer(server.cpu, true);
}

void FairServers::Unqueue(Kernel& kernel, Server& server) {
  if (!server.is_queued()) return;
  queues_.Remove(server.cpu, server);
  kernel.QueueServer(server.cpu, false);
}

// deadline.c: start_dl_timer(). False: that instant has passed.
bool FairServers::StartTimer(Kernel& kernel, Server& server) {
  const int64_t at = server.is_armed ? server.deadline - server.runtime : server.NextPeriod();
  if (at < kernel.now().cycles()) return false;
  if (server.is_timer_queued) return true;
  server.is_timer_queued = true;
  server.timer_expiry = at;
  TimerRef timer = timers_.zero_laxity;
  timer.owner = server.cpu.value();
  const CpuId here = kernel.executing_cpu();
  kernel.ArmTimer(timer, here.valid() ? here : server.cpu, Time(at));
  return true;
}

void FairServers::StopTimer(Kernel& kernel, Server& server) {
  if (!server.is_timer_queued) return;
  server.is_timer_queued = false;
  TimerRef timer = timers_.zero_laxity;
  timer.owner = server.cpu.value();
  kernel.CancelTimer(timer);
}

DlPayload FairServers::PayloadOf(const Server& server) {
  return {Time(server.deadline), Cycles(server.runtime), TaskId(), 1, 0};
}

void FairServers::Describe(CpuId cpu, StateWriter& writer) const {
  const Server& server = servers_[cpu.index()];
  writer.Field("fair_server.runtime", server.runtime);
  writer.Field("fair_server.deadline", server.deadline);
  writer.Field("fair_server.active", server.is_running_up ? 1 : 0);
  writer.Field("fair_server.throttled", server.is_throttled ? 1 : 0);
  writer.Field("fair_server.defer_armed", server.is_armed ? 1 : 0);
  writer.Field("fair_server.defer_running", server.has_starved ? 1 : 0);
  writer.Field("fair_server.defer_idle", server.was_idle ? 1 : 0);
}

}  // namespace rqsim
