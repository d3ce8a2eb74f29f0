// Where user code of two tasks overlaps although one of them was promised that it would not
// (pairing.md 4): both in critical sections on the data of one CPU (S1), one paired with the CPU
// that the other executes on (S2), both paired with one CPU (S3).
//
// Fed with the stretches of user code, and with what their tasks were at the time: a stretch is
// told of when it is over, so changes are kept until then, and stretches until every CPU has gone
// past them.
#ifndef RQSIM_SIM_VIEWS_USER_OVERLAPS_H_
#define RQSIM_SIM_VIEWS_USER_OVERLAPS_H_

#include <array>
#include <cstddef>
#include <vector>

#include "rqsim/ids.h"
#include "rqsim/time.h"

namespace rqsim {

class UserOverlaps {
 public:
  enum class Kind : uint8_t { kSameData, kOnPairedCpu, kSamePair };
  static constexpr std::size_t kNumKinds = 3;
  struct Overlap {
    Kind kind = Kind::kSameData;
    TaskId first, second;  // the paired one first, or the lower id
    CpuId data;            // whose data, or with which CPU
    Time start, end;
    bool goes_on = false;  // an overlap of these two was told of that ended at `start`
  };

  void SetUp(int num_cpus);
  // From `at` on `task` is in a critical section on the data of that CPU (invalid: in none).
  void SetData(TaskId task, CpuId data, Time at);
  // … or paired with it.
  void SetPair(TaskId task, CpuId cpu, Time at);
  // `task` executed user code on `cpu` in [start, end). Appends what overlaps with what is known to
  // `out`, which it does not clear.
  void AddUser(CpuId cpu, TaskId task, Time start, Time end, std::vector<Overlap>& out);
  // Whatever `cpu` did up to `end` has been told of.
  void PassTo(CpuId cpu, Time end);

  Cycles cycles(Kind kind) const { return cycles_[static_cast<std::size_t>(kind)]; }

 private:
  struct Change {
    Time at;
    CpuId data, pair;
  };
  struct Piece {
    CpuId cpu;
    TaskId task;
    Time start, end;
    CpuId data, pair;
  };

  std::vector<Change>& ChangesOf(TaskId task);
  void Compare(const Piece& a, const Piece& b, std::vector<Overlap>& out);
  void Note(Kind kind, const Piece& first, const Piece& second, CpuId data,
            std::vector<Overlap>& out);
  void Forget();

  std::vector<std::vector<Change>> changes_;  // by task, in order of time
  std::vector<Piece> pieces_;
  std::vector<Time> passed_;  // by CPU
  std::vector<Overlap> last_;
  std::array<Cycles, kNumKinds> cycles_{};
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_USER_OVERLAPS_H_
