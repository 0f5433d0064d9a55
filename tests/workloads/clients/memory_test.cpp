#include "workloads/clients/memory.h"

#include <catch2/catch.hpp>

using namespace shaketable;

namespace {

const Name kRead("read"), kWrite("write"), kCas("cas");

std::unique_ptr<Client> client(const std::string& run, const char* share = nullptr, double value = 0) {
  ClientSettings settings;
  settings.run = run;
  settings.options = Parameters(memory_client().parameters);
  if (share) settings.options.set(share, value);
  return memory_client().make(settings);
}

Completion ask(Client& client, Name f, const Value& value) {
  return client.invoke(f, value, std::chrono::seconds(1));
}

}  // namespace

TEST_CASE("registers can be read, written and compared-and-set, and start as nil") {
  const auto a = client("one"), b = client("one");
  CHECK(ask(*a, kRead, Value::list({1, nullptr})) == Completion{OpType::ok, Value::list({1, nullptr}), Value()});
  CHECK(ask(*a, kCas, Value::list({1, Value::list({nullptr, 5})})).type == OpType::ok);
  CHECK(ask(*b, kRead, Value::list({1, nullptr})) == Completion{OpType::ok, Value::list({1, 5}), Value()});
  CHECK(ask(*b, kCas, Value::list({1, Value::list({4, 6})})).type == OpType::fail);
  CHECK(ask(*b, kWrite, Value::list({1, 7})) == Completion{OpType::ok, Value::list({1, 7}), Value()});
  CHECK(ask(*a, kRead, Value::list({1, nullptr})).value == Value::list({1, 7}));
  CHECK(ask(*a, kRead, Value::list({2, nullptr})).value == Value::list({2, nullptr}));
}

TEST_CASE("runs do not see each other's registers") {
  const auto a = client("first"), b = client("second");
  ask(*a, kWrite, Value::list({1, 7}));
  CHECK(ask(*b, kRead, Value::list({1, nullptr})).value == Value::list({1, nullptr}));
}

TEST_CASE("what it cannot do fails") {
  const auto a = client("odd");
  CHECK(ask(*a, kWrite, Value(7)).type == OpType::fail);
  CHECK(ask(*a, Name("append"), Value::list({1, 7})).type == OpType::fail);
  CHECK(ask(*a, kCas, Value::list({1, 7})).type == OpType::fail);
}

TEST_CASE("planted trouble: failures, lost answers, stale reads") {
  const auto fails = client("fails", "fail", 1);
  CHECK(ask(*fails, kWrite, Value::list({1, 1})).type == OpType::fail);
  CHECK(ask(*client("fails"), kRead, Value::list({1, nullptr})).value == Value::list({1, nullptr}));

  const auto loses = client("loses", "lose", 1);
  int happened = 0;
  for (int i = 0; i < 100; ++i) {
    CHECK(ask(*loses, kWrite, Value::list({i, 1})).type == OpType::info);
    happened += ask(*client("loses"), kRead, Value::list({i, nullptr})).value == Value::list({i, 1});
  }
  CHECK(happened > 20);
  CHECK(happened < 80);
  CHECK(ask(*loses, kRead, Value::list({1, nullptr})).type == OpType::fail);

  const auto stale = client("stale", "stale_reads", 1);
  ask(*stale, kWrite, Value::list({1, 1}));
  ask(*stale, kWrite, Value::list({1, 2}));
  CHECK(ask(*stale, kRead, Value::list({1, nullptr})).value == Value::list({1, 1}));
}
