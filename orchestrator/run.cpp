#include "orchestrator/run.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <thread>

#include "base/duration.h"
#include "base/log.h"
#include "base/text.h"
#include "cluster/node.h"
#include "cluster/system.h"
#include "cluster/system_watch.h"
#include "history/recorder.h"
#include "history/text.h"
#include "nemesis/nemesis.h"
#include "orchestrator/client_children.h"
#include "orchestrator/cluster_lock.h"
#include "orchestrator/fault_recorder.h"
#include "orchestrator/interpreter.h"
#include "orchestrator/lab_hold.h"
#include "orchestrator/progress.h"
#include "orchestrator/replay.h"
#include "orchestrator/report/findings.h"
#include "orchestrator/report/judge_run.h"
#include "orchestrator/report/verdict_text.h"
#include "orchestrator/run_clients.h"
#include "orchestrator/run_folder.h"
#include "orchestrator/run_options.h"
#include "orchestrator/run_schedule.h"
#include "orchestrator/watch_record.h"
#include "workloads/clients/processes.h"
#include "workloads/clients/registry.h"
#include "workloads/generator_spec.h"
#include "workloads/workload.h"

namespace shaketable {
namespace {

constexpr std::size_t kLogLimitBytes = 64 << 20;              // of each file of the system's, from its end
constexpr Nanos kFinalReadsLimit = std::chrono::seconds(60);  // reads that get no answer end with the limit
constexpr Nanos kClockPeriod = std::chrono::seconds(1);       // between two looks at a node's time of day
constexpr std::string_view kMetaOpenLoad = "open_load";

std::vector<CheckPlan> checks_of(const Plan& plan, const Workload& workload) {
  if (!plan.checks.empty()) return plan.checks;
  std::vector<CheckPlan> checks;
  for (const WorkloadCheck& wanted : workload.checks) {
    const CheckerInfo* info = find_checker(wanted.checker);
    if (!info) continue;  // tests/orchestrator/catalogue_test.cpp sees to it that every workload's checker exists
    CheckPlan check{wanted.checker, Parameters(info->parameters)};
    for (const auto& [name, value] : wanted.options) check.options.set(name, value);
    checks.push_back(std::move(check));
  }
  return checks;
}

ArrivalOptions arrivals_of(const WorkloadPlan& workload) {
  ArrivalOptions options;
  options.poisson = workload.poisson;
  options.backlog = static_cast<std::size_t>(workload.backlog);
  for (const RatePlan& rate : workload.rates) options.rates.push_back({rate.lasts, rate.per_second});
  return options;
}

std::vector<NodeRecord> node_records(const std::vector<NodeSpec>& nodes) {
  std::vector<NodeRecord> records;
  for (const NodeSpec& node : nodes)
    records.push_back({node.name, node.address.empty() ? node.host : node.address,
                       Value::map({{"host", node.host}, {"address6", node.address6}, {"role", node.role}})});
  return records;
}

// What a run is made of, in the order in which it comes to be. Every step may fail; what was done is undone in
// finish(), whatever failed.
class Run {
 public:
  Run(const Plan& plan, const RunSettings& settings, Interrupts& interrupts, std::string folder)
      : plan_(plan), settings_(settings), interrupts_(interrupts), folder_(std::move(folder)) {}

  // From the lab to the last log file. The history is complete afterwards, whatever the answer.
  Result<void> execute() {
    auto done = prepare();
    if (done) done = shake();
    // Whatever went wrong: nodes are healed first, then the rest is undone, then the file is closed.
    heal();
    if (done && !stopped_early_) done = recover();
    wind_down();
    if (!done) {
      log::error("{}", done.error().message);
      if (recorder_) (void)recorder_->set_meta(kMetaInfrastructure, done.error().message).has_value();
    }
    close_file();
    return done;
  }

  bool has_file() const { return recorder_ != nullptr; }

