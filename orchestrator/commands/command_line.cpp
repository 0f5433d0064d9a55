#include "orchestrator/commands/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "base/log.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/shell_pages.h"

namespace shaketable {
namespace {

constexpr const char* kFooter =
    "Exit codes: 0 pass, 1 violation found, 2 unknown, 3 bad plan or usage, 4 infrastructure failed,\n"
    "5 a node could not be proved clean, 130 interrupted. stdout is data, stderr is progress and log.\n"
    "First steps: shaketable run configs/quickstart.yaml";

CLI::Option* add_plan_choice(CLI::App* app, PlanChoice& plan) {
  CLI::Option* path = app->add_option("PLAN", plan.path, "the test plan (YAML)")->required();
  app->add_option("--set", plan.set, "change the plan: a.b=value (repeatable)")->allow_extra_args(false);
  app->add_option("--nodes-file", plan.nodes_file, "take the nodes from this file, one host a line");
  app->add_option("--lab", plan.lab, "name of the embedded lab")->capture_default_str();
  return path;
}

}  // namespace

int command_line(int argc, char** argv) {
  CLI::App app{"shaketable shakes a distributed system and says, with evidence, whether it kept its promises."};
  app.footer(kFooter);
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("shaketable " SHAKETABLE_VERSION));
  bool verbose = false, quiet = false;
  app.add_flag("-v,--verbose", verbose, "log more");
  app.add_flag("-q,--quiet", quiet, "log only warnings and errors");
  ExitCode code = ExitCode::pass;

  RunOptions run;
  CLI::App* run_app = app.add_subcommand("run", "run a test plan");
  add_plan_choice(run_app, run.plan)->required(false);  // with --replay there need be none
  run_app->add_option("--seed", run.plan.seed, "repeat a run's random choices");
  run_app->add_option("--replay", run.replay,
                      "repeat the faults of this recorded run; without PLAN, under the plan it was recorded with");
  run_app->add_option("--plan-directory", run.plan.directory,
                      "relative names in the plan start here (default: where it lies)");
  run_app->add_option("--out", run.out, "the run's folder itself");
  run_app->add_flag("--dry-run", run.dry_run, "print every command that would touch a node, and touch none");
  run_app->add_flag("--keep", run.keep, "leave the system and the lab up afterwards");
  run_app->add_flag("--json", run.json, "print the result as one JSON object");
  run_app->add_option("--junit", run.junit, "write the verdicts as JUnit XML to this file");
  run_app->add_option("--prometheus", run.prometheus, "write the run's figures to this file, as Prometheus reads them");
  run_app->add_flag("--github", run.github,
                    "annotations and a step summary for GitHub Actions (there it is so without this)");
  run_app->add_option("--wait-for-lock", run.wait_for_lock, "wait so long for another run to let go of the nodes")
      ->capture_default_str();
  run_app->callback([&] { code = run_command(run); });

  std::vector<std::string> validate_plans, validate_set;
  CLI::App* validate_app = app.add_subcommand("validate", "parse and check plans");
  validate_app->add_option("PLAN", validate_plans, "test plans (YAML)")->required();
  validate_app->add_option("--set", validate_set, "change the plan: a.b=value (repeatable)")->allow_extra_args(false);
  validate_app->callback([&] { code = validate_command(validate_plans, validate_set); });

  CheckOptions check;
  CLI::App* check_app = app.add_subcommand("check", "judge recorded histories; several: the worst verdict exits");
  check_app
      ->add_option("HISTORY", check.histories, "run folders, folders of runs, .db, .edn, .json, .jsonl, .log files")
      ->required();
  check_app
      ->add_option("--checker", check.checkers,
                   "judge by this checker (repeatable); without it a run is judged as its plan says")
      ->allow_extra_args(false);
  check_app->add_option("--model", check.model, "linearizable: the model");
  check_app->add_option("--initial", check.initial, "linearizable: the state before the history, as JSON or nil");
  check_app->add_option("--nil-read", check.nil_read, "linearizable: what a read of nil means: absent or any");
  check_app->add_flag("--keyed", check.keyed, "values are [key value] tuples");
  check_app->add_option("--consistency", check.consistency, "isolation: the models that must hold, a comma list")
      ->delimiter(',');
  check_app->add_option("--set", check.set, "a checker's parameter: NAME=VALUE or CHECKER.NAME=VALUE (repeatable)")
      ->allow_extra_args(false);
  check_app->add_option("--timeout", check.timeout, "bound of each check (default 60s)");
  check_app->add_option("--memory", check.memory, "bound of each check's memory (default 2GiB)");
  check_app->add_option("--format", check.format, "read files as edn, json, jsonl, jepsen-log, porcupine-kv or awdit");
  check_app->add_flag("--json", check.json, "print one JSON object");
  check_app->callback([&] { code = check_command(check); });

