#include <fmt/format.h>

#include "base/text.h"
#include "orchestrator/report/ci.h"
#include "orchestrator/report/findings.h"
#include "orchestrator/report/verdict_text.h"

namespace shaketable {
namespace {

std::string xml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\n':
        out += "&#10;";
        break;
      case '\t':
        out += ' ';
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20) out += c;  // XML 1.0 has no other control characters, escaped or not
    }
  }
  return out;
}

}  // namespace

std::string outcome_junit(const Outcome& outcome) {
  std::size_t failures = 0, errors = 0;
  double lasted = 0;
  for (const Judgement& judgement : outcome.judgements) lasted += judgement.seconds;
  std::string cases;
  auto add = [&](std::string_view name, double seconds, std::string_view element, std::string_view message,
                 std::string_view text) {
    cases += fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3f}\"", xml(outcome.plan), xml(name),
                         seconds);
    cases += element.empty() ? "/>\n"
                             : fmt::format(">\n      <{0} message=\"{1}\">{2}</{0}>\n    </testcase>\n", element,
                                           xml(message), xml(text));
  };
  for (const Judgement& judgement : outcome.judgements) {
    const bool bad = judgement.verdict.valid == Validity::invalid, open = judgement.verdict.valid == Validity::unknown;
    failures += bad;
    errors += open;
    add(judgement.verdict.checker, judgement.seconds,
        bad    ? "failure"
        : open ? "error"
               : "",
        judgement.verdict.reason, is_from_watch(judgement) ? findings_text(judgement) : judgement_text(judgement));
  }
  if (!outcome.doubts.empty()) {
    ++errors;
    add("enough happened to judge", 0, "error", outcome.doubts.front(), outcome.doubts.front());
  }
  std::string unclean;
  for (const auto& [node, why] : outcome.unclean_nodes) unclean += fmt::format("{}: {}\n", node, why);
  errors += !unclean.empty();
  add("nodes are clean", 0, unclean.empty() ? "" : "error", "nodes not proved clean", unclean);
  if (!outcome.infrastructure.empty()) {
    ++errors;
    add("infrastructure", 0, "error", outcome.infrastructure, outcome.infrastructure);
  }
  const std::size_t tests = outcome.judgements.size() + 1 + !outcome.doubts.empty() + !outcome.infrastructure.empty();
  std::string strayed;
  for (const StrayClock& stray : outcome.clocks.strayed) strayed += stray_text(stray) + "\n";
  std::string properties;
  const auto property = [&](std::string_view name, std::string_view value) {
    properties += fmt::format("      <property name=\"{}\" value=\"{}\"/>\n", xml(name), xml(value));
  };
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"run", outcome.run},
           {"seed", fmt::format("{}", outcome.seed)},
           {"repeat", outcome.repeat},
           {"unclean_nodes", unclean},
           {"strayed_clocks", strayed},
           {"model", outcome.model},
           {"faults", fmt::format("{} applied, {} proved, {} undone", outcome.faults.applied, outcome.faults.proved,
                                  outcome.faults.verified)}})
    property(name, value);
  for (const FaultLine& fault : outcome.faults.applied_ones)
    property(fmt::format("fault.{}", fault.id),
             fmt::format("{} on {}: {} ({}, {})", fault.fault, join(fault.targets, " "), fault.text,
                         fault.proved ? "proved" : "not proved", fault.verified ? "undone" : "not known to be undone"));
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"shaketable\" tests=\"{1}\" failures=\"{2}\" "
      "errors=\"{3}\" time=\"{4:.3f}\">\n  <testsuite name=\"{0}\" tests=\"{1}\" failures=\"{2}\" errors=\"{3}\" "
      "skipped=\"0\" time=\"{4:.3f}\">\n"
      "    <properties>\n{5}    </properties>\n{6}  </testsuite>\n</testsuites>\n",
      xml(outcome.plan), tests, failures, errors, lasted, properties, cases);
}

}  // namespace shaketable
