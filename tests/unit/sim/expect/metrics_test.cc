#include "rqsim/metrics.h"

#include "support/catch.h"

namespace rqsim {
namespace {

TEST_CASE("Every metric of the table has a value when there is something to measure",
          "[expect][metrics]") {
  TaskResult task;
  task.finish = Time(8);
  task.response.n = task.wakeup_latency.n = 1;
  LockResult lock;
  lock.wait.n = lock.hold.n = 1;
  CpuResult cpu;
  cpu.domains.resize(1);
  Result result;
  // Those of a run are filled in by its listeners.
  for (const MetricRow& row : MetricTable()) {
    if (row.of == MetricOf::kRun) result.metrics.emplace_back(row.name, 0);
  }
  for (const MetricRow& row : MetricTable()) {
    CAPTURE(row.name);
    switch (row.of) {
      case MetricOf::kTask:
        CHECK(MetricValue(task, row.name));
        break;
      case MetricOf::kLock:
        CHECK(MetricValue(lock, row.name));
        break;
      case MetricOf::kCpu:
        CHECK(MetricValue(cpu, row.name));
        break;
      case MetricOf::kRun:
        CHECK(MetricValue(result, row.name));
        break;
    }
    CHECK(FindMetricRow(row.of, row.name) == &row);
    CHECK_FALSE(row.summary.empty());
  }
}

TEST_CASE("The bare name of a distribution is its maximum", "[expect][metrics]") {
  TaskResult task;
  task.response.n = 3;
  task.response.p50 = Cycles(4);
  task.response.max = Cycles(9);
  CHECK(MetricValue(task, "response") == 9);
  CHECK(MetricValue(task, "response.max") == 9);
  CHECK(MetricValue(task, "response.p50") == 4);
  CHECK(FindMetricRow(MetricOf::kTask, "response") ==
        FindMetricRow(MetricOf::kTask, "response.max"));
}

TEST_CASE("What did not happen has no value, so that no bound can hold by accident",
          "[expect][metrics]") {
  const TaskResult task;
  CHECK_FALSE(MetricValue(task, "finish"));
  CHECK_FALSE(MetricValue(task, "response.max"));
  CHECK(MetricValue(task, "response.n") == 0);
  CHECK_FALSE(MetricValue(task, "respons"));
  CHECK_FALSE(MetricValue(task, "response.p42"));
}

TEST_CASE("Causes of waiting, single costs and metrics of services go by name",
          "[expect][metrics]") {
  TaskResult task;
  task.waits = {{"ran B", Cycles(5)}};
  CHECK(MetricValue(task, "waits.ran B") == 5);
  CHECK(MetricValue(task, "waits.ran C") == 0);
  CpuResult cpu;
  cpu.overhead = {{"c_ctx", Cycles(20)}, {"c_tick", Cycles(3)}};
  CHECK(MetricValue(cpu, "overhead") == 23);
  CHECK(MetricValue(cpu, "overhead.c_tick") == 3);
  CHECK(MetricValue(cpu, "overhead.c_wake") == 0);
  Result result;
  result.metrics = {{"proxy_migrations", 2}};
  CHECK(MetricValue(result, "proxy_migrations") == 2);
}

TEST_CASE("Counters of a CPU's domains go by the number of the domain", "[expect][metrics]") {
  CpuResult cpu;
  cpu.domains.resize(2);
  cpu.domains[1].newly_idle.lb_gained = 4;
  cpu.domains[1].alb_pushed = 2;
  CHECK(MetricValue(cpu, "domain1.newly_idle.lb_gained") == 4);
  CHECK(MetricValue(cpu, "domain1.alb_pushed") == 2);
  CHECK(MetricValue(cpu, "domain0.newly_idle.lb_gained") == 0);
  CHECK_FALSE(MetricValue(cpu, "domain2.newly_idle.lb_gained").has_value());
  const Registry registry;
  CHECK(IsMetric(MetricOf::kCpu, "domain3.busy.lb_nobusyq", registry));
  CHECK(IsMetric(MetricOf::kCpu, "domain3.ttwu_wake_remote", registry));
  for (const char* name : {"domain", "domain1", "domain1.", "domain.lb_count", "domain1.lb_count",
                           "domain1.busy", "domain1.busy.lb", "domainx.busy.lb_count"}) {
    CHECK_FALSE(IsMetric(MetricOf::kCpu, name, registry));
  }
}

TEST_CASE("The kernel's longer names mean the same", "[expect][metrics]") {
  TaskResult task;
  task.exec = Cycles(7);
  task.nr_migrations = 3;
  CHECK(MetricValue(task, "se.sum_exec_runtime") == 7);
  CHECK(MetricValue(task, "se.nr_migrations") == 3);
  CHECK(FindMetricRow(MetricOf::kTask, "se.nr_migrations") ==
        FindMetricRow(MetricOf::kTask, "nr_migrations"));
}

TEST_CASE("A metric is one of the table, a part of a distribution, a cause, a cost",
          "[expect][metrics]") {
  const Registry registry;
  for (const char* name : {"exec", "pcount", "response", "response.p95", "waits.ran B",
                           "se.sum_exec_runtime", "wakeup_latency.n"}) {
    CHECK(IsMetric(MetricOf::kTask, name, registry));
  }
  CHECK(IsMetric(MetricOf::kLock, "wait.p90", registry));
  CHECK(IsMetric(MetricOf::kCpu, "overhead.c_tick", registry));
  CHECK(IsMetric(MetricOf::kCpu, "sched_count", registry));
  CHECK(IsMetric(MetricOf::kRun, "jobs", registry));
  for (const char* name : {"", "waits", "waits.", "response.p42", "idle", "jobs"}) {
    CHECK_FALSE(IsMetric(MetricOf::kTask, name, registry));
  }
  CHECK_FALSE(IsMetric(MetricOf::kCpu, "overhead.c_tik", registry));
  CHECK_FALSE(IsMetric(MetricOf::kRun, "response", registry));
}

}  // namespace
}  // namespace rqsim
