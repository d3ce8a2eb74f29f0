// Tables of a PolicyInfo that are made of a shared part and a policy's own.
#ifndef RQSIM_POLICIES_JOIN_TABLES_H_
#define RQSIM_POLICIES_JOIN_TABLES_H_

#include <array>
#include <cstddef>

namespace rqsim {

// The rows of all tables, one table after the other.
template <class Row, std::size_t... N>
constexpr std::array<Row, (N + ...)> JoinTables(const std::array<Row, N>&... tables) {
  std::array<Row, (N + ...)> all{};
  std::size_t next = 0;
  const auto append = [&](const auto& table) {
    for (const Row& row : table) all[next++] = row;
  };
  (append(tables), ...);
  return all;
}

}  // namespace rqsim

#endif  // RQSIM_POLICIES_JOIN_TABLES_H_
