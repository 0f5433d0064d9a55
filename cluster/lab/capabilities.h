#pragma once
// What root of a node may not do to the machine it runs on.

#include "base/result.h"

namespace shaketable::lab {

// Gives up, for this process and all it starts, every capability that reaches beyond a node: above all CAP_SYS_TIME,
// for the clock is the machine's. Error if any of it did not work.
Result<void> drop_capabilities();

}  // namespace shaketable::lab
