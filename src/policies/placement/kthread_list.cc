// The list of kernel threads and its update.
//
// Idea: kthread_list.h.
// Origin: Linux 7.2 kernel/kthread.c and the draft of July 2024, kthread-affinity.md 4 and 8.
// Cost: O(threads) for an update, in cycles MODEL-188.
// Tested by tests/unit/policies/placement/kthread_test.cc and scenarios/kthread/.
#include "placement/kthread_list.h"

namespace rqsim {
namespace {

constexpr StepId kEnter{0};
constexpr StepId kAllocated{1};
constexpr StepId kFetched{2};
constexpr StepId kSetaff{3};
constexpr StepId kMoved{4};

// Registers of an update's frame. 0 is the CPU.
constexpr int kEntry = 1;
constexpr int kResult = 2;
constexpr int kHandled = 3;

class KthreadList final : public KthreadVoice {
 public:
  KthreadList(const KthreadRules& rules, const Limits& limits)
      : KthreadVoice(limits.self, rules.is_silent),
        rules_(rules),
        entries_(static_cast<std::size_t>(limits.num_tasks)) {
    entries_[0].next = entries_[0].prev = 0;
  }

  HookMask Hooks() const override { return Hook::kOnStart | Hook::kOnTask; }
  void Start(Kernel& kernel) override {
    SayCpus(kernel, KthreadEvent::kHousekeeping, Housekeeping(kernel));
    if (!rules_.is_draft) return;
    own_online_ = kernel.online();
    SayCpus(kernel, KthreadEvent::kOnlineMask, own_online_);
  }

  void Call(Kernel& kernel, const KthreadCall& call) override {
    switch (call.kind) {
      case KthreadCall::Kind::kCreate:
        Create(kernel, call.task);
        break;
      case KthreadCall::Kind::kFirstWake:
        FirstWake(kernel, call.task);
        break;
      case KthreadCall::Kind::kAffinePreferred:
        AffinePreferred(kernel, call.task, call.cpus);
        break;
      case KthreadCall::Kind::kAffinePreferredUpdate:
        Say(kernel, KthreadEvent::kAffinePreferredUpdate, call.task.value(),
            ChangePreference(kernel, call.task, call.cpus));
        break;
      case KthreadCall::Kind::kBind:
        Bind(kernel, call, rules_.refuses_bind && Of(call.task).has_preference);
        break;
      case KthreadCall::Kind::kIsolate:
        IsolateAndUpdate(kernel, call.cpus);
        break;
    }
  }

  void Exiting(Kernel& kernel, TaskId task) override {
    if (kernel.kthread_affinity(task) == nullptr) return;
    Entry& entry = Of(task);
    const bool had_preference = entry.has_preference;
    if (entry.linked) Unlink(kernel, task);
    if (!rules_.is_draft || !had_preference) return;
    // Before its preference goes: a thread that ends must not be found by an update.
    entry.has_preference = false;
    kernel.ForceAffinity(task, Housekeeping(kernel));
  }

  void AffinityChanged(Kernel& kernel, TaskId task) override {
    if (kernel.kthread_affinity(task) == nullptr) return;
    Entry& entry = Of(task);
    const bool has_user = kernel.user_cpus(task) != nullptr;
    if (entry.has_user == has_user) return;
    entry.has_user = has_user;
    Say(kernel, KthreadEvent::kUser, task.value(), has_user ? 1 : 0);
  }

  bool HasCallback(PathId path) const override {
    return path == kKthreadsOnlinePath || (rules_.is_draft && path == kKthreadsOfflinePath);
  }

  Next Step(Kernel& kernel, Frame& frame) override {
    if (frame.step == kEnter) return Enter(kernel, frame);
    if (frame.step == kAllocated) {
      if (!Allocate(kernel, TaskId())) return Done(kernel, frame, kENOMEM);
      return ToEntry(kernel, frame, entries_[0].next);
    }
    if (frame.step == kFetched) {
      fetched_ = Fetch(kernel, Current(frame));
      return Next::Run(kSetaff, rules_.c_setaff, RunMode::kKernel);
    }
    if (frame.step == kSetaff) {
      const TaskId task = Current(frame);
      ++frame.r[kHandled];
      CpuSet mask;
      if (!WillSet(kernel, task, fetched_, mask)) return ToNext(kernel, frame);
      if (kernel.NeedsStopper(task, mask) && frame.task != kIdleTask) {
        kernel.SetAffinity(task, fetched_, frame.task);
        return Next::Block(kMoved, TaskState::kUninterruptible);
      }
      kernel.SetAffinity(task, fetched_);
      return ToNext(kernel, frame);
    }
    return ToNext(kernel, frame);
  }

