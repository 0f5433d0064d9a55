#include "workloads/clients/nats_session.h"

#include <fmt/format.h>
#include <nats/nats.h>

#include <algorithm>

namespace shaketable {
namespace {

template <class T, void (*Destroy)(T*)>
struct Freed {
  void operator()(T* what) const { Destroy(what); }
};
using Connection = std::unique_ptr<natsConnection, Freed<natsConnection, natsConnection_Destroy>>;
using JetStream = std::unique_ptr<jsCtx, Freed<jsCtx, jsCtx_Destroy>>;
using Options = std::unique_ptr<natsOptions, Freed<natsOptions, natsOptions_Destroy>>;
using Message = std::unique_ptr<natsMsg, Freed<natsMsg, natsMsg_Destroy>>;
using StreamInfo = std::unique_ptr<jsStreamInfo, Freed<jsStreamInfo, jsStreamInfo_Destroy>>;
using Subscription = std::unique_ptr<natsSubscription, Freed<natsSubscription, natsSubscription_Destroy>>;

// At least a millisecond: the library takes 0 for its own default.
std::int64_t left_ms(const Deadline& deadline) {
  return std::max(deadline.left_ms(), 1);
}

class LibrarySession final : public NatsSession {
 public:
  LibrarySession(std::string url, std::string user, std::string password)
      : url_(std::move(url)), user_(std::move(user)), password_(std::move(password)) {}

  NatsAnswer make_stream(const std::string& stream, int replicas, const Deadline& deadline) override {
    return call(deadline, [&](jsOptions& options, NatsAnswer&) {
      jsStreamConfig config;
      jsStreamConfig_Init(&config);
      const std::string subject = stream + ".in";
      const char* subjects[] = {subject.c_str()};
      config.Name = stream.c_str();
      config.Subjects = subjects;
      config.SubjectsLen = 1;
      config.Storage = js_FileStorage;
      config.Replicas = replicas;
      jsErrCode code{};
      const natsStatus status = js_AddStream(nullptr, stream_.get(), &config, &options, &code);
      return code == JSStreamNameExistErr ? NATS_OK : status;
    });
  }
  NatsAnswer remove_stream(const std::string& stream, const Deadline& deadline) override {
    return call(deadline, [&](jsOptions& options, NatsAnswer&) {
      return js_DeleteStream(stream_.get(), stream.c_str(), &options, nullptr);
    });
  }
  NatsAnswer publish(const std::string& stream, const std::string& message, const Deadline& deadline) override {
    return call(deadline, [&](jsOptions&, NatsAnswer&) {
      jsPubOptions options;
      jsPubOptions_Init(&options);
      options.MaxWait = left_ms(deadline);
      return js_Publish(nullptr, stream_.get(), (stream + ".in").c_str(), message.data(),
                        static_cast<int>(message.size()), &options, nullptr);
    });
  }

  NatsAnswer read_all(const std::string& stream, const Deadline& deadline) override {
    return call(deadline, [&](jsOptions& options, NatsAnswer& answer) {
      jsStreamInfo* about = nullptr;
      natsStatus status = js_GetStreamInfo(&about, stream_.get(), stream.c_str(), &options, nullptr);
      const StreamInfo info(about);
      if (status != NATS_OK || info->State.Msgs == 0) return status;
      jsSubOptions wanted;
      jsSubOptions_Init(&wanted);
      wanted.Ordered = true;  // what is missed in between is asked for again
      wanted.Stream = stream.c_str();
      natsSubscription* made = nullptr;
      status = js_SubscribeSync(&made, stream_.get(), (stream + ".in").c_str(), &options, &wanted, nullptr);
      const Subscription subscription(made);
      while (status == NATS_OK && answer.messages.size() < info->State.Msgs) {
        natsMsg* next = nullptr;
        status = natsSubscription_NextMsg(&next, subscription.get(), left_ms(deadline));
        const Message message(next);
        if (status == NATS_OK)
          answer.messages.emplace_back(natsMsg_GetData(next), static_cast<std::size_t>(natsMsg_GetDataLength(next)));
      }
      return status;
    });
  }

 private:
  template <class Work>
  NatsAnswer call(const Deadline& deadline, Work work) {
    NatsAnswer answer;
    if (!connect(deadline, answer.problem)) return answer;
    jsOptions options;
    jsOptions_Init(&options);
    options.Wait = left_ms(deadline);
    const natsStatus status = work(options, answer);
    if (status == NATS_OK) {
      answer.meaning = NatsMeaning::done;
      return answer;
    }
    // Whatever it is, "no responders" and JetStream's own errors too: a leader that says no may have proposed before.
    answer.meaning = NatsMeaning::unknown;
    answer.problem = natsStatus_GetText(status);
    if (const char* more = nats_GetLastError(nullptr); more && *more) answer.problem += fmt::format(": {}", more);
    drop();
    return answer;
  }

  bool connect(const Deadline& deadline, std::string& problem) {
    if (connection_ && natsConnection_Status(connection_.get()) != NATS_CONN_STATUS_CONNECTED) drop();
    if (connection_) return true;
    natsOptions* made = nullptr;
    natsStatus status = natsOptions_Create(&made);
    const Options options(made);
    if (status == NATS_OK) status = natsOptions_SetURL(made, url_.c_str());
    if (status == NATS_OK && !user_.empty()) status = natsOptions_SetUserInfo(made, user_.c_str(), password_.c_str());
    if (status == NATS_OK) status = natsOptions_SetTimeout(made, left_ms(deadline));
    // Reconnecting by itself, the library would send what it kept meanwhile, and nobody could say when.
    if (status == NATS_OK) status = natsOptions_SetAllowReconnect(made, false);
    natsConnection* connection = nullptr;
    if (status == NATS_OK) status = natsConnection_Connect(&connection, made);
    connection_.reset(connection);
    jsCtx* stream = nullptr;
    if (status == NATS_OK) status = natsConnection_JetStream(&stream, connection, nullptr);
    stream_.reset(stream);
    if (status == NATS_OK) return true;
    problem = fmt::format("{}: {}", url_, natsStatus_GetText(status));
    drop();
    return false;
  }

  void drop() {
    stream_.reset();
    connection_.reset();
  }

  const std::string url_, user_, password_;
  Connection connection_;
  JetStream stream_;
};

}  // namespace

std::unique_ptr<NatsSession> make_nats_session(const std::string& url, const std::string& user,
                                               const std::string& password) {
  return std::make_unique<LibrarySession>(url, user, password);
}

}  // namespace shaketable
