#include "cli/trace_files.h"

#include <fmt/core.h>

#include <array>

#include "sim/views/chrome_json.h"
#include "sim/views/event_text.h"
#include "sim/views/ftrace_text.h"
#include "sim/views/text_sink.h"

namespace rqsim {
namespace {

struct FormatName {
  const char* name;
  TraceFormat format;
};
constexpr std::array kFormats = {FormatName{"text", TraceFormat::kText},
                                 FormatName{"ftrace", TraceFormat::kFtrace},
                                 FormatName{"chrome", TraceFormat::kChrome}};

// One line per event, as `expect` matches them.
class TextTrace final : public Listener, public TraceWriter {
 public:
  EventMask Wants() const override { return EventMask::All(); }
  void OnStart(const RunInfo& info, ViolationSink& /*sink*/) override { info_ = &info; }
  void OnEvent(const TraceEvent& event) override {
    AppendEventText(*info_, event, text_);
    text_ += '\n';
  }
  Listener& listener() override { return *this; }
  const std::string& text() const override { return text_; }

 private:
  const RunInfo* info_ = nullptr;
  std::string text_;
};

// A writer of the library, with the text that it writes.
template <class Writer>
class SinkTrace final : public TraceWriter {
 public:
  SinkTrace() : writer_(sink_) {}
  Listener& listener() override { return writer_; }
  const std::string& text() const override { return sink_.text(); }

 private:
  StringSink sink_;
  Writer writer_;
};

}  // namespace

std::optional<TraceTarget> ParseTraceTarget(const std::string& word, std::string& error) {
  TraceTarget target;
  target.path = word;
  const std::size_t colon = word.rfind(':');
  if (colon != std::string::npos && word.find('/', colon) == std::string::npos) {
    const std::string name = word.substr(colon + 1);
    bool known = false;
    for (const FormatName& format : kFormats) {
      if (name != format.name) continue;
      target.format = format.format;
      known = true;
    }
    if (!known) {
      error = fmt::format("no trace format {}: text, ftrace, chrome", name);
      return std::nullopt;
    }
    target.path = word.substr(0, colon);
  }
  if (target.path.empty()) {
    error = "--trace needs a file";
    return std::nullopt;
  }
  return target;
}

std::unique_ptr<TraceWriter> MakeTraceWriter(TraceFormat format) {
  switch (format) {
    case TraceFormat::kText:
      return std::make_unique<TextTrace>();
    case TraceFormat::kFtrace:
      return std::make_unique<SinkTrace<FtraceText>>();
    case TraceFormat::kChrome:
      return std::make_unique<SinkTrace<ChromeJson>>();
  }
  return nullptr;
}

}  // namespace rqsim
