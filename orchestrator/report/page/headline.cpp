// The first screen: what came out, in one sentence, and what must not be overlooked.

#include <fmt/format.h>

#include <algorithm>

#include "base/duration.h"
#include "base/log.h"
#include "orchestrator/report/page/escape.h"
#include "orchestrator/report/page/source.h"
#include "orchestrator/report/verdict_text.h"

namespace shaketable::page {
namespace {

const char* word(const Outcome& outcome) {
  switch (outcome.validity()) {
    case Validity::valid:
      return "Valid";
    case Validity::invalid:
      return "Invalid";
    case Validity::unknown:
      return outcome.infrastructure.empty() ? "Unknown" : "Failed";
  }
  return "Unknown";
}

std::string plural(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", with_thousands(static_cast<std::int64_t>(count)), noun, count == 1 ? "" : "s");
}

std::string fact(std::string_view name, std::string_view value, std::string_view about = "") {
  return fmt::format("<div><dt>{}</dt><dd>{}{}</dd></div>\n", html(name), html(value),
                     about.empty() ? "" : fmt::format("<small>{}</small>", html(about)));
}

std::string warning(std::string_view title, const std::vector<std::string>& lines, bool grave) {
  std::string out =
      fmt::format("<div class=\"warning{}\" role=\"note\"><h2>{}</h2><ul>\n", grave ? " grave" : "", html(title));
  for (const std::string& line : lines) out += fmt::format("<li>{}</li>\n", html(line));
  return out + "</ul></div>\n";
}

std::string shown(const FaultCounts& faults) {
  if (faults.proved == faults.applied)
    return faults.applied == 1 ? "and it was shown to bite" : "and each was shown to bite";
  return fmt::format("of which {} {} shown to bite", faults.proved, faults.proved == 1 ? "was" : "were");
}

}  // namespace

std::string headline(const Source& source) {
  const Outcome& outcome = *source.outcome;
  const std::string system = outcome.system.empty() ? "The system" : outcome.system;
  switch (outcome.validity()) {
    case Validity::valid:
      return outcome.faults.applied ? fmt::format("{} kept its promises through {}, {}.", system,
                                                  plural(outcome.faults.applied, "fault"), shown(outcome.faults))
                                    : fmt::format("{} kept its promises; nothing was broken on purpose.", system);
    case Validity::invalid:
      for (const Judgement& judgement : outcome.judgements)
        if (judgement.verdict.valid == Validity::invalid) {
          const Verdict& verdict = judgement.verdict;
          const std::string promise = verdict.checker == "linearizable" ? "is not linearizable"
                                      : verdict.checker == "recovery"   ? "did not recover"
                                      : verdict.not_models.empty()
                                          ? fmt::format("broke a promise ({})", verdict.checker)
                                          : fmt::format("is not {}", verdict.not_models.front());
          return fmt::format("{} {}: {}.", system, promise,
                             verdict.reason.empty() ? "the history contradicts it" : verdict.reason);
        }
      return fmt::format("{} broke a promise.", system);
    case Validity::unknown:
      if (!outcome.infrastructure.empty())
        return "The run could not be carried through, so it decides nothing: " + outcome.infrastructure;
      for (const std::string& doubt : outcome.doubts)
        return fmt::format("This run does not decide whether {} keeps its promises: {}.", system, doubt);
      for (const Judgement& judgement : outcome.judgements)
        if (judgement.verdict.valid == Validity::unknown)
          return fmt::format("This run does not decide whether {} keeps its promises: {}: {}.", system,
                             judgement.verdict.checker, judgement.verdict.reason);
      return "This run was never judged.";
  }
  return {};
}

std::string verdict_part(const Source& source) {
  const Outcome& outcome = *source.outcome;
  const std::string_view verdict = word(outcome);
  std::string out =
      fmt::format("<p class=\"run\">{} · seed {} · {}</p>\n<h1><span class=\"badge {}\">{}</span> {}</h1>\n",
                  html(outcome.plan), outcome.seed, html(source.file->info().workload),
                  verdict == "Valid"     ? "valid"
                  : verdict == "Invalid" ? "invalid"
                                         : "unknown",
                  verdict, html_cut(headline(source), 600));

  std::vector<std::string> lines;
  for (const auto& [node, why] : outcome.unclean_nodes) lines.push_back(node + ": " + why);
  if (!lines.empty())
    out += warning("Nodes not proved clean: stop using them until shaketable heal says so", lines, true);
  lines.clear();
  if (!outcome.infrastructure.empty() && outcome.validity() != Validity::unknown)
    lines.push_back("infrastructure failed: " + outcome.infrastructure);
  if (outcome.interrupted) lines.emplace_back("interrupted: the load was ended early");
  const std::size_t told = outcome.validity() == Validity::unknown && outcome.infrastructure.empty() ? 1 : 0;
  for (std::size_t i = told; i < outcome.doubts.size(); ++i) lines.push_back("doubt: " + outcome.doubts[i]);
  for (const std::string& unproved : outcome.faults.unproved) lines.push_back("fault not proved to bite: " + unproved);
  for (const StrayClock& stray : outcome.clocks.strayed) lines.push_back(stray_text(stray));
  if (outcome.clocks.all_alike)
    lines.emplace_back("the nodes' clocks agree with each other, so it may be the controller's that is wrong");
  for (const std::string& note : outcome.notes) lines.push_back(note);
  if (!lines.empty()) out += warning("Keep in mind", lines, false);

  std::array<std::int64_t, kOutcomes> ended{};
  for (const Stretch& stretch : source.measures.stretches)
    for (std::size_t o = 0; o < kOutcomes; ++o) ended[o] += stretch.ended[o];
  std::int64_t open = 0;
  for (const FunctionTotals& f : source.measures.functions) open += f.never_completed;
  out += "<dl class=\"facts\">\n";
  out += fact(
      "Operations", with_thousands(static_cast<std::int64_t>(source.measures.calls.size())),
      fmt::format("{} ok, {} fail, {} info{}", with_thousands(ended[kOk]), with_thousands(ended[kFail]),
                  with_thousands(ended[kInfo]), open ? fmt::format(", {} never completed", with_thousands(open)) : ""));
  out += fact("Faults", fmt::format("{}", outcome.faults.applied),
              fmt::format("{} proved, {} undone and verified", outcome.faults.proved, outcome.faults.verified));
  const std::size_t nodes = source.file->info().nodes.size();
  if (!source.file->meta(kMetaUncleanNodes))
    out += fact("Nodes", fmt::format("{}", nodes), "whether they are clean was not recorded");
  else if (outcome.unclean_nodes.empty())
    out += fact("Nodes", fmt::format("{}", nodes), "all proved clean");
  else
    out += fact("Nodes", fmt::format("{}", nodes), fmt::format("{} not proved clean", outcome.unclean_nodes.size()));
  out += fact("Time", format_duration(Nanos(source.measures.end_ns - source.measures.begin_ns)),
              "from the load's start to the last event");
  out += "</dl>\n";
  if (!outcome.model.empty()) out += fmt::format("<p class=\"model\">{}</p>\n", html(outcome.model));
  if (!outcome.repeat.empty())
    out += fmt::format(
        "<div class=\"again\"><code id=\"repeat\">{}</code><button type=\"button\" data-copy=\"repeat\" "
        "hidden>Copy</button></div>\n",
        html(outcome.repeat));
  return out;
}

}  // namespace shaketable::page
