// Leases, each with a key that hangs on it.

#include <fmt/format.h>

#include "workloads/clients/etcd_api.h"

namespace shaketable {
namespace {

class EtcdLeases final : public EtcdObject {
 public:
  EtcdLeases(EtcdApi& api, const ClientSettings& settings)
      : api_(api), ttl_(std::chrono::ceil<std::chrono::seconds>(settings.options.duration("ttl"))) {}

  Completion invoke(std::string_view f, const Value& value, Nanos timeout) override {
    if (f == "grant") return grant(value, timeout);
    if (f == "renew" && value.is_integer()) return renew(value, timeout);
    return {OpType::fail, value, "etcd client: no such function or value"};
  }

 private:
  Completion grant(const Value& value, Nanos timeout) {
    const EtcdDeadline deadline(timeout);
    const EtcdApi::Change granted =
        api_.change("/v3/lease/grant", Value::map({{"TTL", std::to_string(ttl_.count())}}), deadline.left());
    // Of a lease whose name nobody heard nobody can say anything.
    if (granted.type != OpType::ok) return {OpType::fail, value, granted.problem};
    const std::int64_t lease = EtcdApi::number_of(granted.body, "ID");
    if (lease == 0) return {OpType::fail, value, "etcd client: the lease has no name"};
    const Value put =
        Value::map({{"key", key(lease)}, {"value", EtcdApi::encoded(true)}, {"lease", std::to_string(lease)}});
    if (const EtcdApi::Change done = api_.change("/v3/kv/put", put, deadline.left()); done.type != OpType::ok)
      return {OpType::fail, value, "the lease was granted, its key was not put: " + done.problem};
    return {OpType::ok, lease, nullptr};
  }

  // That a lease is not found is said by the member that takes itself for the leader, from its memory. So the key is
  // asked for, by a linearizable read: when it is gone, then so is the lease for everybody.
  Completion renew(const Value& value, Nanos timeout) {
    const EtcdDeadline deadline(timeout);
    const EtcdApi::Change kept =
        api_.change("/v3/lease/keepalive", Value::map({{"ID", std::to_string(value.integer())}}), deadline.left());
    if (kept.type != OpType::ok) return {kept.type, value, kept.problem};
    const Value* result = kept.body.find("result");
    if (!result || result->kind() != Value::Kind::map)
      return {OpType::info, value, "etcd client: the answer to a renewal has no result"};
    if (const std::int64_t ttl = EtcdApi::number_of(*result, "TTL"); ttl > 0) return {OpType::ok, ttl * 1000, nullptr};
    const auto found = api_.ask("/v3/kv/range", Value::map({{"key", key(value.integer())}}), deadline.left());
    if (!found) return {OpType::fail, value, "the lease was not found; its key: " + found.error().message};
    if (const Value* pairs = found->find("kvs"); pairs && pairs->is_list() && pairs->size() > 0)
      return {OpType::fail, value, "the lease was not found, but its key is there"};
    return {OpType::ok, nullptr, nullptr};
  }

  std::string key(std::int64_t lease) const { return api_.named(fmt::format("lease/{}", lease)); }

  EtcdApi& api_;
  const std::chrono::seconds ttl_;
};

}  // namespace

std::unique_ptr<EtcdObject> etcd_leases(EtcdApi& api, const ClientSettings& settings) {
  return std::make_unique<EtcdLeases>(api, settings);
}

}  // namespace shaketable
