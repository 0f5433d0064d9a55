// What was broken, the proof that it bit, and what came of it.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/duration.h"
#include "base/text.h"
#include "history/text.h"
#include "orchestrator/report/page/escape.h"
#include "orchestrator/report/page/source.h"
#include "orchestrator/report/verdict_text.h"

namespace shaketable::page {
namespace {

std::string words(std::string_view key) {
  std::string out(key);
  for (char& c : out)
    if (c == '_' || c == '-') c = ' ';
  return out;
}

bool is_true(const Value& proof) {
  const Value* bit = proof.kind() == Value::Kind::map ? proof.find("bit") : nullptr;
  return bit && bit->kind() == Value::Kind::boolean && bit->boolean();
}

std::string text_of(const Value& value) {
  if (value.kind() == Value::Kind::string) return std::string(value.text());
  if (value.is_integer()) return with_thousands(value.integer());
  return to_json(value);
}

// "ipv4 packets dropped 158, probes failed 4"
std::string proof_text(const Value& proof) {
  if (proof.is_nil()) return "none was taken";
  if (proof.kind() != Value::Kind::map) return text_of(proof);
  std::string out;
  for (std::size_t i = 0; i + 1 < proof.items().size(); i += 2) {
    const Value &key = proof.items()[i], &value = proof.items()[i + 1];
    std::string name = key.kind() == Value::Kind::string ? std::string(key.text()) : to_edn(key);
    if (name == "bit") continue;
    std::string said;
    if (name.ends_with("_ns") && value.is_integer()) {
      name.resize(name.size() - 3);
      said = format_duration(Nanos(value.integer()));
    } else {
      said = text_of(value);
    }
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", words(name), said);
  }
  return out.empty() ? (is_true(proof) ? "shown to bite" : "did not bite") : out;
}

// Counts of packets and probes add up over nodes; of anything else the nodes' own words stand below.
std::string proof_summary(const FaultRecord& fault) {
  std::map<std::string, std::int64_t> sums;
  std::size_t bit = 0;
  for (const FaultNodeRecord& node : fault.nodes) {
    bit += is_true(node.proof);
    if (node.proof.kind() != Value::Kind::map) continue;
    for (std::size_t i = 0; i + 1 < node.proof.items().size(); i += 2) {
      const Value &key = node.proof.items()[i], &value = node.proof.items()[i + 1];
      if (key.kind() != Value::Kind::string || !value.is_integer()) continue;
      const std::string_view name = key.text();
      if (name.find("packets") != std::string_view::npos || name.starts_with("probes"))
        sums[words(name)] += value.integer();
    }
  }
  std::string out;
  for (const auto& [name, sum] : sums)
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", with_thousands(sum), name);
  if (!out.empty()) return out;
  if (fault.nodes.size() == 1) return proof_text(fault.nodes.front().proof);
  if (!fault.nodes.empty()) return fmt::format("on {} of {} nodes", bit, fault.nodes.size());
  return proof_text(fault.proof);
}

std::string_view undo_class(UndoState state) {
  return state == UndoState::verified ? "good" : state == UndoState::pending ? "" : "bad";
}

// Who it was meant for, and how: parameters hold the sentence that the nemesis made of it.
std::string about(const FaultRecord& fault) {
  if (fault.parameters.kind() != Value::Kind::map) return {};
  if (const Value* text = fault.parameters.find("text"); text && text->kind() == Value::Kind::string)
    return std::string(text->text());
  std::string out;
  for (std::size_t i = 0; i + 1 < fault.parameters.items().size(); i += 2)
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", text_of(fault.parameters.items()[i]),
                       text_of(fault.parameters.items()[i + 1]));
  return out;
}

std::string off_by(std::int64_t intended, std::int64_t actual) {
  if (intended == kNotYet || actual == kNotYet) return {};
  const Nanos off(std::abs(actual - intended) / 1'000'000 * 1'000'000);  // a millisecond more or less tells nothing
  return fmt::format("<small>{}{} than intended</small>", format_duration(off),
                     actual < intended ? " earlier" : " later");
}

// A row of its own below the fault's: its table needs the width.
std::string node_rows(const FaultRecord& fault) {
  if (fault.nodes.empty()) return {};
  std::string out = fmt::format(
      "<tr class=\"more\"><td colspan=\"6\"><details><summary>node by node</summary><div class=\"scroll\" "
      "tabindex=\"0\" "
      "role=\"region\" aria-label=\"Nodes of fault {0}\"><table><caption class=\"hidden\">Fault {0} node by "
      "node</caption>"
      "<thead><tr><th scope=\"col\">Node</th><th scope=\"col\">Applied</th><th scope=\"col\">Proof</th>"
      "<th scope=\"col\">Undone</th><th scope=\"col\">State after</th></tr></thead><tbody>\n",
      fault.id);
  for (const FaultNodeRecord& node : fault.nodes)
    out += fmt::format(
        "<tr><th scope=\"row\">{}</th><td class=\"number\">{}{}</td><td>{}{}</td><td class=\"number\">{}</td><td "
        "class=\"{}\">{}{}</td></tr>\n",
        html(node.node), html(seconds(node.applied_ns)),
        node.apply == ApplyState::done ? "" : fmt::format(" <b>{}</b>", to_string(node.apply)),
        is_true(node.proof) ? "" : "<b>not shown to bite:</b> ", html_cut(proof_text(node.proof), 400),
        html(seconds(node.undone_ns)), undo_class(node.undo), to_string(node.undo),
        node.notes.empty() ? "" : "; " + html_cut(node.notes, 400));
  return out + "</tbody></table></div></details></td></tr>\n";
}

}  // namespace

