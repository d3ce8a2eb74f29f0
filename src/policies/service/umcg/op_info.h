// A row in the tables of operations that UMCG and the hand-offs without it declare.
#ifndef RQSIM_POLICIES_SERVICE_UMCG_OP_INFO_H_
#define RQSIM_POLICIES_SERVICE_UMCG_OP_INFO_H_

#include <cstdint>
#include <string_view>

#include "rqsim/policy.h"

namespace rqsim::umcg {

constexpr ServiceOpInfo OpInfo(std::string_view name, int32_t path, bool pays,
                               std::string_view args, OpKind without, std::string_view summary) {
  ServiceOpInfo op;
  op.name = name;
  op.path = PathId(path);
  op.pays_syscall = pays;
  op.args = args;
  op.without = without;
  op.summary = summary;
  return op;
}

}  // namespace rqsim::umcg

#endif  // RQSIM_POLICIES_SERVICE_UMCG_OP_INFO_H_
