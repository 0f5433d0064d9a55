#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "base/log.h"
#include "orchestrator/plan/parts.h"

namespace shaketable {
namespace {

constexpr std::string_view kRemedy =
    "name the place that holds it: password: {file: FILE} or password: {env: VARIABLE}";

std::string secret_of_file(const std::string& path, const Place& place, Problems& problems) {
  auto text = read_text_file(path);
  if (!text) {
    problems.add(place, "password: " + text.error().message);
    return "";
  }
  if (text->ends_with('\n')) text->pop_back();  // the one that editors add
  if (text->ends_with('\r')) text->pop_back();
  if (text->empty()) problems.add(place, fmt::format("password: {} is empty", path));
  return std::move(*text);
}

std::string secret_of_variable(const std::string& name, const Place& place, Problems& problems) {
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): plans are read before threads start
  if (value && *value) return value;
  problems.add(place, fmt::format("password: the environment variable {} is {}", name, value ? "empty" : "not set"));
  return "";
}

void read_password(Fields& fields, Reading& reading, std::string& out) {
  const Yaml* node = fields.find("password");
  if (!node) return;
  Problems& problems = reading.problems;
  if (node->kind == YamlKind::scalar) {
    // From here on it is blotted out of every message, also where a source line is quoted.
    log::keep_secret(node->text);
    problems.add(node->place, fmt::format("a password does not belong in a plan; {}", kRemedy));
    return;
  }
  const std::size_t before = problems.size();
  std::string file, variable;
  if (node->kind == YamlKind::map) {
    Fields inner(*node, node->place, "a password", problems);
    if (const Yaml* name = inner.find("file")) file = reading.file_name(*name, "file");
    inner.text("env", variable);
    inner.finish();
  }
  if (problems.size() != before) return;
  if (file.empty() == variable.empty()) {
    problems.add(node->place, std::string(kRemedy));
    return;
  }
  if (!reading.options.need_files) return;
  const Place& place = node->entries.front().value->place;
  out = file.empty() ? secret_of_variable(variable, place, problems) : secret_of_file(file, place, problems);
  log::keep_secret(out);
}

// The program of a `command` parameter, found where the plan is: a name with a slash is relative to the plan's
// directory, one without is looked for in PATH when it is started.
void find_programs(Fields& fields, Reading& reading, const Described& described, Parameters& options) {
  for (const ParameterSpec& spec : described.parameters) {
    const YamlEntry* entry = spec.type == ParameterType::command ? fields.entry(spec.name) : nullptr;
    if (!entry || !options.has(spec.name)) continue;
    std::vector<std::string> command = options.texts(spec.name);
    if (command.empty() || command.front().find('/') == std::string::npos) continue;
    Yaml program = entry->value->kind == YamlKind::list ? *entry->value->items.front() : *entry->value;
    command.front() = reading.existing_file(program, spec.name);
    if (command.front().empty()) continue;
    const char* file = command.front().c_str();
    if (reading.options.need_files && access(file, R_OK) == 0 && access(file, X_OK) != 0)
      reading.problems.add(program.place, fmt::format("{}: {} is not executable", spec.name, command.front()));
    options.set(spec.name, std::move(command));
  }
}

void read_tls(Fields& fields, Reading& reading, ClientPlan& client) {
  const YamlEntry* entry = fields.entry("tls");
  if (!entry) return;
  if (entry->value->kind != YamlKind::map) {
    reading.problems.add(
        entry->value->place,
        fmt::format("tls must be a map such as {{ca: ca.pem, certificate: client.pem, key: client.key}}, not {}",
                    describe(*entry->value)));
    return;
  }
  Fields inner(*entry->value, entry->place, "tls", reading.problems);
  if (const Yaml* file = inner.find("ca")) client.ca_file = reading.existing_file(*file, "ca");
  if (const Yaml* file = inner.find("certificate"))
    client.certificate_file = reading.existing_file(*file, "certificate");
  if (const Yaml* file = inner.find("key")) client.key_file = reading.existing_file(*file, "key");
  inner.finish();
  const bool certificate = entry->value->find("certificate"), key = entry->value->find("key");
  if (certificate != key)
    reading.problems.add(entry->place, fmt::format("tls has a {} but no {}", certificate ? "certificate" : "key",
                                                   certificate ? "key" : "certificate"));
}

}  // namespace

void read_client(Fields& top, Reading& reading, Plan& plan) {
  Problems& problems = reading.problems;
  ClientPlan& client = plan.client;
  const YamlEntry* entry = top.entry("client");
  NamedMap named;
  if (entry) {
    named =
        named_map(*entry, "the name of a client, or a map with name and its parameters", problems, plan.system.name);
    client.name = named.name;
  } else {
    const YamlEntry* system = top.entry("system");
    named.name_place = system ? system->place : top.place();
    client.name = plan.system.name;
  }
  if (client.name.empty()) return;  // reported already: the system is missing, or the client's name is wrong
  if (!entry && !reading.catalogue.clients.count(client.name)) {
    std::vector<std::string> names;
    for (const auto& [name, described] : reading.catalogue.clients) names.push_back(name);
    problems.add(named.name_place, fmt::format("there is no client named as the system, \"{}\"; add \"client\": {}",
                                               client.name, one_of(names)));
    return;
  }
  const Described* described = look_up(reading.catalogue.clients, client.name, "client", named.name_place, problems);
  if (!described) return;
  client.options = Parameters(described->parameters);
  const Yaml nothing;
  Fields fields(named.map ? *named.map : nothing, entry ? entry->place : named.name_place,
                fmt::format("the client {}", client.name), problems);
  fields.know("name");
  fields.duration("timeout", client.timeout, {0.001, 3600});
  fields.text("user", client.user);
  read_password(fields, reading, client.password);
  read_tls(fields, reading, client);
  fields.parameters(described->parameters, client.options);
  find_programs(fields, reading, *described, client.options);
  fields.finish();
}

}  // namespace shaketable