  std::string runs_directory = "results";
  bool runs_json = false;
  CLI::App* runs_app = app.add_subcommand("runs", "list runs with their verdicts");
  runs_app->add_option("DIR", runs_directory, "results folder")->capture_default_str();
  runs_app->add_flag("--json", runs_json, "print one JSON object");
  runs_app->callback([&] { code = runs_command(runs_directory, runs_json); });

  std::string diff_a, diff_b;
  bool diff_json = false;
  CLI::App* diff_app = app.add_subcommand("diff", "what differs between two runs");
  diff_app->add_option("A", diff_a, "a run's folder")->required();
  diff_app->add_option("B", diff_b, "another")->required();
  diff_app->add_flag("--json", diff_json, "print one JSON object");
  diff_app->callback([&] { code = diff_command(diff_a, diff_b, diff_json); });

  std::string serve_directory = "results";
  int serve_port = 8710;
  CLI::App* serve_app = app.add_subcommand("serve", "browse runs in a web page, on loopback");
  serve_app->add_option("DIR", serve_directory, "results folder")->capture_default_str();
  serve_app->add_option("--port", serve_port, "on 127.0.0.1; 0: any that is free")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  serve_app->callback([&] { code = serve_command(serve_directory, serve_port); });

  std::string report_run;
  bool report_json = false;
  CLI::App* report_app = app.add_subcommand("report", "write the report of a run again, from its recorded verdicts");
  report_app->add_option("RUN", report_run, "the run's folder")->required();
  report_app->add_flag("--json", report_json, "print one JSON object");
  report_app->callback([&] { code = report_command(report_run, report_json); });

  std::string export_run, export_format = "jsonl", export_out;
  CLI::App* export_app = app.add_subcommand("export", "a run's history as EDN (Jepsen) or JSON lines");
  export_app->add_option("RUN", export_run, "the run's folder or history.db")->required();
  export_app->add_option("--format", export_format, "edn or jsonl")->capture_default_str();
  export_app->add_option("--out", export_out, "a file; without it stdout");
  export_app->callback([&] { code = export_command(export_run, export_format, export_out); });

  CampaignOptions campaign;
  CLI::App* campaign_app = app.add_subcommand("campaign", "run plans x settings x seeds; started again, it goes on");
  campaign_app->add_option("CAMPAIGN", campaign.path, "the campaign (YAML)")->required();
  campaign_app->add_option("--out", campaign.out, "its folder (default results/campaign-NAME)");
  campaign_app->add_option("--executor", campaign.executor, "in place of the campaign's own")
      ->check(CLI::IsMember({"local", "slurm"}));
  campaign_app->add_option("--at-once", campaign.at_once, "so many runs side by side")->check(CLI::Range(1, 256));
  campaign_app->add_option("--set", campaign.set, "change every plan: a.b=value (repeatable)")->allow_extra_args(false);
  campaign_app->add_flag("--status", campaign.status, "run nothing; print what is known so far");
  campaign_app->add_flag("--json", campaign.json, "print one JSON object");
  campaign_app->callback([&] { code = campaign_command(campaign); });

