#pragma once
// Workers that acquire a lock, hold it, perhaps use what it protects, and give it back, over and over.

#include <cstdint>
#include <vector>

#include "base/parameters.h"
#include "workloads/generator.h"

namespace shaketable {

struct LockCycle {
  std::int64_t locks = 1;
  DurationRange hold;     // from the grant to the release
  Nanos retry{0};         // from an acquire that was not granted to the next
  std::int64_t uses = 0;  // of the resource while the lock is held, spread over the time
};

// Parameters locks, hold and retry.
std::vector<ParameterSpec> lock_parameters();
LockCycle lock_cycle_of(const Parameters& parameters);

GeneratorPtr lock_cycle(LockCycle options);

}  // namespace shaketable
