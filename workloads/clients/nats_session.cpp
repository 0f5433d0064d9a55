#include "workloads/clients/nats_session.h"

#include <fmt/format.h>
#include <nats/nats.h>

#include <algorithm>
#include <string_view>

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

using PubAck = std::unique_ptr<jsPubAck, Freed<jsPubAck, jsPubAck_Destroy>>;
using ConsumerInfo = std::unique_ptr<jsConsumerInfo, Freed<jsConsumerInfo, jsConsumerInfo_Destroy>>;
using MetaData = std::unique_ptr<jsMsgMetaData, Freed<jsMsgMetaData, jsMsgMetaData_Destroy>>;

constexpr const char* kConsumer = "takers";
// What was taken and is not acknowledged for so long may be taken by another.
constexpr std::int64_t kAckWaitNs = 2'000'000'000;

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
      const std::string subject = stream + ".*";
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
  NatsAnswer make_consumer(const std::string& stream, const Deadline& deadline) override {
    return call(deadline, [&](jsOptions& options, NatsAnswer&) {
      jsConsumerConfig config;
      jsConsumerConfig_Init(&config);
      config.Durable = kConsumer;
      config.AckPolicy = js_AckExplicit;
      config.AckWait = kAckWaitNs;
      return js_AddConsumer(nullptr, stream_.get(), stream.c_str(), &config, &options, nullptr);
    });
  }
  NatsAnswer publish(const std::string& stream, const std::string& subject, const std::string& message,
                     const Deadline& deadline) override {
    return call(deadline, [&](jsOptions&, NatsAnswer& answer) {
      jsPubOptions options;
      jsPubOptions_Init(&options);
      options.MaxWait = left_ms(deadline);
      jsPubAck* made = nullptr;
      const natsStatus status = js_Publish(&made, stream_.get(), fmt::format("{}.{}", stream, subject).c_str(),
                                           message.data(), static_cast<int>(message.size()), &options, nullptr);
      const PubAck acknowledged(made);
      if (acknowledged) answer.sequence = acknowledged->Sequence;
      return status;
    });
  }

  NatsAnswer read(const std::string& stream, std::uint64_t from, const Deadline& deadline) override {
    return call(deadline, [&](jsOptions& options, NatsAnswer& answer) {
      jsStreamInfo* about = nullptr;
      natsStatus status = js_GetStreamInfo(&about, stream_.get(), stream.c_str(), &options, nullptr);
      const StreamInfo info(about);
      if (status != NATS_OK || info->State.Msgs == 0 || info->State.LastSeq < from) return status;
      jsSubOptions wanted;
      jsSubOptions_Init(&wanted);
      // Not one of the library's ordered consumers, which a thread of its own makes anew: with them two of three runs
      // that made and ended many under faults ended with a damaged heap (libnats 3.4.1), and none without. What is
      // missed in between is seen by the consumer's own count.
      wanted.Stream = stream.c_str();
      wanted.Config.AckPolicy = js_AckNone;
      wanted.Config.DeliverPolicy = js_DeliverByStartSequence;
      wanted.Config.OptStartSeq = from;
      natsSubscription* made = nullptr;
      status = js_SubscribeSync(&made, stream_.get(), (stream + ".*").c_str(), &options, &wanted, nullptr);
      const Subscription subscription(made);
      while (status == NATS_OK && (answer.messages.empty() || answer.messages.back().sequence < info->State.LastSeq)) {
        natsMsg* next = nullptr;
        status = natsSubscription_NextMsg(&next, subscription.get(), left_ms(deadline));
        const Message message(next);
        if (status == NATS_OK) status = keep(stream, next, answer);
      }
      return status;
    });
  }

  // By hand, since the library's own fetch cannot tell a server that has nothing from one that says nothing. What comes
  // for the request has its own subject, so the answers have an inbox of their own.
  NatsAnswer take(const std::string& stream, const Deadline& deadline) override {
    bool taken = false;
    NatsAnswer all = call(deadline, [&](jsOptions& options, NatsAnswer& answer) {
      natsStatus status = NATS_OK;
      if (!taken_) {
        natsInbox* name = nullptr;
        natsSubscription* made = nullptr;
        status = natsInbox_Create(&name);
        if (status == NATS_OK) {
          inbox_ = name;
          natsInbox_Destroy(name);
          status = natsConnection_SubscribeSync(&made, connection_.get(), inbox_.c_str());
        }
        taken_.reset(made);
      }
      const std::string next = fmt::format("$JS.API.CONSUMER.MSG.NEXT.{}.{}", stream, kConsumer);
      if (status == NATS_OK)
        status = natsConnection_PublishRequestString(connection_.get(), next.c_str(), inbox_.c_str(),
                                                     R"({"batch":1,"no_wait":true})");
      natsMsg* got = nullptr;
      if (status == NATS_OK) status = natsSubscription_NextMsg(&got, taken_.get(), left_ms(deadline));
      const Message message(got);
      if (status != NATS_OK) return status;
      const char* code = nullptr;
      if (natsMsgHeader_Get(got, "Status", &code) == NATS_OK) {
        if (std::string_view(code) != "404") return NATS_ERR;
        jsConsumerInfo* about = nullptr;
        status = js_GetConsumerInfo(&about, stream_.get(), stream.c_str(), kConsumer, &options, nullptr);
        const ConsumerInfo info(about);
        if (info) answer.left = info->NumPending + static_cast<std::uint64_t>(info->NumAckPending);
        return status;
      }
      if (!natsMsg_GetReply(got)) return NATS_ERR;
      taken = true;
      answer.messages.push_back({body_of(got), "", 0});
      natsMsg* confirmed = nullptr;
      status =
          natsConnection_RequestString(&confirmed, connection_.get(), natsMsg_GetReply(got), "+ACK", left_ms(deadline));
      const Message confirmation(confirmed);
      return status;
    });
    if (all.meaning == NatsMeaning::unknown && !taken) all.meaning = NatsMeaning::refused;
    return all;
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

  static std::string body_of(natsMsg* message) {
    return {natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message))};
  }

  static natsStatus keep(const std::string& stream, natsMsg* message, NatsAnswer& answer) {
    jsMsgMetaData* made = nullptr;
    const natsStatus status = natsMsg_GetMetaData(&made, message);
    const MetaData about(made);
    if (status != NATS_OK) return status;
    if (about->Sequence.Consumer != answer.messages.size() + 1) return NATS_MISMATCH;  // some were lost on the way
    const std::string subject = natsMsg_GetSubject(message);
    answer.messages.push_back(
        {body_of(message), subject.substr(std::min(subject.size(), stream.size() + 1)), about->Sequence.Stream});
    return NATS_OK;
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
    taken_.reset();
    stream_.reset();
    connection_.reset();
  }

  const std::string url_, user_, password_;
  Connection connection_;
  JetStream stream_;
  std::string inbox_;
  Subscription taken_;
};

}  // namespace

std::unique_ptr<NatsSession> make_nats_session(const std::string& url, const std::string& user,
                                               const std::string& password) {
  return std::make_unique<LibrarySession>(url, user, password);
}

}  // namespace shaketable
