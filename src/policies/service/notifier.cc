// CPU hotplug as it was in 2012: subsystems register notifiers, and every step of an operation goes
// through the whole chain of them.
//
// Origin: the thread "CPU Hotplug rework" of April 2012 and Linux 3.4 kernel/cpu.c and
// include/linux/cpu.h; hotplug.md 4. Two ways to get a CPU to leave: stop_machine, for which every
// CPU gives up what it does, and the outline of that thread, in which the idle loop of the CPU
// takes itself down while all others run on (`offline_sync`). Threads bound to a CPU are stopped
// and made anew, moved elsewhere meanwhile, or parked (`kthread_mode`). A request of the scenario's
// `hotplug` is carried out as under `cpuhp` (MODEL-170, MODEL-171); threads that are stopped and
// made anew are parked ones whose costs are those of stopping and making (MODEL-174).
//
// Cost: O(notifiers) for a round, O(tasks) for DYING. Tested by scenarios/hotplug/.
#include "service/notifier.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "policies.h"
#include "service/notifier_events.h"

namespace rqsim {
namespace notifier {
namespace {

constexpr StepInfo kFreezeSteps[] = {{"next"}, {"done"}};
constexpr StepInfo kReaderSteps[] = {{"enter"}, {"owner"}};
// Where a step of hotplug.md 4.5 begins it bears its number; those of 4.4 that are the same, too.
constexpr StepInfo kDownSteps[] = {
    {"i"},   {"locked"}, {"ii"}, {"prepared"}, {"failed"}, {"park"},  {"frozen"}, {"stopped"},
    {"iii"}, {"iv"},     {"v"},  {"flag"},     {"vii"},    {"ready"}, {"viii"},   {"dead"},
    {"ix"},  {"x"},      {"xi"}, {"unlock"},   {"done"},   {"error"}};
constexpr StepInfo kUpSteps[] = {{"begin"}, {"locked"}, {"threads"}, {"prepare"}, {"canceled"},
                                 {"boot"},  {"up"},     {"unpark"},  {"online"},  {"unlocked"}};
constexpr StepInfo kChainSteps[] = {{"first"}, {"called"}};
constexpr StepInfo kThreadSteps[] = {{"idle"}, {"ran"}, {"park"}};
constexpr StepInfo kIdleSteps[] = {{"vi"}, {"ready"}};
constexpr StepInfo kStartSteps[] = {{"starting"}, {"started"}};
constexpr PathInfo kPaths[] = {{"controller", hotplug::kControllerSteps},
                               {"offline", hotplug::kTaskOpSteps},
                               {"online", hotplug::kTaskOpSteps},
                               {"read_lock", kReaderSteps},
                               {"read_unlock", kReaderSteps},
                               {"register", kReaderSteps},
                               {"init", kReaderSteps},
                               {"touch", kReaderSteps},
                               {"down", kDownSteps},
                               {"up", kUpSteps},
                               {"chain", kChainSteps},
                               {"thread", kThreadSteps},
                               {"stop", kStopMachineSteps},
                               {"idle", kIdleSteps},
                               {"start", kStartSteps},
                               {"test_online", hotplug::kUserSteps},
                               {"for_each", hotplug::kUserSteps},
                               {"bh_off", hotplug::kUserSteps},
                               {"unregister", kReaderSteps},
                               {"register_hotcpu", kReaderSteps},
                               {"unregister_hotcpu", kReaderSteps},
                               {"call_rcu", kReaderSteps},
                               {"freeze", kFreezeSteps}};

constexpr std::array kOwnOps = {
    ServiceOpInfo{.name = "register_cpu_notifier",
                  .path = kRegisterOp,
                  .pays_syscall = false,
                  .args = "notifier",
                  .summary = "a notifier joins the chain"},
    ServiceOpInfo{.name = "unregister_cpu_notifier",
                  .path = kUnregisterOp,
                  .pays_syscall = false,
                  .args = "notifier",
                  .summary = "a notifier leaves the chain"},
    ServiceOpInfo{.name = "register_hotcpu_notifier",
                  .path = kRegisterHotcpuOp,
                  .pays_syscall = false,
                  .args = "notifier",
                  .summary = "the same, but nothing where hotplug is not configured"},
    ServiceOpInfo{.name = "unregister_hotcpu_notifier",
                  .path = kUnregisterHotcpuOp,
                  .pays_syscall = false,
                  .args = "notifier"},
    ServiceOpInfo{.name = "call_rcu",
                  .path = kCallRcuOp,
                  .pays_syscall = false,
                  .summary = "a callback joins RCU's list of this CPU"},
    ServiceOpInfo{.name = "init_online_cpus",
                  .path = kInitOp,
                  .pays_syscall = false,
                  .args = "notifier",
                  .summary = "a subsystem sets itself up for every CPU that is online now"},
    ServiceOpInfo{.name = "set_bit_of_w",
                  .path = kTouchOp,
                  .pays_syscall = false,
                  .args = "bit",
                  .summary = "sets a bit of the object that DYING notifiers change"}};
constexpr auto kOps = hotplug::Joined(hotplug::kOps, kOwnOps);

constexpr EventFieldInfo kNotifyFields[] = {{"event"}, {"ret"}, {"cpu_nb"}};
constexpr EventFieldInfo kViewFields[] = {{"cpu"}, {"nb"}, {"on"}};
constexpr EventFieldInfo kBadFields[] = {{"cpu"}, {"nb"}};
constexpr EventFieldInfo kRaceFields[] = {{"cpu"}, {"lost"}};
constexpr EventFieldInfo kObjectFields[] = {{"value"}};
constexpr EventFieldInfo kDepFields[] = {{"cycles"}, {"off"}, {"user_used"}, {"mirrored"}};
constexpr EventFieldInfo kRaFields[] = {{"cycles"}, {"cpu"}};
constexpr EventFieldInfo kStragglerFields[] = {{"cpu"}, {"tasks"}};
constexpr EventFieldInfo kSetupFields[] = {{"dup"}, {"missed"}, {"nb"}};
constexpr EventFieldInfo kFlagFields[] = {{"cpu"}, {"ready"}};
constexpr EventFieldInfo kKthreadFields[] = {{"cycles"}, {"cpu"}, {"up"}};
constexpr EventFieldInfo kRetryFields[] = {{"count"}};
constexpr std::string_view kNumerals[] = {"", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii",
                                          "ix", "x", "xi",
                                          // hotplug.md 4.4, 4 to 6.
                                          "park", "stop_machine", "die"};
void StepText(int64_t step, std::string& out) { out += kNumerals[step]; }
constexpr EventFieldInfo kStepFields[] = {{"cpu"}, {"step", FieldKind::kSymbol, StepText}};
constexpr EventFieldInfo kThreadFields[] = {{"cpu"}, {"place"}, {"task", FieldKind::kTask}};
constexpr EventFieldInfo kRcuCoreFields[] = {{"cpu"}, {"kthread"}};
constexpr EventFieldInfo kRcuListFields[] = {{"cpu"}, {"callbacks"}, {"orphans"}, {"lost"}};
constexpr EventFieldInfo kDeadlockFields[] = {
    {"cpu"}, {"owner", FieldKind::kTask}, {"task", FieldKind::kTask}};
constexpr std::array kOwnEvents = {
    EventInfo{
        .name = "hotplug_notify",
        .fields = kNotifyFields,
        .summary = "a notifier was called; cpu_nb is 256 times the CPU and the notifier's number"},
    EventInfo{.name = "hotplug_view",
              .fields = kViewFields,
              .summary = "a subsystem's own view of a CPU"},
    EventInfo{.name = "hotplug_dying_bad",
              .fields = kBadFields,
              .summary = "a DYING notifier returned BAD: those behind it are skipped"},
    EventInfo{.name = "hotplug_dying_race",
              .fields = kRaceFields,
              .summary = "bits that another CPU has set are lost"},
    EventInfo{.name = "hotplug_object",
              .fields = kObjectFields,
              .summary = "the object W after a change"},
    EventInfo{
        .name = "hotplug_dep_window",
        .fields = kDepFields,
        .summary = "a subsystem was on for so long while one that it uses was off since `off`"},
    EventInfo{.name = "hotplug_ra_window",
              .fields = kRaFields,
              .summary = "from the first withdrawn service until the CPU was offline"},
    EventInfo{.name = "hotplug_stragglers",
              .fields = kStragglerFields,
              .summary = "check_for_tasks(): runnable tasks left on the CPU"},
    EventInfo{.name = "hotplug_setup",
              .fields = kSetupFields,
              .summary = "CPUs that a subsystem was set up for twice, and not at all"},
    EventInfo{.name = "hotplug_flag",
              .fields = kFlagFields,
              .summary = "go_offline of a CPU is set, or (ready) its idle loop is ready"},
    EventInfo{.name = "hotplug_kthreads",
              .fields = kKthreadFields,
              .summary = "what the threads of the CPU have cost this operation"},
    EventInfo{.name = "hotplug_writer_retry",
              .fields = kRetryFields,
              .summary = "a reader came before the writer that was woken could look"},
    EventInfo{.name = "hotplug_kthread",
              .fields = kThreadFields,
              .summary =
                  "a thread of the CPU is there again (0), parked or frozen (1), elsewhere (2), "
                  "stopped (3)"},
    EventInfo{.name = "hotplug_rcu_core",
              .fields = kRcuCoreFields,
              .summary = "RCU's core of the CPU runs in its thread from now on, or in softirq"},
    EventInfo{
        .name = "hotplug_rcu_callbacks",
        .fields = kRcuListFields,
        .summary =
            "RCU's list of the CPU has changed; lost: callbacks that are on no list any more"},
    EventInfo{
        .name = "hotplug_unaudited",
        .fields = kBadFields,
        .summary = "a DYING notifier of which nobody knows what it touches ran beside other CPUs"},
    EventInfo{.name = "hotplug_deadlock",
              .fields = kDeadlockFields,
              .summary = "a reader waits for the lock whose owner waits for readers"},
    EventInfo{.name = "hotplug_step",
              .fields = kStepFields,
              .summary =
                  "a step of the outline of 2012 begins, i to xi (with stop_machine those that it "
                  "has, too)"}};
constexpr auto kEvents = hotplug::Joined(hotplug::kEvents, kOwnEvents);

constexpr KthreadInfo Thread(std::string_view name) {
  return {.name = name,
          .path = kThreadPath,
          .per_cpu = true,
          .starts_asleep = true,
          .policy = SchedPolicy::kNormal,
          .priority = 98};
}
constexpr KthreadInfo kThreads[] = {
    {.name = "hotplug", .path = kControllerPath, .starts_asleep = true},
    Thread("ksoftirqd"),
    Thread("rcuc"),
    Thread("watchdog")};

constexpr ParamInfo Cost(std::string_view name, int64_t cycles, std::string_view summary) {
  return {.name = name, .kind = ParamKind::kCycles, .default_value = cycles, .summary = summary};
}
constexpr ParamInfo Word(std::string_view name, std::string_view first, std::string_view allowed,
                         std::string_view summary) {
  return {.name = name,
          .kind = ParamKind::kEnum,
          .default_text = first,
          .allowed = allowed,
          .summary = summary};
}
constexpr ParamInfo Bool(std::string_view name, bool value, std::string_view summary) {
  return {
      .name = name, .kind = ParamKind::kBool, .default_value = value ? 1 : 0, .summary = summary};
}
constexpr ParamInfo kParams[] = {
    Word("offline_sync", "stop_machine", "stop_machine idle-loop", "how a CPU is made to leave"),
    Word("kthread_mode", "teardown", "teardown migrate park freeze",
         "what becomes of threads bound to the CPU"),
    Word("order", "same", "same mirrored",
         "of the chain on the way down; mirrored: by registration, priorities ignored"),
    Word("help_idle", "ipi", "none ipi notifiers",
         "idle-loop: what makes the CPU look at the flag"),
    Word("push_at", "v", "v never", "idle-loop: from step v tasks are pushed as they are picked"),
    Word("register_mode", "split", "split atomic",
         "whether registering and setting up for the CPUs that are online are one operation"),
    Word("rcu_grace", "none", "none jiffy", "RCU's view goes off a tick after its callback"),
    Bool("clone_nodelay", false, "making a thread does not wait for old versions of bash"),
    Bool("preempt_blocks_offline", true, "a section with preemption off holds up a removal"),
    Bool("boot_fails", false, "the architecture cannot start a CPU"),
    Bool("disable_fails", false, "the architecture refuses to let a CPU go (stop_machine)"),
    Word("rcu_core", "kthread", "kthread softirq",
         "where RCU's core of a CPU runs; kthread: in softirq while the CPU goes"),
    Word("rcu_handles", "own_notifier", "own_notifier sched_api",
         "who tells RCU when to give up its thread of a CPU: its notifiers, or the scheduler's"),
    Word("rcu_orphan", "off", "off on",
         "RCU's callbacks of a CPU that dies: onto another CPU's list without a lock, or onto a "
         "global one, and from there to the controller's CPU (hotplug_rcu_callbacks)"),
    Bool("config_hotplug", true,
         "without it CPUs boot and stay, and the hotcpu forms of registration do nothing"),
    {.name = "threads",
     .kind = ParamKind::kInteger,
     .default_value = 0,
     .max = kMaxThreads,
     .summary = "how many threads each CPU has"},
    {.name = "notifiers",
     .kind = ParamKind::kStringList,
     .summary = "\"name priority=10 cost=3 bad=dying,dead access=nonatomic_rmw registered=0\", in "
                "the order of registration (default: the eight of a kernel of 2012)"},
    {.name = "depends",
     .kind = ParamKind::kStringList,
     .summary = "\"scheduler rcu\": the first uses the second"},
    Cost("c_lock", 1, "both locks"),
    Cost("c_unlock", 1, "giving them up"),
    Cost("c_cb", 1, "a notifier"),
    Cost("c_sync", 20, "the shortest grace period"),
    Cost("c_park", 5, "parking a thread, with the two switches"),
    Cost("c_unpark", 1, "unparking one"),
    Cost("c_freeze", 0, "kthread_mode freeze: whatever freezes a thread"),
    Cost("c_thaw", 0, "… and thaws it"),
    Cost("c_create", 5, "making one"),
    Cost("c_bash", 1000, "… and waiting for old versions of bash"),
    Cost("c_stop_thr", 3, "stopping one"),
    Cost("c_stage", 1, "a stage of stop_machine"),
    Cost("c_boot", 30, "from the start signal until the CPU is alive"),
    Cost("c_disable", 2, "the architecture's part of leaving"),
    Cost("c_die", 5, "waiting until it is dead"),
    Cost("c_check", 1, "looking for tasks left behind"),
    Cost("c_poll", 1, "a look of the controller that waits"),
};

constexpr FaultInfo kFaults[] = {{.name = "hotplug.dying_irqs_on",
                                  .summary = "DYING notifiers run with interrupts on",
                                  .caught_by = "HP-T1"},
                                 {.name = "hotplug.rcu_core_stays",
                                  .summary = "RCU leaves its core in the thread of a CPU that goes",
                                  .caught_by = "HP-C1"}};

}  // namespace

Notifier2012::Notifier2012(const PolicyParams& params, const Limits& limits, Chain chain)
    : RequestedService(limits),
      chain_(std::move(chain)),
      is_idle_loop_(params.Text("offline_sync") == "idle-loop"),
      pushes_(params.Text("push_at") == "v"),
      blocks_offline_(params.Flag("preempt_blocks_offline")),
      clone_nodelay_(params.Flag("clone_nodelay")),
      boot_fails_(params.Flag("boot_fails")),
      is_atomic_(params.Text("register_mode") == "atomic"),
      rcu_waits_jiffy_(params.Text("rcu_grace") == "jiffy"),
      has_hotplug_(params.Flag("config_hotplug")),
      disable_fails_(params.Flag("disable_fails")),
      is_mirrored_(params.Text("order") == "mirrored"),
      rcu_in_thread_(params.Text("rcu_core") == "kthread"),
      rcu_by_sched_(params.Text("rcu_handles") == "sched_api"),
      rcu_orphans_(params.Text("rcu_orphan") == "on"),
      rcu_core_stays_(params.Fault("hotplug.rcu_core_stays")),
      dying_irqs_on_(params.Fault("hotplug.dying_irqs_on")),
      num_threads_(static_cast<int>(params.Integer("threads"))),
      c_lock_(params.Length("c_lock")),
      c_unlock_(params.Length("c_unlock")),
      c_sync_(params.Length("c_sync")),
      c_park_(params.Length("c_park")),
      c_unpark_(params.Length("c_unpark")),
      c_freeze_(params.Length("c_freeze")),
      c_thaw_(params.Length("c_thaw")),
      c_create_(params.Length("c_create")),
      c_bash_(params.Length("c_bash")),
      c_stop_thr_(params.Length("c_stop_thr")),
      c_stage_(params.Length("c_stage")),
      c_boot_(params.Length("c_boot")),
      c_disable_(params.Length("c_disable")),
      c_die_(params.Length("c_die")),
      c_check_(params.Length("c_check")),
      c_poll_(params.Length("c_poll")),
      jiffy_(limits.tick) {
  const std::string_view mode = params.Text("kthread_mode");
  if (mode == "migrate") kthread_mode_ = KthreadMode::kMigrate;
  if (mode == "park") kthread_mode_ = KthreadMode::kPark;
  if (mode == "freeze") kthread_mode_ = KthreadMode::kFreeze;
  if (params.Text("help_idle") == "none") help_idle_ = HelpIdle::kNone;
  if (params.Text("help_idle") == "notifiers") help_idle_ = HelpIdle::kNotifiers;
  chain_.SetMirrored(is_mirrored_);
  rcu_callbacks_.resize(static_cast<std::size_t>(limits.num_cpus));
  threads_.resize(static_cast<std::size_t>(limits.num_cpus * kMaxThreads));
}

void Notifier2012::OnStart(Kernel& kernel) {
  StartTick(kernel);
  std::vector<int> found(static_cast<std::size_t>(kernel.num_cpus()), 0);
  for (int id = 1; id < kernel.num_tasks(); ++id) {
    PathId path;
    CpuId cpu;
    if (!kernel.KthreadOf(TaskId(id), self_, path, cpu)) continue;
    if (path != kThreadPath) continue;
    threads_[cpu.index() * kMaxThreads + static_cast<std::size_t>(found[cpu.index()]++)] =
        TaskId(id);
  }
  for (int c = 0; c < kernel.num_cpus() && HasRcuThreads(); ++c) {
    Set(kernel, kRcuCoreEvent, c, kernel.cpu(CpuId(c)).online ? 1 : 0, 0);
  }
  for (int i = 0; i < chain_.num_notifiers(); ++i) {
    for (int c = 0; c < kernel.num_cpus(); ++c) {
      const bool online = kernel.cpu(CpuId(c)).online;
      chain_.at(i).sees[static_cast<std::size_t>(c)] = online;
      if (chain_.at(i).is_registered) chain_.at(i).setups[static_cast<std::size_t>(c)] = online;
    }
  }
}

void Notifier2012::Set(Kernel& kernel, int event, int64_t a, int64_t b, int64_t c, int64_t d) {
  PolicyEventPayload payload;
  payload.wide[0] = a;
  payload.wide[1] = b;
  payload.narrow[0] = static_cast<int32_t>(c);
  payload.narrow[1] = static_cast<int32_t>(d);
  kernel.EmitDeclared(self_, event, payload);
}

// ------------------------------------------------------------------------------------------ locks

// get_online_cpus(), put_online_cpus(): nested in the operation they do nothing; a writer that
// waits keeps nobody out, which is why readers can keep it waiting for ever.
Next Notifier2012::ReaderStep(Kernel& kernel, Frame& frame) {
  if (frame.path == kReadUnlockOp) {
    if (frame.task == owner() && is_active_) return Next::Return(0);
    readers_.Leave(frame.task);
    if (readers_.empty()) {
      if (is_locked() && !is_active_ && owner().valid()) kernel.Wake(owner());
      Dispatch(kernel);
    }
    return Next::Return(0);
  }
  if (frame.step == StepId(1) || (frame.task == owner() && is_active_)) return Next::Return(0);
  if (readers_.Take(frame.task, is_active_)) return Next::Return(0);
  return Next::Block(StepId(1), TaskState::kUninterruptible);
}

// ----------------------------------------------------------------------------------- registration

// register_cpu_notifier() takes add_remove for its own part only; what a subsystem does for CPUs
// that are online already is another operation, and a CPU may come in between (hotplug.md 4.7).
Next Notifier2012::RegistrationStep(Kernel& kernel, Frame& frame) {
  const int64_t index = frame.r[0];
  if (index < 0 || index >= chain_.num_notifiers()) return Next::Return(kEINVAL);
  const bool is_hotcpu = frame.path == kRegisterHotcpuOp || frame.path == kUnregisterHotcpuOp;
  // The hotcpu forms are compiled away without hotplug; the others serve CPUs that boot.
  if (is_hotcpu && !has_hotplug_) return Next::Return(0);
  if (frame.step == StepId(0) && is_locked()) {
    AddWaiter(frame.task);
    CheckDeadlock(kernel);
    return Next::Block(StepId(1), TaskState::kUninterruptible);
  }
  if (frame.step == StepId(1) && owner() != frame.task) {
    return Next::Block(StepId(1), TaskState::kUninterruptible);
  }
  Notifier& notifier = chain_.at(static_cast<int>(index));
  if (frame.path == kUnregisterOp || frame.path == kUnregisterHotcpuOp) {
    chain_.Unregister(static_cast<int>(index));
    if (frame.step == StepId(1)) Release(kernel);
    return Next::Return(0);
  }
  const bool is_register = frame.path == kRegisterOp || frame.path == kRegisterHotcpuOp;
  const bool registers = is_register || is_atomic_;
  const bool inits = frame.path == kInitOp || is_atomic_;
  // Atomic: whichever comes first does both.
  const bool is_done = is_atomic_ && notifier.is_registered;
  if (registers && !is_done) chain_.Register(static_cast<int>(index));
  for (int c = 0; c < kernel.num_cpus() && inits && !is_done; ++c) {
    if (kernel.cpu(CpuId(c)).online) ++notifier.setups[static_cast<std::size_t>(c)];
  }
  CountSetups(kernel, notifier);
  if (frame.step == StepId(1)) Release(kernel);
  return Next::Return(0);
}

// hotplug.md 4.7: who registers while he reads waits for add_remove, whose owner waits until nobody
// reads.
void Notifier2012::CheckDeadlock(Kernel& kernel) {
  if (!is_locked() || is_active_) return;
  const bool is_asked = running() >= 0 && request(running()).what == Ask::kTarget;
  const CpuId cpu = is_asked ? request(running()).cpus.First() : now_.cpu;
  for (const Waiter& waiter : waiters()) {
    if (!waiter.task.valid() || !readers_.Has(waiter.task)) continue;
    Set(kernel, kDeadlockEvent, cpu.value(), owner().value(), waiter.task.value());
  }
}

void Notifier2012::CountSetups(Kernel& kernel, const Notifier& notifier) {
  int dup = 0, missed = 0;
  for (int c = 0; c < kernel.num_cpus(); ++c) {
    const int setups = notifier.setups[static_cast<std::size_t>(c)];
    if (setups > 1) ++dup;
    if (setups == 0 && kernel.cpu(CpuId(c)).online) ++missed;
  }
  Set(kernel, kSetupEvent, dup, missed, chain_.Find(notifier.name));
}

Next Notifier2012::TouchStep(Kernel& kernel, Frame& frame) {
  object_ |= int64_t{1} << std::clamp<int64_t>(frame.r[0], 0, 62);
  if (object_is_read_) object_race_ = true;
  Set(kernel, kObjectEvent, object_, 0, 0);
  return Next::Return(0);
}

// ------------------------------------------------------------------------------------------ others

PathCall Notifier2012::SwitchedPath(Kernel&, CpuId cpu, TaskId, TaskId next) {
  // Each idle entry looks at the flag.
  if (next != kIdleTask || cpu != leaving_) return PathCall::None();
  return PathCall::To(kIdlePath, cpu.value());
}

Next Notifier2012::Step(Kernel& kernel, Frame& frame) {
  if (frame.path == kControllerPath) return ControllerStep(kernel, frame);
  if (frame.path == kOfflineOp || frame.path == kOnlineOp) return TaskOpStep(kernel, frame);
  if (frame.path == kReadLockOp || frame.path == kReadUnlockOp) return ReaderStep(kernel, frame);
  if (frame.path == kRegisterOp || frame.path == kInitOp) return RegistrationStep(kernel, frame);
  if (frame.path == kTouchOp) return TouchStep(kernel, frame);
  if (frame.path == kCallRcuOp) return CallRcuStep(kernel, frame);
  if (frame.path == kFreezePath) return FreezeStep(kernel, frame);
  if (frame.path >= kUnregisterOp) return RegistrationStep(kernel, frame);
  if (hotplug::IsUserPath(frame.path)) return hotplug::UserStep(kernel, self_, readers_, frame);
  if (frame.path == kDownPath) return DownStep(kernel, frame);
  if (frame.path == kUpPath) return UpStep(kernel, frame);
  if (frame.path == kChainPath) return ChainStep(kernel, frame);
  if (frame.path == kThreadPath) return ThreadStep(kernel, frame);
  if (frame.path == kStopPath) return StopStep(kernel, frame);
  return frame.path == kIdlePath ? IdleStep(kernel, frame) : StartStep(kernel, frame);
}

namespace {

// What the texts of a policy set describe.
struct Described {
  Chain chain;
  std::vector<Dependency> dependencies;
};
Described DescribedBy(const PolicyParams& params, int num_cpus,
                      std::vector<ParamProblem>& problems) {
  Described described;
  described.chain.Build(params.List("notifiers"), params.Length("c_cb"), num_cpus, problems);
  described.dependencies = described.chain.DependenciesOf(params.List("depends"), problems);
  return described;
}

}  // namespace
}  // namespace notifier

constinit const PolicyInfo kNotifier2012Info = {
    .name = "notifier-2012",
    .seam = Seam::kKernelService,
    .summary = "CPU hotplug by chains of notifiers, with stop_machine or without",
    .source = "Linux 3.4 kernel/cpu.c, and the thread \"CPU Hotplug rework\" of April 2012",
    .params = notifier::kParams,
    .paths = notifier::kPaths,
    .events = notifier::kEvents,
    .ops = notifier::kOps,
    .kthreads = notifier::kThreads,
    .faults = notifier::kFaults,
    .runs_hotplug = true,
};

void CheckNotifier2012Texts(const PolicyParams& params, std::vector<ParamProblem>& problems) {
  notifier::DescribedBy(params, 1, problems);
}

absl::StatusOr<std::unique_ptr<KernelService>> MakeNotifier2012(const PolicyParams& params,
                                                                const Limits& limits) {
  std::vector<ParamProblem> problems;
  notifier::Described described = notifier::DescribedBy(params, limits.num_cpus, problems);
  if (!problems.empty()) return StatusOf(kNotifier2012Info.name, problems);
  auto service =
      std::make_unique<notifier::Notifier2012>(params, limits, std::move(described.chain));
  service->SetDependencies(std::move(described.dependencies));
  return service;
}

}  // namespace rqsim
