#include "workloads/clients/etcd.h"

#include <functional>

#include "workloads/clients/etcd_api.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

using MakeObject = std::function<std::unique_ptr<EtcdObject>(EtcdApi&, const ClientSettings&)>;

const std::map<std::string, MakeObject, std::less<>>& objects() {
  using Settings = const ClientSettings&;
  static const std::map<std::string, MakeObject, std::less<>> all{
      {"register", [](EtcdApi& api, Settings) { return etcd_registers(api); }},
      {"list-transactions", [](EtcdApi& api, Settings) { return etcd_transactions(api, true); }},
      {"register-transactions", [](EtcdApi& api, Settings) { return etcd_transactions(api, false); }},
      {"set", [](EtcdApi& api, Settings) { return etcd_set(api); }},
      {"counter", [](EtcdApi& api, Settings) { return etcd_counter(api); }},
      {"queue", [](EtcdApi& api, Settings) { return etcd_queue(api); }},
      {"bank", [](EtcdApi& api, Settings settings) { return etcd_bank(api, settings.workload); }},
      {"ids", [](EtcdApi& api, Settings) { return etcd_ids(api); }},
      {"monotonic", [](EtcdApi& api, Settings) { return etcd_numbers(api); }},
      {"predicate-insert", [](EtcdApi& api, Settings) { return etcd_tables(api); }},
      {"exactly-once", [](EtcdApi& api, Settings) { return etcd_effects(api); }},
      {"log", [](EtcdApi& api, Settings) { return etcd_log(api); }},
      {"leader", [](EtcdApi& api, Settings) { return etcd_leader(api); }},
      {"watch", [](EtcdApi& api, Settings) { return etcd_watch(api); }},
      {"lease", [](EtcdApi& api, Settings settings) { return etcd_leases(api, settings); }},
      {"lock", [](EtcdApi& api, Settings settings) { return etcd_locks(api, settings); }},
      {"fenced-lock", [](EtcdApi& api, Settings settings) { return etcd_locks(api, settings); }}};
  return all;
}

class EtcdClient final : public Client {
 public:
  explicit EtcdClient(const ClientSettings& settings)
      : api_(settings),
        object_(objects().at(settings.interface.empty() ? "register" : settings.interface)(api_, settings)) {}

  Result<void> open(Nanos timeout) override { return api_.log_in(timeout); }
  Result<void> probe(Nanos timeout) override { return api_.probe(timeout); }
  Result<void> setup(Nanos timeout) override { return object_->setup(timeout); }
  Completion invoke(Name f, const Value& value, Nanos timeout) override {
    return object_->invoke(f.text(), value, timeout);
  }
  Result<void> remove_data(Nanos timeout) override { return api_.remove_all(timeout); }

 private:
  EtcdApi api_;
  const std::unique_ptr<EtcdObject> object_;
};

}  // namespace

ClientInfo etcd_client() {
  ClientInfo info;
  info.name = "etcd";
  info.about = "etcd 3.4 and later, over its JSON gateway (libcurl)";
  for (const auto& [name, make] : objects()) info.interfaces.push_back(name);
  info.parameters = {
      spec::choice("reads",
                   "linearizable reads go through the leader's quorum; serializable ones are answered by the node "
                   "itself and may be stale",
                   {"linearizable", "serializable"}, "linearizable"),
      spec::text("prefix", "keys of the test begin with this and the run's name", "/shaketable/"),
      spec::duration("ttl",
                     "locks, leases: how long a lease lasts that is not renewed; whole seconds, at least etcd's 2s",
                     std::chrono::seconds(2)),
      spec::flag("keep_alive", "locks: leases are renewed while a client waits for a lock or holds it", true)};
  info.make = [](const ClientSettings& settings) { return std::make_unique<EtcdClient>(settings); };
  return info;
}

}  // namespace shaketable
