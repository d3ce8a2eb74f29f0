// What a verb of the program is. One file per verb; main.cc lists them.
#ifndef RQSIM_CLI_COMMAND_H_
#define RQSIM_CLI_COMMAND_H_

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>

#include "cli/terminal.h"

namespace rqsim {

// What the program ends with (docs: DESIGN section 7).
inline constexpr int kExitFine = 0;
inline constexpr int kExitFailed = 1;       // an assertion, golden or invariant
inline constexpr int kExitWrongUse = 2;     // or invalid input
inline constexpr int kExitNotModelled = 3;  // with --strict
inline constexpr int kExitEndedBadly = 4;   // deadlock, livelock, limit that nobody expected
inline constexpr int kExitFile = 5;         // cannot be read or written
inline constexpr int kExitBug = 70;         // ours

class Command {
 public:
  virtual ~Command() = default;
  virtual const char* name() const = 0;
  virtual const char* summary() const = 0;   // one line, for the list of verbs
  virtual const char* examples() const = 0;  // below the options in --help
  virtual void Declare(CLI::App& app) = 0;
  // Called when its words were understood; gives the exit status.
  virtual int Execute(Terminal& terminal) = 0;
};

std::unique_ptr<Command> MakeRunCommand();
std::unique_ptr<Command> MakeCompareCommand();
std::unique_ptr<Command> MakeCheckCommand();
std::unique_ptr<Command> MakeTestCommand();
std::unique_ptr<Command> MakeReportCommand();
std::unique_ptr<Command> MakeImportCommand();
std::unique_ptr<Command> MakeGenCommand();
std::unique_ptr<Command> MakeListCommand();
std::unique_ptr<Command> MakeSchemaCommand();
std::unique_ptr<Command> MakeVersionCommand();

}  // namespace rqsim

#endif  // RQSIM_CLI_COMMAND_H_
