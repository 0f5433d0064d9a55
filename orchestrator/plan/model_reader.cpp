#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "orchestrator/plan/parts.h"

namespace shaketable {
namespace {

const std::vector<std::string> kTimings{"synchronous", "partially-synchronous", "asynchronous"};
const std::vector<std::string> kFailures{"none", "crash-stop", "crash-recovery", "weak-byzantine"};

// The place of the word in its list, which is that of the enumerator.
template <class Enum>
void choose(Fields& fields, const char* key, const std::vector<std::string>& words, Enum& out) {
  const Yaml* node = fields.find(key);
  if (!node) return;
  if (const auto word = to_choice(*node, key, fields.problems(), words))
    out = static_cast<Enum>(std::distance(words.begin(), std::find(words.begin(), words.end(), *word)));
}

}  // namespace

void read_model(Fields& top, Plan& plan) {
  const YamlEntry* entry = top.entry("model");
  if (!entry) return;
  Problems& problems = top.problems();
  if (entry->value->kind != YamlKind::map) {
    problems.add(entry->value->place,
                 fmt::format("model must be a map such as {{timing: asynchronous, failures: crash-recovery}}, not {}",
                             describe(*entry->value)));
    return;
  }
  SystemModel model;
  Fields fields(*entry->value, entry->place, "model", problems);
  choose(fields, "timing", kTimings, model.timing);
  choose(fields, "failures", kFailures, model.failures);
  int max_faulty = 0;
  fields.integer("max_faulty", max_faulty, {0, 256});
  if (const YamlEntry* most = fields.entry("max_faulty"); most && most->value->kind == YamlKind::scalar)
    model.max_faulty = max_faulty;
  fields.duration("delay", model.delay, {0, 86400});
  fields.duration("pause", model.pause, {0, 86400});
  fields.duration("clock", model.clock, {0, 86400});
  Nanos unstable{0};
  fields.duration("unstable", unstable, {0, 86400});
  if (fields.entry("unstable")) model.unstable = unstable;
  if (const Yaml* beyond = fields.find("beyond_model"))
    model.allow_beyond = to_choice(*beyond, "beyond_model", problems, {"refuse", "allow"}) == "allow";
  fields.finish();
  for (const char* bound : {"delay", "pause", "clock", "unstable"})
    if (const YamlEntry* given = entry->value->find(bound); given && model.timing == Timing::asynchronous)
      problems.add(given->place, fmt::format("an asynchronous system has no bounds, so \"{}\" means nothing", bound));
  if (const YamlEntry* given = entry->value->find("unstable"); given && model.timing == Timing::synchronous)
    problems.add(given->place, "the bounds of a synchronous system hold always, so \"unstable\" means nothing");
  plan.model = model;
}

}  // namespace shaketable
