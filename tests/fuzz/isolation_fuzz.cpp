// Histories drawn from the fuzzer's bytes, for every checker of isolation. The first byte chooses the checker; each
// operation takes a byte for its type and process, one for how many micro-operations it has, and two for each of those;
// what a list read saw follows as bytes.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "checkers/isolation/isolation.h"

using namespace shaketable;

namespace {

class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}
  bool empty() const { return left_ == 0; }
  std::uint8_t next() {
    if (left_ == 0) return 0;
    --left_;
    return *data_++;
  }

 private:
  const std::uint8_t* data_;
  std::size_t left_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes bytes(data, size);
  const std::uint8_t choice = bytes.next();
  const bool lists = choice % 2 == 0;
  History history;
  while (!bytes.empty() && history.operations.size() < 64) {
    const std::uint8_t head = bytes.next();
    Operation operation;
    operation.type = static_cast<OpType>(head % 4);
    operation.process = head / 4 % 8;
    std::vector<Value> mops;
    for (int count = bytes.next() % 5; count > 0; --count) {
      const std::uint8_t what = bytes.next(), value = bytes.next();
      const Value key(what / 2 % 4);
      if (what % 2) {
        mops.push_back(Value::list({Value(lists ? "append" : "w"), key, Value(value % 16)}));
        continue;
      }
      Value seen = value % 16 ? Value(value % 16) : Value();
      if (lists) {
        std::vector<Value> items;
        for (int i = value % 6; i > 0; --i) items.emplace_back(bytes.next() % 16);
        seen = value % 6 ? Value::list(std::move(items)) : Value();
      }
      mops.push_back(Value::list({Value("r"), key, std::move(seen)}));
    }
    operation.value = Value::list(std::move(mops));
    history.operations.push_back(std::move(operation));
  }
  IsolationOptions options;
  options.search_steps_max = 10'000;
  if (choice / 2 % 2) options.consistency_models = {"strong-session-serializable"};
  const auto levels = weak_level_names();
  const Result<Verdict> verdict = lists ? check_list_append(history, options)
                                  : choice / 4 % 2
                                      ? check_weak(history, *weak_level(levels[choice / 8 % levels.size()]), options)
                                      : check_rw_register(history, options);
  // The same history gives the same answer.
  if (verdict && lists) {
    const Result<Verdict> again = check_list_append(history, options);
    if (!again || again->explanation != verdict->explanation || again->not_models != verdict->not_models) std::abort();
  }
  return 0;
}
