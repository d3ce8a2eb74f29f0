// A queue of user space: workers in an order, of which a server takes any, mostly an end one.
#ifndef RQSIM_POLICIES_SERVICE_UMCG_WORKER_QUEUE_H_
#define RQSIM_POLICIES_SERVICE_UMCG_WORKER_QUEUE_H_

#include <algorithm>
#include <cstddef>
#include <vector>

#include "rqsim/check.h"
#include "rqsim/ids.h"

namespace rqsim::umcg {

// Ends cost O(1), places in between a move of what stands behind them. Who has left at the front
// leaves room there, which is taken back when the room behind is used up: once in so many as
// stand there at most, if Reserve() said how many those are.
class WorkerQueue {
 public:
  void Reserve(std::size_t workers) { places_.reserve(2 * workers); }

  bool empty() const { return front_ == places_.size(); }
  std::size_t size() const { return places_.size() - front_; }
  TaskId operator[](std::size_t place) const { return places_[front_ + place]; }

  void PushBack(TaskId worker) {
    MakeRoom();
    places_.push_back(worker);
  }
  // Precondition: place <= size().
  void Insert(std::size_t place, TaskId worker) {
    RQSIM_CHECK(place <= size());
    if (place == 0 && front_ > 0) {
      places_[--front_] = worker;
      return;
    }
    MakeRoom();
    places_.insert(places_.begin() + static_cast<std::ptrdiff_t>(front_ + place), worker);
  }
  // Takes `worker` from one of its places. False: it has none.
  bool Remove(TaskId worker) {
    if (empty()) return false;
    if (places_[front_] == worker) {
      ++front_;
    } else if (places_.back() == worker) {
      places_.pop_back();
    } else {
      const auto place =
          std::find(places_.begin() + static_cast<std::ptrdiff_t>(front_), places_.end(), worker);
      if (place == places_.end()) return false;
      places_.erase(place);
    }
    return true;
  }
  bool Contains(TaskId worker) const {
    return std::find(places_.begin() + static_cast<std::ptrdiff_t>(front_), places_.end(),
                     worker) != places_.end();
  }

 private:
  void MakeRoom() {
    if (places_.size() < places_.capacity() || front_ == 0) return;
    places_.erase(places_.begin(), places_.begin() + static_cast<std::ptrdiff_t>(front_));
    front_ = 0;
  }

  std::vector<TaskId> places_;
  std::size_t front_ = 0;  // places before it are free
};

}  // namespace rqsim::umcg

#endif  // RQSIM_POLICIES_SERVICE_UMCG_WORKER_QUEUE_H_
