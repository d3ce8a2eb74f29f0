#include "cli/lanes.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>

#include "cli/units.h"

namespace rqsim {
namespace {

// Instants longer than this are labelled with a unit.
constexpr int64_t kPlainCycles = 10'000;

// A step of 1, 2 or 5 times a power of ten that is at least `least`.
int64_t NiceStep(int64_t least) {
  int64_t step = 1;
  while (step < least && step < kTimeMax.cycles() / 10) {
    for (const int64_t factor : {1, 2, 5}) {
      if (step * factor >= least) return step * factor;
    }
    step *= 10;
  }
  return step;
}

}  // namespace

char Letters::Task(const std::string& name) {
  const auto known = tasks_.find(name);
  if (known != tasks_.end()) return known->second;
  const auto is_free = [&](char letter) { return taken_.find(letter) == std::string::npos; };
  // First letters of its words, then its other letters, then any.
  std::string first, others;
  bool begins = true;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool counts = std::isalnum(byte) != 0;
    if (counts) (begins ? first : others) += static_cast<char>(std::toupper(byte));
    begins = !counts;
  }
  std::string wishes = first + others + "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  char letter = '#';
  for (const char wish : wishes) {
    if (!is_free(wish)) continue;
    letter = wish;
    break;
  }
  if (letter != '#') taken_ += letter;
  tasks_.emplace(name, letter);
  order_.push_back(name);
  return letter;
}

void Letters::Prefer(const std::vector<std::string>& tasks) {
  for (const std::string& name : tasks) Task(name);
}

char Letters::Of(const ExpectCell& cell) {
  if (cell.curr == "-") {
    idle_ = true;
    return '.';
  }
  if (cell.curr == "off") {
    offline_ = true;
    return '_';
  }
  if (cell.donor.empty() || cell.donor == cell.curr) {
    const char letter = Task(cell.curr);
    many_ = many_ || letter == '#';
    if (std::find(used_.begin(), used_.end(), cell.curr) == used_.end()) {
      used_.push_back(cell.curr);
    }
    return letter;
  }
  const auto key = std::pair(cell.curr, cell.donor);
  const auto known = pairs_.find(key);
  if (known != pairs_.end()) return known->second;
  const char letter = pairs_.size() < 26 ? static_cast<char>('a' + pairs_.size()) : '+';
  pairs_.emplace(key, letter);
  return letter;
}

std::vector<std::string> Letters::Legend(std::size_t width) const {
  std::vector<std::string> entries;
  for (const std::string& name : order_) {
    const char letter = tasks_.at(name);
    if (letter == '#' || std::find(used_.begin(), used_.end(), name) == used_.end()) continue;
    entries.push_back(
        name.size() == 1 && name.front() == letter ? name : fmt::format("{} {}", letter, name));
  }
  for (char letter = 'a'; letter <= 'z'; ++letter) {
    for (const auto& [pair, given] : pairs_) {
      if (given == letter) {
        entries.push_back(fmt::format("{} {} on behalf of {}", letter, pair.first, pair.second));
      }
    }
  }
  if (pairs_.size() > 26) entries.push_back("+ further pairs");
  if (many_) entries.push_back("# further tasks");
  if (idle_) entries.push_back(". idle");
  if (offline_) entries.push_back("_ offline");
  std::vector<std::string> lines;
  for (const std::string& entry : entries) {
    if (lines.empty() || Columns(lines.back()) + 2 + Columns(entry) > width) {
      lines.push_back(entry);
    } else {
      lines.back() += "  " + entry;
    }
  }
  return lines;
}

Scale::Scale(Time from, Time to, std::size_t width) : from_(from) {
  span_ = std::max<int64_t>((to - from).count(), 1);
  const auto available = static_cast<int64_t>(width);
  // Few cycles: each gets the same number of columns. Many: each column the same number of cycles.
  columns_ = span_ <= available ? static_cast<std::size_t>(span_ * (available / span_)) : width;
}

Time Scale::StartOf(std::size_t column) const {
  __extension__ using Wide = __int128;
  const Wide offset = Wide{span_} * static_cast<int64_t>(column) / static_cast<int64_t>(columns_);
  return from_ + Cycles(static_cast<int64_t>(offset));
}

std::string Scale::Unit(int64_t clock_hz) const {
  const auto columns = static_cast<int64_t>(columns_);
  if (span_ <= columns) {
    const int64_t each = columns / span_;
    return each == 1 ? "a column is 1 cycle" : fmt::format("{} columns are 1 cycle", each);
  }
  const int64_t cycles = span_ / columns;
  return span_ < kPlainCycles ? fmt::format("a column is about {} cycles", cycles)
                              : fmt::format("a column is {}", DurationText(cycles, clock_hz));
}

std::pair<std::string, std::string> Scale::Ruler(int64_t clock_hz) const {
  const auto columns = static_cast<int64_t>(columns_);
  const int64_t step = NiceStep(std::max<int64_t>(span_ * 12 / columns, 1));
  std::string labels(columns_, ' ');
  std::string ticks(columns_, ' ');
  int64_t at = (from_.cycles() + step - 1) / step * step;
  for (std::size_t column = 0; column < columns_; ++column) {
    if (StartOf(column).cycles() < at) {
      if (column + 1 < columns_ && StartOf(column + 1).cycles() <= at) continue;
      if (column + 1 == columns_) break;
    }
    const std::string label = step < kPlainCycles ? std::to_string(at) : DurationText(at, clock_hz);
    ticks[column] = '|';
    if (column + label.size() <= columns_) labels.replace(column, label.size(), label);
    at += step;
  }
  return {labels, ticks};
}

std::string DrawLane(const std::vector<ExpectCell>& lane, const Scale& scale, Letters& letters) {
  std::string out;
  std::size_t first = 0;
  for (std::size_t column = 0; column < scale.columns(); ++column) {
    const Time start = scale.StartOf(column);
    // A column of less than a cycle shows the cycle that it is part of.
    const Time end = std::max(scale.StartOf(column + 1), start + Cycles(1));
    while (first < lane.size() && lane[first].end <= start) ++first;
    const ExpectCell* most = nullptr;
    Cycles longest;
    for (std::size_t i = first; i < lane.size() && lane[i].start < end; ++i) {
      const Cycles inside = std::min(lane[i].end, end) - std::max(lane[i].start, start);
      if (most != nullptr && inside <= longest) continue;
      most = &lane[i];
      longest = inside;
    }
    out += most == nullptr ? ' ' : letters.Of(*most);
  }
  return out;
}

std::string DrawMarks(const std::vector<TimeSpan>& spans, const Scale& scale) {
  std::string out(scale.columns(), ' ');
  std::size_t first = 0;
  bool any = false;
  for (std::size_t column = 0; column < scale.columns(); ++column) {
    const Time start = scale.StartOf(column);
    const Time end = std::max(scale.StartOf(column + 1), start + Cycles(1));
    while (first < spans.size() && spans[first].end <= start) ++first;
    if (first == spans.size() || spans[first].start >= end) continue;
    out[column] = '^';
    any = true;
  }
  return any ? out : std::string();
}

}  // namespace rqsim
