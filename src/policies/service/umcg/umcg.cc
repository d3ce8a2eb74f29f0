// UMCG, User-Managed Concurrency Groups: umcg-v0.6, umcg-v0.9, umcg-pz, umcg-ev and switch-to.
//
// Idea: a process schedules its own threads. A worker runs user code only while a server sleeps for
// it; the server gets the CPU back when the worker yields, blocks in the kernel, or is preempted at
// user space's request, and decides who runs next. Origin: "[PATCH v0.6] sched/umcg: RFC: implement
// UMCG syscalls" (P. Oskolkov, September 2021) with its review, v0.9.1 (November 2021), and
// "sched: User Mode Concurency Groups" (P. Zijlstra, January 2022), and "UMCG - how should we
// proceed? Should we?" (P. Oskolkov, March 2023). Linux 7.2 has none of it; its
// hooks sit where that kernel has sched_submit_work() and the loop of kernel/entry/common.c.
// What differs: umcg.md marks each choice of its own, docs/MODEL.md the ones made here. switch-to
// is umcg-v0.6 whose hand-offs bypass the wake-up (Google's SwitchTo). Cost: a look-up by tid is
// O(log tasks), everything else O(1) per step, as long as servers take workers from an end of their
// queues (worker_queue.h).
// Tested by scenarios/umcg and tests/unit/policies/service/umcg_test.cc.
#include <algorithm>
#include <array>
#include <memory>

#include "policies.h"
#include "service/umcg/engine.h"
#include "service/umcg/metrics.h"
#include "service/umcg/op_info.h"

