#pragma once
// JetStream of NATS 2.2 and later (docs/clients.md has the table of which error means what).

#include "workloads/client.h"
#include "workloads/clients/nats_session.h"

namespace shaketable {

ClientInfo nats_client();
// The same over another session, for tests.
std::unique_ptr<Client> make_nats_client(const ClientSettings& settings, std::unique_ptr<NatsSession> session);

}  // namespace shaketable
