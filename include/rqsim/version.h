// The version of the model: whether two runs of one scenario can be held against each other.
#ifndef RQSIM_VERSION_H_
#define RQSIM_VERSION_H_

namespace rqsim {

// Rises whenever the cycles of any run change, and with them a digest or a golden.
inline constexpr int kModelVersion = 4;

}  // namespace rqsim

#endif  // RQSIM_VERSION_H_
