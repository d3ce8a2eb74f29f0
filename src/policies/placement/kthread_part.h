// The part of a placement that looks after the affinity of kernel threads, and what all its
// variants declare. composed.h puts it beside a wake choice and a balancer.
//
//   bound          masks set by binding, nothing re-affines     kthread_bound.cc
//   manual         Linux 6.12: each subsystem by itself         kthread_manual.cc
//   preferred-rfc  the draft of July 2024, as it was sent       kthread_preferred_rfc.cc
//   preferred      Linux 7.2                                    kthread_preferred.cc
//
// Origin: kthread-affinity.md. The last two share kthread_list.h.
#ifndef RQSIM_POLICIES_PLACEMENT_KTHREAD_PART_H_
#define RQSIM_POLICIES_PLACEMENT_KTHREAD_PART_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "rqsim/kernel.h"
#include "rqsim/policy.h"
#include "rqsim/seams.h"

namespace rqsim {

// Hooks: Placement::OnKthreadCall, OnStart, OnTask, Step, HasHotplugCallback, Describe.
class KthreadPart {
 public:
  virtual ~KthreadPart() = default;
  // Which of kOnStart and kOnTask it wants.
  virtual HookMask Hooks() const { return HookMask(); }
  virtual void Start(Kernel&) {}
  virtual void Call(Kernel& kernel, const KthreadCall& call) = 0;
  virtual void Exiting(Kernel&, TaskId) {}
  // Its mask, or what the user asked for, has changed.
  virtual void AffinityChanged(Kernel&, TaskId) {}
  // The fallback overwrites the mask of a kernel thread.
  virtual void Overwritten(Kernel&, TaskId) {}
  virtual bool HasCallback(PathId) const { return false; }
  virtual Next Step(Kernel&, Frame&) { return Next::Return(0); }
  virtual void Describe(const Kernel&, TaskId, StateWriter&) const {}
};

// Paths, behind that of the balancer: callbacks of hotplug states. r[0] is the CPU.
inline constexpr PathId kKthreadsOnlinePath{1};
inline constexpr PathId kKthreadsOfflinePath{2};
inline constexpr PathId kRcuOnlinePath{3};
inline constexpr PathId kRcuOfflinePath{4};
inline constexpr PathId kKcompactdOnlinePath{5};
inline constexpr StepInfo kKthreadUpdateSteps[] = {
    {"enter"}, {"alloc"}, {"fetch"}, {"setaff"}, {"moved"}};
inline constexpr int kRcuTreeOnlineState = 189;     // CPUHP_AP_RCUTREE_ONLINE
inline constexpr int kKthreadsOnlineState = 190;    // CPUHP_AP_KTHREADS_ONLINE
inline constexpr int kCompactionOnlineState = 192;  // the first dynamic state
inline constexpr HotplugCallbackInfo kKthreadCallbacks[] = {
    {.name = "kthreads:online",
     .state = kKthreadsOnlineState,
     .startup = kKthreadsOnlinePath,
     .teardown = kKthreadsOfflinePath},
    {.name = "RCU/tree:online",
     .state = kRcuTreeOnlineState,
     .startup = kRcuOnlinePath,
     .teardown = kRcuOfflinePath},
    {.name = "mm/compaction:online",
     .state = kCompactionOnlineState,
     .startup = kKcompactdOnlinePath,
     .teardown = PathId()},
};

// Events, at these positions.
enum class KthreadEvent : int {
  kAffinePreferred,
  kAffinePreferredUpdate,
  kBindMask,
  kIsolate,
  kPreference,
  kHousekeeping,
  kWarning,
  kUpdate,
  kSetaff,
  kList,
  kSelfLoop,
  kLeak,
  kOnlineMask,
  kBindingLost,
  kNoMemory,
  kUser,
  kCpusetEscape,
};
// kPreference: what a thread prefers.
enum class KthreadPreference : int32_t { kNone, kCpus, kNode };
// kWarning.
enum class KthreadWarning : int32_t {
  kNotInactive,    // affine_preferred after the first wake-up
  kSecondCall,     // it has a preference already
  kLinkedAlready,  // it is on the list already
  kBadEntry,       // the update found an entry that may not be there
  kNoPreference,   // an update of what it never had
};

inline constexpr EventFieldInfo kKthreadResultFields[] = {{"pid", FieldKind::kTask}, {"result"}};
inline constexpr EventFieldInfo kKthreadIsolateFields[] = {{"result"}};
inline constexpr EventFieldInfo kKthreadMaskFields[] = {
    {"mask"}, {"mask_high"}, {"pid", FieldKind::kTask}, {"first"}, {"what"}, {"node"}};
inline constexpr EventFieldInfo kKthreadCpusFields[] = {{"mask"}, {"mask_high"}, {"first"}};
inline constexpr EventFieldInfo kKthreadWhatFields[] = {{"pid", FieldKind::kTask}, {"what"}};
inline constexpr EventFieldInfo kKthreadUpdateFields[] = {
    {"result"}, {"handled"}, {"cpu", FieldKind::kCpu}, {"up"}};
inline constexpr EventFieldInfo kKthreadListFields[] = {{"pid", FieldKind::kTask}, {"linked"}};
inline constexpr EventFieldInfo kKthreadPidFields[] = {{"pid", FieldKind::kTask}};
inline constexpr EventInfo kKthreadEvents[] = {
    {.name = "kthread_affine_preferred",
     .fields = kKthreadResultFields,
     .summary = "a preference was asked for before the first wake-up"},
    {.name = "kthread_affine_preferred_update",
     .fields = kKthreadResultFields,
     .summary = "… and another one at run time"},
    {.name = "kthread_bind_mask", .fields = kKthreadResultFields, .summary = "a thread was bound"},
    {.name = "kthread_isolate",
     .fields = kKthreadIsolateFields,
     .summary = "the isolated CPUs were to change"},
    {.name = "kthread_preference",
     .fields = kKthreadMaskFields,
     .summary = "what a thread prefers (what: 0 nothing, 1 CPUs, 2 a node), 128 CPUs a record"},
    {.name = "kthread_housekeeping",
     .fields = kKthreadCpusFields,
     .summary = "the CPUs that kernel threads are kept on, 128 a record"},
    {.name = "kthread_warning",
     .fields = kKthreadWhatFields,
     .summary = "0 not inactive, 1 second call, 2 linked already, 3 bad entry, 4 no preference"},
    {.name = "kthread_update",
     .fields = kKthreadUpdateFields,
     .summary = "the list was gone through (cpu -1: not by hotplug)"},
    {.name = "kthread_setaff",
     .fields = kKthreadResultFields,
     .summary = "… and a mask set, or refused"},
    {.name = "kthread_list",
     .fields = kKthreadListFields,
     .summary = "a thread left the list (0), came onto it (1), or once more (2)"},
    {.name = "kthread_self_loop", .fields = kKthreadPidFields, .summary = "the list never ends"},
    {.name = "kthread_leak", .fields = kKthreadPidFields, .summary = "a mask was lost"},
    {.name = "kthread_online_mask",
     .fields = kKthreadCpusFields,
     .summary = "the draft's own idea of the online CPUs, 128 a record"},
    {.name = "kthread_binding_lost",
     .fields = kKthreadPidFields,
     .summary = "the fallback overwrote the mask of a bound thread"},
    {.name = "kthread_enomem", .fields = kKthreadPidFields, .summary = "an allocation failed"},
    {.name = "kthread_user",
     .fields = kKthreadWhatFields,
     .summary = "a mask that the user asked for is remembered from now on (1), or not (0)"},
    {.name = "kthread_cpuset_escape",
     .fields = kKthreadPidFields,
     .summary = "an update gives a thread CPUs outside its cpuset"},
};

// F1 to F6 of kthread-affinity.md 8, and two that make the remaining invariants show.
inline constexpr FaultInfo kKthreadFaults[] = {
    {.name = "kthread.enomem_zero",
     .summary = "F1: kthread_affine_preferred() gives 0 when it has no memory",
     .caught_by = "KA-I5"},
    {.name = "kthread.raw_mask",
     .summary = "F2: the caller's mask is applied, not the computed one",
     .caught_by = "KA-I4"},
    {.name = "kthread.second_call",
     .summary = "F3: a second kthread_affine_preferred() is not refused",
     .caught_by = "KA-I8"},
    {.name = "kthread.offline_enomem",
     .summary = "F4: a failed way down leaves the CPU out of the draft's online mask",
     .caught_by = "KA-I9"},
    {.name = "kthread.online_enomem",
     .summary = "F5: a failed way up leaves the CPU in the draft's online mask",
     .caught_by = "KA-I9"},
    {.name = "kthread.break",
     .summary = "F6: an update stops at a bad entry",
     .caught_by = "KA-I3"},
    {.name = "kthread.late_call",
     .summary = "kthread_affine_preferred() is taken after the first wake-up",
     .caught_by = "KA-I7"},
    {.name = "kthread.silent_loss",
     .summary = "nobody is told that the fallback overwrites the mask of a bound thread",
     .caught_by = "KA-I2"},
};

// Metrics, which the checker of kernel threads counts.
inline constexpr MetricInfo kKthreadMetrics[] = {
    {"kthread_updates", "the list of kernel threads was gone through"},
    {"kthread_moves", "kernel threads changed their CPU"},
    {"kthread_setaff_ignored", "masks that could not be set, and nobody looked"},
    {"kthread_bindings_lost", "bound threads whose mask the fallback overwrote"},
    {"kthread_leaks", "masks that a second call lost"},
    {"kthread_warnings", "warnings of the affinity code"},
    {"kthread_cpuset_escapes", "updates that gave a thread CPUs outside its cpuset"},
    {"kthread_hotplug_cycles", "of state 190, in all hotplug operations together"},
    {"kthread_off_preferred", "cycles of threads where they did not prefer to be, but could have"},
    {"kthread_isolated_noise", "cycles of unbound threads on isolated CPUs"},
};

// What all variants do the same way, and the events.
class KthreadVoice : public KthreadPart {
 public:
  // `is_silent`: fault kthread.silent_loss.
  KthreadVoice(PolicyId self, bool is_silent) : self_(self), is_silent_(is_silent) {}
  void Overwritten(Kernel& kernel, TaskId task) override;

