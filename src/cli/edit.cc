#include "cli/edit.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace rqsim {
namespace {

using Json = nlohmann::ordered_json;

// "tasks.bc.ops[1].run" in its parts: tasks, bc, ops, 1, run.
std::vector<std::string> PartsOf(std::string_view path) {
  std::vector<std::string> parts;
  std::string part;
  const auto finish = [&] {
    if (!part.empty()) parts.push_back(part);
    part.clear();
  };
  for (const char c : path) {
    if (c == '.' || c == '[' || c == ']') {
      finish();
    } else {
      part += c;
    }
  }
  finish();
  return parts;
}

std::optional<std::size_t> IndexOf(const std::string& part) {
  if (part.empty() || part.size() > 6) return std::nullopt;
  std::size_t index = 0;
  for (const char c : part) {
    if (c < '0' || c > '9') return std::nullopt;
    index = index * 10 + static_cast<std::size_t>(c - '0');
  }
  return index;
}

// The element of that name, or null.
Json* Named(Json& list, const std::string& wanted) {
  for (Json& element : list) {
    if (!element.is_object()) continue;
    const auto name = element.find("name");
    if (name != element.end() && name->is_string() && *name == wanted) return &element;
  }
  return nullptr;
}

// How many parts from `first` on are one name that `here` has, dots and all, the longest there is:
// "proxy-7", "2" is proxy-7.2 where there is one. 1 if none is.
std::size_t PartsOfName(Json& here, const std::vector<std::string>& parts, std::size_t first) {
  std::string name;
  std::size_t count = 1;
  for (std::size_t next = first; next < parts.size(); ++next) {
    name += (next == first ? "" : ".") + parts[next];
    const bool is_there =
        here.is_array() ? Named(here, name) != nullptr : here.is_object() && here.contains(name);
    if (is_there) count = next + 1 - first;
  }
  return count;
}

// The element of a list that `part` means: by its name, or by its index.
Json* ElementOf(Json& list, const std::string& part) {
  if (Json* named = Named(list, part)) return named;
  const auto index = IndexOf(part);
  return index && *index < list.size() ? &list[*index] : nullptr;
}

// Goes along `parts`; a last key, or missing objects on the way to it, are made.
Json* Place(Json& document, const std::vector<std::string>& parts, std::string& error) {
  Json* here = &document;
  std::string walked;
  for (std::size_t i = 0; i < parts.size();) {
    std::string part = parts[i];
    for (std::size_t end = i + PartsOfName(*here, parts, i); ++i < end;) part += "." + parts[i];
    const std::string where = walked.empty() ? "the scenario" : walked;
    walked += (walked.empty() ? "" : ".") + part;
    if (here->is_array()) {
      here = ElementOf(*here, part);
      if (here == nullptr) {
        error = fmt::format("{} has no element {}", where, part);
        return nullptr;
      }
    } else if (here->is_object() || here->is_null()) {
      here = &(*here)[part];
    } else {
      error = fmt::format("{} is neither an object nor a list", where);
      return nullptr;
    }
  }
  return here;
}

}  // namespace

std::optional<std::string> EditScenario(std::string_view text,
                                        const std::vector<std::string>& edits, std::string& error) {
  Json document = Json::parse(text, nullptr, /*allow_exceptions=*/false, /*ignore_comments=*/true);
  if (!document.is_object()) {
    error = "the scenario is not a JSON object";
    return std::nullopt;
  }
  for (const std::string& edit : edits) {
    const std::size_t equals = edit.find('=');
    const std::vector<std::string> parts =
        PartsOf(std::string_view(edit).substr(0, std::min(equals, edit.size())));
    if (equals == std::string::npos || parts.empty()) {
      error = fmt::format("`{}` is not PATH=VALUE", edit);
      return std::nullopt;
    }
    Json* const place = Place(document, parts, error);
    if (place == nullptr) {
      error = fmt::format("--set {}: {}", edit, error);
      return std::nullopt;
    }
    const std::string value = edit.substr(equals + 1);
    Json parsed = Json::parse(value, nullptr, false);
    *place = parsed.is_discarded() ? Json(value) : std::move(parsed);
  }
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace rqsim
