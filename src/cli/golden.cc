#include "cli/golden.h"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>

#include "cli/result_json.h"

namespace rqsim {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kEnding = ".golden.json";
constexpr std::size_t kContext = 4;

std::string LineAt(const Json& lines, std::size_t i) {
  return i < lines.size() && lines[i].is_string() ? lines[i].get<std::string>() : "nothing more";
}

std::optional<Mismatch> CompareEvents(const Json& expected, const Json& actual) {
  std::size_t i = 0;
  while (i < expected.size() && i < actual.size() && expected[i] == actual[i]) ++i;
  if (i == expected.size() && i == actual.size()) return std::nullopt;
  Mismatch mismatch;
  mismatch.what = fmt::format("golden: event {} differs", i + 1);
  mismatch.expected = LineAt(expected, i);
  mismatch.actual = LineAt(actual, i);
  for (std::size_t before = i < kContext ? 0 : i - kContext; before < i; ++before) {
    mismatch.before.push_back(LineAt(actual, before));
  }
  return mismatch;
}

// The path and both values of the first leaf that differs, in the order of the approved document.
std::optional<Mismatch> CompareTree(const Json& expected, const Json& actual,
                                    const std::string& path) {
  if (expected == actual) return std::nullopt;
  if (expected.is_object() && actual.is_object()) {
    for (const auto& [key, value] : expected.items()) {
      const auto found = actual.find(key);
      auto inner = CompareTree(value, found == actual.end() ? Json(nullptr) : *found,
                               fmt::format("{}.{}", path, key));
      if (inner) return inner;
    }
    for (const auto& [key, value] : actual.items()) {
      if (!expected.contains(key))
        return CompareTree(nullptr, value, fmt::format("{}.{}", path, key));
    }
  } else if (expected.is_array() && actual.is_array()) {
    for (std::size_t i = 0; i < std::max(expected.size(), actual.size()); ++i) {
      auto inner = CompareTree(i < expected.size() ? expected[i] : Json(nullptr),
                               i < actual.size() ? actual[i] : Json(nullptr),
                               fmt::format("{}[{}]", path, i));
      if (inner) return inner;
    }
  }
  Mismatch mismatch;
  mismatch.what = fmt::format("golden: {} is {}, not {}", path.empty() ? "result" : path.substr(1),
                              actual.dump(), expected.dump());
  return mismatch;
}

}  // namespace

std::string GoldenPath(const std::string& scenario_path) {
  const std::size_t slash = scenario_path.find_last_of('/');
  const std::size_t dot = scenario_path.find_last_of('.');
  const bool has_ending = dot != std::string::npos && (slash == std::string::npos || dot > slash);
  return scenario_path.substr(0, has_ending ? dot : scenario_path.size()) + std::string(kEnding);
}

bool IsGoldenPath(const std::string& path) { return path.ends_with(kEnding); }

Json GoldenOf(const Result& result, const Recording& recording) {
  Json golden = Json::object();
  golden["result"] = ResultTree(result);
  if (recording.complete() && recording.events().size() <= kGoldenEvents) {
    Json lines = Json::array();
    for (const TraceEvent& event : recording.events()) lines.push_back(recording.Text(event));
    golden["events"] = std::move(lines);
  }
  return golden;
}

std::optional<Mismatch> CompareGolden(const Json& expected, const Json& actual) {
  // Events first: they say where it began, sums and digests only that something did.
  const auto events = expected.find("events");
  if (events != expected.end()) {
    const auto now = actual.find("events");
    if (auto mismatch = CompareEvents(*events, now == actual.end() ? Json::array() : *now)) {
      return mismatch;
    }
  }
  return CompareTree(expected, actual, "");
}

std::string GoldenText(const Json& sets) {
  Json document = Json::object();
  document["golden_version"] = 1;
  document["sets"] = sets;
  return document.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<Json> ParseGolden(const std::string& text) {
  const Json document = Json::parse(text, nullptr, false);
  if (!document.is_object() || document.value("golden_version", 0) != 1) return std::nullopt;
  const auto sets = document.find("sets");
  if (sets == document.end() || !sets->is_object()) return std::nullopt;
  return *sets;
}

}  // namespace rqsim
