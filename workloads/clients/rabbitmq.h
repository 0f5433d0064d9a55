#pragma once
// RabbitMQ by AMQP 0-9-1 (docs/clients.md has the table of which error means what).

#include "workloads/client.h"
#include "workloads/clients/rabbitmq_session.h"

namespace shaketable {

ClientInfo rabbitmq_client();
// The same over another session, for tests.
std::unique_ptr<Client> make_rabbitmq_client(const ClientSettings& settings, std::unique_ptr<RabbitmqSession> session);

}  // namespace shaketable