  void Describe(const Kernel& kernel, TaskId task, StateWriter& writer) const override {
    if (kernel.kthread_affinity(task) == nullptr) return;
    const Entry& entry = entries_[task.index()];
    writer.Field("kthread_started", entry.started ? 1 : 0);
    writer.Field("kthread_listed", entry.linked ? 1 : 0);
    writer.Field("kthread_prefers", entry.has_preference ? 1 : 0);
  }

 private:
  struct Entry {
    int32_t next = -1, prev = -1;  // as list_head; entry 0 is the head of the list
    bool linked = false;
    bool started = false;
    bool has_preference = false;
    bool has_user = false;
    CpuSet preference;
  };

  Entry& Of(TaskId task) { return entries_[task.index()]; }
  const Entry& Of(TaskId task) const { return entries_[task.index()]; }
  static TaskId Current(const Frame& frame) {
    return TaskId(static_cast<int32_t>(frame.r[kEntry]));
  }
  CpuSet Housekeeping(const Kernel& kernel) const {
    return KthreadHousekeepingCpus(kernel, rules_.housekeeping);
  }
  int NodeOf(const Kernel& kernel, TaskId task) const {
    return kernel.kthread_affinity(task)->node;
  }

  // zalloc_cpumask_var(): whether there is memory.
  bool Allocate(Kernel& kernel, TaskId task) {
    ++allocations_;
    if (allocations_ != rules_.fail_alloc) return true;
    Say(kernel, KthreadEvent::kNoMemory, task.value());
    return false;
  }

  // ---------------------------------------------------------------------------------- the list

  // list_add_tail(). An entry that is linked already is linked over its own neighbours.
  void Append(Kernel& kernel, TaskId task) {
    Entry& entry = Of(task);
    const int32_t id = task.value();
    const int32_t last = entries_[0].prev;
    if (rules_.second_call == SecondCall::kHardened && last == id) return;
    entries_[0].prev = id;
    entry.next = 0;
    entry.prev = last;
    entries_[static_cast<std::size_t>(last)].next = id;
    Say(kernel, KthreadEvent::kList, id, entry.linked ? 2 : 1);
    entry.linked = true;
  }

  // list_del(). What the entry itself says stays: an update that stands on it goes on from there.
  void Unlink(Kernel& kernel, TaskId task) {
    Entry& entry = Of(task);
    entries_[static_cast<std::size_t>(entry.prev)].next = entry.next;
    entries_[static_cast<std::size_t>(entry.next)].prev = entry.prev;
    entry.linked = false;
    Say(kernel, KthreadEvent::kList, task.value(), 0);
  }

  // ---------------------------------------------------------------------------------- masks

  CpuSet Fetch(const Kernel& kernel, TaskId task) const {
    return FetchWith(kernel, task, Housekeeping(kernel));
  }

  // kthread_fetch_affinity().
  CpuSet FetchWith(const Kernel& kernel, TaskId task, const CpuSet& housekeeping) const {
    const Entry& entry = Of(task);
    CpuSet wanted = housekeeping;
    if (entry.has_preference) {
      wanted = entry.preference;
      if (rules_.node_policy == NodePolicy::kCallback && NodeOf(kernel, task) >= 0) {
        wanted = kernel.node_cpus(NodeOf(kernel, task));
      }
    } else if (NodeOf(kernel, task) >= 0) {
      wanted = kernel.node_cpus(NodeOf(kernel, task));
    }
    CpuSet mask = wanted & housekeeping;
    if (rules_.is_draft) mask = mask & own_online_;
    if (!mask.empty()) return mask;
    return rules_.last_resort_online ? housekeeping & kernel.online() : housekeeping;
  }

