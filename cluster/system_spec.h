#pragma once
// A system under test as data (configs/systems/NAME.yaml): how to install, run and look at it. All scripts are POSIX
// sh, run as root on a node, with {{…}} filled in: {{node}} {{ip}} {{ip6}} {{index}} (from 1) {{count}} {{data}}
// {{log}} {{run}},
// {{option.NAME}}, and every name under `lists` (one text per node, joined).

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"

namespace shaketable {

struct SystemList {
  std::string each;  // "{{node}}=http://{{ip}}:2380"
  std::string separator = ",";
};

struct SystemSpec {
  std::string name;
  std::string about;                           // one line
  std::vector<std::string> packages;           // Debian packages, installed into the lab's shared layer or on the nodes
  std::map<std::string, std::string> options;  // with their defaults; a plan may set them
  std::map<std::string, SystemList> lists;
  std::map<std::string, std::string> files;  // path on the node -> content, written before start
  std::string data;                          // directory of its state on the node, emptied by setup and teardown
  std::string log;                           // directory or file of its logs
  std::vector<std::string> logs;             // files to collect (globs)
  int client_port = 0;
  std::string client_scheme = "http";
  // Scripts. Empty means: the system cannot do that (a clear error for who asks).
  std::string setup;      // once per node before the first start
  std::string start;      // must return; the process goes on
  std::string stop;       // orderly
  std::string pids;       // prints the pids of its processes, one a line; nothing when it does not run
  std::string healthy;    // exit 0 if this node serves (asked on each node)
  std::string primaries;  // prints the NAMES of the nodes that are primary now, as this node sees it
  // Each asked on the node that is meant, by the other members' leave.
  std::string member_remove;  // it is no member any more, and its process has ended
  std::string member_add;     // it is a member again, with empty data; `start` follows. May come twice
  std::string members;        // prints the NAMES of the members, one a line
  std::string no_members;     // why it has none of the three: words, for who asks for them
  std::string version;        // prints one line
  std::string teardown;       // after the run
  Nanos start_timeout = std::chrono::seconds(60);
  std::vector<std::string> log_findings;  // regular expressions: panics, corruption
};

}  // namespace shaketable
