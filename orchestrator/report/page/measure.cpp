#include "orchestrator/report/page/measure.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace shaketable::page {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::size_t kFunctionsMax = 1000;  // a history may have any; what is beyond is one function, "others"
constexpr double kSteady = 0.8;

// Pairs invocations with completions.
class Collector final : public OperationSink {
 public:
  explicit Collector(Measures& out) : out_(out) {}

  Result<void> take(Operation operation) override {
    const std::int64_t position = position_++;
    if (operation.process < 0) return {};
    if (operation.type == OpType::invoke) {
      Call call;
      call.invoked_ns = operation.time_ns;
      call.due_ns = operation.due_ns;
      call.process = operation.process;
      call.position = position;
      call.function = number_of(operation.f);
      open_[operation.process] = out_.calls.size();
      out_.calls.push_back(call);
      return {};
    }
    const auto open = open_.find(operation.process);
    if (open == open_.end()) return {};
    Call& call = out_.calls[open->second];
    call.completed_ns = operation.time_ns;
    call.completion = position;
    call.outcome = operation.type == OpType::ok ? kOk : operation.type == OpType::fail ? kFail : kInfo;
    open_.erase(open);
    return {};
  }

 private:
  std::uint16_t number_of(Name f) {
    const auto known = numbers_.find(f.id());
    if (known != numbers_.end()) return known->second;
    if (out_.functions.size() == kFunctionsMax) out_.functions.push_back({"others", 0, {}});
    if (out_.functions.size() > kFunctionsMax) return static_cast<std::uint16_t>(kFunctionsMax);
    const auto number = static_cast<std::uint16_t>(out_.functions.size());
    out_.functions.push_back({std::string(f.text()), 0, {}});
    numbers_.emplace(f.id(), number);
    return number;
  }

  Measures& out_;
  std::int64_t position_ = 0;
  std::unordered_map<std::int64_t, std::size_t> open_;  // process -> its open call
  std::unordered_map<std::uint32_t, std::uint16_t> numbers_;
};

// 1, 2 or 5 times a power of ten, so that tables read well.
std::int64_t round_width(std::int64_t span_ns) {
  std::int64_t width = 1'000'000;
  for (int i = 0; span_ns / width >= static_cast<std::int64_t>(kStretchesMax); ++i)
    width = width * (i % 3 == 1 ? 5 : 4) / 2;
  return width;
}

void divide(Measures& m) {
  m.width_ns = round_width(m.end_ns - m.begin_ns);
  const auto count = static_cast<std::size_t>((m.end_ns - m.begin_ns) / m.width_ns + 1);
  m.stretches.resize(count);
  std::vector<std::vector<std::int64_t>> ok(count), late(count), from_due(count);
  for (const Call& call : m.calls) {
    if (call.due_ns >= 0 && call.invoked_ns >= m.begin_ns) {
      m.open_load = true;
      late[static_cast<std::size_t>((call.invoked_ns - m.begin_ns) / m.width_ns)].push_back(
          std::max<std::int64_t>(call.invoked_ns - call.due_ns, 0));
    }
    if (call.completed_ns < m.begin_ns) continue;
    const auto at = static_cast<std::size_t>((call.completed_ns - m.begin_ns) / m.width_ns);
    ++m.stretches[at].ended[call.outcome];
    if (call.outcome == kOk) ok[at].push_back(call.latency_ns());
    if (call.outcome == kOk && call.due_ns >= 0) from_due[at].push_back(call.completed_ns - call.due_ns);
  }
  for (std::size_t i = 0; i < count; ++i) {
    m.stretches[i].ok = latencies_of(std::move(ok[i]));
    m.stretches[i].late = latencies_of(std::move(late[i]));
    m.stretches[i].from_due = latencies_of(std::move(from_due[i]));
  }
}

void total(Measures& m) {
  std::vector<std::array<std::vector<std::int64_t>, kOutcomes>> latencies(m.functions.size());
  for (const Call& call : m.calls) {
    if (call.completed_ns < 0)
      ++m.functions[call.function].never_completed;
    else
      latencies[call.function][call.outcome].push_back(call.latency_ns());
  }
  for (std::size_t f = 0; f < latencies.size(); ++f)
    for (std::size_t o = 0; o < kOutcomes; ++o) m.functions[f].by_outcome[o] = latencies_of(std::move(latencies[f][o]));
}

// Successes by completion, and by invocation.
struct Successes {
  std::vector<std::int64_t> completed;                            // sorted
  std::vector<std::pair<std::int64_t, std::int64_t>> by_invoked;  // (invoked, completed), sorted
  std::vector<std::int64_t> first_after;  // of by_invoked[i] and all after it, the first completion

