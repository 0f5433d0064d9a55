// Small histories of every model, spelled by the bytes: the checker gives the verdict of brute force, and the same
// shortest prefix.

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tests/checkers/linearizability/brute_force.h"
#include "tests/checkers/linearizability/objects.h"

namespace shaketable {
namespace {

brute::Object object_of(std::uint8_t choice) {
  using namespace objects;
  constexpr const char* kQueues[] = {"fifo-queue", "unordered-queue", "stack", "priority-queue"};
  if (choice % 32 >= 20) return queue(kQueues[choice % 4], choice % 8 >= 4, choice % 16 >= 12);
  switch (choice % 32) {
    case 0:
      return register_object();
    case 1:
      return unique_register();
    case 2:
      return multi_register();
    case 3:
      return separate_registers();
    case 4:
      return kv_append();
    case 5:
      return set_object();
    case 6:
      return gset();
    case 7:
      return growing_set();
    case 8:
      return separate_set();
    case 9:
      return mutex();
    case 10:
      return reentrant_mutex();
    case 11:
      return fenced_mutex();
    case 12:
      return semaphore();
    case 13:
      return counter();
    case 14:
      return even_counter();
    case 15:
      return log();
    default:
      return cas_register();
  }
}

// Each two bytes: whose turn it is and how the operation goes on, and with what.
History history_of(const brute::Object& object, const std::uint8_t* data, std::size_t size) {
  struct Open {
    std::string f;
    Value argument;
    bool busy = false;
    std::int64_t process = 0;
  };
  History history;
  Open open[4];
  std::int64_t next_process = 0;
  for (Open& o : open) o.process = next_process++;
  int started = 0;
  for (std::size_t i = 0; i + 1 < size; i += 2) {
    Open& o = open[data[i] % 4];
    Operation op;
    op.process = o.process;
    if (!o.busy) {
      if (++started > object.operations_max) break;
      Random random(data[i + 1]);
      std::tie(o.f, o.argument) = object.invoke(random);
      op.type = OpType::invoke;
      op.value = o.argument;
    } else {
      const int how = data[i] / 4 % 16;
      op.type = how == 0 ? OpType::fail : how == 1 ? OpType::info : OpType::ok;
      const auto results = object.results(o.f, o.argument);
      op.value = op.type == OpType::ok ? results[data[i + 1] % results.size()] : o.argument;
      if (op.type == OpType::info) o.process = next_process++;
    }
    o.busy = !o.busy;
    op.f = Name(o.f);
    history.operations.push_back(std::move(op));
  }
  return history;
}

}  // namespace
}  // namespace shaketable

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shaketable;
  if (size < 3) return 0;
  const brute::Object object = object_of(data[0]);
  const History history = history_of(object, data + 1, size - 1);
  if (history.operations.empty()) return 0;
  const auto expected = brute::first_failure(history, object);
  const auto verdict = check_linearizable(history, object.options, Budget());
  bool agree = verdict && verdict->valid == (expected ? Validity::invalid : Validity::valid);
  if (agree && expected) {
    const Value* prefix = verdict->details.find("prefix");
    agree = prefix && *prefix == Value(static_cast<std::int64_t>(*expected));
  }
  if (agree) return 0;
  std::fprintf(stderr, "%s\n%sbrute force: %s at %zu; the checker: %s\n", object.options.model.c_str(),
               brute::to_text(history).c_str(), expected ? "INVALID" : "valid", expected.value_or(0),
               verdict ? verdict->reason.c_str() : verdict.error().message.c_str());
  std::abort();
}
