#pragma once
// What the memory client's clients share in one run: an object for each interface, correct and linearizable, unless a
// bug is planted. Internal to the memory client.

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "workloads/client.h"

namespace shaketable {

// One client, as the objects see it. Its own thread's.
struct MemorySession {
  std::uint64_t id = 0;  // no other session's
  std::string node;
  Random random{0};
  std::string bug;       // the planted one, or empty
  double bug_share = 0;  // how often it strikes where it can

  std::vector<Value> assigned;             // logs
  std::map<Value, std::size_t> positions;  // log -> how much of it was polled

  bool strikes(std::string_view name) { return bug == name && random.chance(bug_share); }
};

class MemoryObject {
 public:
  virtual ~MemoryObject() = default;
  // Any thread. Takes effect at one moment within the call.
  Completion invoke(MemorySession& session, Name f, const Value& value) {
    std::lock_guard lock(mutex_);
    return carry_out(session, f.text(), value);
  }
  void leave(const MemorySession& session) {
    std::lock_guard lock(mutex_);
    forget(session);
  }

 protected:
  virtual Completion carry_out(MemorySession& session, std::string_view f, const Value& value) = 0;
  virtual void forget(const MemorySession& /*session*/) {}

  static Completion ok(Value value) { return {OpType::ok, std::move(value), Value()}; }
  static Completion refused(const Value& value, std::string_view why) { return {OpType::fail, value, why}; }
  static Completion misuse(const Value& value) { return refused(value, "memory client: no such function or value"); }

 private:
  std::mutex mutex_;
};

std::unique_ptr<MemoryObject> memory_transactions(bool lists);
std::unique_ptr<MemoryObject> memory_set();
std::unique_ptr<MemoryObject> memory_counter();
std::unique_ptr<MemoryObject> memory_queue();
std::unique_ptr<MemoryObject> memory_log();
std::unique_ptr<MemoryObject> memory_bank(const Parameters& workload);
std::unique_ptr<MemoryObject> memory_locks(bool fenced);
std::unique_ptr<MemoryObject> memory_ids();
std::unique_ptr<MemoryObject> memory_leader();
std::unique_ptr<MemoryObject> memory_leases();
std::unique_ptr<MemoryObject> memory_watch();
std::unique_ptr<MemoryObject> memory_numbers();
std::unique_ptr<MemoryObject> memory_tables();
std::unique_ptr<MemoryObject> memory_effects();

}  // namespace shaketable
