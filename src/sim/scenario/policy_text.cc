// A policy set from the command line. The text becomes the same tree a file would have given, with
// the text's own columns, and goes the same way.
//
//   lock=mutex,services=a+b,class=fifo          implementations
//   lock=mutex:spin=false:handoff=always        with parameters
//   placement=wake=prev                         parameters of the only one there is

#include <algorithm>
#include <utility>

#include "sim/scenario/read_context.h"
#include "sim/scenario/shape.h"

namespace rqsim {
namespace {

using Kind = JsonValue::Kind;

// A part of the text with its place in it.
struct Part {
  std::string_view text;
  std::size_t begin = 0;

  // Takes what stands before the first `separator`, or everything.
  Part Take(char separator) {
    const std::size_t found = std::min(text.find(separator), text.size());
    const Part taken = {text.substr(0, found), begin};
    const std::size_t used = std::min(found + 1, text.size());
    text.remove_prefix(used);
    begin += used;
    return taken;
  }
};

SourcePos PosOf(std::size_t index) { return {1, static_cast<int>(index) + 1}; }

JsonValue ValueOf(const Part& part, Kind kind) {
  JsonValue value;
  value.kind = kind;
  value.pos = PosOf(part.begin);
  value.begin = part.begin;
  value.end = part.begin + part.text.size();
  return value;
}

JsonMember MemberOf(const Part& key, JsonValue value) {
  JsonMember member;
  member.key = std::string(key.text);
  member.key_pos = PosOf(key.begin);
  member.key_begin = key.begin;
  member.value = std::move(value);
  return member;
}

// true, false, a whole number, or a string.
JsonValue Scalar(const Part& part) {
  const bool is_number =
      !part.text.empty() && part.text.size() <= 18 &&
      std::all_of(part.text.begin(), part.text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (is_number) {
    JsonValue value = ValueOf(part, Kind::kInteger);
    for (const char c : part.text) value.integer = value.integer * 10 + (c - '0');
    return value;
  }
  if (part.text == "true" || part.text == "false") {
    JsonValue value = ValueOf(part, Kind::kBool);
    value.boolean = part.text == "true";
    return value;
  }
  JsonValue value = ValueOf(part, Kind::kString);
  value.text = std::string(part.text);
  return value;
}

class SetParser {
 public:
  explicit SetParser(const Registry& registry) : registry_(registry) {}

  JsonValue Parse(std::string_view text) {
    Part rest = {text, 0};
    JsonValue root = ValueOf(rest, Kind::kObject);
    while (!rest.text.empty()) {
      Part item = rest.Take(',');
      const Part key = item.Take('=');
      root.members.push_back(MemberOf(key, Choices(key.text, item)));
    }
    return root;
  }

 private:
  JsonValue Choices(std::string_view key, Part text) {
    if (key == "preset") return Scalar(text);
    if (key != "services") return Choice(key, text);
    JsonValue list = ValueOf(text, Kind::kArray);
    while (!text.text.empty()) list.items.push_back(Choice(key, text.Take('+')));
    return list;
  }

  // NAME or NAME:param=value:param=value; the name may be left out.
  JsonValue Choice(std::string_view key, Part text) {
    const Part whole = text;
    if (text.text.find(':') == std::string_view::npos &&
        text.text.find('=') == std::string_view::npos) {
      JsonValue name = ValueOf(text, Kind::kString);
      name.text = std::string(text.text);
      return name;
    }
    JsonValue object = ValueOf(whole, Kind::kObject);
    std::string_view policy;
    bool is_first = true;
    while (!text.text.empty()) {
      Part item = text.Take(':');
      if (is_first && item.text.find('=') == std::string_view::npos) {
        policy = item.text;
        JsonValue name = ValueOf(item, Kind::kString);
        name.text = std::string(policy);
        const Part name_key = {
            NameKeyOf(key == "placement" ? Seam::kPlacement : Seam::kLockProtocol), item.begin};
        object.members.push_back(MemberOf(name_key, std::move(name)));
      } else {
        const Part param = item.Take('=');
        object.members.push_back(MemberOf(param, Param(key, policy, param.text, item)));
      }
      is_first = false;
    }
    return object;
  }

  JsonValue Param(std::string_view key, std::string_view policy, std::string_view param,
                  Part text) {
    if (!IsListParam(registry_, key, policy, param)) return Scalar(text);
    JsonValue list = ValueOf(text, Kind::kArray);
    while (!text.text.empty()) {
      const Part word = text.Take('+');
      JsonValue item = ValueOf(word, Kind::kString);
      item.text = std::string(word.text);
      list.items.push_back(std::move(item));
    }
    return list;
  }

  const Registry& registry_;
};

}  // namespace

std::optional<PolicySet> ParsePolicySet(std::string_view text, std::vector<Diagnostic>& diagnostics,
                                        const Registry& registry) {
  Diagnostics found(text, "policy set");
  const JsonValue root = SetParser(registry).Parse(text);
  found.SetRoot(&root);
  ShapeBook book;
  const Shape* shape = PolicySetShape(book, registry, FaultsShape(book, registry));
  CheckShape(root, *shape, found);
  Scenario scenario;
  scenario.machine.cpus.clear();  // not known here: no CPU is one too many
  ReadContext context(found, registry, scenario);
  PolicySet set;
  ReadPolicySet(context, root, set);
  set.name = std::string(text);
  set.pos = SourcePos();
  const bool has_errors = found.has_errors();
  found.Finish(diagnostics);
  if (has_errors) return std::nullopt;
  return set;
}

}  // namespace rqsim
