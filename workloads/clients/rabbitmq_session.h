#pragma once
// A connection to one node of RabbitMQ with one channel in confirm mode, each call with a deadline. The C library
// (librabbitmq) stays in rabbitmq_session.cpp.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cluster/deadline.h"
#include "workloads/clients/tcp_stream.h"

namespace shaketable {

enum class RabbitmqMeaning {
  done,
  refused,  // it certainly did not happen: not sent, or the broker's word
  unknown,  // it may have happened
};

struct RabbitmqAnswer {
  RabbitmqMeaning meaning = RabbitmqMeaning::refused;
  std::string problem;              // when not done
  std::optional<std::string> body;  // get: the message; none: the queue was empty
  std::uint64_t tag = 0;            // get: for ack() and reject()
};

enum class RabbitmqQueue { classic, quorum };

// One thread. Any failure ends the connection; the next call makes a new one, and `number` tells that. What was got and
// neither acknowledged nor rejected then goes back into its queue.
class RabbitmqSession {
 public:
  virtual ~RabbitmqSession() = default;
  // Durable.
  virtual RabbitmqAnswer declare(const std::string& queue, RabbitmqQueue type, const Deadline& deadline) = 0;
  virtual RabbitmqAnswer purge(const std::string& queue, const Deadline& deadline) = 0;
  virtual RabbitmqAnswer remove(const std::string& queue, const Deadline& deadline) = 0;
  // Persistent; done when the broker has confirmed it.
  virtual RabbitmqAnswer publish(const std::string& queue, const std::string& body, const Deadline& deadline) = 0;
  // To be acknowledged. Never unknown: without an acknowledgement nothing is taken.
  virtual RabbitmqAnswer get(const std::string& queue, const Deadline& deadline) = 0;
  // Done: it was sent. The broker does not answer these.
  virtual RabbitmqAnswer ack(std::uint64_t tag) = 0;
  virtual RabbitmqAnswer reject(std::uint64_t tag) = 0;  // back into the queue
  virtual std::uint64_t number() const = 0;
};

std::unique_ptr<RabbitmqSession> make_rabbitmq_session(const HostPort& peer, const std::string& user,
                                                       const std::string& password);

}  // namespace shaketable
