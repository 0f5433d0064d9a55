#include "orchestrator/report/verdict_text.h"

#include <fmt/format.h>

#include "base/text.h"

namespace shaketable {
namespace {

Value texts(const std::vector<std::string>& items) {
  return Value::list({items.begin(), items.end()});
}

std::string indented(std::string_view text) {
  std::string out;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    out += fmt::format("  {}\n", text.substr(start, end - start));
    start = end + 1;
  }
  return out;
}

}  // namespace

Value validity_json(Validity validity) {
  switch (validity) {
    case Validity::valid:
      return true;
    case Validity::invalid:
      return false;
    case Validity::unknown:
      return "unknown";
  }
  return "unknown";
}

std::string with_thousands(std::int64_t number) {
  std::string digits = fmt::format("{}", number);
  for (std::size_t at = digits.size(); at > 3 + (number < 0);) digits.insert(at -= 3, 1, ',');
  return digits;
}

Value judgement_json(const Judgement& judgement) {
  const Verdict& v = judgement.verdict;
  std::vector<std::pair<Value, Value>> anomalies;
  for (const auto& [name, found] : v.anomalies) {
    std::vector<Value> list;
    for (const Anomaly& anomaly : found)
      list.push_back(Value::map({{"text", anomaly.text}, {"details", anomaly.details}}));
    anomalies.emplace_back(name, Value::list(std::move(list)));
  }
  return Value::map({{"schema", 1},
                     {"valid", validity_json(v.valid)},
                     {"checker", v.checker},
                     {"operations", v.operations},
                     {"seconds", judgement.seconds},
                     {"anomalies", Value::map(std::move(anomalies))},
                     {"not", texts(v.not_models)},
                     {"also_not", texts(v.also_not)},
                     {"reason", v.reason},
                     {"explanation", v.explanation},
                     {"details", v.details},
                     {"notes", texts(judgement.notes)}});
}

std::string judgement_line(const Judgement& judgement) {
  const Verdict& v = judgement.verdict;
  std::string line = fmt::format("{}: {} ({} operation{}, {:.2f} s)", v.checker, to_string(v.valid),
                                 with_thousands(v.operations), v.operations == 1 ? "" : "s", judgement.seconds);
  if (!v.reason.empty()) line += ": " + v.reason;
  return line;
}

std::string judgement_text(const Judgement& judgement) {
  const Verdict& v = judgement.verdict;
  // An explanation begins with the reason; said twice it would be read twice.
  Judgement head = judgement;
  if (!v.explanation.empty()) head.verdict.reason.clear();
  std::string out = judgement_line(head) + "\n";
  if (!v.not_models.empty()) out += fmt::format("  not {}\n", join(v.not_models));
  if (!v.explanation.empty()) {
    out += indented(v.explanation);
  } else {
    for (const auto& [name, found] : v.anomalies)
      for (const Anomaly& anomaly : found) out += fmt::format("  {}\n{}", name, indented(anomaly.text));
  }
  for (const std::string& note : judgement.notes) out += fmt::format("  note: {}\n", note);
  return out;
}

}  // namespace shaketable
