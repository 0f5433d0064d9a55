#include "workloads/clients/mariadb_session.h"

#include <errmsg.h>
#include <fmt/format.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <poll.h>
#include <sys/socket.h>

#include <mutex>

namespace shaketable {
namespace {

constexpr unsigned kNotPreparedByWsrep = ER_UNKNOWN_COM_ERROR;  // Galera: "WSREP has not yet prepared node"

struct Address {
  std::string host, database;
  unsigned port = 3306;
};

// "mysql://10.77.0.1:3306", "mysql://[fd77::1]:3306/test"
Address parsed(std::string_view url) {
  Address address;
  if (const auto scheme = url.find("://"); scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  if (const auto path = url.find('/'); path != std::string_view::npos) {
    address.database = url.substr(path + 1);
    url = url.substr(0, path);
  }
  const auto colon = url.rfind(':');
  if (colon != std::string_view::npos && url.find(']', colon) == std::string_view::npos) {
    address.port = static_cast<unsigned>(std::strtoul(std::string(url.substr(colon + 1)).c_str(), nullptr, 10));
    url = url.substr(0, colon);
  }
  if (url.starts_with('[') && url.ends_with(']')) url = url.substr(1, url.size() - 2);
  address.host = url;
  return address;
}

// The errors after which a statement, a COMMIT too, certainly has and will have no effect. Of others (1180 "error
// during commit", 1317 "interrupted", 1927 "killed") it may.
bool certainly_refused(unsigned code) {
  switch (code) {
    case ER_LOCK_DEADLOCK:      // the transaction was rolled back; Galera's certification too
    case ER_LOCK_WAIT_TIMEOUT:  // the statement was rolled back; the client rolls the rest back
    case ER_CHECKREAD:          // innodb_snapshot_isolation: the record has changed since last read
    case ER_DUP_ENTRY:
    case kNotPreparedByWsrep:
    case ER_PARSE_ERROR:
    case ER_NO_SUCH_TABLE:
    case ER_BAD_DB_ERROR:
    case ER_ACCESS_DENIED_ERROR:
    case ER_DBACCESS_DENIED_ERROR:
    case ER_TABLEACCESS_DENIED_ERROR:
    case ER_SPECIFIC_ACCESS_DENIED_ERROR:
    case ER_OPTION_PREVENTS_STATEMENT:  // --read-only
    case ER_READ_ONLY_MODE:
    case ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION:
    case ER_DATA_TOO_LONG:
    case ER_DATA_OUT_OF_RANGE:
      return true;
    default:
      return false;
  }
}

class MariadbSession final : public SqlSession {
 public:
  explicit MariadbSession(const SqlSettings& settings) : settings_(settings) {
    // mysql_init() would do it by itself, but not from several threads at once.
    static std::once_flag once;
    std::call_once(once, [] { mysql_server_init(0, nullptr, nullptr); });
  }
  ~MariadbSession() override { close(); }

  Result<void> connect(const std::string& url, const SqlDeadline& deadline) override {
    close();
    connection_ = mysql_init(nullptr);
    if (!connection_) return infrastructure("libmariadb could not make a connection");
    const auto fail = [&](std::string_view problem) {
      const std::string text = fmt::format("MariaDB at {}: {}", url, problem);
      close();
      return infrastructure(text);
    };
    mysql_options(connection_, MYSQL_OPT_NONBLOCK, nullptr);
    mysql_options(connection_, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    unsigned tcp = MYSQL_PROTOCOL_TCP;
    mysql_options(connection_, MYSQL_OPT_PROTOCOL, &tcp);
    if (!settings_.ca_file.empty()) {
      my_bool yes = 1;
      mysql_options(connection_, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
    }
    const auto file = [](const std::string& name) { return name.empty() ? nullptr : name.c_str(); };
    if (!settings_.ca_file.empty() || !settings_.certificate_file.empty())
      mysql_ssl_set(connection_, file(settings_.key_file), file(settings_.certificate_file), file(settings_.ca_file),
                    nullptr, nullptr);
    const Address address = parsed(url);
    MYSQL* made = nullptr;
    const char* user = settings_.user.empty() ? "shaketable" : settings_.user.c_str();
    const char* database = address.database.empty() ? "shaketable" : address.database.c_str();
    // CLIENT_FOUND_ROWS: an update that finds its row counts, also where it writes what was there already.
    const bool in_time = drive(
        mysql_real_connect_start(&made, connection_, address.host.c_str(), user, settings_.password.c_str(), database,
                                 address.port, nullptr, CLIENT_FOUND_ROWS),
        [&](int ready) { return mysql_real_connect_cont(&made, connection_, ready); }, deadline);
    if (!in_time) return fail("no connection in time");
    if (!made) return fail(mysql_error(connection_));
    std::string isolation = settings_.isolation;
    std::replace(isolation.begin(), isolation.end(), ' ', '-');
    const SqlAnswer answer = run(
        fmt::format("SET SESSION tx_isolation = '{}', SESSION sql_mode = 'STRICT_ALL_TABLES'", isolation), deadline);
    if (!answer.ok()) return fail(answer.problem);
    return {};
  }

  bool connected() override {
    if (!connection_) return false;
    // Between statements the server says nothing, unless to take its leave.
    pollfd waiting{mysql_get_socket(connection_), POLLIN, 0};
    if (poll(&waiting, 1, 0) > 0) close();
    return connection_ != nullptr;
  }

  void close() override {
    if (!connection_) return;
    // mysql_close() says goodbye and would wait for a peer that takes nothing.
    if (const my_socket fd = mysql_get_socket(connection_); fd >= 0) shutdown(fd, SHUT_RDWR);
    mysql_close(connection_);
    connection_ = nullptr;
  }

  bool writable(const SqlDeadline& deadline) override {
    const SqlAnswer answer = run("SELECT @@read_only", deadline);
    return answer.ok() && answer.rows.size() == 1 && answer.rows[0].at(0) == "0";
  }

  SqlAnswer run(const std::string& statement, const SqlDeadline& deadline) override {
    if (!connected()) return refused("the connection was closed before the statement was sent");
    if (deadline.over()) return refused("time was up before the statement was sent");
    int failed = 0;
    if (!drive(
            mysql_real_query_start(&failed, connection_, statement.data(), statement.size()),
            [&](int ready) { return mysql_real_query_cont(&failed, connection_, ready); }, deadline))
      return lost("no answer in time");
    if (failed) return judged_error();
    SqlAnswer answer;
    if (mysql_field_count(connection_) > 0) {
      MYSQL_RES* result = nullptr;
      if (!drive(
              mysql_store_result_start(&result, connection_),
              [&](int ready) { return mysql_store_result_cont(&result, connection_, ready); }, deadline))
        return lost("no answer in time");
      if (!result) return judged_error();
      take(result, answer);
      mysql_free_result(result);
    }
    answer.kind = SqlAnswer::Kind::done;
    answer.affected = static_cast<std::int64_t>(mysql_affected_rows(connection_));
    return answer;
  }

 private:
  // Goes on with a call until it is done: false when the time is over first; the connection is of no use then.
  template <class Continue>
  bool drive(int status, Continue go_on, const SqlDeadline& deadline) {
    while (status) {
      pollfd waiting{mysql_get_socket(connection_), 0, 0};
      if (status & MYSQL_WAIT_READ) waiting.events |= POLLIN;
      if (status & MYSQL_WAIT_WRITE) waiting.events |= POLLOUT;
      if (status & MYSQL_WAIT_EXCEPT) waiting.events |= POLLPRI;
      if (poll(&waiting, 1, deadline.left_ms()) <= 0) return false;
      int ready = 0;
      if (waiting.revents & (POLLIN | POLLHUP | POLLERR)) ready |= MYSQL_WAIT_READ;
      if (waiting.revents & (POLLOUT | POLLHUP | POLLERR)) ready |= MYSQL_WAIT_WRITE;
      if (waiting.revents & POLLPRI) ready |= MYSQL_WAIT_EXCEPT;
      status = go_on(ready & status ? ready & status : status);
    }
    return true;
  }

  static SqlAnswer refused(std::string problem) {
    SqlAnswer answer;
    answer.kind = SqlAnswer::Kind::refused;
    answer.problem = std::move(problem);
    return answer;
  }

  SqlAnswer lost(std::string problem) {
    close();
    SqlAnswer answer;
    answer.problem = std::move(problem);
    return answer;
  }

  SqlAnswer judged_error() {
    const unsigned code = mysql_errno(connection_);
    SqlAnswer answer;
    answer.problem = fmt::format("{} ({})", mysql_error(connection_), code);
    // Numbers from 2000 to 2999 are the library's own: the connection broke.
    if (!certainly_refused(code)) return lost(std::move(answer.problem));
    answer.kind = SqlAnswer::Kind::refused;
    answer.conflict = code == ER_LOCK_DEADLOCK || code == ER_LOCK_WAIT_TIMEOUT || code == ER_CHECKREAD;
    answer.duplicate = code == ER_DUP_ENTRY;
    answer.read_only = code == ER_OPTION_PREVENTS_STATEMENT || code == ER_READ_ONLY_MODE;
    return answer;
  }

  static void take(MYSQL_RES* result, SqlAnswer& answer) {
    const unsigned columns = mysql_num_fields(result);
    while (const MYSQL_ROW row = mysql_fetch_row(result)) {
      const unsigned long* lengths = mysql_fetch_lengths(result);
      SqlRow& texts = answer.rows.emplace_back();
      for (unsigned column = 0; column < columns; ++column)
        texts.push_back(row[column] ? std::optional<std::string>(std::in_place, row[column], lengths[column])
                                    : std::nullopt);
    }
  }

  const SqlSettings settings_;
  MYSQL* connection_ = nullptr;
};

}  // namespace

std::unique_ptr<SqlSession> mariadb_session(const SqlSettings& settings) {
  return std::make_unique<MariadbSession>(settings);
}

}  // namespace shaketable
