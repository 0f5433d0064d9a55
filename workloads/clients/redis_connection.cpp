#include "workloads/clients/redis_connection.h"

#include <hiredis/hiredis.h>

#include <new>

namespace shaketable {
namespace {

RedisReply converted(const redisReply& from) {
  RedisReply out;
  switch (from.type) {
    case REDIS_REPLY_STATUS:
      out.kind = RedisReply::Kind::status;
      break;
    case REDIS_REPLY_ERROR:
      out.kind = RedisReply::Kind::error;
      break;
    case REDIS_REPLY_STRING:
      out.kind = RedisReply::Kind::text;
      break;
    case REDIS_REPLY_INTEGER:
      out.kind = RedisReply::Kind::integer;
      out.integer = from.integer;
      return out;
    case REDIS_REPLY_ARRAY:
      out.kind = RedisReply::Kind::list;
      for (std::size_t i = 0; i < from.elements; ++i) out.items.push_back(converted(*from.element[i]));
      return out;
    default:
      return out;
  }
  out.text.assign(from.str, from.len);
  return out;
}

}  // namespace

struct RedisConnection::Reader {
  std::unique_ptr<redisReader, void (*)(redisReader*)> reader{redisReaderCreate(), redisReaderFree};
};

RedisConnection::RedisConnection() = default;
RedisConnection::~RedisConnection() = default;

Result<void> RedisConnection::connect(const HostPort& peer, const Deadline& deadline) {
  close();
  if (auto connected = stream_.connect(peer, deadline); !connected) return connected;
  reader_ = std::make_unique<Reader>();
  if (!reader_->reader) throw std::bad_alloc();
  return {};
}

bool RedisConnection::is_open() const {
  return reader_ && stream_.is_open() && !stream_.is_stale();
}

void RedisConnection::close() {
  stream_.close();
  reader_.reset();
}

RedisAnswer RedisConnection::command(const std::vector<std::string>& words, const Deadline& deadline) {
  if (!stream_.is_open() || !reader_) return {std::nullopt, "not connected", false};
  std::vector<const char*> texts;
  std::vector<std::size_t> lengths;
  for (const std::string& word : words) {
    texts.push_back(word.data());
    lengths.push_back(word.size());
  }
  char* formatted = nullptr;
  const int length = redisFormatCommandArgv(&formatted, static_cast<int>(words.size()), texts.data(), lengths.data());
  if (length < 0) throw std::bad_alloc();
  const std::unique_ptr<char, void (*)(char*)> request(formatted, redisFreeCommand);

  RedisAnswer answer;
  const TcpStream::Sent sent = stream_.send({formatted, static_cast<std::size_t>(length)}, deadline, answer.problem);
  answer.sent = sent != TcpStream::Sent::nothing;
  if (sent != TcpStream::Sent::everything) {
    close();
    return answer;
  }
  for (;;) {
    void* reply = nullptr;
    if (redisReaderGetReply(reader_->reader.get(), &reply) != REDIS_OK) {
      answer.problem = std::string("not the protocol of Redis: ") + reader_->reader->errstr;
      break;
    }
    if (reply) {
      const std::unique_ptr<void, void (*)(void*)> holder(reply, freeReplyObject);
      answer.reply = converted(*static_cast<redisReply*>(reply));
      return answer;
    }
    std::string bytes;
    if (auto received = stream_.receive(bytes, deadline); !received) {
      answer.problem = received.error().message;
      break;
    }
    redisReaderFeed(reader_->reader.get(), bytes.data(), bytes.size());
  }
  close();
  return answer;
}

}  // namespace shaketable
