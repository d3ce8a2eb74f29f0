// Workloads made from a seed: periodic and sporadic task sets, chains of locks. The same options
// give the same scenario on every machine; docs/MODEL.md (MODEL-101 to 103) says how each kind is
// drawn.
//
//   rqsim::GenOptions options;
//   options.tasks = 20;
//   options.utilisation_ppm = 3'200'000;
//   options.cpus = 4;
//   const rqsim::GenKind* kind = rqsim::FindGenKind("randfixedsum");
//   absl::StatusOr<rqsim::Scenario> scenario = kind->make(options);
#ifndef RQSIM_GENERATE_H_
#define RQSIM_GENERATE_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "rqsim/scenario.h"
#include "rqsim/time.h"

namespace rqsim {

enum class Arrivals : uint8_t { kPeriodic, kSporadic };

// What a kind may be asked for. Lengths are cycles at 1 GHz.
struct GenOptions {
  int tasks = 10;
  int64_t utilisation_ppm = 800'000;  // of one CPU, of all tasks together
  int cpus = 1;
  uint64_t seed = 1;
  SchedPolicy policy = SchedPolicy::kFifo;  // of every task: normal, batch, fifo, rr or deadline
  Cycles min_period{10'000'000};
  Cycles max_period{1'000'000'000};
  Arrivals arrivals = Arrivals::kPeriodic;
  int spread_percent = 50;   // sporadic: releases lie up to so much more than a period apart
  int locks = 0;             // task sets: mutexes, each job holds one of them …
  int section_percent = 20;  // … for so much of its time
  int depth = 3;             // lock-chain: mutexes of the chain
  int hogs = 1;              // lock-chain: per CPU, tasks that only compute
  Time until{4'000'000'000};
  const Scenario* over = nullptr;  // hotplug-storm: laid over this one
  int operations = 20;             // hotplug-storm: how many
};

struct GenKind {
  std::string_view name;
  std::string_view summary;  // one line
  // The options that mean something to it, as the command spells them, with a blank between.
  // `cpus seed policy until` belong to every kind.
  std::string_view options;
  // Errors: options that no workload can have; the message names them as the command does.
  absl::StatusOr<Scenario> (*make)(const GenOptions& options);
};

std::span<const GenKind> GenKinds();
// Null if there is none of that name.
const GenKind* FindGenKind(std::string_view name);

}  // namespace rqsim

#endif  // RQSIM_GENERATE_H_
