#include "history/recorder.h"

#include <atomic>
#include <cmath>
#include <map>
#include <set>
#include <thread>

#include "base/random.h"
#include "tests/history/run_folder.h"

using namespace shaketable;
using namespace shaketable::testing;

namespace {

const Name kRead("read"), kWrite("write"), kCas("cas");

std::unique_ptr<Recorder> record_into(const RunFolder& folder, const Clock& clock, RecorderOptions options = {}) {
  return must(Recorder::create(folder.path(), some_run(), clock, options));
}

// Invocation before completion, one open operation a process, times never going back.
void require_well_formed(const History& history) {
  std::map<std::int64_t, bool> open;
  std::int64_t time = 0;
  for (const Operation& operation : history.operations) {
    bool& busy = open[operation.process];
    REQUIRE(busy == (operation.type != OpType::invoke));
    busy = operation.type == OpType::invoke;
    REQUIRE(operation.time_ns >= time);
    time = operation.time_ns;
  }
}

}  // namespace

TEST_CASE("a run is read back as it was recorded, in its total order") {
  RunFolder folder;
  ManualClock clock;
  auto recorder = record_into(folder, clock);
  clock.advance(Nanos(5));
  const OpHandle write = must(recorder->invoke(0, 0, "n1", kWrite, Value::list({1, 10})));
  const OpHandle read = must(recorder->invoke(1, 1, "n2", kRead, Value::list({1, nullptr})));
  clock.advance(Nanos(5));
  const OpHandle partition = must(recorder->invoke(kNemesisProcess, -1, "", Name("start-partition"), Value("halves")));
  must(recorder->complete(read, OpType::ok, Value::list({1, 10})));
  must(recorder->complete(partition, OpType::info, Value("halves")));
  must(recorder->complete(write, OpType::info, Value::list({1, 10}), Value("timeout")));
  const OpHandle cas = must(recorder->invoke(2, 0, "n1", kCas, Value::list({1, Value::list({10, 11})})));
  CHECK(cas.position == 6);
  CHECK(cas.time_ns == 10);
  must(recorder->finish("time limit"));

  const RunFile run = must(open_run(folder.path()));
  CHECK(run.state() == RunState::ended);
  CHECK(run.why_ended() == "time limit");
  CHECK(run.ended_ns() == 10);
  CHECK(run.events() == 7);
  CHECK(run.damage().empty());
  CHECK(run.info().plan_text == "name: quickstart\n");
  CHECK(run.info().seed == 7);
  CHECK(run.info().nodes.size() == 2);
  CHECK(run.info().nodes[1].address == "10.0.0.2");
  const History history = read_all(run);
  CHECK(lines_of(history) == std::vector<std::string>{
                                 "0 invoke write [1 10]",
                                 "1 invoke read [1 nil]",
                                 "-1 invoke start-partition \"halves\"",
                                 "1 ok read [1 10]",
                                 "-1 info start-partition \"halves\"",
                                 "0 info write [1 10] error \"timeout\"",
                                 "2 invoke cas [1 [10 11]]",
                             });
  CHECK(history.operations[0].time_ns == 5);
  CHECK(history.operations[5].time_ns == 10);
  // One plain file is left.
  CHECK_FALSE(std::filesystem::exists(folder.journal()));
  CHECK_FALSE(std::filesystem::exists(folder.database() + "-wal"));
}

