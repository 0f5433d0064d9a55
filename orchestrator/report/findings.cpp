#include "orchestrator/report/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/duration.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

// A process that ran out of something may stumble over it a little later.
constexpr Nanos kAfterEffect = 5s;
constexpr std::size_t kMostTold = 20;

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What was damaged stays damaged when the fault is over.
bool lasts_for_ever(std::string_view fault) {
  return is_one_of(fault, {"truncate", "bitflip", "copy-chunk"});
}

struct Event {
  std::string kind, node, what;
  std::int64_t earliest_ns = 0, latest_ns = 0;
  Value whole;
  std::vector<std::string> lines;
  bool crash() const { return kind != "log-line"; }
};

std::string_view text_of(const Value& map, const char* key) {
  const Value* found = map.find(key);
  return found && found->kind() == Value::Kind::string ? found->text() : std::string_view();
}

std::int64_t number_of(const Value& map, const char* key) {
  const Value* found = map.find(key);
  return found && found->is_integer() ? found->integer() : 0;
}

std::optional<std::vector<Event>> events_of(const Value& findings) {
  const Value* list = findings.kind() == Value::Kind::map ? findings.find("events") : nullptr;
  if (!list || !list->is_list()) return std::nullopt;
  std::vector<Event> events;
  for (const Value& item : list->items()) {
    if (item.kind() != Value::Kind::map) return std::nullopt;
    Event event;
    event.kind = text_of(item, "kind");
    event.node = text_of(item, "node");
    event.what = text_of(item, "what");
    event.earliest_ns = number_of(item, "earliest_ns");
    event.latest_ns = number_of(item, "latest_ns");
    event.whole = item;
    if (const Value* lines = item.find("lines"); lines && lines->is_list())
      for (const Value& line : lines->items())
        if (line.kind() == Value::Kind::string) event.lines.emplace_back(line.text());
    events.push_back(std::move(event));
  }
  return events;
}

// The fault that the event is to be laid at the door of, the one that asked for it first.
std::pair<Blame, std::string> blamed(const Event& event, const std::vector<FaultRecord>& faults) {
  std::pair<Blame, std::string> worst{Blame::none, ""};
  for (const FaultRecord& fault : faults) {
    const Blame blame = blame_of(fault.fault, event.crash());
    // A core dump or a want of memory is not what a fault that ends processes asks for.
    if (blame == Blame::none || (blame == Blame::asked && event.kind != "process-died")) continue;
    for (const FaultNodeRecord& node : fault.nodes) {
      if (node.node != event.node || (node.apply == ApplyState::pending && node.undo != UndoState::unknown)) continue;
      const bool undone = node.undo == UndoState::verified && node.undone_ns != kNotYet;
      const std::int64_t grace = blame == Blame::possible ? kAfterEffect.count() : 0;
      // The change was made some time before it was known to have been.
      const bool begun = event.latest_ns >= fault.intended_start_ns;
      const bool over = undone && !lasts_for_ever(fault.fault) && event.earliest_ns > node.undone_ns + grace;
      if (!begun || over) continue;
      if (worst.first != Blame::asked) worst = {blame, fmt::format("{} {}", fault.fault, fault.id)};
    }
  }
  return worst;
}

std::string told(const Event& event) {
  return fmt::format("{} at {}: {}", event.node, format_duration(Nanos(event.latest_ns)), event.what);
}

std::string with_lines(const Event& event) {
  std::string text = told(event);
  for (const std::string& line : event.lines) text += "\n  | " + line;
  return text;
}

struct Sorted {
  std::vector<const Event*> unexplained;
  std::vector<std::pair<const Event*, std::string>> explained;
  std::size_t asked = 0;
};

