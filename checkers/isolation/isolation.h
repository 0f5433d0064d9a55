#pragma once
// Transactional isolation: which promises a history of transactions breaks, and why (docs/checkers-isolation.md).
//
// A transaction is one operation whose value is a list of micro-operations:
//   list-append  [["append", k, v], ["r", k, [v1, v2]]]   every value is appended to a key at most once
//   rw-register  [["w", k, v], ["r", k, v]]               every value is written to a key at most once
// EDN's keywords and JSON's strings are taken alike; keys and values are any Value; ["r", k] reads nil. Operations of
// processes below 0 (the nemesis) are passed over.
//
// Method: Adya's direct serialization graph, inferred from the values read (Adya 1999; Kingsbury & Alvaro, "Elle", VLDB
// 2020), its cycles classified by the dependencies they need. The real-time order is an interval order, in which a
// shortest cycle never needs more than one real-time edge; so it is no edges at all but one sweep
// (checkers/isolation/cycles.h).
//
// All functions are pure. Objects belong to one thread at a time.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "checkers/verdict.h"
#include "history/history.h"

namespace shaketable {

// Where the order of a register's versions comes from (rw-register).
enum class VersionOrder : std::uint8_t {
  initial_state,        // nil before everything
  assumed_initial,      // a key's one value that was read, never written, where nil was never read, before everything
  writes_follow_reads,  // a transaction that read v and then wrote w: v before w
  process,              // each key is sequentially consistent
  realtime,             // each key is linearizable
  transaction_order,    // IsolationOptions::transaction_order, from inside the database
};

std::string_view to_string(VersionOrder order);  // "initial-state", "writes-follow-reads", ...
std::optional<VersionOrder> version_order(std::string_view name);
std::vector<std::string_view> version_order_names();

struct IsolationOptions {
  // Any of consistency_models() or their other names. Empty: only `anomalies` are prohibited.
  std::vector<std::string> consistency_models = {"strict-serializable"};
  // Anomalies prohibited besides ("G1a", "G-single"): with all that imply them.
  std::vector<std::string> anomalies;

  // rw-register: what is taken as known of each key whatever the model asked for. An order that contradicts itself is
  // an anomaly (cyclic-versions).
  std::vector<VersionOrder> version_orders = {VersionOrder::initial_state, VersionOrder::assumed_initial,
                                              VersionOrder::writes_follow_reads};
  // rw-register: use the process and real-time order of each key besides where the asked model implies them. What is
  // found only so is named -process or -realtime, and rules out only models that imply that order.
  bool orders_of_model = true;
  // For VersionOrder::transaction_order: index of a completion in the history -> its place. Others are unordered.
  std::map<std::int64_t, std::int64_t> transaction_order;

  // What may be kept while the history is read; past it nothing more is kept, and finish() answers unknown.
  std::uint64_t memory_bytes = UINT64_MAX;

  std::uint64_t search_steps_max = 20'000'000;  // edges visited in search of the shortest cycles; deterministic
  std::size_t examples_max = 8;                 // shown for each anomaly; all are counted
};

// One row of the lattice, for `shaketable list models`.
struct ConsistencyModel {
  std::string name;                      // as verdicts print it: "strong-serializable", "read-committed"
  std::vector<std::string> other_names;  // "strict-serializable", "PL-SS"
  std::vector<std::string> implies;      // directly
  std::vector<std::string> proscribes;   // directly
};

std::vector<ConsistencyModel> consistency_models();

// bad_input, with the nearest name, if a model or an anomaly is unknown.
Result<void> validate(const IsolationOptions& options);

// Judges while it reads: operations become flat arrays at once, so that memory is a few words for each micro-operation.
// Errors (bad_input) say which operation is no transaction.
class IsolationChecker : public OperationSink {
 public:
  // Ends the history. Call once. `pool` may be null.
  virtual Result<Verdict> finish(const Budget& budget, Pool* pool) = 0;
};

// The options must be valid (else finish() answers bad_input). A model that proscribes nothing these checkers look for
// (linearizable, 1SR) leaves `unknown`. rw-register judges a model that is also the name of a weak level (below) by
// that level: by it alone, or for read-committed and read-atomic besides; their names PL-2 and the like stay Adya's.
std::unique_ptr<IsolationChecker> make_list_append_checker(IsolationOptions options);
std::unique_ptr<IsolationChecker> make_rw_register_checker(IsolationOptions options);

// The same for a history in memory.
Result<Verdict> check_list_append(const History& history, const IsolationOptions& options, const Budget& budget = {},
                                  Pool* pool = nullptr);
Result<Verdict> check_rw_register(const History& history, const IsolationOptions& options, const Budget& budget = {},
                                  Pool* pool = nullptr);

// A cycle as a picture: `details` are those of an anomaly that is a cycle ("cycle", "steps", "transactions"); empty
// text for any other. The SVG stands alone, and scales with its frame.
std::string cycle_dot(const Value& details);
std::string cycle_svg(const Value& details);

// Levels judged on registers by what a session can see, not by a dependency graph. Sound and complete for histories
// whose writes are unique: an answer of valid means that a commit order exists which explains every read.
enum class WeakLevel : std::uint8_t {
  read_committed,   // AWDIT (Møldrup et al., PLDI 2025), O(n^1.5)
  read_atomic,      // AWDIT, O(n^1.5)
  causal,           // AWDIT, O(n * sessions)
  monotonic_reads,  // the session guarantees (Terry et al., PDIS 1994)
  monotonic_writes,
  read_your_writes,
  writes_follow_reads,
  pram,        // "PRAM": each session on its own explains its reads by everybody's writes, in session order
  sequential,  // one order for all that respects sessions (NP-complete: bounded by the budget)
};

std::string_view to_string(WeakLevel level);  // "read-committed", "PRAM", ...
std::optional<WeakLevel> weak_level(std::string_view name);
std::vector<std::string_view> weak_level_names();

// Of the options only the bounds count. Several levels: all must hold; the history is read once.
std::unique_ptr<IsolationChecker> make_weak_checker(std::vector<WeakLevel> levels, IsolationOptions options);
Result<Verdict> check_weak(const History& history, WeakLevel level, const IsolationOptions& options = {},
                           const Budget& budget = {}, Pool* pool = nullptr);

}  // namespace shaketable
