// The parameters of UMCG services and their presets (umcg.md 5.2, 12).
// Tested by scenarios/umcg.
#include "service/umcg/params.h"

#include <array>

namespace rqsim::umcg {
namespace {

struct CostRow {
  std::string_view name;
  Cycles Costs::*member;
  int64_t ex;      // preset EX
  int64_t cycles;  // default
  std::string_view summary;
};
// umcg.md 5.2. The defaults are of plausible magnitude, not measured: golden files state all.
constexpr CostRow kRows[] = {
    {"costs.u_cas", &Costs::u_cas, 1, 20, "atomic read-modify-write of a shared word by user code"},
    {"costs.u_store", &Costs::u_store, 0, 0, "plain store by user code"},
    {"costs.k_get", &Costs::k_get, 0, 5, "the kernel reads one user word"},
    {"costs.k_put", &Costs::k_put, 0, 5, "the kernel writes one user word"},
    {"costs.k_cas", &Costs::k_cas, 1, 25, "the kernel exchanges a user word"},
    {"costs.vpid", &Costs::vpid, 1, 40, "finds a task by its tid"},
    {"costs.direct", &Costs::direct, 2, 150, "direct hand-off, instead of wake-up and switch"},
    {"costs.pin", &Costs::pin, 1, 60, "pins a page"},
    {"costs.unpin", &Costs::unpin, 0, 20, "unpins a page"},
    {"costs.fault_in", &Costs::fault_in, 5, 1500, "makes a missing page present"},
    {"costs.sig_send", &Costs::sig_send, 1, 200, "queues a signal"},
    {"costs.sig_dlv", &Costs::sig_dlv, 1, 500, "a signal's frame, its empty handler, its return"},
    {"costs.pick", &Costs::pick, 1, 30, "decision of the user scheduler"},
    {"costs.push_window", &Costs::push_window, 0, 5, "between the two halves of the list push"},
    {"costs.spin_poll", &Costs::spin_poll, 1, 10, "one turn of a polling loop"},
};
constexpr std::size_t kNumCosts = std::size(kRows);

constexpr std::string_view kFixes =
    "all userbits_in_retry retry_rule userbits_in_server lookup_atomic kthread_check "
    "validate_next exit_order wake_on_unregister signals list_push vpid_lookups handoff "
    "nopreempt_hook";

constexpr std::size_t kNumKnobs = 14;
// kMore: parameters of this variant alone.
template <std::size_t kMore = 0>
constexpr auto MakeParams(int lookups, std::string_view handoff, std::string_view source = "none") {
  std::array<ParamInfo, kNumCosts + kNumKnobs + kMore> params{};
  std::size_t next = 0;
  for (const CostRow& row : kRows) {
    ParamInfo& p = params[next++];
    p.name = row.name;
    p.kind = ParamKind::kCycles;
    p.default_value = row.cycles;
    p.summary = row.summary;
  }
  const auto add = [&](std::string_view name, ParamKind kind, std::string_view text,
                       std::string_view allowed, std::string_view summary) -> ParamInfo& {
    ParamInfo& p = params[next++];
    p.name = name;
    p.kind = kind;
    p.default_text = text;
    p.allowed = allowed;
    p.summary = summary;
    return p;
  };
  add("costs.preset", ParamKind::kEnum, "default", "default EX",
      "EX: the costs of umcg.md's examples; single costs come first");
  add("fixes", ParamKind::kStringList, "", kFixes,
      "what is corrected of the variant as it was posted (umcg.md 12, docs/UMCG.md); `all`");
  ParamInfo& vpid = add("vpid_lookups", ParamKind::kInteger, "", "",
                        "look-ups of a block: 2 as v0.6 was posted, 1 corrected");
  vpid.default_value = lookups;
  vpid.min = 1;
  vpid.max = 2;
  add("handoff", ParamKind::kEnum, handoff, "ttwu direct",
      "ttwu: a hand-off is a wake-up and a sleep; direct: the CPU is given to the server");
  add("preempt.source", ParamKind::kEnum, source,
      source == "none" ? "none watchdog server-timeout kernel-tick" : "none kernel-tick",
      "who preempts a worker whose slice is over: nobody, a watchdog thread, the server's timeout, "
      "or the kernel's tick, whatever the user scheduler's slice (MODEL-293)");
  ParamInfo& jiffies =
      add("preempt.jiffies", ParamKind::kInteger, "", "",
          "kernel-tick: the tick preempts a worker that started so many ticks ago");
  jiffies.default_value = 10;
  jiffies.min = 1;
  jiffies.max = 1'000'000;
  add("preempt.trigger", ParamKind::kEnum, "signal", "signal next-schedule",
      "whether the signal alone starts the resume path, or only the next pass of schedule()");
  add("server.timeout_protocol", ParamKind::kEnum, "stay-idle", "stay-idle libumcg",
      "libumcg: a server that timed out makes its word RUNNING before it preempts its worker");
  add("server.timeout", ParamKind::kCycles, "", "",
      "a server waits so long for its worker (0: for ever, or the slice of the user scheduler)");
  ParamInfo& bits = add("server.user_bits", ParamKind::kInteger, "", "",
                        "value of the user bits that servers keep in their state word");
  bits.max = 255;
  add("server.keeps_preempted", ParamKind::kBool, "", "",
      "a mistake of user space: servers do not clear PREEMPTED when they run a worker");
  add("server.chain", ParamKind::kBool, "", "",
      "a server that takes a worker and sees another one wakes one further idle server");
  add("hook_in_wait", ParamKind::kBool, "", "",
      "block detection is asked inside the idle loop of umcg_wait too, and finds nothing to do");
  ParamInfo& donors = add("proxy_donor", ParamKind::kEnum, "fires", "fires silent",
                          "block detection of a worker that a lock protocol keeps queued as donor");
  donors.default_value = 0;
  if constexpr (kMore > 0) {
    add("pz.blocked_list", ParamKind::kEnum, "off", "off multi single",
        "a list of blocked workers in each server, proposed in January 2022: multi for servers "
        "that "
        "registered MULTI, single for others, whose worker must be the one that next_tid names");
  }
  return params;
}
constexpr auto kParams06 = MakeParams(2, "ttwu");
constexpr auto kParams09 = MakeParams(1, "ttwu");
constexpr auto kParamsPz = MakeParams<1>(1, "ttwu");
constexpr auto kParamsEv = MakeParams(1, "ttwu", "kernel-tick");
constexpr auto kParamsSwitchTo = MakeParams(1, "direct");

}  // namespace

std::span<const ParamInfo> ParamsOf(Variant variant) {
  switch (variant) {
    case Variant::kV06:
      return kParams06;
    case Variant::kV09:
      return kParams09;
    case Variant::kPz:
      return kParamsPz;
    case Variant::kEv:
      return kParamsEv;
  }
  return {};
}

std::span<const ParamInfo> SwitchToParams() { return kParamsSwitchTo; }

Costs ReadCosts(const PolicyParams& params) {
  Costs costs;
  const bool is_ex = params.Text("costs.preset") == "EX";
  for (const CostRow& row : kRows) {
    costs.*row.member = is_ex && !params.Given(row.name) ? Cycles(row.ex) : params.Length(row.name);
  }
  return costs;
}

Knobs ReadKnobs(const PolicyParams& params, Variant variant) {
  const bool all = params.Lists("fixes", "all");
  const auto fixed = [&](std::string_view name) { return all || params.Lists("fixes", name); };
  Knobs knobs;
  knobs.vpid_lookups = static_cast<int>(params.Integer("vpid_lookups"));
  if (fixed("vpid_lookups") && !params.Given("vpid_lookups")) knobs.vpid_lookups = 1;
  knobs.userbits_in_retry = fixed("userbits_in_retry");
  knobs.retry_rule = fixed("retry_rule");
  knobs.userbits_in_server = fixed("userbits_in_server");
  knobs.lookup_atomic = fixed("lookup_atomic") || variant != Variant::kV06;
  knobs.kthread_check = fixed("kthread_check");
  knobs.exit_late = fixed("exit_order");
  knobs.validate_next = fixed("validate_next") || variant != Variant::kV06;
  knobs.wake_on_unregister = fixed("wake_on_unregister") || variant == Variant::kPz;
  knobs.signals_delivered = fixed("signals") || variant == Variant::kPz;
  knobs.list_push_atomic = fixed("list_push") || variant == Variant::kPz;
  knobs.hook_in_wait = params.Flag("hook_in_wait");
  knobs.nopreempt_hook = !fixed("nopreempt_hook");
  knobs.handoff_direct =
      params.Text("handoff") == "direct" || (fixed("handoff") && !params.Given("handoff"));
  const std::string_view source = params.Text("preempt.source");
  knobs.preempt_source = source == "watchdog"         ? PreemptSource::kWatchdog
                         : source == "server-timeout" ? PreemptSource::kServerTimeout
                         : source == "kernel-tick"    ? PreemptSource::kKernelTick
                                                      : PreemptSource::kOff;
  knobs.preempt_jiffies = params.Integer("preempt.jiffies");
  if (variant == Variant::kPz) {
    const std::string_view list = params.Text("pz.blocked_list");
    knobs.blocked_list = list == "multi"    ? BlockedList::kMulti
                         : list == "single" ? BlockedList::kSingle
                                            : BlockedList::kOff;
  }
  knobs.preempt_at_schedule = params.Text("preempt.trigger") == "next-schedule";
  knobs.timeout_restores = params.Text("server.timeout_protocol") == "libumcg";
  knobs.server_timeout = params.Length("server.timeout");
  knobs.server_bits = params.Integer("server.user_bits") << LayoutOf(variant).user_shift;
  knobs.keeps_preempted = params.Flag("server.keeps_preempted");
  knobs.chain = params.Flag("server.chain");
  knobs.detects_donors = params.Text("proxy_donor") != "silent";
  knobs.mistakes.any_space = params.Fault("umcg.any_space");
  knobs.mistakes.wrong_change = params.Fault("umcg.wrong_change");
  knobs.mistakes.erases_bits = params.Fault("umcg.erases_bits");
  knobs.mistakes.survives = params.Fault("umcg.survives");
  knobs.mistakes.same_time = params.Fault("umcg.same_time");
  return knobs;
}

}  // namespace rqsim::umcg
