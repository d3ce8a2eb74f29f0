// The event queue: pending events in the order (time, phase, cpu, sequence) of machine.md 2.1.
//
// A winner tree ("tournament") over leaves. Every inner node holds a copy of the smaller key below
// it, so that an update touches one node per level and compares without branches: mispredicted
// comparisons are what other heaps pay for (measured on this very use: bench/event_queue_bench.cc).
// Leaves are reused, so the tree is as wide as the largest number of events that were ever pending
// together, rounded up to a power of two; it only grows.
//
// An event is cancelled or found again by the handle that Push gave. Nothing is allocated while the
// number of pending events stays below the reserved capacity.
#ifndef RQSIM_SIM_ENGINE_EVENT_QUEUE_H_
#define RQSIM_SIM_ENGINE_EVENT_QUEUE_H_

#include <cstdint>
#include <vector>

#include "rqsim/ids.h"
#include "rqsim/time.h"

namespace rqsim {

// Which kind of thing comes first at one instant (machine.md 2.1 and 2.2 give the reasons). A run
// with `ties: timers_first` ends segments in kFinishedRun and ticks in kTimer (machine.md 2.5).
enum class Phase : uint8_t {
  kCostEnd = 1,  // work done up to t comes before anything that happens at t: ends of overheads …
  kSegEnd = 2,   // … and ends of segments
  kIpi = 3,      // before timers and ticks: what was sent is there when they look
  kTimer = 4,    // wake-ups at the instant of a tick are seen by the balancing of that tick
  kTick = 5,
  kFinishedRun = 6,
  kExt = 7,      // the outside acts on what the machine has settled
  kResched = 8,  // last: all requests of an instant lead to one schedule()
};

// A pending event's place in the total order.
struct EventKey {
  uint64_t time = ~uint64_t{0};   // cycles
  uint64_t order = ~uint64_t{0};  // phase << 60 | cpu << 48 | not first << 47 | sequence

  Time t() const { return Time(static_cast<int64_t>(time)); }
  Phase phase() const { return static_cast<Phase>(order >> 60); }
  CpuId cpu() const { return CpuId(static_cast<int32_t>((order >> 48) & 0xfff)); }
  friend bool operator<(const EventKey& a, const EventKey& b) {
    __extension__ using Wide = unsigned __int128;
    return ((Wide{a.time} << 64) | a.order) < ((Wide{b.time} << 64) | b.order);
  }
};

class EventQueue {
 public:
  using Handle = int32_t;
  static constexpr Handle kNone = -1;

  // Reserves room for `capacity` pending events; more are possible, at the price of one
  // reallocation each doubling.
  explicit EventQueue(int capacity = 16);

  bool empty() const { return pending_ == 0; }
  int size() const { return pending_; }

  // Adds an event. `t` must not be negative. `payload` comes back with it.
  Handle Push(Time t, Phase phase, CpuId cpu, uint32_t payload) {
    return Insert(t, phase, cpu, payload, kNotFirst);
  }
  // The same, but before those of the same instant, phase and CPU that Push added.
  Handle PushFirst(Time t, Phase phase, CpuId cpu, uint32_t payload) {
    return Insert(t, phase, cpu, payload, 0);
  }

  // Removes a pending event.
  void Cancel(Handle leaf) {
    nodes_[NodeOf(leaf)].key = EventKey();
    free_.push_back(leaf);
    --pending_;
    Replay(leaf);
  }

  // The key and payload of the first event. Precondition: not empty.
  const EventKey& TopKey() const { return nodes_[1].key; }
  uint32_t TopPayload() const { return payloads_[static_cast<std::size_t>(nodes_[1].leaf)]; }
  Handle TopHandle() const { return nodes_[1].leaf; }

  // Removes the first event. Precondition: not empty.
  void Pop() { Cancel(nodes_[1].leaf); }

  // When the event of `leaf` happens. Precondition: it is pending.
  Time TimeOf(Handle leaf) const { return nodes_[NodeOf(leaf)].key.t(); }

  // Calls `visit` with the key of every pending event, in no particular order. O(capacity).
  template <class Visit>
  void ForEach(const Visit& visit) const {
    for (int32_t leaf = 0; leaf < width_; ++leaf) {
      const EventKey& key = nodes_[NodeOf(leaf)].key;
      if (key < EventKey()) visit(key);
    }
  }

  // The CPU of its key. Precondition: it is pending.
  CpuId CpuOf(Handle leaf) const { return nodes_[NodeOf(leaf)].key.cpu(); }

  // When the event that comes next after that of `leaf` among those of its phase and CPU happens;
  // kNever if there is none. O(width). Precondition: `leaf` is pending.
  Time TimeOfNext(Handle leaf) const;

  // How many events were ever pushed.
  uint64_t pushes() const { return sequence_; }

 private:
  static constexpr uint64_t kNotFirst = uint64_t{1} << 47;

  struct Node {
    EventKey key;
    Handle leaf = 0;
  };

  Handle Insert(Time t, Phase phase, CpuId cpu, uint32_t payload, uint64_t not_first) {
    if (free_.empty()) Grow();
    const Handle leaf = TakeLeaf();
    Node& node = nodes_[NodeOf(leaf)];
    node.key.time = static_cast<uint64_t>(t.cycles());
    node.key.order = (uint64_t{static_cast<uint8_t>(phase)} << 60) |
                     (static_cast<uint64_t>(cpu.value()) << 48) | not_first | ++sequence_;
    node.leaf = leaf;
    payloads_[static_cast<std::size_t>(leaf)] = payload;
    ++pending_;
    Replay(leaf);
    return leaf;
  }
  std::size_t NodeOf(Handle leaf) const {
    return static_cast<std::size_t>(width_) + static_cast<std::size_t>(leaf);
  }
  Handle TakeLeaf() {
    const Handle leaf = free_.back();
    free_.pop_back();
    return leaf;
  }
  // Plays the matches above `leaf` again.
  void Replay(Handle leaf) {
    std::size_t i = NodeOf(leaf) >> 1;
    Node* const nodes = nodes_.data();
    for (; i >= 1; i >>= 1) {
      const std::size_t left = 2 * i;
      const std::size_t winner =
          left + static_cast<std::size_t>(nodes[left + 1].key < nodes[left].key);
      nodes[i] = nodes[winner];
    }
  }
  void Grow();

  int width_ = 0;  // leaves, a power of two
  int pending_ = 0;
  uint64_t sequence_ = 0;
  std::vector<Node> nodes_;  // [1] is the root, [width_ + leaf] the leaves
  std::vector<uint32_t> payloads_;
  std::vector<Handle> free_;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_ENGINE_EVENT_QUEUE_H_
