#include "workloads/transactions.h"

#include <algorithm>

#include "workloads/final_reads.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

constexpr std::int64_t kFinalReadKeys = 4;  // in one transaction

class Transactions final : public Generator {
 public:
  Transactions(TransactionOptions options, std::shared_ptr<KeyCount> count)
      : options_(std::move(options)), count_(std::move(count)), keys_(options_.keys) {
    for (Key& key : keys_) renew(key);
  }

  Turn next(Context& context) override {
    static const Name txn("txn");
    Random& random = context.random;
    const auto length = static_cast<std::size_t>(
        random.between(static_cast<std::int64_t>(options_.shortest), static_cast<std::int64_t>(options_.longest)));
    std::vector<Value> micros;
    while (micros.size() < length) {
      const std::size_t place = options_.picker.pick(random, keys_.size());
      const std::int64_t key = keys_[place].number;
      if (random.chance(options_.reads)) {
        micros.push_back(Value::list({"r", key, nullptr}));
        continue;
      }
      const bool reads_first =
          options_.kind == WriteKind::read_modify_write || (options_.kind == WriteKind::mixed && random.chance(0.5));
      if (reads_first) micros.push_back(Value::list({"r", key, nullptr}));
      micros.push_back(Value::list({options_.kind == WriteKind::append ? "append" : "w", key, write(keys_[place])}));
    }
    return Turn::operation({txn, Value::list(std::move(micros))});
  }

 private:
  struct Key {
    std::int64_t number = 0;
    std::uint64_t written = 0;
  };

  Value write(Key& key) {
    Value value = sized_value(static_cast<std::int64_t>(++key.written), options_.value_bytes);
    if (key.written == options_.writes_per_key) renew(key);
    return value;
  }
  void renew(Key& key) { key = {count_->used++, 0}; }

  TransactionOptions options_;
  std::shared_ptr<KeyCount> count_;
  std::vector<Key> keys_;
};

}  // namespace

std::vector<ParameterSpec> transaction_parameters() {
  std::vector<ParameterSpec> specs = {
      spec::integer("keys", "keys in use at once", 10, 1, 1'000'000),
      spec::integer("writes_per_key", "writes of a key before a new one takes its place", 100, 1, 1e9),
      spec::integer("shortest", "micro-operations of the shortest transaction", 1, 1, 1000),
      spec::integer("longest", "micro-operations of the longest transaction", 4, 1, 1000),
      spec::share("reads", "share of micro-operations that read", 0.5),
      value_bytes_parameter()};
  for (ParameterSpec& spec : key_parameters()) specs.push_back(std::move(spec));
  return specs;
}

Result<TransactionOptions> transaction_options(const Parameters& parameters, WriteKind kind) {
  TransactionOptions options;
  options.kind = kind;
  options.keys = static_cast<std::size_t>(parameters.integer("keys"));
  options.writes_per_key = static_cast<std::uint64_t>(parameters.integer("writes_per_key"));
  options.shortest = static_cast<std::size_t>(parameters.integer("shortest"));
  options.longest = static_cast<std::size_t>(parameters.integer("longest"));
  options.reads = parameters.number("reads");
  options.value_bytes = parameters.size("value_bytes");
  options.picker = key_picker(parameters);
  if (options.shortest > options.longest)
    return bad_input("a transaction's \"shortest\" length must not be more than its \"longest\"");
  return options;
}

GeneratorPtr transactions(TransactionOptions options, std::shared_ptr<KeyCount> count) {
  return std::make_unique<Transactions>(std::move(options), std::move(count));
}

GeneratorPtr read_all_keys(std::shared_ptr<KeyCount> count) {
  return final_reads([count = std::move(count)] {
    std::vector<Invocation> reads;
    for (std::int64_t first = 0; first < count->used; first += kFinalReadKeys) {
      std::vector<Value> micros;
      for (std::int64_t key = first; key < std::min(first + kFinalReadKeys, count->used); ++key)
        micros.push_back(Value::list({"r", key, nullptr}));
      reads.push_back({Name("txn"), Value::list(std::move(micros))});
    }
    return reads;
  });
}

}  // namespace shaketable
