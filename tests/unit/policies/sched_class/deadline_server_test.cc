// The states of the fair server, row by row of the table in classes.md 7. A cycle is a millisecond:
// 50 in each 1000, resolution 1.
#include "policies/sched_class/deadline_server.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/catch.h"
#include "support/wordless_kernel.h"

namespace rqsim {
namespace {

class ServerBench final : public WordlessKernel {
 public:
  ServerBench()
      : requests_made_(kMaxRequests),
        cpu_(1),
        task_(2),
        cbs_(0),
        bandwidth_(1, 1'000'000, 1'000'000),
        queues_(1),
        servers_({50, 1000, 1}, {{PolicyId(0), 0, 0}, {PolicyId(0), 1, 0}}, cbs_, queues_,
                 bandwidth_, 1) {
    cpus_ = cpu_;
    tasks_ = task_;
    requests_ = requests_made_;
    SetIdle(true);
  }
  void SetIdle(bool is_idle) { cpu_[0].curr = is_idle ? kIdleTask : TaskId(1); }

  bool Start(int64_t t) {
    now_ = Time(t);
    const bool started = servers_.Start(*this, CpuId(0));
    Drain();
    return started;
  }
  void Charge(int64_t t, int64_t length) {
    now_ = Time(t);
    servers_.Charge(*this, CpuId(0), length);
    Drain();
  }
  void Stop(int64_t t) {
    now_ = Time(t);
    servers_.Stop(*this, CpuId(0));
    Drain();
  }
  // The timer expires, after `length` has been charged.
  bool Expire(int64_t length = 0) {
    REQUIRE(timer >= 0);
    now_ = Time(std::exchange(timer, -1));
    if (length > 0) servers_.Charge(*this, CpuId(0), length);
    Drain();
    const bool is_queued = servers_.OnTimer(*this, CpuId(0), CpuId(0));
    Drain();
    return is_queued;
  }

  // "A" to "E", runtime, deadline.
  std::string State() const {
    struct Fields final : StateWriter {
      void Field(std::string_view name, int64_t value) override {
        values.emplace_back(std::string(name.substr(name.find('.') + 1)), value);
      }
      int64_t operator[](std::string_view name) const {
        for (const auto& [key, value] : values) {
          if (key == name) return value;
        }
        FAIL("no such field");
        return 0;
      }
      std::vector<std::pair<std::string, int64_t>> values;
    } fields;
    servers_.Describe(CpuId(0), fields);
    std::string state = "A";
    if (fields["active"] != 0) {
      if (fields["throttled"] == 0) {
        state = "D";
      } else if (fields["defer_armed"] == 0) {
        state = "E";
      } else {
        state = fields["defer_idle"] != 0 ? "C" : "B";
      }
    }
    return state + " " + std::to_string(fields["runtime"]) + " " +
           std::to_string(fields["deadline"]);
  }

  int64_t timer = -1;
  int queued = 0;

 private:
  void Drain() {
    for (int i = 0; i < num_requests_; ++i) {
      const Request& request = requests_made_[static_cast<std::size_t>(i)];
      const bool is_first = request.timer.which == 0;
      if (request.kind == Request::Kind::kArmTimer && is_first) timer = request.at.cycles();
      if (request.kind == Request::Kind::kCancelTimer && is_first) timer = -1;
      if (request.kind == Request::Kind::kQueueServer) queued += request.flag ? 1 : -1;
    }
    num_requests_ = 0;
  }

