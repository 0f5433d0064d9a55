// What `shaketable serve` shows of a results folder, and what it does not.

#include "orchestrator/serve/site.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "base/clock.h"
#include "history/text.h"
#include "orchestrator/serve/html.h"
#include "tests/history/run_folder.h"

using namespace shaketable;
using namespace shaketable::serve;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t kDay = 86'400'000'000'000;

struct Made {
  std::string plan = "demo", system = "etcd", fault = "partition", verdict = "true", reason = "";
  std::int64_t started = 20'000 * kDay;  // 2024-10-04
  bool ends = true;
};

// A results folder with runs in it.
class Results {
 public:
  std::string path() const { return folder_.path(); }
  std::string make(const std::string& name, const Made& made) {
    const std::string folder = folder_.path() + "/" + name;
    std::filesystem::create_directories(folder);
    RunInfo info = some_run();
    info.name = made.plan;
    info.system = made.system;
    info.started_wall_ns = made.started;
    auto recorder = must(Recorder::create(folder, info, clock_));
    if (!made.fault.empty()) {
      FaultRecord fault;
      fault.id = 1;
      fault.fault = made.fault;
      fault.targets = {"n1"};
      fault.actual_start_ns = 0;
      fault.proof = Value::map({{"bit", true}});
      if (made.ends) fault.actual_end_ns = 1;
      must(recorder->record(fault));
    }
    for (int i = 0; i < 20; ++i) {
      const auto handle = must(recorder->invoke(i, 0, "n1", Name("read"), Value()));
      clock_.advance(10ms);
      must(recorder->complete(handle, OpType::ok, Value(i)));
    }
    if (!made.ends) {
      going_on_.push_back(std::move(recorder));
      return folder;
    }
    must(recorder->finish("done"));
    if (!made.verdict.empty()) {
      VerdictRecord verdict;
      verdict.checker = "linearizable";
      verdict.valid = made.verdict;
      verdict.json = to_json(Value::map({{"reason", made.reason}}));
      must(add_verdict(folder, verdict));
    }
    return folder;
  }

 private:
  RunFolder folder_;
  ManualClock clock_;
  std::vector<std::unique_ptr<Recorder>> going_on_;
};

std::vector<std::string> names(Site& site, const Query& query) {
  const auto answer = must(parse_json(site.get("/api/runs", query).body));
  std::vector<std::string> out;
  for (const Value& run : answer.find("runs")->items()) out.emplace_back(run.find("run")->text());
  return out;
}

}  // namespace