 private:
  Result<void> prepare() {
    if (const ClientInfo* client = find_client(plan_.client.name); !client->make)
      return infrastructure(fmt::format("the client {} is not in this program: {} was missing when it was built",
                                        client->name, client->missing));
    std::vector<NodeSpec> nodes = plan_.cluster.nodes;
    if (plan_.cluster.lab) {
      auto hold = LabHold::take(settings_.lab, *plan_.cluster.lab, plan_.system.packages, settings_.keep);
      if (!hold) return Failure(hold.error());
      lab_ = std::move(*hold);
      nodes = lab_.nodes();
    }
    if (Interrupts::count() > 0) return Failure(Error{ErrorKind::interrupted, "interrupted before the run began"});
    interrupts_.watch();

    const WorkloadInfo* workload_info = find_workload(plan_.workload.name);
    auto workload = workload_info->make(plan_.workload.options, static_cast<std::size_t>(plan_.workload.workers));
    if (!workload) return Failure(workload.error());
    workload_ = std::move(*workload);
    const auto keys = std::make_shared<KeyCount>();
    if (plan_.workload.generator) workload_.main = make_generator(plan_.workload.generator, keys);
    if (plan_.workload.final) workload_.final = make_generator(plan_.workload.final, keys);

    RunInfo info;
    info.name = plan_.name;
    info.plan_path = plan_.path;
    info.plan_text = plan_.text;
    info.seed = settings_.seed;
    info.workload = plan_.workload.name;
    info.system = plan_.system.name;
    info.version = SHAKETABLE_VERSION;
    info.started_wall_ns = wall_clock_ns();
    info.nodes = node_records(nodes);
    clock_ = std::make_unique<SteadyClock>();
    auto recorder = Recorder::create(folder_, info, *clock_);
    if (!recorder) return Failure(recorder.error());
    recorder_ = std::move(*recorder);
    const std::string checks = to_json(checks_json(checks_of(plan_, workload_)));
    const std::string directory = std::filesystem::absolute(plan_.directory).lexically_normal().string();
    for (const auto& [key, value] :
         {std::pair{kMetaChecks, checks}, std::pair{kMetaRepeat, settings_.repeat},
          std::pair{kMetaPlanDirectory, directory}, std::pair{kMetaReplayOf, settings_.replay_of}})
      if (const auto set = recorder_->set_meta(key, value); !set) return set;

    cluster_ = std::make_unique<Cluster>(make_cluster(nodes));
    log::info("connecting to {} nodes", cluster_->size());
    if (const auto connected = cluster_->connect(); !connected) return connected;
    // Before anything is healed: another's faults are not ours to undo.
    auto lock = ClusterLock::take(*cluster_, lock_holder(run_name()), settings_.lock_wait, interrupts_.load());
    if (!lock) return Failure(lock.error());
    lock_ = std::move(*lock);
    system_ = std::make_unique<System>(plan_.system, *cluster_, plan_.cluster.managed, plan_.system_options);
    // Connections of its own: a long command of the system's must not delay the renewal of a lease.
    nemesis_cluster_ = std::make_unique<Cluster>(make_cluster(nodes));
    NemesisOptions nemesis = nemesis_options(plan_, run_name());
    nemesis.primaries = [this] { return system_->primaries(); };
    nemesis.power = power_of(plan_.cluster, settings_.lab);
    nemesis.wait_healthy = [this](Nanos bound, std::stop_token stop) {
      return system_->wait_until_healthy(*clock_, bound, std::move(stop));
    };
    nemesis.recovery_wait = plan_.schedule.recovery_wait;
    nemesis.system = [this](const std::string& node) { return system_->scripts(node); };
    nemesis.clients = client_workers(client_processes_);
    nemesis_ = std::make_unique<Nemesis>(*nemesis_cluster_, std::move(nemesis));
    schedule_ = schedule_for(plan_, settings_);
    if (const auto set = recorder_->set_meta(kMetaSchedule, to_json(schedule_json(schedule_))); !set) return set;
    if (const auto set = recorder_->set_meta(kMetaModel, model_of(plan_, schedule_)); !set) return set;
    const auto ready = nemesis_->prepare(schedule_);
    if (!ready) return Failure(ready.error());
    for (const NodeCleanliness& node : ready->leftovers)
      log::warning("node {}: undone, from an older run: {}", node.node, join(node.undone));
    for (const std::string& remark : ready->remarks) log::info("{}", remark);

    nemesis_->watch_clocks(
        *clock_,
        [this](const ClockReading& reading) {
          const ClockOffsetRecord record{reading.time.count(), reading.node, reading.offset.count(),
                                         reading.uncertainty.count()};
          if (const auto kept = recorder_->record(record); !kept)
            log::debug("the clock of {} is not in the history: {}", reading.node, kept.error().message);
        },
        kClockPeriod);

    if (plan_.cluster.managed) {
      log::info("starting {} on {}", plan_.system.name, join(cluster_->names()));
      if (const auto installed = system_->install(); !installed) return installed;
      system_touched_ = true;
      if (const auto set_up = system_->set_up(); !set_up) return set_up;
    }
    if (plan_.findings.crashes != "off" || plan_.findings.logs != "off") {
      watch_cluster_ = std::make_unique<Cluster>(make_cluster(nodes));  // a slow look must not delay anything
      watch_ = std::make_unique<SystemWatch>(plan_.system, plan_.system_options, *watch_cluster_, *clock_);
      watch_->look_before();
    }
    if (plan_.cluster.managed) {
      if (const auto started = system_->start_all(); !started) return started;
    }
    const auto healthy = system_->wait_until_healthy(*clock_, plan_.health_before, interrupts_.load());
    if (!healthy)
      return Failure(healthy.error().in(fmt::format("{} is not healthy before the first fault", plan_.system.name)));
    log::info("{} is healthy after {}", plan_.system.name, format_duration(*healthy));
    if (watch_) watch_->start();
    if (const auto set = recorder_->set_meta(kMetaHealthyAt, std::to_string(clock_->now().count())); !set) return set;
    auto clients =
        RunClients::make(plan_, *cluster_, *system_, folder_, client_processes_, wants_client_processes(schedule_));
    if (!clients) return Failure(clients.error());
    clients_.emplace(std::move(*clients));
    interpreter_ = std::make_unique<Interpreter>(*recorder_, *clock_, clients_->load());
    if (const auto reached = clients_->probe_all(*clock_, interrupts_.load()); !reached) return reached;
    return clients_->prepare_workload(*clock_, interrupts_.load());
  }

