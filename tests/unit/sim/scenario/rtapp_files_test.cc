// The workloads of rt-app and of workload-automation that lie beside the clone, in
// ../shared/data/real/rtapp. They are not part of this tree: most are under the GPL.
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "rqsim/import.h"
#include "support/catch.h"

namespace rqsim {
namespace {

const std::filesystem::path kFolder = "../shared/data/real/rtapp";

bool IsAbsent() {
  if (std::filesystem::is_directory(kFolder)) return false;
  WARN("SKIPPED: " << kFolder.string() << " is not there");
  return true;
}

std::string TextOf(const std::string& file) {
  std::ifstream stream(kFolder / file, std::ios::binary);
  REQUIRE(stream.good());
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

struct Row {
  const char* file;
  int64_t operations;  // counted in the file's text, comments left out
  int64_t tasks;
  std::size_t cpus;  // highest CPU it names + 1
  int64_t seconds;   // its duration; 0: none
  std::size_t mutexes;
};

// merge-thread0 is refused, see below.
const std::vector<Row> kAccepted = {
    {"rtapp-custom-slice.json", 2, 2, 1, 2, 0},
    {"rtapp-template.json", 3, 1, 1, 6, 0},
    {"rtapp-tutorial-example1.json", 2, 1, 1, 2, 0},
    {"rtapp-tutorial-example2.json", 2, 1, 1, 2, 0},
    {"rtapp-tutorial-example5.json", 17, 2, 2, 0, 1},
    {"rtapp-tutorial-example7.json", 15, 2, 1, 5, 0},
    {"rtapp-tutorial-example8.json", 3, 1, 3, 2, 0},
    {"rtapp-tutorial-example9.json", 10, 3, 1, 2, 0},
    {"wa-browser-short.json", 61, 9, 1, 6, 1},
    {"wa-camera-short.json", 429, 57, 1, 6, 19},
    {"wa-mp3-long.json", 24, 5, 1, 600, 1},
    {"wa-spreading-tasks.json", 12, 2, 1, 60, 0},
    {"wa-video-short.json", 121, 17, 1, 6, 1},
};

TEST_CASE("Every operation of the real files is in the scenario or named", "[rtapp][shared]") {
  if (IsAbsent()) return;
  for (const Row& row : kAccepted) {
    INFO(row.file);
    const std::string text = TextOf(row.file);
    CHECK(LooksLikeRtApp(text));
    std::vector<Diagnostic> diagnostics;
    ImportReport report;
    const std::optional<Scenario> scenario = ImportRtApp(text, row.file, {}, diagnostics, &report);
    REQUIRE(scenario);
    CHECK(report.operations_in == row.operations);
    CHECK(report.operations_in == report.operations_out + report.operations_not_modelled);
    // None of them writes to memory or to a file.
    CHECK(report.operations_not_modelled == 0);
    CHECK(static_cast<int64_t>(scenario->tasks.size()) == row.tasks);
    CHECK(scenario->machine.cpus.size() == row.cpus);
    CHECK(scenario->mutexes.size() == row.mutexes);
    if (row.seconds == 0) {
      CHECK_FALSE(scenario->until);
    } else {
      CHECK(scenario->until == Time(row.seconds * 1'000'000'000));
    }
    for (const Diagnostic& diagnostic : diagnostics) {
      INFO(diagnostic.message);
      // Nothing but settings of the run: where to calibrate and what to log.
      CHECK(diagnostic.severity == Diagnostic::Severity::kWarning);
      CHECK(diagnostic.message.starts_with("not modelled: global."));
    }
  }
}

TEST_CASE("The documents that the real files are written as give them back", "[rtapp][shared]") {
  if (IsAbsent()) return;
  for (const Row& row : kAccepted) {
    INFO(row.file);
    std::vector<Diagnostic> diagnostics;
    const auto scenario = ImportRtApp(TextOf(row.file), row.file, {}, diagnostics, nullptr);
    REQUIRE(scenario);
    const std::string document = WriteScenario(*scenario);
    std::vector<Diagnostic> problems;
    const std::optional<Scenario> read = ReadScenario(document, "written.json", problems);
    REQUIRE(read);
    CHECK(ScenarioHash(*read) == ScenarioHash(*scenario));
    CHECK(WriteScenario(*read) == document);
  }
}

TEST_CASE("The real file of the old grammar is refused by name, where it stands",
          "[rtapp][shared]") {
  if (IsAbsent()) return;
  std::vector<Diagnostic> diagnostics;
  const std::string text = TextOf("rtapp-merge-thread0.json");
  CHECK(LooksLikeRtApp(text));
  CHECK_FALSE(ImportRtApp(text, "thread0.json", {}, diagnostics, nullptr));
  // exec, period, deadline, lock_order, resources, one a line from line 4. rt-app 1.0 stumbles over
  // lock_order, which it takes for a lock.
  REQUIRE(diagnostics.size() == 5);
  CHECK(diagnostics[3].pos == SourcePos{7, 10});
  CHECK_THAT(diagnostics[3].message,
             Catch::Matchers::ContainsSubstring("tasks.thread0.lock_order: rt-app's old grammar"));
}

TEST_CASE("The folder of real files has none that this test does not know", "[rtapp][shared]") {
  if (IsAbsent()) return;
  std::size_t num_files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".json") ++num_files;
  }
  CHECK(num_files == kAccepted.size() + 1);
}

TEST_CASE("The video model's suspends without a name are on the thread's own", "[rtapp][shared]") {
  if (IsAbsent()) return;
  std::vector<Diagnostic> diagnostics;
  const auto scenario =
      ImportRtApp(TextOf("wa-video-short.json"), "video.json", {}, diagnostics, nullptr);
  REQUIRE(scenario);
  const TaskSpec& first = scenario->tasks.at(0);
  CHECK(first.name == "surfaceflinger");
  REQUIRE(first.ops.size() == 2);
  CHECK(first.ops[0].kind == OpKind::kSuspend);
  CHECK(first.ops[0].name == "surfaceflinger");
  CHECK(first.ops[0].pos == SourcePos{6, 4});
}

}  // namespace
}  // namespace rqsim