  // What set_cpus_allowed_ptr() will make of it, and whether it will do it. Nobody looks at its
  // result.
  bool WillSet(Kernel& kernel, TaskId task, CpuSet& asked, CpuSet& mask) const {
    if (rules_.respects_cpuset && !kernel.IsInRootCpuset(task)) {
      asked = asked & kernel.cpuset(task);
      if (asked.empty()) return false;
    }
    mask = asked;
    if (const CpuSet* user = kernel.user_cpus(task)) {
      if (!(mask & *user).empty()) mask = mask & *user;
    }
    const bool same = mask == kernel.task(task).cpus_allowed;
    const bool refused = !same && (mask & kernel.online()).empty();
    Say(kernel, KthreadEvent::kSetaff, task.value(), refused ? kEINVAL : 0);
    if (!same && !refused && !(mask - kernel.cpuset(task)).empty()) {
      Say(kernel, KthreadEvent::kCpusetEscape, task.value());
    }
    return !same && !refused;
  }

  void SetNow(Kernel& kernel, TaskId task, CpuSet asked) const {
    CpuSet mask;
    if (WillSet(kernel, task, asked, mask)) kernel.SetAffinity(task, asked);
  }

  // ---------------------------------------------------------------------------------- calls

  void Create(Kernel& kernel, TaskId task) {
    const KthreadAffinity& affinity = *kernel.kthread_affinity(task);
    if (affinity.kind == KthreadKind::kPerCpu || affinity.kind == KthreadKind::kBound) return;
    // kthreadd is on the housekeeping CPUs, and a new thread is where it was made.
    kernel.ForceAffinity(task, Housekeeping(kernel));
    SayNode(kernel, task);
    if (affinity.kind == KthreadKind::kPreferred) AffinePreferred(kernel, task, affinity.cpus);
    const bool snapshot = rules_.is_draft || rules_.node_policy != NodePolicy::kNode;
    if (affinity.kind == KthreadKind::kNode && snapshot) {
      AffinePreferred(kernel, task, kernel.node_cpus(affinity.node));
    }
  }

  void SayNode(Kernel& kernel, TaskId task) const {
    const int node = NodeOf(kernel, task);
    const auto what = node >= 0 ? KthreadPreference::kNode : KthreadPreference::kNone;
    SayPreference(kernel, task, what, CpuSet(), node);
  }

  // kthread_affine_node(), in the thread itself.
  void FirstWake(Kernel& kernel, TaskId task) {
    Entry& entry = Of(task);
    entry.started = true;
    if (rules_.is_draft || kernel.task(task).no_setaffinity || entry.has_preference) return;
    Append(kernel, task);
    SetNow(kernel, task, Fetch(kernel, task));
  }

  void AffinePreferred(Kernel& kernel, TaskId task, const CpuSet& cpus) {
    const int64_t result = Prefer(kernel, task, cpus & kernel.facts().possible);
    Say(kernel, KthreadEvent::kAffinePreferred, task.value(), result);
  }

  int64_t Prefer(Kernel& kernel, TaskId task, const CpuSet& cpus) {
    Entry& entry = Of(task);
    const bool is_late = entry.started || kernel.task(task).state != TaskState::kNew;
    if (is_late && !rules_.takes_late) {
      Warn(kernel, task, KthreadWarning::kNotInactive);
      return kEINVAL;
    }
    if (entry.has_preference && rules_.second_call == SecondCall::kEexist) return kEEXIST;
    if (entry.has_preference && !rules_.is_draft) {
      Warn(kernel, task, KthreadWarning::kSecondCall);
    }
    if (!Allocate(kernel, task)) return kENOMEM;
    if (!Allocate(kernel, task)) return rules_.enomem_zero ? 0 : kENOMEM;
    if (entry.has_preference) Say(kernel, KthreadEvent::kLeak, task.value());
    entry.has_preference = true;
    entry.preference = cpus;
    SayPreference(kernel, task, KthreadPreference::kCpus, cpus, NodeOf(kernel, task));
    if (entry.linked && !rules_.is_draft) Warn(kernel, task, KthreadWarning::kLinkedAlready);
    Append(kernel, task);
    kernel.ForceAffinity(task, rules_.raw_mask ? cpus : Fetch(kernel, task));
    return 0;
  }

