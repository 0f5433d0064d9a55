#pragma once
// A connection to one server of NATS and a stream of its JetStream. The C library (libnats) stays in nats_session.cpp.

#include <cstdint>
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

struct NatsMessage {
  std::string body;
  std::string subject;         // without the stream's name: "in"
  std::uint64_t sequence = 0;  // its place in the stream
};

struct NatsAnswer {
  NatsMeaning meaning = NatsMeaning::refused;
  std::string problem;                // when not done
  std::vector<NatsMessage> messages;  // of read and take
  std::uint64_t sequence = 0;         // of publish
  std::uint64_t left = 0;  // of take, when there was no message: those that others took and did not acknowledge
};

// One thread. Any failure ends the connection; the next call makes a new one.
class NatsSession {
 public:
  virtual ~NatsSession() = default;
  // A stream of that name, on disk, with so many replicas and the subjects `stream`.*; one that is there stays.
  virtual NatsAnswer make_stream(const std::string& stream, int replicas, const Deadline& deadline) = 0;
  virtual NatsAnswer remove_stream(const std::string& stream, const Deadline& deadline) = 0;
  // A consumer of the stream that several share, by which each message is taken by one of them.
  virtual NatsAnswer make_consumer(const std::string& stream, const Deadline& deadline) = 0;
  // Done: the stream's leader says that a quorum has it.
  virtual NatsAnswer publish(const std::string& stream, const std::string& subject, const std::string& message,
                             const Deadline& deadline) = 0;
  // From that place on to the last message that the stream's leader says there is.
  virtual NatsAnswer read(const std::string& stream, std::uint64_t from, const Deadline& deadline) = 0;
  // One message by the shared consumer, acknowledged; none if the consumer's leader says that there is none now.
  // refused: none was taken; unknown: one was, and may have been acknowledged.
  virtual NatsAnswer take(const std::string& stream, const Deadline& deadline) = 0;
};

// `url`: nats://10.77.0.1:4222.
std::unique_ptr<NatsSession> make_nats_session(const std::string& url, const std::string& user,
                                               const std::string& password);

}  // namespace shaketable
