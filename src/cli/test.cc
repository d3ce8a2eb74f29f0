// rqsim test: runs scenarios under all their policy sets and holds each run against what the
// scenario states (expect, assert) and against its golden.
#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/command.h"
#include "cli/files.h"
#include "cli/golden.h"
#include "cli/junit.h"
#include "cli/load.h"
#include "rqsim/expect.h"
#include "rqsim/import.h"

namespace rqsim {
namespace {

using Json = nlohmann::ordered_json;

bool IsSetTo(const char* variable, std::initializer_list<std::string_view> values) {
  const char* value = std::getenv(variable);
  return value != nullptr && std::find(values.begin(), values.end(), value) != values.end();
}

// A word for a shell.
std::string Quoted(const std::string& word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/._-+=,:@").find(c) != std::string_view::npos;
  });
  return plain ? word : "'" + word + "'";
}

std::string Describe(const std::string& file, const Mismatch& mismatch) {
  std::string text;
  if (mismatch.pos.line > 0)
    text += fmt::format("{}:{}:{}: ", file, mismatch.pos.line, mismatch.pos.column);
  text += mismatch.what + "\n";
  if (!mismatch.expected.empty() || !mismatch.actual.empty()) {
    text += fmt::format("    expected {}\n    actual   {}\n", mismatch.expected, mismatch.actual);
  }
  if (!mismatch.before.empty()) {
    text += "    before that:\n";
    for (const std::string& line : mismatch.before) text += "      " + line + "\n";
  }
  return text;
}

// What became of one file, gathered by the thread that ran it and printed in order.
struct FileReport {
  std::vector<TestCase> cases;
  std::string talk;        // diagnostics
  std::string new_golden;  // with --bless
  int status = kExitFine;
};

class TestCommand final : public Command {
 public:
  const char* name() const override { return "test"; }
  const char* summary() const override { return "hold scenarios against what they expect"; }
  const char* examples() const override {
    return "  rqsim test scenarios\n"
           "  rqsim test scenarios/proxy -k PX-03 --junit out.xml -j 4\n"
           "  rqsim test scenarios/tutorial/01-one-task.json --bless";
  }
  void Declare(CLI::App& app) override {
    app.add_option("PATH", paths_, "scenarios and folders of them (default: scenarios)");
    app.add_option("-k", pattern_, "only files and sets whose `FILE SET` contains this")
        ->type_name("PATTERN");
    app.add_flag("--bless", bless_,
                 "write goldens (also RQSIM_UPDATE_GOLDEN=1); refused where CI is set");
    app.add_flag("--json", json_, "what became of each run as JSON");
    app.add_option("--junit", junit_, "also write the results as JUnit XML")->type_name("FILE");
    app.add_option("-j,--jobs", jobs_, "how many files at a time")
        ->type_name("N")
        ->capture_default_str()
        ->check(CLI::Range(1, 256).description(""));
  }

  int Execute(Terminal& terminal) override {
    bless_ = bless_ || IsSetTo("RQSIM_UPDATE_GOLDEN", {"1", "true"});
    if (bless_ && IsSetTo("CI", {"1", "true"})) {
      terminal.Error("goldens are approved by people: --bless does nothing where CI is set");
      return kExitWrongUse;
    }
    std::vector<std::string> files;
    if (!Gather(files, terminal)) return kExitFile;
    std::vector<FileReport> reports(files.size());
    RunAll(files, reports);
    return Print(files, reports, terminal);
  }

