#include "sim/engine/event_queue.h"

namespace rqsim {

EventQueue::EventQueue(int capacity) {
  int width = 16;
  while (width < capacity) width *= 2;
  nodes_.reserve(static_cast<std::size_t>(2 * width));
  payloads_.reserve(static_cast<std::size_t>(width));
  free_.reserve(static_cast<std::size_t>(width));
  Grow();
}

void EventQueue::Grow() {
  const int old_width = width_;
  const std::vector<Node> old = nodes_;
  width_ = old_width == 0 ? 16 : 2 * old_width;
  nodes_.assign(static_cast<std::size_t>(2 * width_), Node());
  payloads_.resize(static_cast<std::size_t>(width_));
  free_.reserve(static_cast<std::size_t>(width_));
  for (int leaf = 0; leaf < width_; ++leaf) {
    Node& node = nodes_[static_cast<std::size_t>(width_ + leaf)];
    if (leaf < old_width) node.key = old[static_cast<std::size_t>(old_width + leaf)].key;
    node.leaf = leaf;
  }
  // The lowest free leaf is handed out first.
  for (int leaf = width_ - 1; leaf >= old_width; --leaf) free_.push_back(leaf);
  for (int i = width_ - 1; i >= 1; --i) {
    const std::size_t left = static_cast<std::size_t>(2 * i);
    nodes_[static_cast<std::size_t>(i)] =
        nodes_[left + static_cast<std::size_t>(nodes_[left + 1].key < nodes_[left].key)];
  }
}

}  // namespace rqsim
