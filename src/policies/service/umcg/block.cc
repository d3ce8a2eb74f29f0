// Block detection (umcg.md 6.9; v0.9: N6, N7). It must neither sleep nor fault: it may run with the
// memory map locked, inside a page fault.
// Tested by scenarios/umcg.
#include "service/umcg/engine.h"

namespace rqsim::umcg {
namespace {

enum : int { kK1, kK2, kK5, kK6, kK7, kK8, kK9 };
// Registers: the word, whether the one retry is used, the server's tid.
constexpr int kOwn = 0;
constexpr int kRetried = 1;
constexpr int kServerTidRead = 2;

}  // namespace

Next Engine::Block(Kernel& kernel, Frame& frame) {
  const Next done = Kernelly(kK9, Cycles(2 * costs_.unpin.count()));
  const auto ignored = [&](Reason reason) {
    Emit(kernel, kEvIgnored, static_cast<int64_t>(reason), 0, frame.task.value());
    return done;
  };
  switch (frame.step.value()) {
    case kK1:
      if (!Of(frame.task).pinned_server) {
        Emit(kernel, kEvIgnored, static_cast<int64_t>(Reason::kNoServer), 0, frame.task.value());
        Unpin(kernel, frame.task);
        return Next::Return(0);
      }
      Announce(kernel, Handoff::kBlock, frame.task, Of(frame.task).attached);
      return Kernelly(kK2, costs_.k_get);
    case kK2: {
      const WordResult own = kernel.Load(Word(kernel, frame.task, kState));
      if (own.fault) {
        Die(kernel, frame.task, Reason::kEfault);
        return done;
      }
      frame.r[kOwn] = own.old;
      if (IsLocked(own.old)) return ignored(Reason::kLocked);  // K3
      if (StateOf(own.old) != kRunning) {                      // K4
        if (variant_ != Variant::kV09) return ignored(Reason::kNotRunning);
        // MODEL-156
        Die(kernel, frame.task, Reason::kNotRunning);
        return done;
      }
      return Kernelly(kK5, costs_.k_cas);
    }
    case kK5:
      return BlockExchange(kernel, frame);
    case kK9:
      Of(frame.task).hands_to = TaskId();  // it sleeps
      Unpin(kernel, frame.task);
      return Next::Return(0);
    default:
      return BlockMarked(kernel, frame);
  }
}

Next Engine::BlockExchange(Kernel& kernel, Frame& frame) {
  const WordResult set = ChangeState(kernel, frame.task, frame.r[kOwn],
                                     WithState(frame.r[kOwn], kBlocked), frame.task, true);
  if (set.ok) return Kernelly(kK6, costs_.k_get);
  if (set.fault) {
    Die(kernel, frame.task, Reason::kEfault);  // K5b
    return Kernelly(kK9, Cycles(2 * costs_.unpin.count()));
  }
  return BlockRetry(kernel, frame, set.old);
}

// K5a: the word has changed since it was read.
Next Engine::BlockRetry(Kernel& kernel, Frame& frame, int64_t found) {
  const Next done = Kernelly(kK9, Cycles(2 * costs_.unpin.count()));
  const int64_t before = frame.r[kOwn];
  bool may_retry = false;
  if (variant_ == Variant::kV09) {
    may_retry = frame.r[kRetried] == 0;
    if (may_retry && IsLocked(found)) {
      Emit(kernel, kEvIgnored, static_cast<int64_t>(Reason::kLocked), 0, frame.task.value());
      return done;
    }
    may_retry = may_retry && StateOf(found) == kRunning;
  } else {
    // As posted: once PREEMPTED has been seen there is no retry, and nothing else may appear.
    const bool is_first = knobs_.retry_rule ? frame.r[kRetried] == 0 : !IsPreempted(before);
    const int64_t looked_at = knobs_.userbits_in_retry ? ~layout_.user : -1;
    const int64_t wanted = kRunning | layout_.preempted;
    const bool fits = knobs_.userbits_in_retry
                          ? (found & looked_at) == wanted || (found & looked_at) == kRunning
                          : found == wanted;
    may_retry = is_first && fits && frame.r[kRetried] == 0;
  }
  if (!may_retry) {
    Die(kernel, frame.task, Reason::kWordChanged);
    return done;
  }
  frame.r[kRetried] = 1;
  frame.r[kOwn] = found;
  Emit(kernel, kEvRetry, found & layout_.value(), 0, frame.task.value());
  return Kernelly(kK5, costs_.k_cas);
}

// K6 … K8: the server learns of it.
Next Engine::BlockMarked(Kernel& kernel, Frame& frame) {
  const Next done = Kernelly(kK9, Cycles(2 * costs_.unpin.count()));
  const auto silent = [&](Reason reason) {
    Emit(kernel, kEvSilent, static_cast<int64_t>(reason), 0, frame.task.value());
    return done;
  };
  switch (frame.step.value()) {
    case kK6: {
      const WordResult next = kernel.Load(Word(kernel, frame.task, kNextTid));
      if (next.fault) {
        Die(kernel, frame.task, Reason::kEfault);
        return done;
      }
      frame.r[kServerTidRead] = next.old & kTidMask;
      if (frame.r[kServerTidRead] == 0) return silent(Reason::kNoNext);
      return CallPath(kK7, kMark, frame.r[kServerTidRead]);
    }
    case kK7: {
      if (frame.result == 0) {
        if (variant_ == Variant::kV09) return done;  // marking woke it, too
        const int more = knobs_.vpid_lookups - 1;
        return Kernelly(kK8, Cycles(more * costs_.vpid.count()));
      }
      const Reason reason =
          frame.result == kEAGAIN ? Reason::kServerNotIdle : Reason::kNoSuchServer;
      if (variant_ == Variant::kV09 && frame.result != kEAGAIN) {
        Die(kernel, frame.task, reason);
        return done;
      }
      return silent(reason);
    }
    default: {  // K8
      const TaskId server = knobs_.vpid_lookups > 1
                                ? LookUp(kernel, frame.r[kServerTidRead], frame.task)
                                : Of(frame.task).marked;
      if (server.valid()) WakeOrSwitch(kernel, frame.task, server);
      return done;
    }
  }
}

}  // namespace rqsim::umcg
