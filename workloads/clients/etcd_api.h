#pragma once
// What the parts of the etcd client share: requests to one node's JSON gateway and what their answers mean. Internal to
// the etcd client.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "workloads/client.h"
#include "workloads/clients/http.h"

namespace shaketable {

// Counts down a deadline that several requests share.
class EtcdDeadline {
 public:
  explicit EtcdDeadline(Nanos timeout) : end_(std::chrono::steady_clock::now() + timeout) {}
  Nanos left() const { return std::max<Nanos>(Nanos(1), end_ - std::chrono::steady_clock::now()); }

 private:
  std::chrono::steady_clock::time_point end_;
};

// One thread.
class EtcdApi {
 public:
  explicit EtcdApi(const ClientSettings& settings);

  Result<void> log_in(Nanos timeout);
  Result<void> probe(Nanos timeout);
  Result<void> remove_all(Nanos timeout);  // every key of the run

  // A request that changes something. ok: `body` is the answer, a map; fail: it certainly did nothing; info: unknown.
  struct Change {
    OpType type = OpType::info;
    Value body;
    std::string problem;
  };
  Change change(const char* path, const Value& request, Nanos timeout);
  // One that only reads; the answer is a map.
  Result<Value> ask(const char* path, const Value& request, Nanos timeout);
  // Of a page that is not one of its API's: a map.
  Result<Value> get(const char* path, Nanos timeout);
  // A stream of maps, a line each, until `enough` says so of one or the time is up.
  // Answers what came; an error if nothing did.
  Result<std::vector<Value>> stream(const char* path, const Value& request, Nanos timeout,
                                    const std::function<bool(const Value&)>& enough);

  // Keys and values as the gateway wants them: base64 of PREFIX RUN / NAME, and of JSON.
  std::string named(std::string_view name) const;
  std::string key(const Value& name) const;
  std::string prefix_end(std::string_view name) const;  // the first key after all that begin with named(name)
  static std::string encoded(const Value& value);
  // The content of a key-value pair of an answer, nullopt if this client cannot have written it.
  static std::optional<Value> content_of(const Value& pair);
  // Its name without PREFIX RUN /, as JSON, from the `skip`-th character on.
  std::optional<Value> name_of(const Value& pair, std::size_t skip = 0) const;
  static std::int64_t number_of(const Value& map, const char* field);  // protobuf's JSON: a text; missing: 0
  bool serializable() const { return serializable_; }
  const ClientEndpoint& endpoint() const { return endpoint_; }

 private:
  const ClientSettings settings_;
  const ClientEndpoint endpoint_;
  const bool serializable_;
  const std::string prefix_;
  HttpConnection http_;
  std::vector<std::string> headers_;
};

// What a key held when it was read.
struct EtcdPair {
  Value content;              // nil if there is no such key
  std::int64_t revision = 0;  // of its last change; 0: there is no such key
};

// Requests that several objects are made of.
Value etcd_put(const std::string& key, const Value& content);
Value etcd_unchanged(const std::string& key, std::int64_t revision);  // a comparison: the key is as it was read

// Several keys at one moment, in their order.
Result<std::vector<EtcdPair>> etcd_read(EtcdApi& api, const std::vector<std::string>& keys, Nanos timeout);
// Every pair below `name` at one moment.
Result<std::vector<Value>> etcd_read_all(EtcdApi& api, std::string_view name, bool keys_only, Nanos timeout);
// All of `puts` if every comparison holds, else nothing: then fail, with `otherwise`. ok: with `value`.
Completion etcd_commit(EtcdApi& api, std::vector<Value> comparisons, std::vector<Value> puts, const Value& value,
                       std::string_view otherwise, Nanos timeout);

// One interface's functions for one client.
class EtcdObject {
 public:
  virtual ~EtcdObject() = default;
  virtual Completion invoke(std::string_view f, const Value& value, Nanos timeout) = 0;
  virtual Result<void> setup(Nanos /*timeout*/) { return {}; }
};

std::unique_ptr<EtcdObject> etcd_registers(EtcdApi& api);
std::unique_ptr<EtcdObject> etcd_transactions(EtcdApi& api, bool lists);
std::unique_ptr<EtcdObject> etcd_set(EtcdApi& api);
std::unique_ptr<EtcdObject> etcd_counter(EtcdApi& api);
std::unique_ptr<EtcdObject> etcd_queue(EtcdApi& api);
std::unique_ptr<EtcdObject> etcd_bank(EtcdApi& api, const Parameters& workload);
std::unique_ptr<EtcdObject> etcd_ids(EtcdApi& api);
std::unique_ptr<EtcdObject> etcd_numbers(EtcdApi& api);
std::unique_ptr<EtcdObject> etcd_tables(EtcdApi& api);
std::unique_ptr<EtcdObject> etcd_effects(EtcdApi& api);
std::unique_ptr<EtcdObject> etcd_log(EtcdApi& api);
std::unique_ptr<EtcdObject> etcd_leader(EtcdApi& api);
std::unique_ptr<EtcdObject> etcd_watch(EtcdApi& api);
std::unique_ptr<EtcdObject> etcd_leases(EtcdApi& api, const ClientSettings& settings);
std::unique_ptr<EtcdObject> etcd_locks(EtcdApi& api, const ClientSettings& settings);

}  // namespace shaketable
