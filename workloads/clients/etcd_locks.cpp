// etcd's own locks (/v3/lock), each under a lease of its own, with or without tokens.

#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "workloads/clients/etcd_api.h"

namespace shaketable {
namespace {

// Renews leases until it is told to stop, over a connection of its own. A renewal that fails is tried again at the next
// turn: if none succeeds in time, the lease runs out, as it would for any client that is cut off.
class LeaseKeeper {
 public:
  LeaseKeeper(const ClientSettings& settings, Nanos every) : api_(settings), every_(every) {}

  void keep(const Value& lease) {
    std::lock_guard lock(mutex_);
    leases_.push_back(lease);
    if (!thread_.joinable()) thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
  }
  void drop(const Value& lease) {
    std::lock_guard lock(mutex_);
    std::erase(leases_, lease);
  }

 private:
  void run(std::stop_token stop) {
    (void)api_.log_in(every_).has_value();  // without a token renewals are refused, and the lease runs out
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, stop, every_, [&stop] { return stop.stop_requested(); })) {
      const std::vector<Value> leases = leases_;
      lock.unlock();
      for (const Value& lease : leases)
        (void)api_.ask("/v3/lease/keepalive", Value::map({{"ID", lease}}), every_).has_value();
      lock.lock();
    }
  }

  EtcdApi api_;
  const Nanos every_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<Value> leases_;
  std::jthread thread_;  // last: it ends before what it uses
};

class EtcdLocks final : public EtcdObject {
 public:
  EtcdLocks(EtcdApi& api, const ClientSettings& settings)
      : api_(api),
        fenced_(settings.interface == "fenced-lock"),
        keeps_alive_(settings.options.boolean("keep_alive")),
        ttl_(std::chrono::ceil<std::chrono::seconds>(settings.options.duration("ttl"))),
        locks_(fenced_ ? settings.workload.integer("locks") : 0),
        keeper_(settings, ttl_ / 3) {}

  // The resources, each with the token 0.
  Result<void> setup(Nanos timeout) override {
    const EtcdDeadline deadline(timeout);
    for (std::int64_t lock = 0; lock < locks_; ++lock) {
      const Value request = Value::map({{"key", resource(lock)}, {"value", EtcdApi::encoded(padded(0))}});
      if (const auto put = api_.ask("/v3/kv/put", request, deadline.left()); !put) return Failure(put.error());
    }
    return {};
  }

  Completion invoke(std::string_view f, const Value& value, Nanos timeout) override {
    if (f == "acquire") return acquire(value, timeout);
    if (f == "release") return release(value, timeout);
    if (f == "use" && fenced_ && value.is_list() && value.size() == 2 && value[1].is_integer())
      return use(value, timeout);
    return {OpType::fail, value, "etcd client: no such function or value"};
  }

 private:
  struct Held {
    std::string key;  // as the gateway wants it
    Value lease;
  };

  Completion acquire(const Value& value, Nanos timeout) {
    const EtcdDeadline deadline(timeout);
    if (held_.count(value)) return {OpType::fail, value, "this client holds it already"};
    const EtcdApi::Change granted =
        api_.change("/v3/lease/grant", Value::map({{"TTL", std::to_string(ttl_.count())}}), deadline.left());
    // Without the lease's name nobody can lock under it.
    if (granted.type != OpType::ok) return {OpType::fail, value, granted.problem};
    const std::int64_t id = EtcdApi::number_of(granted.body, "ID");
    if (id == 0) return {OpType::fail, value, "etcd client: the lease has no name"};
    const Value lease = std::to_string(id);
    if (keeps_alive_) keeper_.keep(lease);
    const EtcdApi::Change locked =
        api_.change("/v3/lock/lock", Value::map({{"name", api_.key(value)}, {"lease", lease}}), deadline.left());
    const Value* key = locked.body.kind() == Value::Kind::map ? locked.body.find("key") : nullptr;
    if (locked.type != OpType::ok || !key || key->kind() != Value::Kind::string) {
      keeper_.drop(lease);
      // Whoever waited in vain, or did not hear that it was granted, may hold the lock until the lease runs out.
      return {locked.type == OpType::ok ? OpType::info : locked.type, value,
              locked.type == OpType::ok ? "etcd client: the lock has no key" : locked.problem};
    }
    Value token;
    if (fenced_) {
      const auto found = created(key->text(), deadline.left());
      if (!found) {
        keeper_.drop(lease);
        return {OpType::info, value, found.error().message};
      }
      token = *found;
    }
    held_.insert_or_assign(value, Held{std::string(key->text()), lease});
    return {OpType::ok, token, nullptr};
  }

  // The revision at which the lock's key was made: keys are granted the lock in the order of these.
  Result<std::int64_t> created(std::string_view key, Nanos timeout) {
    const auto answer = api_.ask("/v3/kv/range", Value::map({{"key", key}}), timeout);
    if (!answer) return Failure(answer.error());
    const Value* pairs = answer->find("kvs");
    if (!pairs || !pairs->is_list() || pairs->size() == 0)
      return infrastructure("the lease had run out by the time the lock was granted");
    return EtcdApi::number_of((*pairs)[0], "create_revision");
  }

  Completion release(const Value& value, Nanos timeout) {
    const auto found = held_.find(value);
    if (found == held_.end()) return {OpType::fail, value, "this client does not hold it"};
    const EtcdApi::Change done = api_.change("/v3/lock/unlock", Value::map({{"key", found->second.key}}), timeout);
    // In any case the lease is renewed no more: the lock is free when it runs out at the latest.
    keeper_.drop(found->second.lease);
    held_.erase(found);
    if (done.type == OpType::ok) return {OpType::ok, value, nullptr};
    return {done.type, value, done.problem};
  }

  // A resource that takes a token unless it has seen a larger one. Tokens are kept as texts of one length, so that
  // etcd's comparison of bytes is that of numbers.
  Completion use(const Value& value, Nanos timeout) {
    const std::string key = resource(value[0]);
    const Value seen_less = Value::map({{"key", key},
                                        {"target", "VALUE"},
                                        {"result", "LESS"},
                                        {"value", EtcdApi::encoded(padded(value[1].integer() + 1))}});
    return etcd_commit(api_, {seen_less}, {etcd_put(key, padded(value[1].integer()))}, value,
                       "the resource has seen a larger token", timeout);
  }

  std::string resource(const Value& lock) const {
    return api_.named(fmt::format("resource/{}", lock.is_integer() ? lock.integer() : 0));
  }
  static Value padded(std::int64_t token) { return fmt::format("{:020}", token); }

  EtcdApi& api_;
  const bool fenced_, keeps_alive_;
  const std::chrono::seconds ttl_;
  const std::int64_t locks_;
  std::map<Value, Held> held_;
  LeaseKeeper keeper_;
};

}  // namespace

std::unique_ptr<EtcdObject> etcd_locks(EtcdApi& api, const ClientSettings& settings) {
  return std::make_unique<EtcdLocks>(api, settings);
}

}  // namespace shaketable
