#include "sim/scenario/json_print.h"

#include <cstddef>

namespace rqsim {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kColumns = 100;

// Appends `value` on one line, `{"a": 1, "b": [2, 3]}`; gives up beyond `limit`.
bool PrintLine(const Json& value, std::size_t limit, std::string& out) {
  if (out.size() > limit) return false;
  if (!value.is_structured()) {
    out += value.dump();
    return out.size() <= limit;
  }
  const bool is_object = value.is_object();
  out += is_object ? '{' : '[';
  bool first = true;
  for (const auto& [key, item] : value.items()) {
    if (!first) out += ", ";
    first = false;
    if (is_object) out += Json(key).dump() + ": ";
    if (!PrintLine(item, limit, out)) return false;
  }
  out += is_object ? '}' : ']';
  return out.size() <= limit;
}

void Print(const Json& value, std::size_t indent, std::size_t used, std::string& out) {
  std::string line;
  const std::size_t room = used < kColumns ? kColumns - used : 0;
  // The outermost object is always spread out.
  if (!value.is_structured() || (indent > 0 && PrintLine(value, room, line))) {
    out += value.is_structured() ? line : value.dump();
    return;
  }
  const bool is_object = value.is_object();
  out += is_object ? "{" : "[";
  bool first = true;
  for (const auto& [key, item] : value.items()) {
    out += first ? "\n" : ",\n";
    first = false;
    out.append(indent + 2, ' ');
    const std::string label = is_object ? Json(key).dump() + ": " : "";
    out += label;
    // One column more for the comma.
    Print(item, indent + 2, indent + 2 + label.size() + 1, out);
  }
  out += "\n";
  out.append(indent, ' ');
  out += is_object ? "}" : "]";
}

}  // namespace

std::string PrintJson(const Json& value) {
  std::string out;
  Print(value, 0, 0, out);
  return out + "\n";
}

}  // namespace rqsim
