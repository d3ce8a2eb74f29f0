// Files as the program reads and writes them: whole, and never half.
#ifndef RQSIM_CLI_FILES_H_
#define RQSIM_CLI_FILES_H_

#include <optional>
#include <string>
#include <string_view>

#include "cli/terminal.h"

namespace rqsim {

// The whole file, or standard input for "-". Nothing, and an error said, if it cannot be read.
std::optional<std::string> ReadWhole(const std::string& path, Terminal& terminal);

// Writes to a temporary beside `path` and renames it, so that what was there stays until all of the
// new is; "-" is standard output. False, and an error said, if it cannot be written.
bool WriteWhole(const std::string& path, std::string_view text, Terminal& terminal);

}  // namespace rqsim

#endif  // RQSIM_CLI_FILES_H_
