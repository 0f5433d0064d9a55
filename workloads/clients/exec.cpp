#include "workloads/clients/exec.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "base/duration.h"
#include "cluster/deadline.h"
#include "cluster/local_process.h"
#include "history/parameter_values.h"
#include "history/text.h"
#include "workloads/clients/processes.h"
#include "workloads/interfaces.h"

namespace shaketable {
namespace {

constexpr Nanos kCloseLimit = std::chrono::seconds(1);
constexpr Nanos kStopPoll = std::chrono::milliseconds(20);

std::string absolute_program(const std::string& program) {
  if (program.find('/') == std::string::npos) return program;
  std::error_code failed;
  const auto absolute = std::filesystem::absolute(program, failed);  // the process starts in another directory
  return failed ? program : absolute.string();
}

std::string shortened(const std::string& line) {
  std::string out = line.substr(0, 120);
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7E) c = '?';
  return line.size() > out.size() ? out + "..." : out;
}

struct Answer {
  OpType type = OpType::info;
  Value value;
  bool has_value = false;
  Value error;
};

// One line of the program's. Errors say what is wrong with it.
Result<Answer> parse_answer(const std::string& line, std::int64_t id) {
  const auto parsed = parse_json(line);
  if (!parsed)
    return infrastructure(fmt::format("its answer is not JSON: \"{}\": {}", shortened(line), parsed.error().message));
  const auto wrong = [&](std::string_view what) {
    return infrastructure(fmt::format("its answer {}: \"{}\"", what, shortened(line)));
  };
  if (parsed->kind() != Value::Kind::map) return wrong("is not an object");
  const Value* their_id = parsed->find("id");
  if (!their_id || !(*their_id == Value(id))) return wrong(fmt::format("has not the id {} of the question", id));
  const Value* type = parsed->find("type");
  Answer answer;
  if (type && *type == Value("ok"))
    answer.type = OpType::ok;
  else if (type && *type == Value("fail"))
    answer.type = OpType::fail;
  else if (!type || !(*type == Value("info")))
    return wrong("has no type of ok, fail or info");
  if (const Value* value = parsed->find("value")) {
    answer.value = with_number_keys(*value);
    answer.has_value = true;
  }
  if (const Value* error = parsed->find("error")) answer.error = *error;
  return answer;
}

class ProgramClient final : public Client {
 public:
  ProgramClient(ClientProgram program, const ClientSettings& settings)
      : program_(std::move(program)), settings_(settings) {}

  ~ProgramClient() override { close(); }

  Result<void> open(Nanos timeout) override {
    if (auto started = start(); !started) return started;
    return said("open", simple("open", timeout), timeout);
  }

  Result<void> probe(Nanos timeout) override { return ask_running("probe", timeout); }
  Result<void> setup(Nanos timeout) override { return ask_running("setup", timeout); }
  Result<void> remove_data(Nanos timeout) override { return ask_running("remove_data", timeout); }

  Completion invoke(Name f, const Value& value, Nanos timeout) override {
    if (!running()) {
      if (auto opened = open(timeout); !opened) return {OpType::fail, value, opened.error().message};
    }
    const bool read = only_reads(f, value);
    const std::int64_t id = next_id_++;
    const std::string line = fmt::format("{{\"id\":{},\"do\":\"invoke\",\"f\":{},\"value\":{},\"timeout_ms\":{}}}\n",
                                         id, to_json(Value(f.text())), to_json(value), milliseconds(timeout));
    const auto answer = ask(id, line, timeout);
    if (!answer) return {read ? OpType::fail : OpType::info, value, answer.error().message};
    if (answer->type == OpType::ok && !answer->has_value) {
      end();
      return {read ? OpType::fail : OpType::info, value, "the client program: an ok without a value"};
    }
    if (answer->type == OpType::ok) return {OpType::ok, answer->value, Value()};
    Value error = answer->error.is_nil() ? Value("the client program gave no reason") : answer->error;
    return {answer->type == OpType::info && read ? OpType::fail : answer->type, value, std::move(error)};
  }

 private:
  static std::int64_t milliseconds(Nanos timeout) {
    return std::max<std::int64_t>(1, std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count());
  }

  std::string simple(std::string_view what, Nanos timeout) {
    return fmt::format("{{\"id\":{},\"do\":\"{}\",\"timeout_ms\":{}}}\n", next_id_, what, milliseconds(timeout));
  }

  bool running() {
    if (!process_) return false;
    if (!process_->wait(Nanos(0))) return true;
    end();
    return false;
  }

