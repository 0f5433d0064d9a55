#pragma once
// What SystemWatch asks a node, and what the node says: one script for each look, its output parsed here.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace shaketable::system_looks {

// What the controller knows of a node, and the node need not say again.
struct Known {
  std::string pids;                           // the system's script
  std::vector<std::string> processes;         // "PID:START"
  std::vector<std::string> log_globs;         // as they stand in the system's file, filled in
  std::map<std::string, std::uint64_t> logs;  // path -> bytes that were looked through
  bool measure = false;                     // logs are only measured, and known to their ends
  std::vector<std::string> patterns;          // log_findings; empty: logs are only measured
  std::vector<std::string> core_globs;        // quoted for the shell where they must be
  std::vector<std::string> oom_files;         // memory.events (v2) or memory.oom_control (v1) of the processes' cgroups
};

struct NewProcess {
  std::string id;      // "PID:START"
  std::vector<std::string> ancestors;  // PIDs, its parent first, the first process left out
  std::string directory, name;
  friend bool operator==(const NewProcess&, const NewProcess&) = default;
};

// Lines of a log with one at least that is a finding.
struct LogMatch {
  std::string path;
  std::uint64_t at = 0;             // byte of the file where its first line that matches begins
  std::string line;                 // that line
  std::vector<std::string> around;  // it, and some before and after it
  friend bool operator==(const LogMatch&, const LogMatch&) = default;
};

struct Look {
  bool processes_listed = false;  // else the script for pids failed, and nothing is known of processes
  std::vector<NewProcess> added;
  std::vector<std::string> gone;              // of Known::processes
  std::map<std::string, std::uint64_t> logs;  // path -> bytes looked through now
  std::vector<LogMatch> matches;              // in lines that end beyond what was looked through before
  std::vector<std::string> cores;
  std::map<std::string, std::int64_t> oom_kills;  // file -> how many so far
  std::string core_pattern;
  std::vector<std::string> oom_files;  // of the new processes' cgroups
  double uptime_s = 0;
};

std::string look_script(const Known& known);
Look parse_look(std::string_view output);

// Paths where the kernel leaves core files, as shell globs: by its core_pattern (man 5 core), relative ones in
// `directories`, and where systemd-coredump and apport put them.
std::vector<std::string> core_globs(const std::string& core_pattern, const std::vector<std::string>& directories);

// The ends of the logs, and what the kernel said about processes of this name.
std::string evidence_script(const Known& known, const std::string& process_name);
struct Evidence {
  std::vector<std::string> lines;  // "/var/log/x: …", "kernel: …"
  bool out_of_memory = false;      // the kernel says that it killed one of this name
};
// What the kernel said before `since_uptime_s` is left out.
Evidence parse_evidence(std::string_view output, double since_uptime_s);

}  // namespace shaketable::system_looks
