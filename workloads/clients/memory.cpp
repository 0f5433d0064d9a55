#include "workloads/clients/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_map>

#include "base/random.h"
#include "base/text.h"
#include "workloads/clients/memory_object.h"
#include "workloads/interfaces.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

struct Register {
  Value value, before;  // nil until written
};

// One key is always in one shard, and an operation takes effect while its shard is locked: that is its moment.
class Registers {
 public:
  Completion invoke(MemorySession& session, Name f, const Value& value) {
    static const Name read("read"), write("write"), cas("cas");
    const auto misuse = [&value](std::string_view why) { return Completion{OpType::fail, value, why}; };
    if (!value.is_list() || value.size() != 2) return misuse("memory client: expected a [key value] tuple");
    const Value& argument = value[1];
    if (f != read && f != write && (f != cas || !argument.is_list() || argument.size() != 2))
      return misuse(fmt::format("memory client: cannot do {}", f.text()));
    const bool strange = f == read    ? session.strikes("stale-read")
                         : f == write ? session.strikes("lost-write")
                                      : session.strikes("blind-cas");
    Shard& shard = shards_[value[0].hash() % shards_.size()];
    std::lock_guard lock(shard.mutex);
    if (f == read) {
      const auto found = shard.registers.find(value[0]);
      Value content;
      if (found != shard.registers.end()) content = strange ? found->second.before : found->second.value;
      if (session.strikes("corrupt-read")) content = spoiled(content);
      return {OpType::ok, Value::list({value[0], std::move(content)}), Value()};
    }
    if (f == write && strange) return {OpType::ok, value, Value()};
    Register& entry = shard.registers[value[0]];
    if (f == cas && !strange && !(entry.value == argument[0])) return misuse("the register holds another value");
    entry.before = std::move(entry.value);
    entry.value = f == write ? argument : argument[1];
    return {OpType::ok, value, Value()};
  }

 private:
  static Value spoiled(const Value& value) {
    if (value.kind() != Value::Kind::string || value.text().empty()) return value;
    std::string text(value.text());
    text.back() ^= 1;
    return text;
  }

  struct Shard {
    std::mutex mutex;
    std::unordered_map<Value, Register, ValueHash> registers;
  };
  std::array<Shard, 64> shards_;
};

std::unique_ptr<MemoryObject> make_object(const ClientSettings& settings) {
  static const std::map<std::string, std::function<std::unique_ptr<MemoryObject>(const Parameters&)>, std::less<>> all{
      {"list-transactions", [](const Parameters&) { return memory_transactions(true); }},
      {"register-transactions", [](const Parameters&) { return memory_transactions(false); }},
      {"set", [](const Parameters&) { return memory_set(); }},
      {"counter", [](const Parameters&) { return memory_counter(); }},
      {"queue", [](const Parameters&) { return memory_queue(); }},
      {"log", [](const Parameters&) { return memory_log(); }},
      {"bank", [](const Parameters& workload) { return memory_bank(workload); }},
      {"lock", [](const Parameters&) { return memory_locks(false); }},
      {"fenced-lock", [](const Parameters&) { return memory_locks(true); }},
      {"ids", [](const Parameters&) { return memory_ids(); }},
      {"leader", [](const Parameters&) { return memory_leader(); }},
      {"lease", [](const Parameters&) { return memory_leases(); }},
      {"watch", [](const Parameters&) { return memory_watch(); }},
      {"monotonic", [](const Parameters&) { return memory_numbers(); }},
      {"predicate-insert", [](const Parameters&) { return memory_tables(); }},
      {"exactly-once", [](const Parameters&) { return memory_effects(); }}};
  const auto found = all.find(settings.interface);
  return found == all.end() ? nullptr : found->second(settings.workload);
}

// What goes wrong in an object when its bug strikes.
const std::map<std::string, std::vector<std::string>, std::less<>>& bugs() {
  static const std::map<std::string, std::vector<std::string>, std::less<>> all{
      {"register", {"stale-read", "lost-write", "blind-cas", "corrupt-read"}},
      {"list-transactions", {"stale-read", "torn-read", "lost-update", "dirty-abort"}},
      {"register-transactions", {"stale-read", "torn-read", "lost-update", "dirty-abort"}},
      {"set", {"lost-add"}},
      {"counter", {"lost-add", "double-add"}},
      {"queue", {"lost-element", "repeated-element"}},
      {"log", {"lost-message", "reused-offset"}},
      {"bank", {"torn-read"}},
      {"lock", {"double-grant", "repeated-token"}},
      {"fenced-lock", {"repeated-token", "stale-use"}},
      {"ids", {"repeated-id"}},
      {"leader", {"two-leaders", "old-term"}},
      {"lease", {"early-end"}},
      {"watch", {"old-event", "lost-event"}},
      {"monotonic", {"stale-read"}},
      {"predicate-insert", {"blind-insert"}},
      {"exactly-once", {"lost-effect", "repeated-effect"}}};
  return all;
}

