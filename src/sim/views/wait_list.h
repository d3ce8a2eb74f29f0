// The order of a lock's waiters as MutexWait events tell it, for listeners that need to know who is
// first.
//
//   joined at position 0, 1, 2 …  →  front() is the first; leaving unlinks from anywhere.
//
// A task is on at most one wait list, so the links of all lists are one array by task. Joining at
// either end and leaving are O(1); joining in the middle (waiters ordered by priority) walks from
// the nearer end.
#ifndef RQSIM_SIM_VIEWS_WAIT_LIST_H_
#define RQSIM_SIM_VIEWS_WAIT_LIST_H_

#include <cstdint>
#include <vector>

#include "rqsim/ids.h"

namespace rqsim {

class WaitList {
 public:
  struct Links {
    TaskId next, prev;
    bool on_list = false;
  };

  bool empty() const { return size_ == 0; }
  int32_t size() const { return size_; }
  TaskId front() const { return front_; }

  // Precondition: `task` is on no list and within `links`. A position past the end is the end.
  void Join(std::vector<Links>& links, TaskId task, int32_t position);
  // Precondition: `task` is on this list.
  void Leave(std::vector<Links>& links, TaskId task);

 private:
  TaskId front_, back_;
  int32_t size_ = 0;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_WAIT_LIST_H_
