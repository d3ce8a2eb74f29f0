// --set PATH=VALUE: changes one value of a scenario's JSON.
//
//   machine.costs.c_ctx=100          a key that may not be there yet
//   tasks.bc_dist.ops[1].run=5ms     an element of a list by its name or by its index
//   policies.pi.lock={"name":"pi"}   VALUE is JSON, or a plain string if it is not
//   policies.proxy-7.2.lock.spin=false   a name that has dots in it is found as such
#ifndef RQSIM_CLI_EDIT_H_
#define RQSIM_CLI_EDIT_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rqsim {

// The document with all edits made, or nothing and why in `error`. Precondition: `text` is a
// scenario that the reader accepts.
std::optional<std::string> EditScenario(std::string_view text,
                                        const std::vector<std::string>& edits, std::string& error);

}  // namespace rqsim

#endif  // RQSIM_CLI_EDIT_H_
