// The result document (DESIGN 8) as JSON, keys in a fixed order, integers in cycles, 64-bit digests
// as hex strings.
//
//   {"schema_version": 1, "model_version": 1, "scenario": {"name": "MX-04", "hash": "…"},
//    "clock_hz": 1000000000, "policy": "nospin", "outcome": "done", "end_cycles": 11, "events": 52,
//    "digest": "1f3c…", "schedule_digest": "09ab…", "message": "",
//    "violations": [{"id": "MX-I9", "at": 5, "cpu": null, "task": "L", "lock": "A",
//                    "message": "L exits holding A"}],
//    "tasks": [{"name": "L", "id": 1, "kthread": false, "finish": 11, "exec": 9, …,
//               "response": {"n": 1, "p50": 9, …}, "waits": [{"cause": "ran H", "cycles": 3}]}],
//    "cpus": [{"id": 0, "user": 6, "kernel": 0, "idle": 1, …, "overhead": {"c_ctx": 2}}],
//    "locks": [{"name": "A", "acquisitions": 2, …, "acquired": [[1, "L"], [9, "H"]]}],
//    "metrics": {"switches": 6, …},
//    "timeline": [{"cpu": 0, "start": 0, "end": 9, "kind": "task", "curr": "L", "donor": "L"}, …],
//    "dispatches": [{"cpu": 0, "task": "L", "woken": 0, "start": 0, "end": 9, "state": "X"}, …]}
//
// `timeline` and `dispatches` are there if the result has them. ReadResult (result_json_reader.h)
// reads the document back.
#ifndef RQSIM_SIM_VIEWS_RESULT_JSON_H_
#define RQSIM_SIM_VIEWS_RESULT_JSON_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "rqsim/result.h"

namespace rqsim {

nlohmann::ordered_json ResultToJson(const Result& result);

// As text, two blanks per level, a newline at the end.
std::string ResultJsonText(const Result& result);

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_RESULT_JSON_H_
