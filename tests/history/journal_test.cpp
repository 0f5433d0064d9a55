#include "history/journal.h"

#include <atomic>
#include <thread>

#include "tests/history/run_folder.h"

using namespace shaketable;
using namespace shaketable::testing;

namespace {

constexpr std::uint64_t kRun = 42;
constexpr Nanos kSoon = std::chrono::milliseconds(20);

std::vector<std::string> payloads(const std::vector<RecordView>& records) {
  std::vector<std::string> texts;
  for (const RecordView& record : records) texts.emplace_back(record.payload());
  return texts;
}

JournalCopy copy_of(const std::string& path, std::uint64_t from, bool live = false) {
  auto file = must(JournalFile::open(path, true));
  REQUIRE(file);
  JournalCopy copy = must(file->copy());
  find_records(copy, kRun, from, live);
  return copy;
}

}  // namespace

TEST_CASE("records are taken in the order they were appended, and events are numbered by themselves") {
  RunFolder folder;
  ManualClock clock;
  auto journal = must(Journal::create(folder.journal(), kRun, {4096, 2}, clock));
  clock.advance(Nanos(7));
  CHECK(must(journal->append(RecordKind::invoke, "a", kSoon)).position == 0);
  CHECK(must(journal->append(RecordKind::note, "b", kSoon)).position == 0);
  CHECK(must(journal->append(RecordKind::complete, "c", kSoon)).position == 1);
  const std::vector<RecordView> records = journal->take(2, Nanos(0));
  CHECK(payloads(records) == std::vector<std::string>{"a", "b"});
  CHECK(records[1].head->time_ns == 7);
  CHECK(payloads(journal->take(9, Nanos(0))) == std::vector<std::string>{"c"});
  CHECK(journal->take(9, Nanos(0)).empty());
  CHECK(journal->sequence() == 3);
  CHECK(journal->events() == 2);
}

TEST_CASE("appending waits while nothing is released, and not for ever") {
  RunFolder folder;
  ManualClock clock;
  auto journal = must(Journal::create(folder.journal(), kRun, {4096, 2}, clock));
  const std::string payload(1000, 'x');
  for (int i = 0; i < 6; ++i) must(journal->append(RecordKind::note, payload, kSoon));
  const auto stuck = journal->append(RecordKind::note, payload, kSoon);
  REQUIRE_FALSE(stuck);
  CHECK(stuck.error().kind == ErrorKind::infrastructure);
  CHECK(stuck.error().message == folder.journal() + ": nothing could be written for 0 s: is the disk stuck?");

  // Taken is not released: the records are still needed.
  CHECK(journal->take(100, Nanos(0)).size() == 6);
  CHECK_FALSE(journal->append(RecordKind::note, payload, kSoon));
  std::jthread later([&] {
    std::this_thread::sleep_for(kSoon);
    journal->release();
  });
  must(journal->append(RecordKind::note, payload + "after", std::chrono::seconds(20)));
  CHECK(payloads(journal->take(100, Nanos(0))) == std::vector<std::string>{payload + "after"});
  CHECK(journal->waits() >= 3);

  journal->fail(Error{ErrorKind::infrastructure, "disk full"});
  CHECK(journal->append(RecordKind::note, "", kSoon).error().message == "disk full");
}

TEST_CASE("what does not fit into a segment is refused") {
  RunFolder folder;
  ManualClock clock;
  auto journal = must(Journal::create(folder.journal(), kRun, {4096, 2}, clock));
  must(journal->append(RecordKind::note, std::string(journal->max_payload(), 'x'), kSoon));
  CHECK_FALSE(journal->append(RecordKind::note, std::string(journal->max_payload() + 1, 'x'), kSoon));
}

TEST_CASE("after many rounds of the ring exactly the records not yet committed are found") {
  RunFolder folder;
  ManualClock clock;
  auto journal = must(Journal::create(folder.journal(), kRun, {4096, 3}, clock));
  std::vector<std::string> appended;
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 25; ++i) {
      appended.push_back(std::to_string(appended.size()) + std::string(appended.size() % 90, '.'));
      must(journal->append(RecordKind::note, appended.back(), kSoon));
    }
    const std::uint64_t from = appended.size() - 25;
    for (const bool live : {false, true}) {
      const JournalCopy copy = copy_of(folder.journal(), from, live);
      CHECK(copy.damage.empty());
      CHECK(payloads(copy.records) == std::vector<std::string>(appended.end() - 25, appended.end()));
      CHECK(copy.next_sequence == appended.size());
    }
    CHECK(journal->take(100, Nanos(0)).size() == 25);
    journal->release();
  }
  // A history.db that is older than the journal (a power failure took its last commits) is missed by what was recycled.
  const JournalCopy copy = copy_of(folder.journal(), 10);
  REQUIRE(copy.damage.size() == 1);
  CHECK(copy.damage[0].find("history.journal is damaged: ") == 0);
}

TEST_CASE("who records is seen from outside, and only one merges") {
  RunFolder folder;
  ManualClock clock;
  auto journal = must(Journal::create(folder.journal(), kRun, {4096, 2}, clock));
  auto first = must(JournalFile::open(folder.journal(), true)),
       second = must(JournalFile::open(folder.journal(), true));
  REQUIRE(first);
  REQUIRE(second);
  CHECK(first->recorder_lives());
  journal.reset();
  CHECK_FALSE(first->recorder_lives());
  CHECK(must(first->lock_for_merge(kSoon)));
  CHECK_FALSE(second->lock_for_merge(kSoon));
  first->remove();
  { auto done = std::move(first); }
  CHECK_FALSE(must(second->lock_for_merge(kSoon)));
  CHECK_FALSE(must(JournalFile::open(folder.journal(), true)));
}