namespace rqsim {
namespace {

using umcg::Variant;

template <Variant kVariant>
constexpr std::array<EventFieldInfo, 5> kStateFields = {{
    {"from", FieldKind::kSymbol, umcg::AppendWordOf<kVariant>},
    {"to", FieldKind::kSymbol, umcg::AppendWordOf<kVariant>},
    {"tid", FieldKind::kTask, nullptr},
    {"by", FieldKind::kTask, nullptr},
    {"kernel", FieldKind::kInteger, nullptr},
}};
template <Variant kVariant>
constexpr std::array<EventFieldInfo, 3> kWordFields = {{
    {"word", FieldKind::kSymbol, umcg::AppendWordOf<kVariant>},
    {"unused", FieldKind::kInteger, nullptr},
    {"tid", FieldKind::kTask, nullptr},
}};
constexpr std::array<EventFieldInfo, 3> kReasonFields = {{
    {"reason", FieldKind::kSymbol, umcg::AppendReason},
    {"unused", FieldKind::kInteger, nullptr},
    {"tid", FieldKind::kTask, nullptr},
}};
constexpr std::array<EventFieldInfo, 4> kHandoffFields = {{
    {"kind", FieldKind::kSymbol, umcg::AppendHandoff},
    {"preemptible", FieldKind::kInteger, nullptr},
    {"tid", FieldKind::kTask, nullptr},
    {"to", FieldKind::kTask, nullptr},
}};

constexpr std::array<EventFieldInfo, 4> Fields(std::string_view a, std::string_view b,
                                               std::string_view c, std::string_view d) {
  return {{{a, FieldKind::kInteger, nullptr},
           {b, FieldKind::kInteger, nullptr},
           {c, FieldKind::kTask, nullptr},
           {d, FieldKind::kTask, nullptr}}};
}
constexpr auto kListFields = Fields("address", "unused", "tid", "unused");
constexpr auto kServerFields = Fields("server_tid", "by_user", "tid", "server");
constexpr std::array<EventFieldInfo, 4> kPinFields = {{
    {"outstanding", FieldKind::kInteger, nullptr},
    {"change", FieldKind::kInteger, nullptr},
    {"tid", FieldKind::kTask, nullptr},
    {"pages", FieldKind::kInteger, nullptr},
}};
constexpr auto kCallFields = Fields("call", "unused", "tid", "unused");
constexpr auto kResultFields = Fields("result", "unused", "tid", "by");
constexpr auto kQueueFields = Fields("queued", "unused", "tid", "server");
constexpr auto kIdleFields = Fields("futile", "unused", "tid", "unused");
constexpr auto kSpinFields = Fields("kernel", "cycles", "tid", "unused");
constexpr auto kLookupFields = Fields("wanted", "kthread", "tid", "unused");
constexpr auto kRegisterFields = Fields("kind", "group", "tid", "server");

constexpr std::span<const EventFieldInfo> First(std::span<const EventFieldInfo> fields,
                                                std::size_t count) {
  return fields.first(count);
}

template <Variant kVariant>
constexpr std::array<EventInfo, umcg::kNumEvents> kEventsOf = {{
    {"umcg_state", kStateFields<kVariant>, "a state word was changed", true},
    {"umcg_list_push", First(kListFields, 3), "a worker is on the idle list", true},
    {"umcg_list_take", First(kListFields, 3), "user space took the whole list", true},
    {"umcg_idle_server_take", kServerFields, "the idle server's word was exchanged with 0", true},
    {"umcg_block_ignored", kReasonFields, "a sleep was no block event", true},
    {"umcg_block_silent", kReasonFields, "a block of which no server learns", true},
    {"umcg_retry", kWordFields<kVariant>, "the word changed under block detection", true},
    {"umcg_die", kReasonFields, "the worker is killed for a breach of the contract", true},
    {"umcg_pin", kPinFields, "pages were pinned or unpinned", true},
    {"umcg_enter", First(kCallFields, 3), "a call: 0 umcg_wait, 1 umcg_ctl", true},
    {"umcg_exit", First(kResultFields, 3), "… and what it gave", true},
    {"umcg_handoff", kHandoffFields, "the first step of a hand-off", true},
    {"umcg_queue", kQueueFields, "a worker came onto or left a queue of user space", true},
    {"umcg_server_idle", First(kIdleFields, 3), "a server found no worker", true},
    {"umcg_signal_discarded", First(kIdleFields, 3), "a signal is lost in the idle loop", true},
    {"umcg_spurious", First(kIdleFields, 3), "woken, and the word says to sleep on", true},
    {"umcg_preempt", kResultFields, "a request to preempt, or why it failed", true},
    {"umcg_spin", First(kSpinFields, 3), "a polling loop is over", true},
    {"umcg_lookup", First(kLookupFields, 3), "a task was looked up by its tid", true},
    {"umcg_register", kRegisterFields, "kind 1 server, 2 worker, 0 no longer (group: why)", true},
    {"umcg_gone", kResultFields, "a task was used after its look-up had become void", true},
}};
constexpr std::array<EventFieldInfo, 3> kStampFields = {{
    {"blocked_ts", FieldKind::kInteger, nullptr},
    {"runnable_ts", FieldKind::kInteger, nullptr},
    {"tid", FieldKind::kTask, nullptr},
}};
// What umcg-pz tells of in addition.
constexpr std::array kEventsOfPz = [] {
  std::array<EventInfo, umcg::kNumPzEvents> events{};
  std::copy(kEventsOf<Variant::kPz>.begin(), kEventsOf<Variant::kPz>.end(), events.begin());
  events[umcg::kEvStamp] = {"umcg_stamp", kStampFields, "the times of a wait that is over", true};
  events[umcg::kEvBlockedPush] = {"umcg_blocked_push", First(kListFields, 3),
                                  "a worker is on its server's list of blocked ones", true};
  events[umcg::kEvBlockedTake] = {"umcg_blocked_take", First(kListFields, 3),
                                  "a server took its list of blocked workers", true};
  return events;
}();
template <Variant kVariant>
constexpr std::span<const EventInfo> EventsOf() {
  if constexpr (kVariant == Variant::kPz) return kEventsOfPz;
  return kEventsOf<kVariant>;
}

constexpr OpKind kNothing = OpKind::kRun;
constexpr std::array kOps = {
    umcg::OpInfo("umcg_yield", umcg::kOpYield, false, "requeue", OpKind::kYield,
                 "Gives the CPU back to the server; with `requeue` that queues the worker again."),
    umcg::OpInfo(
        "umcg_swap", umcg::kOpSwap, false, "task requeue", OpKind::kSync,
        "Hands the CPU to another worker or basic task and waits; with `requeue` it stands on its "
        "queue again. -EAGAIN: that worker does not wait for this."),
    umcg::OpInfo("umcg_wait", umcg::kOpWait, false, "until requeue", OpKind::kBlock,
                 "Waits until it is made RUNNING; a worker hands the CPU back to its server."),
    umcg::OpInfo(
        "umcg_wait_worker", umcg::kOpWaitWorker, false, "task", kNothing,
        "umcg-ev, of a server or basic task: waits until a worker's wait is over; elsewhere "
        "-ENOSYS."),
    umcg::OpInfo("umcg_wake", umcg::kOpWake, false, "task current_cpu keep_word", OpKind::kWake,
                 "Makes a waiting task RUNNING (not with `keep_word`) and wakes it."),
    umcg::OpInfo("umcg_preempt", umcg::kOpPreempt, false, "task", kNothing,
                 "Flags a running worker and signals it."),
    umcg::OpInfo("umcg_lock", umcg::kOpLock, false, "", kNothing, "Its word becomes IDLE|LOCKED."),
    umcg::OpInfo("umcg_unlock", umcg::kOpUnlock, false, "", kNothing, "Its word becomes RUNNING."),
    umcg::OpInfo("umcg_set_bits", umcg::kOpBits, false, "bits task", kNothing,
                 "Sets user bits of its word, or of the task's."),
    umcg::OpInfo("umcg_clear_bits", umcg::kOpClearBits, false, "bits task", kNothing,
                 "Clears user bits of its word, or of the task's."),
    umcg::OpInfo("umcg_set_next", umcg::kOpSetNext, false, "tid", kNothing, "Writes its next_tid."),
    umcg::OpInfo(
        "poke", umcg::kOpPoke, false,
        "task field:state|next_tid|idle_workers_ptr|idle_server_tid_ptr|server_tid|blocked_ts|"
        "runnable_ts|idle_workers|idle_server_tid clear set",
        kNothing, "Changes a word of user memory in one step: `clear` bits go, then `set` come."),
    umcg::OpInfo("umcg_register", umcg::kOpRegister, false, "", kNothing, "Registers as a worker."),
    umcg::OpInfo("umcg_unregister", umcg::kOpUnregister, false, "", kNothing,
                 "Wakes the server and unregisters, as the contract asks."),
    umcg::OpInfo(
        "umcg_ctl", umcg::kOpCtl, false, "flags self word next_tid", kNothing,
        "A raw umcg_ctl; self 2 is an address that cannot be read, word and next_tid are stored "
        "first unless -1."),
    umcg::OpInfo(
        "oops", umcg::kOpOops, true, "for", OpKind::kExit,
        "Dies inside a system call; the exit repairs for so long before it shuts signals off."),
    umcg::OpInfo("syscall", umcg::kOpSyscall, true, "for", kNothing,
                 "A system call that does not block."),
};

constexpr std::array kFaults = {
    FaultInfo{"umcg.poke", "user memory is changed from outside: field state, next_tid …", "UM-I6",
              "at cpu task field set and or"},
    FaultInfo{"umcg.page", "a structure's page goes or comes; by force also a pinned one",
              "killed_workers", "at cpu task present force"},
    FaultInfo{"umcg.exit", "a task is killed", "lost_wakeups", "at cpu task"},
    FaultInfo{"umcg.stall", "a named step is put off", "consumer_spin", "task step nth for"},
    FaultInfo{"umcg.sleep", "umcg_wait, or block detection, sleeps before a named step", "UM-I7",
              "task step for"},
    FaultInfo{"umcg.any_space", "a server of another process is marked like one's own", "UM-I11"},
    FaultInfo{"umcg.wrong_change", "a worker becomes RUNNING when its wait is over", "UM-I12"},
    FaultInfo{"umcg.erases_bits", "the kernel writes words without their user bits", "UM-I13"},
    FaultInfo{"umcg.survives", "a worker that breaks the contract is not killed", "UM-I14"},
    FaultInfo{"umcg.same_time", "a change of a word carries an old time", "UM-I15"},
};

constexpr std::array kTimers = {TimerInfo{.name = "slice"}};

template <Variant kVariant>
PolicyInfo MakeInfo(std::string_view name, std::string_view summary, std::string_view source) {
  PolicyInfo info;
  info.name = name;
  info.seam = Seam::kKernelService;
  info.summary = summary;
  info.source = source;
  info.params = umcg::ParamsOf(kVariant);
  info.paths = umcg::kPaths;
  info.events = EventsOf<kVariant>();
  info.ops = kOps;
  info.timers = kTimers;
  info.faults = kFaults;
  info.metrics = umcg::kMetrics;
  info.words_per_task = umcg::kNumFields;
  info.server_path = PathId(umcg::kServerMain);
  info.parked_path = PathId(umcg::kParkedStart);
  return info;
}

template <Variant kVariant>
absl::StatusOr<std::unique_ptr<KernelService>> Make(const PolicyParams& params,
                                                    const Limits& limits) {
  return std::make_unique<umcg::Engine>(kVariant, params, limits);
}

}  // namespace

const PolicyInfo kUmcgV06Info = MakeInfo<Variant::kV06>(
    "umcg-v0.6", "user-managed concurrency groups as posted in September 2021",
    "20210917180323.278250-4-posk@google.com");
const PolicyInfo kUmcgV09Info = MakeInfo<Variant::kV09>(
    "umcg-v0.9",
    "… as posted in November 2021 (v0.9.1): a timestamp in the word, strict on contract",
    "20211122211327.5931-1-posk@google.com");
const PolicyInfo kUmcgPzInfo =
    MakeInfo<Variant::kPz>("umcg-pz", "… rewritten in January 2022: a list per server, umcg_kick",
                           "20220120155517.066795336@infradead.org");

const PolicyInfo kUmcgEvInfo = MakeInfo<Variant::kEv>(
    "umcg-ev", "… as posted in March 2023: all state in the kernel, events, a tick that preempts",
    "20230328210754.2745989-1-posk@google.com");

// umcg-v0.6 whose hand-offs are direct unless a set says otherwise.
const PolicyInfo kSwitchToInfo = [] {
  PolicyInfo info = MakeInfo<Variant::kV06>(
      "switch-to", "umcg-v0.6 whose hand-offs bypass wake-up and pick (SwitchTo)",
      "20200722234538.166697-1-posk@posk.io; umcg.md 13");
  info.params = umcg::SwitchToParams();
  return info;
}();
absl::StatusOr<std::unique_ptr<KernelService>> MakeSwitchTo(const PolicyParams& params,
                                                            const Limits& limits) {
  return Make<Variant::kV06>(params, limits);
}

absl::StatusOr<std::unique_ptr<KernelService>> MakeUmcgV06(const PolicyParams& params,
                                                           const Limits& limits) {
  return Make<Variant::kV06>(params, limits);
}
absl::StatusOr<std::unique_ptr<KernelService>> MakeUmcgV09(const PolicyParams& params,
                                                           const Limits& limits) {
  return Make<Variant::kV09>(params, limits);
}
// Its servers are woken like any task; nobody has posted another way (umcg.md 19).
absl::StatusOr<std::unique_ptr<KernelService>> MakeUmcgEv(const PolicyParams& params,
                                                          const Limits& limits) {
  if (params.Text("handoff") == "direct") {
    return absl::InvalidArgumentError("handoff: umcg-ev has no direct hand-off");
  }
  return Make<Variant::kEv>(params, limits);
}
absl::StatusOr<std::unique_ptr<KernelService>> MakeUmcgPz(const PolicyParams& params,
                                                          const Limits& limits) {
  return Make<Variant::kPz>(params, limits);
}

}  // namespace rqsim
