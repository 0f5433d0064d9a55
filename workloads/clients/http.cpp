#include "workloads/clients/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace shaketable {
namespace {

constexpr std::size_t kLargestAnswer = 16 << 20;

struct Body {
  std::string_view rest;
  bool read = false;
};

std::size_t give_body(char* buffer, std::size_t size, std::size_t count, void* user) {
  auto& body = *static_cast<Body*>(user);
  body.read = true;
  const std::size_t n = std::min(size * count, body.rest.size());
  std::memcpy(buffer, body.rest.data(), n);
  body.rest.remove_prefix(n);
  return n;
}

struct Taken {
  std::string& body;
  const std::function<bool(std::string_view)>& enough;
  bool had_enough = false;
};

std::size_t take_answer(char* data, std::size_t size, std::size_t count, void* user) {
  auto& taken = *static_cast<Taken*>(user);
  if (taken.body.size() + size * count > kLargestAnswer) return 0;  // ends the transfer with an error
  taken.body.append(data, size * count);
  taken.had_enough = taken.enough && taken.enough(taken.body);
  return taken.had_enough ? 0 : size * count;
}

void initialise_once() {
  // Static initialisation is thread safe; curl_global_init is not.
  static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)done;
}

}  // namespace

struct HttpConnection::Handle {
  CURL* curl = nullptr;
  HttpTls tls;
};

HttpConnection::HttpConnection(const HttpTls& tls) : handle_(std::make_unique<Handle>()) {
  initialise_once();
  handle_->curl = curl_easy_init();
  handle_->tls = tls;
}

HttpConnection::~HttpConnection() {
  curl_easy_cleanup(handle_->curl);
}

HttpAnswer HttpConnection::get(const std::string& url, const std::vector<std::string>& headers, Nanos timeout) {
  return request(url, headers, nullptr, timeout, {});
}

HttpAnswer HttpConnection::post(const std::string& url, const std::vector<std::string>& headers,
                                const std::string& body, Nanos timeout) {
  return request(url, headers, &body, timeout, {});
}

HttpAnswer HttpConnection::post_until(const std::string& url, const std::vector<std::string>& headers,
                                      const std::string& body, Nanos timeout,
                                      const std::function<bool(std::string_view)>& enough) {
  return request(url, headers, &body, timeout, enough);
}

HttpAnswer HttpConnection::request(const std::string& url, const std::vector<std::string>& headers,
                                   const std::string* body, Nanos timeout,
                                   const std::function<bool(std::string_view)>& enough) {
  HttpAnswer answer;
  Taken taken{answer.body, enough};
  CURL* curl = handle_->curl;
  if (!curl) {
    answer.problem = "libcurl could not make a handle";
    return answer;
  }
  curl_easy_reset(curl);  // keeps the connection
  Body source{body ? std::string_view(*body) : std::string_view()};
  char problem[CURL_ERROR_SIZE] = "";
  curl_slist* list = nullptr;
  if (body) list = curl_slist_append(list, "Content-Type: application/json");
  list = curl_slist_append(list, "Expect:");  // no 100-continue round trip
  for (const std::string& header : headers) list = curl_slist_append(list, header.c_str());

  const long timeout_ms = std::max<long>(1, std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count());
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");  // the system under test is never behind this machine's proxy
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
  curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
  if (body) {
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body->size()));
  }
  // A read callback and no seek callback: to send a body again libcurl would have to rewind it, cannot, and gives up.
  curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_body);
  curl_easy_setopt(curl, CURLOPT_READDATA, &source);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &taken);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, problem);
  const HttpTls& tls = handle_->tls;
  if (!tls.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, tls.ca_file.c_str());
  if (!tls.certificate_file.empty()) curl_easy_setopt(curl, CURLOPT_SSLCERT, tls.certificate_file.c_str());
  if (!tls.key_file.empty()) curl_easy_setopt(curl, CURLOPT_SSLKEY, tls.key_file.c_str());

  const CURLcode code = curl_easy_perform(curl);
  curl_slist_free_all(list);
  answer.sent = source.read;
  const bool came = enough && code == CURLE_OPERATION_TIMEDOUT && !answer.body.empty();
  if (code == CURLE_OK || taken.had_enough || came) {
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    answer.status = static_cast<int>(status);
  } else {
    answer.body.clear();
    answer.problem = problem[0] ? problem : curl_easy_strerror(code);
  }
  return answer;
}

}  // namespace shaketable
