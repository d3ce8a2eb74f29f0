#include "rqsim/import.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "rqsim/limits.h"
#include "sim/scenario/json_tree.h"
#include "sim/scenario/rtapp/dialect.h"
#include "sim/scenario/rtapp/finish.h"
#include "sim/scenario/rtapp/reporter.h"
#include "sim/scenario/rtapp/thread.h"
#include "sim/scenario/rtapp/words.h"

namespace rqsim {
namespace rtapp {
namespace {

using Kind = JsonValue::Kind;

// Such files are written by hand; a tree of one needs some hundred times its size.
constexpr std::size_t kMaxBytes = std::size_t{16} << 20;
// Seconds, so that the cycles of a run stay below kTimeMax.
constexpr int64_t kMaxSeconds = kTimeMax.cycles() / 1'000'000'000;

// The settings of rt-app's section `global` that say where its log files go and the like.
constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kHarmless = {{
    {"logdir", "log files"},
    {"log_basename", "log files"},
    {"log_size", "log files"},
    {"logsize", "log files"},
    {"gnuplot", "plots"},
    {"ftrace", "rt-app's own trace marks"},
    {"cumulative_slack", "a column of the log files"},
    {"lock_pages", "memory is always there"},
    {"frag", "a setting of a scheduler that rt-app no longer knows"},
    {"fragment", "a setting of a scheduler that rt-app no longer knows"},
    {"spacing", "a setting that rt-app no longer knows"},
}};

std::string BaseName(std::string_view file) {
  if (const std::size_t slash = file.find_last_of('/'); slash != std::string_view::npos) {
    file.remove_prefix(slash + 1);
  }
  if (const std::size_t dot = file.find_last_of('.'); dot != std::string_view::npos && dot > 0) {
    file = file.substr(0, dot);
  }
  return file.empty() || file == "-" ? "rt-app" : std::string(file);
}

// Where in the strict text a position of it is; the parser's errors have no offset.
std::size_t OffsetOf(std::string_view text, SourcePos pos) {
  std::size_t at = 0;
  for (int line = 1; line < pos.line; ++line) {
    const std::size_t end = text.find('\n', at);
    if (end == std::string_view::npos) return text.size();
    at = end + 1;
  }
  for (int column = 1; column < pos.column && at < text.size(); ++column) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0u) == 0x80u) ++at;
  }
  return at;
}

class Importer {
 public:
  Importer(const RtAppOptions& options, Reporter& reporter)
      : options_(options), reporter_(reporter) {}

  // Counts stand in `report` also when there is an error.
  Scenario Run(const JsonValue& root, std::string_view file, ImportReport& report) {
    scenario_.name = options_.name.empty() ? BaseName(file) : options_.name;
    scenario_.description = "Imported from rt-app.";
    if (root.kind != Kind::kObject) {
      reporter_.Error(Code::kType, root.begin,
                      fmt::format("an object with \"tasks\" wanted, {} found", DescribeJson(root)));
      return {};
    }
    Sections(root);
    if (global_ != nullptr) Global(*global_);
    if (resources_ != nullptr) Resources(*resources_);
    if (tasks_ == nullptr) {
      reporter_.Error(Code::kMissing, root.begin, "there is no section \"tasks\"");
      return {};
    }
    Tasks(*tasks_);
    ThreadReader::CountIn(tasks_->value, report);
    SettleTimers(scenario_);
    CheckReferences(scenario_, reporter_);
    report.operations_added += WriteOutSharedResources(scenario_);
    DeclareFromUse(scenario_);
    SpreadThreads(scenario_);
    MakeNamesLegal(scenario_, reporter_);
    CheckInstances();
    RemarkWithoutEnd(*tasks_);
    report.operations_added += num_added_;
    report.operations_out = CountOperations(scenario_) - report.operations_added;
    return std::move(scenario_);
  }