std::string faults_part(const Source& source) {
  std::string out = "<section aria-labelledby=\"broken\"><h2 id=\"broken\">What was broken</h2>\n";
  if (source.faults.empty()) return out + "<p>Nothing: this run had no faults.</p></section>\n";
  const FaultCounts& counts = source.outcome->faults;
  out +=
      fmt::format("<p>{} of {} faults that began were shown to bite; {} of {} were undone and read back clean.</p>\n",
                  counts.proved, counts.applied, counts.verified, counts.applied);
  out +=
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Faults\"><table><caption>Faults in the order "
      "in "
      "which they were made. Times since the start of the run.</caption><thead><tr><th scope=\"col\">Fault</th>"
      "<th scope=\"col\">Targets</th><th scope=\"col\">Began</th><th scope=\"col\">Ended</th>"
      "<th scope=\"col\">Did it bite?</th><th scope=\"col\">Undone</th></tr></thead><tbody>\n";
  std::map<std::string, std::size_t> hues;
  for (const FaultRecord& fault : source.faults) {
    const std::size_t hue = hues.emplace(fault.fault, hues.size() % 8).first->second;
    const bool began = fault.actual_start_ns != kNotYet;
    out += fmt::format(
        "<tr class=\"fault\"><th scope=\"row\"><span class=\"chip hue{}\"></span>{} "
        "{}</th><td>{}<small>{}</small></td>",
        hue, html(fault.fault), fault.id, html(join(fault.targets)), html_cut(about(fault), 300));
    if (!began) {
      out += fmt::format("<td colspan=\"4\">never began{}</td></tr>\n",
                         fault.notes.empty() ? "" : ": " + html_cut(fault.notes, 400));
      continue;
    }
    out += fmt::format("<td class=\"number\">{}{}</td><td class=\"number\">{}{}</td>",
                       html(seconds(fault.actual_start_ns)), off_by(fault.intended_start_ns, fault.actual_start_ns),
                       html(seconds(fault.actual_end_ns)), off_by(fault.intended_end_ns, fault.actual_end_ns));
    out += fmt::format("<td><b class=\"{}\">{}</b> {}</td>", is_true(fault.proof) ? "good" : "bad",
                       is_true(fault.proof) ? "Yes:" : "Not shown:", html_cut(proof_summary(fault), 400));
    out += fmt::format("<td class=\"number {}\">{}{}</td></tr>\n", undo_class(fault.undo), to_string(fault.undo),
                       fault.notes.empty() ? "" : "<small>" + html_cut(fault.notes, 400) + "</small>");
    out += node_rows(fault);
  }
  return out + "</tbody></table></div></section>\n";
}

std::string liveness_part(const Source& source) {
  if (source.measures.recoveries.empty()) return {};
  std::string out = "<section aria-labelledby=\"liveness\"><h2 id=\"liveness\">Did it come back?</h2>\n";
  for (const Judgement& judgement : source.outcome->judgements)
    if (judgement.verdict.checker == "recovery")
      out += fmt::format("<p>{}</p>\n", html(judgement.verdict.valid == Validity::valid
                                                 ? "After the last fault: " + judgement.verdict.explanation + "."
                                                 : judgement.verdict.reason));
  out += fmt::format(
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Recovery after each fault\"><table><caption>"
      "Recovery after each fault, from when it was undone. “Rate back” is the first second in which at least 80 % as "
      "many operations succeeded as in the median second before the first fault{}. Another fault may have begun "
      "meanwhile.</caption><thead><tr><th scope=\"col\">Fault</th><th scope=\"col\">Undone at</th><th "
      "scope=\"col\">First "
      "success</th><th scope=\"col\">Rate back</th><th scope=\"col\">Longest time without success</th><th "
      "scope=\"col\">Remark</th></tr></thead>"
      "<tbody>\n",
      source.measures.rate_before > 0 ? fmt::format(" ({:g}/s)", source.measures.rate_before)
                                      : " (none was seen: no whole second was without fault)");
  for (const Recovery& recovery : source.measures.recoveries) {
    const auto fault = std::find_if(source.faults.begin(), source.faults.end(),
                                    [&](const FaultRecord& f) { return f.id == recovery.fault; });
    const auto after = [&](std::int64_t ns) {
      return ns == kNotYet ? std::string("never") : format_duration(Nanos(ns - recovery.healed_ns)) + " later";
    };
    out += fmt::format(
        "<tr><th scope=\"row\">{} {}</th><td class=\"number\">{}</td><td class=\"number\">{}</td><td "
        "class=\"number\">{}</td><td class=\"number\">{}</td><td>{}</td></tr>\n",
        html(fault->fault), recovery.fault, html(seconds(recovery.healed_ns)), after(recovery.first_ok_ns),
        source.measures.rate_before > 0 ? after(recovery.steady_ns) : "–", html(duration(recovery.longest_gap_ns)),
        html_cut(fault->notes, 400));
  }
  return out + "</tbody></table></div></section>\n";
}

}  // namespace shaketable::page
