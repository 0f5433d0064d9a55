#include "orchestrator/report/ci.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "orchestrator/report/findings.h"
#include "orchestrator/report/verdict_text.h"

namespace shaketable {
namespace {

// The data of a workflow command ends with its line; properties end at a comma or a colon as well.
std::string command_data(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '%' ? "%25" : c == '\r' ? "%0D" : c == '\n' ? "%0A" : std::string(1, c);
  return out;
}

std::string command_property(std::string_view text) {
  std::string out;
  for (const char c : command_data(text)) out += c == ':' ? "%3A" : c == ',' ? "%2C" : std::string(1, c);
  return out;
}

std::string annotation(std::string_view level, std::string_view title, std::string_view message) {
  return fmt::format("::{} title={}::{}\n", level, command_property(title), command_data(message));
}

// What a system answered must not become a table, a link or a tag of ours.
std::string markdown(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\`*_{}[]()#+!|~").find(c) != std::string_view::npos) out += '\\';
    out += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : c == '\n' ? " " : std::string(1, c);
  }
  return out;
}

// A block of text as it is. The fence is longer than any within.
std::string block(std::string_view text) {
  std::size_t longest = 2, run = 0;
  for (const char c : text) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  const std::string fence(longest + 1, '`');
  return fmt::format("{}text\n{}{}{}\n", fence, text, text.ends_with('\n') ? "" : "\n", fence);
}

std::string_view headline(const Outcome& outcome) {
  switch (outcome.validity()) {
    case Validity::valid:
      return "kept its promises";
    case Validity::invalid:
      return "broke a promise";
    case Validity::unknown:
      break;
  }
  return outcome.infrastructure.empty() ? "may or may not have kept its promises" : "was not tested to the end";
}

// A label's value.
std::string label(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '\\' ? "\\\\" : c == '"' ? "\\\"" : c == '\n' ? "\\n" : std::string(1, c);
  return out;
}

double seconds(Nanos duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

std::string github_annotations(const Outcome& outcome) {
  std::string out;
  for (const Judgement& judgement : outcome.judgements) {
    const Verdict& verdict = judgement.verdict;
    if (verdict.valid == Validity::valid) continue;
    std::string message = verdict.reason.empty() ? verdict.explanation : verdict.reason;
    for (const auto& [name, found] : verdict.anomalies)
      if (!found.empty() && verdict.reason.empty()) message = fmt::format("{}: {}", name, found.front().text);
    message += fmt::format("\nagain: {}", outcome.repeat);
    const bool invalid = verdict.valid == Validity::invalid;
    out += annotation(invalid ? "error" : "warning",
                      fmt::format("{}: {} is {}", outcome.plan, verdict.checker, invalid ? "INVALID" : "unknown"),
                      message);
  }
  for (const std::string& doubt : outcome.doubts) out += annotation("warning", outcome.plan + ": undecided", doubt);
  for (const auto& [node, why] : outcome.unclean_nodes)
    out += annotation("error", fmt::format("{}: node {} is not proved clean", outcome.plan, node),
                      why + "\nDo not use it before `shaketable heal` says that it is.");
  if (!outcome.infrastructure.empty())
    out += annotation("error", outcome.plan + ": infrastructure failed", outcome.infrastructure);
  return out;
}

std::string github_summary(const Outcome& outcome) {
  std::string out =
      fmt::format("## {}: {} {}\n\n", markdown(outcome.plan), markdown(outcome.system), headline(outcome));
  out += "| checker | verdict | operations | seconds |\n|---|---|---|---|\n";
  for (const Judgement& judgement : outcome.judgements)
    out += fmt::format("| {} | {} | {} | {:.2f} |\n", markdown(judgement.verdict.checker),
                       to_string(judgement.verdict.valid), with_thousands(judgement.verdict.operations),
                       judgement.seconds);
  for (const std::string& doubt : outcome.doubts) out += fmt::format("\nUndecided: {}\n", markdown(doubt));
  if (!outcome.infrastructure.empty())
    out += fmt::format("\n**Infrastructure failed:** {}\n", markdown(outcome.infrastructure));
  if (!outcome.unclean_nodes.empty()) {
    out += "\n**Nodes not proved clean; do not use them before `shaketable heal` says so:**\n\n";
    for (const auto& [node, why] : outcome.unclean_nodes)
      out += fmt::format("* {}: {}\n", markdown(node), markdown(why));
  }
  if (!outcome.faults.applied_ones.empty()) {
    out += "\n| fault | nodes | what | proved | undone |\n|---|---|---|---|---|\n";
    for (const FaultLine& fault : outcome.faults.applied_ones)
      out +=
          fmt::format("| {} {} | {} | {} | {} | {} |\n", markdown(fault.fault), fault.id, markdown(join(fault.targets)),
                      markdown(fault.text), fault.proved ? "yes" : "**no**", fault.verified ? "yes" : "**not known**");
  }
  for (const Judgement& judgement : outcome.judgements)
    if (judgement.verdict.valid != Validity::valid)
      out += fmt::format("\n<details><summary>{}</summary>\n\n{}\n</details>\n", markdown(judgement.verdict.checker),
                         block(is_from_watch(judgement) ? findings_text(judgement) : judgement_text(judgement)));
  if (!outcome.repeat.empty()) out += fmt::format("\nAgain:\n\n{}", block(outcome.repeat));
  return out;
}

std::string prometheus_text(const Outcome& outcome) {
  std::string out;
  const std::string common = fmt::format("plan=\"{}\",system=\"{}\"", label(outcome.plan), label(outcome.system));
  const auto family = [&](std::string_view name, std::string_view help) {
    out += fmt::format("# HELP shaketable_{0} {1}\n# TYPE shaketable_{0} gauge\n", name, help);
  };
  const auto sample = [&](std::string_view name, std::string_view labels, double value) {
    out += fmt::format("shaketable_{}{{{}{}{}}} {}\n", name, common, labels.empty() ? "" : ",", labels, value);
  };
  const auto count = [](auto number) { return static_cast<double>(number); };
  family("run_exit_code", "0 pass, 1 violation, 2 unknown, 4 infrastructure failed, 5 unclean nodes, 130 interrupted.");
  sample("run_exit_code", "", static_cast<int>(outcome.code()));
  family("checker_valid", "1 valid, 0 invalid, -1 unknown.");
  for (const Judgement& judgement : outcome.judgements)
    sample("checker_valid", fmt::format("checker=\"{}\"", label(judgement.verdict.checker)),
           judgement.verdict.valid == Validity::valid     ? 1
           : judgement.verdict.valid == Validity::invalid ? 0
                                                          : -1);
  family("checker_seconds", "Wall time of the check.");
  for (const Judgement& judgement : outcome.judgements)
    sample("checker_seconds", fmt::format("checker=\"{}\"", label(judgement.verdict.checker)), judgement.seconds);
  family("operations", "Operations of the load by function and outcome.");
  for (const FunctionFigures& f : outcome.figures.functions)
    for (const auto& [result, number] : {std::pair{"ok", f.ok}, {"fail", f.fail}, {"info", f.info}})
      sample("operations", fmt::format("f=\"{}\",outcome=\"{}\"", label(f.f), result), count(number));
  family("latency_seconds", "Quantiles of the successful operations' latency.");
  for (const FunctionFigures& f : outcome.figures.functions)
    for (const auto& [quantile, value] :
         {std::pair{"0.5", f.p50}, {"0.9", f.p90}, {"0.99", f.p99}, {"0.999", f.p999}, {"1", f.most}})
      if (f.ok > 0)
        sample("latency_seconds", fmt::format("f=\"{}\",quantile=\"{}\"", label(f.f), quantile), seconds(value));
  family("operations_per_second", "Successful operations a second.");
  sample("operations_per_second", "", outcome.figures.rate());
  family("load_seconds", "From the first event of a client to the last.");
  sample("load_seconds", "", seconds(outcome.figures.lasted));
  family("faults", "Faults that were applied, shown to bite, and undone as verified.");
  sample("faults", "state=\"applied\"", count(outcome.faults.applied));
  sample("faults", "state=\"proved\"", count(outcome.faults.proved));
  sample("faults", "state=\"undone\"", count(outcome.faults.verified));
  family("unclean_nodes", "Nodes that could not be proved clean.");
  sample("unclean_nodes", "", count(outcome.unclean_nodes.size()));
  family("strayed_clocks", "Nodes whose clock strayed with no fault on it.");
  sample("strayed_clocks", "", count(outcome.clocks.strayed.size()));
  return out;
}

}  // namespace shaketable
