// Where the program prints: data on standard output, talk on standard error, colour only where
// somebody looks.
#ifndef RQSIM_CLI_TERMINAL_H_
#define RQSIM_CLI_TERMINAL_H_

#include <string>
#include <string_view>

namespace rqsim {

enum class Color { kAuto, kAlways, kNever };

class Terminal {
 public:
  // `auto` colours a stream that is a terminal, unless NO_COLOR is set to something.
  void SetColor(Color color);
  void SetQuiet(bool quiet) { quiet_ = quiet; }

  // Data.
  void Out(std::string_view text);
  // What helps but is not the answer; silent with --quiet.
  void Talk(std::string_view text);
  // "rqsim: …" and a newline.
  void Error(std::string_view text);
  // As it stands, always.
  void Problem(std::string_view text);

  // Whether everything written so far got through.
  bool Flush();

  // For text that goes to standard output.
  std::string Bold(std::string_view text) const { return Paint("1", text); }
  std::string Dim(std::string_view text) const { return Paint("2", text); }
  std::string Red(std::string_view text) const { return Paint("31", text); }
  std::string Green(std::string_view text) const { return Paint("32", text); }
  std::string Yellow(std::string_view text) const { return Paint("33", text); }
  std::string Cyan(std::string_view text) const { return Paint("36", text); }
  bool color() const { return color_out_; }

 private:
  std::string Paint(std::string_view code, std::string_view text) const;

  bool color_out_ = false;
  bool quiet_ = false;
  bool failed_ = false;
};

}  // namespace rqsim

#endif  // RQSIM_CLI_TERMINAL_H_
