#include "workloads/clients/redis_route.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <map>

namespace shaketable {
namespace {

using Kind = RedisReply::Kind;

bool begins_with(const RedisAnswer& answer, std::string_view code) {
  return answer.reply && answer.reply->kind == Kind::error && answer.reply->text.starts_with(code);
}

RedisAnswer not_sent(std::string problem) {
  return {std::nullopt, std::move(problem), false};
}

// Connects and logs in.
Result<void> connect(RedisConnection& connection, const HostPort& peer, const ClientSettings& settings,
                     const Deadline& deadline) {
  if (auto connected = connection.connect(peer, deadline); !connected) return connected;
  if (settings.password.empty()) return {};
  std::vector<std::string> words{"AUTH"};
  if (!settings.user.empty()) words.push_back(settings.user);
  words.push_back(settings.password);
  const RedisAnswer answer = connection.command(words, deadline);
  if (answer.reply && answer.reply->kind == Kind::status) return {};
  connection.close();
  return infrastructure(fmt::format("{}:{} did not take the password: {}", peer.host, peer.port,
                                    answer.reply ? answer.reply->text : answer.problem));
}

class EndpointRoute final : public RedisRoute {
 public:
  EndpointRoute(const ClientSettings& settings, HostPort peer) : settings_(settings), peer_(std::move(peer)) {}

  RedisAnswer command(const std::string&, const std::vector<std::string>& words, const Deadline& deadline) override {
    if (!connection_.is_open())
      if (auto connected = connect(connection_, peer_, settings_, deadline); !connected)
        return not_sent(connected.error().message);
    return connection_.command(words, deadline);
  }

 private:
  const ClientSettings settings_;
  const HostPort peer_;
  RedisConnection connection_;
};

// As Redis's guidelines for clients of Sentinel have it: ask a Sentinel for the master, connect, ask the server whether
// it is one. The own node's Sentinel is asked first, so that a client on the far side of a partition sees what that
// side believes.
class SentinelRoute final : public RedisRoute {
 public:
  SentinelRoute(const ClientSettings& settings, std::vector<HostPort> sentinels)
      : settings_(settings), sentinels_(std::move(sentinels)), name_(settings.options.text("sentinel_name")) {}

  RedisAnswer command(const std::string&, const std::vector<std::string>& words, const Deadline& deadline) override {
    if (!connection_.is_open())
      if (auto found = find_master(deadline); !found) return not_sent(found.error().message);
    RedisAnswer answer = connection_.command(words, deadline);
    // It is no master any more, or not yet: the next command asks Sentinel again.
    if (begins_with(answer, "READONLY") || begins_with(answer, "MASTERDOWN") || begins_with(answer, "LOADING"))
      connection_.close();
    return answer;
  }

 private:
  Result<void> find_master(const Deadline& deadline) {
    std::string problem;
    for (std::size_t i = 0; i < sentinels_.size() && !deadline.over(); ++i) {
      // One that is paused must leave time for the others.
      const Deadline patience(deadline.left() / static_cast<int>(sentinels_.size() - i));
      auto master = ask(sentinels_[(settings_.worker + i) % sentinels_.size()], patience);
      if (!master) {
        problem = master.error().message;
        continue;
      }
      if (auto connected = connect(connection_, *master, settings_, deadline); !connected) return connected;
      const RedisAnswer role = connection_.command({"ROLE"}, deadline);
      if (role.reply && role.reply->kind == Kind::list && !role.reply->items.empty() &&
          role.reply->items[0].text == "master")
        return {};
      connection_.close();
      return infrastructure(fmt::format("{}:{}, which Sentinel names, is no master", master->host, master->port));
    }
    return infrastructure("no Sentinel names a master: " + problem);
  }

  Result<HostPort> ask(const HostPort& sentinel, const Deadline& deadline) const {
    RedisConnection connection;
    if (auto connected = connection.connect(sentinel, deadline); !connected) return Failure(connected.error());
    const RedisAnswer answer = connection.command({"SENTINEL", "get-master-addr-by-name", name_}, deadline);
    const auto unusable = [&](std::string_view why) {
      return infrastructure(fmt::format("the Sentinel at {}:{}: {}", sentinel.host, sentinel.port, why));
    };
    if (!answer.reply) return unusable(answer.problem);
    if (answer.reply->kind == Kind::error) return unusable(answer.reply->text);
    if (answer.reply->kind != Kind::list || answer.reply->items.size() != 2)
      return unusable(fmt::format("knows no master \"{}\"", name_));
    const RedisReply& host = answer.reply->items[0];
    const RedisReply& port = answer.reply->items[1];
    HostPort master{host.text, 0};
    std::from_chars(port.text.data(), port.text.data() + port.text.size(), master.port);
    return master;
  }

