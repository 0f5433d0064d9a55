#include "orchestrator/report/page/page.h"

#include <fmt/format.h>

#include <algorithm>

#include "orchestrator/report/page/assets.h"
#include "orchestrator/report/page/escape.h"
#include "orchestrator/report/page/source.h"

namespace shaketable {
namespace page {
namespace {

// A browser runs only scripts of these sums: should text of the system under test ever get into the page as markup,
// it stays without effect.
std::string base64_of_hex(std::string_view hex) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto nibble = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
  std::string out;
  for (std::size_t at = 0; at < hex.size(); at += 6) {
    unsigned bits = 0;
    const std::size_t have = std::min<std::size_t>(6, hex.size() - at);
    for (std::size_t i = 0; i < 6; ++i) bits = bits << 4 | (i < have ? nibble(hex[at + i]) : 0);
    for (std::size_t i = 0; i < 4; ++i) out += i <= have / 2 ? letters[bits >> (18 - 6 * i) & 63] : '=';
  }
  return out;
}

std::string policy() {
  std::string scripts;
  for (const Asset* asset : {&kScript, &kPlotScript})
    if (!asset->text.empty()) scripts += fmt::format(" 'sha256-{}'", base64_of_hex(asset->sha256_hex));
  return fmt::format(
      "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src{}; base-uri 'none'; form-action 'none'",
      scripts);
}

// When the first violation showed: the end of the last to end of the operations that it names.
std::optional<std::int64_t> violation_of(const Source& source) {
  for (const Judgement& judgement : source.outcome->judgements) {
    if (judgement.verdict.valid != Validity::invalid) continue;
    for (const auto& [name, found] : judgement.verdict.anomalies)
      for (const Anomaly& anomaly : found) {
        std::vector<std::int64_t> positions = suspects_of(anomaly);
        std::sort(positions.begin(), positions.end());
        const auto named = [&](std::int64_t p) { return std::binary_search(positions.begin(), positions.end(), p); };
        std::optional<std::int64_t> at;
        for (const Call& call : source.measures.calls)
          if (named(call.position) || named(call.completion))
            at = std::max({at.value_or(0), call.invoked_ns, call.completed_ns});
        if (at) return at;
      }
  }
  return std::nullopt;
}

Result<Source> source_of(const RunFile& file, const Outcome& outcome) {
  Source source;
  source.file = &file;
  source.outcome = &outcome;
  source.folder = file.path();
  const auto slash = source.folder.rfind('/');
  source.folder = slash == std::string::npos ? "." : source.folder.substr(0, slash);
  auto faults = file.faults();
  if (!faults) return Failure(faults.error());
  source.faults = std::move(*faults);
  auto clocks = file.clock_offsets();
  if (!clocks) return Failure(clocks.error());
  source.clocks = std::move(*clocks);
  auto notes = file.notes();
  if (!notes) return Failure(notes.error());
  source.notes = std::move(*notes);
  auto measures = measure(file, source.faults);
  if (!measures) return Failure(measures.error());
  source.measures = std::move(*measures);
  source.suspects = suspects_of(outcome.judgements);
  source.violation_ns = violation_of(source);
  source.frame = frame_of(source);
  return source;
}

}  // namespace
}  // namespace page

Result<std::string> report_page(const RunFile& file, const Outcome& outcome) {
  using namespace page;
  const auto made = source_of(file, outcome);
  if (!made) return Failure(made.error());
  const Source& source = *made;
  const auto timeline = timeline_json(source);
  if (!timeline) return Failure(timeline.error());
  std::vector<Value> plots;
  if (!kPlotScript.text.empty())
    for (const Plot& plot : plots_of(source, false)) plots.push_back(plot_json(plot));

  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
      "http-equiv=\"Content-Security-Policy\" "
      "content=\"{}\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta "
      "name=\"color-scheme\" "
      "content=\"light dark\">\n<meta name=\"generator\" content=\"shaketable "
      "{}\">\n<title>{}</title>\n<style>{}\n{}</style>\n"
      "</head>\n<body>\n<a class=\"skip\" href=\"#broken\">Skip to what was broken</a>\n<header>\n{}</header>\n",
      policy(), SHAKETABLE_VERSION, html_cut(headline(source), 120), kPlotStyle.text, kStyle.text,
      verdict_part(source));
  out +=
      "<nav aria-label=\"Parts of this report\"><a href=\"#broken\">What was broken</a><a href=\"#why\">Why</a>"
      "<a href=\"#timeline\">Process by process</a><a href=\"#over-time\">What clients saw</a><a "
      "href=\"#nodes\">Nodes</a>"
      "<a href=\"#run\">The run</a></nav>\n<main>\n";
  out += faults_part(source) + reasons_part(source) + timeline_part(source) +
         plots_part(source, plots_of(source, true)) + liveness_part(source) + nodes_part(source) + logs_part(source) +
         run_part(source);
  out += "</main>\n<div id=\"spoken\" class=\"hidden\" aria-live=\"polite\"></div>\n";
  out += fmt::format(
      "<script type=\"application/json\" id=\"data\">{}</script>\n",
      script_json(Value::map(
          {{"frame", frame_json(source.frame)}, {"plots", Value::list(std::move(plots))}, {"timeline", *timeline}})));
  if (!kPlotScript.text.empty()) out += fmt::format("<script>{}</script>\n", kPlotScript.text);
  out += fmt::format("<script>{}</script>\n</body>\n</html>\n", kScript.text);
  return valid_utf8(out);
}

}  // namespace shaketable
