// The numbers of a comparison as text: for few sets one table with a change beside each number, for
// many a line for each set.
#ifndef RQSIM_CLI_COMPARE_TABLES_H_
#define RQSIM_CLI_COMPARE_TABLES_H_

#include <cstddef>
#include <string>

#include "cli/compare_text.h"
#include "cli/terminal.h"
#include "rqsim/compare.h"

namespace rqsim {

// Sets beside the baseline that fit on one page of 100 columns.
inline constexpr std::size_t kSetsBeside = 3;

inline bool HasManySets(const Comparison& comparison) {
  return comparison.results.size() > kSetsBeside + 1;
}

// More than anybody holds side by side: what one asks for first is printed of each, the rest with
// --all.
inline constexpr std::size_t kManyMoreSets = 20;
inline bool IsBrief(const Comparison& comparison, const CompareTextOptions& options) {
  return comparison.results.size() > kManyMoreSets && !options.all;
}

// Tasks, locks, CPUs and the run; tasks and locks where it is brief. Without `options.all` only
// what differs, of the rest the names.
std::string CompareTables(const Comparison& comparison, const CompareTextOptions& options,
                          const Terminal& terminal);

}  // namespace rqsim

#endif  // RQSIM_CLI_COMPARE_TABLES_H_
