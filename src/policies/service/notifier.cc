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
#include <memory>
#include <utility>

#include "policies.h"
#include "service/notifier_events.h"

namespace rqsim {
namespace notifier {
namespace {

constexpr StepInfo kLoopSteps[] = {{"idle"}, {"done"}};
constexpr StepInfo kTaskOpSteps[] = {{"enter"}, {"owner"}, {"done"}};
constexpr StepInfo kReaderSteps[] = {{"enter"}, {"owner"}};
// The steps of hotplug.md 4.4 and 4.5 by their numbers, where the outline has them.
constexpr StepInfo kDownSteps[] = {
    {"begin"}, {"i"},    {"ii"},  {"failed"},   {"park"}, {"stopped"},
    {"iv"},    {"help"}, {"vii"}, {"die"},      {"viii"}, {"stop-threads"},
    {"ix"},    {"x"},    {"xi"},  {"unlocked"}, {"error"}};
constexpr StepInfo kUpSteps[] = {{"begin"}, {"locked"}, {"threads"}, {"prepare"}, {"canceled"},
                                 {"boot"},  {"up"},     {"unpark"},  {"online"},  {"unlocked"}};
constexpr StepInfo kChainSteps[] = {{"first"}, {"called"}};
constexpr StepInfo kThreadSteps[] = {{"idle"}, {"ran"}, {"park"}};
constexpr StepInfo kIdleSteps[] = {{"vi"}, {"dying"}};
constexpr PathInfo kPaths[] = {{"controller", kLoopSteps},    {"offline", kTaskOpSteps},
                               {"online", kTaskOpSteps},      {"read_lock", kReaderSteps},
                               {"read_unlock", kReaderSteps}, {"register", kReaderSteps},
                               {"init", kReaderSteps},        {"touch", kReaderSteps},
                               {"down", kDownSteps},          {"up", kUpSteps},
                               {"chain", kChainSteps},        {"thread", kThreadSteps},
                               {"stop", kStopMachineSteps},   {"idle", kIdleSteps},
                               {"start", kIdleSteps}};

constexpr ServiceOpInfo kOps[] = {
    {.name = "offline", .path = kOfflineOp, .args = "cpu", .summary = "takes a CPU offline"},
    {.name = "online", .path = kOnlineOp, .args = "cpu", .summary = "brings a CPU up"},
    {.name = "cpus_read_lock",
     .path = kReadLockOp,
     .pays_syscall = false,
     .summary = "get_online_cpus(): no operation begins until cpus_read_unlock"},
    {.name = "cpus_read_unlock", .path = kReadUnlockOp, .pays_syscall = false},
    {.name = "register_cpu_notifier",
     .path = kRegisterOp,
     .pays_syscall = false,
     .args = "notifier",
     .summary = "a notifier joins the chain"},
    {.name = "init_online_cpus",
     .path = kInitOp,
     .pays_syscall = false,
     .args = "notifier",
     .summary = "a subsystem sets itself up for every CPU that is online now"},
    {.name = "set_bit_of_w",
     .path = kTouchOp,
     .pays_syscall = false,
     .args = "bit",
     .summary = "sets a bit of the object that DYING notifiers change"}};

constexpr EventFieldInfo kNotifyFields[] = {{"event"}, {"ret"}, {"cpu_nb"}};
constexpr EventFieldInfo kViewFields[] = {{"cpu"}, {"nb"}, {"on"}};
constexpr EventFieldInfo kBadFields[] = {{"cpu"}, {"nb"}};
constexpr EventFieldInfo kRaceFields[] = {{"cpu"}, {"lost"}};
constexpr EventFieldInfo kObjectFields[] = {{"value"}};
constexpr EventFieldInfo kDepFields[] = {{"cycles"}, {"off"}, {"user_used"}};
constexpr EventFieldInfo kRaFields[] = {{"cycles"}, {"cpu"}};
constexpr EventFieldInfo kStragglerFields[] = {{"cpu"}, {"tasks"}};
constexpr EventFieldInfo kSetupFields[] = {{"dup"}, {"missed"}, {"nb"}};
constexpr EventFieldInfo kFlagFields[] = {{"cpu"}, {"ready"}};
constexpr EventFieldInfo kKthreadFields[] = {{"cycles"}, {"cpu"}, {"up"}};
constexpr EventFieldInfo kRetryFields[] = {{"count"}};
constexpr EventInfo kEvents[] = {
    {.name = "hotplug_notify",
     .fields = kNotifyFields,
     .summary = "a notifier was called; cpu_nb is 256 times the CPU and the notifier's number"},
    {.name = "hotplug_view", .fields = kViewFields, .summary = "a subsystem's own view of a CPU"},
    {.name = "hotplug_dying_bad",
     .fields = kBadFields,
     .summary = "a DYING notifier returned BAD: those behind it are skipped"},
    {.name = "hotplug_dying_race",
     .fields = kRaceFields,
     .summary = "bits that another CPU has set are lost"},
    {.name = "hotplug_object", .fields = kObjectFields, .summary = "the object W after a change"},
    {.name = "hotplug_dep_window",
     .fields = kDepFields,
     .summary = "a subsystem was on for so long while one that it uses was off since `off`"},
    {.name = "hotplug_ra_window",
     .fields = kRaFields,
     .summary = "from the first withdrawn service until the CPU was offline"},
    {.name = "hotplug_stragglers",
     .fields = kStragglerFields,
     .summary = "check_for_tasks(): runnable tasks left on the CPU"},
    {.name = "hotplug_setup",
     .fields = kSetupFields,
     .summary = "CPUs that a subsystem was set up for twice, and not at all"},
    {.name = "hotplug_flag",
     .fields = kFlagFields,
     .summary = "go_offline of a CPU is set, or (ready) its idle loop is ready"},
    {.name = "hotplug_kthreads",
     .fields = kKthreadFields,
     .summary = "what the threads of the CPU have cost this operation"},
    {.name = "hotplug_writer_retry",
     .fields = kRetryFields,
     .summary = "a reader came before the writer that was woken could look"}};

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
constexpr int kMaxThreads = 3;

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
    Bool("config_hotplug", true, "without it CPUs stay as they are"),
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

CpuId CpuAt(int64_t number) { return CpuId(static_cast<int32_t>(number)); }

}  // namespace

Notifier2012::Notifier2012(const PolicyParams& params, const Limits& limits, Chain chain)
    : self_(limits.self),
      chain_(std::move(chain)),
      is_idle_loop_(params.Text("offline_sync") == "idle-loop"),
      pushes_(params.Text("push_at") == "v"),
      blocks_offline_(params.Flag("preempt_blocks_offline")),
      clone_nodelay_(params.Flag("clone_nodelay")),
      boot_fails_(params.Flag("boot_fails")),
      is_atomic_(params.Text("register_mode") == "atomic"),
      rcu_waits_jiffy_(params.Text("rcu_grace") == "jiffy"),
      has_hotplug_(params.Flag("config_hotplug")),
      num_threads_(static_cast<int>(params.Integer("threads"))),
      c_lock_(params.Length("c_lock")),
      c_unlock_(params.Length("c_unlock")),
      c_sync_(params.Length("c_sync")),
      c_park_(params.Length("c_park")),
      c_unpark_(params.Length("c_unpark")),
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
  chain_.SetMirrored(params.Text("order") == "mirrored");
  threads_.resize(static_cast<std::size_t>(limits.num_cpus * kMaxThreads));
  waiters_.reserve(16);
  waiting_readers_.reserve(16);
  requests_.reserve(64);
}

void Notifier2012::OnStart(Kernel& kernel) {
  std::vector<int> found(static_cast<std::size_t>(kernel.num_cpus()), 0);
  for (int id = 1; id < kernel.num_tasks(); ++id) {
    PathId path;
    CpuId cpu;
    if (!kernel.KthreadOf(TaskId(id), self_, path, cpu)) continue;
    if (path == kControllerPath) controller_ = TaskId(id);
    if (path != kThreadPath) continue;
    threads_[cpu.index() * kMaxThreads + static_cast<std::size_t>(found[cpu.index()]++)] =
        TaskId(id);
  }
  for (int i = 0; i < chain_.num_notifiers(); ++i) {
    for (int c = 0; c < kernel.num_cpus(); ++c) {
      const bool online = kernel.cpu(CpuId(c)).online;
      chain_.at(i).sees[static_cast<std::size_t>(c)] = online;
      if (chain_.at(i).is_registered) chain_.at(i).setups[static_cast<std::size_t>(c)] = online;
    }
  }
}

void Notifier2012::Set(Kernel& kernel, int event, int64_t a, int64_t b, int64_t c) {
  PolicyEventPayload payload;
  payload.wide[0] = a;
  payload.wide[1] = b;
  payload.narrow[0] = static_cast<int32_t>(c);
  kernel.EmitDeclared(self_, event, payload);
}

// --------------------------------------------------------------------------------------- requests

void Notifier2012::EmitOp(Kernel& kernel, const Asked& asked, HotplugPhase phase, int64_t result) {
  HotplugOp op;
  op.result = result;
  op.cpu = asked.cpu;
  op.target = asked.up ? 236 : 0;
  op.phase = phase;
  op.id = asked.id;
  kernel.Emit(op);
}

bool Notifier2012::Hotplug(Kernel& kernel, const HotplugSpec& request) {
  Asked asked;
  asked.up = request.to == "online";
  asked.on = request.on.value_or(CpuId());
  for (CpuId c = request.cpus.First(); c.valid(); c = request.cpus.After(c)) {
    asked.cpu = c;
    asked.id = ++next_id_;
    EmitOp(kernel, asked, HotplugPhase::kRequested, 0);
    if (!asked.up && request.to != "offline") {
      EmitOp(kernel, asked, HotplugPhase::kDone, kEINVAL);
      continue;
    }
    waiters_.push_back({TaskId(), static_cast<int>(requests_.size())});
    requests_.push_back(asked);
  }
  if (request.to == "disable") ++disabled_;
  if (request.to == "enable") --disabled_;
  Dispatch(kernel);
  return true;
}

CpuId Notifier2012::ControllerCpu(const Kernel& kernel, const Asked& asked) const {
  if (asked.on.valid() && kernel.online().Contains(asked.on)) return asked.on;
  CpuSet others = kernel.online();
  others.Remove(asked.cpu);
  return others.empty() ? kernel.online().First() : others.First();
}

void Notifier2012::Dispatch(Kernel& kernel) {
  if (is_locked_ || waiters_.empty()) return;
  const Waiter first = waiters_.front();
  // With readers about, a request waits without a controller.
  if (first.request >= 0 && readers_ > 0) return;
  if (first.request >= 0) {
    const Asked& asked = requests_[static_cast<std::size_t>(first.request)];
    if (kernel.AdmitHotplug(asked.cpu, asked.up) == kHotplugWait) return;
  }
  waiters_.erase(waiters_.begin());
  is_locked_ = true;
  if (first.task.valid()) {
    owner_ = first.task;
    kernel.Wake(first.task);
    return;
  }
  running_ = first.request;
  owner_ = controller_;
  now_ = requests_[static_cast<std::size_t>(running_)];
  const Task& task = kernel.task(controller_);
  if (task.on_cpu && task.state == TaskState::kRunning) return;  // it looks before it sleeps
  kernel.SetAffinity(controller_, CpuSet::Of(ControllerCpu(kernel, now_)));
  kernel.Wake(controller_, WakeFlags::kFreeSwitch);
}

// The hotplug lock: readers that came during the operation go on.
void Notifier2012::ReleaseHotplug(Kernel& kernel) {
  is_active_ = false;
  for (const TaskId reader : waiting_readers_) {
    ++readers_;
    kernel.Wake(reader);
  }
  waiting_readers_.clear();
}

void Notifier2012::Release(Kernel& kernel) {
  if (is_active_) ReleaseHotplug(kernel);
  is_locked_ = false;
  owner_ = TaskId();
  running_ = -1;
  Dispatch(kernel);
}

Next Notifier2012::ControllerStep(Kernel& kernel, Frame& frame) {
  if (frame.step == StepId(1)) {
    Release(kernel);
    frame.step = StepId(0);
  }
  if (running_ < 0) return Next::Block(StepId(0), TaskState::kInterruptible);
  const CpuId where = ControllerCpu(kernel, now_);
  if (where != frame.cpu) {
    kernel.SetAffinity(frame.task, CpuSet::Of(where));
    Next point = Next::Run(StepId(0), kZeroCycles, RunMode::kUser);
    point.cond_resched = true;
    return point;
  }
  const int64_t args[1] = {now_.cpu.value()};
  return Next::Call(StepId(1), self_, now_.up ? kUpPath : kDownPath, args);
}

// ------------------------------------------------------------------------------------------ locks

Next Notifier2012::TaskOpStep(Kernel& kernel, Frame& frame) {
  if (frame.step == StepId(0)) {
    const CpuId cpu = CpuAt(frame.r[0]);
    if (!cpu.valid() || cpu.value() >= kernel.num_cpus()) return Next::Return(kEINVAL);
    Asked asked;
    asked.cpu = cpu;
    asked.up = frame.path == kOnlineOp;
    asked.id = ++next_id_;
    frame.r[1] = asked.id;
    EmitOp(kernel, asked, HotplugPhase::kRequested, 0);
    if (!is_locked_ && waiters_.empty()) {
      is_locked_ = true;
      owner_ = frame.task;
    } else {
      waiters_.push_back({frame.task, -1});
    }
    frame.step = StepId(1);
  }
  if (frame.step == StepId(1)) {
    if (owner_ != frame.task) return Next::Block(StepId(1), TaskState::kUninterruptible);
    now_ = Asked();
    now_.cpu = CpuAt(frame.r[0]);
    now_.up = frame.path == kOnlineOp;
    now_.id = static_cast<int>(frame.r[1]);
    const int64_t args[1] = {frame.r[0]};
    return Next::Call(StepId(2), self_, now_.up ? kUpPath : kDownPath, args);
  }
  Release(kernel);
  return Next::Return(frame.result);
}

// get_online_cpus(), put_online_cpus(): nested in the operation they do nothing; a writer that
// waits keeps nobody out, which is why readers can keep it waiting for ever.
Next Notifier2012::ReaderStep(Kernel& kernel, Frame& frame) {
  if (frame.path == kReadUnlockOp) {
    if (frame.task == owner_ && is_active_) return Next::Return(0);
    if (--readers_ == 0) {
      if (is_locked_ && !is_active_ && owner_.valid()) kernel.Wake(owner_);
      Dispatch(kernel);
    }
    return Next::Return(0);
  }
  if (frame.step == StepId(1) || (frame.task == owner_ && is_active_)) return Next::Return(0);
  if (!is_active_) {
    ++readers_;
    return Next::Return(0);
  }
  waiting_readers_.push_back(frame.task);
  return Next::Block(StepId(1), TaskState::kUninterruptible);
}

// ----------------------------------------------------------------------------------- registration

// register_cpu_notifier() takes add_remove for its own part only; what a subsystem does for CPUs
// that are online already is another operation, and a CPU may come in between (hotplug.md 4.7).
Next Notifier2012::RegistrationStep(Kernel& kernel, Frame& frame) {
  const int64_t index = frame.r[0];
  if (index < 0 || index >= chain_.num_notifiers()) return Next::Return(kEINVAL);
  if (frame.step == StepId(0) && is_locked_) {
    waiters_.push_back({frame.task, -1});
    return Next::Block(StepId(1), TaskState::kUninterruptible);
  }
  if (frame.step == StepId(1) && owner_ != frame.task) {
    return Next::Block(StepId(1), TaskState::kUninterruptible);
  }
  Notifier& notifier = chain_.at(static_cast<int>(index));
  const bool registers = frame.path == kRegisterOp || is_atomic_;
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
