// Texts of parameters that are made of words: "name=sub nr=192 up=1". Taken apart, and what is
// wrong with them collected, so that a scenario is told everything at once (TextCheck).
#ifndef RQSIM_POLICIES_SERVICE_PARAM_TEXTS_H_
#define RQSIM_POLICIES_SERVICE_PARAM_TEXTS_H_

#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rqsim/registry.h"

namespace rqsim {

struct TextWord {
  std::string_view key;
  std::string_view value;  // behind '='
  bool has_value = false;  // there is a '='
  int64_t at = 0;          // where the word begins
  int64_t value_at = 0;    // … and its value
};
// The words of a text, separated by blanks.
std::vector<TextWord> WordsOf(std::string_view text);

// The parts of "a,b,c", with where each begins; a part may be empty.
struct TextPart {
  std::string_view text;
  int64_t at = 0;
};
std::vector<TextPart> PartsOf(std::string_view list, int64_t at);

// A whole number of 0 or more, or -1.
int64_t NumberOf(std::string_view text);

// Where problems of one text go.
class TextProblems {
 public:
  TextProblems(std::vector<ParamProblem>& problems, std::string_view param, std::size_t item)
      : problems_(&problems), param_(param), item_(static_cast<int>(item)) {}
  void Add(ParamProblem::Kind kind, int64_t at, std::string message, std::string hint) {
    problems_->push_back({kind, param_, item_, at, std::move(message), std::move(hint)});
  }

 private:
  std::vector<ParamProblem>* problems_;
  std::string_view param_;
  int item_;
};

// The value of a word as a number from `min` to `max`; a problem if it is none.
int64_t NumberIn(const TextWord& word, int64_t min, int64_t max, TextProblems& problems);

// OK, or InvalidArgument with all of them.
absl::Status StatusOf(std::string_view policy, const std::vector<ParamProblem>& problems);

}  // namespace rqsim

#endif  // RQSIM_POLICIES_SERVICE_PARAM_TEXTS_H_
