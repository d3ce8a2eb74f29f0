#include "sim/views/text_table.h"

#include <algorithm>

#include "rqsim/check.h"

namespace rqsim {
namespace {

constexpr std::size_t kGap = 2;

}  // namespace

void TextTable::AddColumn(std::string_view title, Align align, int weight) {
  columns_.push_back({std::string(title), align, weight});
}

bool TextTable::IsIdle(std::size_t column) const {
  return std::all_of(rows_.begin(), rows_.end(), [column](const std::vector<std::string>& row) {
    return row[column].empty() || row[column] == "0" || row[column] == "-";
  });
}

// The columns to print, in order.
std::vector<std::size_t> TextTable::Choose(const std::vector<std::size_t>& widths,
                                           std::size_t width) const {
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].weight == 0 || !IsIdle(i)) chosen.push_back(i);
  }
  for (;;) {
    std::size_t total = 0;
    for (std::size_t i : chosen) total += widths[i] + kGap;
    if (total <= width + kGap) return chosen;
    // The one of least weight, the rightmost among equals; weight 0 stays.
    auto victim = chosen.end();
    for (auto it = chosen.begin(); it != chosen.end(); ++it) {
      if (columns_[*it].weight == 0) continue;
      if (victim == chosen.end() || columns_[*it].weight <= columns_[*victim].weight) victim = it;
    }
    if (victim == chosen.end()) return chosen;
    chosen.erase(victim);
  }
}

void TextTable::AppendTo(std::string& out, std::size_t width) const {
  std::vector<std::size_t> widths;
  for (const Column& column : columns_) widths.push_back(column.title.size());
  for (const std::vector<std::string>& row : rows_) {
    RQSIM_CHECK(row.size() == columns_.size());
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  const std::vector<std::size_t> chosen = Choose(widths, width);
  const auto line = [&](auto&& cell_of) {
    std::string text;
    for (std::size_t i : chosen) {
      const std::string& cell = cell_of(i);
      const std::string blanks(widths[i] - cell.size(), ' ');
      if (!text.empty()) text.append(kGap, ' ');
      text += columns_[i].align == Align::kLeft ? cell + blanks : blanks + cell;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text;
    out += '\n';
  };
  line([&](std::size_t i) -> const std::string& { return columns_[i].title; });
  for (const std::vector<std::string>& row : rows_) {
    line([&](std::size_t i) -> const std::string& { return row[i]; });
  }
}

}  // namespace rqsim