  ShrinkOptions shrink;
  CLI::App* shrink_app = app.add_subcommand("shrink", "the smallest schedule that still shows a run's violation");
  shrink_app->add_option("RUN", shrink.run, "the run's folder")->required();
  shrink_app->add_option("--out", shrink.out, "folder of the runs that it takes (default RUN-shrink)");
  shrink_app->add_option("--plan", shrink.plan, "where the plan is written (default OUT/smallest.yaml)");
  shrink_app->add_option("--only", shrink.only, "of faults, targets, durations, load only these, a comma list")
      ->delimiter(',')
      ->check(CLI::IsMember({"faults", "targets", "durations", "load"}));
  shrink_app->add_option("--set", shrink.set, "change the plan: a.b=value (repeatable)")->allow_extra_args(false);
  shrink_app->add_option("--nodes-file", shrink.nodes_file, "take the nodes from this file, one host a line");
  shrink_app->add_option("--resolution", shrink.resolution, "of durations and load: 0.1 is ten per cent")
      ->check(CLI::Range(0.001, 1.0))
      ->capture_default_str();
  shrink_app->add_option("--first", shrink.first, "repeat it as it is so often at most, to learn its odds")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  shrink_app->add_option("--max-runs", shrink.runs_max, "end after so many runs")->capture_default_str();
  shrink_app->add_option("--max-time", shrink.time_max, "begin no run after so long")->capture_default_str();
  shrink_app->add_option("--at-once", shrink.at_once, "so many repetitions side by side, on labs")
      ->check(CLI::Range(1, 256));
  shrink_app->add_flag("--json", shrink.json, "print one JSON object");
  shrink_app->callback([&] { code = shrink_command(shrink); });

  // Not in the help: what the executors start.
  std::string job_folder;
  int job_index = 0;
  CLI::App* job_app = app.add_subcommand("campaign-job", "run one job of a campaign")->group("");
  job_app->add_option("FOLDER", job_folder, "the campaign's folder")->required();
  job_app->add_option("INDEX", job_index, "the job's number")->required();
  job_app->callback([&] { code = campaign_job_command(job_folder, job_index); });

  LabOptions lab;
  std::string lab_node;
  bool lab_json = false;
  CLI::App* lab_app = app.add_subcommand("lab", "the embedded cluster");
  lab_app->require_subcommand(1);
  lab_app->add_option("--lab", lab.name, "its name")->capture_default_str();
  CLI::App* up_app = lab_app->add_subcommand("up", "bring it up");
  up_app->fallthrough();
  up_app->add_option("--nodes", lab.nodes, "how many nodes")->capture_default_str();
  up_app
      ->add_option("--kernel", lab.kernel,
                   "host: nodes are namespaces under this machine's kernel; uml: each has its own")
      ->check(CLI::IsMember({"host", "uml"}))
      ->capture_default_str();
  up_app->add_option("--packages", lab.packages, "Debian packages for the layer that the nodes share, a comma list")
      ->delimiter(',');
  up_app->add_option("--memory", lab.memory, "bound of each node's memory (default 1GiB)");
  up_app->add_option("--disk", lab.disk, "cap of each node's disk (default 2GiB)");
  up_app->callback([&] { code = lab_up_command(lab); });
  CLI::App* down_app = lab_app->add_subcommand("down", "take it down; nothing of it stays");
  down_app->fallthrough();
  down_app->callback([&] { code = lab_down_command(lab.name); });
  CLI::App* status_app = lab_app->add_subcommand("status", "what runs, and how to reach it");
  status_app->fallthrough();
  status_app->add_flag("--json", lab_json, "print one JSON object");
  status_app->callback([&] { code = lab_status_command(lab.name, lab_json); });
  CLI::App* exec_app = lab_app->add_subcommand(
      "exec", "lab exec [--lab NAME] CMD…: run a command beside the controller, in the lab's network");
  // Not fallthrough: what follows the command is the command's, "-S" as well.
  exec_app->add_option("--lab", lab.name, "its name")->capture_default_str();
  exec_app->prefix_command();
  exec_app->callback([&] { code = lab_exec_command(lab.name, exec_app->remaining()); });
  CLI::App* ssh_app =
      lab_app->add_subcommand("ssh", "lab ssh [--lab NAME] NODE [CMD…]: a shell, or a command, on a node");
  ssh_app->add_option("--lab", lab.name, "its name")->capture_default_str();
  ssh_app->add_option("NODE", lab_node, "n1, n2, …")->required();
  ssh_app->prefix_command();
  ssh_app->callback([&] { code = lab_ssh_command(lab.name, lab_node, ssh_app->remaining()); });

