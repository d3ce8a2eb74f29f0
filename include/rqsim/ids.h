// Strong identifiers. Each kind of thing has its own type, so that a lock can never be passed where
// a task is wanted. All ids are dense indices from 0 (tasks: 0 is the idle task of every CPU, the
// scenario's tasks start at 1).
#ifndef RQSIM_IDS_H_
#define RQSIM_IDS_H_

#include <compare>
#include <cstddef>
#include <cstdint>

namespace rqsim {

// An index with a type. Default constructed: names nothing (`valid()` is false).
template <class Tag>
class Id {
 public:
  constexpr Id() = default;
  constexpr explicit Id(int32_t value) : value_(value) {}

  constexpr int32_t value() const { return value_; }
  constexpr bool valid() const { return value_ >= 0; }
  // For indexing arrays. Precondition: valid().
  constexpr std::size_t index() const { return static_cast<std::size_t>(value_); }

  friend constexpr auto operator<=>(Id, Id) = default;

 private:
  int32_t value_ = -1;
};

using CpuId = Id<struct CpuTag>;
using TaskId = Id<struct TaskTag>;      // the kernel's pid in traces
using LockId = Id<struct LockTag>;      // a mutex of the scenario
using WordId = Id<struct WordTag>;      // a word of simulated user memory
using PolicyId = Id<struct PolicyTag>;  // a policy of this run (position in the run's list)
using PathId = Id<struct PathTag>;      // a path of one policy (position in PolicyInfo::paths)
using StepId = Id<struct StepTag>;      // a step of one path (position in PathInfo::steps)

// The idle task. One id for all CPUs, as pid 0 is in kernel traces; what differs per CPU stands in
// `Cpu`.
inline constexpr TaskId kIdleTask{0};

}  // namespace rqsim

#endif  // RQSIM_IDS_H_
