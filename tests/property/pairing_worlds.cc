// One number a statement: compilers order the arguments of a call as they like.
#include "property/pairing_worlds.h"

#include <fmt/core.h>

#include <vector>

#include "support/random.h"

namespace rqsim {
namespace {

enum class Family : uint8_t { kShort, kHotplug };

class Maker {
 public:
  Maker(uint64_t seed, Family family) : random_(seed) {
    cpus_ = Between(2, 4);
    data_ = random_.Below(cpus_);
    host_ = (data_ + 1 + random_.Below(cpus_ - 1)) % cpus_;
    const char* const preempt = random_.OneIn(2) ? "none" : "full";
    const int slice = random_.OneIn(2) ? 0 : 100;
    class_ = fmt::format(R"({{"name": "fifo", "preempt": "{}", "slice": {}}})", preempt, slice);
    if (family == Family::kHotplug) {
      HotplugWorld();
    } else if (random_.OneIn(8)) {
      SleeperWorld();
    } else if (random_.OneIn(8)) {
      KernelWorld();
    } else {
      UserWorld();
    }
  }

  PairingWorld World(uint64_t seed, std::string service, const std::string& fault) const {
    if (const auto at = service.find("HOST"); at != std::string::npos) {
      service.replace(at, 4, std::to_string(host_));
    }
    std::string cpus;
    for (int c = 0; c < cpus_; ++c) {
      const bool is_offline = c == data_ && starts_offline_;
      cpus += fmt::format(R"({}{{"ids": "{}"{}}})", c == 0 ? "" : ", ", c,
                          is_offline ? R"(, "online": false)" : "");
    }
    PairingWorld world;
    world.updates = updates_;
    world.optional = optional_;
    world.comes_back = comes_back_;
    world.text = fmt::format(
        R"({{"version": 1, "name": "world-{}", "until": 20000,
  "machine": {{"cpus": [{}], "costs": {{"preset": "pair"}}}},
  "tasks": [
{}],
  "actions": [{}], "hotplug": [{}],
  "common": {{"preset": "PA", "class": {}}},
  "policies": {{"set": {{"services": [{{"name": "cpuhp", {}}}, {}], "faults": [{}]}}}}}})",
        seed, cpus, tasks_, actions_, hotplug_, class_, cpuhp_, service,
        fault.empty() ? "" : fmt::format("\"{}\"", fault));
    return world;
  }

 private:
  void UserWorld() {
    if (cpus_ > 2 && random_.OneIn(2)) Hotplug();
    const int users = Between(1, 3);
    for (int i = 0; i < users; ++i) User(i);
    if (random_.OneIn(4)) Execs();
    for (int i = random_.Below(4); i > 0; --i) Preempter(i);
    if (up_at_ > 0 && random_.OneIn(2)) Returner();
    if (random_.OneIn(2)) Storm(users);
  }

  void HotplugWorld() {
    if (random_.OneIn(6)) {
      TurnsWorld();
      return;
    }
    if (random_.OneIn(6)) {
      ReturnWorld();
      return;
    }
    if (cpus_ == 2) cpus_ = 3;
    constexpr const char* kTables[] = {"toy", "mini", "full"};
    cpuhp_ = fmt::format(R"("table": "{}")", kTables[random_.Below(3)]);
    // Above and below the state of the services.
    if (random_.OneIn(3)) {
      const int state = random_.OneIn(2) ? 232 : 191;
      comes_back_ = random_.OneIn(2);
      const char* const fails = comes_back_ ? "down" : "both";
      cpuhp_ += fmt::format(R"(, "states": ["name=fails nr={} up=1 down=1 cost=2 fail={}"])", state,
                            fails);
    }
    starts_offline_ = random_.OneIn(4);
    int at = random_.Below(60);
    bool is_online = !starts_offline_;
    for (int i = Between(1, 4); i > 0 || !is_online; --i) {
      is_online = !is_online;
      up_at_ = at;
      Add(hotplug_, fmt::format(R"({{"at": {}, "cpu": {}, "to": "{}"}})", at, data_,
                                is_online ? "online" : "offline"));
      at += Between(1, 150);
    }
    const int users = Between(1, 3);
    for (int i = 0; i < users; ++i) User(i);
    if (random_.OneIn(8)) Execs();
    for (int i = random_.Below(4); i > 0; --i) Preempter(i);
    if (random_.OneIn(2)) Native(up_at_ + random_.Below(60));
    if (random_.OneIn(2)) Storm(users);
  }

  // Tasks that take turns on one CPU, each paired with another, let each other in and out.
  void TurnsWorld() {
    cpus_ = 4;
    const int tasks = Between(2, 3);
    for (int i = 0; i < tasks; ++i) {
      const int start = random_.Below(12);
      const int first = Between(1, 20);
      const int rest = random_.Below(10);
      const int second = Between(1, 20);
      Add(tasks_, fmt::format(
                      R"({{"name": "U{}", "sched": {{"priority": 5}}, "cpus": "0", "start": {},
 "ops": [{{"pair": {}}}, {{"run": {}}}, {{"sleep": {}}}, {{"run": {}}}, {{"unpair": {{}}}}]}})",
                      i, start, i + 1, first, rest + 1, second));
    }
    for (int i = random_.Below(3); i > 0; --i) Preempter(i);
    if (random_.OneIn(2)) Storm(tasks);
  }

  // The CPU comes while its data is used elsewhere, and somebody waits for it who begins at once.
  void ReturnWorld() {
    cpus_ = 4;
    starts_offline_ = true;
    up_at_ = Between(20, 60);
    // By a task, in whose system call it is there before who starts at that instant.
    Add(tasks_,
        fmt::format(
            R"({{"name": "C", "sched": {{"priority": 9}}, "cpus": "{}", "ops": [{{"run": {}}}, {{"online": {}}}]}})",
            (data_ + 1) % cpus_, up_at_ - 3, data_));
    const int users = Between(1, 2);
    for (int i = 0; i < users; ++i) User(i);
    Native(up_at_);
    if (random_.OneIn(2)) Storm(users);
  }

  // A section on the CPU's own data, as programs have them that know of no other CPU: elsewhere it
  // does without.
  void Native(int start) {
    const int section = Between(5, 25);
    optional_ += 1;
    Add(tasks_, fmt::format(
                    R"({{"name": "N", "sched": {{"priority": 5}}, "cpus": "{}", "start": {},
 "ops": [{{"rseq_begin": {{"data": {}, "guard": "cpu_id", "on_abort": "fail"}}}}, {{"run": {}}}, {{"rseq_commit": {{}}}}]}})",
                    data_, start, data_, section));
  }

  // One sleeps while it is paired, and the CPU it was on goes away; about then its worker is
  // preempted.
  void SleeperWorld() {
    cpus_ = 3;
    data_ = 1;
    host_ = 0;
    const int start = random_.Below(4);
    Add(tasks_, fmt::format(
                    R"({{"name": "S", "sched": {{"priority": 5}}, "start_cpu": 2, "start": {},
 "ops": [{{"pair": 1}}, {{"run": 3}}, {{"sleep": 20}}, {{"run": 5}}, {{"unpair": {{}}}}]}})",
                    start));
    const int preempted = start + Between(15, 25);
    Add(tasks_,
        fmt::format(
            R"({{"name": "X", "sched": {{"priority": 9}}, "cpus": "1", "start": {}, "ops": [{{"run": 10}}]}})",
            preempted));
    const int gone = start + Between(18, 28);
    Add(hotplug_, fmt::format(R"({{"at": {}, "cpu": 2, "to": "offline"}})", gone));
    Add(hotplug_, fmt::format(R"({{"at": {}, "cpu": 2, "to": "online"}})", gone + 60));
    if (random_.OneIn(2)) User(0);
  }

  // One is in kernel code while it is paired, others wait for its CPU, and its worker is preempted.
  // Under the kernel's classes, where
  // who reschedules may have to give way.
  void KernelWorld() {
    class_ = R"({"name": "default", "preempt": "full"})";
    const int away = (data_ + 1) % cpus_;
    const int kernel = Between(20, 60);
    Add(tasks_,
        fmt::format(
            R"({{"name": "K", "cpus": "{}", "ops": [{{"pair": {}}}, {{"run": {{"for": {}, "mode": "kernel"}}}}, {{"run": 5}}, {{"unpair": {{}}}}]}})",
            away, data_, kernel));
    const int waits = Between(8, 20);
    Add(tasks_, fmt::format(R"({{"name": "B", "cpus": "{}", "start": {}, "ops": [{{"run": 10}}]}})",
                            away, waits));
    const int preempted = Between(12, 40);
    Add(tasks_,
        fmt::format(
            R"({{"name": "X", "sched": {{"policy": "fifo", "priority": 9}}, "cpus": "{}", "start": {}, "ops": [{{"run": 10}}]}})",
            data_, preempted));
  }

  int Between(int low, int high) { return low + random_.Below(high - low + 1); }

  void Add(std::string& list, const std::string& entry) {
    list += (list.empty() ? "" : ",\n") + entry;
  }

  // The CPU whose data is used comes up, after it has gone down or has been down from the start.
  void Hotplug() {
    starts_offline_ = random_.OneIn(3);
    const int down = random_.Below(100);
    const int gone = Between(15, 150);
    up_at_ = starts_offline_ ? gone : down + gone;
    if (!starts_offline_) {
      Add(hotplug_, fmt::format(R"({{"at": {}, "cpu": {}, "to": "offline"}})", down, data_));
    }
    Add(hotplug_, fmt::format(R"({{"at": {}, "cpu": {}, "to": "online"}})", up_at_, data_));
  }

  void User(int number) {
    const int loop = Between(1, 4);
    const int cpu = AnyOnlineCpu();
    const int start = random_.Below(30);
    const int section = Between(1, 30);
    const int rest = random_.Below(20);
    updates_ += loop;
    Add(tasks_,
        fmt::format(
            R"({{"name": "U{}", "sched": {{"priority": 5}}, "start_cpu": {}, "start": {}, "loop": {},
 "ops": [{{"percpu": {{"cpu": {}, "run": {}}}}}, {{"run": {}}}]}})",
            number, cpu, start, loop, data_, section, rest));
  }

  // Pairs, executes kernel code or not, and ends its pairing by execve().
  void Execs() {
    const int cpu = AnyOnlineCpu();
    const int start = random_.Below(60);
    const int kernel = random_.OneIn(2) ? Between(5, 50) : 0;
    Add(tasks_, fmt::format(
                    R"({{"name": "E", "sched": {{"priority": 5}}, "start_cpu": {}, "start": {},
 "ops": [{{"pair": {}}}, {{"run": {{"for": {}, "mode": "kernel"}}}}, {{"run": 9}}, {{"exec": {{}}}}, {{"run": 5}}]}})",
                    cpu, start, data_, kernel));
  }

  void Preempter(int number) {
    constexpr int kPriorities[] = {1, 5, 9};
    const int priority = kPriorities[random_.Below(3)];
    const int cpu = random_.OneIn(2) ? data_ : random_.Below(cpus_);
    const int start = random_.Below(60);
    const int loop = Between(1, 4);
    const int busy = Between(1, 20);
    const int idle = Between(1, 40);
    Add(tasks_,
        fmt::format(
            R"({{"name": "P{}", "sched": {{"priority": {}}}, "cpus": "{}", "start": {}, "loop": {},
 "ops": [{{"run": {}}}, {{"sleep": {}}}]}})",
            number, priority, cpu, start, loop, busy, idle));
  }

  // Starts on the CPU within ten cycles of its return.
  void Returner() {
    const int start = up_at_ + random_.Below(11);
    const int busy = Between(5, 25);
    const bool is_user = random_.OneIn(2);
    updates_ += is_user ? 1 : 0;
    const std::string op = is_user
                               ? fmt::format(R"("percpu": {{"cpu": {}, "run": {}}})", data_, busy)
                               : fmt::format(R"("run": {})", busy);
    Add(tasks_,
        fmt::format(
            R"({{"name": "R", "sched": {{"priority": 5}}, "cpus": "{}", "start": {}, "ops": [{{{}}}]}})",
            data_, start, op));
  }

  // Signals and wake-ups out of the blue.
  void Storm(int users) {
    for (int i = random_.Below(6); i > 0; --i) {
      const int at = random_.Below(200);
      const int user = random_.Below(users);
      const bool is_signal = random_.OneIn(2);
      Add(actions_, is_signal
                        ? fmt::format(R"({{"at": {}, "signal": {{"task": "U{}"}}}})", at, user)
                        : fmt::format(R"({{"at": {}, "wake": "U{}"}})", at, user));
    }
  }

  int AnyOnlineCpu() {
    const int cpu = random_.Below(cpus_);
    return starts_offline_ && cpu == data_ ? host_ : cpu;
  }

  Random random_;
  int cpus_ = 0, data_ = 0, host_ = 0, updates_ = 0, optional_ = 0, up_at_ = 0;
  bool starts_offline_ = false, comes_back_ = true;
  std::string cpuhp_ = R"("table": "toy")";
  std::string class_, tasks_, actions_, hotplug_;
};

}  // namespace

PairingWorld MakePairingWorld(uint64_t seed, std::string service, const std::string& fault) {
  return Maker(seed, Family::kShort).World(seed, std::move(service), fault);
}

PairingWorld MakeHotplugPairingWorld(uint64_t seed, std::string service, const std::string& fault) {
  return Maker(seed, Family::kHotplug).World(seed, std::move(service), fault);
}

}  // namespace rqsim
