// Clients that speak no TLS say so, before anything is sent.
#include <catch2/catch.hpp>

#include "workloads/clients/registry.h"

using namespace shaketable;

TEST_CASE("a client that speaks no TLS refuses a plan that asks for it") {
  for (const std::string name : {"redis", "zookeeper", "rabbitmq", "nats"}) {
    INFO(name);
    const ClientInfo* info = find_client(name);
    REQUIRE(info != nullptr);
    if (!info->missing.empty()) {
      WARN(name << " is not built in: " << info->missing);
      continue;
    }
    ClientSettings settings;
    settings.endpoints = {{"n1", "tcp://127.0.0.1:1"}};
    settings.options = Parameters(info->parameters);
    settings.certificate_file = "client.pem";
    const auto opened = info->make(settings)->open(std::chrono::milliseconds(100));
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().message.find("TLS") != std::string::npos);
  }
}
