#include "orchestrator/report/run_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "base/duration.h"
#include "base/text.h"
#include "orchestrator/report/old_runs.h"
#include "orchestrator/report/outcome.h"
#include "orchestrator/report/verdict_text.h"

namespace shaketable {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

struct Side {
  std::string plan;
  std::map<std::string, std::string> facts;  // by what they are called; ordered by name within their group
  std::vector<std::string> order;
  void add(const std::string& name, std::string value) {
    order.push_back(name);
    facts.emplace(name, std::move(value));
  }
};

Result<Side> read_side(const std::string& path) {
  const auto file = open_run(path);
  if (!file) return Failure(file.error());
  const RunInfo& info = file->info();
  Side side;
  side.plan = info.plan_text;
  const auto verdicts = newest_verdicts(*file);
  if (!verdicts) return Failure(verdicts.error());
  for (const VerdictRecord& verdict : *verdicts)
    side.add("verdict: " + verdict.checker, std::string(to_string(validity_named(verdict.valid))));
  const auto outcome = read_outcome(*file);
  if (!outcome) return Failure(outcome.error());
  for (const Judgement& judgement : outcome->judgements)
    side.add("verdict: " + judgement.verdict.checker, std::string(to_string(judgement.verdict.valid)));
  side.add("plan", info.name);
  side.add("seed", std::to_string(info.seed));
  side.add("system", info.system);
  side.add("system version", file->meta("system_version").value_or(info.system_version));
  side.add("workload", info.workload);
  side.add("shaketable", info.version);
  side.add("started", wall_time_text(info.started_wall_ns));
  side.add("ended", file->why_ended());
  std::vector<std::string> nodes;
  for (const NodeRecord& node : info.nodes) nodes.push_back(node.name);
  side.add("nodes", join(nodes));
  std::vector<std::string> unclean;
  for (const auto& [node, why] : outcome->unclean_nodes) unclean.push_back(node);
  side.add("unclean nodes", join(unclean));
  side.add("faults", fmt::format("{} applied, {} proved, {} undone", outcome->faults.applied, outcome->faults.proved,
                                 outcome->faults.verified));
  const auto faults = file->faults();
  if (!faults) return Failure(faults.error());
  for (const FaultRecord& fault : *faults)
    if (fault.actual_start_ns != kNotYet)
      side.add(fmt::format("fault {}", fault.id), fmt::format("{} on {}", fault.fault, join(fault.targets, " ")));
  const auto figures = figures_of([&](OperationSink& sink) -> Result<ReadNotes> {
    if (const auto read = file->read(sink); !read) return Failure(read.error());
    return ReadNotes{};
  });
  if (!figures) return Failure(figures.error());
  for (const FunctionFigures& f : figures->functions)
    side.add("operations: " + f.f, fmt::format("{} (ok {}, fail {}, info {}; p50 {}, p99 {})",
                                               with_thousands(f.invoked), with_thousands(f.ok), with_thousands(f.fail),
                                               with_thousands(f.info), format_duration(f.p50), format_duration(f.p99)));
  return side;
}

}  // namespace

std::vector<std::string> line_diff(const std::string& a, const std::string& b) {
  std::vector<std::string> left = lines_of(a), right = lines_of(b);
  while (!left.empty() && !right.empty() && left.back() == right.back()) {
    left.pop_back();
    right.pop_back();
  }
  const auto start = std::mismatch(left.begin(), left.end(), right.begin(), right.end());
  left.erase(left.begin(), start.first);
  right.erase(right.begin(), start.second);
  const std::size_t n = left.size(), m = right.size();
  std::vector<std::vector<std::uint32_t>> longest(n + 1, std::vector<std::uint32_t>(m + 1));
  for (std::size_t i = n; i-- > 0;)
    for (std::size_t j = m; j-- > 0;)
      longest[i][j] = left[i] == right[j] ? longest[i + 1][j + 1] + 1 : std::max(longest[i + 1][j], longest[i][j + 1]);
  std::vector<std::string> out;
  for (std::size_t i = 0, j = 0; i < n || j < m;) {
    if (i < n && j < m && left[i] == right[j]) {
      ++i;
      ++j;
    } else if (i < n && (j == m || longest[i + 1][j] >= longest[i][j + 1])) {
      out.push_back("-" + left[i++]);
    } else {
      out.push_back("+" + right[j++]);
    }
  }
  return out;
}

Result<RunDiff> diff_runs(const std::string& a, const std::string& b) {
  const auto left = read_side(a);
  if (!left) return Failure(left.error());
  const auto right = read_side(b);
  if (!right) return Failure(right.error());
  RunDiff diff;
  diff.rows.push_back({"run", a, b});
  const auto fact = [](const Side& side, const std::string& name) {
    const auto found = side.facts.find(name);
    return found == side.facts.end() ? std::string() : found->second;
  };
  std::vector<std::string> names = left->order;
  for (const std::string& name : right->order)
    if (!left->facts.contains(name)) names.push_back(name);
  for (const std::string& name : names) diff.rows.push_back({name, fact(*left, name), fact(*right, name)});
  diff.plan = line_diff(left->plan, right->plan);
  return diff;
}

std::string diff_text(const RunDiff& diff) {
  std::size_t width = 0, column = 0;
  for (const RunDiff::Row& row : diff.rows) {
    if (!row.differs()) continue;
    width = std::max(width, row.what.size());
    column = std::max(column, row.a.size());
  }
  std::string out;
  const auto shown = [](const std::string& text) { return text.empty() ? std::string("-") : text; };
  for (const RunDiff::Row& row : diff.rows)
    if (row.differs()) out += fmt::format("{:{}}  {:{}}  {}\n", row.what, width, shown(row.a), column, shown(row.b));
  if (diff.plan.empty())
    out += "the plans as run are equal\n";
  else
    out += "the plans as run:\n";
  for (const std::string& line : diff.plan) out += fmt::format("  {}\n", line);
  return out;
}

Value diff_json(const RunDiff& diff) {
  std::vector<Value> rows, plan;
  for (const RunDiff::Row& row : diff.rows)
    rows.push_back(Value::map({{"what", row.what}, {"a", row.a}, {"b", row.b}, {"differs", row.differs()}}));
  for (const std::string& line : diff.plan) plan.emplace_back(line);
  return Value::map({{"schema", 1}, {"rows", Value::list(std::move(rows))}, {"plan", Value::list(std::move(plan))}});
}

}  // namespace shaketable
