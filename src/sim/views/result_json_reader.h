// Reads result documents back: what `run --json` wrote, one document or a list of them.
#ifndef RQSIM_SIM_VIEWS_RESULT_JSON_READER_H_
#define RQSIM_SIM_VIEWS_RESULT_JSON_READER_H_

#include <absl/status/statusor.h>

#include <string_view>
#include <vector>

#include "rqsim/result.h"

namespace rqsim {

// Whether the text is meant as one: it is an object, or a list of such, that says which version of
// the result document it has.
bool LooksLikeResult(std::string_view text);

// Everything the document has. Errors: it is none, it is of another version, or something in it is
// missing or of the wrong type; the message names it (`[1].tasks[0].exec: a whole number wanted`).
// Never aborts, whatever the text.
absl::StatusOr<std::vector<Result>> ReadResults(std::string_view text);

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_RESULT_JSON_READER_H_