  // The load, with the nemesis beside it.
  Result<void> shake() {
    GeneratorPtr generator = std::move(workload_.main);
    const auto arrived = std::make_shared<ArrivalCounters>();
    if (plan_.workload.open)
      generator = arrivals(arrivals_of(plan_.workload), std::move(generator), arrived);
    else if (plan_.workload.rate > 0)
      generator = stagger(plan_.workload.rate, std::move(generator));
    generator = time_limit(plan_.time_limit, std::move(generator));
    log::info("load for {}: {} workers{}, seed {}", format_duration(plan_.time_limit), plan_.workload.workers,
              plan_.workload.rate > 0 ? fmt::format(", {:g} operations a second", plan_.workload.rate) : "",
              settings_.seed);
    started_ = clock_->now();
    if (const auto set = recorder_->set_meta(kMetaLoadStarted, std::to_string(started_.count())); !set) return set;
    FaultRecorder fault_log(*recorder_);
    std::jthread nemesis_thread;
    if (!schedule_.empty())
      nemesis_thread = std::jthread([&, load_stop = interrupts_.load()](std::stop_token stop) {
        std::stop_source either;
        std::stop_callback on_interrupt(load_stop, [&] { either.request_stop(); });
        std::stop_callback on_end(stop, [&] { either.request_stop(); });
        nemesis_result_ = nemesis_->run(schedule_, *clock_, started_, fault_log, either.get_token());
      });
    const Progress progress([this] { return progress_line(); });
    const auto loaded = interpreter_->run(*generator, Random(settings_.seed).fork("load"), interrupts_.load());
    nemesis_thread.request_stop();
    if (nemesis_thread.joinable()) nemesis_thread.join();
    stopped_early_ = interrupts_.load().stop_requested();
    if (!loaded) return Failure(loaded.error());
    if (plan_.workload.open)
      if (const auto told = tell_arrivals(*arrived); !told) return told;
    return nemesis_result_;
  }

  Result<void> tell_arrivals(const ArrivalCounters& arrived) {
    const Histogram latency = interpreter_->counters().latency;
    const std::uint64_t dropped = arrived.dropped;
    const std::string text = fmt::format(
        "open load: {} operations handed out, {} dropped (backlog {}), at most {} waited; from due to ok: p50 {}, p99 "
        "{}, "
        "max {}",
        arrived.handed_out.load(), dropped, plan_.workload.backlog, arrived.most_waiting.load(),
        format_duration(latency.quantile(0.5)), format_duration(latency.quantile(0.99)),
        format_duration(latency.max()));
    if (dropped > 0)
      log::warning("{}", text);
    else
      log::info("{}", text);
    const auto number = [](std::uint64_t n) { return Value(static_cast<std::int64_t>(n)); };
    return recorder_->set_meta(kMetaOpenLoad, to_json(Value::map({{"handed_out", number(arrived.handed_out)},
                                                                  {"dropped", number(dropped)},
                                                                  {"backlog", plan_.workload.backlog},
                                                                  {"most_waiting", number(arrived.most_waiting)},
                                                                  {"latency_p50_ns", latency.quantile(0.5).count()},
                                                                  {"latency_p99_ns", latency.quantile(0.99).count()},
                                                                  {"latency_max_ns", latency.max().count()}})));
  }

