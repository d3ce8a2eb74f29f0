// The one lexical pass over an rt-app file. Its dialect is JSON with C and // comments, commas
// before a closing brace or bracket, and keys that stand alone (`"suspend",`), which rt-app's front
// end completes. What comes out is strict JSON as far as the input is, so that an ordinary parser
// can follow:
//
//   { "suspend", /* own name */ "run" : 5, }      becomes
//   { "suspend":null,           "run" : 5  }
//
// Comments and commas become blanks, so offsets stay; only a completed key moves what follows it,
// and SourceOffset() undoes that. Mistakes are left for the parser, except a comment without an
// end, which nobody else would see.
#ifndef RQSIM_SIM_SCENARIO_RTAPP_DIALECT_H_
#define RQSIM_SIM_SCENARIO_RTAPP_DIALECT_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rqsim::rtapp {

struct StrictText {
  std::string json;
  // Where in `json` a value was put in, in rising order.
  std::vector<std::size_t> completions;
  // Where in `json` a comment begins that has no end. The rest is blank then.
  std::optional<std::size_t> open_comment;

  // The offset in the source of what stands at `offset` in `json`; a completion stands where its
  // key ends.
  std::size_t SourceOffset(std::size_t offset) const;
};

// Linear in the length of `source`, whatever it holds. Needs one byte more for each level of
// nesting.
StrictText MakeStrict(std::string_view source);

}  // namespace rqsim::rtapp

#endif  // RQSIM_SIM_SCENARIO_RTAPP_DIALECT_H_
