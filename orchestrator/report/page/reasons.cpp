// Why: what each checker found, with a drawing where there is one to make.

#include <fmt/format.h>

#include <algorithm>

#include "base/duration.h"
#include "checkers/isolation/isolation.h"
#include "history/text.h"
#include "orchestrator/report/findings.h"
#include "orchestrator/report/page/counterexample.h"
#include "orchestrator/report/page/escape.h"
#include "orchestrator/report/page/source.h"
#include "orchestrator/report/verdict_text.h"

namespace shaketable::page {
namespace {

constexpr std::size_t kTextMax = 20'000;  // characters of one explanation
constexpr std::size_t kDrawnMax = 4;      // of one kind of anomaly
constexpr std::size_t kExamplesMax = 12;  // listed, of one kind

std::string_view meaning(std::string_view type) {
  if (type == "ww") return "the second overwrites the first";
  if (type == "wr") return "the second reads what the first wrote";
  if (type == "rw") return "the second overwrites what the first had read";
  if (type == "realtime") return "the first had completed before the second was invoked";
  if (type == "process" || type == "session") return "one client did the first before the second";
  if (type == "initial") return "the initial state comes before everything";
  return "";
}

const Value* list_at(const Value& map, const char* key) {
  const Value* value = map.kind() == Value::Kind::map ? map.find(key) : nullptr;
  return value && value->is_list() ? value : nullptr;
}

std::string string_at(const Value& map, const char* key) {
  const Value* value = map.kind() == Value::Kind::map ? map.find(key) : nullptr;
  return !value ? "" : value->kind() == Value::Kind::string ? std::string(value->text()) : to_edn(*value);
}

std::string cycle(const Value& details, std::string_view name) {
  const std::string picture = visible(cycle_svg(details));
  const Value* steps = list_at(details, "steps");
  const Value* transactions = list_at(details, "transactions");
  if (picture.empty() || !steps || !transactions) return {};
  std::string out = fmt::format(
      "<figure class=\"cycle\"><div class=\"scroll paper\" tabindex=\"0\" role=\"img\" aria-label=\"{} as a graph of "
      "{} "
      "transactions; the table below says the same\">{}</div>\n",
      html(name), transactions->size(), picture);
  out +=
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Edges of the cycle\"><table><caption>Each "
      "comes "
      "before the next, and the last before the first: no order of these transactions is "
      "possible.</caption><thead><tr><th "
      "scope=\"col\">Edge</th><th scope=\"col\">Why</th><th scope=\"col\">What that kind of edge "
      "means</th></tr></thead>"
      "<tbody>\n";
  for (const Value& step : steps->items()) {
    const std::string type = string_at(step, "type");
    out += fmt::format("<tr><th scope=\"row\"><span class=\"edge {}\">{}</span></th><td>{}</td><td>{}</td></tr>\n",
                       html(type), html(type), html_cut(string_at(step, "text"), 1000), meaning(type));
  }
  out += "</tbody></table></div>\n<details><summary>The transactions</summary><dl class=\"transactions\">\n";
  std::size_t number = 0;
  for (const Value& txn : transactions->items()) {
    ++number;
    out += fmt::format("<dt>T{}</dt><dd>operation {} of process {} ({}): <code>{}</code></dd>\n", number,
                       html(string_at(txn, "op")), html(string_at(txn, "process")), html(string_at(txn, "type")),
                       html_cut(string_at(txn, "value"), 2000));
  }
  return out + "</dl></details></figure>\n";
}

std::string anomaly(const std::string& name, const std::vector<Anomaly>& found) {
  std::string out = fmt::format("<h4>{}{}</h4>\n", html(name),
                                found.size() > 1 ? fmt::format(" <small>{} examples</small>", found.size()) : "");
  std::size_t drawn = 0, listed = 0;
  std::string rest;
  for (const Anomaly& one : found) {
    std::string picture;
    if (drawn < kDrawnMax) {
      picture = cycle(one.details, name);
      if (picture.empty()) picture = counterexample(one.details);
    }
    const bool first = drawn == 0 && listed == 0;
    if (!picture.empty()) {
      ++drawn;
      // The first is what people came for; the others wait folded.
      out += first ? picture : fmt::format("<details><summary>Another {}</summary>{}</details>\n", html(name), picture);
    } else if (listed < kExamplesMax) {
      ++listed;
      rest += fmt::format("<li><pre class=\"text\">{}</pre></li>\n", html_cut(one.text, kTextMax));
    }
  }
  if (!rest.empty()) out += fmt::format("<ul class=\"findings\">{}</ul>\n", rest);
  if (drawn + listed < found.size())
    out += fmt::format("<p class=\"about\">{} more are in the run's history.db.</p>\n", found.size() - drawn - listed);
  return out;
}

}  // namespace

std::string reasons_part(const Source& source) {
  std::string out = "<section aria-labelledby=\"why\"><h2 id=\"why\">Why</h2>\n";
  std::size_t told = 0;
  for (const Validity wanted : {Validity::invalid, Validity::unknown, Validity::valid})
    for (const Judgement& judgement : source.outcome->judgements) {
      const Verdict& verdict = judgement.verdict;
      if (verdict.valid != wanted || verdict.checker == "recovery") continue;
      ++told;
      const std::string how =
          is_from_watch(judgement)
              ? "Processes and logs of the nodes, watched"
              : fmt::format(
                    "{} operation{} judged in {}", with_thousands(verdict.operations),
                    verdict.operations == 1 ? "" : "s",
                    judgement.seconds < 0.001
                        ? "less than 1ms"
                        : format_duration(Nanos(static_cast<std::int64_t>(judgement.seconds * 1e3) * 1'000'000)));
      out +=
          fmt::format("<article><h3><span class=\"badge small {}\">{}</span> {}</h3>\n<p>{}{}</p>\n",
                      verdict.valid == Validity::valid     ? "valid"
                      : verdict.valid == Validity::invalid ? "invalid"
                                                           : "unknown",
                      verdict.valid == Validity::invalid ? "invalid" : to_string(verdict.valid), html(verdict.checker),
                      how, verdict.reason.empty() ? "." : ": " + html_cut(verdict.reason, 1000) + ".");
      if (!verdict.not_models.empty()) {
        out += "<p>Ruled out: ";
        for (const std::string& model : verdict.not_models) out += fmt::format("<code>{}</code> ", html(model));
        if (!verdict.also_not.empty()) {
          out += "<span class=\"muted\">and so everything that implies it: ";
          for (const std::string& model : verdict.also_not) out += fmt::format("<code>{}</code> ", html(model));
          out += "</span>";
        }
        out += "</p>\n";
      }
      for (const auto& [name, found] : verdict.anomalies) out += anomaly(name, found);
      if (!verdict.explanation.empty())
        out += fmt::format("<details{}><summary>The checker's own words</summary><pre>{}</pre></details>\n",
                           verdict.anomalies.empty() && verdict.valid != Validity::valid ? " open" : "",
                           html_cut(verdict.explanation, kTextMax));
      for (const std::string& note : judgement.notes)
        out += fmt::format("<p class=\"about\">Note: {}</p>\n", html(note));
      out += "</article>\n";
    }
  if (told == 0) out += "<p>No checker has judged this run yet: <code>shaketable check RUN</code> does.</p>\n";
  return out + "</section>\n";
}

}  // namespace shaketable::page