struct World {
  Registers registers;
  std::unique_ptr<MemoryObject> object;  // null: the registers are asked
};

// Kept for the life of the program: a worker whose only client was lost to an `info` must find again what it wrote.
std::shared_ptr<World> world_of(const ClientSettings& settings) {
  static std::mutex mutex;
  static auto* worlds = new std::map<std::pair<std::string, std::string>, std::shared_ptr<World>>;
  std::lock_guard lock(mutex);
  std::shared_ptr<World>& world = (*worlds)[{settings.run, settings.interface}];
  if (!world) {
    world = std::make_shared<World>();
    world->object = make_object(settings);
  }
  return world;
}

class MemoryClient final : public Client {
 public:
  explicit MemoryClient(const ClientSettings& settings)
      : interface_(settings.interface),
        world_(world_of(settings)),
        latency_(settings.options.duration("latency")),
        fail_(settings.options.number("fail")),
        lose_(settings.options.number("lose")),
        random_(Random(static_cast<std::uint64_t>(settings.options.integer("seed")))
                    .fork(fmt::format("worker {}", settings.worker))) {
    static std::atomic<std::uint64_t> sessions{0};
    session_.id = ++sessions;
    session_.node = settings.endpoints.empty() ? fmt::format("n{}", settings.worker % 3 + 1)
                                               : settings.endpoints[settings.worker % settings.endpoints.size()].node;
    session_.random = random_.fork(fmt::format("session {}", session_.id));
    if (settings.options.number("stale_reads") > 0) {
      session_.bug = "stale-read";
      session_.bug_share = settings.options.number("stale_reads");
    } else if (settings.options.text("bug") != "none") {
      session_.bug = settings.options.text("bug");
      session_.bug_share = settings.options.number("bug_share");
    }
  }
  ~MemoryClient() override {
    if (world_->object) world_->object->leave(session_);
  }

  Result<void> open(Nanos) override { return {}; }

  Result<void> setup(Nanos) override {
    if (session_.bug.empty() || interface_.empty()) return {};
    const std::vector<std::string>& fitting = bugs().at(interface_);
    if (std::find(fitting.begin(), fitting.end(), session_.bug) != fitting.end()) return {};
    return infrastructure(
        fmt::format("the memory client's {} has no bug \"{}\"; it has {}", interface_, session_.bug, join(fitting)));
  }

  Completion invoke(Name f, const Value& value, Nanos timeout) override {
    if (latency_ > Nanos(0)) std::this_thread::sleep_for(std::min(latency_, timeout));
    if (fail_ > 0 && random_.chance(fail_)) return {OpType::fail, value, "planted failure"};
    const bool lost = lose_ > 0 && random_.chance(lose_);
    if (lost && only_reads(f, value)) return {OpType::fail, value, "planted loss"};
    if (lost && random_.chance(0.5)) return {OpType::info, value, "planted loss"};
    Completion completion =
        world_->object ? world_->object->invoke(session_, f, value) : world_->registers.invoke(session_, f, value);
    if (lost) return {OpType::info, value, "planted loss"};
    return completion;
  }

 private:
  static bool only_reads(Name f, const Value& value) {
    static const Name read("read"), poll("poll"), leader("leader"), watch("watch"), txn("txn");
    if (f == read || f == poll || f == leader || f == watch) return true;
    if (f != txn || !value.is_list()) return false;
    return std::all_of(value.items().begin(), value.items().end(), [](const Value& micro) {
      return micro.is_list() && micro.size() == 3 && micro[0] == Value("r");
    });
  }

  const std::string interface_;
  const std::shared_ptr<World> world_;
  const Nanos latency_;
  const double fail_, lose_;
  Random random_;
  MemorySession session_;
};

}  // namespace

ClientInfo memory_client() {
  std::set<std::string> known;
  for (const auto& [interface, names] : bugs()) known.insert(names.begin(), names.end());
  std::vector<std::string> choices{"none"};
  choices.insert(choices.end(), known.begin(), known.end());
  ClientInfo info;
  info.name = "memory";
  info.about = "every interface in this process's memory, for tests and benchmarks";
  info.parameters = {spec::duration("latency", "how long an operation takes", Nanos(0)),
                     spec::share("fail", "share of operations that fail before they happen"),
                     spec::share("lose", "share of operations whose answer is lost"),
                     spec::choice("bug", "a planted violation (docs/clients.md)", std::move(choices), "none"),
                     spec::share("bug_share", "how often the bug strikes where it can", 0.02),
                     spec::share("stale_reads", "bug: stale-read, with this share"),
                     spec::integer("seed", "of the planted failures", 0, -9e18, 9e18)};
  info.in_process = true;
  info.interfaces = interface_names();
  info.make = [](const ClientSettings& settings) { return std::make_unique<MemoryClient>(settings); };
  return info;
}

}  // namespace shaketable
