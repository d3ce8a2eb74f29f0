// The factory of a scheduling class of one's own, and the table that describes it.
#ifndef LIFO_LIFO_H_
#define LIFO_LIFO_H_

#include <absl/status/statusor.h>

#include <memory>

#include "rqsim/policy.h"
#include "rqsim/seams.h"

extern const rqsim::PolicyInfo kLifoInfo;
absl::StatusOr<std::unique_ptr<rqsim::SchedClass>> MakeLifo(const rqsim::PolicyParams& params,
                                                            const rqsim::Limits& limits);

#endif  // LIFO_LIFO_H_
