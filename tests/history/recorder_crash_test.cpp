// What is left of a run whose controller is killed at any moment, or whose files are damaged afterwards.

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "base/random.h"
#include "tests/history/run_folder.h"

using namespace shaketable;
using namespace shaketable::testing;

namespace {

const Name kWrite("write");

struct Said {  // by the child, after the call returned
  std::uint64_t position;
  std::int64_t value;
  std::int64_t completed;
};

// Records on three threads until it is killed, and says on `pipe` what it has recorded.
[[noreturn]] void record_until_killed(const std::string& folder, int pipe, RecorderOptions options) {
  SteadyClock clock;
  auto recorder = Recorder::create(folder, some_run(), clock, options);
  if (!recorder) _exit(3);
  std::vector<std::thread> threads;
  for (std::int64_t thread = 0; thread < 3; ++thread)
    threads.emplace_back([&, thread] {
      Random random(static_cast<std::uint64_t>(thread));
      std::int64_t process = thread;
      for (std::int64_t n = thread;; n += 3) {
        const auto op = (*recorder)->invoke(process, thread, "n1", kWrite, Value(n));
        if (!op) _exit(4);
        Said said{op->position, n, 0};
        if (::write(pipe, &said, sizeof said) != sizeof said) _exit(5);
        if (random.chance(0.1)) {  // stays open for ever
          process += 3;
          continue;
        }
        if (!(*recorder)->complete(*op, OpType::ok, Value(n))) _exit(6);
        said.completed = 1;
        if (::write(pipe, &said, sizeof said) != sizeof said) _exit(5);
      }
    });
  for (auto& thread : threads) thread.join();
  _exit(7);
}

// Kills the recorder of a run in `folder` after `delay` and returns what it had said.
std::vector<Said> kill_after(const RunFolder& folder, std::chrono::microseconds delay, const RecorderOptions& options) {
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(pipe[0]);
    record_until_killed(folder.path(), pipe[1], options);
  }
  ::close(pipe[1]);
  std::vector<Said> all;
  Said said;
  const auto read_one = [&] { return ::read(pipe[0], &said, sizeof said) == sizeof said; };
  // From the first invocation on, so that every delay hits the recording.
  if (read_one()) all.push_back(said);
  std::jthread killer([&] {
    std::this_thread::sleep_for(delay);
    ::kill(child, SIGKILL);
  });
  while (read_one()) all.push_back(said);
  killer.join();
  ::close(pipe[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  return all;
}

// Everything that was said is there, nothing is there twice, and processes have one open operation at most.
void require_all_there(const History& history, const std::vector<Said>& all) {
  std::set<std::int64_t> invoked, completed;
  std::map<std::int64_t, std::int64_t> open;
  for (std::size_t i = 0; i < history.operations.size(); ++i) {
    const Operation& operation = history.operations[i];
    const std::int64_t value = operation.value.integer();
    if (operation.type == OpType::invoke) {
      REQUIRE(invoked.insert(value).second);
      REQUIRE(open.emplace(operation.process, value).second);
    } else {
      REQUIRE(completed.insert(value).second);
      REQUIRE(open.at(operation.process) == value);
      open.erase(operation.process);
    }
  }
  for (const Said& said : all) {
    REQUIRE(invoked.count(said.value) == 1);
    if (said.completed) REQUIRE(completed.count(said.value) == 1);
    if (!said.completed) REQUIRE(history.operations.at(said.position).value == Value(said.value));
  }
}

void copy_run(const RunFolder& from, const RunFolder& to) {
  std::filesystem::copy(from.path(), to.path(), std::filesystem::copy_options::recursive);
}

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

RecorderOptions small_ring() {
  RecorderOptions options;
  options.segment_bytes = 16384;
  options.segments = 3;
  options.commit_every = std::chrono::milliseconds(3);
  return options;
}

}  // namespace

TEST_CASE("whatever was recorded before kill -9 is in the history, once") {
  Random random(Random::fresh_seed());
  for (int round = 0; round < 25; ++round) {
    const auto delay = std::chrono::microseconds(random.below(30'000));
    INFO("killed after " << delay.count() << " us");
    RunFolder folder;
    // Half of the rounds on the journal alone, which is then never committed.
    RecorderOptions options = small_ring();
    if (round % 2 == 0) options = RecorderOptions{};
    const std::vector<Said> all = kill_after(folder, delay, options);
    REQUIRE(std::filesystem::exists(folder.journal()));

    RunFolder untouched;
    copy_run(folder, untouched);
    const RunFile in_memory = must(open_run(untouched.path(), false));
    CHECK(in_memory.state() == RunState::interrupted);
    CHECK(in_memory.damage() == std::vector<std::string>{});
    const History first = read_all(in_memory);
    require_all_there(first, all);
    REQUIRE(std::filesystem::exists(untouched.journal()));

    for (int opening = 0; opening < 2; ++opening) {
      const RunFile merged = must(open_run(folder.path()));
      CHECK(merged.state() == RunState::interrupted);
      CHECK(merged.damage() == std::vector<std::string>{});
      CHECK(lines_of(read_all(merged)) == lines_of(first));
      CHECK_FALSE(std::filesystem::exists(folder.journal()));
    }
  }
}

TEST_CASE("a journal that was merged but not removed is not merged twice") {
  RunFolder folder, before;
  const std::vector<Said> all = kill_after(folder, std::chrono::milliseconds(20), small_ring());
  copy_run(folder, before);
  const std::vector<std::string> lines = lines_of(read_all(must(open_run(folder.path()))));
  std::filesystem::copy(before.journal(), folder.journal());
  for (const bool may_write : {false, true}) {
    const RunFile run = must(open_run(folder.path(), may_write));
    CHECK(run.damage() == std::vector<std::string>{});
    CHECK(lines_of(read_all(run)) == lines);
  }
  CHECK_FALSE(std::filesystem::exists(folder.journal()));
}

TEST_CASE("two who open the run of a dead recorder at the same time both get all of it") {
  RunFolder folder;
  const std::vector<Said> all = kill_after(folder, std::chrono::milliseconds(20), RecorderOptions{});
  std::vector<History> histories(4);
  std::vector<std::thread> openers;
  for (History& history : histories)
    openers.emplace_back([&] {
      auto run = open_run(folder.path());
      HistoryBuilder builder(history);
      if (!run || !run->read(builder)) history.operations.clear();
    });
  for (auto& opener : openers) opener.join();
  for (const History& history : histories) require_all_there(history, all);
}

TEST_CASE("a disk that is full stops the recording, and nothing recorded is lost") {
  RunFolder folder;
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(pipe[0]);
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{400'000, 400'000};  // of each file: writes beyond it fail
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(8);
    RecorderOptions options = small_ring();
    options.stall_limit = std::chrono::milliseconds(700);
    record_until_killed(folder.path(), pipe[1], options);
  }
  ::close(pipe[1]);
  std::vector<Said> all;
  for (Said said; ::read(pipe[0], &said, sizeof said) == sizeof said;) all.push_back(said);
  ::close(pipe[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  // invoke() or complete() answered with an error.
  REQUIRE(WIFEXITED(status));
  CHECK((WEXITSTATUS(status) == 4 || WEXITSTATUS(status) == 6));
  CHECK(all.size() > 1000);
  const RunFile run = must(open_run(folder.path()));
  CHECK(run.damage() == std::vector<std::string>{});
  require_all_there(read_all(run), all);
}

TEST_CASE("a journal that has gone astray is damage, and not an empty end") {
  RunFolder live, folder;
  SteadyClock clock;
  auto recorder = must(Recorder::create(live.path(), some_run(), clock, small_ring()));
  must(recorder->invoke(0, 0, "n1", kWrite, Value(1)));
  // A busy machine may take its time to commit the first event.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (recorder->counters().committed == 0) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  copy_run(live, folder);
  std::filesystem::remove(folder.journal());
  const RunFile run = must(open_run(folder.path()));
  REQUIRE(run.damage().size() == 1);
  CHECK(run.damage()[0] == "history.journal is missing: events after the last commit are lost");
}

TEST_CASE("a journal of another run is not merged") {
  RunFolder folder, other;
  kill_after(folder, std::chrono::milliseconds(10), small_ring());
  kill_after(other, std::chrono::milliseconds(10), small_ring());
  std::filesystem::copy_file(other.journal(), folder.journal(), std::filesystem::copy_options::overwrite_existing);
  const RunFile run = must(open_run(folder.path()));
  REQUIRE(run.damage().size() == 1);
  CHECK(run.damage()[0] == "history.journal belongs to another run: events after the last commit may be missing");
}

TEST_CASE("damage to the journal is said, and what is whole is kept") {
  RunFolder original;
  {
    RecorderOptions options;
    options.segment_bytes = 32768;
    options.segments = 3;
    RunFolder live;
    SteadyClock clock;
    auto recorder = must(Recorder::create(live.path(), some_run(), clock, options));
    // The database as it was before the first event, so that only the journal has them, however fast commits were.
    copy_run(live, original);
    for (std::int64_t i = 0; i < 200; ++i) {
      const OpHandle op = must(recorder->invoke(i, i % 3, "n1", kWrite, Value(i)));
      if (i % 10 != 0) must(recorder->complete(op, OpType::ok, Value(i)));
    }
    std::filesystem::copy_file(live.journal(), original.journal(), std::filesystem::copy_options::overwrite_existing);
  }
  RunFolder whole;
  copy_run(original, whole);
  std::set<std::string> lines;
  for (const std::string& line : lines_of(read_all(must(open_run(whole.path()))))) lines.insert(line);
  REQUIRE(lines.size() == 380);
  const std::string bytes = bytes_of(original.journal());

  Random random(11);
  int said = 0, unharmed = 0;
  for (int round = 0; round < 120; ++round) {
    RunFolder folder;
    copy_run(original, folder);
    std::string damaged = bytes;
    if (round % 4 == 0) {
      damaged.resize(random.below(bytes.size()));
    } else {
      for (std::uint64_t flips = 1 + random.below(round % 4 == 1 ? 1 : 40); flips > 0; --flips)
        damaged[random.below(damaged.size())] ^= static_cast<char>(1 << random.below(8));
    }
    write_bytes(folder.journal(), damaged);
    auto run = open_run(folder.path(), round % 2 == 0);
    if (!run) {
      CHECK(run.error().kind == ErrorKind::bad_input);
      ++said;
      continue;
    }
    const std::vector<std::string> kept = lines_of(read_all(*run));
    for (const std::string& line : kept) REQUIRE(lines.count(line) == 1);
    if (run->damage().empty()) {
      // Nothing is missing then, not even at the end.
      REQUIRE(kept.size() == lines.size());
      ++unharmed;
    } else {
      ++said;
    }
    // Merged or not: the next who opens it is told the same.
    const bool harmed = !run->damage().empty();
    run = bad_input("closed");
    const RunFile again = must(open_run(folder.path()));
    CHECK(again.damage().empty() != harmed);
    CHECK(lines_of(read_all(again)) == kept);
  }
  CHECK(said > 20);
  // Half of the file is empty, and damage there does no harm.
  CHECK(unharmed > 0);
}

TEST_CASE("damage to history.db is an error or does no harm, and never a crash or a hole") {
  RunFolder original;
  {
    SteadyClock clock;
    auto recorder = must(Recorder::create(original.path(), some_run(), clock));
    for (std::int64_t i = 0; i < 1500; ++i) {
      const OpHandle op = must(recorder->invoke(i % 5, i % 5, "n1", kWrite, Value::list({i % 7, i})));
      must(recorder->complete(op, i % 3 ? OpType::ok : OpType::fail, Value::list({i % 7, i}),
                              i % 3 ? Value() : Value("no")));
    }
    must(recorder->finish("done"));
  }
  const History whole = read_all(must(open_run(original.path())));
  const std::string bytes = bytes_of(original.database());
  Random random(5);
  int errors = 0, harmless = 0;
  for (int round = 0; round < 250; ++round) {
    std::string damaged = bytes;
    if (round % 5 == 0) {
      damaged.resize(random.below(bytes.size()));
    } else {
      for (std::uint64_t flips = 1 + random.below(round % 5 == 1 ? 1 : 30); flips > 0; --flips)
        damaged[random.below(damaged.size())] ^= static_cast<char>(1 << random.below(8));
    }
    RunFolder folder;
    write_bytes(folder.database(), damaged);
    INFO("round " << round);
    History history;
    HistoryBuilder builder(history);
    auto run = open_run(folder.path());
    auto done = run ? run->read(builder) : Result<void>(tl::unexpected(run.error()));
    if (!done) {
      CHECK(done.error().message.find(folder.path()) == 0);
      ++errors;
      continue;
    }
    REQUIRE(lines_of(history) == lines_of(whole));
    for (std::size_t i = 0; i < whole.operations.size(); ++i)
      REQUIRE(history.operations[i].time_ns == whole.operations[i].time_ns);
    (void)run->faults();
    (void)run->verdicts();
    ++harmless;
  }
  CHECK(errors > 100);
  CHECK(harmless > 5);
}
