#pragma once
// One kept HTTP connection, for clients whose system speaks JSON over HTTP. libcurl stays in http.cpp.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace shaketable {

struct HttpTls {
  std::string ca_file, certificate_file, key_file;  // empty: the system's CAs, no client certificate
};

struct HttpAnswer {
  int status = 0;  // 0: no answer came, `problem` says why
  std::string body;
  std::string problem;
  // False only when no byte of the request's body can have left this machine: then the request certainly had no effect.
  // (The connection was refused, the name did not resolve, the time was up before the connection stood.)
  bool sent = false;
};

// One thread. Never sends a request twice: libcurl would, on a kept connection that dies without an answer, and a write
// done twice is a write the history does not know of.
class HttpConnection {
 public:
  explicit HttpConnection(const HttpTls& tls);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  HttpAnswer get(const std::string& url, const std::vector<std::string>& headers, Nanos timeout);
  HttpAnswer post(const std::string& url, const std::vector<std::string>& headers, const std::string& body,
                  Nanos timeout);
  // For answers that do not end by themselves: takes what comes until `enough` says so of all of it so far, or the time
  // is up, which is no problem if anything came; then the connection is closed.
  HttpAnswer post_until(const std::string& url, const std::vector<std::string>& headers, const std::string& body,
                        Nanos timeout, const std::function<bool(std::string_view)>& enough);

 private:
  // A null body: GET.
  HttpAnswer request(const std::string& url, const std::vector<std::string>& headers, const std::string* body,
                     Nanos timeout, const std::function<bool(std::string_view)>& enough);
  struct Handle;
  std::unique_ptr<Handle> handle_;
};

}  // namespace shaketable
