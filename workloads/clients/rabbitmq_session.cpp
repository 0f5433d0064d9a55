#include "workloads/clients/rabbitmq_session.h"

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <fmt/format.h>

#include <cstring>

namespace shaketable {
namespace {

constexpr amqp_channel_t kChannel = 1;

amqp_bytes_t bytes_of(const std::string& text) {
  return {text.size(), const_cast<char*>(text.data())};
}
std::string text_of(const amqp_bytes_t& bytes) {
  return {static_cast<const char*>(bytes.bytes), bytes.len};
}
timeval time_of(Nanos left) {
  const auto us = std::chrono::ceil<std::chrono::microseconds>(left).count();
  return {us / 1'000'000, us % 1'000'000};
}

// What a method with which the broker ends a channel or a connection says.
std::string closing_words(const amqp_method_t& method) {
  if (method.id == AMQP_CHANNEL_CLOSE_METHOD) {
    const auto* close = static_cast<const amqp_channel_close_t*>(method.decoded);
    return fmt::format("channel closed: {} {}", close->reply_code, text_of(close->reply_text));
  }
  if (method.id == AMQP_CONNECTION_CLOSE_METHOD) {
    const auto* close = static_cast<const amqp_connection_close_t*>(method.decoded);
    return fmt::format("connection closed: {} {}", close->reply_code, text_of(close->reply_text));
  }
  return fmt::format("unexpected method {:#x}", method.id);
}

class LibrarySession final : public RabbitmqSession {
 public:
  LibrarySession(HostPort peer, std::string user, std::string password)
      : peer_(std::move(peer)), user_(std::move(user)), password_(std::move(password)) {}
  ~LibrarySession() override { drop(); }

  RabbitmqAnswer declare(const std::string& queue, RabbitmqQueue type, const Deadline& deadline) override {
    return rpc(deadline, [&] {
      amqp_table_entry_t entry{};
      entry.key = amqp_cstring_bytes("x-queue-type");
      entry.value.kind = AMQP_FIELD_KIND_UTF8;
      entry.value.value.bytes = amqp_cstring_bytes(type == RabbitmqQueue::quorum ? "quorum" : "classic");
      amqp_queue_declare(state_, kChannel, bytes_of(queue), 0, 1, 0, 0, amqp_table_t{1, &entry});
    });
  }
  RabbitmqAnswer purge(const std::string& queue, const Deadline& deadline) override {
    return rpc(deadline, [&] { amqp_queue_purge(state_, kChannel, bytes_of(queue)); });
  }
  RabbitmqAnswer remove(const std::string& queue, const Deadline& deadline) override {
    return rpc(deadline, [&] { amqp_queue_delete(state_, kChannel, bytes_of(queue), 0, 0); });
  }

  RabbitmqAnswer publish(const std::string& queue, const std::string& body, const Deadline& deadline) override {
    RabbitmqAnswer answer;
    if (!connect(deadline, answer.problem)) return answer;
    answer.meaning = RabbitmqMeaning::unknown;
    amqp_basic_properties_t properties{};
    properties._flags = AMQP_BASIC_DELIVERY_MODE_FLAG;
    properties.delivery_mode = 2;
    const int sent = amqp_basic_publish(state_, kChannel, amqp_empty_bytes, bytes_of(queue), /*mandatory=*/1, 0,
                                        &properties, bytes_of(body));
    if (sent != AMQP_STATUS_OK) return dropped(std::move(answer), amqp_error_string2(sent));
    // Mandatory: a message that no queue takes comes back before it is confirmed.
    bool returned = false;
    for (;;) {
      amqp_frame_t frame;
      if (!next_frame(frame, deadline, answer.problem)) return dropped(std::move(answer), answer.problem);
      if (frame.frame_type != AMQP_FRAME_METHOD) continue;  // the content of what came back
      switch (frame.payload.method.id) {
        case AMQP_BASIC_ACK_METHOD:
          answer.meaning = returned ? RabbitmqMeaning::refused : RabbitmqMeaning::done;
          if (returned) answer.problem = "no queue takes it";
          return answer;
        case AMQP_BASIC_NACK_METHOD:
          answer.problem = "not confirmed (nack)";  // some copies may have it
          return answer;
        case AMQP_BASIC_RETURN_METHOD:
          returned = true;
          break;
        case AMQP_CONNECTION_BLOCKED_METHOD:
        case AMQP_CONNECTION_UNBLOCKED_METHOD:
          break;
        default:
          return dropped(std::move(answer), closing_words(frame.payload.method));
      }
    }
  }

  RabbitmqAnswer get(const std::string& queue, const Deadline& deadline) override {
    RabbitmqAnswer answer;
    if (!connect(deadline, answer.problem)) return answer;
    set_timeout(deadline);
    const amqp_rpc_reply_t reply = amqp_basic_get(state_, kChannel, bytes_of(queue), /*no_ack=*/0);
    if (std::string problem; !is_normal(reply, problem)) return dropped(std::move(answer), problem);
    if (reply.reply.id == AMQP_BASIC_GET_EMPTY_METHOD) {
      answer.meaning = RabbitmqMeaning::done;
      return answer;
    }
    answer.tag = static_cast<const amqp_basic_get_ok_t*>(reply.reply.decoded)->delivery_tag;
    amqp_frame_t frame;
    if (!next_frame(frame, deadline, answer.problem)) return dropped(std::move(answer), answer.problem);
    if (frame.frame_type != AMQP_FRAME_HEADER) return dropped(std::move(answer), "a message without a header");
    const std::uint64_t size = frame.payload.properties.body_size;
    std::string body;
    while (body.size() < size) {
      if (!next_frame(frame, deadline, answer.problem)) return dropped(std::move(answer), answer.problem);
      if (frame.frame_type != AMQP_FRAME_BODY) return dropped(std::move(answer), "a message without its body");
      body += text_of(frame.payload.body_fragment);
    }
    answer.meaning = RabbitmqMeaning::done;
    answer.body = std::move(body);
    return answer;
  }