 private:
  void Sections(const JsonValue& root) {
    for (const JsonMember& member : root.members) {
      const JsonMember** section = nullptr;
      if (member.key == "tasks") section = &tasks_;
      if (member.key == "global") section = &global_;
      if (member.key == "resources") section = &resources_;
      if (section == nullptr) {
        reporter_.NotModelled(member.key_begin, member.key, "rt-app has no such section", false);
      } else if (*section != nullptr) {
        reporter_.Error(Code::kRepeated, member.key_begin,
                        fmt::format("section \"{}\" is given twice", member.key));
      } else {
        *section = &member;
      }
    }
  }

  // ------------------------------------------------------------------------------------ global

  void Global(const JsonMember& section) {
    if (!WantObject(section, "global")) return;
    std::set<std::string> seen;
    for (const JsonMember& member : section.value.members) {
      if (!seen.insert(member.key).second) {
        reporter_.Error(Code::kRepeated, member.key_begin,
                        fmt::format("global.{}: given twice", member.key));
      } else {
        GlobalKey(member);
      }
    }
  }

  void GlobalKey(const JsonMember& member) {
    const std::string path = fmt::format("global.{}", member.key);
    if (member.key == "duration") {
      Duration(member, path);
    } else if (member.key == "default_policy") {
      if (const auto policy = PolicyOf(member, "global", reporter_)) default_policy_ = *policy;
    } else if (member.key == "pi_enabled") {
      PiEnabled(member, path);
    } else if (member.key == "calibration") {
      // MODEL-40.
      reporter_.NotModelled(member.key_begin, path,
                            "nothing is measured, run N is N microseconds of work", false);
    } else if (member.key == "io_device" || member.key == "mem_buffer_size") {
      reporter_.NotModelled(member.key_begin, path, "for mem and iorun, which are not modelled",
                            false);
    } else {
      OtherGlobalKey(member, path);
    }
  }

  void OtherGlobalKey(const JsonMember& member, const std::string& path) {
    for (const auto& [key, reason] : kHarmless) {
      if (member.key != key) continue;
      reporter_.Harmless(member.key_begin, path, std::string(reason));
      return;
    }
    reporter_.NotModelled(member.key_begin, path, "rt-app has no such setting", false);
  }

