#include "workloads/clients/postgres_session.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

namespace shaketable {
namespace {

// The last line of libpq's messages is empty, and its first may be long.
std::string one_line(const char* message) {
  std::string text = message ? message : "";
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  for (char& c : text)
    if (c == '\n') c = ' ';
  return text.empty() ? "no reason given" : text;
}

bool wait_for(int fd, short events, const SqlDeadline& deadline) {
  pollfd waiting{fd, events, 0};
  return poll(&waiting, 1, deadline.left_ms()) > 0;
}

// An answer with severity ERROR ends the transaction before its commit record is written: what can go wrong later makes
// the server PANIC, or is a WARNING. FATAL ends the session, possibly in the middle of a commit that others already see
// (57P01 while it waits for a replica), and of internal errors (XX) nothing is promised.
void judge_error(const PGresult* result, SqlAnswer& answer) {
  const auto field = [result](int code) -> std::string_view {
    const char* text = PQresultErrorField(result, code);
    return text ? text : "";
  };
  const std::string_view severity = field(PG_DIAG_SEVERITY_NONLOCALIZED), state = field(PG_DIAG_SQLSTATE);
  const bool uncertain = severity != "ERROR" || state.size() != 5 || state.starts_with("XX") ||
                         state.starts_with("08") || state == "40003";
  answer.kind = uncertain ? SqlAnswer::Kind::unknown : SqlAnswer::Kind::refused;
  answer.conflict = state == "40001" || state == "40P01";
  answer.duplicate = state == "23505";
  answer.read_only = state == "25006";
  answer.problem = state.empty() ? one_line(PQresultErrorMessage(result))
                                 : fmt::format("{} ({})", field(PG_DIAG_MESSAGE_PRIMARY), state);
}

class PostgresSession final : public SqlSession {
 public:
  explicit PostgresSession(const SqlSettings& settings) : settings_(settings) {}
  ~PostgresSession() override { close(); }

  Result<void> connect(const std::string& url, const SqlDeadline& deadline) override {
    close();
    // What the address says about itself comes first, then ours.
    const std::string options =
        fmt::format("-c default_transaction_isolation={} -c client_min_messages=error -c bytea_output=hex",
                    escaped(settings_.isolation));
    std::vector<const char*> names, values;
    const auto set = [&](const char* name, const char* value) {
      names.push_back(name);
      values.push_back(value);
    };
    set("user", "postgres");
    set("dbname", url.c_str());
    set("options", options.c_str());
    set("application_name", "shaketable");
    set("client_encoding", "UTF8");
    set("gssencmode", "disable");
    if (!settings_.user.empty()) set("user", settings_.user.c_str());
    if (!settings_.password.empty()) set("password", settings_.password.c_str());
    if (!settings_.ca_file.empty()) {
      set("sslmode", "verify-full");
      set("sslrootcert", settings_.ca_file.c_str());
    }
    if (!settings_.certificate_file.empty()) set("sslcert", settings_.certificate_file.c_str());
    if (!settings_.key_file.empty()) set("sslkey", settings_.key_file.c_str());
    names.push_back(nullptr);
    values.push_back(nullptr);
    connection_ = PQconnectStartParams(names.data(), values.data(), 1);
    if (!connection_) return infrastructure("libpq could not make a connection");
    if (auto problem = finish_connecting(deadline)) {
      close();
      return infrastructure(fmt::format("PostgreSQL at {}: {}", url, *problem));
    }
    PQsetNoticeProcessor(
        connection_, [](void*, const char*) {}, nullptr);
    PQsetnonblocking(connection_, 1);
    return {};
  }

  bool connected() override {
    if (!connection_) return false;
    // Between statements the server says nothing, unless to take its leave or that it has been promoted. A new
    // connection costs little, and the end of this one may be still under way when its last words are here.
    pollfd waiting{PQsocket(connection_), POLLIN, 0};
    if (poll(&waiting, 1, 0) > 0) close();
    return connection_ != nullptr;
  }

  void close() override {
    PQfinish(connection_);
    connection_ = nullptr;
  }

