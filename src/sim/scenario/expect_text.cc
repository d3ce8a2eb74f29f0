#include "sim/scenario/expect_text.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

namespace rqsim {
namespace {

constexpr std::string_view kArrow = "\xe2\x86\x92";  // the arrow character, in UTF-8
constexpr std::string_view kPlainArrow = "->";

// Reads a string from the left.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::size_t index() const { return index_; }
  bool at_end() const { return index_ == text_.size(); }
  void SkipBlanks() {
    while (!at_end() && (text_[index_] == ' ' || text_[index_] == '\t' || text_[index_] == '\n')) {
      ++index_;
    }
  }
  bool Take(std::string_view what) {
    if (!text_.substr(index_).starts_with(what)) return false;
    index_ += what.size();
    return true;
  }
  // A number that can be an instant.
  std::optional<Time> TakeTime() {
    std::size_t end = index_;
    int64_t value = 0;
    while (end < text_.size() && text_[end] >= '0' && text_[end] <= '9') {
      if (value > kTimeMax.cycles() / 10) return std::nullopt;
      value = value * 10 + (text_[end] - '0');
      ++end;
    }
    if (end == index_) return std::nullopt;
    index_ = end;
    return Time(value);
  }
  // Up to a blank or one of `stop`.
  std::string_view TakeUntil(std::string_view stop) {
    const std::size_t begin = index_;
    while (!at_end() && text_[index_] != ' ' && text_[index_] != '\t' && text_[index_] != '\n' &&
           stop.find(text_[index_]) == std::string_view::npos) {
      ++index_;
    }
    return text_.substr(begin, index_ - begin);
  }
  void SkipPast(char c) {
    const std::size_t found = text_.find(c, index_);
    index_ = found == std::string_view::npos ? text_.size() : found + 1;
  }

 private:
  std::string_view text_;
  std::size_t index_ = 0;
};

// After so many errors a string is not what it was meant to be.
constexpr std::size_t kMaxErrors = 20;

bool IsIdle(std::string_view name) { return name == "idle" || name == "-"; }

// Splits "L/H" into curr and donor. Names of kernel threads contain a slash themselves ("stop/1").
bool SplitNames(std::string_view text, const NameCheck& names, ExpectCell& cell) {
  if (text == "-" || text == "off" || names.IsTask(text)) {
    cell.curr = cell.donor = std::string(text);
    return true;
  }
  for (std::size_t slash = text.find('/'); slash != std::string_view::npos;
       slash = text.find('/', slash + 1)) {
    const std::string_view curr = text.substr(0, slash);
    const std::string_view donor = text.substr(slash + 1);
    if (!names.IsTask(curr) || !names.IsTask(donor)) continue;
    cell.curr = std::string(curr);
    cell.donor = std::string(donor);
    return true;
  }
  return false;
}

// One cell; nothing after an error, which is reported.
std::optional<ExpectCell> ParseCell(Scanner& scanner, const NameCheck& names,
                                    std::vector<TextError>& errors) {
  const std::size_t begin = scanner.index();
  ExpectCell cell;
  const auto fail = [&errors](std::size_t index, std::string message) {
    errors.push_back({index, std::move(message)});
    return std::nullopt;
  };
  if (!scanner.Take("[")) return fail(begin, "expected a cell such as [0,3)A");
  const std::optional<Time> start = scanner.TakeTime();
  if (!start) return fail(scanner.index(), "expected the start of the cell in cycles");
  cell.start = *start;
  if (!scanner.Take(",")) return fail(scanner.index(), "expected a comma behind the start");
  if (const std::optional<Time> end = scanner.TakeTime()) {
    cell.end = *end;
    if (!scanner.Take(")")) return fail(scanner.index(), "expected ) behind the end");
  } else {
    scanner.Take(")");
  }
  scanner.SkipBlanks();
  const std::size_t name_at = scanner.index();
  const std::string_view name = scanner.TakeUntil("[");
  if (name.empty()) return fail(name_at, "expected a task, - or off");
  if (!SplitNames(name, names, cell)) {
    return fail(name_at, fmt::format("\"{}\" is no task of this scenario", name));
  }
  if (cell.end <= cell.start) {
    return fail(begin, "a cell ends after it starts; one of no length is not written");
  }
  return cell;
}

// "TIME REST" items separated by commas.
template <class Item>
void ParseItems(std::string_view text, std::vector<TextError>& errors, Item item) {
  Scanner scanner(text);
  scanner.SkipBlanks();
  while (!scanner.at_end() && errors.size() < kMaxErrors) {
    const std::optional<Time> at = scanner.TakeTime();
    if (!at) {
      errors.push_back({scanner.index(), "expected an instant in cycles"});
      scanner.SkipPast(',');
      scanner.SkipBlanks();
      continue;
    }
    scanner.SkipBlanks();
    item(scanner, *at);
    scanner.SkipBlanks();
    if (scanner.at_end()) return;
    if (!scanner.Take(",")) {
      errors.push_back({scanner.index(), "expected a comma"});
      scanner.SkipPast(',');
    }
    scanner.SkipBlanks();
  }
}

}  // namespace

