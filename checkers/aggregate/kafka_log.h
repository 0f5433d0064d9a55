#pragma once
// What a history tells of append-only logs: who sent what, who polled what, and which value stands at which offset.
// Internal to checkers/aggregate/.

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "checkers/aggregate/input.h"

namespace shaketable::aggregate {

inline constexpr std::int64_t kNoOffset = -1;

// A message in a partition. Keys name partitions; 1 and "1" are the same key, because JSON turns one into the other.
struct Message {
  std::size_t key = 0;  // number of the key
  std::int64_t offset = kNoOffset;
  Value value;
  std::size_t micro = 0;  // which micro-operation of the transaction sent or polled it
};

struct Transaction {
  const Call* call = nullptr;
  std::vector<Message> sends, polls;
  bool subscribed = false;  // its process had its partitions assigned by the system, which may change them at any time
  bool polled = false;      // it was asked to poll
  bool committed = false;   // ok; or crashed, but somebody polled what it sent
};

// assign or subscribe, by the process it concerns.
struct Assignment {
  const Call* call = nullptr;
  bool subscribe = false;
  std::vector<std::size_t> keys;
};

struct ValueState {
  std::vector<std::size_t> senders;                           // transactions that did not fail
  std::vector<std::size_t> failed;                            // transactions that did
  std::vector<std::size_t> pollers;                           // transactions, each once
  std::size_t first_index = SIZE_MAX, last_index = SIZE_MAX;  // places in the log; SIZE_MAX: none is known
};

// One partition as far as it is known. An index counts the known offsets from 0: gaps between offsets say nothing,
// since transactions leave invisible messages there.
struct PartitionLog {
  Value key;
  std::map<std::int64_t, std::vector<Value>> at_offset;  // sorted, without repetition
  std::vector<std::int64_t> offsets;                     // by index
  std::unordered_map<Value, ValueState, ValueHash> values;
  std::vector<Value> sent;  // values in order of their first send, then those that were only polled
};

struct KafkaHistory {
  std::vector<Call> calls;
  std::vector<Transaction> transactions;  // in order of invocation
  std::vector<Assignment> assignments;
  std::vector<PartitionLog> logs;
};

KafkaHistory read_kafka(const Input& input);

// Finds the cycles among transactions; see kafka_cycles.cpp. False when the time ran out.
bool find_kafka_cycles(const KafkaHistory& history, const Input& input, Findings& findings);

}  // namespace shaketable::aggregate
