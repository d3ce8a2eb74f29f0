// The JSON Schema (draft 7) of the result document, as `rqsim schema result` prints it.
#ifndef RQSIM_CLI_RESULT_SCHEMA_H_
#define RQSIM_CLI_RESULT_SCHEMA_H_

#include <string>

namespace rqsim {

std::string ResultSchema();

}  // namespace rqsim

#endif  // RQSIM_CLI_RESULT_SCHEMA_H_
