// What the run was: nodes, logs, plan, versions.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/duration.h"
#include "base/log.h"
#include "history/text.h"
#include "orchestrator/report/page/escape.h"
#include "orchestrator/report/page/logs.h"
#include "orchestrator/report/page/source.h"

namespace shaketable::page {
namespace {

std::string utc(std::int64_t wall_ns) {
  const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds(wall_ns / 1'000'000)};
  const auto date = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day ymd{date};
  const std::chrono::hh_mm_ss clock{time - date};
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03} UTC", static_cast<int>(ymd.year()),
                     static_cast<unsigned>(ymd.month()), static_cast<unsigned>(ymd.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

std::string row(std::string_view name, std::string_view value) {
  return value.empty() ? "" : fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", html(name), html(value));
}

}  // namespace

std::string nodes_part(const Source& source) {
  const RunInfo& info = source.file->info();
  if (info.nodes.empty()) return {};
  const auto& unclean = source.outcome->unclean_nodes;
  const bool looked = source.file->meta(kMetaUncleanNodes).has_value();
  std::string out =
      "<section aria-labelledby=\"nodes\"><h2 id=\"nodes\">Nodes</h2>\n<div class=\"scroll\" tabindex=\"0\" "
      "role=\"region\" "
      "aria-label=\"Nodes\"><table><caption>Whether each node was left as it was found</caption><thead><tr><th "
      "scope=\"col\">Node</th><th scope=\"col\">Address</th><th scope=\"col\">Clean?</th><th "
      "scope=\"col\">Clock</th></tr>"
      "</thead><tbody>\n";
  for (const NodeRecord& node : info.nodes) {
    const auto why = std::find_if(unclean.begin(), unclean.end(), [&](const auto& u) { return u.first == node.name; });
    const auto& clocks = source.outcome->clocks.nodes;
    const auto clock =
        std::find_if(clocks.begin(), clocks.end(), [&](const NodeClock& c) { return c.node == node.name; });
    out += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td>", html(node.name), html(node.address));
    if (why != unclean.end())
      out += fmt::format("<td><b class=\"bad\">Not proved clean:</b> {}</td>", html(why->second));
    else
      out += looked ? "<td class=\"good\">clean</td>" : "<td>not recorded</td>";
    if (clock == clocks.end())
      out += "<td>not measured</td></tr>\n";
    else
      out += fmt::format("<td>{} to {}, ± {}</td></tr>\n",
                         with_unit(static_cast<double>(clock->least_ns / 1000) / 1000, Unit::milliseconds),
                         with_unit(static_cast<double>(clock->most_ns / 1000) / 1000, Unit::milliseconds),
                         with_unit(static_cast<double>(clock->uncertainty_ns / 1000) / 1000, Unit::milliseconds));
  }
  return out + "</tbody></table></div></section>\n";
}

std::string logs_part(const Source& source) {
  std::optional<std::int64_t> wall;
  if (source.violation_ns) wall = source.file->info().started_wall_ns + *source.violation_ns;
  const std::vector<LogExcerpt> excerpts = log_excerpts(source.folder, wall);
  if (excerpts.empty()) return {};
  std::string out = fmt::format(
      "<section aria-labelledby=\"logs\"><h2 id=\"logs\">Logs{}</h2>\n<p>{}</p>\n", wall ? " around the violation" : "",
      wall ? fmt::format("From 2 s before to 1 s after {}, by the clock of whoever wrote the line.", utc(*wall))
           : "The last lines of each file.");
  for (const LogExcerpt& excerpt : excerpts) {
    std::string text;
    for (const std::string& line : excerpt.lines) text += log::redact(line) + "\n";
    out +=
        fmt::format("<details><summary>{} <small>{} line{}{}</small></summary><pre tabindex=\"0\">{}</pre></details>\n",
                    html(excerpt.file), excerpt.lines.size(), excerpt.lines.size() == 1 ? "" : "s",
                    excerpt.left_out          ? fmt::format(", {} more are in the file", excerpt.left_out)
                    : wall && !excerpt.around ? ": the last ones, for they bear no time that could be read"
                                              : "",
                    html(text));
  }
  return out + "</section>\n";
}

std::string run_part(const Source& source) {
  const RunFile& file = *source.file;
  const RunInfo& info = file.info();
  std::string out =
      "<section aria-labelledby=\"run\"><h2 id=\"run\">The run</h2>\n<div class=\"scroll\" tabindex=\"0\" "
      "role=\"region\" "
      "aria-label=\"The run\"><table class=\"plain\"><caption class=\"hidden\">Facts about the run</caption><tbody>\n";
  out += row("Plan", fmt::format("{} ({})", info.name, info.plan_path));
  out += row("Seed", fmt::format("{}", info.seed));
  out += row("Workload", info.workload);
  out += row("System",
             info.system_version.empty() ? info.system : fmt::format("{}: {}", info.system, info.system_version));
  out += row("shaketable", info.version);
  out += row("Started", utc(info.started_wall_ns));
  out += row("Ended", file.ended_ns() == kNotYet
                          ? std::string(to_string(file.state()))
                          : fmt::format("{} later: {}", format_duration(Nanos(file.ended_ns())), file.why_ended()));
  out += row("Run folder", source.outcome->run);
  out += row("Replay of", file.meta("replay_of").value_or(""));
  out += row("Open load", file.meta("open_load").value_or(""));
  out += row("Again", source.outcome->repeat);
  out += "</tbody></table></div>\n";
  if (!source.notes.empty()) {
    out += "<details><summary>Remarks made during the run</summary><ul>\n";
    for (const NoteRecord& note : source.notes)
      out += fmt::format("<li>{}: {}</li>\n", html(seconds(note.time_ns)), html_cut(note.text, 2000));
    out += "</ul></details>\n";
  }
  out += fmt::format("<details open><summary>The plan as run</summary><pre tabindex=\"0\">{}</pre></details>\n",
                     html_cut(log::redact(info.plan_text), 100'000));
  return out + "</section>\n";
}

}  // namespace shaketable::page
