// A trace in the kernel's own text format, as /sys/kernel/tracing/trace and `trace-cmd report -t`
// print it, for tools that read that: Perfetto, trace viewers, scripts.
//
//   # tracer: nop
//   #           TASK-PID     CPU#  |||||   TIMESTAMP       FUNCTION
//                  L-1       [000] .....     0.000000005: sched_waking: comm=H pid=2 prio=97
//                  target_cpu=001
//             <idle>-0       [001] .....     0.000000008: sched_switch: prev_comm=swapper/1
//             prev_pid=0 …
//                  H-2       [001] .....     0.000000009: tracing_mark_write: S|2|lock A|1
//                  └ who executes, CPU, seconds with nanoseconds, event
//
// Formats are those of Linux 7.2 include/trace/events/{sched,ipi,lock,signal,cpuhp,rseq}.h; the
// address of a mutex, of a work of kthread_work or of its worker is its number. Holding a mutex is
// an asynchronous span (S … F), since critical sections need not nest; a donor other than the
// executing task is an instant mark (I). The latency flags are not modelled. What only the model
// has is not in the file.
#ifndef RQSIM_SIM_VIEWS_FTRACE_TEXT_H_
#define RQSIM_SIM_VIEWS_FTRACE_TEXT_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rqsim/listener.h"
#include "rqsim/trace_event.h"
#include "sim/views/declared_events.h"
#include "sim/views/text_sink.h"

namespace rqsim {

class FtraceText final : public Listener {
 public:
  explicit FtraceText(TextSink& sink) : sink_(sink) {}

  EventMask Wants() const override;
  void OnStart(const RunInfo& info, ViolationSink& sink) override;
  void OnEvent(const TraceEvent& event) override;

 private:
  void Begin(const TraceEvent& event, std::string_view name);
  void OnSwitch(const TraceEvent& event);
  void OnSchedEvent(const TraceEvent& event);
  void AppendIpiOrSignal(const TraceEvent& event);
  void OnLockEvent(const TraceEvent& event);
  void OnCpuhp(const TraceEvent& event);
  void OnDeclared(const TraceEvent& event);
  void Mark(const TraceEvent& event, std::string_view text);
  // A task's comm as the kernel prints it in fields.
  std::string Comm(TaskId task, CpuId cpu) const;

  // The kernel's tracepoints among the events that services declare, in this order.
  enum class Declared : uint8_t { kWorkQueued, kWorkStart, kWorkEnd, kRseqUpdate };
  static constexpr std::array<std::string_view, 4> kDeclared = {
      "sched_kthread_work_queue_work", "sched_kthread_work_execute_start",
      "sched_kthread_work_execute_end", "rseq_update"};

  TextSink& sink_;
  DeclaredEvents<kDeclared.size()> declared_{kDeclared};
  const RunInfo* info_ = nullptr;
  int64_t clock_hz_ = 1'000'000'000;
  std::vector<TaskId> curr_;  // by CPU
  std::string line_;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_FTRACE_TEXT_H_