TEST_CASE("every kind of value comes back exactly") {
  const std::vector<Value> values = {
      Value(),
      true,
      std::int64_t{INT64_MIN},
      std::int64_t{INT64_MAX},
      1.0,
      0.1,
      -2.5e-300,
      HUGE_VAL,
      "",
      "two words",
      "quote \" backslash \\ newline \n nul \x01 del \x7f",
      "gr\xc3\xbc\xc3\x9f",
      "not utf-8: \xff\xfe",
      std::string_view("a\0b", 3),
      Value::keyword("append"),
      Value::keyword("with space"),
      Value::list({}),
      Value::list({Value::list({Value::keyword("r"), 1, Value::list({1, 2, 3})}), nullptr, 1.5}),
      Value::set({3, 1, 2}),
      Value::map({{"a", 1}, {"b", Value::list({})}}),
      Value::map({{Value::keyword("a"), 1}, {2, "x"}}),
      Value::map({{"$set", 1}}),
      Value::map({}),
      Value::list({"[1]", "null", "\xff"}),
  };
  RunFolder folder;
  ManualClock clock;
  auto recorder = record_into(folder, clock);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const OpHandle op = must(recorder->invoke(0, 0, "", Name(), values[i]));
    must(recorder->complete(op, OpType::fail, values[values.size() - 1 - i], values[i]));
  }
  must(recorder->finish(""));
  const History history = read_all(must(open_run(folder.path())));
  REQUIRE(history.operations.size() == 2 * values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    INFO("value " << i);
    CHECK(history.operations[2 * i].value == values[i]);
    CHECK(history.operations[2 * i + 1].value == values[values.size() - 1 - i]);
    CHECK(history.operations[2 * i + 1].error == values[i]);
    CHECK(history.operations[2 * i].f.empty());
  }
}

