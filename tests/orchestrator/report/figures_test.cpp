#include "orchestrator/report/figures.h"

#include <catch2/catch.hpp>

using namespace shaketable;
using namespace std::chrono_literals;

namespace {

FunctionFigures function(const char* f, std::int64_t invoked, std::int64_t ok, std::int64_t fail,
                         std::map<std::string, std::int64_t> errors = {}) {
  FunctionFigures out;
  out.f = f;
  out.invoked = invoked;
  out.ok = ok;
  out.fail = fail;
  out.errors = std::move(errors);
  return out;
}

std::vector<std::string> doubts(std::vector<FunctionFigures> functions) {
  Figures figures;
  figures.functions = std::move(functions);
  return doubts_about(figures);
}

Operation event(OpType type, std::int64_t process, const char* f, Nanos time, const char* error = nullptr) {
  Operation out;
  out.type = type;
  out.process = process;
  out.f = Name(f);
  out.time_ns = time.count();
  if (error) out.error = error;
  return out;
}

}  // namespace

TEST_CASE("doubts: a history in which nothing succeeded or one function never did says too little") {
  CHECK(doubts({}) == std::vector<std::string>{"no operation succeeded, so there is nothing to judge"});
  CHECK(doubts({function("read", 100, 0, 100, {{"denied", 99}, {"timeout", 1}})}) ==
        std::vector<std::string>{"no operation succeeded, so there is nothing to judge; 99 of them: denied"});
  CHECK(doubts({function("read", 100, 100, 0), function("cas", 60, 0, 60)}) ==
        std::vector<std::string>{"none of 60 calls of \"cas\" succeeded"});
  CHECK(doubts({function("read", 100, 100, 0), function("cas", 5, 0, 5)}).empty());
}

TEST_CASE("figures: outcomes and latencies of each function and of the successful ones alone") {
  const std::vector<Operation> events = {
      event(OpType::invoke, -1, "start", 0s),  // the nemesis is no load
      event(OpType::invoke, 0, "read", 1s),          event(OpType::invoke, 1, "write", 1s),
      event(OpType::ok, 0, "read", 1s + 10ms),       event(OpType::fail, 1, "write", 2s, "denied"),
      event(OpType::invoke, 0, "read", 2s),          event(OpType::ok, 0, "read", 2s + 30ms),
      event(OpType::invoke, 1, "write", 2s + 100ms), event(OpType::info, 1, "write", 5s, "timeout"),
      event(OpType::invoke, 2, "read", 5s),  // and never completed
  };
  const auto figures = figures_of([&](OperationSink& sink) -> Result<ReadNotes> {
    for (const Operation& each : events)
      if (const auto taken = sink.take(each); !taken) return Failure(taken.error());
    return ReadNotes{};
  });
  REQUIRE(figures);
  REQUIRE(figures->functions.size() == 2);
  const FunctionFigures& read = figures->functions[0];
  CHECK(read.f == "read");
  CHECK(read.invoked == 3);
  CHECK(read.ok == 2);
  CHECK(read.p50 >= 10ms);
  CHECK(read.p50 <= Nanos(10ms) + Nanos(10ms) / 64);
  CHECK(read.most == 30ms);
  const FunctionFigures& write = figures->functions[1];
  CHECK(write.fail == 1);
  CHECK(write.info == 1);
  CHECK(write.most == 0ms);
  CHECK(write.errors == std::map<std::string, std::int64_t>{{"denied", 1}, {"timeout", 1}});
  CHECK(figures->all.invoked == 5);
  CHECK(figures->lasted == 4s);
  CHECK(figures->rate() == Approx(0.5));
}
