#include "cli/result_schema.h"

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <utility>

#include "rqsim/expect.h"
#include "rqsim/result.h"
#include "sim/views/result_fields.h"

namespace rqsim {
namespace {

using Json = nlohmann::ordered_json;
using Properties = std::initializer_list<std::pair<const char*, Json>>;

Json Integer() { return {{"type", "integer"}}; }
Json Count() { return {{"type", "integer"}, {"minimum", 0}}; }
Json Text() { return {{"type", "string"}}; }
Json Boolean() { return {{"type", "boolean"}}; }
Json Hex() { return {{"type", "string"}, {"pattern", "^[0-9a-f]{16}$"}}; }
Json OrNull(const char* type) { return {{"type", Json::array({type, "null"})}}; }
Json ListOf(Json items) { return {{"type", "array"}, {"items", std::move(items)}}; }
Json NumbersByName() { return {{"type", "object"}, {"additionalProperties", Integer()}}; }

// Every property is required and there is no other.
Json Object(Properties properties) {
  Json required = Json::array();
  Json all = Json::object();
  for (const auto& [name, schema] : properties) {
    required.push_back(name);
    all[name] = schema;
  }
  return {{"type", "object"},
          {"properties", std::move(all)},
          {"required", std::move(required)},
          {"additionalProperties", false}};
}

// What `more` says after the plain numbers of a part.
template <class Thing, std::size_t N>
Json PartSchema(Properties first, const ResultField<Thing> (&fields)[N], Properties more) {
  Json schema = Object(first);
  const auto add = [&schema](std::string_view name, Json property) {
    schema["required"].push_back(name);
    schema["properties"][std::string(name)] = std::move(property);
  };
  for (const ResultField<Thing>& field : fields) add(field.name(), Count());
  for (const auto& [name, property] : more) add(name, property);
  return schema;
}

Json DistributionSchema() { return PartSchema({}, kDistributionFields, {}); }

Json TaskSchema() {
  const Json wait = Object({{"cause", Text()}, {"cycles", Count()}, {"voluntary", Boolean()}});
  Json schema = PartSchema(
      {{"name", Text()}, {"id", Count()}, {"kthread", Boolean()}, {"finish", OrNull("integer")}},
      kTaskFields,
      {{"response", DistributionSchema()},
       {"wakeup_latency", DistributionSchema()},
       {"waits", ListOf(wait)}});
  schema["properties"]["metrics"] = NumbersByName();
  return schema;
}

Json DomainSchema() {
  const Json counts = PartSchema({}, kBalanceFields, {});
  return PartSchema({{"name", Text()}}, kDomainFields,
                    {{"busy", counts}, {"idle", counts}, {"newly_idle", counts}});
}

Json CpuSchema() {
  return PartSchema({{"id", Count()}}, kCpuFields,
                    {{"overhead", NumbersByName()}, {"domains", ListOf(DomainSchema())}});
}

Json LockSchema() {
  const Json acquired = {{"type", "array"},
                         {"items", Json::array({Count(), Text()})},
                         {"minItems", 2},
                         {"maxItems", 2}};
  return PartSchema({{"name", Text()}}, kLockFields,
                    {{"wait", DistributionSchema()},
                     {"hold", DistributionSchema()},
                     {"acquired", ListOf(acquired)}});
}

Json OutcomeSchema() {
  Json names = Json::array();
  for (const Outcome outcome :
       {Outcome::kDone, Outcome::kUntil, Outcome::kDeadlock, Outcome::kLivelock, Outcome::kLimit,
        Outcome::kViolation, Outcome::kKilled}) {
    names.push_back(OutcomeName(outcome));
  }
  return {{"enum", std::move(names)}};
}

}  // namespace

std::string ResultSchema() {
  Json schema = {{"$schema", "http://json-schema.org/draft-07/schema#"},
                 {"title", "rqsim result"},
                 {"description",
                  "What `rqsim run --json` writes. Integers are cycles unless they "
                  "count something."}};
  const Json document = Object({{"schema_version", Json{{"const", kResultSchemaVersion}}},
                                {"model_version", Count()},
                                {"scenario", Object({{"name", Text()}, {"hash", Hex()}})},
                                {"clock_hz", Count()},
                                {"policy", Text()},
                                {"outcome", OutcomeSchema()},
                                {"end_cycles", Count()},
                                {"events", Count()},
                                {"digest", Hex()},
                                {"schedule_digest", Hex()},
                                {"message", Text()},
                                {"violations", ListOf(Object({{"id", Text()},
                                                              {"at", Count()},
                                                              {"cpu", OrNull("integer")},
                                                              {"task", OrNull("string")},
                                                              {"lock", OrNull("string")},
                                                              {"message", Text()}}))},
                                {"tasks", ListOf(TaskSchema())},
                                {"cpus", ListOf(CpuSchema())},
                                {"locks", ListOf(LockSchema())},
                                {"metrics", NumbersByName()}});
  schema.update(document);
  schema["properties"]["timeline"] =
      ListOf(Object({{"cpu", Count()},
                     {"start", Count()},
                     {"end", Count()},
                     {"kind", Json{{"enum", Json::array({"idle", "offline", "task"})}}},
                     {"curr", OrNull("string")},
                     {"donor", OrNull("string")}}));
  schema["properties"]["dispatches"] =
      ListOf(Object({{"cpu", Count()},
                     {"task", Text()},
                     {"woken", OrNull("integer")},
                     {"start", Count()},
                     {"end", OrNull("integer")},
                     {"state", Json{{"type", "string"}, {"minLength", 1}, {"maxLength", 1}}}}));
  schema["properties"]["chains"] = ListOf(Object({{"cpu", Count()},
                                                  {"start", Count()},
                                                  {"end", Count()},
                                                  {"tasks", ListOf(Text())},
                                                  {"locks", ListOf(Text())},
                                                  {"overrun", Json{{"type", "boolean"}}}}));
  schema["properties"]["lock_waits"] = ListOf(Object({{"lock", Text()},
                                                      {"task", Text()},
                                                      {"owner", OrNull("string")},
                                                      {"start", Count()},
                                                      {"end", OrNull("integer")},
                                                      {"result", Json{{"type", "integer"}}}}));
  schema["properties"]["lock_passings"] =
      ListOf(Object({{"at", Count()},
                     {"lock", Text()},
                     {"kind", Json{{"enum", Json::array({"steal", "flag", "donor", "always"})}}},
                     {"from", OrNull("string")},
                     {"to", OrNull("string")}}));
  schema["properties"]["kthread_masks"] =
      ListOf(Object({{"task", Text()}, {"at", Count()}, {"cpus", Text()}}));
  schema["properties"]["pairings"] = ListOf(Object({{"task", Text()},
                                                    {"cpu", Count()},
                                                    {"set", Count()},
                                                    {"let_in", OrNull("integer")},
                                                    {"cleared", OrNull("integer")},
                                                    {"times", Count()},
                                                    {"aborts", Count()},
                                                    {"commits", Count()},
                                                    {"ipis", Count()},
                                                    {"soak", Count()}}));
  schema["properties"]["umcg_spans"] =
      ListOf(Object({{"kind", Json{{"enum", Json::array({"word", "list"})}}},
                     {"task", Text()},
                     {"group", OrNull("string")},
                     {"start", Count()},
                     {"end", Count()},
                     {"what", Text()},
                     {"order", Count()}}));
  schema["properties"]["umcg_handoffs"] = ListOf(Object({{"at", Count()},
                                                         {"kind", Text()},
                                                         {"from", Text()},
                                                         {"to", Text()},
                                                         {"first_cycle", Count()}}));
  const Json integer{{"type", "integer"}};
  schema["properties"]["hotplug"] = ListOf(Object(
      {{"id", Count()},
       {"cpu", OrNull("integer")},
       {"target", integer},
       {"requested", Count()},
       {"locked", OrNull("integer")},
       {"done", OrNull("integer")},
       {"result", integer},
       {"rolled_back", Json{{"type", "boolean"}}},
       {"grace", Count()},
       {"inactive", Count()},
       {"pushed", Count()},
       {"push", Count()},
       {"kthreads", Count()},
       {"steps", ListOf(Object({{"cpu", OrNull("integer")},
                                {"start", Count()},
                                {"end", Count()},
                                {"what", Text()},
                                {"result", integer}}))},
       {"windows", ListOf(Object({{"cpu", Count()}, {"cycles", Count()}}))},
       {"moves",
        ListOf(Object({{"task", Text()}, {"from", Count()}, {"to", Count()}, {"at", Count()}}))},
       {"duties", ListOf(Object({{"from", Count()}, {"to", Count()}, {"at", Count()}}))}}));
  return schema.dump(2) + "\n";
}

}  // namespace rqsim
