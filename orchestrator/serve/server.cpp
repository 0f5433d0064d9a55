#include "orchestrator/serve/server.h"

#include <fmt/format.h>

#ifdef SHAKETABLE_HAS_HTTPLIB
#include <httplib.h>
#endif

namespace shaketable::serve {

#ifdef SHAKETABLE_HAS_HTTPLIB

Result<void> serve(Site& site, int port, const std::function<void(const std::string& url)>& ready,
                   std::stop_token stop) {
  httplib::Server server;
  server.new_task_queue = [] { return new httplib::ThreadPool(4); };
  server.set_read_timeout(10);
  server.set_write_timeout(30);
  server.set_payload_max_length(0);
  server.set_tcp_nodelay(true);
  // The library's own options would let two servers share a port in silence.
  server.set_socket_options([](socket_t listening) {
    const int yes = 1;
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  server.Get(".*", [&](const httplib::Request& request, httplib::Response& response) {
    const std::string host = request.get_header_value("Host");
    const std::string name = host.substr(0, host.rfind(':'));
    if (name != "127.0.0.1" && name != "localhost") {
      response.status = 403;
      response.set_content("this is 127.0.0.1 and nothing else\n", "text/plain");
      return;
    }
    Query query;
    for (const auto& [key, value] : request.params) query.emplace(key, value);
    const Page page = site.get(request.path, query);
    response.status = page.status;
    if (!page.location.empty()) response.set_header("Location", page.location);
    response.set_header("Content-Security-Policy", page.policy);
    response.set_header("X-Content-Type-Options", "nosniff");
    response.set_header("Referrer-Policy", "no-referrer");
    response.set_header("Cache-Control", "no-store");
    response.set_content(page.body, page.type);
  });
  if (port == 0)
    port = server.bind_to_any_port("127.0.0.1");
  else if (!server.bind_to_port("127.0.0.1", port))
    port = -1;
  if (port < 0) return infrastructure("127.0.0.1: the port cannot be listened on; choose another with --port");
  const std::stop_callback end(stop, [&] { server.stop(); });
  if (stop.stop_requested()) return {};
  ready(fmt::format("http://127.0.0.1:{}/", port));
  if (!server.listen_after_bind() && !stop.stop_requested()) return infrastructure("listening ended by itself");
  return {};
}

#else

Result<void> serve(Site&, int, const std::function<void(const std::string&)>&, std::stop_token) {
  return bad_input(
      "this shaketable was built without cpp-httplib, which serve needs; install libcpp-httplib-dev and build again");
}

#endif

}  // namespace shaketable::serve
