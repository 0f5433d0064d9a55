#include "orchestrator/campaign/summary.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "orchestrator/report/verdict_text.h"

namespace shaketable {
namespace {

void add(CellSummary& cell, const CampaignJob& job, const JobResult& result) {
  cell.operations += result.operations;
  cell.seconds += result.seconds;
  if (!result.judged()) {
    ++cell.failed;
    cell.why_failed = result.why;
  } else if (result.valid == "unknown") {
    ++cell.unknown;
  } else {
    ++cell.trials;
    if (result.valid != "false") return;
    ++cell.violations;
    cell.violating_seeds.push_back(job.seed);
    if (cell.run.empty()) {
      cell.run = result.run;
      cell.repeat = result.repeat;
    }
    for (const std::string& kind : result.violations)
      if (std::find(cell.kinds.begin(), cell.kinds.end(), kind) == cell.kinds.end()) cell.kinds.push_back(kind);
  }
}

// Every pair of cells of one plan whose settings differ in one key.
std::vector<Comparison> compare(const std::vector<CellSummary>& cells) {
  std::vector<Comparison> out;
  for (std::size_t i = 0; i < cells.size(); ++i)
    for (std::size_t j = i + 1; j < cells.size(); ++j) {
      const CellSummary &a = cells[i], &b = cells[j];
      const std::vector<std::string>&left = a.setting, &right = b.setting;
      if (a.plan != b.plan || left.size() != right.size()) continue;
      std::size_t differ = 0, at = 0;
      std::vector<std::string> same;
      for (std::size_t w = 0; w < left.size(); ++w) {
        if (left[w] == right[w]) {
          same.push_back(left[w]);
        } else {
          ++differ;
          at = w;
        }
      }
      if (differ != 1) continue;
      const std::size_t equals = left[at].find('=');
      Comparison c;
      c.key = left[at].substr(0, equals);
      c.plan = a.plan;
      c.rest = join(same, " ");
      c.a = left[at].substr(equals + 1);
      c.b = right[at].substr(right[at].find('=') + 1);
      c.violations_a = a.violations;
      c.trials_a = a.trials;
      c.violations_b = b.violations;
      c.trials_b = b.trials;
      c.p = fisher_exact(a.violations, a.trials, b.violations, b.trials);
      out.push_back(std::move(c));
    }
  return out;
}

std::string percent(double share) {
  return fmt::format("{:.3g} %", share * 100);
}

}  // namespace

CampaignSummary summarise(const CampaignFolder& folder, const std::vector<std::optional<JobResult>>& results) {
  CampaignSummary summary;
  summary.name = folder.campaign.name;
  summary.folder = folder.path;
  for (const CampaignJob& job : folder.jobs) {
    auto cell = std::find_if(summary.cells.begin(), summary.cells.end(),
                             [&](const CellSummary& c) { return c.name == job.cell && c.plan == job.plan; });
    if (cell == summary.cells.end()) {
      CellSummary fresh;
      fresh.name = job.cell;
      fresh.plan = job.plan;
      fresh.setting = job.setting;
      cell = summary.cells.insert(summary.cells.end(), std::move(fresh));
    }
    const std::optional<JobResult>& result = results[static_cast<std::size_t>(job.index)];
    if (!result) {
      ++cell->open;
      continue;
    }
    add(*cell, job, *result);
    // A run that was killed by a signal has an exit code that is none of ours.
    const int code = result->exit_code;
    summary.code = worse(
        summary.code, (code >= 0 && code <= 5) || code == 130 ? static_cast<ExitCode>(code) : ExitCode::infrastructure);
    if (!job.lab)
      for (const std::string& node : result->unclean_nodes)
        summary.unclean.push_back(fmt::format("{} ({})", node, result->run));
  }
  summary.comparisons = compare(summary.cells);
  return summary;
}

std::string jobs_to_skip(const CampaignFolder& folder, const CampaignSummary& summary,
                         const std::vector<std::optional<JobResult>>& results, std::set<int>& skipped) {
  skipped.clear();
  const CampaignStop& stop = folder.campaign.stop;
  int violations = 0;
  for (const CellSummary& cell : summary.cells) violations += cell.violations;
  const bool enough = stop.violations && violations >= *stop.violations;
  const bool unclean = !summary.unclean.empty();
  std::set<std::string> certain;
  for (const CellSummary& cell : summary.cells)
    if (stop.interval && cell.trials > 0 && cell.interval().width() <= *stop.interval) certain.insert(cell.name);
  for (const CampaignJob& job : folder.jobs)
    if (!results[static_cast<std::size_t>(job.index)] && (enough || unclean || certain.contains(job.cell)))
      skipped.insert(job.index);
  if (skipped.empty()) return "";
  if (unclean) return "nodes are not proved clean: " + join(summary.unclean);
  if (enough) return fmt::format("{} violation{} found, as was wished", violations, violations == 1 ? "" : "s");
  return fmt::format("intervals of at most {}, as was wished", percent(*stop.interval));
}

std::string summary_text(const CampaignSummary& summary) {
  int done = 0, all = 0;
  for (const CellSummary& cell : summary.cells) {
    const int runs = cell.trials + cell.unknown + cell.failed;
    done += runs;
    all += runs + cell.open;
  }
  std::string out = fmt::format("{}: {} of {} runs\n", summary.name, done, all);
  for (const CellSummary& cell : summary.cells) {
    const Interval interval = cell.interval();
    out += fmt::format("  {}\n", cell.name);
    if (cell.trials == 0)
      out += "    no run was decided\n";
    else
      out += fmt::format("    a violation in {} of {} seeds: {}, 95 % interval {} to {}\n", cell.violations,
                         cell.trials, percent(static_cast<double>(cell.violations) / cell.trials),
                         percent(interval.low), percent(interval.high));
    if (!cell.kinds.empty()) out += fmt::format("    found: {}\n", join(cell.kinds));
    if (cell.violations > 0) {
      constexpr std::size_t kShown = 20;
      std::vector<std::string> seeds;
      for (const std::uint64_t seed : cell.violating_seeds)
        if (seeds.size() < kShown) seeds.push_back(std::to_string(seed));
      out += fmt::format("    seeds: {}{}\n    first: {}\n", join(seeds),
                         cell.violating_seeds.size() > kShown ? ", …" : "", cell.run);
      if (!cell.repeat.empty()) out += fmt::format("    again: {}\n", cell.repeat);
    }
    if (cell.unknown > 0) out += fmt::format("    undecided: {}\n", cell.unknown);
    if (cell.failed > 0) out += fmt::format("    failed: {} ({})\n", cell.failed, cell.why_failed);
    if (cell.trials > 0)
      out += fmt::format("    {} operations a run, {:.0f} s\n", with_thousands(cell.operations / cell.trials),
                         cell.seconds / cell.trials);
    if (cell.open > 0) out += fmt::format("    not run: {}\n", cell.open);
  }
  for (const Comparison& c : summary.comparisons)
    out += fmt::format("  {}{}: {} {} of {}, {} {} of {}: Fisher's exact test p = {:.3g}, {}\n", c.key,
                       c.rest.empty() ? "" : " (" + c.rest + ")", c.a, c.violations_a, c.trials_a, c.b, c.violations_b,
                       c.trials_b, c.p, c.p < 0.05 ? "so they differ" : "so nothing shows that they differ");
  if (!summary.stopped.empty()) out += fmt::format("  stopped early: {}\n", summary.stopped);
  for (const std::string& node : summary.unclean)
    out += fmt::format("  NOT PROVED CLEAN, do not use before `shaketable heal` says so: {}\n", node);
  out += fmt::format("  folder: {}\n", summary.folder);
  return out;
}

Value summary_json(const CampaignSummary& summary) {
  const auto texts = [](const std::vector<std::string>& list) { return Value::list({list.begin(), list.end()}); };
  std::vector<Value> cells, comparisons;
  for (const CellSummary& cell : summary.cells) {
    const Interval interval = cell.interval();
    std::vector<Value> seeds;
    for (const std::uint64_t seed : cell.violating_seeds) seeds.emplace_back(std::to_string(seed));
    cells.push_back(Value::map({{"name", cell.name},
                                {"plan", cell.plan},
                                {"setting", texts(cell.setting)},
                                {"violations", cell.violations},
                                {"trials", cell.trials},
                                {"low", interval.low},
                                {"high", interval.high},
                                {"unknown", cell.unknown},
                                {"failed", cell.failed},
                                {"open", cell.open},
                                {"violating_seeds", Value::list(std::move(seeds))},
                                {"found", texts(cell.kinds)},
                                {"first", cell.run},
                                {"repeat", cell.repeat},
                                {"why_failed", cell.why_failed},
                                {"operations", cell.operations},
                                {"seconds", cell.seconds}}));
  }
  for (const Comparison& c : summary.comparisons)
    comparisons.push_back(Value::map({{"key", c.key},
                                      {"plan", c.plan},
                                      {"rest", c.rest},
                                      {"a", c.a},
                                      {"b", c.b},
                                      {"violations_a", c.violations_a},
                                      {"trials_a", c.trials_a},
                                      {"violations_b", c.violations_b},
                                      {"trials_b", c.trials_b},
                                      {"p", c.p}}));
  return Value::map({{"schema", 1},
                     {"name", summary.name},
                     {"folder", summary.folder},
                     {"exit_code", static_cast<int>(summary.code)},
                     {"interval", "Clopper-Pearson, 95 %"},
                     {"cells", Value::list(std::move(cells))},
                     {"comparisons", Value::list(std::move(comparisons))},
                     {"unclean_nodes", texts(summary.unclean)},
                     {"stopped", summary.stopped}});
}

}  // namespace shaketable
