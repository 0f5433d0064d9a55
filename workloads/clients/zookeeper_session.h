#pragma once
// A session with one member of ZooKeeper, each call with a deadline and with an answer of three kinds. The C library
// (libzookeeper_mt) has no deadlines of its own; it stays in zookeeper_session.cpp.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cluster/deadline.h"

namespace shaketable {

enum class ZookeeperMeaning {
  done,
  no_node,      // there is no such znode: a change did not happen
  exists,       // there is one already: it was not made
  bad_version,  // the znode has another version: it was not changed
  refused,      // or not sent at all: it certainly did not happen
  unknown,      // it may happen, at any later time
};

struct ZookeeperAnswer {
  ZookeeperMeaning meaning = ZookeeperMeaning::refused;
  std::string problem;                // when not done
  std::string text;                   // get: the data; create: the path with its number
  std::int32_t version = 0;           // get, set, create: of the data
  std::int64_t created = 0;           // create: the transaction that made it
  std::vector<std::string> children;  // names, in no order
};

enum class ZookeeperKind { plain, sequential, ephemeral_sequential };

// One thread. A session that ended (expired, or lost for longer than the member waits) is replaced by a new one at the
// next call, and `number` tells that: ephemeral znodes of the old one are gone.
class ZookeeperSession {
 public:
  virtual ~ZookeeperSession() = default;
  virtual ZookeeperAnswer create(const std::string& path, const std::string& data, ZookeeperKind kind,
                                 const Deadline& deadline) = 0;
  virtual ZookeeperAnswer get(const std::string& path, const Deadline& deadline) = 0;
  virtual ZookeeperAnswer set(const std::string& path, const std::string& data, std::int32_t version,  // -1: any
                              const Deadline& deadline) = 0;
  virtual ZookeeperAnswer remove(const std::string& path, const Deadline& deadline) = 0;
  virtual ZookeeperAnswer children(const std::string& path, const Deadline& deadline) = 0;
  // The member catches up with its leader before it answers what comes after.
  virtual ZookeeperAnswer sync(const std::string& path, const Deadline& deadline) = 0;
  virtual std::uint64_t number() const = 0;
  virtual void close() = 0;
};

// `address`: "10.77.0.1:2181". Connects with the first call.
std::unique_ptr<ZookeeperSession> make_zookeeper_session(const std::string& address, Nanos session_timeout);

// Of the library's return codes (ZOO_ERRORS). What is not known to be harmless is unknown.
ZookeeperMeaning zookeeper_meaning(int code);

}  // namespace shaketable
