#include "rqsim/check.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace rqsim {
namespace {

thread_local const CheckContext* current_context = nullptr;

}  // namespace

const CheckContext* CheckContext::Set(const CheckContext* context) {
  return std::exchange(current_context, context);
}

void CheckFailed(const char* condition, const char* file, int line) {
  // tidy: allow(talk) the process ends here: nobody is left to whom an error could be returned
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
  // A check that fails while the context describes itself must not ask it again.
  if (const CheckContext* context = CheckContext::Set(nullptr)) context->DescribeForCheck();
  std::abort();  // tidy: allow(talk) see above
}

}  // namespace rqsim