  RabbitmqAnswer ack(std::uint64_t tag) override {
    return settle([&] { return amqp_basic_ack(state_, kChannel, tag, 0); });
  }
  RabbitmqAnswer reject(std::uint64_t tag) override {
    return settle([&] { return amqp_basic_reject(state_, kChannel, tag, /*requeue=*/1); });
  }
  std::uint64_t number() const override { return number_; }

 private:
  void set_timeout(const Deadline& deadline) {
    const timeval left = time_of(deadline.left());
    amqp_set_rpc_timeout(state_, &left);
  }

  static bool is_normal(const amqp_rpc_reply_t& reply, std::string& problem) {
    if (reply.reply_type == AMQP_RESPONSE_NORMAL) return true;
    problem = reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION  ? amqp_error_string2(reply.library_error)
              : reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION ? closing_words(reply.reply)
                                                                   : "no answer";
    return false;
  }

  // The next frame that is no heartbeat. The library's buffers of the one before are given back.
  bool next_frame(amqp_frame_t& frame, const Deadline& deadline, std::string& problem) {
    for (;;) {
      amqp_maybe_release_buffers(state_);
      const timeval left = time_of(deadline.left());
      const int status = amqp_simple_wait_frame_noblock(state_, &frame, &left);
      if (status == AMQP_STATUS_OK && frame.frame_type == AMQP_FRAME_HEARTBEAT) continue;
      if (status == AMQP_STATUS_OK) return true;
      problem = status == AMQP_STATUS_TIMEOUT ? "no answer in time" : amqp_error_string2(status);
      return false;
    }
  }

  template <class Call>
  RabbitmqAnswer rpc(const Deadline& deadline, Call call) {
    RabbitmqAnswer answer;
    if (!connect(deadline, answer.problem)) return answer;
    set_timeout(deadline);
    call();
    std::string problem;
    if (is_normal(amqp_get_rpc_reply(state_), problem)) {
      answer.meaning = RabbitmqMeaning::done;
      return answer;
    }
    answer.meaning = RabbitmqMeaning::unknown;
    return dropped(std::move(answer), problem);
  }

  template <class Call>
  RabbitmqAnswer settle(Call call) {
    RabbitmqAnswer answer;
    if (!state_) {
      answer.problem = "the connection it was got on has ended";
      return answer;
    }
    const int status = call();
    answer.meaning = status == AMQP_STATUS_OK ? RabbitmqMeaning::done : RabbitmqMeaning::unknown;
    return status == AMQP_STATUS_OK ? answer : dropped(std::move(answer), amqp_error_string2(status));
  }

  bool connect(const Deadline& deadline, std::string& problem) {
    if (state_) return true;
    state_ = amqp_new_connection();
    amqp_socket_t* const socket = state_ ? amqp_tcp_socket_new(state_) : nullptr;
    ++number_;
    const auto give_up = [&](const std::string& why) {
      problem = fmt::format("{}:{}: {}", peer_.host, peer_.port, why);
      drop();
      return false;
    };
    if (!socket) return give_up("no memory for a connection");
    timeval left = time_of(deadline.left());
    if (const int status = amqp_socket_open_noblock(socket, peer_.host.c_str(), peer_.port, &left);
        status != AMQP_STATUS_OK)
      return give_up(amqp_error_string2(status));
    left = time_of(deadline.left());
    amqp_set_handshake_timeout(state_, &left);
    amqp_rpc_reply_t reply = amqp_login(state_, "/", 0, AMQP_DEFAULT_FRAME_SIZE, /*heartbeat=*/0,
                                        AMQP_SASL_METHOD_PLAIN, user_.c_str(), password_.c_str());
    if (std::string why; !is_normal(reply, why)) return give_up(why);
    set_timeout(deadline);
    amqp_channel_open(state_, kChannel);
    if (std::string why; !is_normal(amqp_get_rpc_reply(state_), why)) return give_up(why);
    amqp_confirm_select(state_, kChannel);
    if (std::string why; !is_normal(amqp_get_rpc_reply(state_), why)) return give_up(why);
    return true;
  }

  RabbitmqAnswer dropped(RabbitmqAnswer answer, const std::string& problem) {
    answer.problem = problem;
    drop();
    return answer;
  }
  // Without a farewell, which would wait for an answer: the end of the socket tells the broker.
  void drop() {
    if (state_) amqp_destroy_connection(state_);
    state_ = nullptr;
  }

  const HostPort peer_;
  const std::string user_, password_;
  amqp_connection_state_t state_ = nullptr;
  std::uint64_t number_ = 0;
};

}  // namespace

std::unique_ptr<RabbitmqSession> make_rabbitmq_session(const HostPort& peer, const std::string& user,
                                                       const std::string& password) {
  return std::make_unique<LibrarySession>(peer, user, password);
}

}  // namespace shaketable