 private:
  // Files in the order of their names, folders walked; a file that is named is taken as it is.
  bool Gather(std::vector<std::string>& files, Terminal& terminal) const {
    namespace fs = std::filesystem;
    const std::vector<std::string> paths =
        paths_.empty() ? std::vector<std::string>{"scenarios"} : paths_;
    for (const std::string& path : paths) {
      std::error_code error;
      const fs::file_status status = fs::status(path, error);
      if (!fs::exists(status)) {
        terminal.Error(fmt::format("cannot read {}: {}", path, error.message()));
        return false;
      }
      if (!fs::is_directory(status)) {
        files.push_back(path);
        continue;
      }
      std::vector<std::string> found;
      for (fs::recursive_directory_iterator i(path, error), end; !error && i != end;
           i.increment(error)) {
        const std::string name = i->path().filename().string();
        if (name.starts_with(".") && i->is_directory()) i.disable_recursion_pending();
        const std::string extension = i->path().extension().string();
        if (name.starts_with(".") || (extension != ".json" && extension != ".jsonc")) continue;
        if (!IsGoldenPath(i->path().string())) found.push_back(i->path().string());
      }
      if (error) {
        terminal.Error(fmt::format("cannot read {}: {}", path, error.message()));
        return false;
      }
      std::sort(found.begin(), found.end());
      files.insert(files.end(), found.begin(), found.end());
    }
    return true;
  }

