// A table of text for a terminal, never wider than asked: columns of least weight are left out
// until it fits.
//
//   TASK     EXEC  BLOCKED  WAITED FOR
//   bc_dist    15       31  lock waitlist owner meteo 30
//   └ words to the left, numbers to the right; two spaces between
#ifndef RQSIM_SIM_VIEWS_TEXT_TABLE_H_
#define RQSIM_SIM_VIEWS_TEXT_TABLE_H_

#include <string>
#include <string_view>
#include <vector>

namespace rqsim {

class TextTable {
 public:
  enum class Align { kLeft, kRight };

  // Columns of equal weight go from the right; weight 0 never goes. A column in which every cell is
  // empty or "0" goes if it may.
  void AddColumn(std::string_view title, Align align, int weight);
  // One cell per column.
  void AddRow(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }

  // Lines end in a newline and have no blanks at their end.
  void AppendTo(std::string& out, std::size_t width) const;

 private:
  struct Column {
    std::string title;
    Align align;
    int weight;
  };
  std::vector<std::size_t> Choose(const std::vector<std::size_t>& widths, std::size_t width) const;
  bool IsIdle(std::size_t column) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_TEXT_TABLE_H_
