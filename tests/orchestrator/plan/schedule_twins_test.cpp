// Every built-in schedule, in C++ and in YAML, against the same world: the same operations at the same times by the
// same workers, whatever became of those before.

#include "tests/orchestrator/plan/schedule_twins.h"

#include <array>
#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <set>

#include "history/text.h"
#include "orchestrator/plan/generator_reader.h"
#include "workloads/workload.h"

namespace shaketable {
namespace {

using testing::schedule_twins;
using testing::ScheduleTwin;

constexpr std::size_t kWorkers = 4;

Workload built_in(const ScheduleTwin& twin) {
  const WorkloadInfo* info = find_workload(twin.workload);
  REQUIRE(info);
  Parameters parameters(info->parameters);
  for (const auto& [key, value] : twin.set) parameters.set(key, value);
  auto made = info->make(parameters, kWorkers);
  REQUIRE(made);
  return std::move(*made);
}

GeneratorPtr from_yaml(const std::string& text, const std::shared_ptr<KeyCount>& keys) {
  Problems problems;
  const YamlPtr tree = parse_yaml(text, problems.add_file("g", text), problems);
  REQUIRE(tree);
  const auto spec = std::make_shared<const GeneratorSpec>(read_generator(*tree, problems));
  INFO((problems.empty() ? std::string() : problems.error().message));
  REQUIRE(problems.empty());
  return make_generator(spec, keys);
}

// Workers who ask when they like, and operations that take a while and end as ok, fail or info. The same seed asks and
// answers the same, as long as it is asked the same.
class World {
 public:
  explicit World(std::uint64_t seed) : draws_(seed), world_(Random(seed).fork("world")) {
    for (std::size_t worker = 0; worker < kWorkers; ++worker)
      workers_[worker].process = static_cast<std::int64_t>(worker);
  }

  // "12.345ms 2 read [1 nil]"; ends when there is nothing more, or after so many.
  std::vector<std::string> drive(Generator& generator, std::size_t most) {
    std::vector<std::string> seen;
    constexpr int kIdle = 20'000;  // steps of half a millisecond: no pause is so long
    for (int idle = 0; idle < kIdle && (seen.size() < most || flying_ > 0); ++idle) {
      now_ += Nanos(world_.below(1'000'000));
      Worker& worker = workers_[world_.below(kWorkers)];
      Context context{now_,          static_cast<std::size_t>(&worker - workers_.data()), kWorkers, flying_, draws_,
                      worker.process};
      if (worker.flying) {
        if (worker.flying->at <= now_) {
          end(generator, worker, context);
          idle = 0;
        }
        continue;
      }
      if (seen.size() >= most) continue;
      Turn turn = generator.next(context);
      if (turn.kind != Turn::Kind::operation) continue;
      turn.at = std::max(turn.at, now_);
      seen.push_back(std::to_string(turn.at.count()) + " " + std::to_string(context.worker) + " " +
                     std::string(turn.invocation.f.text()) + " " + to_edn(turn.invocation.value));
      worker.flying = std::move(turn);
      ++flying_;
      idle = 0;
    }
    return seen;
  }
  std::map<OpType, int> ended;

 private:
  struct Worker {
    std::int64_t process = 0;
    std::optional<Turn> flying;
  };

  void end(Generator& generator, Worker& worker, Context& context) {
    const Invocation invocation = std::move(worker.flying->invocation);
    worker.flying.reset();
    context.in_flight = --flying_;
    const double fate = world_.uniform();
    const OpType type = fate < 0.75 ? OpType::ok : fate < 0.9 ? OpType::fail : OpType::info;
    ++ended[type];
    if (type == OpType::info) worker.process += kWorkers;
    context.process = worker.process;
    generator.completed(context, invocation, type, type == OpType::ok ? answer(invocation) : invocation.value);
  }

  Value answer(const Invocation& invocation) {
    const std::string_view f = invocation.f.text();
    ++answers_;
    if (f == "acquire" || f == "grant") return answers_;
    if (f == "renew") return world_.chance(0.2) ? Value() : Value(answers_);
    if (f == "dequeue") return world_.chance(0.3) ? Value() : Value(answers_);
    if (f != "poll") return invocation.value;
    const Value message = Value::list({Value::list({answers_, answers_})});
    return Value::list({Value::list({"poll", world_.chance(0.6) ? Value::map({}) : Value::map({{0, message}})})});
  }

  Random draws_, world_;
  std::array<Worker, kWorkers> workers_;
  std::size_t flying_ = 0;
  std::int64_t answers_ = 0;
  Nanos now_{0};
};

}  // namespace

TEST_CASE("every workload has a twin in YAML and so has what it reads in the end") {
  std::set<std::string> main, final;
  for (const ScheduleTwin& twin : schedule_twins()) {
    main.insert(twin.workload);
    if (!twin.final.empty()) final.insert(twin.workload);
  }
  CHECK(main.size() == workloads().size());
  for (const WorkloadInfo& info : workloads()) {
    INFO(info.name);
    CHECK(main.contains(info.name));
    CHECK((built_in({info.name, {}, ""}).final != nullptr) == final.contains(info.name));
  }
}

TEST_CASE("the C++ and the YAML of each schedule do the same in the same world") {
  constexpr std::size_t kOperations = 3000;
  for (const ScheduleTwin& twin : schedule_twins())
    for (const std::uint64_t seed : {1, 2, 3}) {
      INFO(twin.workload << ", seed " << seed << "\n" << twin.main);
      Workload made = built_in(twin);
      const auto keys = std::make_shared<KeyCount>();
      const GeneratorPtr ours = from_yaml(twin.main, keys);
      World theirs(seed), same(seed);
      const auto expected = theirs.drive(*made.main, kOperations), seen = same.drive(*ours, kOperations);
      CHECK(expected.size() == kOperations);
      CHECK(theirs.ended.size() == 3);
      REQUIRE(seen == expected);
      if (twin.final.empty()) continue;
      INFO(twin.final);
      const GeneratorPtr ours_final = from_yaml(twin.final, keys);
      const auto last = theirs.drive(*made.final, 10'000);
      CHECK_FALSE(last.empty());
      CHECK(last.size() < 10'000);
      REQUIRE(same.drive(*ours_final, 10'000) == last);
    }
}

}  // namespace shaketable
