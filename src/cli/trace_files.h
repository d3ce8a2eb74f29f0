// --trace FILE[:FORMAT]: the events of a run in a file, in the words of another tool.
#ifndef RQSIM_CLI_TRACE_FILES_H_
#define RQSIM_CLI_TRACE_FILES_H_

#include <memory>
#include <optional>
#include <string>

#include "rqsim/listener.h"

namespace rqsim {

enum class TraceFormat { kText, kFtrace, kChrome };

struct TraceTarget {
  std::string path;
  TraceFormat format = TraceFormat::kText;
};

// "run.txt", "run.dat:ftrace", "run.json:chrome". Nothing, and why in `error`, if the format is
// none of these. A name that contains a colon needs its format written out.
std::optional<TraceTarget> ParseTraceTarget(const std::string& word, std::string& error);

// Writes while it listens; the text is complete when the run is over.
class TraceWriter {
 public:
  virtual ~TraceWriter() = default;
  virtual Listener& listener() = 0;
  virtual const std::string& text() const = 0;
};
std::unique_ptr<TraceWriter> MakeTraceWriter(TraceFormat format);

}  // namespace rqsim

#endif  // RQSIM_CLI_TRACE_FILES_H_
