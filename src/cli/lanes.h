// Timelines drawn with letters, a lane for each CPU and policy set:
//
//   column = 500us  30ms                  40ms                  50ms
//                   |                     |                     |
//   CPU 0  mutex    AAAACCCCCCCCCCCCCCCCCCCCCCAAAABBBB.........
//          pi       AAAABBBBCCCCCCCCCCCCCCCCCCCCCCAAAA.........
//                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
//   A asi_met  B bc_dist  C comm  . idle
//
// A column shows what ran most of its time. Small letters: a task on behalf of another, as the
// legend says.
#ifndef RQSIM_CLI_LANES_H_
#define RQSIM_CLI_LANES_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "rqsim/compare.h"
#include "rqsim/scenario.h"

namespace rqsim {

class Letters {
 public:
  // The letter of a cell, given at its first use.
  char Of(const ExpectCell& cell);
  // Gives the letters of tasks in this order, so that they do not depend on who runs first.
  void Prefer(const std::vector<std::string>& tasks);
  // Legend of all letters that Of has given, in lines of at most `width` columns.
  std::vector<std::string> Legend(std::size_t width) const;

 private:
  char Task(const std::string& name);

  std::map<std::string, char> tasks_;
  std::vector<std::string> order_;                             // of tasks_
  std::map<std::pair<std::string, std::string>, char> pairs_;  // curr, donor
  std::vector<std::string> used_;
  std::string taken_;
  bool idle_ = false, offline_ = false, many_ = false;
};

// How instants are mapped to columns.
class Scale {
 public:
  // [from, to) in at most `width` columns.
  Scale(Time from, Time to, std::size_t width);

  std::size_t columns() const { return columns_; }
  Time StartOf(std::size_t column) const;
  // "column = 500us"
  std::string Unit(int64_t clock_hz) const;
  // The two lines above the lanes: labels, and where they point to.
  std::pair<std::string, std::string> Ruler(int64_t clock_hz) const;

 private:
  Time from_;
  int64_t span_ = 1;
  std::size_t columns_ = 1;
};

// One lane; blank where it has no cell.
std::string DrawLane(const std::vector<ExpectCell>& lane, const Scale& scale, Letters& letters);

// `^` below every column that a span touches; empty if none does.
std::string DrawMarks(const std::vector<TimeSpan>& spans, const Scale& scale);

}  // namespace rqsim

#endif  // RQSIM_CLI_LANES_H_
