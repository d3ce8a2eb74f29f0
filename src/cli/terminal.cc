#include "cli/terminal.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace rqsim {
namespace {

bool Write(std::FILE* stream, std::string_view text) {
  return text.empty() || std::fwrite(text.data(), 1, text.size(), stream) == text.size();
}

}  // namespace

void Terminal::SetColor(Color color) {
  switch (color) {
    case Color::kAlways:
      color_out_ = true;
      return;
    case Color::kNever:
      color_out_ = false;
      return;
    case Color::kAuto: {
      const char* no_color = std::getenv("NO_COLOR");
      const char* term = std::getenv("TERM");
      const bool wanted = (no_color == nullptr || *no_color == '\0') &&
                          !(term != nullptr && std::string_view(term) == "dumb");
      color_out_ = wanted && isatty(STDOUT_FILENO) != 0;
      return;
    }
  }
}

void Terminal::Out(std::string_view text) { failed_ = !Write(stdout, text) || failed_; }

void Terminal::Talk(std::string_view text) {
  if (!quiet_) Write(stderr, text);
}

void Terminal::Error(std::string_view text) { Write(stderr, fmt::format("rqsim: {}\n", text)); }

void Terminal::Problem(std::string_view text) { Write(stderr, text); }

bool Terminal::Flush() { return std::fflush(stdout) == 0 && !failed_; }

std::string Terminal::Paint(std::string_view code, std::string_view text) const {
  if (!color_out_ || text.empty()) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

}  // namespace rqsim