  void Duration(const JsonMember& member, const std::string& path) {
    if (member.value.kind != Kind::kInteger) {
      WrongType(member.value, "seconds", path);
    } else if (member.value.integer > kMaxSeconds) {
      reporter_.Error(
          Code::kRange, member.value.begin,
          fmt::format("{}: {} s is more than {} s", path, member.value.integer, kMaxSeconds));
    } else if (member.value.integer > 0) {
      // MODEL-46.
      scenario_.until = Time(member.value.integer * 1'000'000'000);
    }
    // 0 and less: until every thread has ended, which is what a scenario without `until` does.
  }

  void PiEnabled(const JsonMember& member, const std::string& path) {
    if (member.value.kind != Kind::kBool) {
      WrongType(member.value, "true or false", path);
    } else if (member.value.boolean) {
      // MODEL-47.
      PolicyChoice choice;
      choice.name = "pi";
      choice.pos = reporter_.PosOf(member.key_begin);
      scenario_.common.lock = std::move(choice);
    }
  }

  // --------------------------------------------------------------------------------- resources

  void Resources(const JsonMember& section) {
    if (section.value.kind == Kind::kInteger) {
      reporter_.NotModelled(section.key_begin, "resources",
                            "a number of resources belongs to rt-app's old grammar", false);
      return;
    }
    if (!WantObject(section, "resources")) return;
    std::set<std::string> mutexes;
    std::set<std::string> condvars;
    for (const JsonMember& member : section.value.members) {
      const std::string path = fmt::format("resources.{}", member.key);
      std::string type = "mutex";
      if (const JsonValue* value = member.value.Find("type")) {
        if (value->kind == Kind::kString) type = value->text;
      }
      if (member.key.empty()) {
        reporter_.Error(Code::kMissing, member.key_begin, "resources: an empty name");
      } else if (type == "mutex") {
        if (mutexes.insert(member.key).second) scenario_.mutexes.push_back(member.key);
      } else if (type == "wait" || type == "signal" || type == "broadcast") {
        if (condvars.insert(member.key).second) scenario_.condvars.push_back(member.key);
      } else {
        reporter_.NotModelled(
            member.key_begin, path,
            fmt::format("a resource of type {} comes from its use", QuoteJson(type)), false);
      }
    }
  }

  // ------------------------------------------------------------------------------------- tasks

  void Tasks(const JsonMember& section) {
    if (!WantObject(section, "tasks")) return;
    const std::vector<JsonMember>& members = section.value.members;
    if (members.empty()) {
      reporter_.Error(Code::kMissing, section.value.begin, "tasks: there is none");
      return;
    }
    for (const JsonMember& member : members) given_names_.insert(member.key);
    ThreadReader reader(default_policy_, reporter_);
    std::vector<Thread> threads;
    for (const JsonMember& member : members) {
      const std::string name = UniqueName(member);
      if (std::optional<Thread> thread = reader.Read(member, name)) {
        threads.push_back(std::move(*thread));
      }
    }
    const int num_cpus = NumCpus(threads);
    scenario_.machine.cpus.assign(static_cast<std::size_t>(num_cpus), CpuSpec{});
    for (Thread& thread : threads) {
      scenario_.tasks.push_back(MakeTask(std::move(thread), num_cpus, num_added_));
    }
  }

  // A name that comes again gets a number, as rt-app's front end does.
  std::string UniqueName(const JsonMember& member) {
    if (member.key.empty()) {
      reporter_.Error(Code::kMissing, member.key_begin, "tasks: an empty name");
      return member.key;
    }
    if (used_names_.insert(member.key).second) return member.key;
    int64_t& number = last_number_[member.key];
    std::string name;
    do {
      name = fmt::format("{}{}", member.key, ++number);
    } while (given_names_.contains(name) || used_names_.contains(name));
    used_names_.insert(name);
    reporter_.Remark(member.key_begin, fmt::format("thread {} comes again and is named {}",
                                                   QuoteJson(member.key), QuoteJson(name)));
    return name;
  }

  int NumCpus(const std::vector<Thread>& threads) {
    int highest = -1;
    for (const Thread& thread : threads) {
      for (const NamedCpu& named : thread.named_cpus) {
        highest = std::max(highest, named.cpu);
        if (options_.cpus && named.cpu >= *options_.cpus) {
          reporter_.Error(
              Code::kCpu, named.offset,
              fmt::format("CPU {} is not among the {} of --cpus", named.cpu, *options_.cpus));
        }
      }
    }
    if (!options_.cpus) return std::max(1, highest + 1);
    if (*options_.cpus >= 1 && *options_.cpus <= kMaxCpus) return *options_.cpus;
    reporter_.Error(Code::kCpu, std::size_t{0},
                    fmt::format("--cpus {}: 1 to {} wanted", *options_.cpus, kMaxCpus));
    return 1;
  }

  // rt-app would run until somebody stops it.
  void RemarkWithoutEnd(const JsonMember& section) {
    if (reporter_.has_errors() || scenario_.until || !RunsForever(scenario_)) return;
    reporter_.Remark(section.key_begin,
                     "threads loop for ever and global.duration sets no end: a run needs `until`");
  }

  // As many tasks as a run can have, and no two of one name: instances are named name-0, name-1 and
  // so on.
  void CheckInstances() {
    int64_t total = 0;
    std::map<std::string, int, std::less<>> instances;
    for (const TaskSpec& task : scenario_.tasks) {
      total += task.instances;
      instances.emplace(task.name, task.instances);
      if (total <= kMaxTasks / 2) continue;
      reporter_.Error(Code::kRange, task.pos,
                      fmt::format("more than {} threads in all", kMaxTasks / 2));
      return;
    }
    for (const TaskSpec& task : scenario_.tasks) {
      const std::size_t dash = task.name.find_last_of('-');
      if (dash == std::string::npos || dash + 1 == task.name.size()) continue;
      const std::string number = task.name.substr(dash + 1);
      if (number.size() > 9 || number.find_first_not_of("0123456789") != std::string::npos ||
          (number[0] == '0' && number.size() > 1)) {
        continue;
      }
      const auto family = instances.find(std::string_view(task.name).substr(0, dash));
      if (family == instances.end() || family->second < 2) continue;
      if (std::stoi(number) >= family->second) continue;
      reporter_.Error(Code::kNameClash, task.pos,
                      fmt::format("{} is also the name of an instance of {}", QuoteJson(task.name),
                                  QuoteJson(family->first)));
    }
  }

  // ------------------------------------------------------------------------------------ common

  bool WantObject(const JsonMember& member, const std::string& path) {
    if (member.value.kind == Kind::kObject) return true;
    WrongType(member.value, "an object", path);
    return false;
  }

  void WrongType(const JsonValue& value, std::string_view wanted, const std::string& path) {
    reporter_.Error(Code::kType, value.begin,
                    fmt::format("{}: {} wanted, {} found", path, wanted, DescribeJson(value)));
  }

  const RtAppOptions& options_;
  Reporter& reporter_;
  Scenario scenario_;
  SchedPolicy default_policy_ = SchedPolicy::kNormal;
  const JsonMember* tasks_ = nullptr;
  const JsonMember* global_ = nullptr;
  const JsonMember* resources_ = nullptr;
  std::set<std::string> given_names_;
  std::set<std::string> used_names_;
  std::map<std::string, int64_t> last_number_;
  int64_t num_added_ = 0;
};

}  // namespace
}  // namespace rtapp