TEST_CASE("faults, nodes, clock offsets, notes, versions and verdicts are kept beside the operations") {
  RunFolder folder;
  ManualClock clock;
  auto recorder = record_into(folder, clock);
  FaultRecord fault;
  fault.id = 3;
  fault.fault = "partition";
  fault.parameters = Value::map({{"shape", "halves"}});
  fault.targets = {"n1", "n2"};
  fault.intended_start_ns = 100;
  fault.intended_end_ns = 200;
  fault.nodes = {{"n1", ApplyState::pending, UndoState::pending, kNotYet, kNotYet, Value(), ""}};
  must(recorder->record(fault));
  fault.actual_start_ns = 101;
  fault.actual_end_ns = 210;
  fault.undo = UndoState::unknown;
  fault.proof = Value::map({{"dropped", 12}});
  fault.nodes = {{"n1", ApplyState::done, UndoState::verified, 101, 205, Value::map({{"dropped", 12}}), ""},
                 {"n2", ApplyState::unknown, UndoState::unknown, kNotYet, kNotYet, Value(), "ssh: timed out"}};
  fault.notes = "n2 did not answer";
  must(recorder->record(fault));
  must(recorder->record(NodeRecord{"n2", "fd00::2", Value::map({{"kernel", "6.1"}})}));
  must(recorder->record(ClockOffsetRecord{50, "n1", -3'000'000, 200'000}));
  must(recorder->set_meta("system_version", "3.4.23"));
  CHECK_FALSE(recorder->set_meta("events", "0"));
  clock.advance(Nanos(77));
  must(recorder->note("the leader was n2"));

  const auto check = [&](const RunFile& run) {
    CHECK(must(run.faults()) == std::vector<FaultRecord>{fault});
    CHECK(must(run.clock_offsets()) == std::vector<ClockOffsetRecord>{{50, "n1", -3'000'000, 200'000}});
    CHECK(must(run.notes()) == std::vector<NoteRecord>{{77, "the leader was n2"}});
    CHECK(run.info().system_version == "3.4.23");
    REQUIRE(run.info().nodes.size() == 2);
    CHECK(run.info().nodes[1].address == "fd00::2");
    CHECK(run.info().nodes[1].about == Value::map({{"kernel", "6.1"}}));
  };
  check(must(open_run(folder.path())));  // while it is recorded
  must(recorder->finish("done"));
  check(must(open_run(folder.path())));

  const VerdictRecord verdict{1'800'000'000'000'000'000, "0.2.0", "linearizable", "true", "{\"valid\":true}"};
  {
    const RunFile still_open = must(open_run(folder.path()));
    must(add_verdict(folder.path(), verdict));
  }
  must(add_verdict(folder.database(), verdict));
  CHECK(must(must(open_run(folder.path())).verdicts()) == std::vector<VerdictRecord>{verdict, verdict});
}

TEST_CASE("a second recorder does not touch a history that is there") {
  RunFolder folder;
  ManualClock clock;
  must(record_into(folder, clock)->finish(""));
  const auto second = Recorder::create(folder.path(), some_run(), clock);
  REQUIRE_FALSE(second);
  CHECK(second.error().kind == ErrorKind::bad_input);
  CHECK(second.error().message == folder.database() + ": there is a history already");
}

TEST_CASE("a run can be read while threads record into it, and holds everything recorded before") {
  RunFolder folder;
  SteadyClock clock;
  RecorderOptions options;
  options.segment_bytes = 8192;  // goes round the ring hundreds of times
  options.segments = 4;
  options.commit_every = std::chrono::milliseconds(2);
  auto recorder = record_into(folder, clock, options);
  std::atomic<std::uint64_t> completed{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> workers;
  for (int worker = 0; worker < 3; ++worker)
    workers.emplace_back([&, worker] {
      for (std::int64_t i = 0; !stop && i < 4000; ++i) {
        const Value value = Value::list({worker, i});
        const auto op = recorder->invoke(worker, worker, "n1", kWrite, value);
        if (!op) return;
        // Every seventh stays open until the reader has looked.
        if (i % 7 == 0) std::this_thread::yield();
        if (recorder->complete(*op, OpType::ok, value)) ++completed;
      }
    });
  for (int i = 0; i < 15; ++i) {
    const std::uint64_t before = completed;
    const RunFile run = must(open_run(folder.path()));
    CHECK(run.state() == RunState::running);
    CHECK(run.damage() == std::vector<std::string>{});
    const History history = read_all(run);
    CHECK(history.operations.size() == run.events());
    CHECK(history.operations.size() >= 2 * before);
    require_well_formed(history);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  stop = true;
  for (auto& worker : workers) worker.join();
  must(recorder->finish(""));
  const History history = read_all(must(open_run(folder.path())));
  require_well_formed(history);
  CHECK(history.operations.size() == 2 * completed);
}

TEST_CASE("a result too large for the journal is recorded as unknown, an invocation too large is refused") {
  RunFolder folder;
  ManualClock clock;
  RecorderOptions options;
  options.segment_bytes = 16384;
  auto recorder = record_into(folder, clock, options);
  const std::string large(20000, 'x');
  CHECK_FALSE(recorder->invoke(0, 0, "n1", kWrite, Value(large)));
  Value deep = 1;
  for (int i = 0; i < 200; ++i) deep = Value::list({deep});
  CHECK_FALSE(recorder->invoke(0, 0, "n1", kWrite, deep));
  for (const Value& result : {Value(large), deep})
    must(recorder->complete(must(recorder->invoke(0, 0, "n1", kRead, Value())), OpType::ok, result));
  must(recorder->complete(must(recorder->invoke(0, 0, "n1", kRead, Value())), OpType::fail, Value(), Value(large)));
  must(recorder->finish(""));
  CHECK(lines_of(read_all(must(open_run(folder.path())))) ==
        std::vector<std::string>{
            "0 invoke read nil",
            "0 info read nil error \"the result is too large, or nested too deep, to be recorded\"",
            "0 invoke read nil",
            "0 info read nil error \"the result is too large, or nested too deep, to be recorded\"",
            "0 invoke read nil",
            "0 fail read nil error \"the error is too large, or nested too deep, to be recorded\"",
        });
}

TEST_CASE("a recorder that is given up leaves an interrupted run with everything in it") {
  RunFolder folder;
  ManualClock clock;
  auto recorder = record_into(folder, clock);
  must(recorder->complete(must(recorder->invoke(0, 0, "n1", kWrite, Value(1))), OpType::ok, Value(1)));
  must(recorder->invoke(0, 0, "n1", kWrite, Value(2)));
  recorder.reset();
  for (int i = 0; i < 2; ++i) {
    const RunFile run = must(open_run(folder.path()));
    CHECK(run.state() == RunState::interrupted);
    CHECK(lines_of(read_all(run)) == std::vector<std::string>{"0 invoke write 1", "0 ok write 1", "0 invoke write 2"});
    CHECK_FALSE(std::filesystem::exists(folder.journal()));
  }
}
