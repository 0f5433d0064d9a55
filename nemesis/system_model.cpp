#include "nemesis/system_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/duration.h"
#include "base/text.h"
#include "nemesis/targets.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

constexpr Nanos kNoBound = Nanos::max();

std::string_view words(Failures failures) {
  switch (failures) {
    case Failures::none:
      return "no failures";
    case Failures::crash_stop:
      return "crash-stop";
    case Failures::crash_recovery:
      return "crash-recovery";
    case Failures::weak_byzantine:
      return "weak Byzantine";
  }
  return "no failures";
}

std::string_view words(Timing timing) {
  switch (timing) {
    case Timing::synchronous:
      return "synchronous";
    case Timing::partially_synchronous:
      return "partially synchronous";
    case Timing::asynchronous:
      return "asynchronous";
  }
  return "asynchronous";
}

std::string span_text(Nanos span) {
  return span == kNoBound ? "without bound" : format_duration(span);
}

// The longest of the parameters that the fault has; without bound when it has none of them.
Nanos longest(const Parameters& options, std::initializer_list<const char*> names) {
  Nanos out = kNoBound;
  for (const char* name : names)
    if (options.has(name)) out = std::max(out == kNoBound ? Nanos(0) : out, options.duration(name));
  return out;
}

Nanos delay_of(const Parameters& options) {
  const Nanos jitter = options.has("jitter") ? options.duration("jitter") : Nanos(0);
  // Of the distributions only the uniform one ends somewhere.
  if (jitter > Nanos(0) && options.has("distribution") && options.text("distribution") != "uniform") return kNoBound;
  const Nanos by = longest(options, {"by"});
  return by == kNoBound ? by : by + jitter;
}

