// Who leads, as the client's own member sees it: term and leader as its Raft has them at one moment (/debug/vars). What
// /v3/maintenance/status says are two readings, and a new leader stands there beside the old term for a while.

#include "workloads/clients/etcd_api.h"

namespace shaketable {
namespace {

class EtcdLeader final : public EtcdObject {
 public:
  explicit EtcdLeader(EtcdApi& api) : api_(api) {}

  Completion invoke(std::string_view f, const Value& value, Nanos timeout) override {
    if (f != "leader") return {OpType::fail, value, "etcd client: no such function"};
    const auto variables = api_.get("/debug/vars", timeout);
    if (!variables) return {OpType::fail, value, variables.error().message};
    const Value* status = variables->find("raft.status");
    const Value* term = status && status->kind() == Value::Kind::map ? status->find("term") : nullptr;
    const Value* leader = term ? status->find("lead") : nullptr;
    if (!term || !term->is_integer() || !leader || leader->kind() != Value::Kind::string)
      return {OpType::fail, value, "etcd client: the member does not tell of its Raft"};
    return {
        OpType::ok,
        Value::map(
            {{"term", *term}, {"leader", leader->text() == "0" ? Value() : *leader}, {"node", api_.endpoint().node}}),
        nullptr};
  }

 private:
  EtcdApi& api_;
};

}  // namespace

std::unique_ptr<EtcdObject> etcd_leader(EtcdApi& api) {
  return std::make_unique<EtcdLeader>(api);
}

}  // namespace shaketable