  const ClientSettings settings_;
  const std::vector<HostPort> sentinels_;
  const std::string name_;
  RedisConnection connection_;
};

// Learns which server has which slot from the redirections alone: they are always right at the time, and the one of a
// stale table costs a round trip.
class ClusterRoute final : public RedisRoute {
 public:
  ClusterRoute(const ClientSettings& settings, std::vector<HostPort> endpoints)
      : settings_(settings), endpoints_(std::move(endpoints)) {}

  RedisAnswer command(const std::string& key, const std::vector<std::string>& words,
                      const Deadline& deadline) override {
    const int slot = redis_slot(key);
    std::string target = owners_.count(slot) ? owners_[slot] : some_endpoint(0);
    bool asking = false;
    RedisAnswer answer = not_sent("no server of the cluster takes the command");
    for (int turn = 0, refused = 0; turn < kTurns && !deadline.over(); ++turn) {
      RedisConnection& connection = connections_[target];
      if (!connection.is_open()) {
        const auto peer = parse_host_port(target, 6379);
        // One that is paused or cut off must leave time for the others.
        const auto connected = peer ? connect(connection, *peer, settings_, Deadline(deadline.left() / 3))
                                    : Result<void>(Failure(peer.error()));
        if (!connected) {
          answer = not_sent(connected.error().message);
          forget(target);
          target = some_endpoint(++refused);
          asking = false;
          continue;
        }
      }
      if (asking)
        if (const RedisAnswer asked = connection.command({"ASKING"}, deadline); !asked.reply)
          return not_sent(asked.problem);
      answer = connection.command(words, deadline);
      asking = begins_with(answer, "ASK ");
      if (asking || begins_with(answer, "MOVED ")) {
        target = answer.reply->text.substr(answer.reply->text.rfind(' ') + 1);
        if (!asking) owners_[slot] = target;
        continue;
      }
      if (!answer.reply || begins_with(answer, "CLUSTERDOWN") || begins_with(answer, "LOADING")) forget(target);
      return answer;
    }
    return answer;
  }

 private:
  static constexpr int kTurns = 8;

  std::string some_endpoint(std::size_t next) const {
    const HostPort& peer = endpoints_[(settings_.worker + next) % endpoints_.size()];
    const bool ip6 = peer.host.find(':') != std::string::npos;
    return fmt::format("{}{}{}:{}", ip6 ? "[" : "", peer.host, ip6 ? "]" : "", peer.port);
  }
  void forget(const std::string& target) {
    connections_[target].close();
    std::erase_if(owners_, [&](const auto& owner) { return owner.second == target; });
  }

  const ClientSettings settings_;
  const std::vector<HostPort> endpoints_;
  std::map<int, std::string> owners_;  // slot → address
  std::map<std::string, RedisConnection> connections_;
};

}  // namespace

int redis_slot(std::string_view key) {
  if (const auto open = key.find('{'); open != std::string_view::npos)
    if (const auto close = key.find('}', open + 1); close != std::string_view::npos && close > open + 1)
      key = key.substr(open + 1, close - open - 1);
  unsigned crc = 0;
  for (const char c : key) {
    crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000U) ? (crc << 1) ^ 0x1021U : crc << 1;
    crc &= 0xffffU;
  }
  return static_cast<int>(crc % 16384);
}

Result<std::unique_ptr<RedisRoute>> make_redis_route(const ClientSettings& settings) {
  if (!settings.ca_file.empty() || !settings.certificate_file.empty())
    return bad_input("the redis client does not speak TLS: Debian's hiredis is built without it");
  std::vector<HostPort> endpoints;
  for (const ClientEndpoint& endpoint : settings.endpoints) {
    auto peer = parse_host_port(endpoint.url, 6379);
    if (!peer) return Failure(peer.error());
    endpoints.push_back(std::move(*peer));
  }
  const std::string& route = settings.options.text("route");
  if (route == "cluster") return std::make_unique<ClusterRoute>(settings, std::move(endpoints));
  if (route == "endpoint")
    return std::make_unique<EndpointRoute>(settings, endpoints[settings.worker % endpoints.size()]);
  for (HostPort& peer : endpoints) peer.port = static_cast<int>(settings.options.integer("sentinel_port"));
  return std::make_unique<SentinelRoute>(settings, std::move(endpoints));
}

}  // namespace shaketable
