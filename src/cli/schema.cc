// rqsim schema: the JSON Schemas of what the program reads and writes.
#include "cli/command.h"
#include "cli/result_schema.h"
#include "rqsim/scenario_reader.h"

namespace rqsim {
namespace {

class SchemaCommand final : public Command {
 public:
  const char* name() const override { return "schema"; }
  const char* summary() const override { return "print a JSON Schema (draft 7)"; }
  const char* examples() const override {
    return "  rqsim schema scenario > scenario.schema.json\n  rqsim schema result";
  }
  void Declare(CLI::App& app) override {
    app.add_option("KIND", kind_,
                   "scenario: what the program reads; result: what run --json writes")
        ->required()
        ->check(CLI::IsMember({"scenario", "result"}).description(""));
  }
  int Execute(Terminal& terminal) override {
    terminal.Out(kind_ == "scenario" ? ScenarioSchema() : ResultSchema());
    return kExitFine;
  }

 private:
  std::string kind_;
};

}  // namespace

std::unique_ptr<Command> MakeSchemaCommand() { return std::make_unique<SchemaCommand>(); }

}  // namespace rqsim
