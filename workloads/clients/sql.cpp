#include "workloads/clients/sql.h"

#include <fmt/format.h>

#include "workloads/clients/sql_operations.h"
#include "workloads/interfaces.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

// Run names are longer than the 63 bytes that PostgreSQL leaves of an identifier, so tables carry their hash (FNV-1a).
std::string table_prefix(std::string_view run) {
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : run) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return fmt::format("shaketable_{:016x}_", hash);
}

class SqlClient final : public Client {
 public:
  SqlClient(const ClientSettings& settings, const SqlDialect& dialect, const SqlSessionMaker& make)
      : settings_(settings),
        dialect_(dialect),
        to_primary_(settings.options.text("connect") == "primary"),
        separate_reads_(to_primary_ && settings.options.text("reads") == "own"),
        operations_(dialect, table_prefix(settings.run), settings.interface, settings.workload,
                    {settings.options.text("locks"), settings.options.text("updates") == "client"}) {
    SqlSettings session;
    session.isolation = settings.options.text("isolation");
    for (char& c : session.isolation)
      if (c == '-') c = ' ';
    session.user = settings.user;
    session.password = settings.password;
    session.ca_file = settings.ca_file;
    session.certificate_file = settings.certificate_file;
    session.key_file = settings.key_file;
    writer_ = make(session);
    if (separate_reads_) reader_ = make(session);
  }

  Result<void> open(Nanos timeout) override { return connect(*writer_, to_primary_, SqlDeadline(timeout)); }

  // Before the load every node must let a client in, also one that takes no writes.
  Result<void> probe(Nanos timeout) override {
    return separate_reads_ ? connect(*reader_, false, SqlDeadline(timeout)) : Result<void>{};
  }

  Result<void> setup(Nanos timeout) override { return run_all(operations_.setup(), timeout); }
  Result<void> remove_data(Nanos timeout) override { return run_all(operations_.removal(), timeout); }

  Completion invoke(Name f, const Value& value, Nanos timeout) override {
    const SqlDeadline deadline(timeout);
    const auto operation = operations_.find(f.text(), value);
    if (!operation)
      return {OpType::fail, value,
              fmt::format("{} client: no function \"{}\" with that value", dialect_.name, f.text())};
    SqlSession& session = separate_reads_ && operation->reads_only ? *reader_ : *writer_;
    if (!session.connected())
      if (auto opened = connect(session, to_primary_ && &session == writer_.get(), deadline); !opened)
        return {OpType::fail, value, opened.error().message};
    return operation->one_statement ? one_statement(*operation, value, session, deadline)
                                    : transaction(*operation, value, session, deadline);
  }

 private:
  Result<void> connect(SqlSession& session, bool primary, const SqlDeadline& deadline) {
    const std::size_t nodes = settings_.endpoints.size();
    std::string problems;
    for (std::size_t i = 0; i < (primary ? nodes : 1); ++i) {
      const ClientEndpoint& endpoint = settings_.endpoints[(settings_.worker + i) % nodes];
      // A node that is cut off takes its share of the time and no more.
      const SqlDeadline share(primary ? deadline.left() / static_cast<std::int64_t>(nodes - i) : deadline.left());
      const auto opened = session.connect(endpoint.url, share);
      if (opened && (!primary || nodes == 1 || session.writable(share))) return {};
      session.close();
      problems += fmt::format("{}{}", problems.empty() ? "" : "; ",
                              opened ? endpoint.node + " takes no writes" : opened.error().message);
    }
    return infrastructure(problems);
  }

  Result<void> run_all(const std::vector<std::string>& statements, Nanos timeout) {
    const SqlDeadline deadline(timeout);
    if (auto opened = connect(*writer_, true, deadline); !opened) return opened;
    for (const std::string& statement : statements)
      if (const SqlAnswer answer = writer_->run(statement, deadline); !answer.ok())
        return infrastructure(fmt::format("{}: {}: {}", dialect_.name, statement, answer.problem));
    return {};
  }

  Completion one_statement(const SqlOperation& operation, const Value& value, SqlSession& session,
                           const SqlDeadline& deadline) {
    bool open_end = false;
    const SqlRun run = [&](const std::string& statement) {
      SqlAnswer answer = session.run(statement, deadline);
      open_end = answer.kind == SqlAnswer::Kind::unknown;
      if (answer.read_only) session.close();  // the next operation looks for who takes writes now
      return answer;
    };
    Value result = value;
    const auto problem = operation.body(run, result);
    if (!problem) return {OpType::ok, std::move(result), nullptr};
    return {open_end && !operation.reads_only ? OpType::info : OpType::fail, value, *problem};
  }

  Completion transaction(const SqlOperation& operation, const Value& value, SqlSession& session,
                         const SqlDeadline& deadline) {
    bool read_only = false;
    const SqlRun run = [&](const std::string& statement) {
      SqlAnswer answer = session.run(statement, deadline);
      read_only |= answer.read_only;
      return answer;
    };
    Value result = value;
    std::optional<std::string> problem;
    if (const SqlAnswer begun = run(dialect_.begin); !begun.ok()) problem = begun.problem;
    if (!problem) problem = operation.body(run, result);
    if (problem) {
      // Nothing was committed, and a session that is closed never will.
      if (read_only || (session.connected() && !session.run("ROLLBACK", deadline).ok())) session.close();
      return {OpType::fail, value, *problem};
    }
    const SqlAnswer committed = session.run("COMMIT", deadline);
    if (committed.ok() && committed.problem.empty()) return {OpType::ok, std::move(result), nullptr};
    const bool open_end = committed.kind == SqlAnswer::Kind::unknown && !operation.reads_only;
    // A COMMIT that was never sent, because the server had hung up or the time was over, leaves a transaction to end.
    if (committed.kind == SqlAnswer::Kind::refused) session.close();
    return {open_end ? OpType::info : OpType::fail, value, committed.problem};
  }

  const ClientSettings settings_;
  const SqlDialect dialect_;
  const bool to_primary_, separate_reads_;
  const SqlOperations operations_;
  std::unique_ptr<SqlSession> writer_, reader_;
};

}  // namespace

std::vector<ParameterSpec> sql_parameters(const std::string& isolation) {
  return {
      spec::choice("isolation", "the level of every transaction",
                   {"read-uncommitted", "read-committed", "repeatable-read", "serializable"}, isolation),
      spec::choice("connect",
                   "own: to the worker's own node, and nowhere else; primary: to the first node, from its own on, that "
                   "takes writes",
                   {"primary", "own"}, "primary"),
      spec::choice(
          "reads",
          "own: operations that only read go to the worker's own node, which may be a replica; same: where the "
          "others go",
          {"same", "own"}, "same"),
      spec::choice("locks", "what reads inside transactions lock: nothing, FOR SHARE or FOR UPDATE",
                   {"none", "share", "update"}, "none"),
      spec::choice("updates",
                   "server: one statement adds, appends or moves; client: the client reads, computes and writes back",
                   {"server", "client"}, "server"),
  };
}

std::vector<std::string> sql_interfaces() {
  return {"register", "list-transactions", "register-transactions", "set",         "queue", "counter", "bank",
          "ids",      "monotonic",         "predicate-insert",      "exactly-once"};
}

std::unique_ptr<Client> sql_client(const ClientSettings& settings, const SqlDialect& dialect,
                                   const SqlSessionMaker& make) {
  return std::make_unique<SqlClient>(settings, dialect, make);
}

}  // namespace shaketable
