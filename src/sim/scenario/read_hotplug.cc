// The key `hotplug`: what is asked of the hotplug service, and when.

#include <fmt/format.h>

#include <algorithm>

#include "sim/scenario/read_context.h"
#include "sim/scenario/shape.h"

namespace rqsim {

namespace {
using Kind = JsonValue::Kind;
}  // namespace

const Shape* HotplugShape(ShapeBook& book) {
  const Shape* number = book.Integer(0, kMaxCpus - 1);
  Shape* entry = book.Object(
      {{"at", book.Length(0), "when", true},
       {"cpu", book.Choice({number, book.String(TextForm::kCpuList)}),
        "which CPU; several come up in parallel"},
       {"to", book.Choice({book.String(), book.Integer(0, 236)}),
        "offline, online, a state of the service, freeze, thaw, wakeup (aborts a freeze), disable, "
        "enable, smt_off, smt_on",
        false},
       {"fail", book.Choice({book.String(), book.Integer(0, 236)}),
        "this state of the CPU fails the next time"},
       {"on", number, "where the controller runs (default: the lowest online CPU not meant)"}},
      {{{"to", "fail"}, 1, 1}});
  entry->name = "hotplug";
  return book.Array(entry);
}

void ReadHotplug(ReadContext& context, const JsonValue& value) {
  for (const JsonValue& item : value.items) {
    HotplugSpec request;
    request.pos = item.pos;
    request.at = Time(context.LengthAt(item, "at").value_or(0));
    if (const JsonValue* cpu = item.Find("cpu")) {
      if (cpu->is(Kind::kInteger) && cpu->integer >= 0 && cpu->integer < kMaxCpus) {
        request.cpus = CpuSet::Of(CpuId(static_cast<int32_t>(cpu->integer)));
      } else if (const auto cpus = context.CpusOf(*cpu)) {
        request.cpus = *cpus;
      }
      context.MustHaveCpu(*cpu, request.cpus);
    }
    const auto text_of = [&](const char* key) {
      const JsonValue* word = item.Find(key);
      if (word == nullptr) return std::string();
      return word->is(Kind::kInteger) ? std::to_string(word->integer) : word->text;
    };
    const std::string fail = text_of("fail");
    request.to = fail.empty() ? text_of("to") : "fail:" + fail;
    if (const JsonValue* on = ReadContext::Get(item, "on", Kind::kInteger)) {
      const CpuId cpu(static_cast<int32_t>(std::clamp<int64_t>(on->integer, 0, kMaxCpus - 1)));
      if (!context.CpuExists(cpu) || request.cpus.Contains(cpu)) {
        context.diagnostics.Error(ErrorCode::kNoCpu, *on,
                                  fmt::format("the controller cannot run on CPU {}", cpu.value()));
      }
      request.on = cpu;
    }
    const bool is_global = request.to == "freeze" || request.to == "thaw" ||
                           request.to == "wakeup" || request.to == "disable" ||
                           request.to == "enable" || request.to == "smt_off" ||
                           request.to == "smt_on";
    if (!is_global && item.is(Kind::kObject) && item.Find("cpu") == nullptr) {
      context.diagnostics.Error(ErrorCode::kNoCpu, item,
                                fmt::format("\"{}\" needs the key \"cpu\"", request.to));
    }
    context.scenario.hotplug.push_back(std::move(request));
  }
}

}  // namespace rqsim
