#pragma once
// Large histories of sequential objects that take effect at one moment of each operation: linearizable by construction,
// unless the object does something wrong once.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/random.h"
#include "checkers/linearizability/linearizable.h"
#include "history/history.h"

namespace shaketable::large {

// How an operation ends: `ok` with a result, or `fail`.
struct Ending {
  Value result;
  OpType type = OpType::ok;
};

class Simulated {
 public:
  virtual ~Simulated() = default;
  virtual LinearizableOptions options() const = 0;
  // A function and its argument.
  virtual std::pair<std::string, Value> invoke(Random& random, std::size_t client) = 0;
  // Nothing while the operation has to wait.
  virtual std::optional<Ending> apply(const std::string& f, const Value& argument, Random& random) = 0;
  // The same, wrongly; nothing when this operation does not lend itself to it. Called with ever new operations until
  // one does.
  virtual std::optional<Ending> misbehave(const std::string& f, const Value& argument, Random& random) = 0;
};

struct Load {
  std::size_t operations = 100'000;
  std::size_t clients = 10;
  double crash = 0;
  std::uint64_t seed = 1;
  bool wrong = false;  // once, in the second half
};

struct Simulation {
  History history;
  bool went_wrong = false;
};

Simulation simulate(Simulated& object, const Load& load);

enum class Order { first_in, any, last_in, smallest };
enum class Fault {
  lost,     // what was acknowledged never took effect
  stale,    // what was overwritten, removed or taken long ago is still there
  twice,    // what can happen once happens twice
  disorder  // what is taken is not the next
};

// Which faults each can have:
std::unique_ptr<Simulated> unique_register(Fault fault);     // stale, lost
std::unique_ptr<Simulated> cas_register();                   // twice
std::unique_ptr<Simulated> strings();                        // kv-append: lost
std::unique_ptr<Simulated> set(Fault fault);                 // stale, lost, twice
std::unique_ptr<Simulated> gset();                           // lost
std::unique_ptr<Simulated> queue(Order order, Fault fault);  // lost, twice; disorder unless `any`
std::unique_ptr<Simulated> fenced_mutex();                   // twice: one fence for two
std::unique_ptr<Simulated> counter();                        // lost
std::unique_ptr<Simulated> log();                            // twice: one position for two

}  // namespace shaketable::large
