#pragma once
// Register histories that are linearizable by construction: each operation takes effect at a random moment between its
// invocation and its completion.

#include <cstdint>
#include <functional>
#include <queue>

#include "base/random.h"
#include "history/operation.h"

namespace shaketable {

struct RegisterLoad {
  std::int64_t operations = 1000;
  int clients = 10;
  int values = 0;    // 0: every write has a value of its own, and there are no compare-and-sets
  double crash = 0;  // probability that an operation crashes
  std::uint64_t seed = 1;
};

// What goes wrong, at nine tenths of the history.
enum class Plant { nothing, stale_read, lost_write };

inline void generate_register(const RegisterLoad& load, Plant plant, const std::function<void(Operation)>& emit) {
  struct Call {
    Name f;
    std::int64_t a = 0, b = 0;
    bool done = false, lost = false;
    Value read;
    std::int64_t number = 0;
  };
  struct Moment {
    double time;
    enum { invoke, effect, complete, crash } what;
    std::int64_t process;
    std::int64_t call;
    bool operator>(const Moment& other) const { return time > other.time; }
  };
  static const Name kRead("read"), kWrite("write"), kCas("cas");
  Random random(load.seed);
  std::priority_queue<Moment, std::vector<Moment>, std::greater<>> moments;
  for (int p = 0; p < load.clients; ++p) moments.push({random.uniform(), Moment::invoke, p, 0});
  std::vector<Call> calls(64);
  std::vector<std::int64_t> idle;
  for (std::int64_t i = 63; i >= 0; --i) idle.push_back(i);
  Value state;
  std::vector<Value> overwritten;
  std::int64_t started = 0, unique = 0, next_process = load.clients;
  const std::int64_t plant_at = load.operations * 9 / 10;
  auto event = [&](std::int64_t process, OpType type, Name f, Value value) {
    Operation operation;
    operation.process = process;
    operation.type = type;
    operation.f = f;
    operation.value = std::move(value);
    emit(std::move(operation));
  };
  auto pair = [](const Call& c) { return Value::list({c.a, c.b}); };
  while (!moments.empty()) {
    const Moment m = moments.top();
    moments.pop();
    if (m.what == Moment::invoke) {
      if (started == load.operations) continue;
      ++started;
      if (idle.empty()) {
        idle.push_back(static_cast<std::int64_t>(calls.size()));
        calls.emplace_back();
      }
      const std::int64_t id = idle.back();
      idle.pop_back();
      Call& c = calls[static_cast<std::size_t>(id)];
      c = Call();
      c.number = started;
      const double x = random.uniform();
      c.f = x < 0.5 ? kRead : x < 0.8 || load.values == 0 ? kWrite : kCas;
      if (c.f == kWrite) c.a = load.values == 0 ? ++unique : static_cast<std::int64_t>(random.below(load.values));
      if (c.f == kCas) {
        c.a = static_cast<std::int64_t>(random.below(load.values));
        c.b = static_cast<std::int64_t>(random.below(load.values));
      }
      event(m.process, OpType::invoke, c.f, c.f == kRead ? Value() : c.f == kWrite ? Value(c.a) : pair(c));
      const double takes = random.exponential(1.0);
      if (random.chance(load.crash)) {
        if (random.chance(0.5)) moments.push({m.time + 5 * random.uniform(), Moment::effect, -1, id});
        moments.push({m.time + takes, Moment::crash, m.process, id});
      } else {
        moments.push({m.time + takes * random.uniform(), Moment::effect, m.process, id});
        moments.push({m.time + takes, Moment::complete, m.process, id});
      }
      continue;
    }
    Call& c = calls[static_cast<std::size_t>(m.call)];
    if (m.what == Moment::effect) {
      if (c.f == kRead) {
        c.read = state;
        if (plant == Plant::stale_read && c.number >= plant_at && m.process >= 0 && overwritten.size() > 50) {
          c.read = overwritten[overwritten.size() - 40];
          plant = Plant::nothing;
        }
      } else if (c.f == kWrite) {
        if (plant == Plant::lost_write && c.number >= plant_at && m.process >= 0) {
          plant = Plant::nothing;  // it is acknowledged all the same
        } else {
          if (overwritten.size() > 100) overwritten.erase(overwritten.begin(), overwritten.begin() + 50);
          overwritten.push_back(state);
          state = Value(c.a);
        }
      } else {
        c.done = state == Value(c.a);
        if (c.done) state = Value(c.b);
      }
    } else if (m.what == Moment::complete) {
      const bool ok = c.f != kCas || c.done;
      event(m.process, ok ? OpType::ok : OpType::fail, c.f,
            c.f == kRead    ? c.read
            : c.f == kWrite ? Value(c.a)
                            : pair(c));
      idle.push_back(m.call);
      moments.push({m.time + random.uniform() * 0.5, Moment::invoke, m.process, 0});
    } else {
      event(m.process, OpType::info, c.f, c.f == kRead ? Value() : c.f == kWrite ? Value(c.a) : pair(c));
      moments.push({m.time + random.uniform() * 0.5, Moment::invoke, next_process++, 0});
    }
  }
}

}  // namespace shaketable