  void RunAll(const std::vector<std::string>& files, std::vector<FileReport>& reports) const {
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
      for (std::size_t i = next++; i < files.size(); i = next++) reports[i] = RunFile(files[i]);
    };
    std::vector<std::thread> threads;
    const std::size_t wanted = std::min<std::size_t>(static_cast<std::size_t>(jobs_), files.size());
    for (std::size_t i = 1; i < wanted; ++i) threads.emplace_back(work);
    work();
    for (std::thread& thread : threads) thread.join();
  }

  bool Wanted(const std::string& file, const std::string& set) const {
    return pattern_.empty() || (file + " " + set).find(pattern_) != std::string::npos;
  }

  FileReport RunFile(const std::string& file) const {
    FileReport report;
    Terminal silent;
    const auto fail = [&](const std::string& why, int status) {
      report.cases.push_back({file, "", why, 0});
      report.status = std::max(report.status, status);
    };
    const auto text = ReadWhole(file, silent);
    if (!text) {
      fail("cannot be read\n", kExitFile);
      return report;
    }
    std::vector<Diagnostic> diagnostics;
    const auto scenario = LooksLikeRtApp(*text) ? ImportRtApp(*text, file, {}, diagnostics, nullptr)
                                                : ReadScenario(*text, file, diagnostics);
    if (!scenario) {
      std::string problems;
      for (const Diagnostic& diagnostic : diagnostics) problems += FormatDiagnostic(diagnostic);
      if (Wanted(file, "")) fail("cannot be run\n" + problems, kExitWrongUse);
      return report;
    }
    const std::string golden_path = GoldenPath(file);
    std::error_code ignored;
    std::optional<Json> golden;
    if (std::filesystem::exists(golden_path, ignored)) {
      const auto golden_text = ReadWhole(golden_path, silent);
      if (golden_text) golden = ParseGolden(*golden_text);
      if (!golden && !bless_) fail(fmt::format("{} is not a golden\n", golden_path), kExitFailed);
    }
    Json blessed = golden.value_or(Json::object());
    for (const PolicySet& set : SetsOf(*scenario)) {
      if (Wanted(file, set.name)) RunSet(file, *scenario, set, golden, blessed, report);
    }
    if (bless_ && !report.cases.empty()) report.new_golden = GoldenText(blessed);
    return report;
  }

  void RunSet(const std::string& file, const Scenario& scenario, const PolicySet& set,
              const std::optional<Json>& golden, Json& blessed, FileReport& report) const {
    TestCase one{file, set.name, "", 0};
    Recording recording(EventMask::All(), kGoldenEvents);
    ExpectOptions options;
    options.listeners = {&recording};
    const auto checked = CheckExpectations(scenario, set, options);
    if (!checked.ok()) {
      one.failure = std::string(checked.status().message()) + "\n";
      report.status =
          std::max(report.status, checked.status().code() == absl::StatusCode::kUnimplemented
                                      ? kExitNotModelled
                                      : kExitWrongUse);
    } else {
      one.statements = checked->statements;
      for (const Mismatch& mismatch : checked->mismatches) one.failure += Describe(file, mismatch);
      CompareWithGolden(file, set.name, GoldenOf(checked->result, recording), golden, blessed, one);
      if (!one.failure.empty()) {
        one.failure += fmt::format("  to run it alone: rqsim run {} -p {} --timeline\n",
                                   Quoted(file), Quoted(set.name));
        report.status = std::max(report.status, kExitFailed);
      }
    }
    report.cases.push_back(std::move(one));
  }

  void CompareWithGolden(const std::string& file, const std::string& set, Json actual,
                         const std::optional<Json>& golden, Json& blessed, TestCase& one) const {
    if (bless_) {
      blessed[set] = std::move(actual);
      return;
    }
    if (!golden) return;
    ++one.statements;
    const auto expected = golden->find(set);
    if (expected == golden->end()) {
      one.failure += fmt::format("golden: the set {} is not in it\n", set);
    } else if (const auto mismatch = CompareGolden(*expected, actual)) {
      one.failure += Describe(GoldenPath(file), *mismatch);
    } else {
      return;
    }
    one.failure += fmt::format("  to approve it: rqsim test {} --bless\n", Quoted(file));
  }

  int Print(const std::vector<std::string>& files, const std::vector<FileReport>& reports,
            Terminal& terminal) const {
    std::vector<TestCase> all;
    int status = kExitFine;
    int failed = 0;
    int statements = 0;
    for (std::size_t i = 0; i < files.size(); ++i) {
      status = std::max(status, reports[i].status);
      for (const TestCase& one : reports[i].cases) {
        const bool good = one.failure.empty();
        failed += good ? 0 : 1;
        statements += one.statements;
        all.push_back(one);
        if (json_) continue;
        terminal.Out(fmt::format("{} {}{}\n", good ? terminal.Green("ok  ") : terminal.Red("FAIL"),
                                 one.file, one.set.empty() ? "" : "  " + one.set));
        if (!good) terminal.Out(Indented(one.failure));
      }
      if (!reports[i].new_golden.empty() &&
          !WriteWhole(GoldenPath(files[i]), reports[i].new_golden, terminal)) {
        status = kExitFile;
      }
    }
    if (json_) {
      terminal.Out(CasesJson(all));
    } else {
      terminal.Out(fmt::format("{} runs of {} files, {} statements, {}\n", all.size(), files.size(),
                               statements,
                               failed == 0 ? terminal.Green("none failed")
                                           : terminal.Red(fmt::format("{} failed", failed))));
    }
    if (all.empty()) {
      terminal.Error(pattern_.empty() ? "there is nothing to test there"
                                      : fmt::format("nothing matches -k {}", pattern_));
      status = std::max(status, kExitWrongUse);
    }
    if (!junit_.empty() && !WriteWhole(junit_, JUnitXml(all), terminal)) return kExitFile;
    return status;
  }

  static std::string CasesJson(const std::vector<TestCase>& cases) {
    Json out = Json::array();
    for (const TestCase& one : cases) {
      out.push_back({{"file", one.file},
                     {"policy", one.set},
                     {"passed", one.failure.empty()},
                     {"statements", one.statements},
                     {"failure", one.failure}});
    }
    return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  }

  static std::string Indented(const std::string& text) {
    std::string out = "  ";
    for (std::size_t i = 0; i < text.size(); ++i) {
      out += text[i];
      if (text[i] == '\n' && i + 1 < text.size()) out += "  ";
    }
    return out;
  }

  std::vector<std::string> paths_;
  std::string pattern_, junit_;
  bool bless_ = false, json_ = false;
  int jobs_ = 1;
};

}  // namespace

std::unique_ptr<Command> MakeTestCommand() { return std::make_unique<TestCommand>(); }

}  // namespace rqsim
