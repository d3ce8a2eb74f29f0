// CPU hotplug as Linux 7.2 does it: a CPU goes through numbered states, up by their startup and
// down by their teardown callbacks, and whatever fails is undone from where it failed.
//
// Origin: Linux 7.2 kernel/cpu.c, kernel/stop_machine.c, kernel/smpboot.c and the hotplug half of
// kernel/sched/core.c; hotplug.md 5. Who runs a state: up to 83 and 143 the controller, the task
// that asked; 84 to 141 the CPU itself with interrupts off, in its idle loop on the way up and in
// its stop task on the way down; from 144 on the CPU's hotplug thread cpuhp/N, which may fail. A
// request of the scenario's `hotplug` is carried out by the kernel thread `hotplug` (MODEL-170),
// the operations offline and online by the task that has them. Table `toy` has no threads and no
// stop_machine: the idle loop of the CPU does everything (MODEL-172).
//
// What differs from the kernel: MODEL-170 to MODEL-172, MODEL-234. Cost: O(states) for an
// operation, O(tasks) to move timers. Tested by tests/unit/policies/service/hotplug_tables_test.cc
// and scenarios/hotplug/.
#include "service/cpuhp.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "policies.h"

namespace rqsim {
namespace cpuhp {
namespace {

constexpr StepInfo kReaderSteps[] = {{"enter"}};
constexpr StepInfo kOpSteps[] = {{"lock"},   {"locked"}, {"thread"}, {"back"},
                                 {"states"}, {"undone"}, {"again"},  {"unlocked"}};
constexpr StepInfo kStatesSteps[] = {
    {"next"},      {"cost"},      {"instance"}, {"instance-undone"}, {"declared"},
    {"grace"},     {"vacate"},    {"parked"},   {"unparked"},        {"up"},
    {"up-unpark"}, {"up-thread"}, {"up-back"},  {"td-parked"},       {"td-stopped"},
    {"td-dead"},   {"td-die"},    {"td-rcu"}};
constexpr StepInfo kThreadSteps[] = {{"idle"}, {"ran"}, {"park"}, {"single"}};
constexpr StepInfo kRegisterSteps[] = {{"enter"}, {"inside"}, {"here"}, {"there"}};
constexpr StepInfo kApSteps[] = {{"alive"}, {"online"}, {"idle-dead"}};
constexpr StepInfo kToySteps[] = {{"begin"}, {"called"}};
constexpr StepInfo kRequestSteps[] = {{"next"}, {"done"}};
constexpr PathInfo kPaths[] = {{"controller", hotplug::kControllerSteps},
                               {"offline", hotplug::kTaskOpSteps},
                               {"online", hotplug::kTaskOpSteps},
                               {"read_lock", kReaderSteps},
                               {"read_unlock", kReaderSteps},
                               {"op", kOpSteps},
                               {"states", kStatesSteps},
                               {"thread", kThreadSteps},
                               {"smpboot", kThreadSteps},
                               {"ap", kApSteps},
                               {"idle_dead", kApSteps},
                               {"take_down", kStopMachineSteps},
                               {"toy_up", kToySteps},
                               {"toy_down", kToySteps},
                               {"request", kRequestSteps},
                               {"test_online", hotplug::kUserSteps},
                               {"for_each", hotplug::kUserSteps},
                               {"bh_off", hotplug::kUserSteps},
                               {"setup_state", kRegisterSteps},
                               {"remove_state", kRegisterSteps},
                               {"add_instance", kRegisterSteps},
                               {"remove_instance", kRegisterSteps}};

constexpr std::array kOwnOps = {
    ServiceOpInfo{.name = "cpuhp_setup_state",
                  .path = kSetupStateOp,
                  .pays_syscall = false,
                  .args = "state",
                  .summary =
                      "installs a state of `states` that is not registered, and serves every "
                      "CPU that is past it"},
    ServiceOpInfo{.name = "cpuhp_remove_state",
                  .path = kRemoveStateOp,
                  .pays_syscall = false,
                  .args = "state"},
    ServiceOpInfo{.name = "cpuhp_add_instance",
                  .path = kAddInstanceOp,
                  .pays_syscall = false,
                  .args = "state instance",
                  .summary =
                      "an instance of `later` joins its state; an error undoes the CPUs that "
                      "were served"},
    ServiceOpInfo{.name = "cpuhp_remove_instance",
                  .path = kRemoveInstanceOp,
                  .pays_syscall = false,
                  .args = "state instance"}};
constexpr auto kOps = hotplug::Joined(hotplug::kOps, kOwnOps);

// cpuhp/N is an ordinary fair task; where classes go by priority alone nothing comes before it.
constexpr KthreadInfo kThreads[] = {
    {.name = "hotplug", .path = kControllerPath, .starts_asleep = true},
    {.name = "cpuhp",
     .path = kThreadPath,
     .per_cpu = true,
     .starts_asleep = true,
     .policy = SchedPolicy::kNormal},
    {.name = "ksoftirqd",
     .path = kSmpbootPath,
     .per_cpu = true,
     .starts_asleep = true,
     .policy = SchedPolicy::kNormal,
     .priority = 98},
    {.name = "rcuc",
     .path = kSmpbootPath,
     .per_cpu = true,
     .starts_asleep = true,
     .policy = SchedPolicy::kNormal,
     .priority = 98}};

constexpr EventFieldInfo kNotVacatedFields[] = {{"cpu"}, {"nr_running"}, {"pinned"}};
constexpr EventFieldInfo kDeadFailedFields[] = {{"cpu"}, {"state"}, {"ret"}};
constexpr EventFieldInfo kRemovalFailedFields[] = {{"cpu"}, {"state"}, {"ret"}};
constexpr EventFieldInfo kTimeoutFields[] = {{"cpu"}, {"alive"}};
constexpr std::array kOwnEvents = {
    EventInfo{.name = "hotplug_not_vacated",
              .fields = kNotVacatedFields,
              .summary = "sched_cpu_dying(): the CPU is not empty"},
    EventInfo{.name = "hotplug_dead_callback_failed",
              .fields = kDeadFailedFields,
              .summary = "a callback failed on the way down once the CPU was dead; it stays there"},
    EventInfo{.name = "hotplug_sync_timeout",
              .fields = kTimeoutFields,
              .summary = "the CPU did not report to be alive, or to be dead, in 10 s"},
    EventInfo{.name = "hotplug_removal_failed",
              .fields = kRemovalFailedFields,
              .summary = "a teardown callback failed while a state or an instance was removed, or "
                         "taken back after an error: BUG() in Linux 7.2"}};
constexpr auto kEvents = hotplug::Joined(hotplug::kEvents, kOwnEvents);

constexpr FaultInfo kFaults[] = {
    {.name = "hotplug.no_wait_empty",
     .summary = "state 147 does not wait until the CPU is empty",
     .caught_by = "HP-V1"},
    {.name = "hotplug.no_park", .summary = "state 148 parks nobody", .caught_by = "KA-I1"}};

constexpr ParamInfo Cost(std::string_view name, int64_t cycles, std::string_view summary) {
  return {.name = name, .kind = ParamKind::kCycles, .default_value = cycles, .summary = summary};
}
constexpr ParamInfo kParams[] = {
    {.name = "table",
     .kind = ParamKind::kEnum,
     .default_text = "full",
     .allowed = "full mini toy",
     .summary = "which states there are (hotplug.md 5.1)"},
    {.name = "states",
     .kind = ParamKind::kStringList,
     .summary =
         "further states: \"name=x nr=192|dyn up=1 down=1 cost=2 fail=up|down|both "
         "instances=I1,!I2 later=I3 registered=1\" (! before: fails on the way up, after: down; "
         "later and registered=0: for programs to add)"},
    {.name = "costs", .kind = ParamKind::kStringList, .summary = "of callbacks: \"187=3\""},
    {.name = "last_hk_check",
     .kind = ParamKind::kEnum,
     .default_text = "any",
     .allowed = "any other",
     .summary = "a housekeeping CPU must be online: any (7.2), or another than this one (6.12)"},
    {.name = "parallel",
     .kind = ParamKind::kBool,
     .default_value = 0,
     .summary = "several CPUs of one request are kicked first and brought up then"},
    {.name = "smt",
     .kind = ParamKind::kEnum,
     .default_text = "on",
     .allowed = "on off",
     .summary = "off: secondary threads of a core do not stay online"},
    {.name = "offline",
     .kind = ParamKind::kBool,
     .default_value = 1,
     .summary = "CPUs can be taken offline"},
    {.name = "state_control",
     .kind = ParamKind::kBool,
     .default_value = 1,
     .summary = "a CPU can be brought to other states than offline and online"},
    {.name = "preempt_blocks_offline",
     .kind = ParamKind::kBool,
     .default_value = 1,
     .summary = "a section with preemption off holds up the removal of a CPU"},
    {.name = "disable_fails",
     .kind = ParamKind::kBool,
     .default_value = 0,
     .summary = "the architecture refuses to let a CPU go"},
    {.name = "boot_hangs",
     .kind = ParamKind::kBool,
     .default_value = 0,
     .summary = "a CPU that is started does not report to be alive: -EIO after 10 s"},
    {.name = "die_hangs",
     .kind = ParamKind::kBool,
     .default_value = 0,
     .summary = "a CPU does not report to be dead: 10 s, and it cannot be started again"},
    Cost("c_lock", 1, "both locks"),
    Cost("c_unlock", 1, "giving them up"),
    Cost("c_cb", 1, "a callback"),
    Cost("c_sync", 20, "the shortest grace period"),
    Cost("c_park", 5, "parking a thread, with the two switches"),
    Cost("c_unpark", 1, "unparking one"),
    Cost("c_stage", 1, "a stage of stop_machine"),
    Cost("c_boot", 30, "from the start signal until the CPU is alive"),
    Cost("c_kick", 1, "sending the start signal by itself"),
    Cost("c_disable", 2, "the architecture's part of leaving"),
    Cost("c_idle_dead", 1, "the last step of a CPU"),
    Cost("c_die", 5, "waiting until it is dead"),
    Cost("c_rcu_mig", 1, "taking over its RCU callbacks"),
};

}  // namespace

Cpuhp::Cpuhp(const PolicyParams& params, const Limits& limits, Table table)
    : RequestedService(limits),
      table_(std::move(table)),
      is_toy_(params.Text("table") == "toy"),
      is_parallel_(params.Flag("parallel")),
      has_smt_(params.Text("smt") == "on"),
      blocks_offline_(params.Flag("preempt_blocks_offline")),
      needs_other_hk_(params.Text("last_hk_check") == "other"),
      can_offline_(params.Flag("offline")),
      has_state_control_(params.Flag("state_control")),
      disable_fails_(params.Flag("disable_fails")),
      boot_hangs_(params.Flag("boot_hangs")),
      die_hangs_(params.Flag("die_hangs")),
      waits_empty_(!params.Fault("hotplug.no_wait_empty")),
      parks_(!params.Fault("hotplug.no_park")),
      sync_limit_(10 * limits.clock_hz),
      cpus_(static_cast<std::size_t>(limits.num_cpus)) {
  const auto cost = [&](std::string_view name) {
    return is_toy_ && !params.Given(name) ? kZeroCycles : params.Length(name);
  };
  c_lock_ = cost("c_lock");
  c_unlock_ = cost("c_unlock");
  c_sync_ = cost("c_sync");
  c_park_ = cost("c_park");
  c_unpark_ = cost("c_unpark");
  c_stage_ = cost("c_stage");
  c_boot_ = cost("c_boot");
  c_disable_ = cost("c_disable");
  c_idle_dead_ = cost("c_idle_dead");
  c_die_ = cost("c_die");
  c_rcu_mig_ = cost("c_rcu_mig");
}

void Cpuhp::OnStart(Kernel& kernel) {
  // This service's kernel threads, by their path.
  for (int id = 1; id < kernel.num_tasks(); ++id) {
    const TaskId task(id);
    PathId path;
    CpuId cpu;
    if (!kernel.KthreadOf(task, self_, path, cpu)) continue;
    if (path == kThreadPath) At(cpu).thread = task;
    if (path == kSmpbootPath) At(cpu).smpboot.push_back(task);
  }
  StartTick(kernel);
  for (int i = 0; i < kernel.num_cpus(); ++i) AddThreads(kernel, CpuId(i));
  for (int i = 0; i < kernel.num_cpus(); ++i) {
    PerCpu& cpu = cpus_[static_cast<std::size_t>(i)];
    const bool online = kernel.cpu(CpuId(i)).online;
    cpu.state = cpu.target = online ? kOnline : kOffline;
    cpu.sync = online ? Sync::kIsOnline : Sync::kDead;
    cpu.booted_once = online;
  }
  const auto callbacks = kernel.hotplug_callbacks();
  for (std::size_t k = 0; k < callbacks.size(); ++k) {
    const int state = callbacks[k].info->state;
    if (state <= 0 || state >= kNumStates) continue;
    State& row = table_.at(state);
    row.declared.push_back(static_cast<int>(k));
    row.declared_up = row.declared_up || callbacks[k].startup.valid();
    row.declared_down = row.declared_down || callbacks[k].teardown.valid();
  }
}

// ------------------------------------------------------------------------------------------ locks

Next Cpuhp::ReaderStep(Kernel& kernel, Frame& frame) {
  if (frame.path == kReadUnlockOp) {
    readers_.Leave(frame.task);
    if (readers_.empty()) Dispatch(kernel);
    return Next::Return(0);
  }
  if (frame.step == StepId(1) || readers_.Take(frame.task, KeepsReadersOut())) {
    return Next::Return(0);
  }
  return Next::Block(StepId(1), TaskState::kUninterruptible);
}

// ------------------------------------------------------------------------------------------ others

void Cpuhp::Set(Kernel& kernel, int event, int64_t a, int64_t b, int64_t c) {
  PolicyEventPayload payload;
  payload.wide[0] = a;
  payload.wide[1] = b;
  payload.narrow[0] = static_cast<int32_t>(c);
  kernel.EmitDeclared(self_, event, payload);
}

PathCall Cpuhp::SwitchedPath(Kernel&, CpuId cpu, TaskId, TaskId next) {
  const PerCpu& c = At(cpu);
  if (next != kIdleTask) return PathCall::None();
  if (c.leaves) return PathCall::To(kIdleDeadPath, cpu.value());
  if (c.toy_leaves) return PathCall::To(kToyDownPath, cpu.value());
  return PathCall::None();
}

void Cpuhp::OnCall(Kernel& kernel, CpuId, const Message& message) {
  kernel.Wake(At(message.arg[0]).controller);
}

Next Cpuhp::Step(Kernel& kernel, Frame& frame) {
  if (frame.path == kControllerPath) return ControllerStep(kernel, frame);
  if (frame.path == kRequestPath) return RequestStep(kernel, frame);
  if (frame.path == kOfflineOp || frame.path == kOnlineOp) {
    const bool is_toy_done = is_toy_ && frame.step == hotplug::kTaskOpDone;
    return is_toy_done ? Next::Return(toy_result_) : TaskOpStep(kernel, frame);
  }
  if (frame.path == kReadLockOp || frame.path == kReadUnlockOp) return ReaderStep(kernel, frame);
  if (hotplug::IsUserPath(frame.path)) return hotplug::UserStep(kernel, self_, readers_, frame);
  if (frame.path >= kSetupStateOp) return RegisterStep(kernel, frame);
  if (frame.path == kOpPath) return OpStep(kernel, frame);
  if (frame.path == kStatesPath) return StatesStep(kernel, frame);
  if (frame.path == kThreadPath) return ThreadStep(kernel, frame);
  if (frame.path == kSmpbootPath) return SmpbootStep(kernel, frame);
  if (frame.path == kApPath) return ApStep(kernel, frame);
  if (frame.path == kIdleDeadPath) return IdleDeadStep(kernel, frame);
  if (frame.path == kTakeDownPath) return TakeDownStep(kernel, frame);
  return ToyStep(kernel, frame);
}

void Cpuhp::Describe(const Kernel& kernel, TaskId task, StateWriter& writer) const {
  const CpuId cpu = kernel.task(task).cpu;
  if (!cpu.valid()) return;
  const PerCpu& c = cpus_[cpu.index()];
  writer.Field("cpuhp_state", c.state);
  writer.Field("cpuhp_target", c.target);
}

namespace {

// The table that a policy set describes.
Table TableOf(const PolicyParams& params, std::vector<ParamProblem>& problems) {
  Table table;
  table.Build(params.Text("table"), params.Flag("parallel"), params.Length("c_cb"),
              params.Length("c_kick"), params.List("costs"), params.List("states"), problems);
  return table;
}

}  // namespace
}  // namespace cpuhp

constinit const PolicyInfo kCpuhpInfo = {
    .name = "cpuhp",
    .seam = Seam::kKernelService,
    .summary = "CPU hotplug by numbered states, with rollback",
    .source = "Linux 7.2 kernel/cpu.c",
    .params = cpuhp::kParams,
    .paths = cpuhp::kPaths,
    .events = cpuhp::kEvents,
    .ops = cpuhp::kOps,
    .kthreads = cpuhp::kThreads,
    .faults = cpuhp::kFaults,
    .runs_hotplug = true,
};

void CheckCpuhpTexts(const PolicyParams& params, std::vector<ParamProblem>& problems) {
  cpuhp::TableOf(params, problems);
}

absl::StatusOr<std::unique_ptr<KernelService>> MakeCpuhp(const PolicyParams& params,
                                                         const Limits& limits) {
  std::vector<ParamProblem> problems;
  cpuhp::Table table = cpuhp::TableOf(params, problems);
  if (!problems.empty()) return StatusOf(kCpuhpInfo.name, problems);
  return std::make_unique<cpuhp::Cpuhp>(params, limits, std::move(table));
}

}  // namespace rqsim
