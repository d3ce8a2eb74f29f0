// What a listener keeps of each task, made when it is first asked for: EntryOf() in a plain vector,
// PerTask in places that stay good when more are made.
#ifndef RQSIM_SIM_VIEWS_PER_TASK_H_
#define RQSIM_SIM_VIEWS_PER_TASK_H_

#include <cstddef>
#include <deque>
#include <vector>

#include "rqsim/ids.h"

namespace rqsim {

template <class T>
T& EntryOf(std::vector<T>& kept, TaskId task) {
  if (task.index() >= kept.size()) [[unlikely]]
    kept.resize(task.index() + 1);
  return kept[task.index()];
}

template <class T>
class PerTask {
 public:
  PerTask() = default;
  PerTask(const PerTask&) = delete;
  PerTask& operator=(const PerTask&) = delete;

  T& operator[](TaskId task) {
    while (task.index() >= places_.size()) places_.push_back(&kept_.emplace_back());
    return *places_[task.index()];
  }
  // Precondition: task.index() < size().
  const T& operator[](TaskId task) const { return *places_[task.index()]; }
  std::size_t size() const { return places_.size(); }
  // In the order of the ids.
  auto begin() { return kept_.begin(); }
  auto end() { return kept_.end(); }
  auto begin() const { return kept_.begin(); }
  auto end() const { return kept_.end(); }

 private:
  std::deque<T> kept_;
  std::vector<T*> places_;  // by id: a deque looks an element up slowly
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_PER_TASK_H_