Judgement judgement_of(const char* checker, const Sorted& sorted, bool fails, const Value& findings) {
  Judgement judgement;
  Verdict& verdict = judgement.verdict;
  verdict.checker = checker;
  verdict.operations = 0;
  const std::size_t count = sorted.unexplained.size();
  verdict.valid = count > 0 && fails ? Validity::invalid : Validity::valid;
  for (const Event* event : sorted.unexplained)
    verdict.anomalies[event->kind].push_back({with_lines(*event), event->whole});
  std::string text;
  if (count > 0) {
    const std::string summary = fmt::format("{}{}", told(*sorted.unexplained.front()),
                                            count > 1 ? fmt::format(" (and {} more)", count - 1) : "");
    if (fails) verdict.reason = summary;
    for (std::size_t i = 0; i < std::min(count, kMostTold); ++i) text += with_lines(*sorted.unexplained[i]) + "\n";
    if (count > kMostTold) text += fmt::format("and {} more, which --json lists\n", count - kMostTold);
  }
  for (std::size_t i = 0; i < std::min(sorted.explained.size(), kMostTold); ++i)
    judgement.notes.push_back(
        fmt::format("{}; {} may be the cause", told(*sorted.explained[i].first), sorted.explained[i].second));
  if (sorted.explained.size() > kMostTold)
    judgement.notes.push_back(
        fmt::format("and {} more that a fault may be the cause of", sorted.explained.size() - kMostTold));
  verdict.explanation = text;
  const auto number = [](std::size_t n) { return Value(static_cast<std::int64_t>(n)); };
  verdict.details = Value::map({{"unexplained", number(count)},
                                {"explained", number(sorted.explained.size())},
                                {"asked", number(sorted.asked)},
                                {"processes", number_of(findings, "processes")},
                                {"omitted", number_of(findings, "omitted")}});
  if (const std::int64_t omitted = number_of(findings, "omitted"))
    judgement.notes.push_back(fmt::format("{} more on nodes that had very many were not kept", omitted));
  if (const Value* nodes = findings.find("unwatched"); nodes && nodes->is_list())
    for (const Value& node : nodes->items())
      if (node.kind() == Value::Kind::string) judgement.notes.push_back(fmt::format("not watched: {}", node.text()));
  return judgement;
}

}  // namespace

Blame blame_of(const std::string& fault, bool crash) {
  if (crash && is_one_of(fault, {"kill", "stop", "restart", "rolling-restart", "reboot", "power-cut", "lose-unsynced",
                                 "remove", "add"}))
    return Blame::asked;
  if (is_one_of(fault,
                {"disk-full", "memory", "fd", "io", "lost-writes", "truncate", "bitflip", "copy-chunk", "command"}))
    return Blame::possible;
  return Blame::none;
}

bool is_from_watch(const Judgement& judgement) {
  return judgement.verdict.checker == "crashes" || judgement.verdict.checker == "logs";
}

std::string findings_text(const Judgement& judgement) {
  const Verdict& verdict = judgement.verdict;
  if (verdict.explanation.empty() && judgement.notes.empty()) return "";
  std::string out = fmt::format("{}: {}\n", verdict.checker, to_string(verdict.valid));
  for (std::size_t start = 0; start < verdict.explanation.size();) {
    const std::size_t end = std::min(verdict.explanation.find('\n', start), verdict.explanation.size());
    out += fmt::format("  {}\n", std::string_view(verdict.explanation).substr(start, end - start));
    start = end + 1;
  }
  for (const std::string& note : judgement.notes) out += fmt::format("  note: {}\n", note);
  return out;
}

Result<std::vector<Judgement>> findings_judgements(const Value& findings, const std::vector<FaultRecord>& faults) {
  const auto events = events_of(findings);
  if (!events) return bad_input("the run's record of crashes and logs has another shape");
  Sorted crashes, logs;
  for (const Event& event : *events) {
    Sorted& sorted = event.crash() ? crashes : logs;
    const auto [blame, fault] = blamed(event, faults);
    if (blame == Blame::asked)
      ++sorted.asked;
    else if (blame == Blame::possible)
      sorted.explained.emplace_back(&event, fault);
    else
      sorted.unexplained.push_back(&event);
  }
  std::vector<Judgement> judgements;
  for (const auto& [name, sorted] : {std::pair{"crashes", &crashes}, std::pair{"logs", &logs}})
    if (const std::string_view wanted = text_of(findings, name); wanted != "off")
      judgements.push_back(judgement_of(name, *sorted, wanted == "fail", findings));
  return judgements;
}

}  // namespace shaketable
