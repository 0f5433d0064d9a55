// The SQL clients against real servers on the lab that are paused, killed and cut off in the middle of requests. What a
// client called done must be there, and what it called failed must not be: a wrong `fail` is a false alarm.

#include <fmt/format.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "cluster/lab/lab.h"
#include "cluster/system.h"
#include "history/text.h"
#include "orchestrator/plan/reader.h"
#include "workloads/clients/mariadb.h"
#include "workloads/clients/postgres.h"
#include "workloads/interfaces.h"

using namespace shaketable;
using namespace std::chrono_literals;

namespace {

constexpr Nanos kTimeout = 300ms;
constexpr int kWorkers = 4;

SystemSpec system_named(const std::string& name) {
  auto spec = read_system(SHAKETABLE_SOURCE_DIR "/configs/systems/" + name + ".yaml");
  INFO((spec ? "" : spec.error().message));
  REQUIRE(spec);
  REQUIRE(check_system(*spec, {}));
  return *spec;
}

// Nodes with both servers' packages: one layer for all cases.
struct SqlLab {
  LabSpec lab;
  std::vector<NodeSpec> nodes;

  explicit SqlLab(int count) {
    lab.name = "test-sql-" + std::to_string(::getpid());
    lab.nodes = count;
    lab.packages = system_named("postgres").packages;
    for (const std::string& package : system_named("mariadb").packages) lab.packages.push_back(package);
    auto up = Lab::up(lab);
    INFO((up ? "" : up.error().message));
    REQUIRE(up);
    nodes = up->nodes;
  }
  ~SqlLab() {
    const auto down = Lab::down(lab.name);
    if (!down) WARN(down.error().message);
  }
};

// The lab's network is entered by a thread of the test's own, whose threads inherit it.
template <class Work>
void inside(const std::string& lab, Work work) {
  std::exception_ptr failure;
  std::thread([&] {
    try {
      REQUIRE(Lab::enter_network(lab));
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

std::string error_of(const Result<void>& result) {
  return result ? "fine" : result.error().message;
}

// What became of each element.
class Tally {
 public:
  void add(std::int64_t element, OpType type) {
    std::lock_guard lock(mutex_);
    of_[type].insert(element);
  }
  std::size_t count(OpType type) {
    std::lock_guard lock(mutex_);
    return of_[type].size();
  }
  // Elements that break a promise, in words.
  std::string broken(const std::multiset<std::int64_t>& there) {
    std::lock_guard lock(mutex_);
    std::string out;
    for (const std::int64_t element : of_[OpType::ok])
      if (there.count(element) != 1) out += " acknowledged " + std::to_string(element) + " is not there once";
    for (const std::int64_t element : of_[OpType::fail])
      if (there.count(element)) out += " failed " + std::to_string(element) + " is there";
    return out;
  }

 private:
  std::mutex mutex_;
  std::map<OpType, std::set<std::int64_t>> of_;
};

// Workers that add elements of their own as fast as they can, by one statement or by a transaction of three.
class Load {
 public:
  Load(const ClientInfo& info, const std::string& url, const char* interface, const char* isolation)
      : info_(info), lists_(std::string(interface) == "list-transactions") {
    settings_.endpoints = {{"n1", url}};
    settings_.run = std::string("test-") + isolation;
    settings_.interface = interface;
    settings_.workload = Parameters(find_interface(interface)->parameters);
    settings_.options = Parameters(info.parameters);
    settings_.options.set("isolation", std::string(isolation));
    const auto client = info_.make(settings_);
    REQUIRE(error_of(client->open(5s)) == "fine");
    REQUIRE(error_of(client->setup(5s)) == "fine");
    for (int worker = 0; worker < kWorkers; ++worker)
      threads_.emplace_back([this, worker](std::stop_token stop) { work(worker, stop); });
  }

  void finish() {
    for (std::jthread& thread : threads_) thread.request_stop();
    threads_.clear();
  }

  // Everything that is there now; of lists, the first and the second ones. Call after finish().
  std::vector<std::multiset<std::int64_t>> everything() {
    std::string question = "null";
    if (lists_) {
      question = "[";
      for (int list = 0; list < 2 * kWorkers; ++list)
        question += fmt::format(R"({}["r",{},null])", list ? "," : "", list);
      question += "]";
    }
    const auto client = info_.make(settings_);
    Completion seen;
    for (int attempt = 0; attempt < 50 && seen.type != OpType::ok; ++attempt) {
      seen = client->invoke(Name(lists_ ? "txn" : "read"), parse_json(question).value(), 5s);
      if (seen.type != OpType::ok) std::this_thread::sleep_for(100ms);
    }
    REQUIRE(seen.type == OpType::ok);
    std::vector<std::multiset<std::int64_t>> out(lists_ ? 2 : 1);
    const auto take = [&out](std::size_t which, const Value& list) {
      if (list.is_list())
        for (const Value& element : list.items()) out[which].insert(element.integer());
    };
    if (lists_)
      for (const Value& read : seen.value.items()) take(static_cast<std::size_t>(read[1].integer() % 2), read[2]);
    else
      take(0, seen.value);
    return out;
  }

  Tally tally;

 private:
  void work(int worker, std::stop_token stop) {
    auto client = info_.make(settings_);
    for (std::int64_t element = worker; !stop.stop_requested(); element += kWorkers) {
      // Two lists of the worker's own: it waits for the server and for nobody else.
      const Value value = !lists_ ? Value(element)
                                  : Value::list({Value::list({"append", 2 * worker, element}),
                                                 Value::list({"append", 2 * worker + 1, element})});
      const Completion completion = client->invoke(Name(lists_ ? "txn" : "add"), value, kTimeout);
      tally.add(element, completion.type);
      if (completion.type == OpType::info) client = info_.make(settings_);
      if (completion.type != OpType::ok) std::this_thread::sleep_for(5ms);
    }
  }

  const ClientInfo info_;
  const bool lists_;
  ClientSettings settings_;
  std::vector<std::jthread> threads_;
};

void run_command(const Cluster& cluster, const std::string& script, std::size_t node = 0) {
  Command command;
  command.script = script;
  REQUIRE(cluster.node(node).run(command).get().describe() == "exit code 0");
}

void hold_to_its_word(const SqlLab& setting, const ClientInfo& info, int port, const char* isolation) {
  const Cluster cluster = make_cluster(setting.nodes);
  REQUIRE(error_of(cluster.connect()) == "fine");
  System system(system_named(info.name), cluster, true, {});
  SteadyClock clock;
  REQUIRE(error_of(system.set_up()) == "fine");
  REQUIRE(error_of(system.start_all()) == "fine");
  const auto await_health = [&] {
    const auto healthy = system.wait_until_healthy(clock, 60s, {});
    INFO((healthy ? "" : healthy.error().message));
    REQUIRE(healthy);
  };
  await_health();
  const std::string url = system.client_url(cluster.node(0)).value();

  Load single(info, url, "set", isolation), several(info, url, "list-transactions", isolation);
  const auto running = [&] {  // for so long as it takes to see both make way
    const std::size_t sets = single.tally.count(OpType::ok), lists = several.tally.count(OpType::ok);
    for (int i = 0; i < 600; ++i) {
      if (single.tally.count(OpType::ok) > sets + 50 && several.tally.count(OpType::ok) > lists + 20) return true;
      std::this_thread::sleep_for(100ms);
    }
    return false;
  };
  REQUIRE(running());
  for (int round = 0; round < 2; ++round) {
    REQUIRE(error_of(system.pause({"n1"})) == "fine");
    std::this_thread::sleep_for(2 * kTimeout);
    REQUIRE(error_of(system.resume({"n1"})) == "fine");
    REQUIRE(running());
    REQUIRE(error_of(system.kill({"n1"})) == "fine");
    REQUIRE(error_of(system.start({"n1"})) == "fine");
    await_health();
    REQUIRE(running());
    // Requests arrive and answers do not; then neither does.
    const std::string rule = "OUTPUT -p tcp --sport " + std::to_string(port) + " -j DROP";
    const std::string other = "INPUT -p tcp --dport " + std::to_string(port) + " -j DROP";
    run_command(cluster, "iptables -I " + rule);
    std::this_thread::sleep_for(kTimeout);
    run_command(cluster, "iptables -I " + other);
    std::this_thread::sleep_for(2 * kTimeout);
    run_command(cluster, "iptables -D " + rule + " && iptables -D " + other);
    REQUIRE(running());
  }
  single.finish();
  several.finish();
  CHECK(single.tally.count(OpType::info) > 0);
  for (Load* load : {&single, &several}) {
    WARN(info.name << " " << isolation << (load == &single ? ", single statements: " : ", transactions: ")
                   << load->tally.count(OpType::ok) << " ok, " << load->tally.count(OpType::fail) << " failed, "
                   << load->tally.count(OpType::info) << " unknown");
    CHECK(load->tally.count(OpType::fail) > 0);
    for (const auto& there : load->everything()) CHECK(load->tally.broken(there) == "");
  }
  REQUIRE(error_of(system.tear_down()) == "fine");
}

}  // namespace

TEST_CASE("sql clients: paused and killed and cut off in the middle and what they say is so") {
  if (::geteuid() != 0) {
    WARN("skipped: the lab needs root");
    return;
  }
  const ClientInfo postgres = postgres_client(), mariadb = mariadb_client();
  SqlLab setting(1);
  inside(setting.lab.name, [&] {
    if (postgres.make) hold_to_its_word(setting, postgres, 5432, "serializable");
    if (mariadb.make) hold_to_its_word(setting, mariadb, 3306, "repeatable-read");
  });
  if (!postgres.make) WARN("left out: " << postgres.missing);
  if (!mariadb.make) WARN("left out: " << mariadb.missing);
}

TEST_CASE("a replica of PostgreSQL is promoted and clients find it and the old primary follows it") {
  const ClientInfo info = postgres_client();
  if (::geteuid() != 0 || !info.make) {
    WARN("skipped: the lab needs root, and the client libpq-dev");
    return;
  }
  SqlLab setting(2);
  inside(setting.lab.name, [&] {
    using Names = std::vector<std::string>;
    const Cluster cluster = make_cluster(setting.nodes);
    REQUIRE(error_of(cluster.connect()) == "fine");
    System system(system_named("postgres-replicated"), cluster, true, {});
    SteadyClock clock;
    const auto await_health = [&] {
      const auto healthy = system.wait_until_healthy(clock, 60s, {});
      INFO((healthy ? "" : healthy.error().message));
      REQUIRE(healthy);
    };
    REQUIRE(error_of(system.set_up()) == "fine");
    REQUIRE(error_of(system.start_all()) == "fine");
    await_health();
    CHECK(system.primaries().value() == Names{"n1"});

    ClientSettings settings;
    for (std::size_t i = 0; i < 2; ++i)
      settings.endpoints.push_back({cluster.node(i).name(), system.client_url(cluster.node(i)).value()});
    settings.run = "promotion";
    settings.interface = "register";
    settings.options = Parameters(info.parameters);
    settings.options.set("reads", std::string("own"));
    const auto on_n1 = info.make(settings);
    settings.worker = 1;
    const auto on_n2 = info.make(settings);
    REQUIRE(error_of(on_n1->setup(10s)) == "fine");
    const Name write("write"), read("read");
    const auto tuple = [](Value v) { return Value::list({1, std::move(v)}); };
    // What has been written is read on the other node, sooner or later.
    const auto sees = [&](Client& client, int value) {
      for (int i = 0; i < 100; ++i) {
        if (client.invoke(read, tuple(nullptr), 2s) == Completion{OpType::ok, tuple(value), nullptr}) return true;
        std::this_thread::sleep_for(100ms);
      }
      return false;
    };
    CHECK(on_n2->invoke(write, tuple(5), 5s).type == OpType::ok);
    CHECK(sees(*on_n1, 5));
    CHECK(sees(*on_n2, 5));

    REQUIRE(error_of(system.kill({"n1"})) == "fine");
    CHECK(on_n2->invoke(write, tuple(6), 2s).type != OpType::ok);
    run_command(cluster, "sh /etc/shaketable/postgres-promote", 1);
    CHECK(on_n2->invoke(write, tuple(7), 5s).type == OpType::ok);
    REQUIRE(error_of(system.start({"n1"})) == "fine");
    await_health();
    CHECK(system.primaries().value() == Names{"n2"});
    const Completion written = on_n1->invoke(write, tuple(8), 5s);
    INFO(to_json(written.error));
    CHECK(written.type == OpType::ok);
    CHECK(sees(*on_n1, 8));
    CHECK(error_of(system.tear_down()) == "fine");
  });
}
