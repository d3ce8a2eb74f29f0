// The declared events of notifier-2012, by index; the first ones are those of hotplug_ops.h.
#ifndef RQSIM_POLICIES_SERVICE_NOTIFIER_EVENTS_H_
#define RQSIM_POLICIES_SERVICE_NOTIFIER_EVENTS_H_

namespace rqsim::notifier {

inline constexpr int kNotifyEvent = 3;
inline constexpr int kViewEvent = 4;
inline constexpr int kDyingBadEvent = 5;
inline constexpr int kDyingRaceEvent = 6;
inline constexpr int kObjectEvent = 7;
inline constexpr int kDepWindowEvent = 8;
inline constexpr int kRaWindowEvent = 9;
inline constexpr int kStragglersEvent = 10;
inline constexpr int kSetupEvent = 11;
inline constexpr int kFlagEvent = 12;
inline constexpr int kKthreadsEvent = 13;
inline constexpr int kWriterRetryEvent = 14;
inline constexpr int kKthreadEvent = 15;
inline constexpr int kRcuCoreEvent = 16;
inline constexpr int kRcuCallbacksEvent = 17;
inline constexpr int kUnauditedEvent = 18;
inline constexpr int kDeadlockEvent = 19;
inline constexpr int kStepEvent = 20;

// Values of its step behind the eleven: those that stop_machine has instead of iii to vii, and the
// parking of threads before either.
inline constexpr int kStepPark = 12, kStepStopMachine = 13, kStepDie = 14;

}  // namespace rqsim::notifier

#endif  // RQSIM_POLICIES_SERVICE_NOTIFIER_EVENTS_H_
