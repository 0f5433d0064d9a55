#include "workloads/clients/zookeeper_session.h"

#include <zookeeper/zookeeper.h>

#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>

namespace shaketable {
namespace {

// Shared by the caller, who may have given up, and the library's thread.
struct Waiting {
  std::mutex mutex;
  std::condition_variable changed;
  bool answered = false;
  int code = ZOK;
  ZookeeperAnswer answer;
};

struct Connection {
  std::mutex mutex;
  std::condition_variable changed;
  int state = 0;
};

// The library calls back once for each request that it took, at the latest when its handle is closed.
std::shared_ptr<Waiting> take(const void* data) {
  const std::unique_ptr<const std::shared_ptr<Waiting>> holder(static_cast<const std::shared_ptr<Waiting>*>(data));
  return *holder;
}

template <class Fill>
void answer(const void* data, int code, Fill fill) {
  const std::shared_ptr<Waiting> waiting = take(data);
  std::lock_guard lock(waiting->mutex);
  waiting->code = code;
  if (code == ZOK) fill(waiting->answer);
  waiting->answered = true;
  waiting->changed.notify_all();
}

void fill_stat(ZookeeperAnswer& into, const Stat* stat) {
  if (!stat) return;
  into.version = stat->version;
  into.created = stat->czxid;
}

void on_void(int code, const void* data) {
  answer(data, code, [](ZookeeperAnswer&) {});
}
void on_stat(int code, const Stat* stat, const void* data) {
  answer(data, code, [&](ZookeeperAnswer& into) { fill_stat(into, stat); });
}
void on_data(int code, const char* value, int length, const Stat* stat, const void* data) {
  answer(data, code, [&](ZookeeperAnswer& into) {
    if (value && length > 0) into.text.assign(value, static_cast<std::size_t>(length));
    fill_stat(into, stat);
  });
}
void on_string_stat(int code, const char* value, const Stat* stat, const void* data) {
  answer(data, code, [&](ZookeeperAnswer& into) {
    if (value) into.text = value;
    fill_stat(into, stat);
  });
}
void on_text(int code, const char* value, const void* data) {
  answer(data, code, [&](ZookeeperAnswer& into) {
    if (value) into.text = value;
  });
}
void on_strings(int code, const String_vector* strings, const void* data) {
  answer(data, code, [&](ZookeeperAnswer& into) {
    for (int i = 0; strings && i < strings->count; ++i) into.children.emplace_back(strings->data[i]);
  });
}

class LibrarySession final : public ZookeeperSession {
 public:
  LibrarySession(std::string address, Nanos session_timeout)
      : address_(std::move(address)),
        timeout_ms_(static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(session_timeout).count())) {
    // The library's own log goes to stderr, which is the progress of the run.
    zoo_set_debug_level(static_cast<ZooLogLevel>(0));
  }
  ~LibrarySession() override { close(); }

  ZookeeperAnswer create(const std::string& path, const std::string& data, ZookeeperKind kind,
                         const Deadline& deadline) override {
    const int flags = kind == ZookeeperKind::plain        ? 0
                      : kind == ZookeeperKind::sequential ? ZOO_PERSISTENT_SEQUENTIAL
                                                          : ZOO_EPHEMERAL_SEQUENTIAL;
    return call(deadline, [&](const void* waiting) {
      return zoo_acreate2(handle_, path.c_str(), data.data(), static_cast<int>(data.size()), &ZOO_OPEN_ACL_UNSAFE,
                          flags, on_string_stat, waiting);
    });
  }
  ZookeeperAnswer get(const std::string& path, const Deadline& deadline) override {
    return call(deadline, [&](const void* waiting) { return zoo_aget(handle_, path.c_str(), 0, on_data, waiting); });
  }
  ZookeeperAnswer set(const std::string& path, const std::string& data, std::int32_t version,
                      const Deadline& deadline) override {
    return call(deadline, [&](const void* waiting) {
      return zoo_aset(handle_, path.c_str(), data.data(), static_cast<int>(data.size()), version, on_stat, waiting);
    });
  }
  ZookeeperAnswer remove(const std::string& path, const Deadline& deadline) override {
    return call(deadline,
                [&](const void* waiting) { return zoo_adelete(handle_, path.c_str(), -1, on_void, waiting); });
  }
  ZookeeperAnswer children(const std::string& path, const Deadline& deadline) override {
    return call(deadline,
                [&](const void* waiting) { return zoo_aget_children(handle_, path.c_str(), 0, on_strings, waiting); });
  }
  ZookeeperAnswer sync(const std::string& path, const Deadline& deadline) override {
    return call(deadline, [&](const void* waiting) { return zoo_async(handle_, path.c_str(), on_text, waiting); });
  }
  std::uint64_t number() const override { return number_; }