 protected:
  void Say(Kernel& kernel, KthreadEvent event, int64_t first, int64_t second = 0, int32_t third = 0,
           int32_t fourth = 0) const;
  void Warn(Kernel& kernel, TaskId task, KthreadWarning what) const {
    Say(kernel, KthreadEvent::kWarning, task.value(), static_cast<int64_t>(what));
  }
  void SayPreference(Kernel& kernel, TaskId task, KthreadPreference what, const CpuSet& cpus,
                     int node) const;
  // kHousekeeping or kOnlineMask.
  void SayCpus(Kernel& kernel, KthreadEvent event, const CpuSet& cpus) const;

  // kthread_bind_mask(). `refused`: somebody objects.
  void Bind(Kernel& kernel, const KthreadCall& call, bool refused = false) const;
  // housekeeping_update() as far as the mask is concerned: 0 or an errno. The mask takes effect
  // when the hook returns; `left` is what it will be.
  int64_t Isolate(Kernel& kernel, const CpuSet& isolated, CpuSet& left) const;
  // A call to a kernel from before kthread_affine_preferred(): what it has is done, the rest gives
  // -ENOSYS.
  void CallWithoutPreference(Kernel& kernel, const KthreadCall& call) const;

 private:
  PolicyId self_;
  bool is_silent_;
};

// The CPUs that kernel threads are kept on: those that are not isolated, or those without
// nohz_full (kthread-affinity.md 3).
enum class KthreadHousekeeping : uint8_t { kDomain, kNohzFull };
CpuSet KthreadHousekeepingCpus(const Kernel& kernel, KthreadHousekeeping type);
// What the parameter hk_kthread says; `usual` is that of the variant.
KthreadHousekeeping HousekeepingOf(const PolicyParams& params, KthreadHousekeeping usual);

// All possible CPUs of a node.
CpuSet PossibleCpusOf(const Kernel& kernel, int node);

// The variants. `params` are those of a placement.
std::unique_ptr<KthreadPart> MakeKthreadBound(const PolicyParams& params, const Limits& limits);
std::unique_ptr<KthreadPart> MakeKthreadManual(const PolicyParams& params, const Limits& limits);
std::unique_ptr<KthreadPart> MakeKthreadPreferredRfc(const PolicyParams& params,
                                                     const Limits& limits);
std::unique_ptr<KthreadPart> MakeKthreadPreferred(const PolicyParams& params, const Limits& limits);
// The one that the parameter `kthread` names.
std::unique_ptr<KthreadPart> MakeKthreadPart(const PolicyParams& params, const Limits& limits);

}  // namespace rqsim

#endif  // RQSIM_POLICIES_PLACEMENT_KTHREAD_PART_H_
