#pragma once
// Drives a load: N logical processes, each a worker thread with a client of its own, take invocations from a generator,
// record them, carry them out and record how they ended (jepsen.generator.interpreter).
//
// A worker whose operation ended as `info` goes on under a new process number (its old one + N) with a new client: the
// old process might still do what it was asked. After `ok` and `fail` it stays who it was. A client that cannot be
// opened makes its operation a `fail` (it was never sent), and the worker pauses, longer each time; so does one whose
// operations fail again and again, for a node that refuses connections must not be asked in a busy loop.

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/histogram.h"
#include "base/random.h"
#include "base/result.h"
#include "history/recorder.h"
#include "workloads/client.h"
#include "workloads/generator.h"

namespace shaketable {

struct LoadOptions {
  std::size_t workers = 10;
  std::vector<std::string> nodes;  // worker i talks to nodes[i % size]; what the history says; may be empty
  std::function<std::unique_ptr<Client>(std::size_t worker)> make_client;  // called by the worker's thread
  Nanos operation_timeout = std::chrono::seconds(2);
  Nanos open_timeout = std::chrono::seconds(2);
  Nanos pause_first = std::chrono::milliseconds(20), pause_longest = std::chrono::seconds(1);
  int failures_before_pause = 8;  // in a row, when they come from operations
  // All workers take turns on the caller's thread, one whole operation each: the same seed then gives the same history.
  // For tests on a ManualClock.
  bool one_thread = false;
};

struct LoadCounters {
  std::uint64_t invoked = 0, ok = 0, fail = 0, info = 0;
  std::size_t in_flight = 0;
  Nanos first_invocation{-1};  // on the run's clock; -1: none yet
  Histogram latency;           // of operations that ended ok; from when they were due, if that was fixed
};

enum class LoadEnd {
  exhausted,  // the generator had no more
  stopped,    // somebody asked for it
};

class Interpreter {
 public:
  // Both must outlive the interpreter. `clock` is the recorder's.
  Interpreter(Recorder& recorder, Clock& clock, LoadOptions options);
  ~Interpreter();

  // Returns when the generator is exhausted, or `stop` was requested, and every operation in flight has ended; these
  // are never cut short, so it takes up to the operation timeout longer. Call it again for the next phase: workers keep
  // their processes and clients. One thread at a time; `random` decides everything the generator draws. Errors: the
  // history could not be written.
  Result<LoadEnd> run(Generator& generator, Random random, std::stop_token stop);

  // Any thread, at any time.
  LoadCounters counters() const;
  void close_clients();  // after the last run()

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace shaketable
