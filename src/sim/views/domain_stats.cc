#include "sim/views/domain_stats.h"

#include <string>

#include "rqsim/machine_places.h"

namespace rqsim {

EventMask DomainStats::Wants() {
  return EventMask::Of(EventKind::kSchedBalance, EventKind::kSchedActiveBalance,
                       EventKind::kTtwuStat, EventKind::kSchedWakeAffine);
}

void DomainStats::OnStart(const RunInfo& info) {
  const MachineSpec& machine = info.scenario().machine;
  CpuSet online;
  for (std::size_t i = 0; i < machine.cpus.size(); ++i) {
    if (machine.cpus[i].online) online.Add(CpuId(static_cast<int32_t>(i)));
  }
  topology_.Build(PlacesOf(machine), online, machine.distances);
  domains_.assign(static_cast<std::size_t>(info.num_cpus()), {});
  for (std::size_t i = 0; i < domains_.size(); ++i) {
    const CpuId cpu(static_cast<int32_t>(i));
    for (int level = 0; level < topology_.num_domains(cpu); ++level) {
      DomainResult domain;
      domain.name = std::string(DomainLevelName(topology_.domain(cpu, level).level));
      domains_[i].push_back(domain);
    }
  }
}

DomainResult* DomainStats::Of(CpuId cpu, int level) {
  std::vector<DomainResult>& domains = domains_[cpu.index()];
  if (level < 0 || static_cast<std::size_t>(level) >= domains.size()) return nullptr;
  return &domains[static_cast<std::size_t>(level)];
}

DomainResult* DomainStats::Common(CpuId cpu, CpuId other) {
  for (int level = 0; level < topology_.num_domains(cpu); ++level) {
    if (topology_.domain(cpu, level).span.Contains(other)) return Of(cpu, level);
  }
  return nullptr;
}

void DomainStats::OnEvent(const TraceEvent& event) {
  switch (event.kind()) {
    case EventKind::kSchedBalance:
      OnBalance(event.As<SchedBalance>());
      return;
    case EventKind::kSchedActiveBalance: {
      const auto push = event.As<SchedActiveBalance>();
      DomainResult* const domain = Of(push.dst_cpu, push.level);
      if (domain == nullptr) return;
      ++domain->alb_count;
      ++(push.pid.valid() ? domain->alb_pushed : domain->alb_failed);
      return;
    }
    case EventKind::kTtwuStat: {
      const auto wake = event.As<TtwuStat>();
      if (!wake.waker_cpu.valid() || wake.waker_cpu == wake.target_cpu) return;
      DomainResult* const domain = Common(wake.waker_cpu, wake.target_cpu);
      if (domain != nullptr) ++domain->ttwu_wake_remote;
      return;
    }
    case EventKind::kSchedWakeAffine: {
      const auto choice = event.As<SchedWakeAffine>();
      if (choice.affine == 0) return;
      DomainResult* const domain = Common(choice.this_cpu, choice.prev_cpu);
      if (domain != nullptr) ++domain->ttwu_move_affine;
      return;
    }
    default:
      return;
  }
}

// fair.c: sched_balance_rq(). What was out of balance counts where a source was found.
void DomainStats::OnBalance(const SchedBalance& pass) {
  DomainResult* const domain = Of(pass.dst_cpu, pass.level);
  if (domain == nullptr) return;
  BalanceCounts& counts = pass.idle == IdleKind::kBusy   ? domain->busy
                          : pass.idle == IdleKind::kIdle ? domain->idle
                                                         : domain->newly_idle;
  ++counts.lb_count;
  counts.lb_gained += pass.gained;
  counts.lb_hot_gained += pass.hot_gained;
  if (pass.src_cpu.valid()) {
    switch (pass.unit) {
      case BalanceUnit::kLoad:
        counts.lb_imbalance_load += pass.imbalance;
        break;
      case BalanceUnit::kUtil:
        counts.lb_imbalance_util += pass.imbalance;
        break;
      case BalanceUnit::kTask:
        counts.lb_imbalance_task += pass.imbalance;
        break;
      case BalanceUnit::kMisfit:
        counts.lb_imbalance_misfit += pass.imbalance;
        break;
    }
  }
  switch (pass.result) {
    case BalanceResult::kNoBusyGroup:
      ++counts.lb_nobusyg;
      ++counts.lb_balanced;
      break;
    case BalanceResult::kNoBusyQueue:
      ++counts.lb_nobusyq;
      ++counts.lb_balanced;
      break;
    case BalanceResult::kNotHere:
    case BalanceResult::kPinned:
      ++counts.lb_balanced;
      break;
    case BalanceResult::kFailed:
      ++counts.lb_failed;
      break;
    case BalanceResult::kMoved:
      break;
  }
}

void DomainStats::Fill(CpuId cpu, CpuResult& out) const { out.domains = domains_[cpu.index()]; }

}  // namespace rqsim
