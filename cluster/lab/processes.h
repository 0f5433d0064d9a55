#pragma once
// The lab's own processes: this executable started again as `shaketable-lab __lab ROLE …` (entry.cpp).

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cluster/lab/plumbing.h"
#include "cluster/lab/record.h"

namespace shaketable::lab {

inline constexpr std::string_view kProgram = "shaketable-lab", kVerb = "__lab";
inline constexpr int kReportDescriptor =
    3;  // where a child says "ready" or an error, in one line or several, to who started it

struct Child {
  pid_t pid = 0;
  Descriptor report;  // its end is what the child says; end of stream: it has ended
};
// Starts one with stdin from /dev/null, stdout and stderr appended to `log`, in a session of its own, with no other
// descriptor of ours. Any thread.
Result<Child> start_child(const std::vector<std::string>& arguments, const std::string& log);
// Waits for it to be over and takes its exit status, so that no zombie stays. Any thread.
void reap(const Child& child);

// The roles. Each runs in the fresh process and returns its exit code.
int run_first_process(const std::string& directory);  // "first DIRECTORY"
int run_layer_builder(const std::string& directory,
                      const std::vector<std::string>& packages);  // "layer DIRECTORY PACKAGE…"
int run_installer(const std::string& debs, pid_t node);           // "install DEBS PID"

// The first process of a node: never returns. `report` gets "pid N\n", then "up\n" or "error TEXT\n"; it waits for a
// byte on `go` before it touches its network.
[[noreturn]] void run_node(const Record& record, const std::string& directory, int index, const std::string& place,
                           int report, int go);

// The same for a node with a kernel of its own (LabSpec::kind "uml"): `pid` is then its keeper, which takes SIGUSR1
// (cut its power) and SIGUSR2 (boot it again). run_guest is that kernel's first process, "guest DIRECTORY INDEX".
[[noreturn]] void run_uml_node(const Record& record, const std::string& directory, int index, const std::string& place,
                               int report, int go);
int run_guest(const std::string& directory, int index);
inline constexpr std::string_view kGuestSays = "@lab ";  // begins what a guest says on its console

// Closes every descriptor above 2 but two: those of the lab's first process and of other nodes came along with a fork.
void keep_only(int one, int other);

std::string node_address(int index);
std::string node_address6(int index);
std::string hosts_file(const Record& record);  // /etc/hosts for the nodes and beside the controller

// A copy of this program: guests boot from it whatever becomes of the one that made the lab.
std::string guest_program(const std::string& directory);

// Files in the lab's directory about a node whose power is cut.
struct OffFiles {
  OffFiles(const std::string& directory, const std::string& node)
      : lease(directory + "/" + node + ".off"), start(directory + "/" + node + ".start") {}
  std::string lease;  // there while it is off: when it boots by itself, in nanoseconds of CLOCK_MONOTONIC; 0: never
  std::string start;  // a script that the guest runs once when it boots

  Result<void> write_lease(Nanos lasts) const;
  bool is_over() const;
};

}  // namespace shaketable::lab
