#include "checkers/isolation/models.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/text.h"

namespace shaketable::isolation {
namespace {

using std::string_view;

struct Model {
  string_view name;
  std::vector<string_view> implies, proscribes;
};

// Named as in Adya's thesis where it names them; -cycle-exists is a cycle of the level's kind that was proven, not
// shown.
const std::vector<Model>& models() {
  static const std::vector<Model> table = {
      {"PL-SS",
       {"PL-3", "PL-SI", "linearizable", "session-serializable", "strong-session-serializable",
        "strong-snapshot-isolation"},
       {"G1", "G1c-realtime", "G2-realtime", "PL-SS-cycle-exists"}},
      {"strong-session-serializable",
       {"PL-3", "strong-session-snapshot-isolation"},
       {"G1-process", "G2-process", "strong-session-serializable-cycle-exists"}},
      {"PL-3",
       {"PL-2.99", "PL-3U", "PL-SI", "view-serializable"},
       {"G1", "G2", "internal", "predicate-read-miss", "PL-3-cycle-exists"}},
      {"PL-2.99", {"PL-CS", "monotonic-atomic-view"}, {"G1", "G2-item", "lost-update", "PL-2.99-cycle-exists"}},
      {"PL-3U", {"PL-FCV"}, {"G1", "G-update"}},
      {"PL-FCV", {"PL-2+"}, {"G1", "G-SIb"}},
      {"PL-2+", {"PL-2L", "PL-CS"}, {"G1", "G-single"}},
      {"PL-2L", {"PL-2"}, {"G1", "G-monotonic"}},
      {"PL-CS", {"PL-2"}, {"G1", "G-cursor", "lost-update"}},
      {"PL-MSR", {"PL-2"}, {"G1", "G-MSR"}},
      {"strong-snapshot-isolation",
       {"strong-PL-2", "strong-session-snapshot-isolation"},
       {"internal", "G1-realtime", "G-nonadjacent-realtime", "strong-snapshot-isolation-cycle-exists"}},
      {"strong-session-snapshot-isolation",
       {"PL-SI", "strong-session-PL-2"},
       {"internal", "G1-process", "G-nonadjacent-process", "strong-session-snapshot-isolation-cycle-exists"}},
      {"PL-SI",
       {"PL-FCV", "PL-MSR", "monotonic-atomic-view", "parallel-snapshot-isolation", "prefix"},
       {"internal", "G1", "G-SI", "G-nonadjacent", "PL-SI-cycle-exists"}},
      {"parallel-snapshot-isolation", {"causal-cerone", "update-atomic"}, {"internal", "G1a"}},
      {"prefix", {"causal-cerone"}, {"internal", "G1a"}},
      {"update-atomic", {"read-atomic"}, {"lost-update"}},
      {"causal-cerone", {"read-atomic"}, {"internal", "G1a"}},
      {"read-atomic", {"monotonic-atomic-view"}, {"internal", "G1a", "future-read"}},
      {"monotonic-atomic-view", {"PL-2"}, {}},
      {"PL-2", {"PL-1"}, {"G1", "PL-2-cycle-exists"}},
      {"PL-1", {}, {"G0", "duplicate-elements", "cyclic-versions", "garbage-read", "PL-1-cycle-exists"}},
      {"strong-PL-2", {"strong-PL-1", "strong-session-PL-2"}, {"G1c-realtime", "strong-PL-2-cycle-exists"}},
      {"strong-PL-1", {"strong-session-PL-1"}, {"G0-realtime", "strong-PL-1-cycle-exists"}},
      {"strong-session-PL-2", {"PL-2", "strong-session-PL-1"}, {"G1c-process", "strong-session-PL-2-cycle-exists"}},
      {"strong-session-PL-1", {"PL-1"}, {"G0-process", "strong-session-PL-1-cycle-exists"}},
      {"linearizable", {"sequential"}, {}},
      {"sequential", {"causal"}, {}},
      {"causal", {"writes-follow-reads", "PRAM"}, {}},
      {"writes-follow-reads", {}, {}},
      {"PRAM", {"monotonic-reads", "monotonic-writes", "read-your-writes"}, {}},
      {"monotonic-reads", {}, {}},
      {"monotonic-writes", {}, {}},
      {"read-your-writes", {}, {}},
      {"session-serializable", {"1SR"}, {}},
      {"1SR", {}, {}},
      {"view-serializable", {}, {}},
  };
  return table;
}

// Other names; the first of a model is the one verdicts print.
constexpr std::array<std::pair<string_view, string_view>, 18> kOtherNames = {{
    {"strong-serializable", "PL-SS"},
    {"strict-serializable", "PL-SS"},
    {"serializable", "PL-3"},
    {"conflict-serializable", "PL-3"},
    {"repeatable-read", "PL-2.99"},
    {"update-serializable", "PL-3U"},
    {"forward-consistent-view", "PL-FCV"},
    {"consistent-view", "PL-2+"},
    {"monotonic-view", "PL-2L"},
    {"cursor-stability", "PL-CS"},
    {"monotonic-snapshot-read", "PL-MSR"},
    {"snapshot-isolation", "PL-SI"},
    {"read-committed", "PL-2"},
    {"read-uncommitted", "PL-1"},
    {"strong-read-committed", "strong-PL-2"},
    {"strong-read-uncommitted", "strong-PL-1"},
    {"strong-session-read-committed", "strong-session-PL-2"},
    {"strong-session-read-uncommitted", "strong-session-PL-1"},
}};

struct Implication {
  string_view anomaly;
  std::vector<string_view> implies;
};

const std::vector<Implication>& implications() {
  static const std::vector<Implication> table = {
      {"G0", {"G1c"}},
      {"G1a", {"G1"}},
      {"G1b", {"G1"}},
      {"G1c", {"G1"}},
      {"G-single-item", {"G-single", "G-nonadjacent-item"}},
      {"G-single", {"G-nonadjacent", "GSIb"}},
      {"G-nonadjacent-item", {"G-nonadjacent", "G2-item"}},
      {"G-nonadjacent", {"G2"}},
      {"G2-item", {"G2"}},
      {"incompatible-order", {"G1a"}},
      {"dirty-update", {"G1a"}},
      {"future-read", {"G1c"}},
      {"lost-update", {"write-skew", "G2-item"}},
      {"write-skew", {"G2"}},
      // Ours: the version orders of the process or real-time order contradict what was read. Deriving those orders
      // takes for granted that there is no G-single of that kind, so no weaker model is ruled out.
      {"cyclic-versions-process", {"G-single-item-process"}},
      {"cyclic-versions-realtime", {"G-single-item-realtime"}},
      {"cyclic-versions", {}},
      {"duplicate-elements", {}},
      {"garbage-read", {}},
      {"internal", {}},
      {"predicate-read-miss", {}},
      {"G-MSR", {}},
      {"G-SI", {}},
      {"G-SIb", {}},
      {"GSIa", {}},
      {"GSIb", {}},
      {"G-cursor", {}},
      {"G-monotonic", {}},
      {"G-update", {}},
      {"G1", {}},
      {"G2", {}},
  };
  return table;
}

// These exist in three kinds: by dependencies alone, with the order of processes, with the real-time order.
constexpr std::array<string_view, 9> kTimed = {
    "G0", "G1c", "G1", "G-single-item", "G-single", "G-nonadjacent-item", "G-nonadjacent", "G2-item", "G2"};

using Graph = std::map<std::string, Names, std::less<>>;

bool timed(string_view name) {
  return std::find(kTimed.begin(), kTimed.end(), name) != kTimed.end();
}

Graph direct_implications() {
  Graph graph;
  for (const Implication& row : implications()) {
    Names& out = graph[std::string(row.anomaly)];
    for (string_view weaker : row.implies) {
      out.emplace(weaker);
      if (!timed(row.anomaly) || !timed(weaker)) continue;
      for (const char* suffix : {"-process", "-realtime"})
        graph[std::string(row.anomaly) + suffix].insert(std::string(weaker) + suffix);
    }
  }
  for (string_view name : kTimed) {
    const std::string plain(name);
    graph[plain].insert(plain + "-process");
    graph[plain + "-process"].insert(plain + "-realtime");
    graph[plain + "-realtime"];
  }
  for (const Model& model : models()) {
    for (string_view anomaly : model.proscribes) graph[std::string(anomaly)];
  }
  return graph;
}

Names closure(const Graph& graph, string_view from) {
  Names reached;
  std::vector<string_view> open = {from};
  while (!open.empty()) {
    const string_view at = open.back();
    open.pop_back();
    if (!reached.emplace(at).second) continue;
    if (const auto found = graph.find(at); found != graph.end())
      open.insert(open.end(), found->second.begin(), found->second.end());
  }
  return reached;
}

std::map<std::string, Names, std::less<>> closures(const Graph& graph) {
  std::map<std::string, Names, std::less<>> all;
  for (const auto& [name, _] : graph) all.emplace(name, closure(graph, name));
  return all;
}

const Graph& anomaly_closures() {
  static const Graph all = closures(direct_implications());
  return all;
}

// canonical model -> itself and every model it implies
const Graph& model_closures() {
  static const Graph all = [] {
    Graph direct;
    for (const Model& model : models()) {
      Names& out = direct[std::string(model.name)];
      for (string_view weaker : model.implies) out.emplace(weaker);
    }
    return closures(direct);
  }();
  return all;
}

const Model* find_model(string_view canonical) {
  const auto found =
      std::find_if(models().begin(), models().end(), [&](const Model& m) { return m.name == canonical; });
  return found == models().end() ? nullptr : &*found;
}

Failure unknown_name(string_view what, string_view name, const std::vector<string_view>& known) {
  std::string message = std::string("unknown ") + std::string(what) + " \"" + std::string(name) + "\"";
  if (const string_view meant = nearest(name, known); !meant.empty())
    message += "; did you mean \"" + std::string(meant) + "\"?";
  return bad_input(std::move(message));
}

}  // namespace

string_view canonical_model(string_view name) {
  for (const auto& [other, canonical] : kOtherNames) {
    if (other == name) return canonical;
  }
  const Model* model = find_model(name);
  return model ? model->name : string_view();
}

string_view friendly_model(string_view canonical) {
  for (const auto& [other, of] : kOtherNames) {
    if (of == canonical) return other;
  }
  return canonical;
}

std::vector<string_view> canonical_models() {
  std::vector<string_view> names;
  for (const Model& model : models()) names.push_back(model.name);
  return names;
}

std::vector<string_view> model_names() {
  std::vector<string_view> names = canonical_models();
  for (const auto& [other, _] : kOtherNames) names.push_back(other);
  return names;
}

std::span<const string_view> directly_implied(string_view canonical) {
  const Model* model = find_model(canonical);
  return model ? std::span<const string_view>(model->implies) : std::span<const string_view>();
}

std::span<const string_view> directly_proscribed(string_view canonical) {
  const Model* model = find_model(canonical);
  return model ? std::span<const string_view>(model->proscribes) : std::span<const string_view>();
}

std::vector<string_view> other_names(string_view canonical) {
  std::vector<string_view> names;
  for (const auto& [other, of] : kOtherNames) {
    if (of == canonical) names.push_back(other);
  }
  return names;
}

std::vector<string_view> anomaly_names() {
  std::vector<string_view> names;
  for (const auto& [name, _] : anomaly_closures()) names.push_back(name);
  return names;
}

const Names& implied_anomalies(string_view anomaly) {
  static const Names none;
  const auto found = anomaly_closures().find(anomaly);
  return found == anomaly_closures().end() ? none : found->second;
}

Names anomalies_implying(std::span<const std::string> anomalies) {
  Names all;
  for (const auto& [name, implied] : anomaly_closures()) {
    if (std::any_of(anomalies.begin(), anomalies.end(),
                    [&weaker = implied](const std::string& a) { return weaker.contains(a); }))
      all.insert(name);
  }
  return all;
}

Names anomalies_prohibited_by(std::span<const std::string> names) {
  std::vector<std::string> proscribed;
  for (const std::string& name : names) {
    const auto found = model_closures().find(canonical_model(name));
    if (found == model_closures().end()) continue;
    for (const std::string& implied : found->second) {
      for (string_view anomaly : directly_proscribed(implied)) proscribed.emplace_back(anomaly);
    }
  }
  return anomalies_implying(proscribed);
}

std::vector<std::string> models_implying(string_view canonical) {
  std::vector<std::string> all;
  for (const auto& [model, implied] : model_closures()) {
    if (model != canonical && implied.contains(canonical)) all.emplace_back(friendly_model(model));
  }
  return all;
}

Boundary ruled_out_by(const Names& anomalies) {
  Names holding;  // every anomaly that holds by implication
  for (const std::string& anomaly : anomalies)
    holding.insert(implied_anomalies(anomaly).begin(), implied_anomalies(anomaly).end());
  const auto broken = [&](const std::string& model) {
    const auto proscribed = directly_proscribed(model);
    return std::any_of(proscribed.begin(), proscribed.end(), [&](string_view a) { return holding.contains(a); });
  };
  Names out;
  for (const auto& [model, implied] : model_closures()) {
    if (std::any_of(implied.begin(), implied.end(), broken)) out.insert(model);
  }
  Boundary boundary;
  for (const std::string& model : out) {
    const Names& implied = model_closures().find(model)->second;
    const bool weaker_is_out = std::any_of(implied.begin(), implied.end(), [&](const std::string& weaker) {
      return weaker != model && out.contains(weaker);
    });
    (weaker_is_out ? boundary.also_not : boundary.not_models).emplace_back(friendly_model(model));
  }
  std::sort(boundary.not_models.begin(), boundary.not_models.end());
  std::sort(boundary.also_not.begin(), boundary.also_not.end());
  return boundary;
}

Result<void> known_model(string_view name) {
  if (!canonical_model(name).empty()) return {};
  return unknown_name("consistency model", name, model_names());
}

Result<void> known_anomaly(string_view name) {
  if (anomaly_closures().contains(name)) return {};
  return unknown_name("anomaly", name, anomaly_names());
}

}  // namespace shaketable::isolation
