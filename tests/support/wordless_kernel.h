// A stand-in for the machine where no policy touches a word: base of the benches for scheduling
// classes and placements.
#ifndef RQSIM_TESTS_SUPPORT_WORDLESS_KERNEL_H_
#define RQSIM_TESTS_SUPPORT_WORDLESS_KERNEL_H_

#include <cstdint>

#include "rqsim/kernel.h"
#include "rqsim/policy.h"
#include "support/catch.h"

namespace rqsim {

class WordlessKernel : public Kernel {
 public:
  void SetLockOwner(LockId, TaskId, uint8_t) override { FAIL("a word was changed"); }
  WordResult Load(WordId) const override { return {}; }
  WordResult Store(WordId, int64_t) override { return {}; }
  WordResult Exchange(WordId, int64_t) override { return {}; }
  WordResult CompareExchange(WordId, int64_t, int64_t) override { return {}; }
  WordId WordOf(PolicyId, TaskId, int) const override { return {}; }
  LoadAvg LoadNow(TaskId id) const override { return load(id); }
  bool MayMove(TaskId) override { return true; }
  void EmitDeclared(PolicyId, int, const PolicyEventPayload&) override {}

 protected:
  WordlessKernel() = default;
  ~WordlessKernel() = default;
};

}  // namespace rqsim

#endif  // RQSIM_TESTS_SUPPORT_WORDLESS_KERNEL_H_
