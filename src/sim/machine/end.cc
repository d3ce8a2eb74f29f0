// The end of a run: the books are closed, and what is left says why and who waits.

#include "sim/machine/machine.h"

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <utility>

namespace rqsim {

void Machine::End(Outcome outcome, std::string message) {
  if (ended_) return;
  ended_ = true;
  end_.outcome = outcome;
  end_.message = std::move(message);
  CloseBooks();
  for (Listener* listener : trace_.listeners()) listener->OnEnd(end_);
}

void Machine::CloseBooks() {
  for (int i = 0; i < Kernel::num_cpus(); ++i) {
    const CpuId c(i);
    CpuState& s = State(c);
    actor_ = c;
    Charge(c);
    // The run may end inside an overhead: its parts as far as they went.
    if (s.mode == Mode::kOverhead) BookOverhead(c, now_);
    CloseSpan(c, now_);
  }
  end_.end = now_;
  end_.events = trace_.count();
  end_.digest = trace_.digest();
  end_.schedule_digest = trace_.schedule_digest();
  end_.elided_ticks = elided_ticks_;
  end_.tasks.clear();
  for (int id = 0; id < num_tasks_made_; ++id) {
    end_.tasks.push_back(contexts_[static_cast<std::size_t>(id)].sums);
  }
  end_.cpus.clear();
  for (const CpuState& state : cpu_states_) end_.cpus.push_back(state.sums);
}

std::string Machine::DescribeBlocked() const {
  std::string text;
  for (int id = 1; id < num_tasks_made_; ++id) {
    const Task& t = task_store_[static_cast<std::size_t>(id)];
    if (t.is_kthread || t.state == TaskState::kDead || t.state == TaskState::kNew) continue;
    const bool spins = t.on_cpu && spinning_.Test(t.cpu);
    if (t.state == TaskState::kRunning && !spins) continue;
    if (!text.empty()) text += ", ";
    text += names_[static_cast<std::size_t>(id)];
    if (spins) {
      text += " spins";
    } else if (t.blocked_on.valid()) {
      text += fmt::format(" waits for {}", lock_name(t.blocked_on));
      const TaskId owner = lock_store_[t.blocked_on.index()].owner;
      if (owner.valid()) text += fmt::format(" of {}", names_[owner.index()]);
    } else {
      text += " sleeps";
    }
  }
  return text;
}

void Machine::Report(Violation violation, Severity severity) {
  const bool fatal = severity == Severity::kFatal;
  if (fatal && !stop_requested_) {
    stop_requested_ = true;
    stop_outcome_ = Outcome::kViolation;
    stop_message_ = violation.id + ": " + violation.message;
  }
  violations_.push_back(std::move(violation));
}

void Machine::PolicyBroke(PolicyId policy, ViolationCode code, TaskId task, int detail) {
  Emit(actor_, PolicyViolation{policy.value(), code, task, detail});
  if (stop_requested_) return;
  stop_requested_ = true;
  stop_outcome_ = code == ViolationCode::kPickAgainLimit ? Outcome::kLivelock : Outcome::kViolation;
  stop_message_ =
      fmt::format("policy {} made a request that it may not (code {}, detail {})",
                  policies_.rows[policy.index()].info->name, static_cast<int>(code), detail);
}

void Machine::Describe(TaskId task, StateWriter& writer) const {
  for (const PolicyRow& row : policies_.rows) {
    if (row.policy != nullptr) row.policy->Describe(*this, task, writer);
  }
  if (task_loads_.empty()) return;
  const LoadAvg& load = task_loads_[task.index()];
  writer.Field("load_avg", load.load_avg);
  writer.Field("runnable_avg", load.runnable_avg);
  writer.Field("util_avg", load.util_avg);
  writer.Field("util_sum", load.util_sum);
}

void Machine::DescribeForCheck() const {
  std::string where;
  if (actor_.valid()) {
    const Cpu& cpu = cpu_store_[actor_.index()];
    where = fmt::format(", cpu {}, curr {}, donor {}", actor_.value(), names_[cpu.curr.index()],
                        names_[cpu.donor.index()]);
  }
  // tidy: allow(talk) the process ends here, and this is where it was
  fmt::print(stderr, "rqsim: at t = {} cycles, set {}{}, {} events so far\n", now_.cycles(),
             plan_.set_name, where, trace_.count());
}

}  // namespace rqsim