  // Every node, whatever happened before; what cannot be proved clean is said and kept.
  void heal() {
    if (!nemesis_) return;
    std::vector<std::pair<Value, Value>> unclean;
    for (const NodeCleanliness& node : nemesis_->heal_all())
      if (node.state != Cleanliness::clean) {
        log::error("node {} is not proved clean: {}", node.node, node.reason);
        unclean.emplace_back(node.node, node.reason);
      }
    if (recorder_ && (started_ != Nanos(-1) || !unclean.empty()))
      (void)recorder_->set_meta(kMetaUncleanNodes, to_json(Value::map(std::move(unclean)))).has_value();
    healed_ = clock_->now();
  }

  // The system must come back; then the workload's last reads.
  Result<void> recover() {
    if (!schedule_.empty()) {
      const auto healthy = system_->wait_until_healthy(*clock_, plan_.recovery, interrupts_.load());
      if (interrupts_.load().stop_requested()) return {};
      Value recovery;
      if (const auto& lost = nemesis_->not_recovered()) {
        recovery =
            Value::map({{"healthy", false},
                        {"fault", lost->fault},
                        {"why", fmt::format("not healthy within {} of {}: {}",
                                            format_duration(plan_.schedule.recovery_wait), lost->text, lost->why)},
                        {"bound_ns", plan_.schedule.recovery_wait.count()}});
      } else if (healthy) {
        log::info("{} is healthy {} after the faults", plan_.system.name, format_duration(*healthy));
        recovery = Value::map({{"healthy", true}, {"after_ns", (clock_->now() - healed_).count()}});
      } else {
        log::error("{} did not come back within {} of the faults: {}", plan_.system.name,
                   format_duration(plan_.recovery), healthy.error().message);
        recovery =
            Value::map({{"healthy", false}, {"why", healthy.error().message}, {"bound_ns", plan_.recovery.count()}});
      }
      if (const auto set = recorder_->set_meta(kMetaRecovery, to_json(recovery)); !set) return set;
    }
    if (!workload_.final) return {};
    log::info("final reads");
    const GeneratorPtr reads = time_limit(kFinalReadsLimit, std::move(workload_.final));
    const auto read = interpreter_->run(*reads, Random(settings_.seed).fork("final"), interrupts_.load());
    if (!read) return Failure(read.error());
    return {};
  }

  void wind_down() {
    if (interpreter_) interpreter_->close_clients();
    keep_findings();
    if (!plan_.cluster.managed && clients_ && started_ != Nanos(-1) && !settings_.keep)
      if (const auto removed = clients_->remove_data(); !removed)
        log::warning("the run's data was not removed: {}", removed.error().message);
    if (system_ && system_touched_) {
      if (const auto version = system_->version(); version && recorder_)
        (void)recorder_->set_meta("system_version", *version).has_value();
    }
    if (system_ && (system_touched_ || !plan_.cluster.managed))
      for (const std::string& missing : system_->collect_logs(folder_ + "/logs", kLogLimitBytes))
        log::warning("logs: {}", missing);
    if (system_touched_ && !settings_.keep)
      if (const auto down = system_->tear_down(); !down)
        log::warning("tearing {} down: {}", plan_.system.name, down.error().message);
    nemesis_.reset();  // its kept shells end before the connections do
    nemesis_cluster_.reset();
    lock_.reset();
    cluster_.reset();
    if (settings_.keep)
      log::info(
          "kept as asked: the system runs on{}",
          plan_.cluster.lab ? fmt::format("; shaketable lab down --lab {} takes the lab down", settings_.lab) : "");
    else if (const auto released = lab_.release(); !released)
      log::warning("{}", released.error().message);
  }

  // Before the system is taken down: what then ends was asked to.
  void keep_findings() {
    if (!watch_) return;
    const SystemWatchReport& seen = watch_->finish();
    if (recorder_ && started_ != Nanos(-1))
      if (const auto set = recorder_->set_meta(kMetaFindings, to_json(watch_record(seen, plan_.findings))); !set)
        log::error("what was seen of crashes and in logs is not in the run's file: {}", set.error().message);
    watch_.reset();
    watch_cluster_.reset();
  }

  void close_file() {
    if (!recorder_) return;
    const std::string why = interrupts_.load().stop_requested() ? kWhyInterrupted : "done";
    if (const auto finished = recorder_->finish(why); !finished)
      log::error("{}; what was recorded is in the journal and is merged when the run is next opened",
                 finished.error().message);
  }

