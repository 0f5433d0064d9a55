#pragma once
// One event of a history (docs/history-format.md): a process invokes an operation and completes it once, or never.

#include <cstdint>
#include <string_view>

#include "history/value.h"

namespace shaketable {

enum class OpType : std::uint8_t {
  invoke,
  ok,    // it happened
  fail,  // it certainly did not happen
  info,  // unknown: it may take effect at any later time, for ever; the process is gone
};

std::string_view to_string(OpType type);

// The function an operation calls ("read", "write", "cas", "txn"), interned for the life of the program: 4 bytes,
// compared by number. Any thread. Histories have few; a reader caps how many it lets in (see readers).
class Name {
 public:
  Name() = default;  // the empty name: EDN nil
  explicit Name(std::string_view text);
  std::string_view text() const;
  bool empty() const { return id_ == 0; }
  friend bool operator==(Name a, Name b) { return a.id_ == b.id_; }
  std::uint32_t id() const { return id_; }

 private:
  std::uint32_t id_ = 0;
};

// Processes are numbered from 0; what is not a client has a number below it.
inline constexpr std::int64_t kNemesisProcess = -1;

struct Operation {
  Value value;
  Value error;                // nil, or what the client said went wrong
  std::int64_t time_ns = -1;  // since the start of the run, on the controller's monotonic clock; -1: not recorded
  std::int64_t process = 0;
  Name f;
  OpType type = OpType::invoke;
  // Of an invocation under open load: when it was to begin, whatever the system did; -1: nothing was fixed. What lies
  // between it and time_ns is time the operation waited for a free client.
  std::int64_t due_ns = -1;
};

}  // namespace shaketable