  std::vector<Request> requests_made_;
  std::vector<Cpu> cpu_;
  std::vector<Task> task_;
  Cbs cbs_;
  Bandwidth bandwidth_;
  DlQueues queues_;
  FairServers servers_;
};

TEST_CASE("A to B: waits for zero laxity with what it has, or with a new period",
          "[sched_class][server]") {
  ServerBench bench;
  CHECK(bench.State() == "A 50 1000");
  SECTION("at boot its period runs already") {
    CHECK(bench.Start(0));
    CHECK(bench.State() == "B 50 1000");
    CHECK(bench.timer == 950);
    CHECK_FALSE(bench.Start(1));
  }
  SECTION("1000 * 50 > 900 * 50: a new one") {
    bench.Start(100);
    CHECK(bench.State() == "B 50 1100");
    CHECK(bench.timer == 1050);
  }
}

TEST_CASE("B: fair tasks that get through put it off", "[sched_class][server]") {
  ServerBench bench;
  bench.Start(0);
  bench.SetIdle(false);
  bench.Charge(20, 20);
  CHECK(bench.State() == "B 30 1000");
  CHECK(bench.timer == 950);
  SECTION("used up: a new period") {
    bench.Charge(60, 40);
    CHECK(bench.State() == "B 50 1060");
    CHECK(bench.timer == 1010);
  }
  SECTION("the timer looks again where 20 less are left to run") {
    CHECK_FALSE(bench.Expire());
    CHECK(bench.State() == "B 30 1000");
    CHECK(bench.timer == 970);
  }
}

TEST_CASE("B to D to E to D: what starves is run", "[sched_class][server]") {
  ServerBench bench;
  bench.Start(0);
  bench.SetIdle(false);
  CHECK(bench.Expire());
  CHECK(bench.State() == "D 50 1950");  // 1000 * 50 > 50 * 50: a new period
  CHECK(bench.queued == 1);
  bench.Charge(980, 30);
  CHECK(bench.State() == "D 20 1950");
  bench.Charge(1000, 20);
  CHECK(bench.State() == "E 0 1950");
  CHECK(bench.queued == 0);
  CHECK(bench.timer == 1950);
  SECTION("next period") {
    CHECK(bench.Expire());
    CHECK(bench.State() == "D 50 2950");
  }
  SECTION("the real-time tasks are gone, fair ones run on: back to waiting") {
    bench.Charge(1010, 10);
    CHECK(bench.State() == "B 50 2010");
    CHECK(bench.timer == 1960);
  }
}

TEST_CASE("D to A: nothing to run, and on from there", "[sched_class][server]") {
  ServerBench bench;
  bench.Start(0);
  bench.SetIdle(false);
  bench.Expire();
  bench.Charge(960, 10);
  bench.Stop(960);
  CHECK(bench.State() == "A 40 1950");
  CHECK(bench.queued == 0);
  CHECK(bench.timer == -1);
  SECTION("soon: it runs at once") {
    // 1000 * 40 <= 980 * 50.
    bench.Start(970);
    CHECK(bench.State() == "D 40 1950");
    CHECK(bench.queued == 1);
  }
  SECTION("later: cut down to its share of what is left, (52428 * 450) >> 20") {
    bench.Start(1500);
    CHECK(bench.State() == "D 22 1950");
  }
  SECTION("after its deadline: waits again") {
    bench.Start(2000);
    CHECK(bench.State() == "B 50 3000");
  }
}

TEST_CASE("B to C to A: idling renews it once, then it stops", "[sched_class][server]") {
  ServerBench bench;
  bench.Start(0);
  bench.Charge(60, 60);
  CHECK(bench.State() == "C 50 1060");
  CHECK(bench.timer == 1010);
  bench.Charge(200, 140);
  CHECK(bench.State() == "C 0 1060");
  SECTION("stops at its timer") {
    CHECK_FALSE(bench.Expire());
    CHECK(bench.State() == "A 0 1060");
  }
  SECTION("a fair task runs: waits for zero laxity again") {
    bench.SetIdle(false);
    bench.Charge(210, 10);
    CHECK(bench.State() == "B 50 1210");
    CHECK(bench.timer == 1160);
  }
}

TEST_CASE("Idling that is seen by the timer itself stops it at once", "[sched_class][server]") {
  ServerBench bench;
  bench.Start(0);
  CHECK_FALSE(bench.Expire(950));
  CHECK(bench.State() == "A 50 1950");
  CHECK(bench.timer == -1);
}

}  // namespace
}  // namespace rqsim
