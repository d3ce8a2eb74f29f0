// The shape of a scenario: which keys an object may have and what may stand behind each. One set of
// tables serves the reader (CheckShape) and the published JSON Schema (ScenarioSchema), so that the
// two cannot disagree. What a key means is not said here.
#ifndef RQSIM_SIM_SCENARIO_SHAPE_H_
#define RQSIM_SIM_SCENARIO_SHAPE_H_

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rqsim/registry.h"
#include "sim/scenario/diagnostics.h"
#include "sim/scenario/json_tree.h"

namespace rqsim {

// What a string looks like.
enum class TextForm : uint8_t { kFree, kName, kCpuList, kCpuNumber };
bool HasForm(std::string_view text, TextForm form);
std::string_view PatternOf(TextForm form);  // as a regular expression; "" for kFree
std::string_view NameOf(TextForm form);     // for messages

// Keys that are notes of the author: `x-...` and `//...`.
bool IsNote(std::string_view key);

struct Shape;

struct KeyShape {
  std::string key;
  const Shape* shape = nullptr;
  std::string doc;
  bool required = false;
};

// Of these keys at least `min` and at most `max` are there.
struct KeyGroup {
  std::vector<std::string> keys;
  int min = 0;
  int max = 1;
};

struct Shape {
  enum class Kind : uint8_t {
    kAny,
    kBool,
    kInteger,      // min..max
    kLength,       // integer min..max, a length with a unit, or one of `words`
    kString,       // of `form`
    kWord,         // one of `words`
    kArray,        // min..max times `item`
    kObject,       // `keys`; with `item`, any other key too
    kMap,          // names of `form` to `item`
    kOneKey,       // an object with one of `keys`
    kChoice,       // one of `choices`, told apart by their JSON types
    kTagged,       // an object whose key `tag` says which of `choices` it is (`words`, same order)
    kNotModelled,  // part of the format, but not of this version
  };
  Kind kind = Kind::kAny;
  std::string name;  // under "definitions" of the schema; "" = written where it is used
  std::string doc;
  int64_t min = INT64_MIN;
  int64_t max = INT64_MAX;
  TextForm form = TextForm::kFree;
  std::vector<std::string> words;
  const Shape* item = nullptr;
  std::vector<KeyShape> keys;
  std::vector<KeyGroup> groups;
  std::vector<const Shape*> choices;
  std::string tag = "name";
  std::string default_tag;  // kTagged: what `tag` is when it is left out; "" = must be there

  const KeyShape* FindKey(std::string_view key) const;
  // Whether a value of that JSON type may have this shape.
  bool Takes(JsonValue::Kind json) const;
};

// Makes shapes and owns them.
class ShapeBook {
 public:
  Shape& New(Shape::Kind kind) {
    Shape& shape = shapes_.emplace_back();
    shape.kind = kind;
    return shape;
  }
  const Shape* Any() { return &New(Shape::Kind::kAny); }
  const Shape* Bool() { return &New(Shape::Kind::kBool); }
  const Shape* Integer(int64_t min, int64_t max);
  // Cycles, at least `min`.
  const Shape* Length(int64_t min, std::vector<std::string> words = {});
  const Shape* String(TextForm form = TextForm::kFree);
  const Shape* Word(std::vector<std::string> words);
  const Shape* Array(const Shape* item, int64_t min = 0, int64_t max = INT64_MAX);
  Shape* Object(std::vector<KeyShape> keys, std::vector<KeyGroup> groups = {});
  const Shape* Map(TextForm form, const Shape* item);
  const Shape* Choice(std::vector<const Shape*> choices);
  const Shape* NotModelled() { return &New(Shape::Kind::kNotModelled); }

 private:
  std::deque<Shape> shapes_;
};

// The shape of a whole scenario with the policies of `registry`.
const Shape* ScenarioShape(ShapeBook& book, const Registry& registry);

// Its parts, each in the file of the part.
const Shape* MachineShape(ShapeBook& book);
const Shape* SchedShape(ShapeBook& book);
const Shape* OpsShape(ShapeBook& book, const Registry& registry, const Shape* sched);
const Shape* TasksShape(ShapeBook& book, const Shape* ops, const Shape* sched, bool kthreads);
const Shape* GroupsShape(ShapeBook& book, const Registry& registry, const Shape* sched);
const Shape* HotplugShape(ShapeBook& book);
const Shape* ActionsShape(ShapeBook& book, const Shape* sched);
const Shape* PolicySetShape(ShapeBook& book, const Registry& registry, const Shape* faults);
const Shape* FaultsShape(ShapeBook& book, const Registry& registry);
const Shape* ChecksShape(ShapeBook& book);
const Shape* AssertsShape(ShapeBook& book);
const Shape* ExpectsShape(ShapeBook& book);

// Reports everything in `value` that has not the shape.
void CheckShape(const JsonValue& value, const Shape& shape, Diagnostics& diagnostics);

}  // namespace rqsim

#endif  // RQSIM_SIM_SCENARIO_SHAPE_H_
