#include "nemesis/agent/command.h"

#include "nemesis/agent/process.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

using namespace std::chrono_literals;

// The change says how long its undo may take.
Nanos undo_limit(const Entry& entry) {
  const auto said = to_number(field(entry.fields, "undo_limit"));
  return said && *said > 0 ? Nanos(*said) : Nanos(45s);
}

class ArmedScript final : public Armed {
 public:
  explicit ArmedScript(std::string script) : script_(std::move(script)) {}
  Result<void> commit() override {
    const Output applied = run_script(script_, 20s);
    if (applied.code != 0) return infrastructure("apply: " + applied.describe());
    return {};
  }

 private:
  std::string script_;
};

}  // namespace

Result<void> Scripts::look(Entry& entry) const {
  if (field(entry.fields, "apply").empty() || field(entry.fields, "undo").empty())
    return infrastructure("a command needs apply and undo");
  return {};
}

Result<std::unique_ptr<Armed>> Scripts::arm(Entry& entry) const {
  return std::make_unique<ArmedScript>(std::string(field(entry.fields, "apply")));
}

Fields Scripts::prove(const Entry& entry) const {
  const std::string proof(field(entry.fields, "proof"));
  if (proof.empty()) return {};
  const Output proved = run_script(proof, 20s);
  const auto said = lines_of(proved.out);
  return {{"said", said.empty() ? "" : said.back()}, {"bit", proved.code == 0 ? "yes" : "no"}};
}

Result<Undone> Scripts::undo(const Entry& entry) const {
  const Output undone = run_script(std::string(field(entry.fields, "undo")), undo_limit(entry));
  if (undone.code != 0) return infrastructure("undo: " + undone.describe());
  return Undone();
}

}  // namespace shaketable::agent
