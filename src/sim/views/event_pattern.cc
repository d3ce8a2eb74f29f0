#include "sim/views/event_pattern.h"

#include <algorithm>

namespace rqsim {
namespace {

std::vector<std::string> WordsOf(std::string_view text) {
  std::vector<std::string> words;
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find_first_of(" \t", start), text.size());
    if (end > start) words.emplace_back(text.substr(start, end - start));
    start = end + 1;
  }
  return words;
}

// A time or a CPU: digits, or "-" for no CPU.
bool IsPlace(const std::string& word) {
  return word == "-" ||
         std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

EventPattern::EventPattern(std::string_view text) : words_(WordsOf(text)) {
  for (std::string* place : {&time_, &cpu_}) {
    if (words_.empty() || !IsPlace(words_.front())) break;
    *place = words_.front();
    words_.erase(words_.begin());
  }
}

bool EventPattern::Matches(std::string_view line) const {
  const std::vector<std::string> words = WordsOf(line);
  if (words.size() < 3) return false;
  if (!time_.empty() && words[0] != time_) return false;
  if (!cpu_.empty() && words[1] != cpu_) return false;
  return std::all_of(words_.begin(), words_.end(), [&](const std::string& word) {
    return std::find(words.begin() + 2, words.end(), word) != words.end();
  });
}

bool EventPattern::SameName(std::string_view line) const {
  const std::vector<std::string> words = WordsOf(line);
  return words.size() >= 3 && !words_.empty() && words[2] == words_.front();
}

}  // namespace rqsim
