#include "workloads/clients/memory.h"

#include <fmt/format.h>

#include <array>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/random.h"

namespace shaketable {
namespace {

struct Register {
  Value value, before;  // nil until written
};

// One key is always in one shard, and an operation takes effect while its shard is locked: that is its moment.
class Registers {
 public:
  struct Shard {
    std::mutex mutex;
    std::unordered_map<Value, Register, ValueHash> registers;
  };
  Shard& shard_of(const Value& key) { return shards_[key.hash() % shards_.size()]; }

 private:
  std::array<Shard, 64> shards_;
};

// Kept for the life of the program: a worker whose only client was lost to an `info` must find again what it wrote.
std::shared_ptr<Registers> registers_of(const std::string& run) {
  static std::mutex mutex;
  static auto* runs = new std::map<std::string, std::shared_ptr<Registers>>;
  std::lock_guard lock(mutex);
  std::shared_ptr<Registers>& registers = (*runs)[run];
  if (!registers) registers = std::make_shared<Registers>();
  return registers;
}

class MemoryClient final : public Client {
 public:
  explicit MemoryClient(const ClientSettings& settings)
      : registers_(registers_of(settings.run)),
        latency_(settings.options.duration("latency")),
        fail_(settings.options.number("fail")),
        lose_(settings.options.number("lose")),
        stale_reads_(settings.options.number("stale_reads")),
        random_(Random(static_cast<std::uint64_t>(settings.options.integer("seed")))
                    .fork(fmt::format("worker {}", settings.worker))) {}

  Result<void> open(Nanos) override { return {}; }

  Completion invoke(Name f, const Value& value, Nanos timeout) override {
    static const Name read("read");
    if (!value.is_list() || value.size() != 2)
      return {OpType::fail, value, "memory client: expected a [key value] tuple"};
    if (latency_ > Nanos(0)) std::this_thread::sleep_for(std::min(latency_, timeout));
    if (fail_ > 0 && random_.chance(fail_)) return {OpType::fail, value, "planted failure"};
    const bool lost = lose_ > 0 && random_.chance(lose_);
    if (f == read) return lost ? Completion{OpType::fail, value, "planted loss"} : do_read(value);
    if (lost && random_.chance(0.5)) return {OpType::info, value, "planted loss"};
    Completion completion = change(f, value);
    if (lost) return {OpType::info, value, "planted loss"};
    return completion;
  }

 private:
  Completion do_read(const Value& value) {
    Registers::Shard& shard = registers_->shard_of(value[0]);
    const bool stale = stale_reads_ > 0 && random_.chance(stale_reads_);
    std::lock_guard lock(shard.mutex);
    const auto found = shard.registers.find(value[0]);
    if (found == shard.registers.end()) return {OpType::ok, Value::list({value[0], Value()}), Value()};
    return {OpType::ok, Value::list({value[0], stale ? found->second.before : found->second.value}), Value()};
  }

  Completion change(Name f, const Value& value) {
    static const Name write("write"), cas("cas");
    const Value& argument = value[1];
    if (f != write && (f != cas || !argument.is_list() || argument.size() != 2))
      return {OpType::fail, value, fmt::format("memory client: cannot do {}", f.text())};
    Registers::Shard& shard = registers_->shard_of(value[0]);
    std::lock_guard lock(shard.mutex);
    Register& entry = shard.registers[value[0]];
    if (f == cas && !(entry.value == argument[0])) return {OpType::fail, value, "the register holds another value"};
    entry.before = std::move(entry.value);
    entry.value = f == write ? argument : argument[1];
    return {OpType::ok, value, Value()};
  }

  std::shared_ptr<Registers> registers_;
  const Nanos latency_;
  const double fail_, lose_, stale_reads_;
  Random random_;
};

ParameterSpec share(std::string name, std::string about) {
  ParameterSpec spec;
  spec.name = std::move(name);
  spec.type = ParameterType::number;
  spec.about = std::move(about);
  spec.fallback = "0";
  spec.value = 0.0;
  spec.minimum = 0;
  spec.maximum = 1;
  return spec;
}

}  // namespace

ClientInfo memory_client() {
  ParameterSpec latency;
  latency.name = "latency";
  latency.type = ParameterType::duration;
  latency.about = "how long an operation takes";
  latency.fallback = "0s";
  latency.value = Nanos(0);
  latency.minimum = 0;
  ParameterSpec seed;
  seed.name = "seed";
  seed.type = ParameterType::integer;
  seed.about = "of the planted failures";
  seed.fallback = "0";
  seed.value = std::int64_t{0};
  ClientInfo info;
  info.name = "memory";
  info.about = "registers in this process's memory, for tests and benchmarks";
  info.parameters = {latency, share("fail", "share of operations that fail before they happen"),
                     share("lose", "share of operations whose answer is lost"),
                     share("stale_reads", "share of reads that see an older value: a planted violation"), seed};
  info.interfaces = {"register"};
  info.make = [](const ClientSettings& settings) { return std::make_unique<MemoryClient>(settings); };
  return info;
}

}  // namespace shaketable
