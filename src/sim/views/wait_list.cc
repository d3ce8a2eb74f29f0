#include "sim/views/wait_list.h"

#include "rqsim/check.h"

namespace rqsim {

void WaitList::Join(std::vector<Links>& links, TaskId task, int32_t position) {
  Links& own = links[task.index()];
  RQSIM_CHECK(!own.on_list);
  // `after` follows the new waiter; invalid: it is the last.
  TaskId after;
  if (position < size_ / 2) {
    after = front_;
    for (int32_t i = 0; i < position; ++i) after = links[after.index()].next;
  } else {
    for (int32_t i = size_; i > position; --i) {
      after = after.valid() ? links[after.index()].prev : back_;
    }
  }
  own.on_list = true;
  own.next = after;
  own.prev = after.valid() ? links[after.index()].prev : back_;
  (own.prev.valid() ? links[own.prev.index()].next : front_) = task;
  (after.valid() ? links[after.index()].prev : back_) = task;
  ++size_;
}

void WaitList::Leave(std::vector<Links>& links, TaskId task) {
  Links& own = links[task.index()];
  RQSIM_CHECK(own.on_list && size_ > 0);
  (own.prev.valid() ? links[own.prev.index()].next : front_) = own.next;
  (own.next.valid() ? links[own.next.index()].prev : back_) = own.prev;
  own = Links();
  --size_;
}

}  // namespace rqsim
