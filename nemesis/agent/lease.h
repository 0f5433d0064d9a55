#pragma once
// The lease that the controller renews, and the record of the guard that watches it. Files below /run: a reboot ends
// both.

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "nemesis/agent/process.h"

namespace shaketable::agent {

struct GuardRecord {
  ProcessName process;
  std::string version;  // hash of the program it runs; a guard of POSIX sh, of older versions, has none
};
std::string own_version();
Result<void> write_guard_record(const std::string& version);  // this process is the guard
std::optional<GuardRecord> guard_record();
std::optional<GuardRecord> living_guard();

// Its end, on the raw clock.
std::optional<Nanos> lease_end();
Result<void> set_lease(Nanos end);

// Sets the lease, and starts a guard unless one of this version is alive; one of another version is replaced. Returns
// once the guard has been seen at work.
Result<void> start_guard(Nanos lease);
void end_guard();

// Makes this process hard to kill by accident: memory locked, out of the OOM killer's sight, first at the CPU.
void harden();

}  // namespace shaketable::agent
