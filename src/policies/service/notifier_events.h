// The declared events of notifier-2012, by index.
#ifndef RQSIM_POLICIES_SERVICE_NOTIFIER_EVENTS_H_
#define RQSIM_POLICIES_SERVICE_NOTIFIER_EVENTS_H_

namespace rqsim::notifier {

inline constexpr int kNotifyEvent = 0;
inline constexpr int kViewEvent = 1;
inline constexpr int kDyingBadEvent = 2;
inline constexpr int kDyingRaceEvent = 3;
inline constexpr int kObjectEvent = 4;
inline constexpr int kDepWindowEvent = 5;
inline constexpr int kRaWindowEvent = 6;
inline constexpr int kStragglersEvent = 7;
inline constexpr int kSetupEvent = 8;
inline constexpr int kFlagEvent = 9;
inline constexpr int kKthreadsEvent = 10;
inline constexpr int kWriterRetryEvent = 11;

}  // namespace rqsim::notifier

#endif  // RQSIM_POLICIES_SERVICE_NOTIFIER_EVENTS_H_
