// Append-only logs, as Kafka and Redpanda have them: sends append a value to a partition (a key) and learn its offset,
// polls return what follows the consumer's position. The anomalies and their names are those of jepsen.tests.kafka,
// whose description of the analysis this follows; docs/checkers-aggregate.md says where it is stricter about evidence.
// Operations: send, poll and txn with a list of ["send" k v] -> ["send" k [offset v]] and ["poll"] ->
// ["poll" {k [[offset v] …]}]; assign and subscribe with a list of keys.

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "checkers/aggregate/input.h"
#include "checkers/aggregate/kafka_log.h"

namespace shaketable::aggregate {
namespace {

class Kafka {
 public:
  Kafka(const KafkaHistory& history, const Input& input) : history_(history), input_(input) {}

  Verdict verdict() && {
    const auto operations = static_cast<std::int64_t>(history_.calls.size());
    offsets();
    aborted_and_own_reads();
    inside_transactions();
    if (input_.budget.time_spent()) return out_of_time("kafka", operations);
    between_transactions();
    if (input_.budget.time_spent()) return out_of_time("kafka", operations);
    lost_and_unseen();
    if (!find_kafka_cycles(history_, input_, findings_)) return out_of_time("kafka", operations);
    std::int64_t sends = 0, polls = 0;
    for (const Transaction& transaction : history_.transactions) {
      sends += static_cast<std::int64_t>(transaction.sends.size());
      polls += static_cast<std::int64_t>(transaction.polls.size());
    }
    findings_.note("keys", static_cast<std::int64_t>(history_.logs.size()));
    findings_.note("sent", sends);
    findings_.note("polled", polls);
    findings_.note("unseen", unseen_);
    findings_.note("send-skips", send_skips_);
    if (polls == 0) why_unknown_ = "nothing was ever polled";
    return std::move(findings_).verdict("kafka", operations, std::move(why_unknown_));
  }

 private:
  const PartitionLog& log(const Message& message) const { return history_.logs[message.key]; }
  // Place in the log, SIZE_MAX if it is not known.
  std::size_t index(const Message& message) const { return log(message).values.at(message.value).first_index; }
  std::string key(const Message& message) const { return shown(log(message).key); }

  Value pair_details(const Message& first, const Message& second, std::vector<std::int64_t> operations) const {
    std::vector<Value> places;
    for (std::int64_t operation : operations) places.push_back(place(operation));
    return details({{"key", log(first).key},
                    {"values", Value::list({first.value, second.value})},
                    {"delta", static_cast<std::int64_t>(index(second)) - static_cast<std::int64_t>(index(first))},
                    {"operations", Value::list(std::move(places))}});
  }

  void offsets() {
    for (const PartitionLog& one : history_.logs) {
      for (const auto& [offset, values] : one.at_offset)
        if (values.size() > 1)
          findings_.add(
              "inconsistent-offsets",
              fmt::format("key {} has at offset {} the values {}", shown(one.key), offset, shown_list(values)),
              details({{"key", one.key}, {"offset", offset}, {"values", Value::list(values)}}));
      for (const Value& value : one.sent) {
        const ValueState& state = one.values.at(value);
        if (state.first_index == state.last_index) continue;
        std::vector<Value> at;
        for (std::size_t i = state.first_index; i <= state.last_index; ++i) {
          const auto& values = one.at_offset.at(one.offsets[i]);
          if (std::binary_search(values.begin(), values.end(), value)) at.emplace_back(one.offsets[i]);
        }
        // Sent twice on purpose, or by a retry that the history shows, it may well stand there twice.
        if (state.senders.size() >= at.size()) continue;
        const std::string text =
            fmt::format("{} was sent to key {} {}, and stands at the offsets {}", shown(value), shown(one.key),
                        counted(state.senders.size(), "time", "times"), shown_list(at));
        findings_.add("duplicate", text,
                      details({{"key", one.key}, {"value", value}, {"offsets", Value::list(std::move(at))}}));
      }
    }
  }

