// The site on a real port of loopback, asked by a real client.

#include "orchestrator/serve/server.h"

#include <httplib.h>

#include <catch2/catch.hpp>
#include <future>
#include <thread>

#include "tests/history/run_folder.h"

using namespace shaketable;
using namespace shaketable::serve;
using namespace shaketable::testing;

TEST_CASE("serve: on loopback for this machine's names and no others and until it is stopped") {
  RunFolder folder;
  Site site(folder.path());
  std::stop_source stop;
  std::promise<std::string> ready;
  Result<void> ended;
  std::thread thread([&] {
    ended = serve::serve(
        site, 0, [&](const std::string& url) { ready.set_value(url); }, stop.get_token());
  });
  const std::string url = ready.get_future().get();
  REQUIRE(url.starts_with("http://127.0.0.1:"));
  const int port = std::stoi(url.substr(url.rfind(':') + 1));
  httplib::Client client("127.0.0.1", port);
  const auto page = client.Get("/");
  REQUIRE(page);
  CHECK(page->status == 200);
  CHECK(page->body.find("No runs in") != std::string::npos);
  CHECK(page->get_header_value("Content-Security-Policy").starts_with("default-src 'none'"));
  CHECK(page->get_header_value("X-Content-Type-Options") == "nosniff");
  CHECK(client.Get("/?since=never")->status == 400);
  CHECK(client.Get("/style.css")->get_header_value("Content-Type") == "text/css");
  CHECK(client.Get("/live.js")->body.find("fetch(") != std::string::npos);
  CHECK(client.Get("/run/../../etc/passwd")->status == 404);
  CHECK(client.Get("/run/%2e%2e/%2e%2e/etc/passwd")->status == 404);
  CHECK(client.Get("/", {{"Host", "evil.example"}})->status == 403);
  CHECK(client.Get("/", {{"Host", "localhost:1"}})->status == 200);
  CHECK(client.Post("/", "", "text/plain")->status >= 400);

  const auto taken = serve::serve(site, port, [](const std::string&) {}, {});
  REQUIRE_FALSE(taken.has_value());
  CHECK(taken.error().message.find("--port") != std::string::npos);
  stop.request_stop();
  thread.join();
  CHECK(ended.has_value());
}