  // kthread_affine_preferred_update(), which Linux 7.2 does not have.
  int64_t ChangePreference(Kernel& kernel, TaskId task, const CpuSet& cpus) {
    if (!rules_.has_update) return kENOSYS;
    if (!Allocate(kernel, task)) return kENOMEM;
    Entry& entry = Of(task);
    if (!entry.has_preference || !entry.linked) {
      Warn(kernel, task, KthreadWarning::kNoPreference);
      return kEINVAL;
    }
    entry.preference = cpus & kernel.facts().possible;
    SayPreference(kernel, task, KthreadPreference::kCpus, entry.preference, NodeOf(kernel, task));
    SetNow(kernel, task, Fetch(kernel, task));
    return 0;
  }

  // ---------------------------------------------------------------------------------- updates

  enum class Visit : uint8_t { kHandle, kSkip, kBad };
  // `all`: also those that have neither preference nor node.
  Visit What(const Kernel& kernel, TaskId task, bool all) const {
    const Task& t = kernel.task(task);
    if (rules_.is_draft) return Of(task).has_preference ? Visit::kHandle : Visit::kBad;
    if (t.no_setaffinity || t.per_cpu_kthread) return Visit::kBad;
    const bool has_own = Of(task).has_preference || NodeOf(kernel, task) >= 0;
    return all || has_own ? Visit::kHandle : Visit::kSkip;
  }

  // Whether the list comes back to the entry it is at: it never ends then.
  bool Loops(int32_t entry) const {
    return entries_[static_cast<std::size_t>(entry)].next == entry;
  }

  Next Enter(Kernel& kernel, Frame& frame) {
    const CpuId cpu(static_cast<int32_t>(frame.r[0]));
    const bool up = frame.path == kKthreadsOnlinePath;
    if (rules_.is_draft) {
      up ? own_online_.Add(cpu) : own_online_.Remove(cpu);
      SayCpus(kernel, KthreadEvent::kOnlineMask, own_online_);
    }
    frame.r[kResult] = frame.r[kHandled] = 0;
    if (entries_[0].next == 0) return Done(kernel, frame, 0);
    return Next::Run(kAllocated, rules_.c_alloc, RunMode::kKernel);
  }

  Next ToNext(Kernel& kernel, Frame& frame) {
    const int32_t at = Current(frame).value();
    if (Loops(at)) Say(kernel, KthreadEvent::kSelfLoop, at);
    return ToEntry(kernel, frame, entries_[static_cast<std::size_t>(at)].next);
  }

  Next ToEntry(Kernel& kernel, Frame& frame, int32_t at) {
    for (; at != 0; at = entries_[static_cast<std::size_t>(at)].next) {
      const Visit visit = What(kernel, TaskId(at), false);
      if (visit == Visit::kHandle) {
        frame.r[kEntry] = at;
        return Next::Run(kFetched, rules_.c_fetch, RunMode::kKernel);
      }
      if (visit == Visit::kBad) {
        Warn(kernel, TaskId(at), KthreadWarning::kBadEntry);
        frame.r[kResult] = kEINVAL;
        if (rules_.breaks) break;
      }
      if (!Loops(at)) continue;
      // It would warn for ever, at no cost: said once.
      Say(kernel, KthreadEvent::kSelfLoop, at);
      break;
    }
    return Done(kernel, frame, frame.r[kResult]);
  }

  Next Done(Kernel& kernel, Frame& frame, int64_t result) {
    frame.r[kResult] = result;
    if (rules_.is_draft && result != 0) Restore(kernel, frame);
    SayUpdate(kernel, frame);
    return Next::Return(result);
  }

  // The operation fails and is undone, but this state's own opposite callback is not called.
  void Restore(Kernel& kernel, const Frame& frame) {
    const CpuId cpu(static_cast<int32_t>(frame.r[0]));
    const bool up = frame.path == kKthreadsOnlinePath;
    if (up ? rules_.online_enomem : rules_.offline_enomem) return;
    up ? own_online_.Remove(cpu) : own_online_.Add(cpu);
    SayCpus(kernel, KthreadEvent::kOnlineMask, own_online_);
  }

