#pragma once
// A connection to one server of NATS and a stream of its JetStream. The C library (libnats) stays in nats_session.cpp.

#include <memory>
#include <string>
#include <vector>

#include "cluster/deadline.h"

namespace shaketable {

enum class NatsMeaning {
  done,
  refused,  // not sent
  unknown,  // it may have been stored
};

struct NatsAnswer {
  NatsMeaning meaning = NatsMeaning::refused;
  std::string problem;                // when not done
  std::vector<std::string> messages;  // of read_all
};

// One thread. Any failure ends the connection; the next call makes a new one.
class NatsSession {
 public:
  virtual ~NatsSession() = default;
  // A stream of that name, on disk, with so many replicas and the one subject `stream`.in; one that is there stays.
  virtual NatsAnswer make_stream(const std::string& stream, int replicas, const Deadline& deadline) = 0;
  virtual NatsAnswer remove_stream(const std::string& stream, const Deadline& deadline) = 0;
  // Done: the stream's leader says that a quorum has it.
  virtual NatsAnswer publish(const std::string& stream, const std::string& message, const Deadline& deadline) = 0;
  // As many messages as the stream's leader says there are, from the first on.
  virtual NatsAnswer read_all(const std::string& stream, const Deadline& deadline) = 0;
};

// `url`: nats://10.77.0.1:4222.
std::unique_ptr<NatsSession> make_nats_session(const std::string& url, const std::string& user,
                                               const std::string& password);

}  // namespace shaketable
