#pragma once
// One connection to an SQL server, statement by statement, with a deadline on each. What a failed statement means is
// said here, by the session that knows the server's protocol and error codes; what that means for an operation of
// several statements is said by the client (sql.h).

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace shaketable {

class SqlDeadline {
 public:
  explicit SqlDeadline(Nanos timeout) : at_(std::chrono::steady_clock::now() + timeout) {}
  Nanos left() const { return std::max(Nanos(0), Nanos(at_ - std::chrono::steady_clock::now())); }
  bool over() const { return left() == Nanos(0); }
  int left_ms() const {  // for poll(2): rounded up, so that a wait does not end before the deadline
    return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left()).count());
  }

 private:
  std::chrono::steady_clock::time_point at_;
};

using SqlRow = std::vector<std::optional<std::string>>;  // a column's text; nullopt: NULL

struct SqlAnswer {
  enum class Kind {
    done,
    refused,  // the server answered with an error, and the statement certainly had and will have no effect; or the
              // statement never left this machine
    unknown,  // no answer, or one that leaves open what happened. The connection is closed
  };
  Kind kind = Kind::unknown;
  std::vector<SqlRow> rows;
  std::int64_t affected = 0;  // rows found and changed, also to what they were
  bool conflict = false;      // refused because of what others do at the same time: a deadlock, a serialization failure
  bool duplicate = false;     // refused because a unique key was there already
  bool read_only = false;     // refused because this server, or transaction, takes no writes
  std::string problem;        // when not done
  bool ok() const { return kind == Kind::done; }
};

// One thread. Waits never exceed the deadline by more than the library's grain.
class SqlSession {
 public:
  virtual ~SqlSession() = default;
  // To the server at `url`. On an error nothing is left open.
  virtual Result<void> connect(const std::string& url, const SqlDeadline& deadline) = 0;
  // False also when the server has closed the connection meanwhile: a statement sent now would surely not arrive.
  virtual bool connected() = 0;
  virtual void close() = 0;
  virtual SqlAnswer run(const std::string& statement, const SqlDeadline& deadline) = 0;
  // Whether this server takes writes, as far as it says so itself.
  virtual bool writable(const SqlDeadline& deadline) = 0;
};

struct SqlSettings {
  std::string isolation;  // "repeatable read", as SQL writes it
  std::string user, password, ca_file, certificate_file, key_file;
};

}  // namespace shaketable
