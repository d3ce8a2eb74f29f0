// What both hotplug services have in common beside the operations themselves: the lock's readers,
// the operations that a program may have, and what a subsystem does with the set of CPUs that are
// online (hotplug.md 2 and 3). Tested by scenarios/hotplug/.
#ifndef RQSIM_POLICIES_SERVICE_HOTPLUG_OPS_H_
#define RQSIM_POLICIES_SERVICE_HOTPLUG_OPS_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "rqsim/kernel.h"
#include "rqsim/policy.h"

namespace rqsim {
namespace hotplug {

// The same paths in both services.
inline constexpr PathId kOfflineOp{1};
inline constexpr PathId kOnlineOp{2};
inline constexpr PathId kReadLockOp{3};
inline constexpr PathId kReadUnlockOp{4};
inline constexpr PathId kTestOp{15};
inline constexpr PathId kForEachOp{16};
inline constexpr PathId kBhOffOp{17};

inline constexpr std::array kOps = {
    ServiceOpInfo{
        .name = "offline", .path = kOfflineOp, .args = "cpu", .summary = "takes a CPU offline"},
    ServiceOpInfo{.name = "online", .path = kOnlineOp, .args = "cpu", .summary = "brings a CPU up"},
    ServiceOpInfo{.name = "cpus_read_lock",
                  .path = kReadLockOp,
                  .pays_syscall = false,
                  .summary = "no hotplug operation begins until cpus_read_unlock (2012: "
                             "get_online_cpus())"},
    ServiceOpInfo{.name = "cpus_read_unlock", .path = kReadUnlockOp, .pays_syscall = false},
    ServiceOpInfo{.name = "test_cpu_online",
                  .path = kTestOp,
                  .pays_syscall = false,
                  .args = "cpu cycles role:outsider|participant",
                  .summary = "with preemption off: asks whether the CPU is online, and relies on "
                             "the answer for so many cycles (HP-R2, HP-R3)"},
    ServiceOpInfo{.name = "for_each_online_cpu",
                  .path = kForEachOp,
                  .pays_syscall = false,
                  .args = "cycles role:outsider|participant",
                  .summary = "works so many cycles for each CPU that is online (HP-R3); a "
                             "participant has callbacks of its own"},
    ServiceOpInfo{.name = "bh_off",
                  .path = kBhOffOp,
                  .pays_syscall = false,
                  .args = "cycles",
                  .summary = "a section with bottom halves off: holds up a removal as one with "
                             "preemption off does"}};

// What somebody relies on, and sections that are no operation of the machine.
inline constexpr EventFieldInfo kReliesFields[] = {
    {"cpu"}, {"begins"}, {"task", FieldKind::kTask}, {"answer"}, {"covered"}};
inline constexpr EventFieldInfo kSectionFields[] = {
    {"begins"}, {"cpu"}, {"task", FieldKind::kTask}};
inline constexpr EventFieldInfo kTickDutyFields[] = {{"from"}, {"to"}};
inline constexpr std::array kEvents = {
    EventInfo{.name = "hotplug_relies",
              .fields = kReliesFields,
              .summary = "a subsystem relies on a CPU being online or not (answer), or on the set "
                         "of those that are (cpu -1), from begins=1 to begins=0; covered: it holds "
                         "the reader lock or has callbacks"},
    EventInfo{.name = "hotplug_section",
              .fields = kSectionFields,
              .summary = "a section that keeps CPUs online begins or ends"},
    EventInfo{.name = "hotplug_tick_duty",
              .fields = kTickDutyFields,
              .summary = "a CPU that goes gives the timekeeping duty to another one"}};
inline constexpr int kReliesEvent = 0;
inline constexpr int kSectionEvent = 1;
inline constexpr int kTickDutyEvent = 2;

inline constexpr StepInfo kUserSteps[] = {{"enter"}, {"over"}};

// The common table with a service's own rows behind it.
template <class T, std::size_t A, std::size_t B>
constexpr std::array<T, A + B> Joined(const std::array<T, A>& common, const std::array<T, B>& own) {
  std::array<T, A + B> all{};
  std::copy(common.begin(), common.end(), all.begin());
  std::copy(own.begin(), own.end(), all.begin() + A);
  return all;
}

// Those who hold the hotplug lock as readers, and those who wait for it.
class Readers {
 public:
  explicit Readers(int num_tasks) {
    inside_.reserve(static_cast<std::size_t>(num_tasks));
    waiting_.reserve(static_cast<std::size_t>(num_tasks));
  }
  bool empty() const { return inside_.empty(); }
  bool Has(TaskId task) const {
    return std::find(inside_.begin(), inside_.end(), task) != inside_.end();
  }
  // True if `task` reads from now on, which it does unless an operation keeps readers out; else it
  // is in line and must sleep. A task may be inside more than once.
  bool Take(TaskId task, bool is_kept_out) {
    (is_kept_out ? waiting_ : inside_).push_back(task);
    return !is_kept_out;
  }
  void Leave(TaskId task) {
    const auto found = std::find(inside_.begin(), inside_.end(), task);
    if (found != inside_.end()) inside_.erase(found);
  }
  // The operation is over: whoever waited reads.
  void AdmitWaiting(Kernel& kernel) {
    for (const TaskId task : waiting_) {
      inside_.push_back(task);
      kernel.Wake(task);
    }
    waiting_.clear();
  }

 private:
  std::vector<TaskId> inside_, waiting_;
};

constexpr bool IsUserPath(PathId path) {
  return path == kTestOp || path == kForEachOp || path == kBhOffOp;
}
// One of the last three operations, for the service `self`.
Next UserStep(Kernel& kernel, PolicyId self, const Readers& readers, Frame& frame);

}  // namespace hotplug
}  // namespace rqsim

#endif  // RQSIM_POLICIES_SERVICE_HOTPLUG_OPS_H_
