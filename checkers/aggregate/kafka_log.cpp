#include "checkers/aggregate/kafka_log.h"

#include <algorithm>
#include <utility>

namespace shaketable::aggregate {
namespace {

bool is_transaction(const Call& call) {
  const std::string_view f = call.f.text();
  return f == "send" || f == "poll" || f == "txn";
}

class Reader {
 public:
  explicit Reader(KafkaHistory& history) : history_(history) {}

  std::size_t key_number(const Value& key) {
    const Value name = key.is_integer() ? Value(std::to_string(key.integer())) : key;
    const auto [at, added] = numbers_.try_emplace(name, history_.logs.size());
    if (added) history_.logs.emplace_back().key = key;
    return at->second;
  }

  // What a completion says, or for a crashed one what was asked for.
  void read(const Value& value, bool answered, Transaction& transaction) {
    if (!value.is_list()) return;
    for (std::size_t i = 0; i < value.size(); ++i) {
      const Value& micro = value[i];
      if (!micro.is_list() || micro.size() == 0) continue;
      const std::string_view f = word(micro[0]);
      if (f == "poll") {
        transaction.polled = true;
        if (answered && micro.size() >= 2 && micro[1].kind() == Value::Kind::map) read_poll(micro[1], i, transaction);
      } else if (f == "send" && micro.size() >= 3) {
        Message message;
        message.key = key_number(micro[1]);
        message.value = micro[2];
        message.micro = i;
        if (micro[2].is_list() && micro[2].size() == 2) {
          if (micro[2][0].is_integer()) message.offset = micro[2][0].integer();
          message.value = Value(micro[2][1]);
        }
        transaction.sends.push_back(std::move(message));
      }
    }
  }

 private:
  void read_poll(const Value& map, std::size_t micro, Transaction& transaction) {
    for (std::size_t i = 0; i < map.items().size(); i += 2) {
      const std::size_t key = key_number(map.items()[i]);
      const Value& messages = map.items()[i + 1];
      if (!messages.is_list()) continue;
      for (const Value& pair : messages.items()) {
        if (!pair.is_list() || pair.size() != 2) continue;
        transaction.polls.push_back({key, pair[0].is_integer() ? pair[0].integer() : kNoOffset, pair[1], micro});
      }
    }
  }

  KafkaHistory& history_;
  std::unordered_map<Value, std::size_t, ValueHash> numbers_;
};

ValueState& state_of(PartitionLog& log, const Value& value) {
  const auto [at, added] = log.values.try_emplace(value);
  if (added) log.sent.push_back(value);
  return at->second;
}

void put(PartitionLog& log, std::int64_t offset, const Value& value) {
  if (offset == kNoOffset) return;
  auto& values = log.at_offset[offset];
  const auto at = std::lower_bound(values.begin(), values.end(), value);
  if (at == values.end() || !(*at == value)) values.insert(at, value);
}

}  // namespace

KafkaHistory read_kafka(const Input& input) {
  KafkaHistory history;
  history.calls = calls_of(input);
  Reader reader(history);
  std::unordered_map<std::int64_t, bool> subscribed;
  for (const Call& call : history.calls) {
    const std::string_view f = call.f.text();
    if (f == "assign" || f == "subscribe") {
      if (call.failed()) continue;
      Assignment assignment{&call, f == "subscribe", {}};
      if (call.asked().kind() >= Value::Kind::list && call.asked().kind() != Value::Kind::map)
        for (const Value& key : call.asked().items()) assignment.keys.push_back(reader.key_number(key));
      subscribed[call.process] = assignment.subscribe;
      history.assignments.push_back(std::move(assignment));
      continue;
    }
    if (!is_transaction(call)) continue;
    Transaction transaction;
    transaction.call = &call;
    transaction.subscribed = subscribed[call.process];
    const bool answered = call.completion && call.completion->value.is_list() && call.completion->value.size() > 0;
    reader.read(answered && !call.failed() ? call.completion->value : call.asked(), answered && !call.failed(),
                transaction);
    transaction.committed = call.ok();
    history.transactions.push_back(std::move(transaction));
  }
  for (std::size_t t = 0; t < history.transactions.size(); ++t) {
    const Transaction& transaction = history.transactions[t];
    for (const Message& send : transaction.sends) {
      ValueState& state = state_of(history.logs[send.key], send.value);
      (transaction.call->failed() ? state.failed : state.senders).push_back(t);
    }
  }
  for (std::size_t t = 0; t < history.transactions.size(); ++t)
    for (const Message& poll : history.transactions[t].polls) {
      ValueState& state = state_of(history.logs[poll.key], poll.value);
      if (state.pollers.empty() || state.pollers.back() != t) state.pollers.push_back(t);
      put(history.logs[poll.key], poll.offset, poll.value);
    }
  for (Transaction& transaction : history.transactions) {
    if (transaction.call->failed()) continue;
    for (const Message& send : transaction.sends)
      transaction.committed = transaction.committed || !history.logs[send.key].values.at(send.value).pollers.empty();
    if (!transaction.committed) continue;
    for (const Message& send : transaction.sends) put(history.logs[send.key], send.offset, send.value);
  }
  for (PartitionLog& log : history.logs)
    for (const auto& [offset, values] : log.at_offset) {
      for (const Value& value : values) {
        ValueState& state = log.values.at(value);
        if (state.first_index == SIZE_MAX) state.first_index = log.offsets.size();
        state.last_index = log.offsets.size();
      }
      log.offsets.push_back(offset);
    }
  return history;
}

}  // namespace shaketable::aggregate
