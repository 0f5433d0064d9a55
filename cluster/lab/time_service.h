#pragma once
// The machine's time of day, for nodes that have kernels of their own. Such a kernel reads it when it begins and does
// not count what passes until its clock ticks: it would be some tenths of a second behind.

#include "base/clock.h"
#include "base/result.h"

namespace shaketable::lab {

// Tells the time on the lab's bridge, for as long as this process lives, in a thread of its own. To be called in the
// lab's network namespace, once, by a process that forks no more.
Result<void> offer_time();

// In a guest with its network up: asks, and sets the guest's clock, or says why not. Where the kernel is not User-Mode
// Linux's nothing is set: the clock would be the machine's.
Result<void> take_time(Nanos patience);

}  // namespace shaketable::lab
