// The kernel threads' part of a placement, call by call: which masks it asks for and what it says.
// Four CPUs, node 0 = {0,1}, node 1 = {2,3}; CPU 3 is isolated. Thread 1 is the subject.
#include "placement/kthread_part.h"

#include <string>
#include <utility>
#include <vector>

#include "policies.h"
#include "support/catch.h"
#include "support/wordless_kernel.h"

namespace rqsim {
namespace {

using Given = std::vector<std::pair<std::string, ParamValue>>;

class Bench final : public WordlessKernel {
 public:
  Bench(Given given, KthreadAffinity affinity, std::vector<std::string> faults = {})
      : task_store_(4), cpu_store_(4), request_store_(64), affinity_store_{affinity} {
    tasks_ = task_store_;
    cpus_ = cpu_store_;
    requests_ = request_store_;
    affinities_ = affinity_store_;
    affinity_of_ = index_;
    facts_.possible = online_ = active_ = CpuSet::FirstN(4);
    facts_.housekeeping = housekeeping_ = *CpuSet::Parse("0-2");
    for (int c : {2, 3}) cpu_store_[static_cast<std::size_t>(c)].node = 1;
    for (Task& task : task_store_) {
      task.is_kthread = true;
      task.cpus_allowed = facts_.possible;
    }
    Limits limits;
    limits.num_cpus = 4;
    limits.num_tasks = 4;
    auto made =
        MakePrevPlacement(PolicyParams(kPrevPlacementInfo, given, 1'000'000'000, faults), limits);
    REQUIRE(made.ok());
    placement_ = std::move(*made);
    placement_->OnStart(*this);
    num_requests_ = 0;
  }

  // Makes the call, carries out what it asked for, and returns the mask of thread 1.
  std::string Call(KthreadCall::Kind kind, const char* cpus = nullptr) {
    KthreadCall call;
    call.kind = kind;
    call.task = TaskId(1);
    if (cpus != nullptr) call.cpus = *CpuSet::Parse(cpus);
    placement_->OnKthreadCall(*this, call);
    const int asked = std::exchange(num_requests_, 0);
    for (int i = 0; i < asked; ++i) {
      const Request& request = request_store_[static_cast<std::size_t>(i)];
      Task& task = task_store_[request.task.valid() ? request.task.index() : 0];
      if (request.kind == Request::Kind::kSetHousekeeping) {
        housekeeping_ = request.cpus;
        continue;
      }
      task.cpus_allowed = request.cpus;
      if (request.kind == Request::Kind::kBindKthread) task.no_setaffinity = true;
    }
    return subject().cpus_allowed.ToString();
  }
  void Wake() { subject().state = TaskState::kRunning; }
  Task& subject() { return task_store_[1]; }
  // The result of the last call.
  int64_t result() const { return result_; }
  int warnings() const { return warnings_; }

  void EmitDeclared(PolicyId, int index, const PolicyEventPayload& payload) override {
    const auto event = static_cast<KthreadEvent>(index);
    if (event == KthreadEvent::kWarning) ++warnings_;
    if (event == KthreadEvent::kIsolate) result_ = payload.wide[0];
    if (event == KthreadEvent::kAffinePreferred || event == KthreadEvent::kBindMask ||
        event == KthreadEvent::kAffinePreferredUpdate) {
      result_ = payload.wide[1];
    }
  }

 private:
  std::vector<Task> task_store_;
  std::vector<Cpu> cpu_store_;
  std::vector<Request> request_store_;
  std::vector<KthreadAffinity> affinity_store_;
  std::vector<int32_t> index_ = {-1, 0, -1, -1};
  std::unique_ptr<Placement> placement_;
  int64_t result_ = 0;
  int warnings_ = 0;
};

using Kind = KthreadCall::Kind;

KthreadAffinity Preferring(const char* cpus) {
  KthreadAffinity affinity;
  affinity.kind = KthreadKind::kPreferred;
  affinity.cpus = *CpuSet::Parse(cpus);
  return affinity;
}
KthreadAffinity OfNode(int node) {
  KthreadAffinity affinity;
  affinity.kind = KthreadKind::kNode;
  affinity.node = node;
  return affinity;
}
Given Variant(const char* name) { return {{"kthread", std::string(name)}}; }

TEST_CASE("A thread that prefers CPUs gets them less the isolated ones, by variant",
          "[placement][kthread]") {
  CHECK(Bench(Variant("preferred"), Preferring("2-3")).Call(Kind::kCreate) == "2");
  CHECK(Bench(Variant("preferred"), Preferring("3")).Call(Kind::kCreate) == "0-2");
  CHECK(Bench(Variant("bound"), Preferring("2-3")).Call(Kind::kCreate) == "2-3");
  // F2: the draft applies what it was given. It does not count isolated CPUs but nohz_full ones.
  CHECK(Bench(Variant("preferred-rfc"), Preferring("3")).Call(Kind::kCreate) == "3");
  Given fixed = Variant("preferred-rfc");
  fixed.emplace_back("fixes", std::string("all"));
  fixed.emplace_back("hk_kthread", std::string("domain"));
  CHECK(Bench(fixed, Preferring("2-3")).Call(Kind::kCreate) == "2");
  CHECK(Bench(Variant("preferred"), Preferring("2-3"), {"kthread.raw_mask"}).Call(Kind::kCreate) ==
        "2-3");
}

TEST_CASE("A thread of a node gets its CPUs at the first wake-up", "[placement][kthread]") {
  Bench bench(Variant("preferred"), OfNode(1));
  CHECK(bench.Call(Kind::kCreate) == "0-2");
  CHECK(bench.Call(Kind::kFirstWake) == "2");
  Bench manual(Variant("manual"), OfNode(1));
  // 6.12: kswapd has its node, isolated or not.
  CHECK(manual.Call(Kind::kCreate) == "0-3");
  CHECK(manual.Call(Kind::kFirstWake) == "2-3");
  // Bound for good.
  Bench bound(Variant("bound"), OfNode(1));
  CHECK(bound.Call(Kind::kCreate) == "2-3");
  CHECK(bound.subject().no_setaffinity);
}

TEST_CASE("A preference comes before the first wake-up or not at all", "[placement][kthread]") {
  Bench bench(Variant("preferred"), KthreadAffinity());
  bench.Call(Kind::kCreate);
  CHECK(bench.Call(Kind::kFirstWake) == "0-2");
  bench.Wake();
  CHECK(bench.Call(Kind::kAffinePreferred, "2") == "0-2");
  CHECK(bench.result() == kEINVAL);
  CHECK(bench.warnings() == 1);
}

TEST_CASE("A second preference is warned of, or refused", "[placement][kthread]") {
  Bench bench(Variant("preferred"), Preferring("2"));
  bench.Call(Kind::kCreate);
  CHECK(bench.Call(Kind::kAffinePreferred, "1") == "1");
  CHECK(bench.result() == 0);
  CHECK(bench.warnings() == 2);
  Given careful = Variant("preferred");
  careful.emplace_back("second_call", std::string("eexist"));
  Bench refusing(careful, Preferring("2"));
  refusing.Call(Kind::kCreate);
  CHECK(refusing.Call(Kind::kAffinePreferred, "1") == "2");
  CHECK(refusing.result() == kEEXIST);
}

TEST_CASE("Without memory nothing is preferred, whatever is said", "[placement][kthread]") {
  Given given = Variant("preferred");
  given.emplace_back("fail_alloc", int64_t{2});
  Bench bench(given, Preferring("2"));
  CHECK(bench.Call(Kind::kCreate) == "0-2");
  CHECK(bench.result() == kENOMEM);
  Bench lying(given, Preferring("2"), {"kthread.enomem_zero"});
  CHECK(lying.Call(Kind::kCreate) == "0-2");
  CHECK(lying.result() == 0);
}

TEST_CASE("A change of isolation reaches all threads of the list", "[placement][kthread]") {
  Bench bench(Variant("preferred"), Preferring("2-3"));
  bench.Call(Kind::kCreate);
  bench.Call(Kind::kFirstWake);
  bench.Wake();
  CHECK(bench.Call(Kind::kIsolate, "2") == "0-1");
  CHECK(bench.result() == 0);
  CHECK(bench.Call(Kind::kIsolate, "0-3") == "0-1");
  CHECK(bench.result() == kEINVAL);
  CHECK(bench.Call(Kind::kIsolate) == "2");
}

}  // namespace
}  // namespace rqsim