  void aborted_and_own_reads() {
    for (const Transaction& transaction : history_.transactions) {
      std::unordered_set<Value, ValueHash> own;
      for (const Message& send : transaction.sends)
        own.insert(Value::list({static_cast<std::int64_t>(send.key), send.value}));
      for (const Message& poll : transaction.polls) {
        const ValueState& state = log(poll).values.at(poll.value);
        const Value where =
            details({{"key", log(poll).key}, {"value", poll.value}, {"operation", place(transaction.call->place())}});
        if (state.senders.empty()) {
          if (state.failed.empty())
            findings_.add("unexpected",
                          fmt::format("{} polled {} from key {}, which nobody sent", name_of(*transaction.call),
                                      shown(poll.value), key(poll)),
                          where);
          else if (transaction.call->ok())
            findings_.add(
                "G1a",
                fmt::format("{} polled {} from key {}, but {}, which sent it, had failed", name_of(*transaction.call),
                            shown(poll.value), key(poll), name_of(*history_.transactions[state.failed.front()].call)),
                where);
        }
        if (!own.empty() && own.count(Value::list({static_cast<std::int64_t>(poll.key), poll.value})))
          findings_.add("precommitted-read",
                        fmt::format("{} polled {} from key {}, which it sent itself and had not committed",
                                    name_of(*transaction.call), shown(poll.value), key(poll)),
                        where);
      }
    }
  }

  // Two messages that follow one another must do so in the log. `skips` and `reorders` may be empty: not looked at.
  void compare(const Message& first, const Message& second, std::string_view skips, std::string_view reorders,
               std::string_view verb, const Call& before, const Call& after) {
    const std::size_t i = index(first), j = index(second);
    if (i == SIZE_MAX || j == SIZE_MAX) return;
    const std::vector<std::int64_t> operations =
        &before == &after ? std::vector{after.place()} : std::vector{before.place(), after.place()};
    const std::string who = &before == &after
                                ? name_of(after)
                                : fmt::format("{}, and then {} of the same process,", name_of(before), name_of(after));
    if (j <= i && !reorders.empty())
      findings_.add(reorders,
                    fmt::format("{} {} {} and then {} {} key {}, where they stand {}", who, verb, shown(first.value),
                                shown(second.value), verb == "sent" ? "to" : "from", key(first),
                                i == j ? "at the same place" : "the other way round"),
                    pair_details(first, second, operations));
    if (j > i + 1 && !skips.empty())
      findings_.add(skips,
                    fmt::format("{} {} {} and then {} {} key {}, with {} between them", who, verb, shown(first.value),
                                shown(second.value), verb == "sent" ? "to" : "from", key(first),
                                counted(j - i - 1, "known message", "known messages")),
                    pair_details(first, second, operations));
  }

  void inside_transactions() {
    const bool strict = input_.options.boolean("strict-sends");
    for (const Transaction& transaction : history_.transactions) {
      if (transaction.call->failed()) continue;
      std::unordered_map<std::size_t, const Message*> last;
      for (const Message& poll : transaction.polls) {
        const Message*& before = last[poll.key];
        // Between two polls of a subscriber its partitions may have been given away and back; within one they are not.
        if (before && (!transaction.subscribed || before->micro == poll.micro))
          compare(*before, poll, "int-poll-skip", "int-nonmonotonic-poll", "polled", *transaction.call,
                  *transaction.call);
        before = &poll;
      }
      last.clear();
      for (const Message& send : transaction.sends) {
        const Message*& before = last[send.key];
        if (before) {
          compare(*before, send, strict ? "int-send-skip" : "", "int-nonmonotonic-send", "sent", *transaction.call,
                  *transaction.call);
          const std::size_t i = index(*before), j = index(send);
          send_skips_ += i != SIZE_MAX && j != SIZE_MAX && j > i + 1;
        }
        before = &send;
      }
    }
  }

