// The events that policies declare, found by their names: views of a service know its events, not
// the service.
#ifndef RQSIM_SIM_VIEWS_DECLARED_EVENTS_H_
#define RQSIM_SIM_VIEWS_DECLARED_EVENTS_H_

#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "rqsim/listener.h"
#include "rqsim/policy.h"

namespace rqsim {

// Which of `names` each event kind of the run is; two policies may declare an event of one name.
template <std::size_t N>
class DeclaredEvents {
 public:
  explicit constexpr DeclaredEvents(const std::array<std::string_view, N>& names) : names_(names) {}

  void OnStart(const RunInfo& info) {
    which_.fill(-1);
    const auto& policies = info.policies();
    for (std::size_t p = 0; p < policies.size(); ++p) {
      const auto first =
          static_cast<std::size_t>(info.first_event_kind(PolicyId(static_cast<int32_t>(p))));
      for (std::size_t e = 0; e < policies[p]->events.size(); ++e) {
        for (std::size_t n = 0; n < N; ++n) {
          if (policies[p]->events[e].name == names_[n]) which_[first + e] = static_cast<int>(n);
        }
      }
    }
  }
  // Its place among the names; -1 if it is none of them.
  int Which(EventKind kind) const { return which_[static_cast<std::size_t>(kind)]; }

 private:
  std::array<std::string_view, N> names_;
  std::array<int, kMaxEventKinds> which_{};
};

inline PolicyEventPayload DeclaredPayload(const TraceEvent& event) {
  PolicyEventPayload payload;
  std::memcpy(&payload, event.a, sizeof(payload));
  return payload;
}

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_DECLARED_EVENTS_H_
