#include "orchestrator/serve/site.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/duration.h"
#include "base/text.h"
#include "history/text.h"
#include "orchestrator/report/old_runs.h"
#include "orchestrator/report/page/escape.h"
#include "orchestrator/report/verdict_text.h"
#include "orchestrator/run_folder.h"
#include "orchestrator/serve/assets.h"
#include "orchestrator/serve/html.h"

namespace shaketable::serve {
namespace fs = std::filesystem;
namespace {

using page::html;

// Our own pages load nothing but our own style and script, and send nothing away.
constexpr const char* kOwnPolicy =
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'";
// A report is one file that holds all it needs.
constexpr const char* kReportPolicy =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";
constexpr std::uintmax_t kLargestFile = 64u << 20;

std::string value_of(const Query& query, const std::string& name) {
  const auto found = query.find(name);
  return found == query.end() ? "" : found->second;
}

Page shown(std::string title, std::string body, bool script = false, int status = 200) {
  Page page;
  page.status = status;
  page.body = document(std::move(title), std::move(body), script);
  page.policy = kOwnPolicy;
  return page;
}

Page problem(int status, const std::string& message) {
  return shown(status == 404 ? "Not here" : "Cannot be shown",
               fmt::format("<h1>{}</h1><p>{}</p><p><a href=\"/\">All runs</a></p>",
                           status == 404 ? "Not here" : "This cannot be shown", html(message)),
               false, status);
}

Page answer(const Value& value) {
  Page page;
  page.type = "application/json";
  page.body = to_json(value) + "\n";
  page.policy = kOwnPolicy;
  return page;
}

Value entry_json(const RunEntry& run) {
  std::vector<Value> faults(run.faults.begin(), run.faults.end()),
      unclean(run.unclean_nodes.begin(), run.unclean_nodes.end());
  return Value::map({{"run", run.name},
                     {"plan", run.plan},
                     {"system", run.system},
                     {"seed", static_cast<std::int64_t>(run.seed)},
                     {"started_wall_ns", run.started_wall_ns},
                     {"verdict", verdict_word(run)},
                     {"exit_code", run.exit_code},
                     {"headline", run.headline},
                     {"faults", Value::list(std::move(faults))},
                     {"unclean_nodes", Value::list(std::move(unclean))},
                     {"figures", figures_json(run.figures)},
                     {"unreadable", run.unreadable}});
}

std::string choice(const std::string& name, const std::string& label, const std::set<std::string>& options,
                   const std::string& chosen) {
  std::string out = fmt::format("<label>{} <select name=\"{}\"><option value=\"\">any</option>", label, name);
  for (const std::string& option : options)
    out += fmt::format("<option{}>{}</option>", option == chosen ? " selected" : "", html(option));
  return out + "</select></label>\n";
}

std::string run_rows(const std::vector<RunEntry>& runs) {
  std::string out;
  for (const RunEntry& run : runs) {
    if (!run.unreadable.empty()) {
      out += fmt::format("<tr><td>{}</td><td><a href=\"/run/{}/\">{}</a></td><td colspan=\"7\">{}</td></tr>\n",
                         verdict_mark(run), url(run.name), html(run.name), page::html_cut(run.unreadable, 160));
      continue;
    }
    std::string unclean;
    if (!run.unclean_nodes.empty()) unclean = " <span class=\"verdict invalid\">nodes not clean</span>";
    out += fmt::format(
        "<tr><td>{}{}</td><td><a href=\"/run/{}/\">{}</a></td><td><a href=\"/trends?plan={}\">{}</a></td><td>{}</td>"
        "<td>{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td "
        "class=\"number\">{}</td><td>{}</td></tr>\n",
        verdict_mark(run), unclean, url(run.name), html(wall_time_text(run.started_wall_ns)), url(run.plan),
        html(run.plan), html(run.system), html(join(run.faults)), with_thousands(run.figures.all.invoked),
        milliseconds_text(run.figures.all.p50), milliseconds_text(run.figures.all.p99),
        page::html_cut(run.headline, 160));
  }
  return out;
}

std::string run_table(const std::vector<RunEntry>& runs) {
  return "<table><caption>" + with_thousands(static_cast<std::int64_t>(runs.size())) +
         (runs.size() == 1 ? " run" : " runs") +
         "</caption><thead><tr><th scope=\"col\">Verdict<th scope=\"col\">Started<th scope=\"col\">Plan<th "
         "scope=\"col\">System<th scope=\"col\">Faults<th scope=\"col\">Operations<th scope=\"col\">p50<th "
         "scope=\"col\">p99<th scope=\"col\">Why</tr></thead><tbody>\n" +
         run_rows(runs) + "</tbody></table>\n";
}

Result<RunFilter> filter_of(const Query& query) {
  RunFilter filter;
  filter.verdict = value_of(query, "verdict");
  filter.plan = value_of(query, "plan");
  filter.system = value_of(query, "system");
  filter.fault = value_of(query, "fault");
  for (const auto& [name, moment] : {std::pair{"since", &filter.since_wall_ns}, {"until", &filter.until_wall_ns}}) {
    const std::string text = value_of(query, name);
    if (text.empty()) continue;
    const auto parsed = parse_moment(text, wall_clock_ns());
    if (!parsed) return Failure(parsed.error().in(name));
    *moment = *parsed;
  }
  return filter;
}

std::string type_of(const fs::path& file) {
  const std::string extension = file.extension().string();
  if (extension == ".html") return "text/html; charset=utf-8";
  return extension == ".json" ? "application/json" : "text/plain; charset=utf-8";
}

// What of a run's folder may be seen: text, and nothing of the database, which may hold more than text.
bool may_be_shown(const std::string& file) {
  for (const char* name : {"report.html", "summary.txt", "summary.json", "plan.yaml", "shaketable.log"})
    if (file == name) return true;
  return file.starts_with("logs/");
}

std::string log_links(const RunEntry& run) {
  std::string out;
  std::error_code trouble;
  const fs::path logs = fs::path(run.folder) / "logs";
  std::vector<std::string> names;
  for (fs::recursive_directory_iterator each(logs, trouble), end; !trouble && each != end; each.increment(trouble))
    if (each->is_regular_file() && !each->is_symlink())
      names.push_back(each->path().lexically_relative(run.folder).string());
  std::sort(names.begin(), names.end());
  for (const std::string& name : names)
    out += fmt::format("<li><a href=\"/run/{}/{}\">{}</a></li>\n", url(run.name), url(name), html(name));
  return out.empty() ? "" : "<h2>Logs of the system</h2><ul>\n" + out + "</ul>\n";
}

}  // namespace

Page Site::get(const std::string& path, const Query& query) {
  if (path == "/") return runs(query, false);
  if (path == "/api/runs") return runs(query, true);
  if (path == "/trends") return trends(query);
  if (path == "/style.css") return {200, "text/css", std::string(assets::style_css), kOwnPolicy, ""};
  if (path == "/live.js") return {200, "text/javascript", std::string(assets::live_js), kOwnPolicy, ""};
  if (path.starts_with("/api/run/")) return live(path.substr(9));
  if (path.starts_with("/run/")) {
    // A run may lie deeper than its neighbours (a campaign's), so the name is the longest that is one.
    const std::string rest = path.substr(5);
    for (std::size_t end = rest.size(); end != std::string::npos && end > 0; end = rest.rfind('/', end - 1)) {
      if (!index_.find(rest.substr(0, end))) continue;
      if (end == rest.size()) return {303, "text/plain", "", kOwnPolicy, "/run/" + url(rest) + "/"};
      const std::string of_run = rest.substr(end + 1);
      return of_run.empty() ? run(rest.substr(0, end)) : file(rest.substr(0, end), of_run);
    }
  }
  return problem(404, "There is nothing at " + path + ".");
}

Page Site::runs(const Query& query, bool json) {
  const auto filter = filter_of(query);
  if (!filter) return problem(400, filter.error().message);
  const auto all = index_.list();
  if (!all) return problem(500, all.error().message);
  std::vector<RunEntry> chosen;
  std::set<std::string> plans, systems, faults;
  for (const RunEntry& run : *all) {
    if (run.unreadable.empty()) {
      plans.insert(run.plan);
      systems.insert(run.system);
      faults.insert(run.faults.begin(), run.faults.end());
    }
    if (filter->takes(run)) chosen.push_back(run);
  }
  if (json) {
    std::vector<Value> list;
    for (const RunEntry& run : chosen) list.push_back(entry_json(run));
    return answer(Value::map({{"schema", 1}, {"runs", Value::list(std::move(list))}}));
  }
  std::string body = "<h1>Runs</h1><form method=\"get\" action=\"/\">\n";
  body += choice("verdict", "Verdict", {"valid", "invalid", "unknown", "running", "not judged", "unreadable"},
                 filter->verdict);
  body += choice("plan", "Plan", plans, filter->plan) + choice("system", "System", systems, filter->system) +
          choice("fault", "Fault", faults, filter->fault);
  for (const auto& [name, label] : {std::pair{"since", "Since"}, {"until", "Until"}})
    body += fmt::format("<label>{} <input name=\"{}\" size=\"12\" placeholder=\"24h\" value=\"{}\"></label>\n", label,
                        name, html(value_of(query, name)));
  body += "<button>Show</button></form>\n";
  if (all->empty())
    body += fmt::format("<p>No runs in {} yet. <code>shaketable run configs/quickstart.yaml</code> makes one.</p>",
                        html(index_.results()));
  else
    body += run_table(chosen);
  return shown("Runs", body);
}

Page Site::trends(const Query& query) {
  RunFilter filter;
  filter.plan = value_of(query, "plan");
  const auto all = index_.list();
  if (!all) return problem(500, all.error().message);
  std::vector<RunEntry> chosen;
  for (const RunEntry& run : *all)
    if (run.unreadable.empty() && run.state != RunState::running && filter.takes(run)) chosen.push_back(run);
  if (chosen.empty()) return problem(404, "No run of the plan \"" + filter.plan + "\" has ended.");
  std::map<std::string, int> verdicts;
  for (const RunEntry& run : chosen) ++verdicts[verdict_word(run)];
  std::string counts;
  for (const auto& [verdict, times] : verdicts)
    counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", times, verdict);
  std::vector<RunEntry> oldest_first(chosen.rbegin(), chosen.rend());
  return shown(html(filter.plan), fmt::format("<h1>{}</h1><p>{}.</p>\n", html(filter.plan), counts) +
                                      trend_picture(oldest_first) + run_table(chosen));
}

Page Site::run(const std::string& name) {
  const auto found = index_.find(name);
  if (!found) return problem(404, found.error().message);
  const RunEntry& run = *found;
  if (!run.unreadable.empty()) return problem(500, run.unreadable);
  const bool running = run.state == RunState::running;
  std::string body = fmt::format("<h1>{} {}</h1><p>{}, seed {}, started {}</p>\n", html(run.plan), verdict_mark(run),
                                 html(run.system), run.seed, html(wall_time_text(run.started_wall_ns)));
  if (!run.unclean_nodes.empty())
    body += fmt::format(
        "<p class=\"alarm\">Nodes not proved clean, do not use them before <code>shaketable heal</code> says "
        "so: {}</p>\n",
        html(join(run.unclean_nodes)));
  if (running)
    body += fmt::format(
        "<section id=\"live\" data-run=\"{}\" aria-live=\"off\"><p id=\"now\">Reading …</p><div id=\"curve\"></div>"
        "<h2>Faults in force</h2><ul id=\"faults\"></ul><h2>Clocks</h2><ul id=\"clocks\"></ul>"
        "<h2>Log</h2><pre id=\"log\"></pre></section>\n",
        html(url(name)));
  std::string links;
  for (const auto& [file, label] : {std::pair{"report.html", "Report"},
                                    {"summary.txt", "Summary"},
                                    {"summary.json", "Summary as JSON"},
                                    {"plan.yaml", "Plan"},
                                    {"shaketable.log", "Log of the controller"}})
    if (fs::exists(fs::path(run.folder) / file))
      links += fmt::format("<li><a href=\"/run/{}/{}\">{}</a></li>\n", url(name), file, label);
  body += "<ul class=\"links\">" + links + "</ul>\n";
  if (!running) {
    if (const auto summary = read_file(run.folder + "/summary.txt")) body += "<pre>" + html(*summary) + "</pre>\n";
    body += log_links(run);
  }
  return shown(html(run.plan), body, running);
}

Page Site::live(const std::string& name) {
  const auto run = index_.look(name);
  if (!run) return problem(404, run.error().message);
  std::vector<Value> seconds, faults, clocks;
  for (const LiveSecond& each : run->seconds)
    seconds.push_back(Value::map({{"second", each.second},
                                  {"ok", each.ok},
                                  {"fail", each.fail},
                                  {"info", each.info},
                                  {"p50_ms", static_cast<double>(each.p50.count()) / 1e6},
                                  {"p99_ms", static_cast<double>(each.p99.count()) / 1e6}}));
  for (const FaultRecord& fault : run->faults)
    faults.push_back(Value::map({{"fault", fault.fault},
                                 {"targets", Value::list({fault.targets.begin(), fault.targets.end()})},
                                 {"since_ns", fault.actual_start_ns}}));
  for (const ClockOffsetRecord& clock : run->clocks)
    clocks.push_back(
        Value::map({{"node", clock.node}, {"offset_ns", clock.offset_ns}, {"uncertainty_ns", clock.uncertainty_ns}}));
  return answer(Value::map({{"schema", 1},
                            {"run", entry_json(run->entry)},
                            {"elapsed_ns", run->elapsed.count()},
                            {"seconds", Value::list(std::move(seconds))},
                            {"faults_in_force", Value::list(std::move(faults))},
                            {"clocks", Value::list(std::move(clocks))},
                            {"log", page::valid_utf8(run->log)}}));
}

Page Site::file(const std::string& name, const std::string& file) {
  const auto run = index_.find(name);
  if (!run) return problem(404, run.error().message);
  std::error_code trouble;
  const fs::path folder = fs::canonical(run->folder, trouble);
  const fs::path path = fs::weakly_canonical(folder / file, trouble);
  const std::string within = path.lexically_relative(folder).string();
  if (trouble || !may_be_shown(within) || !fs::is_regular_file(fs::symlink_status(path)))
    return problem(404, "The run has no " + file + ".");
  if (fs::file_size(path, trouble) > kLargestFile || trouble)
    return problem(
        413, fmt::format("{} is larger than {}; look at it in {}.", file, format_size(kLargestFile), run->folder));
  auto content = read_file(path.string());
  if (!content) return problem(500, content.error().message);
  return {200, type_of(path), std::move(*content), within == "report.html" ? kReportPolicy : kOwnPolicy, ""};
}

}  // namespace shaketable::serve
