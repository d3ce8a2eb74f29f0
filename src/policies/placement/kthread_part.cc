// What the variants of the kernel threads' part share: events, binding, isolation, and which CPUs
// are whose.
//
// Idea: who sets masks differs, not what a mask means.
// Origin: Linux 7.2 kernel/kthread.c: kthread_bind_mask(), kernel/sched/isolation.c.
// Cost: O(CPUs).
// Tested by tests/unit/policies/placement/kthread_test.cc.
#include "placement/kthread_part.h"

namespace rqsim {
namespace {

constexpr int kPart = 128;

// Bits first … first + 127 of a set.
void Fill(PolicyEventPayload& payload, const CpuSet& cpus, int first, int num_cpus) {
  for (int k = 0; k < kPart && first + k < num_cpus; ++k) {
    if (!cpus.Contains(CpuId(first + k))) continue;
    const auto bit = static_cast<int64_t>(uint64_t{1} << (k % 64));
    payload.wide[k / 64] |= bit;
  }
}

}  // namespace

void KthreadVoice::SayPreference(Kernel& kernel, TaskId task, KthreadPreference what,
                                 const CpuSet& cpus, int node) const {
  for (int first = 0; first < kernel.num_cpus(); first += kPart) {
    PolicyEventPayload payload;
    Fill(payload, cpus, first, kernel.num_cpus());
    payload.narrow[0] = task.value();
    payload.narrow[1] = first;
    payload.narrow[2] = static_cast<int32_t>(what);
    payload.narrow[3] = node;
    kernel.EmitDeclared(self_, static_cast<int>(KthreadEvent::kPreference), payload);
  }
}

void KthreadVoice::SayCpus(Kernel& kernel, KthreadEvent event, const CpuSet& cpus) const {
  for (int first = 0; first < kernel.num_cpus(); first += kPart) {
    PolicyEventPayload payload;
    Fill(payload, cpus, first, kernel.num_cpus());
    payload.narrow[0] = first;
    kernel.EmitDeclared(self_, static_cast<int>(event), payload);
  }
}

void KthreadVoice::Say(Kernel& kernel, KthreadEvent event, int64_t first, int64_t second,
                       int32_t third, int32_t fourth) const {
  PolicyEventPayload payload;
  payload.wide[0] = first;
  payload.wide[1] = second;
  payload.narrow[0] = third;
  payload.narrow[1] = fourth;
  kernel.EmitDeclared(self_, static_cast<int>(event), payload);
}

void KthreadVoice::Overwritten(Kernel& kernel, TaskId task) {
  if (!kernel.task(task).no_setaffinity || is_silent_) return;
  Say(kernel, KthreadEvent::kBindingLost, task.value());
}

void KthreadVoice::Bind(Kernel& kernel, const KthreadCall& call, bool refused) const {
  const bool inactive = kernel.task(call.task).state == TaskState::kNew;
  if (!inactive) Warn(kernel, call.task, KthreadWarning::kNotInactive);
  const bool done = inactive && !refused;
  if (done) kernel.BindKthread(call.task, call.cpus);
  Say(kernel, KthreadEvent::kBindMask, call.task.value(), done ? 0 : kEINVAL);
}

// MODEL-185: from outside, nothing waits for a grace period.
int64_t KthreadVoice::Isolate(Kernel& kernel, const CpuSet& isolated, CpuSet& left) const {
  left = kernel.facts().housekeeping - isolated;
  if ((left & kernel.online()).empty()) {
    left = kernel.housekeeping();
    return kEINVAL;
  }
  kernel.SetHousekeeping(left);
  return 0;
}

void KthreadVoice::CallWithoutPreference(Kernel& kernel, const KthreadCall& call) const {
  switch (call.kind) {
    case KthreadCall::Kind::kBind:
      Bind(kernel, call);
      break;
    case KthreadCall::Kind::kIsolate: {
      CpuSet left;
      Say(kernel, KthreadEvent::kIsolate, Isolate(kernel, call.cpus, left));
      break;
    }
    case KthreadCall::Kind::kAffinePreferred:
      Say(kernel, KthreadEvent::kAffinePreferred, call.task.value(), kENOSYS);
      break;
    case KthreadCall::Kind::kAffinePreferredUpdate:
      Say(kernel, KthreadEvent::kAffinePreferredUpdate, call.task.value(), kENOSYS);
      break;
    case KthreadCall::Kind::kCreate:
    case KthreadCall::Kind::kFirstWake:
      break;
  }
}

CpuSet KthreadHousekeepingCpus(const Kernel& kernel, KthreadHousekeeping type) {
  if (type == KthreadHousekeeping::kDomain) return kernel.housekeeping();
  return kernel.facts().possible - kernel.facts().nohz_full;
}

KthreadHousekeeping HousekeepingOf(const PolicyParams& params, KthreadHousekeeping usual) {
  const std::string_view word = params.Text("hk_kthread");
  if (word == "domain") return KthreadHousekeeping::kDomain;
  if (word == "nohz_full") return KthreadHousekeeping::kNohzFull;
  return usual;
}

CpuSet PossibleCpusOf(const Kernel& kernel, int node) {
  CpuSet cpus;
  for (int c = 0; c < kernel.num_cpus(); ++c) {
    if (kernel.cpu(CpuId(c)).node == node) cpus.Add(CpuId(c));
  }
  return cpus;
}

std::unique_ptr<KthreadPart> MakeKthreadPart(const PolicyParams& params, const Limits& limits) {
  const std::string_view word = params.Text("kthread");
  if (word == "manual") return MakeKthreadManual(params, limits);
  if (word == "preferred-rfc") return MakeKthreadPreferredRfc(params, limits);
  if (word == "preferred") return MakeKthreadPreferred(params, limits);
  return MakeKthreadBound(params, limits);
}

}  // namespace rqsim