  void between_transactions() {
    struct Position {
      const Message* message;
      const Call* call;
      bool may_go_back;  // it was assigned anew since, perhaps with a seek to the beginning
    };
    struct Process {
      std::map<std::size_t, Position> polled, sent;
    };
    // By completion: that is when a process gets to the next thing.
    struct Step {
      std::int64_t at;
      const Transaction* transaction;
      const Assignment* assignment;
      std::int64_t process;
    };
    std::vector<Step> steps;
    for (const Transaction& transaction : history_.transactions)
      if (!transaction.call->failed())
        steps.push_back({transaction.call->end, &transaction, nullptr, transaction.call->process});
    for (const Assignment& assignment : history_.assignments)
      steps.push_back({assignment.call->end, nullptr, &assignment, assignment.call->process});
    std::stable_sort(steps.begin(), steps.end(), [](const Step& a, const Step& b) { return a.at < b.at; });
    std::unordered_map<std::int64_t, Process> processes;
    for (const Step& step : steps) {
      Process& process = processes[step.process];
      if (step.assignment) {
        if (step.assignment->subscribe) process.polled.clear();
        std::erase_if(process.polled, [&](const auto& entry) {
          return std::find(step.assignment->keys.begin(), step.assignment->keys.end(), entry.first) ==
                 step.assignment->keys.end();
        });
        for (auto& [number, position] : process.polled) position.may_go_back = true;
        continue;
      }
      const Transaction& transaction = *step.transaction;
      std::unordered_set<std::size_t> looked_at;
      for (const Message& send : transaction.sends) {
        const auto before = process.sent.find(send.key);
        if (before != process.sent.end() && looked_at.insert(send.key).second)
          compare(*before->second.message, send, "", "nonmonotonic-send", "sent", *before->second.call,
                  *transaction.call);
      }
      for (const Message& send : transaction.sends)
        process.sent.insert_or_assign(send.key, Position{&send, transaction.call, false});
      if (transaction.subscribed || !transaction.call->ok()) continue;
      looked_at.clear();
      for (const Message& poll : transaction.polls) {
        const auto before = process.polled.find(poll.key);
        if (before != process.polled.end() && looked_at.insert(poll.key).second)
          compare(*before->second.message, poll, "poll-skip", before->second.may_go_back ? "" : "nonmonotonic-poll",
                  "polled", *before->second.call, *transaction.call);
      }
      for (const Message& poll : transaction.polls)
        process.polled.insert_or_assign(poll.key, Position{&poll, transaction.call, false});
    }
  }

  void lost_and_unseen() {
    // A crashed poll of a subscriber may have taken messages with it, and the group's position past them.
    const bool crashed =
        std::any_of(history_.transactions.begin(), history_.transactions.end(), [](const Transaction& transaction) {
          return transaction.subscribed && transaction.polled && transaction.call->outcome == OpType::info;
        });
    std::size_t excused = 0;
    for (const PartitionLog& one : history_.logs) {
      std::size_t bound = SIZE_MAX;  // the highest place that anybody surely reached
      const Value* highest = nullptr;
      for (const Value& value : one.sent) {
        const ValueState& state = one.values.at(value);
        if (state.pollers.empty() || state.first_index == SIZE_MAX || (bound != SIZE_MAX && state.first_index <= bound))
          continue;
        bound = state.first_index;
        highest = &value;
      }
      for (const Value& value : one.sent) {
        const ValueState& state = one.values.at(value);
        if (!state.pollers.empty()) continue;
        const auto sender = std::find_if(state.senders.begin(), state.senders.end(),
                                         [&](std::size_t t) { return history_.transactions[t].committed; });
        if (sender == state.senders.end()) continue;
        const Call& sent = *history_.transactions[*sender].call;
        if (highest && state.last_index != SIZE_MAX && state.last_index < bound) {
          if (crashed) {
            ++excused;
            continue;
          }
          const Call& reader = *history_.transactions[one.values.at(*highest).pollers.front()].call;
          findings_.add("lost-write",
                        fmt::format("{} was sent to key {} by {}, at offset {}, and nobody ever polled it, though {} "
                                    "polled {} from offset {}",
                                    shown(value), shown(one.key), name_of(sent), one.offsets[state.last_index],
                                    name_of(reader), shown(*highest), one.offsets[bound]),
                        details({{"key", one.key},
                                 {"value", value},
                                 {"send", place(sent.place())},
                                 {"max-read", *highest},
                                 {"max-read-by", place(reader.place())}}));
          continue;
        }
        ++unseen_;
        if (input_.options.boolean("drained") && sent.ok())
          findings_.add("unseen",
                        fmt::format("{} was sent to key {} by {}, and nobody ever polled it", shown(value),
                                    shown(one.key), name_of(sent)),
                        details({{"key", one.key}, {"value", value}, {"send", place(sent.place())}}));
      }
    }
    if (excused > 0)
      why_unknown_ = fmt::format("{} never polled, which a crashed poll of a subscriber may have taken",
                                 counted(excused, "message was", "messages were"));
  }

  const KafkaHistory& history_;
  const Input& input_;
  Findings findings_;
  std::string why_unknown_;
  std::int64_t unseen_ = 0, send_skips_ = 0;
};

}  // namespace

Verdict check_kafka(const Input& input) {
  const KafkaHistory history = read_kafka(input);
  return Kafka(history, input).verdict();
}

}  // namespace shaketable::aggregate