  void SayUpdate(Kernel& kernel, const Frame& frame) const {
    Say(kernel, KthreadEvent::kUpdate, frame.r[kResult], frame.r[kHandled],
        static_cast<int32_t>(frame.r[0]), frame.path == kKthreadsOnlinePath ? 1 : 0);
  }

  // Linux 7.2 kernel/sched/isolation.c: housekeeping_update(), and the update of the whole list.
  void IsolateAndUpdate(Kernel& kernel, const CpuSet& isolated) {
    CpuSet left;
    int64_t result = Allocate(kernel, TaskId()) ? Isolate(kernel, isolated, left) : kENOMEM;
    const bool counts = rules_.housekeeping == KthreadHousekeeping::kDomain;
    if (result == 0 && counts) SayCpus(kernel, KthreadEvent::kHousekeeping, left);
    if (result == 0 && counts && !rules_.is_draft) result = UpdateAll(kernel, left);
    Say(kernel, KthreadEvent::kIsolate, result);
  }

  int64_t UpdateAll(Kernel& kernel, const CpuSet& housekeeping) {
    int64_t result = 0, handled = 0;
    for (int32_t at = entries_[0].next; at != 0; at = entries_[static_cast<std::size_t>(at)].next) {
      const Visit visit = What(kernel, TaskId(at), true);
      if (visit == Visit::kHandle) {
        SetNow(kernel, TaskId(at), FetchWith(kernel, TaskId(at), housekeeping));
        ++handled;
      } else if (visit == Visit::kBad) {
        Warn(kernel, TaskId(at), KthreadWarning::kBadEntry);
        result = kEINVAL;
        if (rules_.breaks) break;
      }
      if (!Loops(at)) continue;
      Say(kernel, KthreadEvent::kSelfLoop, at);
      break;
    }
    Say(kernel, KthreadEvent::kUpdate, result, handled, -1, 0);
    return result;
  }

  const KthreadRules rules_;
  std::vector<Entry> entries_;  // by task
  CpuSet own_online_;           // the draft's
  CpuSet fetched_;              // of the update that is going on
  int64_t allocations_ = 0;
};

}  // namespace

KthreadRules KthreadRulesOf(const PolicyParams& params, bool is_draft) {
  KthreadRules rules;
  const bool as_sent = is_draft && params.Text("fixes") == "none";
  rules.is_draft = is_draft;
  rules.enomem_zero = as_sent || params.Fault("kthread.enomem_zero");
  rules.raw_mask = as_sent || params.Fault("kthread.raw_mask");
  rules.offline_enomem = as_sent || params.Fault("kthread.offline_enomem");
  rules.online_enomem = as_sent || params.Fault("kthread.online_enomem");
  rules.breaks = as_sent || params.Fault("kthread.break");
  rules.takes_late = params.Fault("kthread.late_call");
  rules.is_silent = params.Fault("kthread.silent_loss");
  const std::string_view second = params.Text("second_call");
  if (second == "eexist" || (is_draft && !as_sent && !params.Given("second_call"))) {
    rules.second_call = SecondCall::kEexist;
  }
  if (second == "hardened") rules.second_call = SecondCall::kHardened;
  if (params.Fault("kthread.second_call")) rules.second_call = SecondCall::kCorrupt;
  rules.refuses_bind = params.Text("bind_pref_policy") == "refuse";
  rules.respects_cpuset = params.Flag("cpuset_respect");
  rules.last_resort_online = params.Text("last_resort") == "hk_online";
  rules.has_update = params.Flag("ka_update");
  const std::string_view node = params.Text("node_policy");
  if (node == "snapshot") rules.node_policy = NodePolicy::kSnapshot;
  if (node == "callback") rules.node_policy = NodePolicy::kCallback;
  rules.housekeeping = HousekeepingOf(
      params, is_draft ? KthreadHousekeeping::kNohzFull : KthreadHousekeeping::kDomain);
  rules.fail_alloc = params.Integer("fail_alloc");
  rules.c_alloc = params.Length("c_alloc");
  rules.c_fetch = params.Length("c_fetch");
  rules.c_setaff = params.Length("c_setaff");
  return rules;
}

std::unique_ptr<KthreadPart> MakeKthreadList(const KthreadRules& rules, const Limits& limits) {
  return std::make_unique<KthreadList>(rules, limits);
}

}  // namespace rqsim
