// What is queued where in the deadline class: entities, a queue per CPU, and which CPU is the best
// to preempt.
//
// An entity is a task with its budget (constant bandwidth server), or the server of a CPU that runs
// fair tasks. A queue has two orders over its entities, both by absolute deadline, equal ones in
// the order they came: all of them (what runs stays in it), and the tasks that may be moved
// elsewhere. Origin: Linux 7.2 kernel/sched/sched.h (struct dl_rq), cpudeadline.c; classes.md 6.1.
#ifndef RQSIM_POLICIES_SCHED_CLASS_DEADLINE_QUEUE_H_
#define RQSIM_POLICIES_SCHED_CLASS_DEADLINE_QUEUE_H_

#include <boost/intrusive/set.hpp>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "rqsim/cpu_set.h"
#include "rqsim/ids.h"

namespace rqsim {

struct QueuedTag;
struct PushableTag;
using QueuedHook = boost::intrusive::set_base_hook<boost::intrusive::tag<QueuedTag>>;
using PushableHook = boost::intrusive::set_base_hook<boost::intrusive::tag<PushableTag>>;

// Earlier than every instant: the deadline of an entity that never had one.
inline constexpr int64_t kNoDeadline = -(int64_t{1} << 60);

struct DlEntity : QueuedHook, PushableHook {
  TaskId task;  // invalid: the server of `cpu`
  CpuId cpu;    // of a server
  // Parameters.
  int64_t dl_runtime = 0, dl_deadline = 0, dl_period = 0;
  int64_t bw = 0;       // runtime / period, of 2^20
  int64_t density = 0;  // runtime / deadline, of 2^20
  // State.
  int64_t runtime = 0;             // left; negative after an overrun
  int64_t deadline = kNoDeadline;  // absolute
  int64_t unbooked = 0;            // executed since the last update
  int64_t deadline_before = 0;     // at the beginning of a change of attributes
  int64_t overruns = 0;            // exhausted budgets, counted on request
  bool is_throttled = false;
  bool is_yielded = false;
  bool is_timer_queued = false;  // the replenishment timer
  bool reclaims = false;
  bool counts_overruns = false;
  // Bandwidth: who counts it (deadline_bandwidth.h).
  CpuId bw_cpu;            // this_bw of that CPU has it; invalid: none
  bool is_active = false;  // … and running_bw has it
  bool is_inactive_timer_queued = false;
  bool is_leaving =
      false;  // left the class, its admitted bandwidth is kept until its zero-lag time
  int64_t admitted_bw = 0;  // counted in total_bw

  bool is_queued() const { return QueuedHook::is_linked(); }
  bool is_pushable() const { return PushableHook::is_linked(); }
  bool is_server() const { return !task.valid(); }
  bool is_implicit() const { return dl_deadline == dl_period; }
  int64_t NextPeriod() const { return deadline - dl_deadline + dl_period; }
};

struct EarlierDeadline {
  bool operator()(const DlEntity& a, const DlEntity& b) const { return a.deadline < b.deadline; }
};

struct DlQueue {
  template <class Hook>
  using Tree = boost::intrusive::multiset<DlEntity, boost::intrusive::base_hook<Hook>,
                                          boost::intrusive::compare<EarlierDeadline>,
                                          boost::intrusive::constant_time_size<false>>;
  Tree<QueuedHook> tree;
  Tree<PushableHook> pushable;
  TaskId donor;   // invalid: the donor of this CPU is of another class
  int count = 0;  // entities in the tree

  bool IsFirst(const DlEntity& entity) const { return !tree.empty() && &*tree.begin() == &entity; }
  // Whether `entity` would be the first here.
  bool WouldBeFirst(const DlEntity& entity) const {
    return tree.empty() || entity.deadline < tree.begin()->deadline;
  }
};

// For each CPU with deadline work its earliest deadline; the CPU whose earliest deadline is the
// latest is found at once. A binary heap with places, as in cpudeadline.c, ties included.
class LatestDeadlines {
 public:
  explicit LatestDeadlines(int num_cpus) : place_(static_cast<std::size_t>(num_cpus), kNone) {}

  bool empty() const { return heap_.empty(); }
  CpuId cpu() const { return heap_.front().cpu; }
  int64_t deadline() const { return heap_.front().deadline; }

  void Set(CpuId cpu, int64_t deadline) {
    std::size_t& place = place_[cpu.index()];
    if (place == kNone) {
      place = heap_.size();
      heap_.push_back({cpu, deadline});
      Rise(heap_.size() - 1);
      return;
    }
    heap_[place].deadline = deadline;
    Settle(place);
  }
  void Clear(CpuId cpu) {
    const std::size_t place = std::exchange(place_[cpu.index()], kNone);
    if (place == kNone) return;
    const Entry last = heap_.back();
    heap_.pop_back();
    if (place == heap_.size()) return;
    Put(place, last);
    Settle(place);
  }

