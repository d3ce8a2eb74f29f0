// State words, reasons and kinds of hand-off as people read them.
// Tested by scenarios/umcg.
#include "service/umcg/words.h"

#include <array>

namespace rqsim::umcg {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Reason::kCount)> kReasons = {
    "no-server", "locked", "not-running", "no-next",     "server-not-idle", "word-changed",
    "efault",    "pin",    "enqueue",     "idle-server", "no-such-server",  "wait"};
constexpr std::array<std::string_view, static_cast<std::size_t>(Handoff::kCount)> kHandoffs = {
    "dispatch", "yield", "swap", "block", "preempt"};

// A state that not all variants have.
std::string StateText(Variant variant, int64_t state) {
  constexpr std::array<std::string_view, 5> kOfEv = {"ATTACHED", "WAKING", "SWAPPING", "RUNNABLE",
                                                     "WAIT"};
  if (variant != Variant::kEv || state < kAttached || state > kWaiting) {
    return "STATE" + std::to_string(state);
  }
  return std::string(kOfEv[static_cast<std::size_t>(state - kAttached)]);
}

}  // namespace

void AppendWord(Variant variant, int64_t word, std::string& out) {
  const Layout layout = LayoutOf(variant);
  switch (word & layout.state) {
    case kNone:
      out += "NONE";
      break;
    case kRunning:
      out += "RUNNING";
      break;
    case kIdle:
      out += variant == Variant::kPz ? "RUNNABLE" : "IDLE";
      break;
    case kBlocked:
      out += "BLOCKED";
      break;
    default:
      out += StateText(variant, word & layout.state);
      break;
  }
  if (variant == Variant::kEv && (word & kTimedOut) != 0) out += "|TIMEOUT";
  if ((word & layout.locked) != 0) out += "|LOCKED";
  if ((word & layout.preempted) != 0) out += variant == Variant::kPz ? "|PREEMPT" : "|PREEMPTED";
  if ((word & layout.cond_wait) != 0) out += "|COND_WAIT";
  const int64_t user = (word & layout.user) >> layout.user_shift;
  if (user != 0) out += "|U" + std::to_string(user);
}

std::string_view ReasonName(Reason reason) { return kReasons[static_cast<std::size_t>(reason)]; }

void AppendReason(int64_t reason, std::string& out) {
  if (reason < 0 || reason >= static_cast<int64_t>(kReasons.size())) return;
  out += kReasons[static_cast<std::size_t>(reason)];
}

std::string_view HandoffName(Handoff kind) { return kHandoffs[static_cast<std::size_t>(kind)]; }

void AppendHandoff(int64_t kind, std::string& out) {
  if (kind < 0 || kind >= static_cast<int64_t>(kHandoffs.size())) return;
  out += kHandoffs[static_cast<std::size_t>(kind)];
}

}  // namespace rqsim::umcg
