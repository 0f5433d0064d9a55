#pragma once
// What the parts of the nemesis share: nemesis.cpp (the run), fault_life.cpp (one fault), dry_run.cpp.

#include <memory>
#include <string>
#include <string_view>

#include "nemesis/nemesis.h"

namespace shaketable {

struct Nemesis::Running {
  std::unique_ptr<ActiveFault> fault;
  FaultReport report;
  Nanos end{0};
  std::unique_ptr<ClockWatch::Pause> unwatched;  // while nodes are off nobody asks them for their time
  bool fails = false;  // its targets fail in the sense of the system's model: a crash, not a delay
};

// A run's name as a word of iptables' comments and the name of a directory.
std::string plain_name(std::string_view name);

}  // namespace shaketable
