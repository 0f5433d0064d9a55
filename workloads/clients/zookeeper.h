#pragma once
// ZooKeeper 3.4 and later (docs/clients.md has the table of which error means what).

#include "workloads/client.h"
#include "workloads/clients/zookeeper_session.h"

namespace shaketable {

ClientInfo zookeeper_client();
// The same over another session, for tests.
std::unique_ptr<Client> make_zookeeper_client(const ClientSettings& settings,
                                              std::unique_ptr<ZookeeperSession> session);

}  // namespace shaketable
