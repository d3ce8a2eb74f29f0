// Checks of our own mistakes, always on in every build. A mistake of the user is an absl::Status,
// one of a policy is a policy_violation outcome; what fails here is a bug of rqsim and ends the
// process after printing where it happened.
#ifndef RQSIM_CHECK_H_
#define RQSIM_CHECK_H_

namespace rqsim {

// Prints the failed condition and whatever the running simulation can say about itself (time, CPU,
// task, last events), then aborts. Never returns.
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);

// Called by CheckFailed on the thread's running simulation, if there is one.
class CheckContext {
 public:
  virtual ~CheckContext() = default;
  // When:   a check failed, just before abort. State: anything; must only read.
  virtual void DescribeForCheck() const = 0;

  // The context of this thread's running simulation; null outside a run.
  static const CheckContext* Set(const CheckContext* context);
};

}  // namespace rqsim

#define RQSIM_CHECK(condition) \
  (static_cast<bool>(condition) ? void() : ::rqsim::CheckFailed(#condition, __FILE__, __LINE__))

// For conditions that cost more than O(1) to test. On unless NDEBUG.
#ifdef NDEBUG
#define RQSIM_DCHECK(condition) static_cast<void>(sizeof(condition))
#else
#define RQSIM_DCHECK(condition) RQSIM_CHECK(condition)
#endif

#endif  // RQSIM_CHECK_H_
