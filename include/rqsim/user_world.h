// What user space is like: which tasks share an address space, by which number they know each
// other, and which are servers and workers of a group. Services that deal with user space get it
// once, when they are made (Limits::user).
#ifndef RQSIM_USER_WORLD_H_
#define RQSIM_USER_WORLD_H_

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "rqsim/cpu_set.h"
#include "rqsim/ids.h"

namespace rqsim {

enum class UserRole : uint8_t { kPlain, kServer, kWorker, kBasic };

struct UserTask {
  std::string name;
  int64_t tid = 0;      // what user memory calls it; 0: it has none (kernel's own threads)
  int32_t process = 0;  // its address space; a kernel thread borrows it
  int32_t group = -1;   // of a server or worker
  UserRole role = UserRole::kPlain;
  bool kthread = false;
};

struct UserGroup {
  std::string name;
  int32_t process = 0;
  std::vector<TaskId> servers;
  std::vector<TaskId> workers;
};

// A fault with its arguments; names of tasks are TaskIds by now.
struct FaultCall {
  std::string name;
  std::vector<std::pair<std::string, std::variant<int64_t, bool, std::string>>> args;

  // The number of that name, or `otherwise`.
  int64_t Number(const std::string& key, int64_t otherwise) const {
    for (const auto& [name_of, value] : args) {
      if (name_of != key) continue;
      if (const auto* number = std::get_if<int64_t>(&value)) return *number;
      if (const auto* flag = std::get_if<bool>(&value)) return *flag ? 1 : 0;
    }
    return otherwise;
  }
  bool Has(const std::string& key) const {
    for (const auto& [name_of, value] : args) {
      if (name_of == key) return true;
    }
    return false;
  }
  std::string Text(const std::string& key) const {
    for (const auto& [name_of, value] : args) {
      if (name_of != key) continue;
      if (const auto* text = std::get_if<std::string>(&value)) return *text;
    }
    return "";
  }
};

struct UserWorld {
  std::vector<UserTask> tasks;  // by TaskId; what is made later has none
  std::vector<UserGroup> groups;
  std::vector<FaultCall> faults;
};

}  // namespace rqsim

#endif  // RQSIM_USER_WORLD_H_
