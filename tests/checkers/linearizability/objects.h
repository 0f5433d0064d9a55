#pragma once
// The models once more, as plainly as possible, for brute_force.h.

#include "tests/checkers/linearizability/brute_force.h"

namespace shaketable::objects {

brute::Object register_object();
brute::Object cas_register();
brute::Object unique_register();     // every write has a value of its own
brute::Object multi_register();      // transactions over three keys
brute::Object separate_registers();  // transactions of one key each
brute::Object kv_append();
brute::Object set_object();
brute::Object gset();
brute::Object growing_set();   // adds and reads, no answers
brute::Object separate_set();  // no reads of the whole
// fifo-queue, unordered-queue, stack, priority-queue. `filled`: there is something in it at first.
brute::Object queue(const char* model, bool unique, bool filled = false);
brute::Object mutex();
brute::Object reentrant_mutex();
brute::Object fenced_mutex();
brute::Object semaphore();
brute::Object counter();
brute::Object even_counter();  // every add is the same
brute::Object log();

}  // namespace shaketable::objects
