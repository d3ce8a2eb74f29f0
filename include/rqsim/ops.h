// The table of operations that programs of tasks are made of. One table for the reader, the schema,
// `rqsim list ops` and the machine. Operations of services are declared in their PolicyInfo
// instead.
#ifndef RQSIM_OPS_H_
#define RQSIM_OPS_H_

#include <span>
#include <string_view>

#include "rqsim/scenario.h"

namespace rqsim {

struct OpInfo {
  OpKind kind;
  std::string_view name;    // the key in a scenario
  std::string_view form;    // an example of its long form
  std::string_view mode;    // "user", "kernel", "-" (takes no time of its own)
  bool pays_syscall;        // c_syscall before its effect, c_sysret after
  std::string_view effect;  // one sentence
};

// In OpKind order, kService left out.
std::span<const OpInfo> OpTable();

// The row of `kind`. Precondition: not kService.
const OpInfo& OpInfoOf(OpKind kind);

}  // namespace rqsim

#endif  // RQSIM_OPS_H_
