#include "workloads/final_reads.h"

namespace shaketable {
namespace {

constexpr int kAttempts = 5;
constexpr Nanos kPause = std::chrono::milliseconds(200);

}  // namespace

GeneratorPtr final_reads(std::function<std::vector<Invocation>()> list) {
  return until_ok(std::move(list), kAttempts, kPause);
}

GeneratorPtr final_read() {
  return final_reads([] { return std::vector<Invocation>{{Name("read"), Value()}}; });
}

GeneratorPtr read_all_registers(std::shared_ptr<KeyCount> count) {
  return final_reads([count = std::move(count)] {
    std::vector<Invocation> reads;
    for (std::int64_t key = 0; key < count->used; ++key) reads.push_back({Name("read"), Value::list({key, nullptr})});
    return reads;
  });
}

}  // namespace shaketable
