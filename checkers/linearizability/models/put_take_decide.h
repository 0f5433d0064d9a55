#pragma once
// Collections whose values are put at most once, in O(n log n).

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "checkers/linearizability/problem.h"

namespace shaketable::linearizability {

// From an invocation to its completion, as indices of Problem::events.
struct Span {
  static constexpr std::int64_t kForEver = INT64_MAX;
  std::int64_t invoked = kForEver, completed = kForEver;
  bool there() const { return invoked != kForEver; }
};

// A value that was put for certain. Its put is never completed if it crashed; its take, if it may also not happen.
struct Item {
  Id value = -1;
  Span put, take;

  // The value was there for certain from the completion of its put to the invocation of its take. If the take was
  // invoked before the put completed, both can take effect together at a moment in which both are open.
  bool there_for_certain() const { return put.completed < take.invoked; }
};

struct PutTakeHistory {
  std::vector<Item> items;
  std::vector<Span> empty;  // takes that found nothing
};

// What makes one collection different from the other.
struct PutTakeRules {
  // Every take in the history is known: is it linearizable?
  std::function<bool(const PutTakeHistory&)> linearizable;
  // For each item the moment before which it must be gone if it was put for certain and nobody is known to have taken
  // it; kForEver: it may stay.
  std::function<std::vector<std::int64_t>(const PutTakeHistory&)> must_be_gone;
};

// A bag: each take that found nothing has a moment at which no value was there for certain.
PutTakeRules bag_rules();

// A FIFO queue: besides, no two values are for certain put in one order and taken in the other (a value that is never
// taken is taken last). Henzinger, Sezgin & Vafeiadis, “Aspect-oriented linearizability proofs”, 2013, theorem 1
// (VFresh, VRepeat, VOrd, VWit).
PutTakeRules fifo_rules();

// A stack; stack_decide.cpp has the argument.
PutTakeRules stack_rules();

// A priority queue that gives the smallest. Each take has a moment at which no smaller value was there for certain.
// That is enough, by induction over the values, the smallest first: a history of the smaller ones can be linearized so
// that nothing is there at such a moment, by taking before it what can be taken by then and putting after it all else.
// There the next value is taken; and no value hinders the smaller ones. `smaller`: a strict total order.
PutTakeRules priority_rules(std::function<bool(Id, Id)> smaller);

// The first `end` events of a problem with calls of PutTake. `initial`: what is there at first, in the order in which
// it was put. Nothing when a value is put twice, or when a take that completed said nothing.
//
// A crashed take may have taken a value that nobody else took. Each value that must be gone by some moment needs one
// that was invoked before; if there are too few, the answer is no. Once they are given out, the earliest to what must
// be gone first, the history is linearizable or nothing is known.
std::optional<bool> decide_put_take(const Problem& problem, std::span<const Id> initial, std::size_t end,
                                    const PutTakeRules& rules);

// For the rules.
// Whether each of `empty` has a moment outside all spans in which something is there for certain.
bool empty_moments(const PutTakeHistory& history);
// By item: the first completion of a take that found nothing and was invoked after the item was put.
std::vector<std::int64_t> gone_before_empty(const PutTakeHistory& history);

// Takes, added one after the other: the first completion among those invoked after some moment.
class FirstTake {
 public:
  explicit FirstTake(const std::vector<Item>& items);
  void add(const Span& take);
  std::int64_t completed_of_those_after(std::int64_t moment) const;

 private:
  std::vector<std::int64_t> invoked_;  // ascending
  std::vector<std::int64_t> first_;    // a Fenwick tree over invoked_, from its end
};

}  // namespace shaketable::linearizability
