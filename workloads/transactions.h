#pragma once
// Transactions over keys that come and go, as elle's generators make them: a key in use is written so many times, then
// a new one takes its place.

#include <cstdint>
#include <memory>
#include <vector>

#include "base/parameters.h"
#include "base/result.h"
#include "workloads/generator.h"
#include "workloads/keys.h"

namespace shaketable {

enum class WriteKind {
  append,             // ["append" k v]
  blind,              // ["w" k v]
  read_modify_write,  // ["r" k nil] and then ["w" k v]
  mixed,              // blind or after a read, by chance
};

struct TransactionOptions {
  WriteKind kind = WriteKind::append;
  std::size_t keys = 10;
  std::uint64_t writes_per_key = 100;
  std::size_t shortest = 1, longest = 4;  // micro-operations
  double reads = 0.5;                     // the share of micro-operations that read
  std::uint64_t value_bytes = 0;
  KeyPicker picker;
};

// Parameters keys, writes_per_key, shortest, longest, reads, value_bytes, distribution and skew.
std::vector<ParameterSpec> transaction_parameters();
Result<TransactionOptions> transaction_options(const Parameters& parameters, WriteKind kind);

// Endless txn operations; every value is written to its key once. `count` is shared with the final reads.
GeneratorPtr transactions(TransactionOptions options, std::shared_ptr<KeyCount> count);
// Reads every key that there was, a few in each transaction, until it is ok.
GeneratorPtr read_all_keys(std::shared_ptr<KeyCount> count);

}  // namespace shaketable