  void close() override {
    if (handle_) zookeeper_close(handle_);
    handle_ = nullptr;
    connection_.reset();
  }

 private:
  template <class Send>
  ZookeeperAnswer call(const Deadline& deadline, Send send) {
    ZookeeperAnswer failed;
    if (!connect(deadline, failed.problem)) return failed;
    const auto waiting = std::make_shared<Waiting>();
    auto holder = std::make_unique<std::shared_ptr<Waiting>>(waiting);
    if (const int code = send(holder.get()); code != ZOK) {
      failed.problem = zerror(code);  // not taken, and there will be no call back
      return failed;
    }
    (void)holder.release();
    std::unique_lock lock(waiting->mutex);
    if (!waiting->changed.wait_for(lock, deadline.left(), [&] { return waiting->answered; })) {
      failed.meaning = ZookeeperMeaning::unknown;
      failed.problem = "no answer in time";
      return failed;
    }
    waiting->answer.meaning = zookeeper_meaning(waiting->code);
    if (waiting->code != ZOK) waiting->answer.problem = zerror(waiting->code);
    return std::move(waiting->answer);
  }

  // The library would keep a request until it is connected, and nobody could say whether it was sent; so none is given
  // to it before.
  bool connect(const Deadline& deadline, std::string& problem) {
    if (handle_ && is_unrecoverable(handle_) != ZOK) close();
    if (!handle_) {
      connection_ = std::make_unique<Connection>();
      handle_ = zookeeper_init2(address_.c_str(), on_event, timeout_ms_, nullptr, connection_.get(), 0, on_log);
      ++number_;
      if (!handle_) {
        problem = address_ + ": " + std::strerror(errno);
        connection_.reset();
        return false;
      }
    }
    std::unique_lock lock(connection_->mutex);
    connection_->changed.wait_for(lock, deadline.left(), [&] {
      return zoo_state(handle_) == ZOO_CONNECTED_STATE || connection_->state == ZOO_EXPIRED_SESSION_STATE;
    });
    if (zoo_state(handle_) == ZOO_CONNECTED_STATE) return true;
    problem = address_ + ": no connection";
    return false;
  }

  static void on_event(zhandle_t*, int type, int state, const char*, void* context) {
    if (type != ZOO_SESSION_EVENT || !context) return;
    Connection& connection = *static_cast<Connection*>(context);
    std::lock_guard lock(connection.mutex);
    connection.state = state;
    connection.changed.notify_all();
  }
  static void on_log(const char*) {}

  const std::string address_;
  const int timeout_ms_;
  zhandle_t* handle_ = nullptr;
  std::unique_ptr<Connection> connection_;
  std::uint64_t number_ = 0;
};

}  // namespace

ZookeeperMeaning zookeeper_meaning(int code) {
  switch (code) {
    case ZOK:
      return ZookeeperMeaning::done;
    case ZNONODE:
      return ZookeeperMeaning::no_node;
    case ZNODEEXISTS:
      return ZookeeperMeaning::exists;
    case ZBADVERSION:
      return ZookeeperMeaning::bad_version;
    // The server's word that it did not carry the request out.
    case ZNOAUTH:
    case ZNOCHILDRENFOREPHEMERALS:
    case ZNOTEMPTY:
    case ZINVALIDACL:
    case ZNOTREADONLY:
    case ZTHROTTLEDOP:
    case ZBADARGUMENTS:
    case ZUNIMPLEMENTED:
      return ZookeeperMeaning::refused;
    default:
      return ZookeeperMeaning::unknown;
  }
}

std::unique_ptr<ZookeeperSession> make_zookeeper_session(const std::string& address, Nanos session_timeout) {
  return std::make_unique<LibrarySession>(address, session_timeout);
}

}  // namespace shaketable
