// Goldens: what a scenario did when somebody approved of it, in the file NAME.golden.json beside
// it. For each policy set the whole result, and every event if they are few, else their digest.
#ifndef RQSIM_CLI_GOLDEN_H_
#define RQSIM_CLI_GOLDEN_H_

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "rqsim/expect.h"
#include "rqsim/recording.h"
#include "rqsim/result.h"

namespace rqsim {

// Runs with at most so many events keep them all.
inline constexpr std::size_t kGoldenEvents = 400;

// "a/b.json" -> "a/b.golden.json".
std::string GoldenPath(const std::string& scenario_path);
bool IsGoldenPath(const std::string& path);

// What one set did. `recording` has every kind of event.
nlohmann::ordered_json GoldenOf(const Result& result, const Recording& recording);

// The first difference, or nothing. `expected` is the set's part of the golden file.
std::optional<Mismatch> CompareGolden(const nlohmann::ordered_json& expected,
                                      const nlohmann::ordered_json& actual);

// The document of all sets.
std::string GoldenText(const nlohmann::ordered_json& sets);
// The sets of a golden file; nothing if it is not one.
std::optional<nlohmann::ordered_json> ParseGolden(const std::string& text);

}  // namespace rqsim

#endif  // RQSIM_CLI_GOLDEN_H_
