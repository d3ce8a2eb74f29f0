// rqsim list: what there is to write into a scenario, and what comes out of one.
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/files.h"
#include "cli/units.h"
#include "rqsim/faults.h"
#include "rqsim/metrics.h"
#include "rqsim/ops.h"
#include "rqsim/registry.h"
#include "rqsim/scenario_reader.h"
#include "sim/scenario/read_context.h"
#include "sim/views/event_table.h"
#include "sim/views/report_json.h"

namespace rqsim {
namespace {

using Json = nlohmann::ordered_json;

// Rows of named cells; the first is the name.
struct Listing {
  std::vector<const char*> columns;
  std::vector<std::vector<std::string>> rows;
};

std::string ListingText(const Listing& listing) {
  std::vector<std::size_t> widths(listing.columns.size());
  for (const auto& row : listing.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Columns(row[i]));
  }
  std::string text;
  for (const auto& row : listing.rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (widths[i] == 0) continue;
      line += i + 1 == row.size() ? row[i] : PadRight(row[i], widths[i] + 2);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string ListingJson(const Listing& listing) {
  Json out = Json::array();
  for (const auto& row : listing.rows) {
    Json one = Json::object();
    for (std::size_t i = 0; i < row.size(); ++i) one[listing.columns[i]] = row[i];
    out.push_back(std::move(one));
  }
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string DefaultText(const ParamInfo& param) {
  switch (param.kind) {
    case ParamKind::kInteger:
    case ParamKind::kCpu:
      return std::to_string(param.default_value);
    case ParamKind::kCycles:
      return fmt::format("{}{}", param.default_value, param.ns ? "ns" : "");
    case ParamKind::kBool:
      return param.default_value != 0 ? "true" : "false";
    case ParamKind::kEnum:
    case ParamKind::kStringList:
      return std::string(param.default_text);
  }
  return "";
}

void AddParams(Listing& out, std::string_view owner, std::span<const ParamInfo> params) {
  for (const ParamInfo& param : params) {
    out.rows.push_back({"", fmt::format("  {}.{}", owner, param.name),
                        fmt::format("{} (default {}{}{})", param.summary, DefaultText(param),
                                    param.allowed.empty() ? "" : "; of ", param.allowed)});
  }
}

Listing Policies() {
  Listing out{{"seam", "name", "summary"}, {}};
  const Registry& registry = Registry::BuiltIn();
  for (const ClassStack& stack : registry.stacks()) {
    out.rows.push_back({"class", std::string(stack.name), std::string(stack.summary)});
    for (const std::string_view name : stack.classes) {
      const RegistryEntry* entry = registry.Find(Seam::kSchedClass, name);
      if (entry != nullptr) AddParams(out, name, entry->info->params);
    }
  }
  AddParams(out, "class", ClassStackParams());
  for (const RegistryEntry& entry : registry.entries()) {
    if (entry.info->seam == Seam::kSchedClass) continue;
    std::string name(entry.info->name);
    if (!entry.alias.empty()) name += fmt::format(" ({})", entry.alias);
    out.rows.push_back(
        {std::string(SeamName(entry.info->seam)), name, std::string(entry.info->summary)});
    AddParams(out, entry.info->name, entry.info->params);
  }
  return out;
}

Listing Ops() {
  Listing out{{"name", "form", "mode", "syscall", "effect"}, {}};
  for (const OpInfo& op : OpTable()) {
    out.rows.push_back({std::string(op.name), std::string(op.form), std::string(op.mode),
                        op.pays_syscall ? "syscall" : "-", std::string(op.effect)});
  }
  for (const RegistryEntry& entry : Registry::BuiltIn().entries()) {
    for (const ServiceOpInfo& op : entry.info->ops) {
      // Protocols that share an operation give it the same meaning.
      const auto same = [&](const auto& row) { return row.front() == op.name; };
      if (std::any_of(out.rows.begin(), out.rows.end(), same)) continue;
      out.rows.push_back({std::string(op.name), fmt::format("{{\"{}\": …}}", op.name), "kernel",
                          op.pays_syscall ? "syscall" : "-",
                          fmt::format("{} ({})", op.summary, entry.info->name)});
    }
  }
  return out;
}

Listing Faults() {
  Listing out{{"name", "caught_by", "summary"}, {}};
  for (const MachineFault& fault : MachineFaults()) {
    out.rows.push_back({std::string(fault.info.name), std::string(fault.info.caught_by),
                        std::string(fault.info.summary)});
  }
  for (const RegistryEntry& entry : Registry::BuiltIn().entries()) {
    for (const FaultInfo& fault : entry.info->faults) {
      out.rows.push_back(
          {std::string(fault.name), std::string(fault.caught_by), std::string(fault.summary)});
    }
  }
  std::sort(out.rows.begin(), out.rows.end());
  out.rows.erase(std::unique(out.rows.begin(), out.rows.end()), out.rows.end());
  out.rows.push_back({"window", "",
                      "holds whoever comes to `at`, a window below or POLICY.STEP, for `hold` "
                      "cycles or `until` an instant"});
  for (const WindowInfo& window : Windows()) {
    out.rows.push_back({fmt::format("  {}", window.name), "", std::string(window.summary)});
  }
  return out;
}

Listing Metrics() {
  Listing out{{"of", "name", "unit", "summary"}, {}};
  static constexpr const char* kOf[] = {"task", "lock", "cpu", "run"};
  static constexpr const char* kUnit[] = {"cycles", "instant", "count"};
  for (const MetricRow& row : MetricTable()) {
    out.rows.push_back({kOf[static_cast<std::size_t>(row.of)], std::string(row.name),
                        kUnit[static_cast<std::size_t>(row.unit)], std::string(row.summary)});
  }
  for (const RegistryEntry& entry : Registry::BuiltIn().entries()) {
    for (const MetricInfo& metric : entry.info->metrics) {
      out.rows.push_back({"run", std::string(metric.name), "", std::string(metric.summary)});
    }
  }
  return out;
}

Listing Events() {
  Listing out{{"name", "origin", "fields", "summary"}, {}};
  for (const EventRow& row : EventTable()) {
    std::string fields;
    for (const EventField& field : row.fields) {
      fields += (fields.empty() ? "" : " ") + std::string(field.name);
    }
    out.rows.push_back({std::string(row.name), row.in_kernel ? "kernel" : "model", fields,
                        std::string(row.summary)});
  }
  for (const RegistryEntry& entry : Registry::BuiltIn().entries()) {
    for (const EventInfo& event : entry.info->events) {
      std::string fields;
      for (const EventFieldInfo& field : event.fields) {
        fields += (fields.empty() ? "" : " ") + std::string(field.name);
      }
      out.rows.push_back({std::string(event.name), std::string(entry.info->name), fields,
                          std::string(event.summary)});
    }
  }
  return out;
}

Listing Costs() {
  Listing out{{"name", "x86_like", "summary"}, {}};
  for (const CostField& cost : CostFields()) {
    out.rows.push_back(
        {std::string(cost.name), fmt::format("{}ns", cost.x86_like_ns), std::string(cost.doc)});
    if (cost.name == "c_syscall") {
      out.rows.push_back({"c_exit", "100ns", "before its exit; c_syscall when it is not given"});
    }
  }
  return out;
}

Listing Views() {
  Listing out{{"name", "summary"}, {}};
  for (const ReportView& view : ReportViews()) {
    out.rows.push_back({std::string(view.name), std::string(view.summary)});
  }
  return out;
}

// Scenarios below a folder, with what they say about themselves.
bool Scenarios(const std::string& folder, Listing& out, Terminal& terminal) {
  namespace fs = std::filesystem;
  out.columns = {"file", "name", "policies", "description"};
  std::vector<std::string> files;
  std::error_code error;
  for (fs::recursive_directory_iterator i(folder, error), end; !error && i != end;
       i.increment(error)) {
    const std::string path = i->path().string();
    const std::string extension = i->path().extension().string();
    if ((extension == ".json" || extension == ".jsonc") && !path.ends_with(".golden.json")) {
      files.push_back(path);
    }
  }
  if (error) {
    terminal.Error(fmt::format("cannot read {}: {}", folder, error.message()));
    return false;
  }
  std::sort(files.begin(), files.end());
  for (const std::string& file : files) {
    const auto text = ReadWhole(file, terminal);
    if (!text) return false;
    std::vector<Diagnostic> diagnostics;
    const auto scenario = ReadScenario(*text, file, diagnostics);
    if (!scenario) {
      out.rows.push_back({file, "", "", "(not valid: rqsim check says why)"});
      continue;
    }
    std::string sets;
    for (const PolicySet& set : scenario->policies) sets += (sets.empty() ? "" : " ") + set.name;
    out.rows.push_back({file, scenario->name, sets, scenario->description});
  }
  return true;
}

class ListCommand final : public Command {
 public:
  const char* name() const override { return "list"; }
  const char* summary() const override {
    return "say what there is: policies, operations, metrics …";
  }
  const char* examples() const override {
    return "  rqsim list policies\n  rqsim list ops --json\n  rqsim list scenarios "
           "scenarios/tutorial";
  }
  void Declare(CLI::App& app) override {
    app.add_option("WHAT", what_, "policies, ops, faults, metrics, events, costs, views, scenarios")
        ->required()
        ->check(CLI::IsMember({"policies", "ops", "faults", "metrics", "events", "costs", "views",
                               "scenarios"})
                    .description(""));
    app.add_option("FOLDER", folder_, "where scenarios are looked for")->capture_default_str();
    app.add_flag("--json", json_, "as JSON");
  }
  int Execute(Terminal& terminal) override {
    Listing listing;
    if (what_ == "policies") listing = Policies();
    if (what_ == "ops") listing = Ops();
    if (what_ == "faults") listing = Faults();
    if (what_ == "metrics") listing = Metrics();
    if (what_ == "events") listing = Events();
    if (what_ == "costs") listing = Costs();
    if (what_ == "views") listing = Views();
    if (what_ == "scenarios" && !Scenarios(folder_, listing, terminal)) return kExitFile;
    terminal.Out(json_ ? ListingJson(listing) : ListingText(listing));
    return kExitFine;
  }

 private:
  std::string what_, folder_ = "scenarios";
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeListCommand() { return std::make_unique<ListCommand>(); }

}  // namespace rqsim
