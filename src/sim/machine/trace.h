// Hands records to the digest and to whoever wants them.
#ifndef RQSIM_SIM_MACHINE_TRACE_H_
#define RQSIM_SIM_MACHINE_TRACE_H_

#include <array>
#include <cstdint>
#include <vector>

#include "rqsim/limits.h"
#include "rqsim/listener.h"
#include "rqsim/trace_event.h"
#include "sim/engine/digest.h"

namespace rqsim {

class Trace {
 public:
  Trace() {
    for (EventKind kind : {EventKind::kSchedSwitch, EventKind::kSchedWakeup,
                           EventKind::kSchedWakeupNew, EventKind::kSchedMigrateTask}) {
      use_[static_cast<std::size_t>(kind)] |= kInDigest | kInScheduleDigest;
    }
    for (EventKind kind :
         {EventKind::kProxyDonor, EventKind::kProxyMigrate, EventKind::kMutexAcquire,
          EventKind::kMutexRelease, EventKind::kCpuhpEnter, EventKind::kCpuhpMultiEnter,
          EventKind::kCpuhpExit, EventKind::kHotplugMask, EventKind::kHotplugOp}) {
      use_[static_cast<std::size_t>(kind)] |= kInDigest;
    }
  }

  void AddListener(Listener& listener) {
    const EventMask wants = listener.Wants();
    listeners_.push_back(&listener);
    for (std::size_t k = 0; k < kMaxEventKinds; ++k) {
      if (!wants.Contains(static_cast<EventKind>(k))) continue;
      use_[k] |= kListened;
      targets_[k].push_back(&listener);
    }
  }
  // A policy's declared event counts in the digest.
  void AddToDigest(EventKind kind) { use_[static_cast<std::size_t>(kind)] |= kInDigest; }

  bool Wanted(EventKind kind) const { return use_[static_cast<std::size_t>(kind)] != 0; }

  template <class T>
  void Emit(Time t, CpuId cpu, const T& payload) {
    if (Wanted(T::kKind)) Record(t, cpu, TraceEvent::Of(payload));
  }
  void Record(Time t, CpuId cpu, TraceEvent event) {
    const std::size_t kind = event.kind_bits;
    const uint8_t use = use_[kind];
    if (use == 0) return;
    event.t = t;
    event.cpu_bits = cpu.valid() ? static_cast<uint64_t>(cpu.value()) & 0xfff : TraceEvent::kNoCpu;
    event.seq = count_++ & ((uint64_t{1} << 40) - 1);
    if ((use & kInDigest) != 0) {
      Mix(digest_, event);
      if ((use & kInScheduleDigest) != 0) Mix(schedule_digest_, event);
    }
    if ((use & kListened) != 0) {
      for (Listener* listener : targets_[kind]) listener->OnEvent(event);
    }
  }

  const std::vector<Listener*>& listeners() const { return listeners_; }
  uint64_t count() const { return digest_count_; }
  uint64_t digest() const { return digest_.value(); }
  uint64_t schedule_digest() const { return schedule_digest_.value(); }

 private:
  static constexpr uint8_t kListened = 1;
  static constexpr uint8_t kInDigest = 2;
  static constexpr uint8_t kInScheduleDigest = 4;

  void Mix(Digest& digest, const TraceEvent& event) {
    if (&digest == &digest_) ++digest_count_;
    digest.Add(static_cast<uint64_t>(event.t.cycles()));
    // Kinds of policies count from 64 whatever there is before them: a further fixed kind changes
    // no digest.
    constexpr uint64_t kFirst = kFirstPolicyEvent;
    const uint64_t kind =
        event.kind_bits < kFirst ? event.kind_bits : event.kind_bits - kFirst + 64;
    digest.Add((kind << 12) | event.cpu_bits);
    for (int64_t word : event.a) digest.Add(static_cast<uint64_t>(word));
  }

  std::array<uint8_t, kMaxEventKinds> use_{};
  std::array<std::vector<Listener*>, kMaxEventKinds> targets_;
  std::vector<Listener*> listeners_;
  uint64_t count_ = 0;         // index of the next record
  uint64_t digest_count_ = 0;  // records of the fixed kinds: the same whoever listens
  Digest digest_, schedule_digest_;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_MACHINE_TRACE_H_