bool LooksLikeRtApp(std::string_view text) {
  if (text.size() > rtapp::kMaxBytes) return false;
  const JsonDocument document = ParseJson(rtapp::MakeStrict(text).json);
  // Up to a mistake the tree is there, which is enough for saying whose mistake it is.
  const JsonValue* tasks = document.root.Find("tasks");
  return tasks != nullptr && tasks->is(JsonValue::Kind::kObject) &&
         document.root.Find("version") == nullptr;
}

std::optional<Scenario> ImportRtApp(std::string_view text, std::string_view file,
                                    const RtAppOptions& options,
                                    std::vector<Diagnostic>& diagnostics, ImportReport* report) {
  ImportReport unwanted;
  ImportReport& filled = report != nullptr ? *report : unwanted;
  filled = {};
  const bool is_too_large = text.size() > rtapp::kMaxBytes;
  const rtapp::StrictText strict = rtapp::MakeStrict(is_too_large ? "" : text);
  rtapp::Reporter reporter(is_too_large ? "" : text, strict, file);
  std::optional<Scenario> scenario;
  if (is_too_large) {
    reporter.Error(rtapp::Code::kSyntax, std::size_t{0},
                   fmt::format("larger than {} bytes", rtapp::kMaxBytes));
  } else if (strict.open_comment) {
    reporter.Error(rtapp::Code::kSyntax, *strict.open_comment,
                   "the comment that begins here has no end");
  } else if (const JsonDocument document = ParseJson(strict.json); document.error) {
    reporter.Error(rtapp::Code::kSyntax, rtapp::OffsetOf(strict.json, document.error->pos),
                   document.error->message);
  } else {
    scenario = rtapp::Importer(options, reporter).Run(document.root, file, filled);
  }
  if (reporter.has_errors()) scenario.reset();
  reporter.Finish(diagnostics, filled);
  for (const NotModelled& item : filled.not_modelled) {
    if (item.is_operation) ++filled.operations_not_modelled;
  }
  return scenario;
}

}  // namespace rqsim
