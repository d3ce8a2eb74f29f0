// A comparison as JSON: everything the text shows, and every number behind it.
//
//   { "scenario", "clock_hz", "baseline", "policies": [...], "remarks": [{policy, text}],
//     "differs", "why_same", "complete",
//     "against": [{policy, same_schedule, divergence: {at, cpu, cause, baseline, other, common,
//                  baseline_next, other_next}, differing: {start, end},
//                  cpus: [{cpu, cycles, spans: [[start, end], ...]}]}],
//     "tasks": [{name, differs, metrics: {name: [value under each policy, null: none]}}],
//     "locks", "cpus", "run", "results": [result documents] }
#ifndef RQSIM_CLI_COMPARE_JSON_H_
#define RQSIM_CLI_COMPARE_JSON_H_

#include <string>

#include "rqsim/compare.h"

namespace rqsim {

std::string CompareJson(const Comparison& comparison);

}  // namespace rqsim

#endif  // RQSIM_CLI_COMPARE_JSON_H_
