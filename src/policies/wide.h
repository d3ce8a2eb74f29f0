// A 128-bit integer, for the products that classes.md marks **wide**. g++ and clang both have it;
// the standard does not.
#ifndef RQSIM_POLICIES_WIDE_H_
#define RQSIM_POLICIES_WIDE_H_

namespace rqsim {

__extension__ typedef __int128 Wide;

}  // namespace rqsim

#endif  // RQSIM_POLICIES_WIDE_H_