  Result<void> ask_running(std::string_view what, Nanos timeout) {
    if (!running())
      if (auto opened = open(timeout); !opened) return opened;
    return said(what, simple(what, timeout), timeout);
  }

  Result<void> start() {
    end();
    LocalProcessSpec spec;
    spec.arguments = program_.command;
    if (!spec.arguments.empty()) spec.arguments.front() = absolute_program(spec.arguments.front());
    spec.environment = program_.environment;
    if (!settings_.password.empty()) spec.environment["SHAKETABLE_PASSWORD"] = settings_.password;
    spec.directory = settings_.directory;
    if (!settings_.log_directory.empty()) {
      std::error_code failed;
      std::filesystem::create_directories(settings_.log_directory, failed);
      if (failed) return infrastructure(fmt::format("{}: {}", settings_.log_directory, failed.message()));
      log_file_ = fmt::format("{}/worker-{}.log", settings_.log_directory, settings_.worker);
      spec.error_file = log_file_;
    }
    auto started = LocalProcess::start(spec);
    if (!started) return Failure(started.error().in("the client program"));
    process_ = std::move(*started);
    if (settings_.processes) settings_.processes->put(settings_.worker, process_->pid());
    next_id_ = 0;
    return said("hello", hello(), program_.start_timeout);
  }

  std::string hello() const {
    const auto text = [](std::string_view s) { return to_json(Value(s)); };
    std::string out = fmt::format(
        "{{\"id\":{},\"do\":\"hello\",\"protocol\":{},\"run\":{},\"worker\":{},\"interface\":{},\"workload\":{}",
        next_id_, kClientProtocol, text(settings_.run), settings_.worker, text(settings_.interface),
        to_json(workload()));
    if (!settings_.endpoints.empty()) {
      const ClientEndpoint& own = settings_.endpoints[settings_.worker % settings_.endpoints.size()];
      out += fmt::format(",\"node\":{},\"url\":{}", text(own.node), text(own.url));
    }
    out += ",\"endpoints\":[";
    for (std::size_t i = 0; i < settings_.endpoints.size(); ++i)
      out += fmt::format("{}{{\"node\":{},\"url\":{}}}", i ? "," : "", text(settings_.endpoints[i].node),
                         text(settings_.endpoints[i].url));
    out += fmt::format("],\"options\":{}", program_.options.is_nil() ? "{}" : to_json(program_.options));
    if (!settings_.user.empty()) out += fmt::format(",\"user\":{}", text(settings_.user));
    std::vector<std::pair<Value, Value>> tls;
    for (const auto& [name, file] :
         {std::pair{"ca", &settings_.ca_file}, std::pair{"certificate", &settings_.certificate_file},
          std::pair{"key", &settings_.key_file}})
      if (!file->empty()) tls.emplace_back(name, absolute_program(*file));
    if (!tls.empty()) out += fmt::format(",\"tls\":{}", to_json(Value::map(std::move(tls))));
    return out + "}\n";
  }

  // What the interface lets its clients know of the workload.
  Value workload() const {
    std::vector<std::pair<Value, Value>> parameters;
    if (const InterfaceInfo* interface = find_interface(settings_.interface))
      for (const ParameterSpec& spec : interface->parameters)
        if (settings_.workload.has(spec.name))
          parameters.emplace_back(spec.name, parameter_value(parameter_of(settings_.workload, spec)));
    return Value::map(std::move(parameters));
  }

  // Asks and wants an ok.
  Result<void> said(std::string_view what, const std::string& line, Nanos timeout) {
    const auto answer = ask(next_id_++, line, timeout);
    if (!answer) return Failure(answer.error());
    if (answer->type == OpType::ok) return {};
    const Value& why = answer->error;
    const std::string reason = why.is_nil()                        ? "no reason given"
                               : why.kind() == Value::Kind::string ? std::string(why.text())
                                                                   : to_json(why);
    end();
    return infrastructure(fmt::format("the client program refused \"{}\": {}", what, reason));
  }

  // After an error the process is gone.
  Result<Answer> ask(std::int64_t id, const std::string& line, Nanos timeout) {
    if (settings_.processes) settings_.processes->asked(settings_.worker);
    auto answer = ask_process(id, line, timeout);
    if (settings_.processes) settings_.processes->answered(settings_.worker);
    if (answer) return answer;
    end();
    return Failure(answer.error().in("the client program"));
  }

