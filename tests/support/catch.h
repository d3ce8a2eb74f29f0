// Includes whichever Catch2 is installed: 2.13 on Debian 12, 3.7 on Debian 13. Tests include this
// header only.
//
// Write tests in what both have: TEST_CASE, SECTION, GENERATE, REQUIRE, CHECK_THAT, Catch::Approx
// not at all (there are no floating-point results), and for strings
// Catch::Matchers::ContainsSubstring, the name of Catch2 3.

#ifndef RQSIM_TESTS_SUPPORT_CATCH_H_
#define RQSIM_TESTS_SUPPORT_CATCH_H_

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>

#include <string>

namespace Catch::Matchers {
inline auto ContainsSubstring(const std::string& text) { return Contains(text); }
}  // namespace Catch::Matchers
#endif

#endif  // RQSIM_TESTS_SUPPORT_CATCH_H_
