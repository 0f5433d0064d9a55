#include "checkers/linearizability/models/models.h"

#include "checkers/linearizability/models/register.h"

namespace shaketable::linearizability {

const std::vector<ModelEntry>& models() {
  static const std::vector<ModelEntry> all = {
      {{"register", "one value: read, write V"}, make_register},
      {{"cas-register", "one value: read, write V, cas [old new]"}, make_cas_register},
      {{"multi-register", "several registers: txn [[read K V] [write K V] ...], read [K V], write [K V]"},
       make_multi_register},
      {{"kv-append", "strings by key: get [K S], put [K S], append [K S]"}, make_kv_append},
      {{"set", "add V, remove V, contains V (each may answer true or false), read [V ...]"}, make_set},
      {{"gset", "a set that only grows: add V, contains V, read [V ...]"}, make_gset},
      {{"fifo-queue", "enqueue V, dequeue V (nil: it was empty)"}, make_fifo_queue},
      {{"unordered-queue", "enqueue V, dequeue V of any that is there (nil: it was empty)"}, make_unordered_queue},
      {{"stack", "push V, pop V (nil: it was empty)"}, make_stack},
      {{"priority-queue", "enqueue V, dequeue the smallest V (nil: it was empty)"}, make_priority_queue},
      {{"mutex", "acquire, release, by anybody"}, make_mutex},
      {{"reentrant-mutex", "acquire, release, by the holder, as often as it acquired"}, make_reentrant_mutex},
      {{"fenced-mutex", "acquire F (fences grow), release, by the holder"}, make_fenced_mutex},
      {{"semaphore", "acquire N, release N (nil: 1); initially so many permits (1)"}, make_semaphore},
      {{"counter", "add N, read N; initially 0"}, make_counter},
      {{"log", "append V (may answer [V position]), get P (answers V), read [V ...]"}, make_log},
  };
  return all;
}

}  // namespace shaketable::linearizability
