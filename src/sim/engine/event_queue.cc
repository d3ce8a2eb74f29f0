#include "sim/engine/event_queue.h"

namespace rqsim {

EventQueue::EventQueue(int capacity) {
  std::size_t width = 16;
  while (width < static_cast<std::size_t>(capacity)) width *= 2;
  nodes_.reserve(2 * width);
  payloads_.reserve(width);
  free_.reserve(width);
  Grow();
}

Time EventQueue::TimeOfNext(Handle leaf) const {
  const EventKey& key = nodes_[NodeOf(leaf)].key;
  EventKey next;
  for (std::size_t i = static_cast<std::size_t>(width_); i < nodes_.size(); ++i) {
    const EventKey& other = nodes_[i].key;
    if (key < other && other < next && (key.order >> 48) == (other.order >> 48)) next = other;
  }
  return next.time == ~uint64_t{0} ? kNever : next.t();
}

void EventQueue::Grow() {
  const auto old_width = static_cast<std::size_t>(width_);
  const std::vector<Node> old = nodes_;
  const std::size_t width = old_width == 0 ? 16 : 2 * old_width;
  width_ = static_cast<int>(width);
  nodes_.assign(2 * width, Node());
  payloads_.resize(width);
  free_.reserve(width);
  for (std::size_t leaf = 0; leaf < width; ++leaf) {
    Node& node = nodes_[width + leaf];
    if (leaf < old_width) node.key = old[old_width + leaf].key;
    node.leaf = static_cast<Handle>(leaf);
  }
  // The lowest free leaf is handed out first.
  for (std::size_t leaf = width; leaf-- > old_width;) free_.push_back(static_cast<Handle>(leaf));
  for (std::size_t i = width; i-- > 1;) {
    const std::size_t left = 2 * i;
    nodes_[i] = nodes_[left + static_cast<std::size_t>(nodes_[left + 1].key < nodes_[left].key)];
  }
}

}  // namespace rqsim
