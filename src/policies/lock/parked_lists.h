// Donors that wait for a sleeping owner to wake: one list per owner, in order of arrival. A task
// is on one list at most. Whether it still is parked, the machine says (Task::parked_on): who was
// woken by somebody else leaves its list the next time somebody looks.
#ifndef RQSIM_POLICIES_LOCK_PARKED_LISTS_H_
#define RQSIM_POLICIES_LOCK_PARKED_LISTS_H_

#include <cstddef>
#include <vector>

#include "rqsim/ids.h"

namespace rqsim {

class ParkedLists {
 public:
  // For as many tasks; 0 for a protocol that parks nobody.
  explicit ParkedLists(std::size_t num_tasks)
      : heads_(num_tasks), tails_(num_tasks), nodes_(num_tasks) {}

  // Puts `task` at the tail of the list of `owner`.
  void Park(TaskId task, TaskId owner) {
    Remove(task);
    Node& node = nodes_[task.index()];
    node.owner = owner;
    node.prev = tails_[owner.index()];
    node.next = TaskId();
    (node.prev.valid() ? nodes_[node.prev.index()].next : heads_[owner.index()]) = task;
    tails_[owner.index()] = task;
  }
  // Takes the first of the list of `owner` off it; invalid if the list is empty.
  TaskId TakeFirst(TaskId owner) {
    const TaskId first = heads_[owner.index()];
    if (first.valid()) Remove(first);
    return first;
  }
  bool empty(TaskId owner) const { return !heads_[owner.index()].valid(); }

 private:
  struct Node {
    TaskId owner, prev, next;
  };

  void Remove(TaskId task) {
    Node& node = nodes_[task.index()];
    if (!node.owner.valid()) return;
    (node.prev.valid() ? nodes_[node.prev.index()].next : heads_[node.owner.index()]) = node.next;
    (node.next.valid() ? nodes_[node.next.index()].prev : tails_[node.owner.index()]) = node.prev;
    node = Node();
  }

  std::vector<TaskId> heads_, tails_;  // by owner
  std::vector<Node> nodes_;            // by task
};

}  // namespace rqsim

#endif  // RQSIM_POLICIES_LOCK_PARKED_LISTS_H_
