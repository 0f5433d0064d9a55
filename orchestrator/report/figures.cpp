#include "orchestrator/report/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <unordered_map>

#include "base/histogram.h"
#include "history/records.h"
#include "history/text.h"
#include "orchestrator/report/verdict_text.h"

namespace shaketable {
namespace {

constexpr std::size_t kDifferentErrors = 64;

struct Counted {
  FunctionFigures figures;
  Histogram latencies;

  FunctionFigures done() {
    figures.p50 = latencies.quantile(0.5);
    figures.p90 = latencies.quantile(0.9);
    figures.p99 = latencies.quantile(0.99);
    figures.p999 = latencies.quantile(0.999);
    figures.most = latencies.max();
    return std::move(figures);
  }
};

struct Counter final : OperationSink {
  std::vector<Counted> functions;
  std::unordered_map<std::uint32_t, std::size_t> by_name;  // into functions
  std::unordered_map<std::int64_t, std::int64_t> began;    // of each process's open operation
  Counted all;
  std::int64_t first = kNotYet, last = kNotYet;

  Result<void> take(Operation operation) override {
    if (operation.process < 0) return {};
    if (first == kNotYet) first = operation.time_ns;
    last = operation.time_ns;
    const auto [place, fresh] = by_name.try_emplace(operation.f.id(), functions.size());
    if (fresh) {
      functions.emplace_back();
      functions.back().figures.f = operation.f.text();
    }
    Counted& counted = functions[place->second];
    if (operation.error.kind() == Value::Kind::string) {
      auto& errors = counted.figures.errors;
      std::string error(operation.error.text());
      if (errors.size() < kDifferentErrors || errors.contains(error)) ++errors[std::move(error)];
    }
    count(operation, counted.figures);
    count(operation, all.figures);
    if (operation.type == OpType::invoke) {
      began[operation.process] = operation.time_ns;
      return {};
    }
    const auto start = began.find(operation.process);
    if (start == began.end()) return {};
    if (operation.type == OpType::ok) {
      const Nanos latency(std::max<std::int64_t>(operation.time_ns - start->second, 0));
      counted.latencies.add(latency);
      all.latencies.add(latency);
    }
    began.erase(start);
    return {};
  }

  static void count(const Operation& operation, FunctionFigures& figures) {
    switch (operation.type) {
      case OpType::invoke:
        ++figures.invoked;
        break;
      case OpType::ok:
        ++figures.ok;
        break;
      case OpType::fail:
        ++figures.fail;
        break;
      case OpType::info:
        ++figures.info;
        break;
    }
  }
};

double milliseconds(Nanos time) {
  return static_cast<double>(time.count()) / 1e6;
}

Value function_json(const FunctionFigures& f) {
  std::vector<std::pair<Value, Value>> errors;
  for (const auto& [error, times] : f.errors) errors.emplace_back(error, times);
  return Value::map({{"invoked", f.invoked},
                     {"ok", f.ok},
                     {"fail", f.fail},
                     {"info", f.info},
                     {"p50_ms", milliseconds(f.p50)},
                     {"p90_ms", milliseconds(f.p90)},
                     {"p99_ms", milliseconds(f.p99)},
                     {"p999_ms", milliseconds(f.p999)},
                     {"max_ms", milliseconds(f.most)},
                     {"errors", Value::map(std::move(errors))}});
}

}  // namespace

double Figures::rate() const {
  return lasted.count() > 0 ? static_cast<double>(all.ok) * 1e9 / static_cast<double>(lasted.count()) : 0;
}

Result<Figures> figures_of(const HistoryStream& history) {
  auto counter = std::make_unique<Counter>();
  if (const auto read = history(*counter); !read) return Failure(read.error());
  Figures figures;
  for (Counted& counted : counter->functions) figures.functions.push_back(counted.done());
  figures.all = counter->all.done();
  if (counter->first != kNotYet) figures.lasted = Nanos(counter->last - counter->first);
  return figures;
}

std::vector<std::string> doubts_about(const Figures& figures) {
  std::int64_t ok = 0;
  for (const FunctionFigures& f : figures.functions) ok += f.ok;
  const auto most_often = [](const std::map<std::string, std::int64_t>& errors) -> std::string {
    const auto most = std::max_element(errors.begin(), errors.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    return most == errors.end() ? "" : fmt::format("; {} of them: {}", with_thousands(most->second), most->first);
  };
  if (ok == 0) {
    std::map<std::string, std::int64_t> errors;
    for (const FunctionFigures& f : figures.functions)
      for (const auto& [error, times] : f.errors) errors[error] += times;
    return {"no operation succeeded, so there is nothing to judge" + most_often(errors)};
  }
  std::vector<std::string> doubts;
  // A handful of attempts may all fail by chance (a compare-and-set that never matched); more may not.
  constexpr std::int64_t kEnough = 50;
  for (const FunctionFigures& f : figures.functions)
    if (f.invoked >= kEnough && f.ok == 0)
      doubts.push_back(
          fmt::format("none of {} calls of \"{}\" succeeded{}", with_thousands(f.invoked), f.f, most_often(f.errors)));
  return doubts;
}

Value figures_json(const Figures& figures) {
  std::vector<std::pair<Value, Value>> functions;
  for (const FunctionFigures& f : figures.functions) functions.emplace_back(f.f, function_json(f));
  return Value::map({{"seconds", milliseconds(figures.lasted) / 1e3},
                     {"rate", figures.rate()},
                     {"all", function_json(figures.all)},
                     {"functions", Value::map(std::move(functions))}});
}

}  // namespace shaketable
