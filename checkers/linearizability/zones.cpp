#include "checkers/linearizability/zones.h"

#include <algorithm>
#include <bit>
#include <map>
#include <vector>

#include "checkers/linearizability/register_space.h"

namespace shaketable::linearizability {

namespace {

// Moments are event indices shifted by this, so that the initial value was written, and its write completed, before.
constexpr std::uint32_t kStart = 2;
constexpr std::uint32_t kNone = 0;

struct Cluster {
  std::uint32_t written = kNone;           // the invocation of the write
  std::uint32_t first_completion = kNone;  // of any operation
  std::uint32_t last_invocation = kNone;   // of an operation that completed, and of the write
};

struct Zone {
  std::uint32_t low, high;
};

Id largest_value(const Problem& problem) {
  Id largest = problem.initial[0];
  for (const Event e : problem.events) largest = std::max(largest, problem.ops[e.op].call.a);
  return largest;
}

// The invocation of each open operation: needed only until it completes, so it is kept by operation in `opened`.
std::vector<Cluster> start(const Problem& problem) {
  std::vector<Cluster> clusters(static_cast<std::size_t>(largest_value(problem)) + 1);
  Cluster& initial = clusters[static_cast<std::size_t>(problem.initial[0])];
  initial.written = initial.last_invocation = 1;
  initial.first_completion = kStart - 1;
  return clusters;
}

}  // namespace

std::optional<bool> linearizable_by_zones(const Problem& problem) {
  for (const Event e : problem.events)
    if (problem.ops[e.op].call.f == RegisterCall::kCas) return std::nullopt;
  std::vector<Cluster> clusters = start(problem);
  std::vector<std::uint32_t> opened(problem.ops.size());
  bool early_read = false;
  for (std::size_t i = 0; i < problem.events.size(); ++i) {
    const Event e = problem.events[i];
    const Call& call = problem.ops[e.op].call;
    const auto now = static_cast<std::uint32_t>(i) + kStart;
    Cluster& c = clusters[static_cast<std::size_t>(call.a)];
    if (!e.completion) {
      opened[e.op] = now;
      if (call.f != RegisterCall::kWrite) continue;
      if (c.written != kNone) return std::nullopt;
      c.written = now;
      c.last_invocation = std::max(c.last_invocation, now);
      continue;
    }
    early_read |= c.written == kNone;
    if (c.first_completion == kNone) c.first_completion = now;
    c.last_invocation = std::max(c.last_invocation, opened[e.op]);
  }
  // Only now is it known that no value is written twice.
  if (early_read) return false;

  std::vector<Zone> forward, backward;
  for (const Cluster& c : clusters) {
    if (c.first_completion == kNone) continue;  // a crashed write that nobody read, or no write at all
    if (c.first_completion < c.last_invocation)
      forward.push_back({c.first_completion, c.last_invocation});
    else
      backward.push_back({c.last_invocation, c.first_completion});
  }
  const auto by_low = [](const Zone& a, const Zone& b) { return a.low < b.low; };
  std::sort(forward.begin(), forward.end(), by_low);
  std::sort(backward.begin(), backward.end(), by_low);
  for (std::size_t i = 1; i < forward.size(); ++i)
    if (forward[i].low < forward[i - 1].high) return false;
  std::size_t at = 0;
  for (const Zone& b : backward) {
    while (at < forward.size() && forward[at].high < b.low) ++at;
    if (at < forward.size() && forward[at].low < b.low && b.high < forward[at].high) return false;
  }
  return true;
}

namespace {

// Maximum over a range, with changes.
class MaxTree {
 public:
  explicit MaxTree(std::size_t size) : leaves_(std::bit_ceil(std::max<std::size_t>(size, 1))), nodes_(2 * leaves_) {}
  void set(std::size_t i, std::uint32_t value) {
    i += leaves_;
    nodes_[i] = value;
    for (i /= 2; i > 0; i /= 2) nodes_[i] = std::max(nodes_[2 * i], nodes_[2 * i + 1]);
  }
  // A place in [low, high) that holds more than `bound`, if there is one.
  std::optional<std::size_t> above(std::size_t low, std::size_t high, std::uint32_t bound) const {
    for (low += leaves_, high += leaves_; low < high; low /= 2, high /= 2) {
      if (low & 1 && nodes_[low] > bound) return descend(low, bound);
      low += low & 1;
      if (high & 1 && nodes_[high - 1] > bound) return descend(high - 1, bound);
      high -= high & 1;
    }
    return std::nullopt;
  }

 private:
  std::size_t descend(std::size_t node, std::uint32_t bound) const {
    while (node < leaves_) node = 2 * node + (nodes_[2 * node] > bound ? 0 : 1);
    return node - leaves_;
  }
  std::size_t leaves_;
  std::vector<std::uint32_t> nodes_;
};

}  // namespace

ZoneFailure first_zone_failure(const Problem& problem) {
  std::vector<Cluster> clusters = start(problem);
  std::vector<std::uint32_t> opened(problem.ops.size()), rank(clusters.size());
  std::vector<Id> ranked;                  // values by their first completion
  std::vector<std::uint32_t> completions;  // those first completions
  std::map<std::uint32_t, Id> forward;     // by low end
  MaxTree backward(clusters.size());       // by rank: the low ends of backward zones, 0 for others
  ranked.push_back(problem.initial[0]);
  completions.push_back(kStart - 1);
  for (std::size_t i = 0; i < problem.events.size(); ++i) {
    const Event e = problem.events[i];
    const Call& call = problem.ops[e.op].call;
    const auto now = static_cast<std::uint32_t>(i) + kStart;
    Cluster& c = clusters[static_cast<std::size_t>(call.a)];
    if (!e.completion) {
      opened[e.op] = now;
      if (call.f == RegisterCall::kWrite) c.written = c.last_invocation = now;
      continue;
    }
    if (c.written == kNone) return {i, call.a, -1};
    c.last_invocation = std::max(c.last_invocation, opened[e.op]);
    std::uint32_t& r = rank[static_cast<std::size_t>(call.a)];
    if (c.first_completion == kNone) {
      // A backward zone that ends now. Forward zones end at invocations of completed operations, before now.
      c.first_completion = now;
      r = static_cast<std::uint32_t>(ranked.size());
      ranked.push_back(call.a);
      completions.push_back(now);
      backward.set(r, c.last_invocation);
      continue;
    }
    const std::uint32_t low = c.first_completion, high = c.last_invocation;
    if (high < low) {
      // Its low end may have moved into a forward zone that ends after it.
      backward.set(r, high);
      const auto after = forward.upper_bound(high);
      if (after == forward.begin()) continue;
      const Id around = std::prev(after)->second;
      if (clusters[static_cast<std::size_t>(around)].last_invocation > low) return {i, call.a, around};
      continue;
    }
    backward.set(r, 0);
    const auto own = forward.emplace(low, call.a).first;
    if (own != forward.begin()) {
      const Id before = std::prev(own)->second;
      if (clusters[static_cast<std::size_t>(before)].last_invocation > low) return {i, call.a, before};
    }
    if (const auto after = std::next(own); after != forward.end() && after->first < high)
      return {i, call.a, after->second};
    // A backward zone within this one begins after `low`; so it ends after `low`, and its rank is above r.
    const auto end = std::lower_bound(completions.begin(), completions.end(), high) - completions.begin();
    if (const auto inside = backward.above(r + 1, static_cast<std::size_t>(end), low))
      return {i, call.a, ranked[*inside]};
  }
  return {problem.events.size(), -1, -1};
}

}  // namespace shaketable::linearizability
