#include "sim/views/user_overlaps.h"

#include <algorithm>

namespace rqsim {

void UserOverlaps::SetUp(int num_cpus) { passed_.resize(static_cast<std::size_t>(num_cpus)); }

std::vector<UserOverlaps::Change>& UserOverlaps::ChangesOf(TaskId task) {
  if (task.index() >= changes_.size()) changes_.resize(task.index() + 1);
  std::vector<Change>& changes = changes_[task.index()];
  if (changes.empty()) changes.push_back({Time(), CpuId(), CpuId()});
  return changes;
}

void UserOverlaps::SetData(TaskId task, CpuId data, Time at) {
  std::vector<Change>& changes = ChangesOf(task);
  const CpuId pair = changes.back().pair;
  changes.push_back({at, data, pair});
}

void UserOverlaps::SetPair(TaskId task, CpuId cpu, Time at) {
  std::vector<Change>& changes = ChangesOf(task);
  const CpuId data = changes.back().data;
  changes.push_back({at, data, cpu});
}

void UserOverlaps::AddUser(CpuId cpu, TaskId task, Time start, Time end,
                           std::vector<Overlap>& out) {
  std::vector<Change>& changes = ChangesOf(task);
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const Time from = std::max(start, changes[i].at);
    const Time to = i + 1 < changes.size() ? std::min(end, changes[i + 1].at) : end;
    if (from >= to) continue;
    const Piece piece = {cpu, task, from, to, changes[i].data, changes[i].pair};
    // All pieces are told of in an order that does not depend on anything but the trace.
    for (const Piece& other : pieces_) Compare(other, piece, out);
    pieces_.push_back(piece);
  }
  // What was true before the end is of no use any more.
  while (changes.size() > 1 && changes[1].at <= end) changes.erase(changes.begin());
}

void UserOverlaps::Compare(const Piece& a, const Piece& b, std::vector<Overlap>& out) {
  if (a.task == b.task || a.start >= b.end || b.start >= a.end) return;
  const Piece& low = a.task < b.task ? a : b;
  const Piece& high = a.task < b.task ? b : a;
  if (a.data.valid() && a.data == b.data) Note(Kind::kSameData, low, high, a.data, out);
  if (a.pair.valid() && a.pair != a.cpu && a.pair == b.cpu) {
    Note(Kind::kOnPairedCpu, a, b, a.pair, out);
  }
  if (b.pair.valid() && b.pair != b.cpu && b.pair == a.cpu) {
    Note(Kind::kOnPairedCpu, b, a, b.pair, out);
  }
  if (a.pair.valid() && a.pair == b.pair) Note(Kind::kSamePair, low, high, a.pair, out);
}

void UserOverlaps::Note(Kind kind, const Piece& first, const Piece& second, CpuId data,
                        std::vector<Overlap>& out) {
  Overlap overlap;
  overlap.kind = kind;
  overlap.first = first.task;
  overlap.second = second.task;
  overlap.data = data;
  overlap.start = std::max(first.start, second.start);
  overlap.end = std::min(first.end, second.end);
  cycles_[static_cast<std::size_t>(kind)] += overlap.end - overlap.start;
  const auto same = [&overlap](const Overlap& last) {
    return last.kind == overlap.kind && last.first == overlap.first &&
           last.second == overlap.second && last.data == overlap.data;
  };
  const auto last = std::find_if(last_.begin(), last_.end(), same);
  if (last == last_.end()) {
    last_.push_back(overlap);
  } else {
    overlap.goes_on = last->end >= overlap.start;
    last->end = std::max(last->end, overlap.end);
  }
  out.push_back(overlap);
}

void UserOverlaps::PassTo(CpuId cpu, Time end) {
  passed_[cpu.index()] = end;
  if (pieces_.size() > 64) Forget();
}

void UserOverlaps::Forget() {
  const Time all = *std::min_element(passed_.begin(), passed_.end());
  std::erase_if(pieces_, [all](const Piece& piece) { return piece.end <= all; });
}

}  // namespace rqsim
