#pragma once
// What each command takes, and the commands. Each prints its own errors and returns its exit code.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/report/exit_code.h"

namespace shaketable {

// Where a plan comes from and what the command line changes in it; shared by run, heal and doctor.
struct PlanChoice {
  std::string path;
  std::optional<std::uint64_t> seed;
  std::vector<std::string> set;  // "a.b=c"
  std::string nodes_file;
  std::string lab = "lab";  // name of the embedded lab
  std::string directory;    // relative names in the plan start here; empty: where it lies
};

struct RunOptions {
  PlanChoice plan;
  std::string replay;  // a recorded run whose faults are repeated; without a plan, its plan too
  std::string out;     // the run's folder itself; empty: results/PLAN-TIME
  bool dry_run = false;
  bool keep = false;  // leave nodes and lab as they are
  bool json = false;
  std::string junit;       // file
  std::string prometheus;  // file
  bool github = false;     // annotations on stderr, and a summary where GITHUB_STEP_SUMMARY says
  std::string wait_for_lock = "0s";
};
ExitCode run_command(const RunOptions& options);

ExitCode validate_command(const std::vector<std::string>& plans, const std::vector<std::string>& set);

struct CheckOptions {
  std::vector<std::string> histories;
  std::vector<std::string> checkers;
  std::string model, initial, nil_read;
  bool keyed = false;
  std::vector<std::string> consistency;
  std::vector<std::string> set;  // "NAME=VALUE" or "CHECKER.NAME=VALUE"
  std::string timeout, memory;
  std::string format;
  bool json = false;
};
ExitCode check_command(const CheckOptions& options);

ExitCode runs_command(const std::string& directory, bool json);
ExitCode diff_command(const std::string& a, const std::string& b, bool json);
ExitCode export_command(const std::string& run, const std::string& format, const std::string& out);
ExitCode serve_command(const std::string& directory, int port);
ExitCode report_command(const std::string& run, bool json);

struct CampaignOptions {
  std::string path;
  std::string out;       // the campaign's folder; empty: results/campaign-NAME
  std::string executor;  // in place of the campaign's own; empty: that
  int at_once = 0;       // the same; 0: the campaign's own
  std::vector<std::string> set;
  bool status = false;  // only what is known so far
  bool json = false;
};
ExitCode campaign_command(const CampaignOptions& options);
ExitCode campaign_job_command(const std::string& folder, int index);  // started by the executors

struct ShrinkOptions {
  std::string run;
  std::string out;                // folder of the runs it takes; empty: RUN-shrink
  std::string plan;               // the smallest schedule is written here; empty: OUT/smallest.yaml
  std::vector<std::string> only;  // steps: faults, targets, durations, load; empty: all
  std::vector<std::string> set;
  std::string nodes_file;
  double resolution = 0.1;
  int first = 5;  // times that the schedule is repeated as it is, to learn its odds
  int runs_max = 200;
  std::string time_max = "6h";
  int at_once = 1;
  bool json = false;
};
ExitCode shrink_command(const ShrinkOptions& options);

struct LabOptions {
  std::string name = "lab";
  int nodes = 5;
  std::string kernel = "host";
  std::vector<std::string> packages;
  std::string memory, disk;
};
ExitCode lab_up_command(const LabOptions& options);
ExitCode lab_down_command(const std::string& name);
ExitCode lab_status_command(const std::string& name, bool json);
ExitCode lab_exec_command(const std::string& name, const std::vector<std::string>& arguments);
ExitCode lab_ssh_command(const std::string& name, const std::string& node, const std::vector<std::string>& arguments);

ExitCode heal_command(const PlanChoice& plan, bool json);
ExitCode doctor_command(const PlanChoice& plan, bool json);
ExitCode list_command(const std::string& what, bool json);

struct ConformanceOptions {
  std::vector<std::string> program;  // and its arguments
  std::string interface = "register", timeout = "5s";
  std::vector<std::string> endpoints, options;  // URLs; "NAME=VALUE"
  bool json = false;
};
ExitCode conformance_command(const ConformanceOptions& options);
ExitCode client_command(const std::string& name);  // serves a built-in client (docs/client-protocol.md)

}  // namespace shaketable
