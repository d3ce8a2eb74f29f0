// Tables of a PolicyInfo that are made of a shared part and a policy's own.
#ifndef RQSIM_POLICIES_JOIN_TABLES_H_
#define RQSIM_POLICIES_JOIN_TABLES_H_

#include <array>
#include <cstddef>

namespace rqsim {

// The rows of `a`, then those of `b`.
template <class Row, std::size_t A, std::size_t B>
constexpr std::array<Row, A + B> JoinTables(const std::array<Row, A>& a,
                                            const std::array<Row, B>& b) {
  std::array<Row, A + B> all{};
  for (std::size_t i = 0; i < A; ++i) all[i] = a[i];
  for (std::size_t i = 0; i < B; ++i) all[A + i] = b[i];
  return all;
}

}  // namespace rqsim

#endif  // RQSIM_POLICIES_JOIN_TABLES_H_
