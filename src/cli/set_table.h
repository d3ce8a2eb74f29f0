// A table with a line for each policy set, for more sets than fit side by side:
//
//                   proxy_
//   Run         migrations  wait.max
//   mutex                -       120
//   proxy-v9             4        90
//   └ heads are broken at _ and . to the width of the numbers
#ifndef RQSIM_CLI_SET_TABLE_H_
#define RQSIM_CLI_SET_TABLE_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace rqsim {

class SetTable {
 public:
  // `title` stands above the names of the sets.
  SetTable(std::string title, std::vector<std::string> sets)
      : title_(std::move(title)), sets_(std::move(sets)) {}

  // One cell for each set.
  void AddColumn(const std::string& head, std::vector<std::string> cells);
  bool empty() const { return columns_.empty(); }

  // Lines of at most `width` columns, as many tables below each other as that takes.
  std::string Text(std::size_t width) const;

 private:
  struct Column {
    std::vector<std::string> head;  // its lines
    std::vector<std::string> cells;
    std::size_t width = 0;
  };
  void AppendBlock(std::string& out, std::size_t name_width, std::size_t from,
                   std::size_t to) const;

  std::string title_;
  std::vector<std::string> sets_;
  std::vector<Column> columns_;
};

}  // namespace rqsim

#endif  // RQSIM_CLI_SET_TABLE_H_
