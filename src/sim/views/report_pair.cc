// The page `pair` of `rqsim report`: who had the data of which CPU when, and what that took.
//
//   TASK  CPU  SET  LET IN  CLEARED  TIMES  ABORTS  COMMITS  OCCUPIED  SOAK  IPIS
//   T       1    3       8       23      1       0        1        15    15     0
//   all                              1       0        1        15    15     0
//
//   LET IN: the first time its CPU was occupied for it (or it ran there itself: the page leaves
//   that open); TIMES: how often it was let in; OCCUPIED: from the first time to the end; SOAK: how
//   long workers were at work for it, from taking its work to having done with it; IPIS:
//   function-call IPIs about it
//
// A task that updates the data of a CPU without pairing has a row for each update: SET and LET IN
// are the begin of its first section, TIMES its sections, CLEARED the commit.
//
// Made of a result document alone. Tested by tests/cli through docs/PAIRING.md.
#include <fmt/format.h>

#include "sim/views/report_text.h"
#include "sim/views/text_table.h"

namespace rqsim {
namespace {

std::string At(Time t) { return t == kNever ? "-" : std::to_string(t.cycles()); }

}  // namespace

std::string PairText(const Result& result) {
  if (result.pairings.empty()) return "nobody used the data of a CPU\n";
  TextTable table;
  table.AddColumn("TASK", TextTable::Align::kLeft, 0);
  for (const char* title : {"CPU", "SET", "LET IN", "CLEARED", "TIMES", "ABORTS", "COMMITS",
                            "OCCUPIED", "SOAK", "IPIS"}) {
    table.AddColumn(title, TextTable::Align::kRight, 0);
  }
  Pairing all;
  Cycles all_occupied;
  for (const Pairing& pairing : result.pairings) {
    const Time end = pairing.cleared == kNever ? result.end : pairing.cleared;
    const Cycles occupied = pairing.let_in == kNever ? kZeroCycles : end - pairing.let_in;
    table.AddRow({std::string(CommOf(result, pairing.task)), std::to_string(pairing.cpu.value()),
                  At(pairing.set), At(pairing.let_in), At(pairing.cleared),
                  std::to_string(pairing.times), std::to_string(pairing.aborts),
                  std::to_string(pairing.commits), std::to_string(occupied.count()),
                  std::to_string(pairing.soak.count()), std::to_string(pairing.ipis)});
    all.times += pairing.times;
    all.aborts += pairing.aborts;
    all.commits += pairing.commits;
    all.soak += pairing.soak;
    all.ipis += pairing.ipis;
    all_occupied += occupied;
  }
  table.AddRow({"all", "", "", "", "", std::to_string(all.times), std::to_string(all.aborts),
                std::to_string(all.commits), std::to_string(all_occupied.count()),
                std::to_string(all.soak.count()), std::to_string(all.ipis)});
  std::string text;
  table.AppendTo(text, 100);
  std::string sums;
  for (const auto& [name, value] : result.metrics) {
    for (const char* wanted : {"soak_cycles", "pair_ipis", "timeouts", "cancels", "rseq_aborts"}) {
      if (name == wanted) sums += fmt::format("{}{} {}", sums.empty() ? "" : ", ", name, value);
    }
  }
  return text + "\n" + sums + "\n";
}

}  // namespace rqsim
