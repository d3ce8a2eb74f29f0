#include "sim/views/kthread_checker.h"

#include <fmt/format.h>

#include <algorithm>

#include "rqsim/cpuhp_kick.h"
#include "rqsim/policy.h"

namespace rqsim {
namespace {

// The events that every placement declares, by their names: a listener knows no policy.
enum class Said : int {
  kAffinePreferred,
  kBindMask,
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
  kUser,
  kCpusetEscape,
  kNothing,
};
struct SaidName {
  Said said;
  std::string_view name;
};
constexpr SaidName kSaid[] = {{Said::kAffinePreferred, "kthread_affine_preferred"},
                              {Said::kBindMask, "kthread_bind_mask"},
                              {Said::kPreference, "kthread_preference"},
                              {Said::kHousekeeping, "kthread_housekeeping"},
                              {Said::kWarning, "kthread_warning"},
                              {Said::kUpdate, "kthread_update"},
                              {Said::kSetaff, "kthread_setaff"},
                              {Said::kList, "kthread_list"},
                              {Said::kSelfLoop, "kthread_self_loop"},
                              {Said::kLeak, "kthread_leak"},
                              {Said::kOnlineMask, "kthread_online_mask"},
                              {Said::kBindingLost, "kthread_binding_lost"},
                              {Said::kUser, "kthread_user"},
                              {Said::kCpusetEscape, "kthread_cpuset_escape"}};

Said SaidOf(std::string_view name) {
  for (const SaidName& row : kSaid) {
    if (row.name == name) return row.said;
  }
  return Said::kNothing;
}

constexpr int kPart = 128;
constexpr int kOwnState = 190;  // CPUHP_AP_KTHREADS_ONLINE

void SetPart(CpuSet& cpus, const uint64_t (&mask)[2], int first, int num_cpus) {
  for (int k = 0; k < kPart && first + k < num_cpus; ++k) {
    const CpuId cpu(first + k);
    ((mask[k / 64] >> (k % 64)) & 1u) != 0 ? cpus.Add(cpu) : cpus.Remove(cpu);
  }
}
void SetPart(CpuSet& cpus, const PolicyEventPayload& payload, int first, int num_cpus) {
  const uint64_t mask[2] = {static_cast<uint64_t>(payload.wide[0]),
                            static_cast<uint64_t>(payload.wide[1])};
  SetPart(cpus, mask, first, num_cpus);
}

}  // namespace

EventMask KthreadChecker::Wants() const {
  return EventMask::Of(EventKind::kTaskCpus, EventKind::kSchedSwitch, EventKind::kSchedQueue,
                       EventKind::kSchedWakeupNew, EventKind::kSchedMigrateTask,
                       EventKind::kTaskAttr, EventKind::kSchedProcessExit, EventKind::kHotplugMask,
                       EventKind::kHotplugOp, EventKind::kCpuhpEnter, EventKind::kCpuhpExit)
      .AddPolicyEvents();
}

void KthreadChecker::OnStart(const RunInfo& info, ViolationSink& sink) {
  info_ = &info;
  sink_ = &sink;
  now_ = Time();
  threads_.assign(static_cast<std::size_t>(info.num_tasks()), Thread());
  for (std::size_t p = 0; p < info.policies().size(); ++p) {
    const PolicyInfo& policy = *info.policies()[p];
    if (policy.seam != Seam::kPlacement || policy.events.empty()) continue;
    first_event_ = static_cast<int>(info.first_event_kind(PolicyId(static_cast<int32_t>(p))));
    said_.clear();
    for (const EventInfo& event : policy.events) {
      said_.push_back(static_cast<int>(SaidOf(event.name)));
    }
  }
  const MachineSpec& machine = info.scenario().machine;
  for (std::size_t c = 0; c < machine.cpus.size(); ++c) {
    if (machine.cpus[c].online) online_.Add(CpuId(static_cast<int32_t>(c)));
  }
  own_online_ = online_;
  housekeeping_ = CpuSet::FirstN(info.num_cpus());
  FindThreads();
}

// Threads by their names: ids are the run's business.
void KthreadChecker::FindThreads() {
  for (const TaskSpec& spec : info_->scenario().kthreads) {
    if (!spec.affinity && spec.cpus) continue;
    for (int k = 0; k < spec.instances; ++k) {
      const std::string name = spec.instances == 1 ? spec.name : fmt::format("{}-{}", spec.name, k);
      for (int id = 1; id < info_->num_tasks(); ++id) {
        if (info_->task_name(TaskId(id)) != name) continue;
        Know(TaskId(id), spec);
        break;
      }
    }
  }
}

// A child is called like its template, with its number behind it.
void KthreadChecker::FindForked(TaskId child) {
  const std::string_view name = info_->task_name(child);
  for (const TaskSpec& spec : info_->scenario().kthreads) {
    if (spec.instances != 0 || (!spec.affinity && spec.cpus)) continue;
    if (name == fmt::format("{}-{}", spec.name, child.value())) Know(child, spec);
  }
}

void KthreadChecker::Know(TaskId id, const TaskSpec& spec) {
  Thread& thread = Of(id);
  const KthreadAffinity affinity = spec.affinity.value_or(KthreadAffinity());
  thread.known = true;
  thread.kind = affinity.kind;
  thread.node = affinity.node;
  thread.is_bound = affinity.kind == KthreadKind::kPerCpu || affinity.kind == KthreadKind::kBound;
  if (thread.is_bound) thread.bound_to = affinity.cpus;
  known_.push_back(id);
  Touch(id);
}

KthreadChecker::Thread& KthreadChecker::Of(TaskId id) {
  if (id.index() >= threads_.size()) threads_.resize(id.index() + 1);
  return threads_[id.index()];
}

void KthreadChecker::Touch(TaskId id) {
  Thread& thread = Of(id);
  if (!thread.known || thread.dirty) return;
  thread.dirty = true;
  dirty_.push_back(id);
}

void KthreadChecker::OnEvent(const TraceEvent& event) {
  if (event.t != now_) {
    Settle();
    now_ = event.t;
  }
  switch (event.kind()) {
    case EventKind::kTaskCpus:
      OnCpus(event.As<TaskCpus>());
      return;
    case EventKind::kSchedSwitch:
      OnSwitch(event.As<SchedSwitch>(), event.cpu());
      return;
    case EventKind::kSchedQueue: {
      const auto queue = event.As<SchedQueue>();
      Of(queue.pid).queued_on = queue.queued != 0 ? queue.queue : CpuId();
      Touch(queue.pid);
      return;
    }
    case EventKind::kSchedWakeupNew:
      Of(event.As<SchedWakeupNew>().pid).started = true;
      return;
    case EventKind::kSchedMigrateTask:
      if (Of(event.As<SchedMigrateTask>().pid).known) ++moves_;
      return;
    case EventKind::kTaskAttr:
      if (event.As<TaskAttr>().attribute == TaskAttrKind::kCreated) {
        FindForked(event.As<TaskAttr>().pid);
      }
      return;
    case EventKind::kSchedProcessExit:
      Of(event.As<SchedProcessExit>().pid).dead = true;
      if (Of(event.As<SchedProcessExit>().pid).listed) {
        Report(8, event.As<SchedProcessExit>().pid, "a thread that ends is still on the list");
      }
      return;
    case EventKind::kHotplugMask:
      OnMask(event.As<HotplugMask>());
      return;
    case EventKind::kHotplugOp:
      if (event.As<HotplugOp>().phase == HotplugPhase::kDone) CheckOwnOnline();
      return;
    case EventKind::kCpuhpEnter:
      if (const auto enter = event.As<CpuhpEnter>();
          enter.idx == kOwnState && enter.up != kCpuhpKick) {
        callback_since_ = now_;
      }
      return;
    case EventKind::kCpuhpExit:
      if (event.As<CpuhpExit>().idx == kOwnState && callback_since_ != kNever) {
        hotplug_cycles_ += (now_ - callback_since_).count();
        callback_since_ = kNever;
      }
      return;
    default:
      break;
  }
  const int which = static_cast<int>(event.kind()) - first_event_;
  if (first_event_ == 0 || which < 0 || which >= static_cast<int>(said_.size())) return;
  OnDeclared(said_[static_cast<std::size_t>(which)], event.As<PolicyEventPayload>());
}

void KthreadChecker::OnCpus(const TaskCpus& cpus) {
  Thread& thread = Of(cpus.pid);
  if (!thread.known) return;
  SetPart(thread.mask, cpus.mask, cpus.first, info_->num_cpus());
  // A mask that no update has set: its maker's before the first wake-up, the fallback's behind it.
  if (thread.set_at != now_) {
    const bool is_bug = (housekeeping_ & (online_ - dying_)).empty();
    const std::string_view fallback = is_bug ? kIsolatedByNeed : kIsolatedByFallback;
    thread.mask_by = thread.started ? fallback : kIsolatedByCaller;
  }
  Touch(cpus.pid);
}

void KthreadChecker::OnSwitch(const SchedSwitch& change, CpuId cpu) {
  Thread& prev = Of(change.prev_pid);
  if (prev.known) {
    BookRun(prev);
    prev.runs_on = CpuId();
    if (change.prev_state.letter != 'R') prev.queued_on = CpuId();
  }
  Thread& next = Of(change.next_pid);
  if (!next.known) return;
  next.runs_on = cpu;
  next.since = now_;
  Touch(change.next_pid);
  const bool is_per_cpu = next.kind == KthreadKind::kPerCpu;
  const bool is_told = next.binding_lost && !is_per_cpu;
  if (!next.is_bound || is_told || next.bound_to.Contains(cpu)) return;
  Report(is_per_cpu ? 1 : 2, change.next_pid,
         fmt::format("{} runs on CPU {}, and is bound to CPU {}", Name(change.next_pid),
                     cpu.value(), next.bound_to.ToString()));
}

void KthreadChecker::OnMask(const HotplugMask& change) {
  if (change.mask == HotplugMaskKind::kDying) {
    change.on != 0 ? dying_.Add(change.cpu) : dying_.Remove(change.cpu);
  }
  if (change.mask != HotplugMaskKind::kOnline) return;
  BookAll();
  change.on != 0 ? online_.Add(change.cpu) : online_.Remove(change.cpu);
  for (const TaskId id : known_) Touch(id);
}

void KthreadChecker::OnDeclared(int said, const PolicyEventPayload& payload) {
  const TaskId task(static_cast<int32_t>(payload.wide[0]));
  switch (static_cast<Said>(said)) {
    case Said::kAffinePreferred:
      OnPreferred(task, payload.wide[1]);
      break;
    case Said::kBindMask:
      if (payload.wide[1] != 0) break;
      Of(task).is_bound = true;
      Of(task).binding_lost = false;
      Of(task).bound_to = Of(task).mask;
      break;
    case Said::kPreference: {
      Thread& thread = Of(TaskId(payload.narrow[0]));
      BookRun(thread);
      thread.prefers = payload.narrow[2] == 1;
      SetPart(thread.preference, payload, payload.narrow[1], info_->num_cpus());
      break;
    }
    case Said::kHousekeeping:
      BookAll();
      SetPart(housekeeping_, payload, payload.narrow[0], info_->num_cpus());
      for (const TaskId id : known_) Touch(id);
      break;
    case Said::kWarning:
      ++warnings_;
      break;
    case Said::kUpdate:
      ++updates_;
      OnUpdate(payload.wide[0], payload.narrow[0] < 0);
      break;
    case Said::kSetaff:
      OnSetaff(Of(task), payload.wide[1] != 0);
      break;
    case Said::kList:
      if (payload.wide[1] == 2) {
        Report(8, task, fmt::format("{} is put on the list a second time", Name(task)));
      }
      Of(task).listed = payload.wide[1] != 0;
      Touch(task);
      break;
    case Said::kSelfLoop:
      if (!loop_reported_) {
        Report(8, task,
               fmt::format("list_self_loop: the list comes back to {} for ever", Name(task)), true);
      }
      loop_reported_ = true;
      break;
    case Said::kLeak:
      ++leaks_;
      break;
    case Said::kOnlineMask:
      SetPart(own_online_, payload, payload.narrow[0], info_->num_cpus());
      break;
    case Said::kBindingLost:
      ++lost_;
      Of(task).binding_lost = true;
      break;
    case Said::kUser:
      Of(task).user = payload.wide[1] != 0;
      Touch(task);
      break;
    case Said::kCpusetEscape:
      ++escapes_;
      break;
    case Said::kNothing:
      break;
  }
}

void KthreadChecker::OnSetaff(Thread& thread, bool is_refused) {
  thread.refused = is_refused;
  thread.set_at = now_;
  thread.mask_by = is_refused ? kIsolatedByRefusal : kIsolatedByNobody;
  if (is_refused) ++refused_;
}

void KthreadChecker::OnPreferred(TaskId task, int64_t result) {
  Thread& thread = Of(task);
  if (result != 0) return;
  if (thread.started) {
    Report(7, task, fmt::format("{} gets a preference after its first wake-up", Name(task)));
  }
  if (!thread.prefers) {
    Report(5, task, fmt::format("{} was told that it prefers CPUs, and does not", Name(task)));
  }
}

// Masks that the update asked for are set when its hook is over: looked at with the instant.
void KthreadChecker::OnUpdate(int64_t result, bool all) {
  if (result == kENOMEM) return;
  update_due_ = all || update_due_.value_or(false);
}

CpuSet KthreadChecker::WantedOf(const Thread& thread) const {
  if (thread.prefers) return thread.preference;
  if (thread.node < 0) return housekeeping_;
  CpuSet cpus;
  const std::vector<CpuSpec>& specs = info_->scenario().machine.cpus;
  for (CpuId c = online_.First(); c.valid(); c = online_.After(c)) {
    if (specs[c.index()].node == thread.node) cpus.Add(c);
  }
  return cpus;
}

CpuSet KthreadChecker::Fetch(const Thread& thread) const {
  CpuSet mask = WantedOf(thread) & housekeeping_;
  if (promises_.is_draft) mask = mask & own_online_;
  if (!mask.empty()) return mask;
  return promises_.last_resort_online ? housekeeping_ & online_ : housekeeping_;
}

void KthreadChecker::CheckUpdated(TaskId id, bool all) {
  Thread& thread = Of(id);
  const bool refused = thread.refused;
  thread.refused = false;
  if (thread.dead || thread.user || thread.is_bound || !thread.listed) return;
  if (!all && !thread.prefers && thread.node < 0) return;
  if (promises_.respects_cpuset) return;
  const CpuSet fetched = Fetch(thread);
  if (!refused && thread.mask != fetched) {
    Report(3, id,
           fmt::format("after the update {} may run on CPU {}, and should on CPU {}", Name(id),
                       thread.mask.ToString(), fetched.ToString()));
  }
  const CpuSet staying = online_ - dying_;
  const CpuSet best = WantedOf(thread) & housekeeping_ & staying;
  if (!best.empty() && !((thread.mask & staying) - best).empty()) {
    Report(5, id,
           fmt::format("after the update {} may run on CPU {}, and prefers CPU {}", Name(id),
                       (thread.mask & online_).ToString(), best.ToString()));
  }
}

void KthreadChecker::CheckOwnOnline() {
  const bool is_broken = promises_.is_draft && own_online_ != online_;
  if (is_broken == broken_own_) return;
  broken_own_ = is_broken;
  if (!is_broken) return;
  Report(9, TaskId(),
         fmt::format("CPU {} is online, and the draft takes CPU {} for it", online_.ToString(),
                     own_online_.ToString()));
}

// Cycles that a thread has run where it should not, since the last look.
void KthreadChecker::BookRun(Thread& thread) {
  if (!thread.known || !thread.runs_on.valid()) return;
  const int64_t length = (now_ - thread.since).count();
  thread.since = now_;
  const CpuId cpu = thread.runs_on;
  if (!housekeeping_.Contains(cpu) && !thread.is_bound) isolated_noise_ += length;
  const bool has_own = thread.prefers || thread.node >= 0;
  if (!has_own || thread.is_bound) return;
  const CpuSet wanted = WantedOf(thread);
  if (!wanted.Contains(cpu) && !(wanted & housekeeping_ & online_).empty()) {
    off_preferred_ += length;
  }
}

void KthreadChecker::BookAll() {
  for (const TaskId id : known_) BookRun(Of(id));
}

void KthreadChecker::Settle() {
  if (update_due_) {
    for (const TaskId id : known_) CheckUpdated(id, *update_due_);
    update_due_.reset();
  }
  for (const TaskId id : dirty_) SettleThread(id);
  dirty_.clear();
}

void KthreadChecker::SettleThread(TaskId id) {
  Thread& thread = Of(id);
  thread.dirty = false;
  if (keeps_masks_ && thread.mask != thread.mask_told) {
    thread.mask_told = thread.mask;
    masks_.push_back({id, now_, thread.mask.ToString()});
  }
  if (thread.dead) return;
  const CpuSet isolated = thread.mask - housekeeping_;
  const bool leaks = thread.listed && !thread.user && !thread.is_bound && !isolated.empty();
  if (leaks && !thread.broken_isolation) {
    Report(4, id,
           fmt::format("{} may run on CPU {}, which is isolated: {}", Name(id), isolated.ToString(),
                       thread.mask_by));
  }
  thread.broken_isolation = leaks;
  const bool is_runnable = thread.queued_on.valid() || thread.runs_on.valid();
  const bool is_lost = is_runnable && (thread.mask & online_).empty();
  if (is_lost && !thread.broken_place) {
    Report(6, id,
           fmt::format("{} is runnable, and no CPU of its mask ({}) is online", Name(id),
                       thread.mask.ToString()));
  }
  thread.broken_place = is_lost;
}

void KthreadChecker::OnEnd(const RunEnd& end) {
  Settle();
  now_ = end.end;
  BookAll();
}

std::vector<KthreadMask> KthreadChecker::TakeMasks() {
  // total order: a thread changes once at an instant.
  std::sort(masks_.begin(), masks_.end(), [](const KthreadMask& a, const KthreadMask& b) {
    return a.at != b.at ? a.at < b.at : a.task < b.task;
  });
  return std::move(masks_);
}

void KthreadChecker::AddTo(std::vector<std::pair<std::string, int64_t>>& metrics) const {
  metrics.emplace_back("kthread_updates", updates_);
  metrics.emplace_back("kthread_moves", moves_);
  metrics.emplace_back("kthread_setaff_ignored", refused_);
  metrics.emplace_back("kthread_bindings_lost", lost_);
  metrics.emplace_back("kthread_leaks", leaks_);
  metrics.emplace_back("kthread_warnings", warnings_);
  metrics.emplace_back("kthread_cpuset_escapes", escapes_);
  metrics.emplace_back("kthread_hotplug_cycles", hotplug_cycles_);
  metrics.emplace_back("kthread_off_preferred", off_preferred_);
  metrics.emplace_back("kthread_isolated_noise", isolated_noise_);
}

void KthreadChecker::Report(int number, TaskId task, std::string message, bool is_fatal) {
  if (!reports_) return;
  Violation violation;
  violation.id = fmt::format("KA-I{}", number);
  violation.at = now_;
  violation.task = task;
  violation.message = std::move(message);
  sink_->Report(std::move(violation),
                is_fatal ? ViolationSink::Severity::kFatal : ViolationSink::Severity::kContinue);
}

}  // namespace rqsim
