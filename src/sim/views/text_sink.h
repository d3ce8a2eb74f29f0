// Where writers put their text, piece by piece: a file of the program, a string of a test. Bytes,
// no locale.
#ifndef RQSIM_SIM_VIEWS_TEXT_SINK_H_
#define RQSIM_SIM_VIEWS_TEXT_SINK_H_

#include <string>
#include <string_view>

namespace rqsim {

class TextSink {
 public:
  virtual ~TextSink() = default;
  virtual void Write(std::string_view text) = 0;
};

class StringSink final : public TextSink {
 public:
  void Write(std::string_view text) override { text_ += text; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_TEXT_SINK_H_
