#include "nemesis/agent/kind.h"

#include "nemesis/agent/clock.h"
#include "nemesis/agent/command.h"
#include "nemesis/agent/damage.h"
#include "nemesis/agent/firewall.h"
#include "nemesis/agent/lazyfs.h"
#include "nemesis/agent/lost_writes.h"
#include "nemesis/agent/pressure.h"
#include "nemesis/agent/processes.h"
#include "nemesis/agent/stall.h"
#include "nemesis/agent/switched.h"
#include "nemesis/agent/traffic.h"

namespace shaketable::agent {

const std::vector<const Kind*>& kinds() {
  static const Firewall firewall;
  static const Processes processes;
  static const Freeze freeze;
  static const DescriptorLimit descriptors;
  static const Load load;
  static const Fill fill;
  static const Damage damage;
  static const Stall stall;
  static const LostWrites lost_writes;
  static const LazyFs lazyfs;
  static const Scripts scripts;
  static const ClockShift clock;
  static const Traffic traffic;
  static const Switched switched;
  static const std::vector<const Kind*> all{&firewall, &traffic,     &switched,    &processes, &freeze,
                                            &clock,    &descriptors, &load,        &fill,      &damage,
                                            &scripts,  &stall,       &lost_writes, &lazyfs};
  return all;
}

const Kind* find_kind(std::string_view name) {
  for (const Kind* kind : kinds())
    if (kind->name() == name) return kind;
  return nullptr;
}

}  // namespace shaketable::agent
