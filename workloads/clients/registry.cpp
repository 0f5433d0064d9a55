#include "workloads/clients/registry.h"

#include "workloads/clients/etcd.h"
#include "workloads/clients/exec.h"
#include "workloads/clients/mariadb.h"
#include "workloads/clients/memory.h"
#include "workloads/clients/nats.h"
#include "workloads/clients/postgres.h"
#include "workloads/clients/rabbitmq.h"
#include "workloads/clients/redis.h"
#include "workloads/clients/zookeeper.h"

namespace shaketable {

const std::vector<ClientInfo>& clients() {
  static const std::vector<ClientInfo> all{
      etcd_client(),       //
      exec_client(),       //
      mariadb_client(),    //
      memory_client(),     //
      nats_client(),       //
      postgres_client(),   //
      rabbitmq_client(),   //
      redis_client(),      //
      zookeeper_client(),  //
  };
  return all;
}

const ClientInfo* find_client(std::string_view name) {
  for (const ClientInfo& info : clients())
    if (info.name == name) return &info;
  return nullptr;
}

}  // namespace shaketable
