#include "rqsim/cpu_set.h"

#include <fmt/format.h>

#include <cstddef>

namespace rqsim {
namespace {

// Reads a CPU number at the beginning of `text` and takes it away.
std::optional<int> TakeCpu(std::string_view& text) {
  std::size_t digits = 0;
  int value = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
    value = value * 10 + (text[digits] - '0');
    if (value >= kMaxCpus) return std::nullopt;
    ++digits;
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

}  // namespace

std::optional<CpuSet> CpuSet::Parse(std::string_view cpulist) {
  CpuSet set;
  if (cpulist.empty()) return set;
  for (;;) {
    const std::optional<int> first = TakeCpu(cpulist);
    if (!first) return std::nullopt;
    int last = *first;
    if (!cpulist.empty() && cpulist.front() == '-') {
      cpulist.remove_prefix(1);
      const std::optional<int> end = TakeCpu(cpulist);
      if (!end || *end < *first) return std::nullopt;
      last = *end;
    }
    for (int cpu = *first; cpu <= last; ++cpu) set.Add(CpuId(cpu));
    if (cpulist.empty()) return set;
    if (cpulist.front() != ',') return std::nullopt;
    cpulist.remove_prefix(1);
  }
}

std::string CpuSet::ToString() const {
  std::string out;
  for (CpuId first = First(); first.valid();) {
    CpuId last = first;
    CpuId next = After(last);
    while (next.valid() && next.value() == last.value() + 1) {
      last = next;
      next = After(last);
    }
    if (!out.empty()) out += ',';
    out += fmt::format("{}", first.value());
    if (last != first) out += fmt::format("-{}", last.value());
    first = next;
  }
  return out;
}

}  // namespace rqsim
