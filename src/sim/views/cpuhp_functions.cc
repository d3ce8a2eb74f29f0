#include "sim/views/cpuhp_functions.h"

#include <fmt/format.h>

#include <string_view>

#include "rqsim/cpuhp_kick.h"

namespace rqsim {
namespace {

struct Row {
  int state;
  std::string_view startup, teardown;
};
// With HOTPLUG_SPLIT_STARTUP, as x86 has it. 190 down is the draft's.
constexpr Row kRows[] = {
    {1, "smpboot_create_threads", ""},
    {36, "workqueue_prepare_cpu", ""},
    {38, "hrtimers_prepare_cpu", ""},
    {40, "smpcfd_prepare_cpu", "smpcfd_dead_cpu"},
    {43, "rcutree_prepare_cpu", "rcutree_dead_cpu"},
    {58, "timers_prepare_cpu", "timers_dead_cpu"},
    {82, "cpuhp_kick_ap_alive", ""},
    {83, "cpuhp_bringup_ap", "finish_cpu"},
    {87, "sched_cpu_starting", "sched_cpu_dying"},
    {88, "", "rcutree_dying_cpu"},
    {137, "", "smpcfd_dying_cpu"},
    {138, "hrtimers_cpu_starting", "hrtimers_cpu_dying"},
    {139, "", "tick_cpu_dying"},
    {143, "", "takedown_cpu"},
    {147, "", "sched_cpu_wait_empty"},
    {148, "smpboot_unpark_threads", "smpboot_park_threads"},
    {149, "irq_affinity_online_cpu", ""},
    {154, "perf_event_init_cpu", "perf_event_exit_cpu"},
    {186, "lockup_detector_online_cpu", "lockup_detector_offline_cpu"},
    {187, "workqueue_online_cpu", "workqueue_offline_cpu"},
    {188, "random_online_cpu", ""},
    {189, "rcutree_online_cpu", "rcutree_offline_cpu"},
    {190, "kthreads_online_cpu", "kthreads_offline_cpu"},
    {235, "sched_cpu_activate", "sched_cpu_deactivate"},
};

}  // namespace

std::string CpuhpFunction(int state, int up) {
  if (up == kCpuhpKick) return "cpuhp_kick_ap_work";
  for (const Row& row : kRows) {
    if (row.state != state) continue;
    const std::string_view name = up != 0 ? row.startup : row.teardown;
    if (!name.empty()) return std::string(name);
  }
  return fmt::format("state_{}_{}", state, up != 0 ? "startup" : "teardown");
}

}  // namespace rqsim