TEST_CASE("serve: runs are chosen by verdict and plan and system and fault and time") {
  Results results;
  results.make("a", {});
  results.make("b",
               {.plan = "other", .fault = "pause", .verdict = "false", .reason = "stale", .started = 20'001 * kDay});
  results.make("c", {.system = "redis", .fault = "", .verdict = "", .started = 20'002 * kDay});
  results.make("deep/d", {.verdict = "unknown", .started = 20'003 * kDay});
  std::filesystem::create_directories(results.path() + "/broken");
  std::ofstream(results.path() + "/broken/history.db") << "no database";
  Site site(results.path());
  using Names = std::vector<std::string>;
  CHECK(names(site, {}) == Names{"deep/d", "c", "b", "a", "broken"});
  CHECK(names(site, {{"verdict", "invalid"}}) == Names{"b"});
  CHECK(names(site, {{"verdict", "not judged"}}) == Names{"c"});
  CHECK(names(site, {{"verdict", "unreadable"}}) == Names{"broken"});
  CHECK(names(site, {{"plan", "other"}}) == Names{"b"});
  CHECK(names(site, {{"system", "redis"}}) == Names{"c"});
  CHECK(names(site, {{"fault", "pause"}}) == Names{"b"});
  CHECK(names(site, {{"since", "2024-10-05"}, {"until", "2024-10-06"}}) == Names{"c", "b"});
  CHECK(site.get("/", {{"since", "soon"}}).status == 400);
  const std::string page = site.get("/", {{"fault", "pause"}}).body;
  CHECK(page.find("/run/b/") != std::string::npos);
  CHECK(page.find("linearizable: stale") != std::string::npos);
  CHECK(page.find("/run/a/") == std::string::npos);
}

TEST_CASE("serve: a run that was judged again shows its newest verdict") {
  Results results;
  const std::string folder = results.make("a", {});
  Site site(results.path());
  CHECK(names(site, {{"verdict", "valid"}}).size() == 1);
  VerdictRecord verdict;
  verdict.checker = "linearizable";
  verdict.valid = "false";
  verdict.json = "{\"reason\":\"stale\"}";
  must(add_verdict(folder, verdict));
  // The file's time may be the same; then its size is not, or both are kept at their old values by the file system.
  std::filesystem::last_write_time(folder + "/history.db",
                                   std::filesystem::last_write_time(folder + "/history.db") + 1s);
  CHECK(names(site, {{"verdict", "invalid"}}).size() == 1);
}

TEST_CASE("serve: what comes from the system under test is text and never markup") {
  Results results;
  results.make("a", {.plan = "<script>alert(1)</script>",
                     .system = "\"><img src=x>",
                     .verdict = "false",
                     .reason = "read <b>\xff</b>"});
  Site site(results.path());
  const Query of_plan{{"plan", "<script>alert(1)</script>"}};
  for (const Page& page : {site.get("/", {}), site.get("/run/a/", {}), site.get("/trends", of_plan),
                           site.get("/", {{"since", "\"><script>"}}), site.get("/<script>", {})}) {
    INFO(page.body);
    CHECK(page.body.find("<script>") == std::string::npos);
    CHECK(page.body.find("<img") == std::string::npos);
    CHECK(page.body.find("<b>") == std::string::npos);
    CHECK(page.policy.find("default-src 'none'") != std::string::npos);
  }
}

TEST_CASE("serve: of a run's folder the known files and logs and of the machine nothing") {
  Results results;
  const std::string folder = results.make("a", {});
  std::filesystem::create_directories(folder + "/logs/n1");
  std::ofstream(folder + "/logs/n1/etcd.log") << "started <here>\n";
  std::ofstream(folder + "/report.html") << "<!doctype html>";
  std::ofstream(results.path() + "/secret.txt") << "secret";
  std::filesystem::create_symlink("/etc/passwd", folder + "/logs/passwd");
  Site site(results.path());
  CHECK(site.get("/run/a/logs/n1/etcd.log", {}).body == "started <here>\n");
  CHECK(site.get("/run/a/logs/n1/etcd.log", {}).type == "text/plain; charset=utf-8");
  CHECK(site.get("/run/a/report.html", {}).body == "<!doctype html>");
  CHECK(site.get("/run/a/", {}).body.find("logs/n1/etcd.log") != std::string::npos);
  CHECK(site.get("/run/a", {}).location == "/run/a/");
  for (const char* path :
       {"/run/a/history.db", "/run/a/logs/passwd", "/run/a/../secret.txt", "/run/a/logs/../../secret.txt", "/run/../",
        "/run/a/logs/", "/run/a/absent", "/etc/passwd", "/run/", "/run//"}) {
    INFO(path);
    CHECK(site.get(path, {}).status == 404);
  }
}

TEST_CASE("serve: a run that goes on is shown with its load and the faults in force") {
  Results results;
  results.make("now", {.ends = false});
  Site site(results.path());
  CHECK(names(site, {{"verdict", "running"}}) == std::vector<std::string>{"now"});
  const std::string page = site.get("/run/now/", {}).body;
  CHECK(page.find("id=\"live\" data-run=\"now\"") != std::string::npos);
  CHECK(page.find("/live.js") != std::string::npos);
  const auto live = must(parse_json(site.get("/api/run/now", {}).body));
  REQUIRE(live.find("faults_in_force")->items().size() == 1);
  CHECK(live.find("faults_in_force")->items()[0].find("fault")->text() == "partition");
  std::int64_t ok = 0;
  for (const Value& second : live.find("seconds")->items()) ok += second.find("ok")->integer();
  CHECK(ok == 20);
  CHECK(live.find("run")->find("figures")->find("all")->find("ok")->integer() == 20);
}

TEST_CASE("serve: a plan's runs as curves with a link to each") {
  Results results;
  results.make("a", {});
  results.make("b", {.verdict = "false", .reason = "stale", .started = 20'001 * kDay});
  Site site(results.path());
  const std::string page = site.get("/trends", {{"plan", "demo"}}).body;
  CHECK(page.find("1 invalid, 1 valid") != std::string::npos);
  CHECK(page.find("<a href=\"/run/b/\"><circle class=\"invalid\"") != std::string::npos);
  CHECK(page.find("Median latency") != std::string::npos);
  CHECK(site.get("/trends", {{"plan", "absent"}}).status == 404);
}

TEST_CASE("serve: moments") {
  CHECK(must(parse_moment("24h", 3 * kDay)) == 2 * kDay);
  CHECK(must(parse_moment("1970-01-02", 0)) == kDay);
  CHECK(must(parse_moment("1970-01-02T01:00:00Z", 0)) == kDay + 3'600'000'000'000);
  CHECK_FALSE(parse_moment("yesterday", 0).has_value());
  CHECK_FALSE(parse_moment("1970-01-02x", 0).has_value());
}
