// CPUs that go offline and come online at random over a scenario that is there already.
//
// Each entry draws its instant within the time the scenario has, its CPU, and mostly the direction
// that makes sense if all before it have worked; the others are refused, which belongs to it. At
// the end all CPUs are brought back. What the scenario expects does not hold any more and is left
// out.
#include <absl/status/status.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "sim/scenario/gen/kinds.h"
#include "sim/scenario/gen/random.h"

namespace rqsim::gen {
namespace {

// How long a scenario without an end may be expected to last.
constexpr int64_t kUsualSpan = 2000;

}  // namespace

absl::StatusOr<Scenario> MakeHotplugStorm(const GenOptions& options) {
  if (options.operations < 1 || options.operations > 100'000) {
    return absl::InvalidArgumentError("--operations: from 1 to 100000");
  }
  absl::StatusOr<Scenario> base =
      options.over != nullptr ? absl::StatusOr<Scenario>(*options.over) : MakeUUniFast(options);
  if (!base.ok()) return base;
  Scenario scenario = *std::move(base);
  scenario.name = fmt::format("{}-storm-{}", scenario.name, options.seed);
  scenario.expects.clear();
  scenario.asserts.clear();
  // With one CPU nothing can go.
  std::vector<CpuSpec>& cpus = scenario.machine.cpus;
  if (cpus.size() == 1) {
    CpuSpec second = cpus[0];
    second.core = -1;
    cpus.push_back(second);
  }
  std::vector<bool> online(cpus.size());
  for (std::size_t c = 0; c < cpus.size(); ++c) online[c] = cpus[c].online;
  const int64_t span = std::max<int64_t>(
      1, scenario.until ? std::min<int64_t>(scenario.until->cycles(), kCyclesMax.count())
                        : kUsualSpan);
  Random draws(options.seed, kStorm);
  std::vector<int64_t> instants;
  for (int i = 0; i < options.operations; ++i) instants.push_back(draws.Below(span));
  // total order: numbers.
  std::sort(instants.begin(), instants.end());
  const auto add = [&](int64_t at, std::size_t cpu, bool up) {
    HotplugSpec request;
    request.at = Time(at);
    request.cpus = CpuSet::Of(CpuId(static_cast<int32_t>(cpu)));
    request.to = up ? "online" : "offline";
    scenario.hotplug.push_back(std::move(request));
  };
  for (const int64_t at : instants) {
    const auto cpu = static_cast<std::size_t>(draws.Below(static_cast<int64_t>(cpus.size())));
    const bool sensible = draws.Below(8) != 0;
    const bool up = online[cpu] != sensible;
    add(at, cpu, up);
    const auto others = std::count(online.begin(), online.end(), true) - (online[cpu] ? 1 : 0);
    if (up || others > 0) online[cpu] = up;
  }
  for (std::size_t c = 0; c < cpus.size(); ++c) add(span, c, true);
  // total order: by time, as drawn.
  std::stable_sort(scenario.hotplug.begin(), scenario.hotplug.end(),
                   [](const HotplugSpec& a, const HotplugSpec& b) { return a.at < b.at; });
  return scenario;
}

}  // namespace rqsim::gen