  PlanChoice heal;
  bool heal_json = false;
  CLI::App* heal_app = app.add_subcommand("heal", "undo every fault on every node, whatever became of the controller");
  add_plan_choice(heal_app, heal);
  heal_app->add_flag("--json", heal_json, "print one JSON object");
  heal_app->callback([&] { code = heal_command(heal, heal_json); });

  PlanChoice doctor;
  bool doctor_json = false;
  CLI::App* doctor_app =
      app.add_subcommand("doctor", "probe the nodes: what can be reached, which faults each can take");
  add_plan_choice(doctor_app, doctor);
  doctor_app->add_flag("--json", doctor_json, "print one JSON object");
  doctor_app->callback([&] { code = doctor_command(doctor, doctor_json); });

  std::string list_what;
  bool list_json = false;
  CLI::App* list_app = app.add_subcommand("list", "what plans can name");
  list_app->add_option("WHAT", list_what, "faults, workloads, generators, values, checkers, models, clients or systems")
      ->required()
      ->check(
          CLI::IsMember({"faults", "workloads", "generators", "values", "checkers", "models", "clients", "systems"}));
  list_app->add_flag("--json", list_json, "print one JSON object");
  list_app->callback([&] { code = list_command(list_what, list_json); });

  ConformanceOptions conformance;
  CLI::App* conformance_app = app.add_subcommand(
      "conformance", "conformance [OPTIONS] PROGRAM [ARGUMENT…]: does a client program keep docs/client-protocol.md?");
  conformance_app->add_option("--interface", conformance.interface, "what its functions are")->capture_default_str();
  conformance_app->add_option("--endpoint", conformance.endpoints, "URL of a system that answers (repeatable)")
      ->allow_extra_args(false);
  conformance_app->add_option("--option", conformance.options, "NAME=VALUE for the program's hello (repeatable)")
      ->allow_extra_args(false);
  conformance_app->add_option("--timeout", conformance.timeout, "for each answer")->capture_default_str();
  conformance_app->add_flag("--json", conformance.json, "print one JSON object");
  conformance_app->prefix_command();
  conformance_app->callback([&] {
    conformance.program = conformance_app->remaining();
    if (conformance.program.empty()) throw CLI::RequiredError("PROGRAM");
    code = conformance_command(conformance);
  });

  std::string shell;
  CLI::App* completion_app = app.add_subcommand("completion", "print a completion to be sourced by a shell");
  completion_app->add_option("SHELL", shell, "bash or zsh")->required()->check(CLI::IsMember({"bash", "zsh"}));
  completion_app->callback([&] { fmt::print("{}", shell == "bash" ? bash_completion(app) : zsh_completion(app)); });
  // Not in the help: for the package.
  app.add_subcommand("man", "print shaketable(1)")->group("")->callback([&] { fmt::print("{}", man_page(app)); });

  // Not in the help: what a run starts for itself when a built-in client is to be a process of its own.
  std::string served;
  CLI::App* client_app = app.add_subcommand("client", "serve a built-in client on stdin and stdout")->group("");
  client_app->add_option("NAME", served, "the client")->required();
  client_app->callback([&] { code = client_command(served); });

  app.parse_complete_callback([&] {
    if (verbose) log::set_level(log::Level::debug);
    if (quiet) log::set_level(log::Level::warning);
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int cli = app.exit(error);  // prints help to stdout, errors to stderr
    return cli == 0 ? 0 : static_cast<int>(ExitCode::bad_input);
  } catch (const std::exception& error) {
    // Nothing of ours throws; what a library throws past its file is a defect, said as one and never a crash.
    log::error("shaketable: internal error: {}", error.what());
    return static_cast<int>(ExitCode::infrastructure);
  }
  std::fflush(stdout);
  return static_cast<int>(code);
}

}  // namespace shaketable