  std::string progress_line() const {
    const LoadCounters now = interpreter_->counters();
    const double seconds = std::max(0.001, std::chrono::duration<double>(clock_->now() - started_).count());
    const std::string faults = nemesis_->active();
    return fmt::format("{:3.0f} s of {:.0f}  {:6.0f} op/s  ok {} fail {} info {}  p50 {} p99 {}{}", seconds,
                       std::chrono::duration<double>(plan_.time_limit).count(),
                       static_cast<double>(now.ok + now.fail + now.info) / seconds,
                       with_thousands(static_cast<std::int64_t>(now.ok)),
                       with_thousands(static_cast<std::int64_t>(now.fail)),
                       with_thousands(static_cast<std::int64_t>(now.info)), format_duration(now.latency.quantile(0.5)),
                       format_duration(now.latency.quantile(0.99)), faults.empty() ? "" : "  | " + faults);
  }

  std::string run_name() const { return std::filesystem::path(folder_).filename().string(); }

  const Plan& plan_;
  const RunSettings& settings_;
  Interrupts& interrupts_;
  const std::string folder_;

  LabHold lab_;
  std::unique_ptr<SteadyClock> clock_;  // its zero is the start of the run
  std::unique_ptr<Recorder> recorder_;
  std::unique_ptr<Cluster> cluster_, nemesis_cluster_;
  std::unique_ptr<ClusterLock> lock_;
  std::unique_ptr<System> system_;
  std::unique_ptr<Cluster> watch_cluster_;
  std::unique_ptr<SystemWatch> watch_;
  std::unique_ptr<Nemesis> nemesis_;
  std::unique_ptr<Interpreter> interpreter_;
  std::vector<ScheduledFault> schedule_;
  Workload workload_;
  const std::shared_ptr<ClientProcesses> client_processes_ = std::make_shared<ClientProcesses>();
  std::optional<RunClients> clients_;
  Result<void> nemesis_result_;
  bool system_touched_ = false;
  bool stopped_early_ = false;
  Nanos started_{-1}, healed_{0};
};

}  // namespace

Result<Outcome> run_plan(const Plan& plan, const RunSettings& settings, Interrupts& interrupts) {
  if (const auto fits = check_schedule(plan, settings); !fits) return Failure(fits.error());
  const auto folder = make_run_folder(settings.results, plan.name, settings.out);
  if (!folder) return Failure(folder.error());
  if (const auto written = write_file(*folder + "/plan.yaml", log::redact(plan.text)); !written)
    return Failure(written.error());
  auto log_file = std::make_shared<std::ofstream>(*folder + "/shaketable.log", std::ios::app);
  log::set_copy([log_file](std::string_view line) { (*log_file << line).flush(); });
  log::info("run folder: {}", *folder);

  Result<void> executed;
  bool has_file = false;
  {
    Run run(plan, settings, interrupts, *folder);
    executed = run.execute();
    has_file = run.has_file();
  }
  if (!has_file) {
    log::set_copy({});
    return Failure(executed.error());
  }
  Outcome outcome;
  const bool judge_it = !interrupts.judging().stop_requested();
  auto judged = judge_it && (executed || executed.error().kind != ErrorKind::bad_input)
                    ? judge_run(*folder, {}, {plan.check_timeout, plan.check_memory_bytes, interrupts.judging()})
                    : [&]() -> Result<Outcome> {
    const auto file = open_run(*folder);
    return file ? read_outcome(*file) : Result<Outcome>(Failure(file.error()));
  }();
  if (judged) {
    outcome = std::move(*judged);
  } else {
    // A checker that cannot judge is a defect or a bad plan, never a pass.
    outcome.run = *folder;
    outcome.plan = plan.name;
    outcome.system = plan.system.name;
    outcome.seed = settings.seed;
    outcome.repeat = settings.repeat;
    outcome.infrastructure = "the history could not be judged: " + judged.error().message;
  }
  for (const auto& [name, content] : {std::pair{"summary.txt", outcome_text(outcome)},
                                      std::pair{"summary.json", to_json(outcome_json(outcome)) + "\n"}})
    if (const auto written = write_file(fmt::format("{}/{}", *folder, name), content); !written)
      log::warning("{}", written.error().message);
  if (const auto written = write_report(*folder, outcome); !written)
    log::warning("report.html was not written: {}", written.error().message);
  log::set_copy({});
  return outcome;
}

}  // namespace shaketable
