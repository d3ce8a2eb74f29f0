#include "cli/compare_json.h"

#include <nlohmann/json.hpp>

#include "cli/result_json.h"

namespace rqsim {
namespace {

using Json = nlohmann::ordered_json;

Json ThingJson(const ComparedThing& thing) {
  Json metrics = Json::object();
  for (const ComparedMetric& metric : thing.metrics) {
    Json values = Json::array();
    for (const std::optional<int64_t>& value : metric.values) {
      values.push_back(value ? Json(*value) : Json(nullptr));
    }
    metrics[metric.name] = std::move(values);
  }
  Json out = Json::object();
  if (!thing.name.empty()) out["name"] = thing.name;
  out["differs"] = thing.differs;
  out["metrics"] = std::move(metrics);
  return out;
}

Json ThingsJson(const std::vector<ComparedThing>& things) {
  Json out = Json::array();
  for (const ComparedThing& thing : things) out.push_back(ThingJson(thing));
  return out;
}

Json DivergenceJson(const Divergence& divergence) {
  Json out = Json::object();
  out["at"] = divergence.at.cycles();
  out["cpu"] = divergence.cpu.valid() ? Json(divergence.cpu.value()) : Json(nullptr);
  out["cause"] = divergence.cause;
  out["baseline"] = divergence.baseline;
  out["other"] = divergence.other;
  out["common"] = divergence.common;
  out["baseline_next"] = divergence.baseline_next;
  out["other_next"] = divergence.other_next;
  return out;
}

Json SetJson(const SetComparison& set) {
  Json out = Json::object();
  out["policy"] = set.policy;
  out["same_schedule"] = set.same_schedule;
  out["divergence"] = set.divergence ? DivergenceJson(*set.divergence) : Json(nullptr);
  out["differing"] = {{"start", set.differing.start.cycles()}, {"end", set.differing.end.cycles()}};
  Json cpus = Json::array();
  for (const CpuDifference& cpu : set.cpus) {
    Json spans = Json::array();
    for (const TimeSpan& span : cpu.spans) {
      spans.push_back(Json::array({span.start.cycles(), span.end.cycles()}));
    }
    cpus.push_back({{"cpu", cpu.cpu.value()}, {"cycles", cpu.cycles.count()}, {"spans", spans}});
  }
  out["cpus"] = std::move(cpus);
  return out;
}

}  // namespace

std::string CompareJson(const Comparison& comparison) {
  Json out = Json::object();
  out["scenario"] = comparison.scenario;
  out["clock_hz"] = comparison.clock_hz;
  out["baseline"] = comparison.results.front().policy;
  Json policies = Json::array();
  for (const Result& result : comparison.results) policies.push_back(result.policy);
  out["policies"] = std::move(policies);
  Json remarks = Json::array();
  for (const Remark& remark : comparison.remarks) {
    remarks.push_back({{"policy", remark.policy}, {"text", remark.text}});
  }
  out["remarks"] = std::move(remarks);
  out["differs"] = comparison.differs();
  out["why_same"] = comparison.why_same;
  out["complete"] = comparison.complete;
  Json against = Json::array();
  for (const SetComparison& set : comparison.against) against.push_back(SetJson(set));
  out["against"] = std::move(against);
  out["tasks"] = ThingsJson(comparison.tasks);
  out["locks"] = ThingsJson(comparison.locks);
  out["cpus"] = ThingsJson(comparison.cpus);
  out["run"] = ThingJson(comparison.run);
  Json results = Json::array();
  for (const Result& result : comparison.results) results.push_back(ResultTree(result));
  out["results"] = std::move(results);
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace rqsim
