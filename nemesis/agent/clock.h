#pragma once
// Kind "clock": the node's time of day is stepped, once or again and again, or runs faster or slower, or its kernel
// announces a leap second. Needs a kernel of the node's own, or a machine; where nodes share a clock it is refused.
// What disciplines the clock (time_services.h) is stopped by SIGSTOP meanwhile, and goes on afterwards.
//
// Fields asked, one of: offset (nanoseconds, with sign); ppm (parts per million, with sign; by tick and frequency of
// adjtimex(2)); delta and period (nanoseconds: every period the clock is set away by delta, or back); announce (insert,
// delete: STA_INS or STA_DEL, so that the kernel itself repeats or skips the last second of the UTC day). Always:
// controller_boot (the boot id of the controller's kernel: a node under the same one is refused, its clock is the
// controller's). One at a time. Fields kept: tick, freq, status, maxerror, esterror, tai (as found); raw, real (one
// moment on both clocks); services; strober (pid:start). Proof: bit; offset_ns (how far the clock is from where it
// would be), wanted_ns; steps (of a strobe); announced; services (how many stand still).
//
// The undo gives back tick and frequency first, then the time of day, counted in CLOCK_MONOTONIC_RAW, which neither of
// them bends, then what the kernel says of its clock.

#include "nemesis/agent/kind.h"

namespace shaketable::agent {

class ClockShift final : public Kind {
 public:
  std::string_view name() const override { return "clock"; }
  bool survives_reboot(const Entry&) const override { return false; }
  Result<void> look(Entry& entry) const override;
  Result<std::unique_ptr<Armed>> arm(Entry& entry) const override;
  Fields prove(const Entry& entry) const override;
  Result<Undone> undo(const Entry& entry) const override;
};

}  // namespace shaketable::agent
