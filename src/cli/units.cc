#include "cli/units.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

namespace rqsim {
namespace {

// From here on a number of cycles is easier to read with its length beside it.
constexpr int64_t kLong = 10'000;

// Long enough for the product of any length and 10^9.
__extension__ using Wide = __int128;

}  // namespace

std::string DurationText(int64_t cycles, int64_t clock_hz) {
  struct Unit {
    const char* name;
    int64_t picoseconds;
  };
  static constexpr std::array kUnits = {Unit{"s", 1'000'000'000'000}, Unit{"ms", 1'000'000'000},
                                        Unit{"us", 1'000'000}, Unit{"ns", 1'000}};
  if (cycles == 0) return "0";
  const bool negative = cycles < 0;
  const Wide magnitude = negative ? -Wide{cycles} : Wide{cycles};
  const Wide picoseconds = magnitude * 1'000'000'000'000 / clock_hz;
  const Unit* unit = &kUnits.back();
  for (const Unit& candidate : kUnits) {
    if (picoseconds >= candidate.picoseconds) {
      unit = &candidate;
      break;
    }
  }
  const Wide thousandths = (picoseconds * 1000 + unit->picoseconds / 2) / unit->picoseconds;
  std::string text =
      fmt::format("{}{}", negative ? "-" : "", static_cast<int64_t>(thousandths / 1000));
  const auto rest = static_cast<int>(thousandths % 1000);
  if (rest != 0) {
    text += fmt::format(".{:03}", rest);
    while (text.back() == '0') text.pop_back();
  }
  return text + unit->name;
}

std::string ValueText(int64_t value, MetricUnit unit, int64_t clock_hz) {
  if (unit == MetricUnit::kCount || (value < kLong && value > -kLong)) return std::to_string(value);
  return fmt::format("{} ({})", value, DurationText(value, clock_hz));
}

std::string ValueText(std::optional<int64_t> value, MetricUnit unit, int64_t clock_hz) {
  return value ? ValueText(*value, unit, clock_hz) : "-";
}

std::string ChangeText(int64_t from, int64_t to, MetricUnit unit, int64_t clock_hz) {
  const int64_t change = to - from;
  if (change == 0) return "=";
  std::string text = unit == MetricUnit::kCount || (change < kLong && change > -kLong)
                         ? std::to_string(change)
                         : DurationText(change, clock_hz);
  if (change > 0) text.insert(text.begin(), '+');
  // Instants are not amounts: a share of one says nothing.
  if (from <= 0 || unit == MetricUnit::kInstant) return text;
  const Wide scaled = Wide{change} * 200 / from;
  const auto percent = static_cast<int64_t>((scaled + (change < 0 ? -1 : 1)) / 2);
  // Less than half a percent is no share worth a column.
  return percent == 0 ? text : text + fmt::format(" {}{}%", change > 0 ? "+" : "", percent);
}

std::size_t Columns(const std::string& text) {
  std::size_t columns = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b') {
      while (i < text.size() && text[i] != 'm') ++i;
      continue;
    }
    if ((static_cast<unsigned char>(text[i]) & 0xc0u) != 0x80u) ++columns;
  }
  return columns;
}

std::string PadRight(const std::string& text, std::size_t columns) {
  const std::size_t have = Columns(text);
  return have >= columns ? text : text + std::string(columns - have, ' ');
}

std::string PadLeft(const std::string& text, std::size_t columns) {
  const std::size_t have = Columns(text);
  return have >= columns ? text : std::string(columns - have, ' ') + text;
}

std::string WithoutBlanksBehind(std::string text) {
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::string Shortened(const std::string& text, std::size_t columns) {
  if (Columns(text) <= columns) return text;
  std::string out;
  std::size_t taken = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(text[i]) & 0xc0u) != 0x80u;
    if (begins && ++taken == columns) break;
    out += text[i];
  }
  return out + "…";
}

std::string Wrapped(const std::string& indent, const std::string& text, std::size_t columns) {
  std::string out;
  std::string line = indent;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find(' ', start), text.size());
    const std::string word = text.substr(start, end - start);
    if (line != indent && Columns(line) + 1 + Columns(word) > columns) {
      out += line + "\n";
      line = indent;
    }
    if (line != indent) line += ' ';
    line += word;
    start = end + 1;
  }
  return out + line + "\n";
}

}  // namespace rqsim
