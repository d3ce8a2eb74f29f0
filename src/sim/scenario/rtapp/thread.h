// A thread of rt-app: what it says (Thread), and the task that comes of it (MakeTask).
#ifndef RQSIM_SIM_SCENARIO_RTAPP_THREAD_H_
#define RQSIM_SIM_SCENARIO_RTAPP_THREAD_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rqsim/cpu_set.h"
#include "rqsim/import.h"
#include "rqsim/scenario.h"
#include "sim/scenario/json_tree.h"
#include "sim/scenario/rtapp/reporter.h"
#include "sim/scenario/rtapp/sched.h"
#include "sim/scenario/rtapp/words.h"

namespace rqsim::rtapp {

struct NamedCpu {
  int cpu = 0;
  std::size_t offset = 0;
};

struct Phase {
  std::string name;  // "" if the thread has no `phases`
  int64_t loop = 1;
  std::optional<CpuSet> cpus;      // none: the thread's
  std::optional<SchedSpec> sched;  // none: stays as it was
  std::vector<OpSpec> ops;
  SourcePos pos;
};

struct Thread {
  std::string name;
  SourcePos pos;
  int instances = 1;
  Time start;
  int64_t loop = -1;
  SchedSpec sched;
  std::optional<CpuSet> cpus;
  std::vector<Phase> phases;  // one, if the file has no `phases`
  std::vector<NamedCpu> named_cpus;
};

class ThreadReader {
 public:
  ThreadReader(SchedPolicy default_policy, Reporter& reporter)
      : default_policy_(default_policy), reporter_(reporter) {}

  // The thread that `member` of the section `tasks` describes; nothing after a mistake that leaves
  // no thread.
  std::optional<Thread> Read(const JsonMember& member, const std::string& name);

  // Counts the operations of all threads into report.operations_in, from the keys alone.
  static void CountIn(const JsonValue& tasks, ImportReport& report);

 private:
  struct Keys;

  Keys Collect(const JsonValue& object, const std::string& path, bool is_phase);
  void Place(const JsonMember& member, Property property, const std::string& path, bool is_phase,
             Keys& keys);
  bool IsOldGrammar(const JsonValue& object, const std::string& path);
  void Phases(const Keys& keys, const std::string& path, Thread& thread);
  void OnePhase(const JsonMember& member, const std::string& path, SchedSpec& sched,
                Thread& thread);
  void Operations(const Keys& keys, const JsonValue& object, const std::string& path,
                  const std::string& thread, std::vector<OpSpec>& ops);
  int64_t Loop(const JsonMember* member, int64_t otherwise, const std::string& path);
  std::optional<CpuSet> Cpus(const JsonMember* member, const std::string& path,
                             std::vector<NamedCpu>& named);

  SchedPolicy default_policy_;
  Reporter& reporter_;
};

// The task, on a machine of `num_cpus`, with the attributes of its first phase (MODEL-45).
// Operations that the file does not have are counted in `num_added`.
TaskSpec MakeTask(Thread thread, int num_cpus, int64_t& num_added);

}  // namespace rqsim::rtapp

#endif  // RQSIM_SIM_SCENARIO_RTAPP_THREAD_H_
