#include "orchestrator/report/page/plot_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/duration.h"
#include "orchestrator/report/page/escape.h"
#include "orchestrator/report/verdict_text.h"

namespace shaketable::page {
namespace {

std::string latency_cells(const Latencies& l) {
  std::string out;
  for (const std::int64_t ns : {l.least, l.p50, l.p95, l.p99, l.p999, l.most})
    out += fmt::format("<td class=\"number\">{}</td>", duration(ns));
  return out;
}

std::string faults_between(const Frame& frame, double from, double to) {
  std::vector<std::string> labels;
  for (const Band& band : frame.bands)
    if (band.from < to && band.to >= from && std::find(labels.begin(), labels.end(), band.label) == labels.end())
      labels.push_back(band.label);
  std::string out;
  for (const std::string& label : labels) out += (out.empty() ? "" : ", ") + label;
  return out;
}

}  // namespace

double in_seconds(std::int64_t ns) {
  return static_cast<double>(ns) / 1e9;
}
// Milliseconds to the microsecond.
double in_ms(std::int64_t ns) {
  return std::round(static_cast<double>(ns) / 1e3) / 1e3;
}

std::string seconds(std::int64_t ns) {
  return ns == kNotYet ? "–" : fmt::format("{:.3f} s", in_seconds(ns));
}

std::string duration(std::int64_t ns) {
  return ns < 0 ? "–" : format_duration(Nanos(ns));
}

std::string totals_table(const Measures& m) {
  std::string out =
      "<details class=\"data\"><summary>Latency as numbers</summary><div class=\"scroll\" tabindex=\"0\" "
      "role=\"region\" "
      "aria-label=\"Latency by operation and outcome\"><table><caption>Latency by operation and outcome: of all "
      "operations, exact</caption><thead><tr><th scope=\"col\">Operation</th><th scope=\"col\">Outcome</th><th "
      "scope=\"col\">Count</th><th scope=\"col\">Least</th><th scope=\"col\">Median</th><th scope=\"col\">95 %</th><th "
      "scope=\"col\">99 %</th><th scope=\"col\">99.9 %</th><th scope=\"col\">Most</th></tr></thead><tbody>\n";
  for (const FunctionTotals& f : m.functions) {
    for (std::size_t o = 0; o < kOutcomes; ++o)
      if (f.by_outcome[o].count > 0)
        out += fmt::format("<tr><th scope=\"row\">{}</th><td class=\"{}\">{}</td><td class=\"number\">{}</td>{}</tr>\n",
                           html_cut(f.name, 60), kOutcomeNames[o], kOutcomeNames[o],
                           with_thousands(f.by_outcome[o].count), latency_cells(f.by_outcome[o]));
    if (f.never_completed > 0)
      out += fmt::format(
          "<tr><th scope=\"row\">{}</th><td>never completed</td><td class=\"number\">{}</td><td "
          "colspan=\"6\"></td></tr>\n",
          html_cut(f.name, 60), with_thousands(f.never_completed));
  }
  return out + "</tbody></table></div></details>";
}

std::string stretch_table(const Source& source) {
  const Measures& m = source.measures;
  std::string out =
      "<details class=\"data\"><summary>Quantiles, rate and availability as numbers</summary><div class=\"scroll "
      "tall\" "
      "tabindex=\"0\" role=\"region\" aria-label=\"Quantiles, rate and availability over time\"><table><caption>What "
      "ended "
      "in each " +
      format_duration(Nanos(m.width_ns)) +
      "</caption><thead><tr><th scope=\"col\">From</th><th scope=\"col\">ok</th><th scope=\"col\">info</th><th "
      "scope=\"col\">fail</th><th scope=\"col\">Succeeded</th><th scope=\"col\">Median</th><th scope=\"col\">95 "
      "%</th><th "
      "scope=\"col\">99 %</th><th scope=\"col\">Slowest</th><th scope=\"col\">Faults in "
      "force</th></tr></thead><tbody>\n";
  for (std::size_t i = 0; i < m.stretches.size(); ++i) {
    const Stretch& s = m.stretches[i];
    const std::int64_t from = m.begin_ns + m.width_ns * static_cast<std::int64_t>(i);
    out += fmt::format(
        "<tr><th scope=\"row\" class=\"number\">{}</th><td class=\"number\">{}</td><td class=\"number\">{}</td><td "
        "class=\"number\">{}</td><td class=\"number\">{}</td>",
        seconds(from), s.ended[kOk], s.ended[kInfo], s.ended[kFail],
        s.all() ? fmt::format("{:.1f} %", 100 * static_cast<double>(s.ended[kOk]) / static_cast<double>(s.all()))
                : "–");
    for (const std::int64_t ns : {s.ok.p50, s.ok.p95, s.ok.p99, s.ok.most})
      out += fmt::format("<td class=\"number\">{}</td>", duration(ns));
    out += fmt::format("<td>{}</td></tr>\n",
                       html(faults_between(source.frame, in_seconds(from), in_seconds(from + m.width_ns))));
  }
  return out + "</tbody></table></div></details>";
}

std::string clock_table(const Source& source) {
  std::string out =
      "<details class=\"data\"><summary>Clocks as numbers</summary><div class=\"scroll\" tabindex=\"0\" "
      "role=\"region\" "
      "aria-label=\"Clock offsets\"><table><caption>Offset of each node's clock from the controller's, over the whole "
      "run</caption><thead><tr><th scope=\"col\">Node</th><th scope=\"col\">Readings</th><th "
      "scope=\"col\">Least</th><th "
      "scope=\"col\">Most</th><th scope=\"col\">Give or take (median)</th></tr></thead><tbody>\n";
  for (const NodeClock& node : source.outcome->clocks.nodes)
    out += fmt::format(
        "<tr><th scope=\"row\">{}</th><td class=\"number\">{}</td><td class=\"number\">{}</td><td "
        "class=\"number\">{}</td><td class=\"number\">{}</td></tr>\n",
        html(node.node), node.readings, with_unit(in_ms(node.least_ns), Unit::milliseconds),
        with_unit(in_ms(node.most_ns), Unit::milliseconds), with_unit(in_ms(node.uncertainty_ns), Unit::milliseconds));
  return out + "</tbody></table></div></details>";
}

std::string due_table(const Measures& m) {
  std::string out =
      "<details class=\"data\"><summary>Intended against actual as numbers</summary><div class=\"scroll tall\" "
      "tabindex=\"0\" role=\"region\" aria-label=\"Intended against actual times\"><table><caption>How late operations "
      "began, and how long they took from due to ok</caption><thead><tr><th scope=\"col\">From</th><th "
      "scope=\"col\">Late: median</th><th scope=\"col\">99 %</th><th scope=\"col\">Most</th><th scope=\"col\">Due to "
      "ok: median</th><th scope=\"col\">99 %</th><th scope=\"col\">Most</th></tr></thead><tbody>\n";
  for (std::size_t i = 0; i < m.stretches.size(); ++i) {
    out += fmt::format("<tr><th scope=\"row\" class=\"number\">{}</th>",
                       seconds(m.begin_ns + m.width_ns * static_cast<std::int64_t>(i)));
    for (const Latencies& l : {m.stretches[i].late, m.stretches[i].from_due})
      for (const std::int64_t ns : {l.p50, l.p99, l.most})
        out += fmt::format("<td class=\"number\">{}</td>", duration(ns));
    out += "</tr>\n";
  }
  return out + "</tbody></table></div></details>";
}

}  // namespace shaketable::page
