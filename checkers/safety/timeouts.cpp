// What a client's timeout would have cost on the response times measured: answers that it would have given up on, and
// time spent waiting for those that never came. Fixed timeouts, and adaptive ones by the phi-accrual method
// (Hayashibara et al., SRDS 2004): give up when an answer is later than the last hundred of this process make
// plausible, at a chance of 10^-phi.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <map>

#include "checkers/safety/promise.h"

namespace shaketable::safety {

namespace {

struct Answer {
  std::int64_t process, at, latency;  // ns; latency: kNever if no answer came
};

struct Cost {
  std::int64_t given_up = 0, waited_ns = 0;
};

// How many deviations above its mean a normal variable passes with a chance of 10^-phi.
double deviations(double phi) {
  double low = 0, high = 40;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (0.5 * std::erfc(middle / std::sqrt(2.0)) > std::pow(10.0, -phi) ? low : high) = middle;
  }
  return low;
}

class Window {
 public:
  void add(double latency) {
    values_.push_back(latency);
    sum_ += latency;
    squares_ += latency * latency;
    if (values_.size() <= 100) return;
    sum_ -= values_.front();
    squares_ -= values_.front() * values_.front();
    values_.pop_front();
  }
  // nullopt until there is enough to go by.
  std::optional<double> limit(double deviations) const {
    const auto n = static_cast<double>(values_.size());
    if (n < 10) return std::nullopt;
    const double mean = sum_ / n, variance = std::max(0.0, squares_ / n - mean * mean);
    // A floor, as implementations have it: steady answers must not make the next hiccup a failure.
    return mean + deviations * std::max(std::sqrt(variance), mean / 4);
  }

 private:
  std::deque<double> values_;
  double sum_ = 0, squares_ = 0;
};

Value row(const std::string& name, const Cost& cost, std::size_t answered) {
  const double part = answered ? static_cast<double>(cost.given_up) / static_cast<double>(answered) : 0;
  return aggregate::details({{"timeout", Value(name)},
                             {"answers-given-up", Value(cost.given_up)},
                             {"part", Value(part)},
                             {"waited-in-vain-ms", milliseconds(cost.waited_ns)}});
}

}  // namespace

Value timeout_costs(const std::vector<Call>& calls) {
  std::vector<Answer> answers;
  std::size_t answered = 0;
  for (const Call& call : calls) {
    const auto start = start_ns(call), over = end_ns(call);
    if (!start) continue;
    const bool came = over && call.outcome != OpType::info;
    answered += came;
    answers.push_back({call.process, *start, came ? *over - *start : aggregate::kNever});
  }
  std::sort(answers.begin(), answers.end(), [](const Answer& a, const Answer& b) { return a.at < b.at; });
  std::vector<Value> rows;
  constexpr std::array<std::pair<const char*, std::int64_t>, 8> kFixed = {{{"10ms", 10},
                                                                           {"30ms", 30},
                                                                           {"100ms", 100},
                                                                           {"300ms", 300},
                                                                           {"1s", 1000},
                                                                           {"3s", 3000},
                                                                           {"10s", 10000},
                                                                           {"30s", 30000}}};
  for (const auto& [name, ms] : kFixed) {
    Cost cost;
    for (const Answer& answer : answers) {
      if (answer.latency <= ms * 1'000'000) continue;
      cost.given_up += answer.latency != aggregate::kNever;
      if (answer.latency == aggregate::kNever) cost.waited_ns += ms * 1'000'000;
    }
    rows.push_back(row(name, cost, answered));
  }
  for (const int phi : {1, 3, 5, 8, 12}) {
    const double z = deviations(phi);
    std::map<std::int64_t, Window> windows;
    Cost cost;
    for (const Answer& answer : answers) {
      Window& window = windows[answer.process];
      const auto limit = window.limit(z);
      const bool came = answer.latency != aggregate::kNever;
      if (limit && !came) cost.waited_ns += static_cast<std::int64_t>(*limit);
      if (limit && came && static_cast<double>(answer.latency) > *limit) ++cost.given_up;
      if (came) window.add(static_cast<double>(answer.latency));
    }
    rows.push_back(row(fmt::format("phi {}", phi), cost, answered));
  }
  return Value::list(std::move(rows));
}

}  // namespace shaketable::safety
