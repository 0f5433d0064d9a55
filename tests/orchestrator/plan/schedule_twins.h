#pragma once
// Every built-in workload's schedule, written in YAML as well: what a plan can say is what the C++ can.

#include <string>
#include <utility>
#include <vector>

#include "base/parameters.h"

namespace shaketable::testing {

struct ScheduleTwin {
  std::string workload;
  std::vector<std::pair<std::string, ParameterValue>> set;  // of the built-in one
  std::string main;
  std::string final = "";  // empty: not written for this setting
};

inline const std::string kReadOnce = "{limit: 5, of: {concurrency-limit: 1, of: {until-ok: {f: read}, pause: 200ms}}}";
inline const std::string kReadEveryKey = "{every-key: {f: read, value: [{value-of: key}, null]}}";
inline const std::string kReadKeysTogether =
    "every-key: {f: txn, value: {for-each: {k: {value-of: keys}}, value: [r, {value-of: k}, null]}}\n"
    "at-once: 4\n";

inline const std::vector<ScheduleTwin>& schedule_twins() {
  using std::chrono::milliseconds;
  static const std::vector<ScheduleTwin> all = {
      {"register",
       {},
       "per-key:\n"
       "  mix:\n"
       "    - {weight: 2, f: read}\n"
       "    - {weight: 1, f: write, value: {next: n}}\n"
       "    - {weight: 1, f: cas, value: [{recent: n, within: 3}, {next: n}]}\n"
       "keys: 10\n"
       "operations: 200\n",
       kReadEveryKey},
      {"register",
       {{"values", std::int64_t{5}},
        {"keys", std::int64_t{30}},
        {"ops_per_key", std::int64_t{50}},
        {"distribution", std::string("zipf")},
        {"skew", 1.1}},
       "per-key:\n"
       "  mix:\n"
       "    - {weight: 2, f: read}\n"
       "    - {f: write, value: {below: 5}}\n"
       "    - {f: cas, value: [{below: 5}, {below: 5}]}\n"
       "keys: 30\n"
       "operations: 50\n"
       "distribution: zipf\n"
       "skew: 1.1\n",
       kReadEveryKey},
      // A group's registers are the keys from size * group on.
      {"multi-register",
       {},
       "per-key:\n"
       "  let: {first: {product: [{value-of: group}, 3]}}\n"
       "  of:\n"
       "    mix:\n"
       "      - f: txn\n"
       "        value:\n"
       "          for-each: {key: {some-of: {range: 3, from: {value-of: first}}}}\n"
       "          value: [r, {value-of: key}, null]\n"
       "      - f: txn\n"
       "        value:\n"
       "          for-each: {key: {some-of: {range: 3, from: {value-of: first}}}}\n"
       "          value: [w, {value-of: key}, {next: n}]\n"
       "as: group\n"
       "keys: 3\n"
       "operations: 60\n",
       "every-key:\n"
       "  f: txn\n"
       "  value:\n"
       "    for-each: {k: {range: 3, from: {product: [{value-of: key}, 3]}}}\n"
       "    value: [r, {value-of: k}, null]\n"},
      {"multi-register",
       {{"registers", std::int64_t{5}}, {"reads", 0.2}, {"value_bytes", std::uint64_t{12}}},
       "per-key:\n"
       "  let: {first: {product: [{value-of: group}, 5]}}\n"
       "  of:\n"
       "    mix:\n"
       "      - weight: 0.2\n"
       "        f: txn\n"
       "        value:\n"
       "          for-each: {key: {some-of: {range: 5, from: {value-of: first}}}}\n"
       "          value: [r, {value-of: key}, null]\n"
       "      - weight: 0.8\n"
       "        f: txn\n"
       "        value:\n"
       "          for-each: {key: {some-of: {range: 5, from: {value-of: first}}}}\n"
       "          value: [w, {value-of: key}, {next: n, size: 12}]\n"
       "as: group\n"
       "keys: 3\n"
       "operations: 60\n"},
      {"set", {}, "{f: add, value: {next: n, from: 0}}", kReadOnce},
      {"set", {{"value_bytes", std::uint64_t{20}}}, "{f: add, value: {next: n, from: 0, size: 20}}", kReadOnce},
      {"set-full", {}, "mix: [{weight: 0.1, f: read}, {weight: 0.9, f: add, value: {next: n, from: 0}}]", kReadOnce},
      {"counter", {}, "mix: [{weight: 0.3, f: read}, {weight: 0.7, f: add, value: {between: [1, 5]}}]", kReadOnce},
      {"counter",
       {{"decrements", true}},
       "mix: [{weight: 0.3, f: read}, {weight: 0.7, f: add, value: {between: [1, 5], sign: either}}]",
       kReadOnce},
      {"bank",
       {},
       "mix:\n"
       "  - {weight: 0.5, f: read}\n"
       "  - weight: 0.5\n"
       "    f: transfer\n"
       "    value: {map: {from: {below: 8, as: from}, to: {below: 8, except: from}, amount: {between: [1, 5]}}}\n",
       kReadOnce},
      {"queue",
       {},
       "mix: [{weight: 0.5, f: dequeue}, {weight: 0.5, f: enqueue, value: {next: n, from: 0}}]",
       "phases:\n"
       "  - {until-answer: nothing, times: 3, of: {f: dequeue}}\n"
       "  - {limit: 5, of: {concurrency-limit: 1, of: {until-ok: {f: drain}, pause: 200ms}}}\n"},
      // A process has logs assigned before it polls; one in whose place a new client may stand has none.
      {"log",
       {},
       "each-worker:\n"
       "  cycle:\n"
       "    chain:\n"
       "      - until-ok: {f: assign, value: {some-of: {range: 4}}}\n"
       "      - until: [{is: info}, {f: [assign, poll], is: fail}]\n"
       "        of:\n"
       "          mix:\n"
       "            - {weight: 0.02, f: assign, value: {some-of: {range: 4}}}\n"
       "            - weight: 0.98\n"
       "              mix: [{f: poll, value: [[poll]]}, {f: send, value: [[send, {below: 4}, {next: n}]]}]\n",
       "reserve:\n"
       "  - workers: 1\n"
       "    until:\n"
       "      - {f: poll, is: ok, answer: [[poll, {map: {}}]], in-a-row: 3}\n"
       "      - {f: poll, is: [fail, info], in-a-row: 50}\n"
       "      - {f: assign, is: [fail, info], in-a-row: 50}\n"
       "    of:\n"
       "      cycle:\n"
       "        chain:\n"
       "          - {until-ok: {f: assign, value: {range: 4}}, pause: 100ms}\n"
       "          - {until: {is: [fail, info]}, of: {f: poll, value: [[poll]]}}\n"
       "          - {sleep: 100ms}\n"},
      {"log",
       {{"keys", std::int64_t{6}},
        {"sends", std::int64_t{3}},
        {"polls", 0.25},
        {"assigns", 0.25},
        {"distribution", std::string("zipf")},
        {"value_bytes", std::uint64_t{10}}},
       "each-worker:\n"
       "  cycle:\n"
       "    chain:\n"
       "      - until-ok: {f: assign, value: {some-of: {range: 6}}}\n"
       "      - until: [{is: info}, {f: [assign, poll], is: fail}]\n"
       "        of:\n"
       "          mix:\n"
       "            - {weight: 0.25, f: assign, value: {some-of: {range: 6}}}\n"
       "            - weight: 0.75\n"
       "              mix:\n"
       "                - {weight: 0.25, f: poll, value: [[poll]]}\n"
       "                - weight: 0.75\n"
       "                  f: send\n"
       "                  value:\n"
       "                    for-each: {key: {list-of: {below: 6, distribution: zipf}, count: [1, 3], distinct: true}}\n"
       "                    value: [send, {value-of: key}, {next: n, size: 10}]\n"},
      {"list-append", {}, "{transactions: append}", kReadKeysTogether},
      {"list-append",
       {{"longest", std::int64_t{8}}, {"reads", 0.2}, {"distribution", std::string("exponential")}},
       "{transactions: append, length: [1, 8], reads: 0.2, distribution: exponential}"},
      {"rw-register", {}, "{transactions: read-modify-write}", kReadKeysTogether},
      {"rw-register",
       {{"writes", std::string("mixed")}, {"keys", std::int64_t{3}}},
       "{transactions: mixed, keys: 3}",
       kReadKeysTogether},
      {"long-fork",
       {},
       "per-key:\n"
       "  let: {a: {product: [{value-of: group}, 2]}, b: {sum: [{value-of: a}, 1]}}\n"
       "  of:\n"
       "    shuffle:\n"
       "      - count: 2\n"
       "        shuffle:\n"
       "          - {f: txn, value: [[w, {value-of: a}, 1]]}\n"
       "          - {f: txn, value: [[w, {value-of: b}, 1]]}\n"
       "      - count: 10\n"
       "        f: txn\n"
       "        value: {some-of: [[r, {value-of: a}, null], [r, {value-of: b}, null]], count: 2}\n"
       "as: group\n"
       "keys: 3\n"
       "operations: 12\n"},
      {"g2",
       {},
       "flip-flop:\n"
       "  - {f: insert, value: [{next: key, from: 0, as: key}, [{next: id}, null]]}\n"
       "  - {f: insert, value: [{value-of: key}, [null, {next: id}]]}\n"},
      // The first two inserts of a key go to different tables, the others to either.
      {"g2",
       {{"inserts", std::int64_t{3}}},
       "flip-flop:\n"
       "  - {f: insert, value: [{next: key, from: 0, as: key}, [{next: id}, null]]}\n"
       "  - {f: insert, value: [{value-of: key}, [null, {next: id}]]}\n"
       "  - mix:\n"
       "      - {f: insert, value: [{value-of: key}, [{next: id}, null]]}\n"
       "      - {f: insert, value: [{value-of: key}, [null, {next: id}]]}\n"},
      {"causal",
       {{"writes_per_key", std::int64_t{20}}},
       "each-worker:\n"
       "  mix:\n"
       "    - {weight: 0.6, f: read, value: [{value-of: register, of: any-worker}, null]}\n"
       "    - weight: 0.4\n"
       "      per-key: {until: {is: info}, of: {f: write, value: [{value-of: register}, {next: n}]}}\n"
       "      as: register\n"
       "      keys: 1\n"
       "      operations: 20\n",
       kReadEveryKey},
      {"monotonic",
       {{"keys", std::int64_t{3}}, {"reads", 0.4}},
       "mix: [{weight: 0.4, f: read, value: [0, 1, 2]}, {weight: 0.6, f: inc, value: {below: 3}}]",
       "{limit: 5, of: {concurrency-limit: 1, of: {until-ok: {f: read, value: {range: 3}}, pause: 200ms}}}"},
      {"unique-ids", {}, "{f: generate}"},
      {"unique-name",
       {},
       "per-key:\n"
       "  mix: [{weight: 0.25, f: read}, {weight: 0.75, f: cas, value: [null, {next: user}]}]\n"
       "keys: 3\n"
       "operations: 12\n",
       kReadEveryKey},
      // The process that had the lock may be gone, and then it is not ours to give back.
      {"lock",
       {{"locks", std::int64_t{3}}, {"hold", DurationRange{milliseconds(1), milliseconds(20)}}},
       "each-worker:\n"
       "  cycle:\n"
       "    chain:\n"
       "      - until-ok: {f: acquire, value: {below: 3, as: lock}}\n"
       "        pause: 5ms\n"
       "      - until: {is: info}\n"
       "        of: {chain: [{sleep: [1ms, 20ms]}, {once: {f: release, value: {value-of: lock}}}]}\n"},
      // Uses and the release are equally far apart, so that the lock is held for four times the step.
      {"lease-fencing",
       {{"locks", std::int64_t{3}}, {"hold", DurationRange{milliseconds(4), milliseconds(20)}}},
       "each-worker:\n"
       "  cycle:\n"
       "    chain:\n"
       "      - until-ok: {f: acquire, value: {below: 3, as: lock}, answer: token}\n"
       "        pause: 5ms\n"
       "      - until: {is: info}\n"
       "        of:\n"
       "          let: {step: {duration: [1ms, 5ms]}}\n"
       "          of:\n"
       "            chain:\n"
       "              - sleep: {value-of: step}\n"
       "              - delay: {value-of: step}\n"
       "                of:\n"
       "                  chain:\n"
       "                    - until: {is: fail}\n"
       "                      of: {limit: 3, of: {f: use, value: [{value-of: lock}, {value-of: token}]}}\n"
       "                    - once: {f: release, value: {value-of: lock}}\n"},
      {"leader", {}, "{f: leader}"},
      // It lives until an answer to a renewal says that it does not.
      {"lease",
       {{"every", milliseconds(2)}},
       "each-worker:\n"
       "  cycle:\n"
       "    chain:\n"
       "      - {until-ok: {f: grant, answer: lease}, pause: 100ms}\n"
       "      - until: {f: renew, is: ok, answer: nothing}\n"
       "        of: {delay: 2ms, of: {f: renew, value: {value-of: lease}}}\n"},
      {"watch",
       {{"watches", 0.3}},
       "mix: [{weight: 0.3, f: watch, value: {value-of: newest}}, {weight: 0.7, f: write, value: {next: n}, answer: "
       "newest}]"},
      {"lww",
       {{"reads", 0.2}, {"value_bytes", std::uint64_t{30}}},
       "per-key:\n"
       "  mix: [{weight: 0.2, f: read}, {weight: 0.8, f: write, value: {next: n, size: 30}}]\n"
       "keys: 5\n"
       "operations: 10\n",
       kReadEveryKey},
      {"exactly-once",
       {},
       "retry:\n"
       "  mix:\n"
       "    - {weight: 0.02, f: read}\n"
       "    - weight: 0.98\n"
       "      mix:\n"
       "        - {weight: 0.1, f: apply, value: {value-of: last, or: {next: id, as: last}}}\n"
       "        - {weight: 0.9, f: apply, value: {next: id, as: last}}\n"
       "attempts: 5\n",
       kReadOnce},
      {"echo-checksum",
       {{"value_bytes", std::uint64_t{40}}},
       "{per-key: {mix: [{f: read}, {f: write, value: {checksummed: 40}}]}, keys: 10, operations: 50}",
       kReadEveryKey},
  };
  return all;
}

}  // namespace shaketable::testing
