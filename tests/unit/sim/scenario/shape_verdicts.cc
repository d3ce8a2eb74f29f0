// For the test that holds schema and reader together (schema_test.py): prints the schema, or reads
// documents, one a line, and prints for each what the reader thinks of its shape.
//
//   scenario_shape_verdicts --schema
//   scenario_shape_verdicts < documents
//
// A verdict is "ok", or "bad" with the codes of the errors of shape.
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "rqsim/scenario_reader.h"
#include "unit/sim/scenario/test_registry.h"

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--schema") {
    std::cout << rqsim::ScenarioSchema(rqsim::TestRegistry());
    return 0;
  }
  std::string document;
  while (std::getline(std::cin, document)) {
    std::vector<rqsim::Diagnostic> diagnostics;
    rqsim::ReadScenario(document, "document", diagnostics, rqsim::TestRegistry());
    std::string verdict = "ok";
    for (const rqsim::Diagnostic& diagnostic : diagnostics) {
      // E101 to E107: those that a schema can see (docs/ERRORS.md).
      if (diagnostic.code < 101 || diagnostic.code > 107) continue;
      if (verdict == "ok") verdict = "bad";
      verdict += " " + std::to_string(diagnostic.code);
    }
    std::cout << verdict << "\n";
  }
  return 0;
}
