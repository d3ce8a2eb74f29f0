// The short notations inside the strings of `expect`: cells of a timeline, switches, acquisitions.
#ifndef RQSIM_SIM_SCENARIO_EXPECT_TEXT_H_
#define RQSIM_SIM_SCENARIO_EXPECT_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "rqsim/scenario.h"

namespace rqsim {

// What is wrong with a string, and at which byte of it.
struct TextError {
  std::size_t index = 0;
  std::string message;
};

// Says whether a name may stand in a cell.
class NameCheck {
 public:
  virtual ~NameCheck() = default;
  // When:    a cell, a switch or an acquisition names a task. State: nothing. Returns: whether a
  // run of the scenario can have a task of that name.
  virtual bool IsTask(std::string_view name) const = 0;
};

// "[0,3)H [3,6)L/H [6,8)- [8,)off": start, end (left out: open), task, or task on behalf of
// another. Cells are in order and do not overlap; with `whole` they leave no gap and begin at 0.
// Equal neighbours are merged.
std::vector<ExpectCell> ParseCells(std::string_view text, bool whole, const NameCheck& names,
                                   std::vector<TextError>& errors);

// "0 idle->A, 110 A->F", also with the arrow character; "110 F" leaves open what ran before.
std::vector<ExpectSwitch> ParseSwitches(std::string_view text, const NameCheck& names,
                                        std::vector<TextError>& errors);

// "0 L, 6 H": when a lock was acquired and by whom.
std::vector<std::pair<Time, std::string>> ParseAcquired(std::string_view text,
                                                        const NameCheck& names,
                                                        std::vector<TextError>& errors);

// The canonical form of each.
std::string CanonicalCells(const std::vector<ExpectCell>& cells);
std::string CanonicalSwitches(const std::vector<ExpectSwitch>& switches);
std::string CanonicalAcquired(const std::vector<std::pair<Time, std::string>>& acquired);

}  // namespace rqsim

#endif  // RQSIM_SIM_SCENARIO_EXPECT_TEXT_H_
