// What the parts of the reader share: the diagnostics, the clock, and ways to take typed values out
// of the tree. A value of the wrong shape has been reported by CheckShape already, so these pass
// over it in silence; they report what only the conversion shows.
#ifndef RQSIM_SIM_SCENARIO_READ_CONTEXT_H_
#define RQSIM_SIM_SCENARIO_READ_CONTEXT_H_

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "rqsim/ops.h"
#include "rqsim/registry.h"
#include "rqsim/scenario.h"
#include "sim/scenario/diagnostics.h"
#include "sim/scenario/json_tree.h"
#include "sim/scenario/words.h"

namespace rqsim {

// The names a scenario declares, for look-ups with suggestions.
class NameTable {
 public:
  // False if it is there already.
  bool Add(const std::string& name) {
    if (!set_.insert(name).second) return false;
    list_.push_back(name);
    return true;
  }
  bool Has(std::string_view name) const { return set_.find(name) != set_.end(); }
  const std::vector<std::string>& list() const { return list_; }

 private:
  std::set<std::string, std::less<>> set_;
  std::vector<std::string> list_;
};

struct ReadContext {
  ReadContext(Diagnostics& d, const Registry& r, Scenario& s)
      : diagnostics(d), registry(r), scenario(s) {}

  Diagnostics& diagnostics;
  const Registry& registry;
  Scenario& scenario;
  int64_t clock_hz = 1'000'000'000;

  int64_t num_tasks = 0;       // declared, instances counted
  bool cpus_may_come = false;  // a CPU that is offline may come online during the run

  NameTable locks, condvars, sets;
  NameTable task_names;                                   // as written
  std::map<std::string, int64_t, std::less<>> instances;  // how many of each; 0 = a template

  // The member of that key and type, or null.
  static const JsonValue* Get(const JsonValue& object, std::string_view key, JsonValue::Kind kind) {
    const JsonValue* value = object.Find(key);
    return value != nullptr && value->is(kind) ? value : nullptr;
  }
  static void ReadBool(const JsonValue& object, std::string_view key, bool& out) {
    if (const JsonValue* v = Get(object, key, JsonValue::Kind::kBool)) out = v->boolean;
  }
  static void ReadText(const JsonValue& object, std::string_view key, std::string& out) {
    if (const JsonValue* v = Get(object, key, JsonValue::Kind::kString)) out = v->text;
  }
  // Leaves `out` alone if the number does not fit.
  template <class Integer>
  static void ReadInteger(const JsonValue& object, std::string_view key, Integer& out) {
    const JsonValue* v = Get(object, key, JsonValue::Kind::kInteger);
    if (v == nullptr) return;
    if constexpr (sizeof(Integer) < sizeof(int64_t)) {
      if (v->integer < std::numeric_limits<Integer>::min() ||
          v->integer > std::numeric_limits<Integer>::max()) {
        return;
      }
    }
    out = static_cast<Integer>(v->integer);
  }
  template <class Enum, std::size_t N>
  static void ReadWord(const JsonValue& object, std::string_view key, const Words<Enum, N>& words,
                       Enum& out) {
    const JsonValue* v = Get(object, key, JsonValue::Kind::kString);
    if (v == nullptr) return;
    if (const std::optional<Enum> value = ValueOfWord(words, v->text)) out = *value;
  }

  // A length of at least `min` cycles; nothing if it is none.
  std::optional<int64_t> LengthOf(const JsonValue& value, int64_t min = 0);
  std::optional<int64_t> LengthAt(const JsonValue& object, std::string_view key, int64_t min = 0) {
    const JsonValue* value = object.Find(key);
    return value == nullptr ? std::nullopt : LengthOf(*value, min);
  }
  // A cpulist; nothing if it is none.
  std::optional<CpuSet> CpusOf(const JsonValue& value);
  std::optional<CpuSet> CpusAt(const JsonValue& object, std::string_view key) {
    const JsonValue* value = object.Find(key);
    return value == nullptr ? std::nullopt : CpusOf(*value);
  }
  // Reports a name that is not in the table.
  void MustBeDeclared(const JsonValue& value, const NameTable& table, std::string_view what);

  // Reports a name that is neither a task nor an instance of one.
  void MustBeTask(const JsonValue& value);
  // Whether the run has a task of that name: "audio", "audio-1" of two, "child-7" of a template.
  bool HasTask(std::string_view name) const;
  // Reports a set of CPUs none of which exists.
  void MustHaveCpu(const JsonValue& value, const CpuSet& cpus);
  // Whether the operations can make time go on: by work, by a wait, by a system call that costs.
  bool CanTakeTime(const std::vector<OpSpec>& ops) const;

  CpuSet Possible() const { return CpuSet::FirstN(static_cast<int>(scenario.machine.cpus.size())); }
  bool CpuExists(CpuId cpu) const {
    return cpu.valid() && cpu.index() < scenario.machine.cpus.size();
  }
};

// The parts, in the order in which they are read. Each takes the value of its key.
void ReadMachine(ReadContext& context, const JsonValue& value);
void ReadTasks(ReadContext& context, const JsonValue& value, bool kthreads);
// The names of all tasks, before anything refers to one.
void DeclareTasks(ReadContext& context, const JsonValue& value);
void CheckTaskNames(ReadContext& context, const JsonValue& value);
void ReadActions(ReadContext& context, const JsonValue& value);
// The key `umcg`: names of servers, then the groups, then whether every tid is one task's.
void DeclareServers(ReadContext& context, const JsonValue& value);
void ReadGroups(ReadContext& context, const JsonValue& value);
void CheckTids(ReadContext& context, const JsonValue& root);
void ReadHotplug(ReadContext& context, const JsonValue& value);
void ReadPolicySet(ReadContext& context, const JsonValue& value, PolicySet& set);
// The key of a policy that says which one it is: `name`, and `wake` under `placement`.
std::string_view NameKeyOf(Seam seam);
// Whether a parameter of a policy, under that key of a policy set, is a list of words.
bool IsListParam(const Registry& registry, std::string_view key, std::string_view policy,
                 std::string_view param);
void ReadFaults(ReadContext& context, const JsonValue& value, std::vector<FaultSpec>& faults);
void ReadChecks(ReadContext& context, const JsonValue& value);
void ReadAsserts(ReadContext& context, const JsonValue& value);
void ReadExpects(ReadContext& context, const JsonValue& value);
SchedSpec ReadSched(ReadContext& context, const JsonValue& value);
std::vector<OpSpec> ReadOps(ReadContext& context, const JsonValue& value, int depth);
// What a service or the machine brings under that name; null if nobody does.
const ServiceOpInfo* FindServiceOp(const Registry& registry, std::string_view name);
const OpInfo* FindOp(std::string_view name);
// Whether a critical section of user code has what may not stand in one.
void CheckSections(ReadContext& context, const JsonValue& root);
// Warns of what a run would report by itself.
void CheckPrograms(ReadContext& context, const JsonValue& root);

// The costs of a preset (machine.md 3.3). Nothing if there is none of that name.
std::optional<MachineCosts> CostsOfPreset(std::string_view preset, int64_t clock_hz);
const std::vector<std::string>& CostPresets();

// The costs by name. c_exit, which may be left out, is none of them.
struct CostField {
  std::string_view name;
  Cycles MachineCosts::*member;
  int64_t x86_like_ns;
  std::string_view doc;
};
const std::vector<CostField>& CostFields();

}  // namespace rqsim

#endif  // RQSIM_SIM_SCENARIO_READ_CONTEXT_H_
