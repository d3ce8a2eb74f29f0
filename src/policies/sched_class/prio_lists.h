// A queue of strict priorities: one first-in-first-out list for each of 100 ranks and a bitmap of
// those that are not empty, as rt_prio_array in Linux 7.2 kernel/sched/sched.h. Rank 0 is the
// strongest. Everything is O(1).
#ifndef RQSIM_POLICIES_SCHED_CLASS_PRIO_LISTS_H_
#define RQSIM_POLICIES_SCHED_CLASS_PRIO_LISTS_H_

#include <array>
#include <bit>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>

#include "rqsim/ids.h"

namespace rqsim {

inline constexpr int kNumRanks = 100;

// A task's place in such a queue. Lives in an array that outlives the queues.
struct RankedEntity : boost::intrusive::list_base_hook<> {
  TaskId task;
  int rank = kNumRanks - 1;  // as of the last insertion
};

class PrioLists {
 public:
  bool empty() const { return (bits_[0] | bits_[1]) == 0; }
  // The strongest rank that has an entity; kNumRanks if there is none.
  int BestRank() const {
    if (bits_[0] != 0) return std::countr_zero(bits_[0]);
    if (bits_[1] != 0) return 64 + std::countr_zero(bits_[1]);
    return kNumRanks;
  }
  // The first of the strongest rank. Precondition: not empty.
  const RankedEntity& Best() const { return lists_[Index(BestRank())].front(); }

  // The first, strongest first, for which `wanted` is true; null if there is none.
  template <class Predicate>
  RankedEntity* FirstWhere(Predicate wanted) {
    for (std::size_t word = 0; word < bits_.size(); ++word) {
      for (uint64_t left = bits_[word]; left != 0; left &= left - 1) {
        for (RankedEntity& entity :
             lists_[word * 64 + static_cast<std::size_t>(std::countr_zero(left))]) {
          if (wanted(entity)) return &entity;
        }
      }
    }
    return nullptr;
  }

  void AddTail(RankedEntity& entity, int rank) {
    entity.rank = rank;
    lists_[Index(rank)].push_back(entity);
    SetBit(rank);
  }
  void AddHead(RankedEntity& entity, int rank) {
    entity.rank = rank;
    lists_[Index(rank)].push_front(entity);
    SetBit(rank);
  }
  void Remove(RankedEntity& entity) {
    List& list = lists_[Index(entity.rank)];
    list.erase(list.iterator_to(entity));
    if (list.empty()) bits_[Word(entity.rank)] &= ~Mask(entity.rank);
  }
  void MoveToTail(RankedEntity& entity) {
    List& list = lists_[Index(entity.rank)];
    list.splice(list.end(), list, list.iterator_to(entity));
  }
  void MoveToHead(RankedEntity& entity) {
    List& list = lists_[Index(entity.rank)];
    list.splice(list.begin(), list, list.iterator_to(entity));
  }
  // Whether `entity`, which is queued, shares its rank with nobody.
  bool IsAlone(const RankedEntity& entity) const {
    const List& list = lists_[Index(entity.rank)];
    return &list.front() == &list.back();
  }

 private:
  using List = boost::intrusive::list<RankedEntity, boost::intrusive::constant_time_size<false>>;

  static std::size_t Index(int rank) { return static_cast<std::size_t>(rank); }
  static std::size_t Word(int rank) { return Index(rank) / 64; }
  static uint64_t Mask(int rank) { return uint64_t{1} << (static_cast<unsigned>(rank) % 64u); }
  void SetBit(int rank) { bits_[Word(rank)] |= Mask(rank); }

  std::array<List, kNumRanks> lists_;
  std::array<uint64_t, 2> bits_{};
};

}  // namespace rqsim

#endif  // RQSIM_POLICIES_SCHED_CLASS_PRIO_LISTS_H_
