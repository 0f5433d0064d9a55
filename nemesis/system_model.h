#pragma once
// The system model that a plan may state: what time and nodes may do to the system at worst (van Steen & Tanenbaum;
// Kleppmann, Designing Data-Intensive Applications, chapter 8). A verdict holds in a model; a fault beyond it proves
// nothing about a system that never promised to stand it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/parameters.h"
#include "base/result.h"

namespace shaketable {

enum class Timing : std::uint8_t {
  synchronous,            // the bounds on delay, pauses and clocks hold always
  partially_synchronous,  // they hold but for a while now and then
  asynchronous,           // there are none
};

enum class Failures : std::uint8_t {
  none,
  crash_stop,      // a node that ends never comes back
  crash_recovery,  // it comes back, with what it had synced
  weak_byzantine,  // and may find other bytes on its disk, or get other ones from the network, than were written
};

struct SystemModel {
  Timing timing = Timing::partially_synchronous;
  Failures failures = Failures::crash_recovery;
  std::optional<int> max_faulty;       // nodes that may fail at once
  Nanos delay{0}, pause{0}, clock{0};  // of messages, of processes, off the true time
  std::optional<Nanos> unstable;       // partially synchronous: how long the bounds may not hold in one go
  bool allow_beyond = false;           // faults beyond it are applied all the same
};

// What one fault does at worst. Nanos::max(): without bound.
struct FaultNeeds {
  Nanos delay{0}, pause{0}, clock{0};
  Failures failures = Failures::none;
  bool unknown = false;  // nobody can say: scripts of the plan
};

// `to_the_end`: it lasts until the load is over, so that a node that it ends never comes back. nullopt: the fault is
// not in the table of this file, which is a defect (a test looks).
std::optional<FaultNeeds> fault_needs(const std::string& fault, const Parameters& options, Nanos lasts,
                                      bool to_the_end);

// bad_input, with the remedy: the fault goes beyond the model. Fine when the model allows that.
Result<void> check_model(const SystemModel& model, const std::string& fault, const Parameters& options,
                         std::size_t nodes, Nanos lasts, bool to_the_end);

// "partially synchronous (delay 100ms, for at most 30s not), crash-recovery, at most 2 nodes failing".
std::string model_text(const SystemModel& model);

// The weakest model that allows these needs: for a run whose plan states none.
std::string needed_model_text(const std::vector<FaultNeeds>& needs);

}  // namespace shaketable
