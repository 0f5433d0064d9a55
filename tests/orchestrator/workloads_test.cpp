// Every workload against the memory client: valid when it is correct, invalid when a bug is planted.

#include <catch2/catch.hpp>
#include <set>

#include "history/recorder.h"
#include "history/run_file.h"
#include "orchestrator/interpreter.h"
#include "orchestrator/judge/judge.h"
#include "tests/history/run_folder.h"
#include "workloads/clients/memory.h"
#include "workloads/workload.h"

using namespace shaketable;
using namespace shaketable::testing;

namespace {

using Set = std::vector<std::pair<std::string, ParameterValue>>;

struct Case {
  std::string workload;
  Set parameters;
  std::string bug;  // that it must find; empty: a second setting, to be valid
  double bug_share = 0.1;
};

std::vector<Judgement> shake(const std::string& name, const Set& set, const std::string& bug, double bug_share,
                             bool trouble) {
  const WorkloadInfo* info = find_workload(name);
  REQUIRE(info);
  Parameters parameters(info->parameters);
  for (const auto& [key, value] : set) parameters.set(key, value);
  constexpr std::size_t kWorkers = 5;
  Workload workload = must(info->make(parameters, kWorkers));

  RunFolder folder;
  SteadyClock clock;
  auto recorder = must(Recorder::create(folder.path(), some_run(), clock));
  ClientSettings settings;
  settings.run = folder.path();
  settings.interface = info->interface;
  settings.workload = parameters;
  settings.options = Parameters(memory_client().parameters);
  settings.options.set("latency", Nanos(std::chrono::microseconds(100)));
  if (trouble) {
    settings.options.set("fail", 0.03);
    settings.options.set("lose", 0.01);
  }
  settings.options.set("bug", bug.empty() ? std::string("none") : bug);
  settings.options.set("bug_share", bug_share);
  must(memory_client().make(settings)->setup(std::chrono::seconds(1)));
  LoadOptions options;
  options.workers = kWorkers;
  options.pause_first = std::chrono::microseconds(1);
  options.pause_longest = std::chrono::milliseconds(1);
  options.make_client = [&](std::size_t worker) {
    ClientSettings mine = settings;
    mine.worker = worker;
    return memory_client().make(mine);
  };
  Interpreter interpreter(*recorder, clock, options);
  const GeneratorPtr load = limit(1500, std::move(workload.main));
  must(interpreter.run(*load, Random(7), {}));
  if (workload.final) must(interpreter.run(*workload.final, Random(8), {}));
  interpreter.close_clients();
  must(recorder->finish(""));

  std::vector<Judgement> judgements;
  for (const WorkloadCheck& check : workload.checks) {
    const CheckerInfo* checker = find_checker(check.checker);
    REQUIRE(checker);
    CheckPlan plan{check.checker, Parameters(checker->parameters)};
    for (const auto& [key, value] : check.options) {
      CHECK(plan.options.has(key));
      plan.options.set(key, value);
    }
    const RunFile file = must(open_run(folder.path()));
    const HistoryStream stream = [&](OperationSink& sink) -> Result<ReadNotes> {
      if (const auto read = file.read(sink); !read) return Failure(read.error());
      return ReadNotes{};
    };
    judgements.push_back(must(judge(plan, stream, JudgeBounds())));
  }
  REQUIRE_FALSE(judgements.empty());
  return judgements;
}

Validity verdict_of(const std::vector<Judgement>& judgements) {
  Validity all = Validity::valid;
  for (const Judgement& judgement : judgements) all = worst(all, judgement.verdict.valid);
  return all;
}

std::string told(const std::vector<Judgement>& judgements) {
  std::string text;
  for (const Judgement& judgement : judgements)
    text += judgement.verdict.checker + ": " + judgement.verdict.reason + "\n" +
            judgement.verdict.explanation.substr(0, 2000) + "\n";
  return text;
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"register", {}, "stale-read"},
      {"register", {{"value_bytes", std::uint64_t{40}}, {"distribution", std::string("zipf")}}, "lost-write"},
      {"register", {{"values", std::int64_t{5}}}, "blind-cas", 0.2},
      {"list-append", {}, "stale-read", 0.1},
      {"list-append", {{"keys", std::int64_t{3}}}, "torn-read", 0.2},
      {"list-append", {{"value_bytes", std::uint64_t{16}}}, "lost-update"},
      {"list-append", {{"distribution", std::string("exponential")}}, "dirty-abort"},
      {"rw-register", {}, "lost-update"},
      {"rw-register", {{"writes", std::string("blind")}}, "dirty-abort"},
      {"rw-register", {{"writes", std::string("mixed")}}, "stale-read", 0.2},
      {"long-fork", {{"group_keys", std::int64_t{3}}}, "torn-read", 0.5},
      {"set", {}, "lost-add"},
      {"set-full", {{"value_bytes", std::uint64_t{8}}}, "lost-add"},
      {"counter", {{"decrements", true}}, "lost-add", 0.2},
      {"counter", {}, "double-add", 0.2},
      {"bank", {{"distribution", std::string("hotspot")}}, "torn-read"},
      {"queue", {}, "lost-element", 0.1},
      {"queue", {{"exactly_once", true}, {"dequeues", 0.6}}, "repeated-element"},
      {"lock", {{"hold", DurationRange{Nanos(0), std::chrono::microseconds(300)}}}, "double-grant", 0.5},
      {"lock", {{"hold", DurationRange{}}}, "repeated-token", 0.3},
      {"unique-ids", {}, "repeated-id"},
      {"multi-register", {}, "torn-read", 0.3},
      {"multi-register", {{"value_bytes", std::uint64_t{10}}}, "dirty-abort"},
      {"log", {}, "lost-message"},
      {"log", {{"sends", std::int64_t{3}}, {"value_bytes", std::uint64_t{12}}}, "reused-offset"},
      {"g2", {{"inserts", std::int64_t{3}}}, "blind-insert", 0.3},
      {"causal", {}, "stale-read"},
      {"monotonic", {}, "stale-read"},
      {"unique-name", {}, "blind-cas", 0.3},
      {"lease-fencing", {{"hold", DurationRange{Nanos(0), std::chrono::microseconds(500)}}}, "stale-use", 1},
      {"lease-fencing", {{"hold", DurationRange{}}}, "repeated-token", 0.5},
      {"leader", {}, "two-leaders"},
      {"leader", {}, "old-term"},
      {"lease", {{"every", Nanos(std::chrono::microseconds(100))}}, "early-end"},
      {"watch", {}, "old-event"},
      {"watch", {{"watches", 0.1}}, "lost-event", 0.5},
      {"lww", {{"reads", 0.2}}, "lost-write", 0.3},
      {"exactly-once", {{"repeats", 0.3}}, "repeated-effect", 0.3},
      {"exactly-once", {}, "lost-effect"},
      {"echo-checksum", {}, "corrupt-read"},
  };
  return all;
}

}  // namespace

TEST_CASE("every workload is among the cases") {
  std::set<std::string> there;
  for (const Case& one : cases()) there.insert(one.workload);
  for (const WorkloadInfo& info : workloads()) {
    INFO(info.name);
    CHECK(there.count(info.name) == 1);
  }
}

TEST_CASE("a correct system passes every workload though operations fail and answers are lost") {
  for (const Case& one : cases()) {
    // What a lost dequeue took with it cannot be told from what was lost.
    const bool trouble = one.workload != "queue";
    const auto judgements = shake(one.workload, one.parameters, "", 0, trouble);
    INFO(one.workload << " (" << one.bug << "): " << told(judgements));
    CHECK(verdict_of(judgements) == Validity::valid);
  }
}

TEST_CASE("a planted bug is found by the workload it is meant for") {
  for (const Case& one : cases()) {
    const auto judgements = shake(one.workload, one.parameters, one.bug, one.bug_share, false);
    INFO(one.workload << " (" << one.bug << "): " << told(judgements));
    CHECK(verdict_of(judgements) == Validity::invalid);
  }
}