 private:
  static constexpr std::size_t kNone = ~std::size_t{0};
  struct Entry {
    CpuId cpu;
    int64_t deadline = 0;
  };

  void Put(std::size_t place, const Entry& entry) {
    heap_[place] = entry;
    place_[entry.cpu.index()] = place;
  }
  void Settle(std::size_t place) {
    if (place > 0 && heap_[(place - 1) / 2].deadline < heap_[place].deadline) {
      Rise(place);
    } else {
      Sink(place);
    }
  }
  void Rise(std::size_t place) {
    const Entry entry = heap_[place];
    while (place > 0 && heap_[(place - 1) / 2].deadline < entry.deadline) {
      Put(place, heap_[(place - 1) / 2]);
      place = (place - 1) / 2;
    }
    Put(place, entry);
  }
  void Sink(std::size_t place) {
    const Entry entry = heap_[place];
    for (;;) {
      std::size_t latest = place;
      int64_t deadline = entry.deadline;
      for (std::size_t child = 2 * place + 1; child <= 2 * place + 2; ++child) {
        if (child >= heap_.size() || heap_[child].deadline <= deadline) continue;
        latest = child;
        deadline = heap_[child].deadline;
      }
      if (latest == place) break;
      Put(place, heap_[latest]);
      place = latest;
    }
    Put(place, entry);
  }

  std::vector<std::size_t> place_;  // by CPU
  std::vector<Entry> heap_;
};

// The queues of all CPUs, and which CPUs have what.
class DlQueues {
 public:
  explicit DlQueues(int num_cpus)
      : queues_(static_cast<std::size_t>(num_cpus)),
        latest_(num_cpus),
        online_(CpuSet::FirstN(num_cpus)) {}

  DlQueue& Of(CpuId cpu) { return queues_[cpu.index()]; }
  const DlQueue& Of(CpuId cpu) const { return queues_[cpu.index()]; }
  const CpuSet& busy() const { return busy_; }              // CPUs with something in the tree
  const CpuSet& overloaded() const { return overloaded_; }  // CPUs with pushable tasks, online
  const CpuSet& online() const { return online_; }          // CPUs that take part in push and pull
  const LatestDeadlines& latest() const { return latest_; }

  // Equal deadlines keep the order of insertion.
  void Insert(CpuId cpu, DlEntity& entity) {
    DlQueue& queue = Of(cpu);
    const bool is_first = queue.WouldBeFirst(entity);
    queue.tree.insert(entity);
    ++queue.count;
    if (!is_first) return;
    busy_.Add(cpu);
    if (online_.Contains(cpu)) latest_.Set(cpu, entity.deadline);
  }
  void Remove(CpuId cpu, DlEntity& entity) {
    if (!entity.is_queued()) return;
    DlQueue& queue = Of(cpu);
    queue.tree.erase(queue.tree.iterator_to(entity));
    --queue.count;
    if (queue.tree.empty()) {
      busy_.Remove(cpu);
      latest_.Clear(cpu);
    } else if (online_.Contains(cpu)) {
      latest_.Set(cpu, queue.tree.begin()->deadline);
    }
  }
  // Its runqueue goes online or offline.
  void SetOnline(CpuId cpu, bool online) {
    const DlQueue& queue = Of(cpu);
    online ? online_.Add(cpu) : online_.Remove(cpu);
    if (online && !queue.tree.empty()) latest_.Set(cpu, queue.tree.begin()->deadline);
    if (!online) latest_.Clear(cpu);
    online && !queue.pushable.empty() ? overloaded_.Add(cpu) : overloaded_.Remove(cpu);
  }
  void InsertPushable(CpuId cpu, DlEntity& entity) {
    if (entity.is_pushable()) return;
    Of(cpu).pushable.insert(entity);
    if (online_.Contains(cpu)) overloaded_.Add(cpu);
  }
  void RemovePushable(CpuId cpu, DlEntity& entity) {
    if (!entity.is_pushable()) return;
    auto& pushable = Of(cpu).pushable;
    pushable.erase(pushable.iterator_to(entity));
    if (pushable.empty()) overloaded_.Remove(cpu);
  }

 private:
  std::vector<DlQueue> queues_;  // by CPU
  LatestDeadlines latest_;
  CpuSet busy_, overloaded_, online_;
};

}  // namespace rqsim

#endif  // RQSIM_POLICIES_SCHED_CLASS_DEADLINE_QUEUE_H_