  Result<Answer> ask_process(std::int64_t id, const std::string& line, Nanos timeout) {
    if (auto written = process_->write(line, timeout); !written) return Failure(written.error());
    const Deadline whole(timeout + kLongestStop);
    Deadline deadline(timeout);
    while (true) {
      auto read = process_->read_line(deadline.left());
      if (read) return parse_answer(*read, id);
      if (!deadline.over()) return Failure(read.error());
      const auto state = process_state(process_->pid());
      if (!state || state->state != 'T' || whole.over())
        return infrastructure(fmt::format("no answer within {}", format_duration(timeout)));
      std::this_thread::sleep_for(kStopPoll);
      if (const auto now = process_state(process_->pid()); now && now->state != 'T') deadline = Deadline(timeout);
    }
  }

  void end() {
    if (!process_) return;
    if (settings_.processes) settings_.processes->take_out(settings_.worker, process_->pid());
    process_.reset();
    std::error_code ignored;
    if (!log_file_.empty() && std::filesystem::file_size(log_file_, ignored) == 0)
      std::filesystem::remove(log_file_, ignored);
  }

  void close() {
    if (!process_) return;
    const Deadline deadline(kCloseLimit);
    // One that does not listen any more is killed below; there is nobody left to tell.
    if (process_->write(fmt::format("{{\"id\":{},\"do\":\"close\"}}\n", next_id_), kCloseLimit)) {
      process_->close_input();
      (void)process_->wait(deadline.left());
    }
    end();
  }

  const ClientProgram program_;
  const ClientSettings settings_;
  std::unique_ptr<LocalProcess> process_;
  std::string log_file_;
  std::int64_t next_id_ = 0;
};

}  // namespace

Value with_number_keys(const Value& value) {
  if (value.kind() == Value::Kind::list) {
    std::vector<Value> items;
    for (const Value& item : value.items()) items.push_back(with_number_keys(item));
    return Value::list(std::move(items));
  }
  if (value.kind() != Value::Kind::map) return value;
  std::vector<std::pair<Value, Value>> entries;
  for (std::size_t i = 0; i < value.items().size(); i += 2) {
    Value key = value.items()[i];
    const auto number = key.kind() == Value::Kind::string ? parse_json(key.text()) : Result<Value>(Value());
    if (number && number->is_integer()) key = *number;
    entries.emplace_back(std::move(key), with_number_keys(value.items()[i + 1]));
  }
  return Value::map(std::move(entries));
}

bool only_reads(Name f, const Value& value) {
  static const Name read("read"), leader("leader"), txn("txn");
  if (f == read || f == leader) return true;
  if (f != txn || !value.is_list()) return false;
  return std::all_of(value.items().begin(), value.items().end(), [](const Value& step) {
    if (!step.is_list() || step.size() == 0) return false;
    const Value& what = step[0];
    return (what.kind() == Value::Kind::string || what.kind() == Value::Kind::keyword) && what.text() == "r";
  });
}

std::unique_ptr<Client> program_client(ClientProgram program, const ClientSettings& settings) {
  return std::make_unique<ProgramClient>(std::move(program), settings);
}

ClientInfo exec_client() {
  ParameterSpec command;
  command.name = "command";
  command.type = ParameterType::command;
  command.about = "the program and its arguments; it is started in the plan's directory, one process a worker";
  command.required = true;
  ParameterSpec options;
  options.name = "options";
  options.type = ParameterType::entries;
  options.about = "what the program is told besides, in its hello message";
  options.fallback = "{}";
  options.value = Entries{};
  ParameterSpec environment = options;
  environment.name = "environment";
  environment.about = "environment variables added to ours";
  ParameterSpec start;
  start.name = "start_timeout";
  start.type = ParameterType::duration;
  start.about = "the program must have answered its first message within this";
  start.fallback = "10s";
  start.value = Nanos(std::chrono::seconds(10));
  start.minimum = 0.001;
  start.maximum = 600;
  ClientInfo info;
  info.name = "exec";
  info.about = "any program that speaks JSON lines on stdin and stdout (docs/client-protocol.md)";
  info.parameters = {command, options, environment, start};
  info.interfaces = interface_names();
  info.make = [](const ClientSettings& settings) {
    ClientProgram program;
    program.command = settings.options.texts("command");
    for (const auto& [name, value] : settings.options.entries("environment")) program.environment[name] = value;
    std::vector<std::pair<Value, Value>> entries;
    for (const auto& [name, value] : settings.options.entries("options")) entries.emplace_back(name, value);
    program.options = Value::map(std::move(entries));
    program.start_timeout = settings.options.duration("start_timeout");
    return program_client(std::move(program), settings);
  };
  return info;
}

}  // namespace shaketable
