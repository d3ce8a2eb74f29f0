#include "cli/files.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "rqsim/limits.h"

namespace rqsim {
namespace {

void SayFailed(Terminal& terminal, const char* what, const std::string& path, int error) {
  terminal.Error(fmt::format("cannot {} {}: {}", what, path, std::strerror(error)));
}

// Reads to the end; false with errno set if that fails.
bool ReadAll(int file, std::string& text) {
  char buffer[1 << 16];
  for (;;) {
    const ssize_t got = read(file, buffer, sizeof(buffer));
    if (got < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    if (got == 0) return true;
    text.append(buffer, static_cast<std::size_t>(got));
    // The reader refuses what is longer; there is no point in holding more of an endless file.
    if (text.size() > kMaxScenarioBytes + 1) return true;
  }
}

bool WriteAll(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = write(file, text.data(), text.size());
    if (put < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

// Devices and pipes are written to as they are: there is nothing to replace.
bool IsSpecial(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
}

bool WriteDirectly(const std::string& path, std::string_view text) {
  const int file = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool written = WriteAll(file, text);
  const int error = errno;
  const bool closed = close(file) == 0;
  if (!written) errno = error;
  return written && closed;
}

bool Replace(const std::string& path, std::string_view text) {
  // A link is followed, so that its target is replaced and not the link.
  std::error_code ignored;
  const std::filesystem::path resolved = std::filesystem::weakly_canonical(path, ignored);
  const std::string target = ignored ? path : resolved.string();
  std::string temporary = target + ".XXXXXX";
  const int file = mkostemp(temporary.data(), O_CLOEXEC);
  if (file < 0) return false;
  struct stat info {};
  // mkostemp makes it private; what is replaced keeps its mode, what is new gets the usual one.
  const mode_t mask = umask(0);
  umask(mask);
  const mode_t mode =
      stat(target.c_str(), &info) == 0 ? info.st_mode & 0777u : static_cast<mode_t>(0666u & ~mask);
  bool good = WriteAll(file, text) && fchmod(file, mode) == 0;
  int error = errno;
  if (close(file) != 0 && good) {
    good = false;
    error = errno;
  }
  if (good && rename(temporary.c_str(), target.c_str()) == 0) return true;
  if (good) error = errno;
  unlink(temporary.c_str());
  errno = error;
  return false;
}

}  // namespace

std::optional<std::string> ReadWhole(const std::string& path, Terminal& terminal) {
  const bool standard = path == "-";
  const int file = standard ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::string text;
  const bool good = file >= 0 && ReadAll(file, text);
  const int error = errno;
  if (file >= 0 && !standard) close(file);
  if (!good) {
    SayFailed(terminal, "read", path, error);
    return std::nullopt;
  }
  return text;
}

bool WriteWhole(const std::string& path, std::string_view text, Terminal& terminal) {
  if (path == "-") {
    terminal.Out(text);
    return true;
  }
  if (IsSpecial(path) ? WriteDirectly(path, text) : Replace(path, text)) return true;
  SayFailed(terminal, "write", path, errno);
  return false;
}

}  // namespace rqsim
