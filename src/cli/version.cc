// rqsim version
#include <fmt/core.h>

#include "cli/command.h"
#include "rqsim/result.h"
#include "rqsim/version.h"

namespace rqsim {
namespace {

class VersionCommand final : public Command {
 public:
  const char* name() const override { return "version"; }
  const char* summary() const override {
    return "versions of the program, the model and the formats";
  }
  const char* examples() const override { return "  rqsim version\n  rqsim version --json"; }
  void Declare(CLI::App& app) override { app.add_flag("--json", json_, "as JSON"); }
  int Execute(Terminal& terminal) override {
    if (json_) {
      terminal.Out(
          fmt::format("{{\"version\": \"{}\", \"model_version\": {}, \"schema_version\": {}}}\n",
                      RQSIM_VERSION, kModelVersion, kResultSchemaVersion));
    } else {
      terminal.Out(fmt::format("rqsim {}\nmodel_version {}\nschema_version {}\n", RQSIM_VERSION,
                               kModelVersion, kResultSchemaVersion));
    }
    return kExitFine;
  }

 private:
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeVersionCommand() { return std::make_unique<VersionCommand>(); }

}  // namespace rqsim
