// The table of policies that a run can be made of. Explicit: no self-registration. Policies of
// another repository are added by an embedder with Registry::Add.
#ifndef RQSIM_REGISTRY_H_
#define RQSIM_REGISTRY_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rqsim/policy.h"
#include "rqsim/seams.h"

namespace rqsim {

// Makes a policy for one run. `params` has a value for everything the PolicyInfo declares; `limits`
// the sizes to allocate. An error is a combination of parameters that makes no sense.
template <class Seam>
using PolicyFactory = absl::StatusOr<std::unique_ptr<Seam>> (*)(const PolicyParams& params,
                                                                const Limits& limits);

// What is wrong with the value of a parameter that has a grammar of its own: a text of a string
// list.
struct ParamProblem {
  enum class Kind : uint8_t {
    kForm,   // not made of the words that are wanted
    kValue,  // a word with a value that it cannot have
    kName,   // names what is not there, or is there already
  };
  Kind kind = Kind::kForm;
  std::string_view param;  // its declared name
  int item = 0;            // which text of the list, from 0
  int64_t at = 0;          // where in that text, in bytes from 0
  std::string message;     // a sentence
  std::string hint;        // what to do about it
};
// Appends what is wrong with such texts; the reader puts a place to it. What this finds the factory
// refuses.
using TextCheck = void (*)(const PolicyParams& params, std::vector<ParamProblem>& problems);

struct RegistryEntry {
  const PolicyInfo* info = nullptr;
  // The one that belongs to info->seam is set.
  PolicyFactory<SchedClass> make_class = nullptr;
  PolicyFactory<LockProtocol> make_lock = nullptr;
  PolicyFactory<Placement> make_placement = nullptr;
  PolicyFactory<KernelService> make_service = nullptr;
  PolicyFactory<UserScheduler> make_user = nullptr;
  TextCheck check_texts = nullptr;  // null: no parameter has a grammar of its own
  std::string_view alias;           // another name that is accepted; "" none

  static RegistryEntry Class(const PolicyInfo& info, PolicyFactory<SchedClass> make) {
    RegistryEntry entry;
    entry.info = &info;
    entry.make_class = make;
    return entry;
  }
  static RegistryEntry Lock(const PolicyInfo& info, PolicyFactory<LockProtocol> make) {
    RegistryEntry entry;
    entry.info = &info;
    entry.make_lock = make;
    return entry;
  }
  static RegistryEntry Place(const PolicyInfo& info, PolicyFactory<Placement> make) {
    RegistryEntry entry;
    entry.info = &info;
    entry.make_placement = make;
    return entry;
  }
  static RegistryEntry Service(const PolicyInfo& info, PolicyFactory<KernelService> make,
                               TextCheck check_texts = nullptr) {
    RegistryEntry entry;
    entry.info = &info;
    entry.make_service = make;
    entry.check_texts = check_texts;
    return entry;
  }
  static RegistryEntry User(const PolicyInfo& info, PolicyFactory<UserScheduler> make) {
    RegistryEntry entry;
    entry.info = &info;
    entry.make_user = make;
    return entry;
  }
};

// A stack of scheduling classes that a policy set can name under `class`: `default` and `fifo`.
struct ClassStack {
  std::string_view name;
  std::vector<std::string_view> classes;  // strongest first; the idle class last
  std::string_view summary;
};

class Registry {
 public:
  Registry() = default;
  // Everything this tree brings.
  static const Registry& BuiltIn();

  void Add(const RegistryEntry& entry) { entries_.push_back(entry); }
  void AddStack(const ClassStack& stack) { stacks_.push_back(stack); }
  // Null if there is none of that name (or alias) in that seam.
  const RegistryEntry* Find(Seam seam, std::string_view name) const;
  const ClassStack* FindStack(std::string_view name) const;
  const std::vector<RegistryEntry>& entries() const { return entries_; }
  const std::vector<ClassStack>& stacks() const { return stacks_; }

 private:
  std::vector<RegistryEntry> entries_;
  std::vector<ClassStack> stacks_;
};

// Parameters of the whole class stack, beside those of its classes: `preempt` (full, lazy, none).
const std::vector<ParamInfo>& ClassStackParams();

}  // namespace rqsim

#endif  // RQSIM_REGISTRY_H_