bool is_one_of(const std::string& name, std::initializer_list<const char*> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::optional<FaultNeeds> fault_needs(const std::string& fault, const Parameters& options, Nanos lasts,
                                      bool to_the_end) {
  FaultNeeds needs;
  const Failures ends = to_the_end ? Failures::crash_stop : Failures::crash_recovery;
  // What is lost comes late: transports send it again.
  if (is_one_of(fault, {"partition", "swizzle", "loss", "rate", "flaky", "dns"})) {
    needs.delay = kNoBound;
  } else if (is_one_of(fault, {"delay", "reorder"})) {
    needs.delay = delay_of(options);
  } else if (fault == "duplicate") {
    // Transports throw the second one away.
  } else if (fault == "corrupt") {
    needs.delay = kNoBound;
    needs.failures = Failures::weak_byzantine;
  } else if (is_one_of(fault, {"pause", "freeze", "pause-client"})) {
    needs.pause = lasts;
  } else if (is_one_of(fault, {"cpu", "memory", "io"})) {
    needs.pause = kNoBound;
  } else if (is_one_of(fault, {"kill", "stop", "power-cut"})) {
    needs.failures = ends;
  } else if (is_one_of(fault, {"restart", "rolling-restart", "reboot", "lose-unsynced", "remove", "disk-full", "fd"})) {
    needs.failures = Failures::crash_recovery;
  } else if (is_one_of(fault, {"truncate", "bitflip", "copy-chunk"})) {
    needs.failures = Failures::weak_byzantine;
  } else if (is_one_of(fault, {"jump", "skew-all", "strobe"})) {
    needs.clock = longest(options, {"by", "most"});
  } else if (fault == "leap") {
    needs.clock = 1s;
  } else if (fault == "drift") {
    const double ppm = options.has("ppm") ? std::abs(static_cast<double>(options.integer("ppm"))) : 1e6;
    needs.clock = Nanos(static_cast<std::int64_t>(static_cast<double>(lasts.count()) * ppm / 1e6));
  } else if (fault == "ntp-block") {
    // 500 ppm is what a clock left alone may be off (RFC 5905, PHI is 15 ppm of a good one; Linux corrects up to 500).
    needs.clock = lasts / 2000;
  } else if (fault == "command") {
    needs.unknown = true;
  } else {
    return std::nullopt;
  }
  return needs;
}

Result<void> check_model(const SystemModel& model, const std::string& fault, const Parameters& options,
                         std::size_t nodes, Nanos lasts, bool to_the_end) {
  if (model.allow_beyond) return {};
  const auto beyond = [&](const std::string& why, const std::string& remedy) {
    return bad_input(fmt::format("{} goes beyond the plan's model: {}; {}, or say `beyond_model: allow` in `model`",
                                 fault, why, remedy));
  };
  const auto needs = fault_needs(fault, options, lasts, to_the_end);
  if (!needs || needs->unknown) return beyond("nobody can say what it does", "leave it out");
  if (needs->failures > model.failures) {
    const std::string what =
        needs->failures == Failures::weak_byzantine   ? "bytes change that nobody wrote (weak Byzantine)"
        : needs->failures == Failures::crash_recovery ? "a node ends and comes back (crash-recovery)"
                                                      : "a node ends (crash-stop)";
    return beyond(fmt::format("{}, and failures are {}", what, words(model.failures)),
                  needs->failures == Failures::crash_recovery && model.failures == Failures::crash_stop
                      ? "let it last until the load ends, if it ends a node"
                      : "leave it out");
  }
  if (model.max_faulty && needs->failures != Failures::none && options.has("target")) {
    const auto count = target_count(options.texts("target"), nodes);
    if (count && std::cmp_greater(*count, *model.max_faulty))
      return beyond(fmt::format("{} of {} nodes fail at once, and max_faulty is {}", *count, nodes, *model.max_faulty),
                    "name fewer targets");
  }
  if (model.timing == Timing::asynchronous) return {};
  const struct {
    const char *what, *key;
    Nanos does, bound;
  } bounds[] = {{"messages are late by", "delay", needs->delay, model.delay},
                {"processes stand still for", "pause", needs->pause, model.pause},
                {"clocks are off by", "clock", needs->clock, model.clock}};
  for (const auto& [what, key, does, bound] : bounds) {
    if (does <= bound) continue;
    if (model.timing == Timing::synchronous)
      return beyond(fmt::format("{} {}, and the bound of {} is {} always (synchronous)", what, span_text(does), key,
                                format_duration(bound)),
                    fmt::format("raise `{}`, or state `timing: partially-synchronous`", key));
    if (model.unstable && lasts > *model.unstable)
      return beyond(fmt::format("for {} {} {}, and the bound of {} ({}) may not hold for {} at most", span_text(lasts),
                                what, span_text(does), key, format_duration(bound), format_duration(*model.unstable)),
                    "let it last shorter, or raise `unstable`");
  }
  return {};
}

std::string model_text(const SystemModel& model) {
  std::string out(words(model.timing));
  std::vector<std::string> bounds;
  if (model.timing != Timing::asynchronous) {
    for (const auto& [name, bound] :
         {std::pair{"delay", model.delay}, std::pair{"pause", model.pause}, std::pair{"clock", model.clock}})
      if (bound > Nanos(0) || model.timing == Timing::synchronous)
        bounds.push_back(fmt::format("{} {}", name, format_duration(bound)));
    if (model.unstable) bounds.push_back(fmt::format("for at most {} not", format_duration(*model.unstable)));
    if (!bounds.empty()) out += fmt::format(" ({})", join(bounds));
  }
  out += fmt::format(", {}", words(model.failures));
  if (model.max_faulty)
    out += fmt::format(", at most {} node{} failing", *model.max_faulty, *model.max_faulty == 1 ? "" : "s");
  if (model.allow_beyond) out += "; faults beyond it were allowed";
  return out;
}

std::string needed_model_text(const std::vector<FaultNeeds>& needs) {
  Timing timing = Timing::synchronous;
  Failures failures = Failures::none;
  for (const FaultNeeds& fault : needs) {
    if (std::max({fault.delay, fault.pause, fault.clock}) > Nanos(0)) timing = Timing::partially_synchronous;
    failures = std::max(failures, fault.failures);
  }
  const bool unknown = std::any_of(needs.begin(), needs.end(), [](const auto& fault) { return fault.unknown; });
  return fmt::format("{}, {}{} (what the faults need; the plan states no model)", words(timing), words(failures),
                     unknown ? ", and what scripts of the plan do" : "");
}

}  // namespace shaketable
