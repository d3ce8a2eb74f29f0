// Workloads that were written for other programs, as scenarios.
//
// rt-app (https://github.com/scheduler-tools/rt-app): the JSON dialect of its `workgen` front end,
// with repeated keys, comments, trailing commas and keys without a value. docs/MODEL.md says what
// each word means here. What a scenario cannot say is named, item by item, as a warning with its
// position and in the ImportReport; nothing is dropped in silence, and a file of rt-app's old
// grammar is refused by name.
//
//   std::vector<rqsim::Diagnostic> diagnostics;
//   rqsim::ImportReport report;
//   auto scenario = rqsim::ImportRtApp(text, "audio.json", {}, diagnostics, &report);
//
// bench: periodic task sets under EDF or fixed priorities in a small JSON form, which several
// simulators take and for which the numbers of jobs and dispatches are known (docs/MODEL.md,
// MODEL-100).
#ifndef RQSIM_IMPORT_H_
#define RQSIM_IMPORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rqsim/scenario.h"
#include "rqsim/scenario_reader.h"

namespace rqsim {

struct RtAppOptions {
  std::optional<int> cpus;  // number of CPUs; none: highest CPU the file names + 1, at least 1
  std::string name;         // of the scenario; empty: the file's name without folder and extension
};

// Something of the input that the scenario does not have.
struct NotModelled {
  std::string path;  // `tasks.thread0.phases.p1.mem`
  std::string reason;
  bool is_operation = false;  // an operation of a program; else a property or a setting
  bool is_harmless = false;   // has no influence on scheduling (log files and the like)
  SourcePos pos;
};

// What became of the input's operations: operations_in = operations_out + operations_not_modelled.
struct ImportReport {
  int64_t operations_in = 0;   // in the file, counted before anything is translated
  int64_t operations_out = 0;  // of these, in the programs of the scenario
  int64_t operations_not_modelled = 0;
  // Operations of the scenario beyond those: set_affinity and set_sched at the start of a phase,
  // and the lock and unlock around the wait of a suspend that shares its resource with other
  // operations.
  int64_t operations_added = 0;
  std::vector<NotModelled> not_modelled;  // by position
};

// Whether the text is meant for rt-app: an object with an object "tasks" and no "version" (a
// scenario has both a "version" and a list of tasks). Looks no further than the first mistake.
bool LooksLikeRtApp(std::string_view text);

// Translates an rt-app file. Problems (errors and warnings, sorted by position) are appended to
// `diagnostics`; nothing is returned if there is an error. `file` is used in diagnostics and for
// the scenario's name. `report` may be null. Never aborts, whatever the text.
std::optional<Scenario> ImportRtApp(std::string_view text, std::string_view file,
                                    const RtAppOptions& options,
                                    std::vector<Diagnostic>& diagnostics, ImportReport* report);

struct BenchOptions {
  Time until;  // the end of the run: such a set has none of its own
};

// Translates a periodic task set. Problems as for ImportRtApp.
std::optional<Scenario> ImportBench(std::string_view text, std::string_view file,
                                    const BenchOptions& options,
                                    std::vector<Diagnostic>& diagnostics);

}  // namespace rqsim

#endif  // RQSIM_IMPORT_H_
