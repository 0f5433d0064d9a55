#pragma once
// A connection that speaks the protocol of Redis (RESP2), for the clients of Redis and of its Sentinels. hiredis writes
// and reads the protocol; it stays in redis_connection.cpp.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "workloads/clients/tcp_stream.h"

namespace shaketable {

struct RedisReply {
  enum class Kind { nil, status, error, integer, text, list };
  Kind kind = Kind::nil;
  std::string text;  // of a status, an error, a text
  std::int64_t integer = 0;
  std::vector<RedisReply> items;
};

struct RedisAnswer {
  std::optional<RedisReply> reply;  // none: no answer came, `problem` says why
  std::string problem;
  bool sent = false;  // false only when no byte of the command left this machine: then it certainly had no effect
};

// One thread. Never sends a command twice. A command without an answer ends the connection: its late answer would be
// taken for that of the next.
class RedisConnection {
 public:
  RedisConnection();
  ~RedisConnection();
  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;

  Result<void> connect(const HostPort& peer, const Deadline& deadline);
  // A connection whose peer has closed it meanwhile is not open.
  bool is_open() const;
  RedisAnswer command(const std::vector<std::string>& words, const Deadline& deadline);
  void close();

 private:
  struct Reader;
  TcpStream stream_;
  std::unique_ptr<Reader> reader_;
};

}  // namespace shaketable
