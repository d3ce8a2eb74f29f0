// `events` and `no_events` of an expectation: "3 0 sched_switch prev_comm=H next_comm=idle". A
// pattern matches an event's line if all its words are words of the line; a first number is the
// instant, a second one the CPU.
#ifndef RQSIM_SIM_VIEWS_EVENT_PATTERN_H_
#define RQSIM_SIM_VIEWS_EVENT_PATTERN_H_

#include <string>
#include <string_view>
#include <vector>

namespace rqsim {

class EventPattern {
 public:
  explicit EventPattern(std::string_view text);

  bool Matches(std::string_view line) const;
  // Whether the event of `line` has the name that the pattern asks for.
  bool SameName(std::string_view line) const;

 private:
  std::string time_, cpu_;  // empty: any
  std::vector<std::string> words_;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_EVENT_PATTERN_H_
