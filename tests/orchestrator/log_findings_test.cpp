// The lines of their logs that the systems of configs/systems/ name as findings: what each looks like, and what is
// everyday business.

#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <regex>

#include "orchestrator/catalogue.h"

namespace shaketable {
namespace {

struct Samples {
  std::vector<std::string> findings, everyday;
};

// From logs of the packages that the systems name, and from their sources where a line is hard to come by.
const std::map<std::string, Samples>& samples() {
  static const Samples mariadb = {
      {"2026-11-21  8:31:04 0 [ERROR] InnoDB: Database page corruption on disk or a failed read of file 'x.ibd'",
       "261121  8:31:04 [ERROR] mysqld got signal 11 ;",
       "2026-11-21  8:31:04 5 [ERROR] Index for table 't' is corrupt; "
       "[ERROR] Incorrect key file for table 't'"},
      {"2026-11-21  8:31:04 3 [Warning] Aborted connection 3 to db: 'shaketable' user: 'root' (Got an error reading)",
       "2026-11-21  8:31:04 0 [Note] InnoDB: Starting crash recovery from checkpoint LSN=45091",
       "2026-11-21  8:31:04 0 [ERROR] Can't start server: Bind on TCP/IP port. Got error: 98: Address already in use"}};
  static const Samples postgres = {
      {"2026-11-21 08:31:04.1 UTC [7] PANIC:  could not locate a valid checkpoint record",
       "2026-11-21 08:31:04.1 UTC [7] LOG:  server process (PID 9) was terminated by signal 11: Segmentation fault",
       "2026-11-21 08:31:04.1 UTC [7] ERROR:  invalid page in block 3 of relation base/5/16384"},
      {"2026-11-21 08:31:04.1 UTC [7] LOG:  invalid resource manager ID 96 at 0/3000060",
       "2026-11-21 08:31:04.1 UTC [7] LOG:  server process (PID 9) was terminated by signal 9: Killed",
       "2026-11-21 08:31:04.1 UTC [7] FATAL:  the database system is starting up",
       "2026-11-21 08:31:04.1 UTC [7] ERROR:  could not serialize access due to concurrent update"}};
  static const Samples redis = {
      {"7:M 21 Nov 2026 08:31:04.123 # === REDIS BUG REPORT START: Cut & paste starting from here ===",
       "7:M 21 Nov 2026 08:31:04.123 # Bad file format reading the append only file appendonly.aof.1.incr.aof",
       "7:M 21 Nov 2026 08:31:04.123 # Error writing to the AOF file: No space left on device"},
      {"7:S 21 Nov 2026 08:31:04.123 * MASTER <-> REPLICA sync: Finished with success",
       "7:S 21 Nov 2026 08:31:04.123 # Error condition on socket for SYNC: Connection refused",
       "7:M 21 Nov 2026 08:31:04.123 # Connection with replica 10.77.0.2:6379 lost."}};
  static const std::map<std::string, Samples> all = {
      {"etcd",
       {{"panic: runtime error: index out of range", "fatal error: concurrent map writes",
         R"({"level":"fatal","ts":"2026-11-21T08:31:04Z","msg":"found data inconsistency with peers"})"},
        {R"({"level":"warn","ts":"2026-11-21T08:31:04Z","msg":"lost TCP streaming connection with remote peer"})",
         R"({"level":"info","ts":"2026-11-21T08:31:04Z","msg":"recovered v3 backend from snapshot"})"}}},
      {"mariadb", mariadb},
      {"galera",
       {{"2026-11-21  8:31:04 2 [ERROR] WSREP: Inconsistency detected: Inconsistent by consensus on a:1",
         mariadb.findings[0]},
        {"2026-11-21  8:31:04 0 [Warning] WSREP: last inactive check more than PT1.5S ago, skipping check",
         "2026-11-21  8:31:04 0 [Note] WSREP: Member 1.0 (n2) synced with group.", mariadb.everyday[0]}}},
      {"nats",
       {{"panic: runtime error: invalid memory address", "[7] 2026/11/21 08:31:04.1 [FTL] Can't start JetStream",
         "[7] 2026/11/21 08:31:04.1 [WRN] Filestore [ORDERS] Stream state checksum did not match"},
        {"[7] 2026/11/21 08:31:04.1 [WRN] JetStream cluster consumer 'a' has NO quorum, stalled.",
         "[7] 2026/11/21 08:31:04.1 [ERR] Error trying to connect to route (attempt 3): connection refused"}}},
      {"postgres", postgres},
      {"postgres-replicated", postgres},
      {"rabbitmq",
       {{"Crash dump is being written to: /var/log/rabbitmq/erl_crash.dump...done",
         "2026-11-21 08:31:04.1 [error] <0.9.0> wal_checksum_validation_failure"},
        {"2026-11-21 08:31:04.1 [error] <0.9.0> ** Node rabbit@n2 not responding **",
         "2026-11-21 08:31:04.1 [error] <0.9.0>     CRASH REPORT Process <0.9.0> with 0 neighbours exited",
         "2026-11-21 08:31:04.1 [warning] <0.9.0> Mnesia: rabbit@n1 ** WARNING ** inconsistent_database"}}},
      {"redis-sentinel", redis},
      {"redis-cluster", redis},
      {"zookeeper",
       {{"2026-11-21 08:31:04,1 - ERROR - Unable to load database on disk", "java.io.IOException: CRC check failed",
         "java.lang.OutOfMemoryError: Java heap space"},
        {"2026-11-21 08:31:04,1 - WARN - Cannot open channel to 2 at election address n2/10.77.0.2:3888",
         "java.io.EOFException: Last transaction was partial."}}},
  };
  return all;
}

TEST_CASE("every system names the lines of its log that mean panic or corruption and not everyday ones") {
  for (const auto& file : std::filesystem::directory_iterator(SHAKETABLE_SOURCE_DIR "/configs/systems")) {
    const std::string name = file.path().stem();
    INFO(name);
    const auto system = read_system(file.path());
    REQUIRE(system);
    REQUIRE(samples().contains(name));
    std::vector<std::regex> expressions;
    for (const std::string& expression : system->log_findings)
      expressions.emplace_back(expression, std::regex::extended);
    const auto is_finding = [&](const std::string& line) {
      return std::any_of(expressions.begin(), expressions.end(),
                         [&](const std::regex& expression) { return std::regex_search(line, expression); });
    };
    for (const std::string& line : samples().at(name).findings) {
      INFO(line);
      CHECK(is_finding(line));
    }
    for (const std::string& line : samples().at(name).everyday) {
      INFO(line);
      CHECK_FALSE(is_finding(line));
    }
  }
}

}  // namespace
}  // namespace shaketable
