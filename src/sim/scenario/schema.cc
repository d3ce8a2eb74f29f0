// The shapes as a JSON Schema (draft-07).

#include <nlohmann/json.hpp>
#include <utility>

#include "rqsim/scenario_reader.h"
#include "sim/scenario/shape.h"
#include "sim/scenario/units.h"

namespace rqsim {
namespace {

using Json = nlohmann::ordered_json;
using Kind = Shape::Kind;

constexpr const char* kNotePattern = "^(x-|//)";

class SchemaWriter {
 public:
  Json Definitions() { return std::move(definitions_); }

  // The schema of a shape where it is used.
  Json Use(const Shape& shape) {
    if (shape.name.empty()) return Body(shape);
    if (!definitions_.contains(shape.name)) {
      // Known before its body is written: shapes refer to themselves.
      definitions_[shape.name] = Json::object();
      Json body = Body(shape);
      definitions_[shape.name] = std::move(body);
    }
    return {{"$ref", "#/definitions/" + shape.name}};
  }

  Json Body(const Shape& shape) {
    Json out = Json::object();
    if (!shape.doc.empty()) out["description"] = shape.doc;
    switch (shape.kind) {
      case Kind::kAny:
        break;
      case Kind::kNotModelled:
        out["description"] = "Not modelled in this version.";
        break;
      case Kind::kBool:
        out["type"] = "boolean";
        break;
      case Kind::kInteger:
        AddRange(shape, out);
        break;
      case Kind::kLength:
        out["anyOf"] = Json::array({Json::object(), {{"type", "string"}}});
        AddRange(shape, out["anyOf"][0]);
        out["anyOf"][1]["pattern"] = kLengthPattern;
        if (!shape.words.empty()) out["anyOf"].push_back({{"enum", shape.words}});
        break;
      case Kind::kString:
        out["type"] = "string";
        if (shape.form != TextForm::kFree) out["pattern"] = PatternOf(shape.form);
        break;
      case Kind::kWord:
        AddWords(shape.words, out);
        break;
      case Kind::kArray:
        out["type"] = "array";
        out["items"] = Use(*shape.item);
        if (shape.min > 0) out["minItems"] = shape.min;
        if (shape.max != INT64_MAX) out["maxItems"] = shape.max;
        break;
      case Kind::kObject:
      case Kind::kOneKey:
        AddObject(shape, out);
        break;
      case Kind::kMap:
        AddMap(shape, out);
        break;
      case Kind::kChoice:
        for (const Shape* choice : shape.choices) out["anyOf"].push_back(Use(*choice));
        break;
      case Kind::kTagged:
        AddTagged(shape, out);
        break;
    }
    return out;
  }

 private:
  static void AddRange(const Shape& shape, Json& out) {
    out["type"] = "integer";
    out["minimum"] = shape.min;
    out["maximum"] = shape.max;
  }

  static void AddWords(const std::vector<std::string>& words, Json& out) {
    if (words.empty()) {
      out["not"] = Json::object();
    } else {
      out["enum"] = words;
    }
  }

  void AddObject(const Shape& shape, Json& out) {
    out["type"] = "object";
    out["properties"] = Json::object();
    Json required = Json::array();
    Json one_of = Json::array();
    for (const KeyShape& key : shape.keys) {
      Json value = Use(*key.shape);
      // Beside a $ref nothing counts.
      if (value.contains("$ref")) value = {{"allOf", Json::array({std::move(value)})}};
      if (!key.doc.empty() && !value.contains("description")) value["description"] = key.doc;
      out["properties"][key.key] = std::move(value);
      if (key.required) required.push_back(key.key);
      one_of.push_back({{"required", Json::array({key.key})}});
    }
    out["patternProperties"] = {{kNotePattern, Json::object()}};
    out["additionalProperties"] = shape.item == nullptr ? Json(false) : Use(*shape.item);
    if (!required.empty()) out["required"] = std::move(required);
    if (shape.kind == Kind::kOneKey) out["oneOf"] = std::move(one_of);
    for (const KeyGroup& group : shape.groups) AddGroup(group, out);
  }

  static void AddGroup(const KeyGroup& group, Json& out) {
    Json any = Json::array();
    for (const std::string& key : group.keys) any.push_back({{"required", Json::array({key})}});
    if (group.min > 0) out["allOf"].push_back({{"anyOf", std::move(any)}});
    if (group.max > 1) return;
    for (std::size_t i = 0; i < group.keys.size(); ++i) {
      for (std::size_t j = i + 1; j < group.keys.size(); ++j) {
        out["allOf"].push_back(
            {{"not", {{"required", Json::array({group.keys[i], group.keys[j]})}}}});
      }
    }
  }

  void AddMap(const Shape& shape, Json& out) {
    out["type"] = "object";
    if (shape.form != TextForm::kFree) {
      out["propertyNames"] = {{"anyOf", Json::array({{{"pattern", PatternOf(shape.form)}},
                                                     {{"pattern", kNotePattern}}})}};
    }
    out["patternProperties"] = {{kNotePattern, Json::object()}};
    out["additionalProperties"] = Use(*shape.item);
  }

  void AddTagged(const Shape& shape, Json& out) {
    out["anyOf"] = Json::array();
    for (std::size_t i = 0; i < shape.words.size(); ++i) {
      Json choice = Use(*shape.choices[i]);
      if (shape.words[i] != shape.default_tag) choice["required"].push_back(shape.tag);
      out["anyOf"].push_back(std::move(choice));
    }
    if (out["anyOf"].empty()) out = {{"not", Json::object()}};
  }

  Json definitions_ = Json::object();
};

}  // namespace

std::string ScenarioSchema(const Registry& registry) {
  ShapeBook book;
  const Shape* shape = ScenarioShape(book, registry);
  SchemaWriter writer;
  Json body = writer.Body(*shape);
  Json schema = {{"$schema", "http://json-schema.org/draft-07/schema#"},
                 {"title", "rqsim scenario, version 1"}};
  schema.update(body);
  schema["definitions"] = writer.Definitions();
  return schema.dump(2) + "\n";
}

}  // namespace rqsim
