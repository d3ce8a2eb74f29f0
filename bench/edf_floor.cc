#include "edf_floor.h"

#include <bit>

namespace rqsim {
namespace {

class Floor {
 public:
  Floor(const std::vector<EdfTask>& tasks, int num_cpus)
      : releases_(static_cast<int>(tasks.size())),
        ready_(static_cast<int>(tasks.size())),
        ends_(num_cpus),
        latest_(num_cpus),
        tasks_(tasks.size()),
        cpus_(static_cast<std::size_t>(num_cpus)),
        idle_(num_cpus == 64 ? ~uint64_t{0} : (uint64_t{1} << num_cpus) - 1) {
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      tasks_[i].spec = tasks[i];
      tasks_[i].next_job = tasks[i].phase;
      releases_.Set(static_cast<int>(i), tasks[i].phase);
    }
  }

  EdfCounts Run(int64_t until) {
    for (;;) {
      const bool ends = ends_.key() <= releases_.key();
      const int64_t now = ends ? ends_.key() : releases_.key();
      if (now > until) return counts_;
      ends ? Complete(ends_.who(), now) : Release(releases_.who(), now);
    }
  }

 private:
  struct State {
    EdfTask spec;
    int64_t next_job = 0;  // release of the next job to run
    int64_t deadline = 0;  // of the present one
    int64_t left = 0;
    int64_t waiting = 0;  // releases that wait for the job before
    int last_cpu = -1;
    bool is_active = false;
  };
  struct Cpu {
    int task = -1;
    int64_t since = 0;
  };

  void StartJob(State& task) {
    task.is_active = true;
    task.left = task.spec.wcet;
    task.next_job += task.spec.period;
    task.deadline = task.next_job;
  }

  void Release(int id, int64_t now) {
    ++counts_.releases;
    State& task = tasks_[static_cast<std::size_t>(id)];
    releases_.Set(id, now + task.spec.period);
    if (task.is_active) {
      ++task.waiting;
      return;
    }
    StartJob(task);
    Place(id, now);
  }

  // A job that has just become ready takes a CPU, or waits.
  void Place(int id, int64_t now) {
    const State& task = tasks_[static_cast<std::size_t>(id)];
    if (idle_ != 0) {
      Dispatch(std::countr_zero(idle_), id, now);
      return;
    }
    // Latest deadlines are kept negated, so that the earliest key is the latest deadline.
    if (task.deadline >= -latest_.key()) {
      ready_.Set(id, task.deadline);
      return;
    }
    const int cpu = latest_.who();
    Cpu& on = cpus_[static_cast<std::size_t>(cpu)];
    State& loser = tasks_[static_cast<std::size_t>(on.task)];
    loser.left -= now - on.since;
    ready_.Set(on.task, loser.deadline);
    Dispatch(cpu, id, now);
  }

  void Dispatch(int cpu, int id, int64_t now) {
    ++counts_.dispatches;
    State& task = tasks_[static_cast<std::size_t>(id)];
    counts_.migrations += task.last_cpu >= 0 && task.last_cpu != cpu ? 1 : 0;
    task.last_cpu = cpu;
    cpus_[static_cast<std::size_t>(cpu)] = {id, now};
    idle_ &= ~(uint64_t{1} << cpu);
    ends_.Set(cpu, now + task.left);
    latest_.Set(cpu, -task.deadline);
  }

  void Complete(int cpu, int64_t now) {
    ++counts_.jobs;
    const int id = cpus_[static_cast<std::size_t>(cpu)].task;
    State& task = tasks_[static_cast<std::size_t>(id)];
    task.is_active = false;
    if (task.waiting > 0) {
      --task.waiting;
      StartJob(task);
      ready_.Set(id, task.deadline);
    }
    if (ready_.key() != Tournament::kAbsent) {
      const int next = ready_.who();
      ready_.Set(next, Tournament::kAbsent);
      Dispatch(cpu, next, now);
      return;
    }
    cpus_[static_cast<std::size_t>(cpu)].task = -1;
    idle_ |= uint64_t{1} << cpu;
    ends_.Set(cpu, Tournament::kAbsent);
    latest_.Set(cpu, Tournament::kAbsent);
  }

  Tournament releases_, ready_, ends_, latest_;
  std::vector<State> tasks_;
  std::vector<Cpu> cpus_;
  uint64_t idle_;
  EdfCounts counts_;
};

}  // namespace

EdfCounts RunEdfFloor(const std::vector<EdfTask>& tasks, int num_cpus, int64_t until) {
  return Floor(tasks, num_cpus).Run(until);
}

}  // namespace rqsim
