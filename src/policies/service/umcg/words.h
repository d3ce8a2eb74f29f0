// The words of user memory that UMCG and user space share (umcg.md 4), one block per task, and the
// bits of the state word, which differ between the variants.
#ifndef RQSIM_POLICIES_SERVICE_UMCG_WORDS_H_
#define RQSIM_POLICIES_SERVICE_UMCG_WORDS_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace rqsim::umcg {

enum class Variant : uint8_t { kV06, kV09, kPz, kEv };

// The fields of a task's block. The last two are those of its group, or, under pz, the list of a
// server; they count in the block of a group's first server only.
enum Field : int {
  kState,
  kNextTid,
  kWorkersPtr,  // off the list: address of the head; on it: the link
  kServerPtr,   // address of the word with the idle server's tid; pz: the link of a blocked worker
  kServerTid,
  kBlockedTs,
  kRunnableTs,
  kHead,
  kIdleServer,  // pz: the head of a server's list of blocked workers
  kNumFields,
};
inline constexpr std::string_view kFieldNames[kNumFields] = {
    "state",      "next_tid",    "idle_workers_ptr", "idle_server_tid_ptr", "server_tid",
    "blocked_ts", "runnable_ts", "idle_workers",     "idle_server_tid"};

// States; pz calls the third RUNNABLE.
inline constexpr int64_t kNone = 0;
inline constexpr int64_t kRunning = 1;
inline constexpr int64_t kIdle = 2;
inline constexpr int64_t kBlocked = 3;

// More states of umcg-ev, and its flag. A RUNNING one is RUNNING and an idle server IDLE there,
// too.
inline constexpr int64_t kAttached = 4;
inline constexpr int64_t kWaking = 5;
inline constexpr int64_t kSwapping = 6;
inline constexpr int64_t kRunnable = 7;
inline constexpr int64_t kWaiting = 8;  // a server that waits for one blocked worker
inline constexpr int64_t kTimedOut = 0x40;

// What a server of umcg-ev is told of a worker.
enum class WorkerEvent : int32_t { kNothing, kBlock, kWake, kWait, kExit, kTimeout, kPreempt };

// The link of a worker whose push is half done. No address has this value.
inline constexpr int64_t kPending = 1;

// Bit 31 of next_tid under pz: the request was consumed.
inline constexpr int64_t kTidRunning = int64_t{1} << 31;
inline constexpr int64_t kTidMask = 0x3fffffff;

struct Layout {
  int64_t state = 0;
  int64_t locked = 0;
  int64_t preempted = 0;
  int64_t cond_wait = 0;
  int64_t user = 0;
  int user_shift = 0;
  int stamp_shift = 0;  // 0: no timestamp in the word
  int64_t flags() const { return locked | preempted | cond_wait; }
  // Everything but the timestamp.
  int64_t value() const { return stamp_shift == 0 ? -1 : (int64_t{1} << stamp_shift) - 1; }
};

constexpr Layout LayoutOf(Variant variant) {
  switch (variant) {
    case Variant::kV06:
      return {0xff, 0x100, 0x200, 0, int64_t{0xff} << 24, 24, 0};
    case Variant::kV09:
      return {0x3f, 0x40, 0x80, 0, int64_t{0x1f} << 13, 13, 18};
    case Variant::kPz:
      return {0xff, 0, 0x100, 0x200, int64_t{0xffff} << 16, 16, 0};
    case Variant::kEv:
      return {0x3f, 0, 0, 0, 0, 0, 0};
  }
  return {};
}

// Appends "RUNNING|LOCKED|U1".
void AppendWord(Variant variant, int64_t word, std::string& out);
template <Variant kVariant>
void AppendWordOf(int64_t word, std::string& out) {
  AppendWord(kVariant, word, out);
}

// Why something ended as it did (umcg.md 15).
enum class Reason : int32_t {
  kNoServer,
  kLocked,
  kNotRunning,
  kNoNext,
  kServerNotIdle,
  kWordChanged,
  kEfault,
  kPin,
  kEnqueue,
  kIdleServer,
  kNoSuchServer,
  kWait,
  kCount,
};
std::string_view ReasonName(Reason reason);
void AppendReason(int64_t reason, std::string& out);

// The kinds of hand-off (umcg.md 13).
enum class Handoff : int32_t { kDispatch, kYield, kSwap, kBlock, kPreempt, kCount };
std::string_view HandoffName(Handoff kind);
void AppendHandoff(int64_t kind, std::string& out);

}  // namespace rqsim::umcg

#endif  // RQSIM_POLICIES_SERVICE_UMCG_WORDS_H_
