#include "cli/set_table.h"

#include <algorithm>

#include "cli/units.h"

namespace rqsim {
namespace {

constexpr std::size_t kGap = 2;

// "proxy_", "migrations": the places at which a name may be broken.
std::vector<std::string> Pieces(const std::string& name) {
  std::vector<std::string> pieces(1);
  for (const char c : name) {
    pieces.back() += c;
    if (c == '_' || c == '.' || c == '-') pieces.emplace_back();
  }
  if (pieces.back().empty()) pieces.pop_back();
  return pieces;
}

std::size_t Longest(const std::vector<std::string>& texts) {
  std::size_t longest = 0;
  for (const std::string& text : texts) longest = std::max(longest, Columns(text));
  return longest;
}

}  // namespace

void SetTable::AddColumn(const std::string& head, std::vector<std::string> cells) {
  Column column;
  const std::vector<std::string> pieces = Pieces(head);
  column.width = std::max(Longest(cells), Longest(pieces));
  for (const std::string& piece : pieces) {
    if (!column.head.empty() && Columns(column.head.back()) + Columns(piece) <= column.width) {
      column.head.back() += piece;
    } else {
      column.head.push_back(piece);
    }
  }
  column.cells = std::move(cells);
  columns_.push_back(std::move(column));
}

std::string SetTable::Text(std::size_t width) const {
  const std::size_t name_width = std::max(Longest(sets_), Columns(title_));
  std::string out;
  for (std::size_t from = 0; from < columns_.size();) {
    std::size_t used = name_width;
    std::size_t to = from;
    // One column stands even where there is no room for it.
    while (to < columns_.size() && (to == from || used + kGap + columns_[to].width <= width)) {
      used += kGap + columns_[to].width;
      ++to;
    }
    AppendBlock(out, name_width, from, to);
    from = to;
  }
  return out;
}

void SetTable::AppendBlock(std::string& out, std::size_t name_width, std::size_t from,
                           std::size_t to) const {
  std::size_t head_lines = 0;
  for (std::size_t i = from; i < to; ++i)
    head_lines = std::max(head_lines, columns_[i].head.size());
  for (std::size_t row = 0; row < head_lines; ++row) {
    std::string line = PadRight(row + 1 == head_lines ? title_ : "", name_width);
    for (std::size_t i = from; i < to; ++i) {
      const Column& column = columns_[i];
      const std::size_t above = head_lines - column.head.size();
      line += std::string(kGap, ' ') +
              PadLeft(row < above ? "" : column.head[row - above], column.width);
    }
    out += WithoutBlanksBehind(line) + "\n";
  }
  for (std::size_t set = 0; set < sets_.size(); ++set) {
    std::string line = PadRight(sets_[set], name_width);
    for (std::size_t i = from; i < to; ++i)
      line += std::string(kGap, ' ') + PadLeft(columns_[i].cells[set], columns_[i].width);
    out += WithoutBlanksBehind(line) + "\n";
  }
}

}  // namespace rqsim