  bool writable(const SqlDeadline& deadline) override {
    // Reported by servers from version 14 on when a session begins.
    if (const char* standby = connection_ ? PQparameterStatus(connection_, "in_hot_standby") : nullptr)
      return std::string_view(standby) == "off";
    const SqlAnswer answer = run("SELECT pg_is_in_recovery()", deadline);
    return answer.ok() && answer.rows.size() == 1 && answer.rows[0].at(0) == "f";
  }

  SqlAnswer run(const std::string& statement, const SqlDeadline& deadline) override {
    SqlAnswer answer;
    if (!connected()) return refused("the connection was closed before the statement was sent");
    if (deadline.over()) return refused("time was up before the statement was sent");
    if (!PQsendQuery(connection_, statement.c_str())) return lost(one_line(PQerrorMessage(connection_)));
    for (;;) {
      const int unsent = PQflush(connection_);
      if (unsent < 0) return lost(one_line(PQerrorMessage(connection_)));
      if (unsent == 0 && !PQisBusy(connection_)) break;
      if (!wait_for(PQsocket(connection_), static_cast<short>(POLLIN | (unsent ? POLLOUT : 0)), deadline))
        return lost("no answer in time");
      if (!PQconsumeInput(connection_)) return lost(one_line(PQerrorMessage(connection_)));
    }
    // One statement: one result. The server says it is ready for the next in the same breath, but not always in the
    // same packet.
    bool answered = false;
    for (;;) {
      while (PQisBusy(connection_)) {
        if (!wait_for(PQsocket(connection_), POLLIN, deadline)) return lost("no answer in time");
        if (!PQconsumeInput(connection_)) return lost(one_line(PQerrorMessage(connection_)));
      }
      PGresult* result = PQgetResult(connection_);
      if (!result) break;
      take(result, answer);
      PQclear(result);
      answered = true;
    }
    if (!answered) return lost("the connection ended without an answer");
    if (answer.kind == SqlAnswer::Kind::unknown || PQstatus(connection_) != CONNECTION_OK) close();
    return answer;
  }

 private:
  static std::string escaped(std::string_view text) {  // as the startup packet's options want it
    std::string out;
    for (const char c : text) {
      if (c == ' ' || c == '\\') out += '\\';
      out += c;
    }
    return out;
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

  static void take(const PGresult* result, SqlAnswer& answer) {
    switch (PQresultStatus(result)) {
      case PGRES_COMMAND_OK:
        answer.kind = SqlAnswer::Kind::done;
        answer.affected = std::strtoll(PQcmdTuples(const_cast<PGresult*>(result)), nullptr, 10);
        // A commit of a transaction that had failed is answered like this, and is no error.
        if (std::string_view(PQcmdStatus(const_cast<PGresult*>(result))) == "ROLLBACK") answer.problem = "rolled back";
        return;
      case PGRES_TUPLES_OK:
        answer.kind = SqlAnswer::Kind::done;
        answer.affected = std::strtoll(PQcmdTuples(const_cast<PGresult*>(result)), nullptr, 10);
        for (int row = 0; row < PQntuples(result); ++row) {
          SqlRow& columns = answer.rows.emplace_back();
          for (int column = 0; column < PQnfields(result); ++column)
            columns.push_back(
                PQgetisnull(result, row, column)
                    ? std::nullopt
                    : std::optional<std::string>(std::in_place, PQgetvalue(result, row, column),
                                                 static_cast<std::size_t>(PQgetlength(result, row, column))));
        }
        return;
      default:
        judge_error(result, answer);
    }
  }

  std::optional<std::string> finish_connecting(const SqlDeadline& deadline) {
    if (PQstatus(connection_) == CONNECTION_BAD) return one_line(PQerrorMessage(connection_));
    PostgresPollingStatusType wants = PGRES_POLLING_WRITING;
    for (;;) {
      if (wants == PGRES_POLLING_OK) return std::nullopt;
      if (wants == PGRES_POLLING_FAILED) return one_line(PQerrorMessage(connection_));
      if (!wait_for(PQsocket(connection_), wants == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline))
        return "no connection in time";
      wants = PQconnectPoll(connection_);
    }
  }

  const SqlSettings settings_;
  PGconn* connection_ = nullptr;
};

}  // namespace

std::unique_ptr<SqlSession> postgres_session(const SqlSettings& settings) {
  return std::make_unique<PostgresSession>(settings);
}

}  // namespace shaketable