  explicit Successes(const std::vector<Call>& calls) {
    for (const Call& call : calls)
      if (call.outcome == kOk) {
        completed.push_back(call.completed_ns);
        by_invoked.emplace_back(call.invoked_ns, call.completed_ns);
      }
    std::sort(completed.begin(), completed.end());
    std::sort(by_invoked.begin(), by_invoked.end());
    first_after.resize(by_invoked.size());
    std::int64_t first = INT64_MAX;
    for (std::size_t i = by_invoked.size(); i-- > 0;) first_after[i] = first = std::min(first, by_invoked[i].second);
  }
  std::int64_t between(std::int64_t from, std::int64_t to) const {
    return std::lower_bound(completed.begin(), completed.end(), to) -
           std::lower_bound(completed.begin(), completed.end(), from);
  }
};

double rate_before(const Successes& successes, std::int64_t begin, std::int64_t first_fault) {
  std::vector<std::int64_t> seconds;
  for (std::int64_t at = begin; at + kSecond <= first_fault; at += kSecond)
    seconds.push_back(successes.between(at, at + kSecond));
  if (seconds.empty()) return 0;
  std::sort(seconds.begin(), seconds.end());
  return static_cast<double>(quantile(seconds, 0.5));
}

Recovery recovery_of(const FaultRecord& fault, const Successes& successes, const Measures& m) {
  Recovery recovery;
  recovery.fault = fault.id;
  recovery.healed_ns = fault.actual_end_ns;
  const auto after = std::lower_bound(successes.by_invoked.begin(), successes.by_invoked.end(),
                                      std::pair(fault.actual_end_ns, INT64_MIN));
  if (after != successes.by_invoked.end())
    recovery.first_ok_ns = successes.first_after[static_cast<std::size_t>(after - successes.by_invoked.begin())];
  if (m.rate_before > 0) {
    // Stepped by a tenth of a second: the answer is that exact.
    for (std::int64_t at = fault.actual_end_ns; at + kSecond <= m.end_ns; at += kSecond / 10)
      if (static_cast<double>(successes.between(at, at + kSecond)) >= kSteady * m.rate_before) {
        recovery.steady_ns = at + kSecond;
        break;
      }
  }
  std::int64_t last = fault.actual_start_ns;
  const std::int64_t until = recovery.first_ok_ns == kNotYet ? m.end_ns : recovery.first_ok_ns;
  for (auto at = std::lower_bound(successes.completed.begin(), successes.completed.end(), fault.actual_start_ns);
       at != successes.completed.end() && *at <= until; ++at) {
    recovery.longest_gap_ns = std::max(recovery.longest_gap_ns, *at - last);
    last = *at;
  }
  recovery.longest_gap_ns = std::max(recovery.longest_gap_ns, until - last);
  return recovery;
}

}  // namespace

std::int64_t quantile(const std::vector<std::int64_t>& sorted, double q) {
  if (sorted.empty()) return -1;
  // The subtraction keeps what is a whole rank in all but rounding (0.95 × 20) from being raised to the next.
  const double rank = std::ceil(q * static_cast<double>(sorted.size()) - 1e-9);
  return sorted[static_cast<std::size_t>(std::clamp(rank, 1.0, static_cast<double>(sorted.size()))) - 1];
}

Latencies latencies_of(std::vector<std::int64_t> all) {
  std::sort(all.begin(), all.end());
  if (all.empty()) return {};
  return {static_cast<std::int64_t>(all.size()),
          all.front(),
          quantile(all, 0.5),
          quantile(all, 0.95),
          quantile(all, 0.99),
          quantile(all, 0.999),
          all.back()};
}

Result<Measures> measure(const RunFile& file, const std::vector<FaultRecord>& faults) {
  Measures m;
  Collector collector(m);
  if (const auto read = file.read(collector); !read) return Failure(read.error());
  m.begin_ns = INT64_MAX;
  for (const Call& call : m.calls) {
    m.begin_ns = std::min(m.begin_ns, call.invoked_ns);
    m.end_ns = std::max({m.end_ns, call.invoked_ns, call.completed_ns});
  }
  std::int64_t first_fault = INT64_MAX;
  for (const FaultRecord& fault : faults)
    if (fault.actual_start_ns != kNotYet) {
      first_fault = std::min(first_fault, fault.actual_start_ns);
      m.begin_ns = std::min(m.begin_ns, fault.actual_start_ns);
      m.end_ns = std::max({m.end_ns, fault.actual_start_ns, fault.actual_end_ns});
    }
  if (m.begin_ns == INT64_MAX) m.begin_ns = 0;
  m.begin_ns = std::max<std::int64_t>(m.begin_ns, 0);
  divide(m);
  total(m);
  const Successes successes(m.calls);
  if (first_fault != INT64_MAX) m.rate_before = rate_before(successes, m.begin_ns, first_fault);
  for (const FaultRecord& fault : faults)
    if (fault.actual_start_ns != kNotYet && fault.actual_end_ns != kNotYet)
      m.recoveries.push_back(recovery_of(fault, successes, m));
  return m;
}

}  // namespace shaketable::page
