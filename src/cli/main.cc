// The program: finds the verb and runs it. Each verb is a file of its own.
#include <unistd.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <csignal>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "cli/command.h"
#include "cli/terminal.h"

namespace rqsim {
namespace {

// How this process was called, for the message of a failed check. Written before anything can fail.
char reproduce[4096] = "";

void KeepCommandLine(int argc, char** argv) {
  std::size_t used = 0;
  for (int i = 0; i < argc; ++i) {
    const std::size_t length = std::strlen(argv[i]);
    if (used + length + 4 > sizeof(reproduce)) break;
    // Quoted when a shell would take it apart.
    const bool plain =
        std::strpbrk(argv[i], " \t\n'\"\\$&|;<>(){}*?[]#~`!") == nullptr && length > 0;
    if (i > 0) reproduce[used++] = ' ';
    if (!plain) reproduce[used++] = '\'';
    std::memcpy(reproduce + used, argv[i], length);
    used += length;
    if (!plain) reproduce[used++] = '\'';
  }
  reproduce[used] = '\n';
}

void Say(const char* text) {
  // Nothing can be done about a failing write here.
  const auto ignored = write(STDERR_FILENO, text, std::strlen(text));
  static_cast<void>(ignored);
}

// A failed check has printed what failed; this adds what to do with it and the exit status.
void OnBug(int /*signal*/) {
  Say("rqsim: this is a bug of rqsim. Please report it with the lines above, the output of\n"
      "rqsim: `rqsim version`, the input file and how to reproduce it:\n"
      "rqsim:   ");
  Say(reproduce);
  _exit(kExitBug);
}

void CatchBugs() {
  for (const int number : {SIGABRT, SIGSEGV, SIGFPE, SIGILL}) {
    struct sigaction action {};
    action.sa_handler = OnBug;
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, nullptr);
  }
  // A reader that goes away (| head) ends a command quietly, not as an error of it.
  std::signal(SIGPIPE, SIG_DFL);
}

std::vector<std::unique_ptr<Command>> AllCommands() {
  std::vector<std::unique_ptr<Command>> commands;
  commands.push_back(MakeRunCommand());
  commands.push_back(MakeCompareCommand());
  commands.push_back(MakeCheckCommand());
  commands.push_back(MakeTestCommand());
  commands.push_back(MakeReportCommand());
  commands.push_back(MakeImportCommand());
  commands.push_back(MakeGenCommand());
  commands.push_back(MakeListCommand());
  commands.push_back(MakeSchemaCommand());
  commands.push_back(MakeVersionCommand());
  return commands;
}

struct GlobalOptions {
  Color color = Color::kAuto;
  bool quiet = false;
};

void DeclareGlobal(CLI::App& app, GlobalOptions& options) {
  app.add_option("--color", options.color, "colours: auto (on a terminal), always, never")
      ->type_name("WHEN")
      ->option_text("WHEN")
      ->transform(CLI::CheckedTransformer(std::vector<std::pair<std::string, Color>>{
          {"auto", Color::kAuto}, {"always", Color::kAlways}, {"never", Color::kNever}}));
  app.add_flag("-q,--quiet", options.quiet, "print the answer and errors only");
}

int Main(int argc, char** argv) {
  KeepCommandLine(argc, argv);
  CatchBugs();
  Terminal terminal;
  GlobalOptions options;
  CLI::App app("rqsim: a deterministic simulator of the Linux scheduler core", "rqsim");
  app.require_subcommand(1);
  app.set_help_flag("-h,--help", "print this help");
  app.footer(
      "Examples:\n"
      "  rqsim compare scenarios/pathfinder.json\n"
      "  rqsim run rt-app.json -p lock=pi --timeline\n"
      "`rqsim VERB --help` has the options and examples of a verb.\n"
      "Exit status: 0 fine, 1 an assertion, golden or invariant failed, 2 wrong use or invalid "
      "input,\n"
      "3 not modelled (--strict), 4 the simulated system ended badly, 5 file trouble, 70 a bug of "
      "rqsim.");
  DeclareGlobal(app, options);
  // Verbs inherit this: the type of an option is said by its own words or not at all.
  app.get_formatter()->label("TEXT", "");
  app.get_formatter()->label("REQUIRED", "");
  app.get_formatter()->column_width(28);
  const std::vector<std::unique_ptr<Command>> commands = AllCommands();
  std::vector<CLI::App*> verbs;
  for (const auto& command : commands) {
    CLI::App* const verb = app.add_subcommand(command->name(), command->summary());
    verb->set_help_flag("-h,--help", "print this help");
    verb->footer(std::string("Examples:\n") + command->examples());
    DeclareGlobal(*verb, options);
    command->Declare(*verb);
    verbs.push_back(verb);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked_for_help) {
    app.exit(asked_for_help);
    return terminal.Flush() ? kExitFine : kExitFile;
  } catch (const CLI::ParseError& error) {
    const std::string verb =
        app.get_subcommands().empty() ? "" : " " + app.get_subcommands().front()->get_name();
    terminal.Error(fmt::format("{}\nrqsim: `rqsim{} --help` says more", error.what(), verb));
    return kExitWrongUse;
  }
  terminal.SetColor(options.color);
  terminal.SetQuiet(options.quiet);
  for (std::size_t i = 0; i < commands.size(); ++i) {
    if (!verbs[i]->parsed()) continue;
    const int status = commands[i]->Execute(terminal);
    if (terminal.Flush()) return status;
    terminal.Error("cannot write to standard output");
    return kExitFile;
  }
  return kExitWrongUse;
}

}  // namespace
}  // namespace rqsim

int main(int argc, char** argv) { return rqsim::Main(argc, argv); }
