#include "workloads/clients/zookeeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <thread>

#include "history/text.h"
#include "workloads/clients/unusable.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

using Meaning = ZookeeperMeaning;

// A znode's name has no slash, and none is "." or "..".
std::string name_of(const Value& value) {
  std::string out = "v";
  for (const char c : to_json(value))
    if (c == '/' || c == '%' || static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    else
      out += c;
  return out;
}

std::optional<Value> value_of(std::string_view name) {
  if (!name.starts_with('v')) return std::nullopt;
  std::string text;
  for (std::size_t i = 1; i < name.size(); ++i) {
    if (name[i] == '%' && i + 2 < name.size()) {
      text += static_cast<char>(std::stoi(std::string(name.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      text += name[i];
    }
  }
  const auto parsed = parse_json(text);
  return parsed ? std::optional<Value>(*parsed) : std::nullopt;
}

// Sequential znodes end in ten digits, or a sign and ten.
std::string_view number_in(std::string_view name) {
  return name.substr(name.rfind('-') == std::string_view::npos ? 0 : name.rfind('-') + 1);
}

class ZookeeperClient final : public Client {
 public:
  ZookeeperClient(const ClientSettings& settings, std::unique_ptr<ZookeeperSession> session)
      : interface_(settings.interface),
        prefix_(settings.options.text("prefix")),
        directory_(prefix_ + "/" + settings.run),
        sync_(settings.options.text("reads") == "sync"),
        session_(std::move(session)) {}

  Result<void> open(Nanos) override { return {}; }  // connects with the first request

  Result<void> probe(Nanos timeout) override {
    const ZookeeperAnswer answer = session_->get("/", Deadline(timeout));
    if (answer.meaning == Meaning::done) return {};
    return infrastructure("ZooKeeper does not answer: " + answer.problem);
  }

  Result<void> setup(Nanos timeout) override {
    const Deadline deadline(timeout);
    std::vector<std::string> paths;
    for (std::size_t slash = prefix_.find('/', 1); slash != std::string::npos; slash = prefix_.find('/', slash + 1))
      paths.push_back(prefix_.substr(0, slash));
    paths.insert(paths.end(), {prefix_, directory_});
    for (const char* part : {"register", "set", "queue", "lock"}) paths.push_back(directory_ + "/" + part);
    for (const std::string& path : paths)
      if (auto made = make_node(path, "", deadline); !made) return made;
    for (const char* part : {"counter", "ids"})
      if (auto made = make_node(directory_ + "/" + part, "0", deadline); !made) return made;
    return {};
  }

  Completion invoke(Name f, const Value& value, Nanos timeout) override {
    const Deadline deadline(timeout);
    const std::string_view name = f.text();
    if (interface_ == "register" && value.is_list() && value.size() == 2) {
      if (name == "read") return read_register(value, deadline);
      if (name == "write") return write_register(value, deadline);
      if (name == "cas" && value[1].is_list() && value[1].size() == 2) return cas_register(value, deadline);
    } else if (interface_ == "set") {
      if (name == "add") return add_element(value, deadline);
      if (name == "read") return read_set(value, deadline);
    } else if (interface_ == "counter") {
      if (name == "add" && value.is_integer()) return add_to_counter(value, deadline);
      if (name == "read") return read_counter(value, deadline);
    } else if (interface_ == "ids" && name == "generate") {
      return generate(value, deadline);
    } else if (interface_ == "queue") {
      if (name == "enqueue") return enqueue(value, deadline);
      if (name == "dequeue") return dequeue(value, deadline);
      if (name == "drain") return drain(value, deadline);
    } else if (interface_ == "lock") {
      if (name == "acquire") return acquire(value, deadline);
      if (name == "release") return release(value, deadline);
    }
    return {OpType::fail, value, fmt::format("zookeeper client: no function \"{}\" with that value", name)};
  }

 private:
  static Completion failed_read(const Value& value, const ZookeeperAnswer& answer) {
    return {OpType::fail, value, answer.problem};
  }
  // Of a change; every answer but `unknown` says that it did not happen.
  static Completion failed(const Value& value, const ZookeeperAnswer& answer) {
    return {answer.meaning == Meaning::unknown ? OpType::info : OpType::fail, value, answer.problem};
  }
  static Completion done(Value value) { return {OpType::ok, std::move(value), {}}; }

  std::string node(std::string_view part) const { return fmt::format("{}/{}", directory_, part); }

  Result<void> make_node(const std::string& path, const std::string& data, const Deadline& deadline) {
    const ZookeeperAnswer answer = session_->create(path, data, ZookeeperKind::plain, deadline);
    if (answer.meaning == Meaning::done || answer.meaning == Meaning::exists) return {};
    return infrastructure(fmt::format("{} could not be made: {}", path, answer.problem));
  }

  // Before a read, where the plan wants it: the member first hears what its leader has committed.
  bool catch_up(const std::string& path, const Deadline& deadline, ZookeeperAnswer& answer) {
    if (!sync_) return true;
    answer = session_->sync(path, deadline);
    return answer.meaning == Meaning::done;
  }

  Completion read_register(const Value& value, const Deadline& deadline) {
    const std::string path = node("register/" + name_of(value[0]));
    ZookeeperAnswer answer;
    if (!catch_up(path, deadline, answer)) return failed_read(value, answer);
    answer = session_->get(path, deadline);
    if (answer.meaning == Meaning::no_node) return done(Value::list({value[0], {}}));
    if (answer.meaning != Meaning::done) return failed_read(value, answer);
    const auto content = parse_json(answer.text);
    if (!content) return {OpType::fail, value, "zookeeper client: the value read is not one this client wrote"};
    return done(Value::list({value[0], *content}));
  }

  // Nothing deletes a register, so of "set, else create, else set" the last cannot find it missing.
  Completion write_register(const Value& value, const Deadline& deadline) {
    const std::string path = node("register/" + name_of(value[0])), data = to_json(value[1]);
    ZookeeperAnswer answer = session_->set(path, data, -1, deadline);
    if (answer.meaning == Meaning::no_node) answer = session_->create(path, data, ZookeeperKind::plain, deadline);
    if (answer.meaning == Meaning::exists) answer = session_->set(path, data, -1, deadline);
    return answer.meaning == Meaning::done ? done(value) : failed(value, answer);
  }

  Completion cas_register(const Value& value, const Deadline& deadline) {
    const std::string path = node("register/" + name_of(value[0])), data = to_json(value[1][1]);
    const auto mismatch = [&] { return Completion{OpType::fail, value, "did not match"}; };
    if (value[1][0].is_nil()) {
      const ZookeeperAnswer answer = session_->create(path, data, ZookeeperKind::plain, deadline);
      if (answer.meaning == Meaning::exists) return mismatch();
      return answer.meaning == Meaning::done ? done(value) : failed(value, answer);
    }
    // The member's copy may be old. Then the version is old too, and the change is refused.
    const ZookeeperAnswer before = session_->get(path, deadline);
    if (before.meaning == Meaning::no_node) return mismatch();
    if (before.meaning != Meaning::done) return failed_read(value, before);
    const auto content = parse_json(before.text);
    if (!content || !(*content == value[1][0])) return mismatch();
    const ZookeeperAnswer answer = session_->set(path, data, before.version, deadline);
    if (answer.meaning == Meaning::bad_version) return mismatch();
    return answer.meaning == Meaning::done ? done(value) : failed(value, answer);
  }

  Completion add_element(const Value& value, const Deadline& deadline) {
    const ZookeeperAnswer answer = session_->create(node("set/" + name_of(value)), "", ZookeeperKind::plain, deadline);
    return answer.meaning == Meaning::done || answer.meaning == Meaning::exists ? done(value) : failed(value, answer);
  }

  Completion read_set(const Value& value, const Deadline& deadline) {
    ZookeeperAnswer answer;
    if (!catch_up(node("set"), deadline, answer)) return failed_read(value, answer);
    answer = session_->children(node("set"), deadline);
    if (answer.meaning != Meaning::done) return failed_read(value, answer);
    std::vector<Value> elements;
    for (const std::string& name : answer.children) {
      auto element = value_of(name);
      if (!element) return {OpType::fail, value, "zookeeper client: an element that this client did not write"};
      elements.push_back(std::move(*element));
    }
    return done(Value::list(std::move(elements)));
  }

  Completion add_to_counter(const Value& value, const Deadline& deadline) {
    while (!deadline.over()) {
      const ZookeeperAnswer before = session_->get(node("counter"), deadline);
      if (before.meaning != Meaning::done) return failed_read(value, before);
      const auto number = parse_json(before.text);
      if (!number || !number->is_integer())
        return {OpType::fail, value, "zookeeper client: the counter holds no number"};
      const std::string sum = std::to_string(number->integer() + value.integer());
      const ZookeeperAnswer answer = session_->set(node("counter"), sum, before.version, deadline);
      if (answer.meaning == Meaning::done) return done(value);
      if (answer.meaning != Meaning::bad_version) return failed(value, answer);
    }
    return {OpType::fail, value, "others were quicker each time"};
  }

  Completion read_counter(const Value& value, const Deadline& deadline) {
    ZookeeperAnswer answer;
    if (!catch_up(node("counter"), deadline, answer)) return failed_read(value, answer);
    answer = session_->get(node("counter"), deadline);
    if (answer.meaning != Meaning::done) return failed_read(value, answer);
    const auto number = parse_json(answer.text);
    if (!number) return {OpType::fail, value, "zookeeper client: the counter holds no number"};
    return done(*number);
  }

  // Every change of a znode has a version of its own.
  Completion generate(const Value& value, const Deadline& deadline) {
    const ZookeeperAnswer answer = session_->set(node("ids"), "", -1, deadline);
    return answer.meaning == Meaning::done ? done(answer.version) : failed(value, answer);
  }

  Completion enqueue(const Value& value, const Deadline& deadline) {
    const ZookeeperAnswer answer =
        session_->create(node("queue/e-"), to_json(value), ZookeeperKind::sequential, deadline);
    return answer.meaning == Meaning::done ? done(value) : failed(value, answer);
  }

  // The names of sequential znodes below a directory, the oldest first.
  ZookeeperAnswer in_order(const std::string& path, const Deadline& deadline) {
    ZookeeperAnswer answer = session_->children(path, deadline);
    std::sort(answer.children.begin(), answer.children.end(),
              [](const std::string& a, const std::string& b) { return number_in(a) < number_in(b); });
    return answer;
  }

  // Whoever deletes an element has it: of two, one finds it gone.
  struct Taken {
    enum class End { got, gone, failed } end = End::failed;
    Value value;
    ZookeeperAnswer answer;
  };
  Taken take(const std::string& name, const Deadline& deadline) {
    Taken taken;
    taken.answer = session_->get(node("queue/" + name), deadline);
    if (taken.answer.meaning == Meaning::unknown) taken.answer.meaning = Meaning::refused;  // a read changes nothing
    if (taken.answer.meaning == Meaning::done) {
      const auto content = parse_json(taken.answer.text);
      if (content) taken.value = *content;
      taken.answer = session_->remove(node("queue/" + name), deadline);
    }
    if (taken.answer.meaning == Meaning::done) taken.end = Taken::End::got;
    if (taken.answer.meaning == Meaning::no_node) taken.end = Taken::End::gone;
    return taken;
  }

  Completion dequeue(const Value& value, const Deadline& deadline) {
    while (!deadline.over()) {
      const ZookeeperAnswer names = in_order(node("queue"), deadline);
      if (names.meaning != Meaning::done) return failed_read(value, names);
      if (names.children.empty()) return done({});
      for (const std::string& name : names.children) {
        Taken taken = take(name, deadline);
        if (taken.end == Taken::End::got) return done(std::move(taken.value));
        if (taken.end == Taken::End::failed) return failed(value, taken.answer);
      }
    }
    return {OpType::fail, value, "others were quicker each time"};
  }

  Completion drain(const Value& value, const Deadline& deadline) {
    std::vector<Value> all;
    const auto broke_off = [&](Completion completion) {
      if (!all.empty()) completion.type = OpType::info;
      return completion;
    };
    if (const ZookeeperAnswer synced = session_->sync(node("queue"), deadline); synced.meaning != Meaning::done)
      return failed_read(value, synced);
    while (!deadline.over()) {
      const ZookeeperAnswer names = in_order(node("queue"), deadline);
      if (names.meaning != Meaning::done) return broke_off(failed_read(value, names));
      if (names.children.empty()) return done(Value::list(std::move(all)));
      for (const std::string& name : names.children) {
        Taken taken = take(name, deadline);
        if (taken.end == Taken::End::failed) return broke_off(failed(value, taken.answer));
        if (taken.end == Taken::End::got) all.push_back(std::move(taken.value));
      }
    }
    return broke_off({OpType::fail, value, "not empty in time"});
  }

  // The recipe of ZooKeeper's documentation: who has the lowest number holds the lock. The transaction that made the
  // znode is the token: it grows with each grant, since lower numbers were made before.
  Completion acquire(const Value& value, const Deadline& deadline) {
    constexpr Nanos kBetweenLooks = std::chrono::milliseconds(20);
    const std::string directory = node("lock/" + name_of(value));
    ZookeeperAnswer mine = session_->create(directory + "/h-", "", ZookeeperKind::ephemeral_sequential, deadline);
    if (mine.meaning == Meaning::no_node) {
      const ZookeeperAnswer made = session_->create(directory, "", ZookeeperKind::plain, deadline);
      if (made.meaning != Meaning::done && made.meaning != Meaning::exists) return failed_read(value, made);
      mine = session_->create(directory + "/h-", "", ZookeeperKind::ephemeral_sequential, deadline);
    }
    if (mine.meaning != Meaning::done) return failed(value, mine);
    const std::uint64_t session = session_->number();
    const std::string_view number = number_in(mine.text);
    // Some of the time is kept for taking the place in the queue back.
    const Deadline patience(deadline.left() * 3 / 4);
    while (!patience.over()) {
      const ZookeeperAnswer others = session_->children(directory, deadline);
      if (others.meaning != Meaning::done || session_->number() != session) break;
      const bool first = std::none_of(others.children.begin(), others.children.end(),
                                      [&](const std::string& name) { return number_in(name) < number; });
      if (first) {
        held_[value] = {mine.text, session};
        return done(mine.created);
      }
      std::this_thread::sleep_for(kBetweenLooks);
    }
    // Not granted, and the place in the queue is never looked at again. Where it cannot be taken back it goes with the
    // session.
    if (session_->remove(mine.text, deadline).meaning != Meaning::done) session_->close();
    return {OpType::fail, value, "held by another"};
  }

  Completion release(const Value& value, const Deadline& deadline) {
    const auto held = held_.find(value);
    if (held == held_.end()) return {OpType::fail, value, "not held"};
    const auto [path, session] = held->second;
    held_.erase(held);
    const ZookeeperAnswer answer = session_->remove(path, deadline);
    if (session_->number() != session) return {OpType::fail, value, "the session ended, and the lock with it"};
    return answer.meaning == Meaning::done ? done(value) : failed(value, answer);
  }

  const std::string interface_, prefix_, directory_;
  const bool sync_;
  std::map<Value, std::pair<std::string, std::uint64_t>> held_;  // lock → its znode and the session that made it
  std::unique_ptr<ZookeeperSession> session_;
};

}  // namespace

std::unique_ptr<Client> make_zookeeper_client(const ClientSettings& settings,
                                              std::unique_ptr<ZookeeperSession> session) {
  return std::make_unique<ZookeeperClient>(settings, std::move(session));
}

ClientInfo zookeeper_client() {
  ClientInfo info;
  info.name = "zookeeper";
  info.about = "ZooKeeper 3.4 and later, a session with the worker's own member (libzookeeper_mt)";
  info.interfaces = {"register", "set", "counter", "ids", "queue", "lock"};
  info.parameters = {
      spec::choice(
          "reads",
          "sync: the member first catches up with its leader; local: it answers from what it has, which may be "
          "stale",
          {"sync", "local"}, "sync"),
      spec::duration("session_timeout", "after which a silent client's locks are anybody's", std::chrono::seconds(4)),
      spec::text("prefix", "the znode below which the test's are", "/shaketable"),
  };
#ifdef SHAKETABLE_WITH_ZOOKEEPER
  info.make = [](const ClientSettings& settings) -> std::unique_ptr<Client> {
    if (asks_for_tls(settings) || !settings.user.empty())
      return unusable_client("the zookeeper client speaks neither TLS nor with a user's name");
    const std::string& url = settings.endpoints[settings.worker % settings.endpoints.size()].url;
    const auto begin = url.find("://");
    return make_zookeeper_client(settings,
                                 make_zookeeper_session(begin == std::string::npos ? url : url.substr(begin + 3),
                                                        settings.options.duration("session_timeout")));
  };
#else
  info.missing = "libzookeeper-mt-dev";
#endif
  return info;
}

}  // namespace shaketable