std::vector<ExpectCell> ParseCells(std::string_view text, bool whole, const NameCheck& names,
                                   std::vector<TextError>& errors) {
  std::vector<ExpectCell> cells;
  Scanner scanner(text);
  Time reached;
  scanner.SkipBlanks();
  while (!scanner.at_end() && errors.size() < kMaxErrors) {
    const std::size_t begin = scanner.index();
    std::optional<ExpectCell> cell = ParseCell(scanner, names, errors);
    // What follows a broken cell cannot be told to be right or wrong.
    if (!cell) return cells;
    if (cell->start < reached) {
      errors.push_back({begin, fmt::format("this cell starts at {}, before {} where the one before "
                                           "it ends",
                                           cell->start.cycles(), reached.cycles())});
    } else if (whole && cell->start > reached) {
      errors.push_back({begin, fmt::format("nothing is said about [{},{}): a CPU is given whole",
                                           reached.cycles(), cell->start.cycles())});
    }
    reached = cell->end;
    if (!cells.empty() && cells.back().end == cell->start && cells.back().curr == cell->curr &&
        cells.back().donor == cell->donor) {
      cells.back().end = cell->end;
    } else {
      cells.push_back(std::move(*cell));
    }
    scanner.SkipBlanks();
  }
  return cells;
}

std::vector<ExpectSwitch> ParseSwitches(std::string_view text, const NameCheck& names,
                                        std::vector<TextError>& errors) {
  std::vector<ExpectSwitch> switches;
  ParseItems(text, errors, [&](Scanner& scanner, Time at) {
    const std::size_t begin = scanner.index();
    std::string_view next = scanner.TakeUntil(",");
    std::string_view prev;
    std::size_t next_at = begin;
    for (const std::string_view arrow : {kArrow, kPlainArrow}) {
      const std::size_t found = next.find(arrow);
      if (found == std::string_view::npos) continue;
      prev = next.substr(0, found);
      next_at = begin + found + arrow.size();
      next = next.substr(found + arrow.size());
      break;
    }
    if (!prev.empty() && !IsIdle(prev) && !names.IsTask(prev)) {
      errors.push_back({begin, fmt::format("\"{}\" is no task of this scenario", prev)});
    }
    if (next.empty()) {
      errors.push_back({next_at, "expected the task that is switched to"});
    } else if (!IsIdle(next) && !names.IsTask(next)) {
      errors.push_back({next_at, fmt::format("\"{}\" is no task of this scenario", next)});
    }
    const auto plain = [](std::string_view name) {
      return IsIdle(name) ? std::string("idle") : std::string(name);
    };
    switches.push_back({at, plain(prev), plain(next)});
  });
  return switches;
}

std::vector<std::pair<Time, std::string>> ParseAcquired(std::string_view text,
                                                        const NameCheck& names,
                                                        std::vector<TextError>& errors) {
  std::vector<std::pair<Time, std::string>> acquired;
  ParseItems(text, errors, [&](Scanner& scanner, Time at) {
    const std::size_t begin = scanner.index();
    const std::string_view name = scanner.TakeUntil(",");
    if (!names.IsTask(name)) {
      errors.push_back({begin, name.empty()
                                   ? "expected a task"
                                   : fmt::format("\"{}\" is no task of this scenario", name)});
    }
    acquired.emplace_back(at, std::string(name));
  });
  return acquired;
}

std::string CanonicalCells(const std::vector<ExpectCell>& cells) {
  std::string out;
  for (const ExpectCell& cell : cells) {
    if (!out.empty()) out += ' ';
    out += fmt::format("[{},", cell.start.cycles());
    if (cell.end != kNever) out += fmt::format("{}", cell.end.cycles());
    out += ")" + cell.curr;
    if (cell.donor != cell.curr) out += "/" + cell.donor;
  }
  return out;
}

std::string CanonicalSwitches(const std::vector<ExpectSwitch>& switches) {
  std::string out;
  for (const ExpectSwitch& item : switches) {
    if (!out.empty()) out += ", ";
    out += fmt::format("{} {}{}{}", item.at.cycles(), item.prev, item.prev.empty() ? "" : kArrow,
                       item.next);
  }
  return out;
}

std::string CanonicalAcquired(const std::vector<std::pair<Time, std::string>>& acquired) {
  std::string out;
  for (const auto& [at, task] : acquired) {
    if (!out.empty()) out += ", ";
    out += fmt::format("{} {}", at.cycles(), task);
  }
  return out;
}

}  // namespace rqsim
