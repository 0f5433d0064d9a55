// The measures as plots over time, each with its numbers as a table.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/duration.h"
#include "orchestrator/report/page/escape.h"
#include "orchestrator/report/page/plot_tables.h"
#include "orchestrator/report/page/source.h"
#include "orchestrator/report/page/thin.h"
#include "orchestrator/report/verdict_text.h"

namespace shaketable::page {
namespace {

constexpr std::size_t kPointsMax = 60'000;    // with which the page stays below 2 MB
constexpr std::size_t kSvgPointsMax = 6'000;  // a static picture shows no more
constexpr std::size_t kLanesMax = 12;
constexpr std::size_t kPanelsMax = 6;
constexpr std::size_t kReadingsMax = 2'000;  // of clocks, for each node

// A logarithmic axis from one power of ten to another.
void decades(Plot& plot, std::int64_t least_ns, std::int64_t most_ns) {
  if (least_ns > most_ns) least_ns = most_ns = 1'000'000;
  plot.from = std::pow(10, std::floor(std::log10(std::max(in_ms(least_ns), 1e-3))));
  plot.to = std::pow(10, std::ceil(std::log10(std::max(in_ms(most_ns), plot.from * 10))));
}

std::string rule_of(const Thinned& thinned) {
  std::int64_t of = 0, shown = 0;
  for (std::size_t o = 0; o < kOutcomes; ++o) {
    of += thinned.of[o];
    shown += thinned.shown[o];
  }
  if (shown == of) return fmt::format("All {} operations that completed are drawn.", with_thousands(of));
  std::string out =
      fmt::format("{} of {} operations that completed are drawn", with_thousands(shown), with_thousands(of));
  for (std::size_t o = 0; o < kOutcomes; ++o) {
    if (thinned.of[o] == 0) continue;
    if (thinned.cell_ns[o] == 0)
      out += fmt::format("; every {}", kOutcomeNames[o]);
    else
      out += fmt::format("; of {} the first in each cell of {} by a factor of {:.3g} in latency", kOutcomeNames[o],
                         format_duration(Nanos(thinned.cell_ns[o])), thinned.cell_factor[o]);
  }
  return out + ". So every extreme is there; counts and quantiles are of all.";
}

// A panel for each function, in order of use; the rarest share one if there are many.
std::vector<std::size_t> panels_of(const Measures& m, std::vector<std::string>& names) {
  std::vector<std::pair<std::int64_t, std::size_t>> by_count;
  for (std::size_t f = 0; f < m.functions.size(); ++f) {
    std::int64_t count = 0;
    for (const Latencies& latencies : m.functions[f].by_outcome) count -= latencies.count;
    by_count.emplace_back(count, f);
  }
  std::sort(by_count.begin(), by_count.end());
  std::vector<std::size_t> panel(m.functions.size());
  for (std::size_t i = 0; i < by_count.size(); ++i) {
    const bool own = by_count.size() <= kPanelsMax || i + 1 < kPanelsMax;
    if (own)
      names.push_back(m.functions[by_count[i].second].name);
    else if (names.size() < kPanelsMax)
      names.emplace_back("all others");
    panel[by_count[i].second] = std::min(i, kPanelsMax - 1);
  }
  return panel;
}

std::vector<Plot> scatter(const Source& source, std::size_t points_max) {
  const Measures& m = source.measures;
  const Thinned thinned = thin(m, points_max);
  std::vector<std::string> names;
  const std::vector<std::size_t> panel = panels_of(m, names);
  std::vector<Plot> plots;
  std::int64_t least = INT64_MAX, most = 0;
  for (const FunctionTotals& f : m.functions)
    for (const Latencies& latencies : f.by_outcome)
      if (latencies.count > 0) {
        least = std::min(least, latencies.least);
        most = std::max(most, latencies.most);
      }
  for (const std::string& name : names) {
    Plot plot;
    plot.id = fmt::format("latency-{}", plots.size());
    plot.title = fmt::format("Latency of {}", name.empty() ? "operations" : name);
    plot.about = "Each operation at the time it was invoked. " + rule_of(thinned);
    plot.logarithmic = plot.dots = true;
    // One axis for all functions, so that they can be compared.
    decades(plot, least, most);
    for (const char* outcome : kOutcomeNames) plot.series.push_back({outcome, outcome, {}, {}, {}});
    plots.push_back(std::move(plot));
  }
  for (const std::size_t i : thinned.kept) {
    const Call& call = m.calls[i];
    Series& series = plots[panel[call.function]].series[call.outcome];
    series.x.push_back(in_seconds(call.invoked_ns));
    series.y.push_back(std::max(in_ms(call.latency_ns()), 1e-3));
  }
  for (Plot& plot : plots) std::erase_if(plot.series, [](const Series& s) { return s.x.empty(); });
  return plots;
}

Series over_time(const Measures& m, std::string name, std::string look, auto value) {
  Series series{std::move(name), std::move(look), {}, {}, {}};
  for (std::size_t i = 0; i < m.stretches.size(); ++i) {
    series.x.push_back(in_seconds(m.begin_ns + m.width_ns * static_cast<std::int64_t>(i) + m.width_ns / 2));
    series.y.push_back(value(m.stretches[i]));
  }
  return series;
}

// Under an open load operations are due whatever the system does; what waits for a free client began late.
Plot due(const Measures& m) {
  Plot plot{
      "due", "Intended against actual times",
      "How much later than due operations began (by when they began), and how long it took from due to ok (by when "
      "that was). A microsecond stands for less."};
  plot.logarithmic = true;
  std::int64_t most = 1'000'000;
  for (const Stretch& stretch : m.stretches) most = std::max({most, stretch.late.p99, stretch.from_due.p99});
  decades(plot, 1'000, most);
  const auto of = [](Latencies Stretch::*what, std::int64_t Latencies::*which) {
    return [what, which](const Stretch& s) { return (s.*what).count ? std::max(in_ms((s.*what).*which), 1e-3) : NAN; };
  };
  plot.series = {over_time(m, "from due to ok, 99 %", "hue1", of(&Stretch::from_due, &Latencies::p99)),
                 over_time(m, "from due to ok, median", "ok", of(&Stretch::from_due, &Latencies::p50)),
                 over_time(m, "began late, 99 %", "hue6", of(&Stretch::late, &Latencies::p99)),
                 over_time(m, "began late, median", "hue2", of(&Stretch::late, &Latencies::p50))};
  return plot;
}

std::vector<Plot> stretched(const Source& source) {
  const Measures& m = source.measures;
  const std::string width = format_duration(Nanos(m.width_ns));
  Plot quantiles{"quantiles", "Latency of what succeeded: quantiles",
                 fmt::format("Of all that completed ok in each {}; exact, by nearest rank.", width)};
  quantiles.logarithmic = true;
  const auto of = [](std::int64_t Latencies::*which) {
    return [which](const Stretch& s) { return s.ok.count ? std::max(in_ms(s.ok.*which), 1e-3) : NAN; };
  };
  std::int64_t least = INT64_MAX, most = 0;
  for (const Stretch& stretch : m.stretches)
    if (stretch.ok.count > 0) {
      least = std::min(least, stretch.ok.p50);
      most = std::max(most, stretch.ok.most);
    }
  decades(quantiles, least, most);
  quantiles.series = {
      over_time(m, "slowest", "most", of(&Latencies::most)), over_time(m, "99 %", "p99", of(&Latencies::p99)),
      over_time(m, "95 %", "p95", of(&Latencies::p95)), over_time(m, "median", "p50", of(&Latencies::p50))};

  Plot rate{"rate", "Rate", fmt::format("Operations that ended in each {}, per second.", width)};
  rate.unit = Unit::per_second;
  const double per_second = 1e9 / static_cast<double>(m.width_ns);
  for (const Outcome3 outcome : {kOk, kInfo, kFail})
    rate.series.push_back(over_time(m, kOutcomeNames[outcome], kOutcomeNames[outcome], [&](const Stretch& s) {
      return static_cast<double>(s.ended[outcome]) * per_second;
    }));

  Plot availability{
      "availability", "Availability",
      fmt::format("How many of the operations that ended in each {} succeeded. A gap: none ended.", width)};
  availability.unit = Unit::percent;
  availability.to = 100;
  availability.series = {over_time(m, "succeeded", "ok", [](const Stretch& s) {
    return s.all() ? std::round(1e4 * static_cast<double>(s.ended[kOk]) / static_cast<double>(s.all())) / 100 : NAN;
  })};
  std::vector<Plot> plots{quantiles, rate, availability};
  if (m.open_load) plots.push_back(due(m));
  return plots;
}

std::vector<Plot> clocks(const Source& source) {
  if (source.clocks.empty()) return {};
  std::map<std::string, std::vector<const ClockOffsetRecord*>> by_node;
  for (const ClockOffsetRecord& reading : source.clocks) by_node[reading.node].push_back(&reading);
  Plot plot{"clocks", "Clocks of the nodes, against the controller's",
            "Positive: ahead. The bar is how far the truth may be from what was measured: half the round trip."};
  std::size_t number = 0, left_out = 0;
  for (const auto& [node, readings] : by_node) {
    Series series{node, fmt::format("hue{}", number++ % 8), {}, {}, {}};
    // The furthest of each group of readings stays.
    const std::size_t group = (readings.size() + kReadingsMax - 1) / kReadingsMax;
    for (std::size_t i = 0; i < readings.size(); i += group) {
      const auto last = readings.begin() + static_cast<std::ptrdiff_t>(std::min(i + group, readings.size()));
      const ClockOffsetRecord* furthest =
          *std::max_element(readings.begin() + static_cast<std::ptrdiff_t>(i), last,
                            [](auto a, auto b) { return std::abs(a->offset_ns) < std::abs(b->offset_ns); });
      series.x.push_back(in_seconds(furthest->time_ns));
      series.y.push_back(in_ms(furthest->offset_ns));
      series.error.push_back(in_ms(furthest->uncertainty_ns));
    }
    left_out += readings.size() - series.x.size();
    plot.series.push_back(std::move(series));
  }
  double least = 0, most = 0;  // the controller's own clock is always in sight
  for (const Series& series : plot.series)
    for (std::size_t i = 0; i < series.y.size(); ++i) {
      least = std::min(least, series.y[i] - series.error[i]);
      most = std::max(most, series.y[i] + series.error[i]);
    }
  plot.from = least - (most - least) * 0.05;
  plot.to = most + (most - least) * 0.05;
  if (left_out > 0)
    plot.about += fmt::format(" {} readings are left out: of each group the furthest is drawn.",
                              with_thousands(static_cast<std::int64_t>(left_out)));
  return {plot};
}

std::string key_of(const Plot& plot) {
  std::string out = "<ul class=\"key\">";
  for (const Series& series : plot.series)
    out += fmt::format("<li><svg viewBox=\"0 0 22 10\" aria-hidden=\"true\">{}</svg>{}</li>",
                       !plot.dots              ? fmt::format("<path class=\"line {}\" d=\"M1 5h20\"/>", series.look)
                       : series.look == "fail" ? "<path class=\"dots fail\" d=\"M8 2l6 6m0-6l-6 6\"/>"
                       : series.look == "info" ? "<path class=\"dots info\" d=\"M11 1l4 7h-8z\"/>"
                                               : "<path class=\"dots ok\" d=\"M11 5h0\"/>",
                       html_cut(series.name, 40));
  return out + "</ul>";
}

std::string figure(const Plot& plot, const Frame& frame, std::string_view table) {
  return fmt::format(
      "<figure class=\"plot-frame\" id=\"{0}\"><figcaption><h3>{1}</h3>{2}</figcaption>\n<div class=\"drawing\" "
      "data-plot=\"{0}\">{3}</div><p class=\"about\">{4}</p>{5}</figure>\n",
      plot.id, html_cut(plot.title, 80), key_of(plot), plot_svg(plot, frame), html(plot.about), table);
}

}  // namespace

Frame frame_of(const Source& source) {
  Frame frame;
  frame.from = in_seconds(source.measures.begin_ns);
  frame.to = std::max(in_seconds(source.measures.end_ns), frame.from + 1e-3);
  if (source.violation_ns) frame.mark = in_seconds(*source.violation_ns);
  // Whom a fault is meant for comes first, should there be more nodes than lanes.
  std::vector<std::string> wanted;
  const auto want = [&](const std::string& node) {
    if (std::find(wanted.begin(), wanted.end(), node) == wanted.end()) wanted.push_back(node);
  };
  if (source.file->info().nodes.size() <= kLanesMax && !source.faults.empty())
    for (const NodeRecord& node : source.file->info().nodes) want(node.name);
  for (const FaultRecord& fault : source.faults)
    for (const std::string& target : fault.targets) want(target);
  for (const FaultRecord& fault : source.faults)
    for (const FaultNodeRecord& node : fault.nodes) want(node.node);
  if (wanted.size() > kLanesMax) wanted.resize(kLanesMax);
  frame.lanes = wanted;

  std::map<std::string, std::size_t> hues;
  for (const FaultRecord& fault : source.faults) {
    const std::size_t hue = hues.emplace(fault.fault, hues.size() % 8).first->second;
    if (fault.actual_start_ns == kNotYet) continue;
    const std::string label = fmt::format("{} {}", fault.fault, fault.id);
    frame.shades.push_back({in_seconds(fault.actual_start_ns),
                            fault.actual_end_ns == kNotYet ? frame.to : in_seconds(fault.actual_end_ns), hue});
    const auto band = [&](const std::string& node, std::int64_t from, std::int64_t to, bool target) {
      const auto lane = std::find(frame.lanes.begin(), frame.lanes.end(), node);
      if (lane != frame.lanes.end())
        frame.bands.push_back({static_cast<std::size_t>(lane - frame.lanes.begin()), in_seconds(from),
                               to == kNotYet ? frame.to : in_seconds(to), label, hue, target});
    };
    const auto is_target = [&](const std::string& node) {
      return fault.targets.empty() ||
             std::find(fault.targets.begin(), fault.targets.end(), node) != fault.targets.end();
    };
    for (const FaultNodeRecord& node : fault.nodes)
      if (node.applied_ns != kNotYet) band(node.node, node.applied_ns, node.undone_ns, is_target(node.node));
    for (const std::string& target : fault.targets)
      if (std::none_of(fault.nodes.begin(), fault.nodes.end(), [&](const auto& node) { return node.node == target; }))
        band(target, fault.actual_start_ns, fault.actual_end_ns, true);
  }
  return frame;
}

std::vector<Plot> plots_of(const Source& source, bool for_svg) {
  std::vector<Plot> plots = scatter(source, for_svg ? kSvgPointsMax : kPointsMax);
  for (auto& more : {stretched(source), clocks(source)}) plots.insert(plots.end(), more.begin(), more.end());
  return plots;
}

std::string plots_part(const Source& source, const std::vector<Plot>& plots) {
  if (source.measures.calls.empty()) return {};
  std::string out =
      "<section aria-labelledby=\"over-time\"><h2 id=\"over-time\">What clients saw</h2>\n<p>Shaded: a fault was in "
      "force; the lanes under each plot say on which node (pale: the node took part, but was not the target). Times "
      "are "
      "seconds since the start of the run.</p>\n<div class=\"tools\" id=\"plot-tools\" hidden></div>\n";
  for (std::size_t i = 0; i < plots.size(); ++i) {
    const bool last_scatter = plots[i].dots && (i + 1 == plots.size() || !plots[i + 1].dots);
    out += figure(plots[i], source.frame,
                  last_scatter                    ? totals_table(source.measures)
                  : plots[i].id == "availability" ? stretch_table(source)
                  : plots[i].id == "clocks"       ? clock_table(source)
                  : plots[i].id == "due"          ? due_table(source.measures)
                                                  : std::string());
  }
  return out + "</section>\n";
}

}  // namespace shaketable::page
