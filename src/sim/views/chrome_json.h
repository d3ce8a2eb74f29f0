// A trace as Trace Event Format, which chrome://tracing, Perfetto and speedscope show.
//
//   process "CPUs"    a track per CPU; a slice is a stretch of one task, "L/H" is L on behalf of H;
//   idle is empty.
//                     Instants: wake-ups (on the CPU the task will run on), migrations, changes of
//                     priority, signals. Arrows lead from who woke a task to where it ran.
//   process "locks"   a track per mutex; a slice is a critical section, named after its owner.
//
//   {"displayTimeUnit":"ns","traceEvents":[
//   {"name":"process_name","ph":"M","pid":1,"args":{"name":"CPUs"}},
//   {"name":"L","cat":"run","ph":"X","ts":0.000,"dur":0.009,"pid":1,"tid":0,"args":{"curr":"L","donor":"L"}},
//   …
//   ]}
//
// Times are microseconds, as the format wants them, to the nanosecond. Written while the run goes
// on: a slice when it ends.
#ifndef RQSIM_SIM_VIEWS_CHROME_JSON_H_
#define RQSIM_SIM_VIEWS_CHROME_JSON_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rqsim/listener.h"
#include "rqsim/trace_event.h"
#include "sim/views/text_sink.h"

namespace rqsim {

class ChromeJson final : public Listener {
 public:
  explicit ChromeJson(TextSink& sink) : sink_(sink) {}

  EventMask Wants() const override;
  void OnStart(const RunInfo& info, ViolationSink& sink) override;
  void OnEvent(const TraceEvent& event) override;
  void OnEnd(const RunEnd& end) override;

 private:
  // A slice that has not ended yet.
  struct Open {
    Time start;
    TaskId curr = kIdleTask, donor = kIdleTask;
  };

  void Put(std::string_view event);
  void NameTrack(int process, int track, std::string_view name);
  void EndRun(CpuId cpu, Time t);
  void EndHold(LockId lock, Time t);
  void Instant(CpuId cpu, Time t, std::string_view name);
  void OnWaking(const TraceEvent& event);
  void OnSwitch(const TraceEvent& event);
  std::string Quoted(TaskId task) const;
  // In microseconds with three digits.
  std::string Micro(int64_t cycles) const;

  TextSink& sink_;
  const RunInfo* info_ = nullptr;
  int64_t clock_hz_ = 1'000'000'000;
  bool is_first_ = true;
  int64_t arrows_ = 0;
  std::vector<Open> cpus_, locks_;
  std::vector<int64_t> arrow_of_;  // by task: the arrow that ends where it runs next; 0 none
};

// `text` between quotes, as JSON wants it; bytes that are not ASCII become `?`.
std::string QuotedJson(std::string_view text);

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_CHROME_JSON_H_
