// The key `check`: what checkers report beyond what must never be, and the predicates over the
// trace that a scenario adds to theirs.
#include <fmt/format.h>

#include "sim/scenario/read_context.h"
#include "sim/scenario/shape.h"

namespace rqsim {

namespace {
using Kind = JsonValue::Kind;
}  // namespace

const Shape* ChecksShape(ShapeBook& book) {
  const Shape* pattern = book.String();
  Shape* extra = book.Object(
      {{"name", book.String(TextForm::kName), "what reports call it", true},
       {"never", pattern, "no event matches this, from `after` until `before`"},
       {"comes", pattern, "an event that matches this comes within `within` of each `after`"},
       {"within", book.Length(0), "cycles after the event"},
       {"after", pattern, "never: from such an event on (default: the start); comes: after each"},
       {"before", pattern, "never: until such an event (default: the end)"}},
      {{{"never", "comes"}, 1, 1}});
  extra->name = "extra_invariant";
  return book.Object({{"rt_topn", book.Word({"measure", "strict"}),
                       "the most important real-time contexts do not execute: counted in "
                       "rt_violation_cycles, or also a violation (PX-I9)"},
                      {"extra_invariants", book.Array(extra),
                       "further predicates over the trace; one that does not hold is a violation "
                       "(HP-Rn)"}});
}

void ReadChecks(ReadContext& context, const JsonValue& value) {
  std::string word;
  ReadContext::ReadText(value, "rt_topn", word);
  context.scenario.check.rt_topn_strict = word == "strict";
  const JsonValue* const list = ReadContext::Get(value, "extra_invariants", Kind::kArray);
  if (list == nullptr) return;
  for (const JsonValue& item : list->items) {
    ExtraInvariant extra;
    extra.pos = item.pos;
    ReadContext::ReadText(item, "name", extra.name);
    ReadContext::ReadText(item, "never", extra.never);
    ReadContext::ReadText(item, "comes", extra.comes);
    ReadContext::ReadText(item, "after", extra.after);
    ReadContext::ReadText(item, "before", extra.before);
    const auto within = context.LengthAt(item, "within");
    extra.within = Cycles(within.value_or(0));
    for (const char* key : {"never", "comes", "after", "before"}) {
      const JsonValue* const text = ReadContext::Get(item, key, Kind::kString);
      if (text == nullptr || text->text.find_first_not_of(" \t") != std::string::npos) continue;
      context.diagnostics.Error(ErrorCode::kExpectForm, *text,
                                fmt::format("`{}` names no event", key),
                                "as in `expect`: hotplug_mask cpu=1 mask=0 on=0");
    }
    const bool comes = item.is(Kind::kObject) && item.Find("comes") != nullptr;
    if (comes && (item.Find("after") == nullptr || item.Find("within") == nullptr)) {
      context.diagnostics.Error(ErrorCode::kExpectForm, item,
                                "`comes` needs the keys `after` and `within`");
    }
    if (comes && item.Find("before") != nullptr) {
      context.diagnostics.Error(ErrorCode::kExpectForm, *item.Find("before"),
                                "`before` goes with `never`; `comes` has `within`");
    }
    context.scenario.check.extra_invariants.push_back(std::move(extra));
  }
}

}  // namespace rqsim
