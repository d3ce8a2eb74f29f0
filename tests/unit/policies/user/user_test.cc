// The schedulers of UMCG servers, decision by decision.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "rqsim/registry.h"
#include "support/catch.h"
#include "support/wordless_kernel.h"

namespace rqsim {
namespace {

constexpr TaskId kS1{1};
constexpr TaskId kS2{2};
constexpr TaskId kS3{3};

class OneKernel final : public WordlessKernel {
 public:
  OneKernel() : store_(10) { tasks_ = store_; }
  Task& At(int id) { return store_[static_cast<std::size_t>(id)]; }
  void SetNow(Time now) { now_ = now; }

 private:
  std::vector<Task> store_;
};

class Queues final : public WorkerQueues {
 public:
  std::map<int, std::vector<int>> workers;  // by server
  int Count(TaskId server) const override {
    const auto found = workers.find(server.value());
    return found == workers.end() ? 0 : static_cast<int>(found->second.size());
  }
  TaskId At(TaskId server, int position) const override {
    return TaskId(workers.at(server.value())[static_cast<std::size_t>(position)]);
  }
};

std::unique_ptr<UserScheduler> Make(std::string_view name,
                                    std::vector<std::pair<std::string, ParamValue>> given = {}) {
  static UserWorld world;
  world.groups = {{"g", 0, {kS1, kS2, kS3}, {}}};
  const RegistryEntry* entry = Registry::BuiltIn().Find(Seam::kUserScheduler, name);
  REQUIRE(entry != nullptr);
  Limits limits;
  limits.user = &world;
  limits.num_tasks = 10;
  auto made = entry->make_user(PolicyParams(*entry->info, given, 1'000'000'000), limits);
  REQUIRE(made.ok());
  return *std::move(made);
}

TEST_CASE("fifo runs the oldest worker, and nobody if there is none", "[user]") {
  OneKernel kernel;
  Queues queues;
  const auto fifo = Make("fifo");
  CHECK(!fifo->Pick(kernel, kS1, queues).valid());
  queues.workers[1] = {7, 5, 6};
  CHECK(fifo->Pick(kernel, kS1, queues) == TaskId(7));
  CHECK(fifo->Slice(kernel, TaskId(7)) == kZeroCycles);
  CHECK(!fifo->PerServer());
  CHECK(Make("fifo", {{"queue", std::string("per-server")}})->PerServer());
}

TEST_CASE("rr gives every worker the same slice", "[user]") {
  OneKernel kernel;
  Queues queues;
  queues.workers[1] = {5, 6};
  const auto rr = Make("rr", {{"slice", int64_t{40}}});
  CHECK(rr->Pick(kernel, kS1, queues) == TaskId(5));
  CHECK(rr->Slice(kernel, TaskId(5)) == Cycles(40));
  CHECK(rr->Preempts(kernel, TaskId(5), queues));
}

TEST_CASE("priority runs the most important worker, the oldest among equals", "[user]") {
  OneKernel kernel;
  kernel.At(5).base.priority = 1;
  kernel.At(6).base.priority = 4;
  kernel.At(7).base.priority = 4;
  Queues queues;
  queues.workers[1] = {5, 6, 7};
  queues.workers[5] = {6, 7};
  queues.workers[6] = {5, 7};
  const auto priority = Make("priority");
  CHECK(priority->Pick(kernel, kS1, queues) == TaskId(6));
  CHECK(priority->Preempts(kernel, TaskId(5), queues));
  CHECK(!priority->Preempts(kernel, TaskId(6), queues));
}

TEST_CASE("steal takes from the longest queue, of equals from the lowest id", "[user]") {
  OneKernel kernel;
  Queues queues;
  const auto steal = Make("steal");
  CHECK(steal->PerServer());
  CHECK(!steal->Steal(kernel, kS1, queues).valid());
  queues.workers[2] = {5};
  queues.workers[3] = {6};
  CHECK(steal->Steal(kernel, kS1, queues) == kS2);
  queues.workers[3] = {6, 7};
  CHECK(steal->Steal(kernel, kS1, queues) == kS3);
  CHECK(!Make("steal", {{"steal", false}})->Steal(kernel, kS1, queues).valid());
}

TEST_CASE("lifo runs the newest worker, and nobody if there is none", "[user]") {
  OneKernel kernel;
  Queues queues;
  const auto lifo = Make("lifo");
  CHECK(!lifo->Pick(kernel, kS1, queues).valid());
  queues.workers[1] = {7, 5, 6};
  CHECK(lifo->Pick(kernel, kS1, queues) == TaskId(6));
  CHECK(lifo->Slice(kernel, TaskId(6)) == kZeroCycles);
  CHECK(Make("lifo", {{"queue", std::string("per-server")}})->PerServer());
}

// Deadlines: 5 at 0 + 100, 6 at 30 + 60 and, once it is queued anew at 50, 50 + 60; 7 has none of
// its own, so 0 + 90.
TEST_CASE("edf runs the earliest absolute deadline, the oldest among equals", "[user]") {
  OneKernel kernel;
  kernel.At(5).base.dl_deadline = Cycles(100);
  kernel.At(6).base.dl_deadline = Cycles(60);
  Queues queues;
  const auto edf = Make("edf", {{"deadline", int64_t{90}}});
  CHECK(!edf->Pick(kernel, kS1, queues).valid());
  queues.workers[1] = {5, 6, 7};
  kernel.SetNow(Time(30));
  edf->Queued(kernel, kS1, TaskId(6));
  CHECK(edf->Pick(kernel, kS1, queues) == TaskId(6));
  queues.workers[1] = {5, 7, 6};
  CHECK(edf->Pick(kernel, kS1, queues) == TaskId(7));
  kernel.SetNow(Time(50));
  edf->Queued(kernel, kS1, TaskId(6));
  queues.workers[1] = {5, 6};
  CHECK(edf->Pick(kernel, kS1, queues) == TaskId(5));
}

}  // namespace
}  // namespace rqsim
