// Words of parameters' texts. Origin: none in the kernel. Cost: at creation only. Tested by
// tests/unit/policies/service/hotplug_tables_test.cc.
#include "service/param_texts.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <charconv>

namespace rqsim {

std::vector<TextWord> WordsOf(std::string_view text) {
  std::vector<TextWord> words;
  std::size_t at = 0;
  while (at < text.size()) {
    if (text[at] == ' ') {
      ++at;
      continue;
    }
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string_view word = text.substr(at, end - at);
    const std::size_t equals = std::min(word.find('='), word.size());
    TextWord& added = words.emplace_back();
    added.key = word.substr(0, equals);
    added.has_value = equals < word.size();
    if (added.has_value) added.value = word.substr(equals + 1);
    added.at = static_cast<int64_t>(at);
    added.value_at = static_cast<int64_t>(at + std::min(equals + 1, word.size()));
    at = end;
  }
  return words;
}

std::vector<TextPart> PartsOf(std::string_view list, int64_t at) {
  std::vector<TextPart> parts;
  std::size_t begin = 0;
  for (;;) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    parts.push_back({list.substr(begin, end - begin), at + static_cast<int64_t>(begin)});
    if (end == list.size()) return parts;
    begin = end + 1;
  }
}

int64_t NumberOf(std::string_view text) {
  int64_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number >= 0 ? number : -1;
}

int64_t NumberIn(const TextWord& word, int64_t min, int64_t max, TextProblems& problems) {
  const bool is_negative = word.value.starts_with('-');
  const int64_t size = NumberOf(is_negative ? word.value.substr(1) : word.value);
  const int64_t number = is_negative ? -size : size;
  if (size >= 0 && number >= min && number <= max) return number;
  problems.Add(
      ParamProblem::Kind::kValue, word.value_at,
      absl::StrCat("\"", std::string(word.value), "\" is no value of ", std::string(word.key)),
      absl::StrCat("a whole number from ", min, " to ", max));
  return std::clamp<int64_t>(0, min, max);
}

absl::Status StatusOf(std::string_view policy, const std::vector<ParamProblem>& problems) {
  if (problems.empty()) return absl::OkStatus();
  std::string text;
  for (const ParamProblem& problem : problems) {
    if (!text.empty()) text += "; ";
    absl::StrAppend(&text, std::string(policy), ".", std::string(problem.param), "[", problem.item,
                    "]: ", problem.message);
  }
  return absl::InvalidArgumentError(text);
}

}  // namespace rqsim
