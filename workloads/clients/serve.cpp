#include "workloads/clients/serve.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <istream>
#include <ostream>
#include <string>

#include "history/parameter_values.h"
#include "history/text.h"
#include "workloads/clients/exec.h"
#include "workloads/interfaces.h"

namespace shaketable {
namespace {

std::string text_of(const Value& map, std::string_view key) {
  const Value* found = map.find(Value(key));
  return found && found->kind() == Value::Kind::string ? std::string(found->text()) : "";
}

std::int64_t integer_of(const Value& map, std::string_view key) {
  const Value* found = map.find(Value(key));
  return found && found->is_integer() ? found->integer() : 0;
}

Result<Parameters> parameters_of(const Value& given, const std::vector<ParameterSpec>& specs,
                                 const std::string& whose) {
  Parameters parameters(specs);
  if (given.kind() != Value::Kind::map) return bad_input(whose + ": parameters must be an object");
  for (std::size_t i = 0; i < given.items().size(); i += 2) {
    const auto spec = std::find_if(specs.begin(), specs.end(),
                                   [&](const ParameterSpec& known) { return given.items()[i] == Value(known.name); });
    if (spec == specs.end()) return bad_input(fmt::format("{} has no parameter {}", whose, to_json(given.items()[i])));
    auto value = parameter_from(given.items()[i + 1], *spec);
    if (!value) return Failure(value.error().in(whose));
    parameters.set(spec->name, std::move(*value));
  }
  return parameters;
}

class Server {
 public:
  explicit Server(const ClientInfo& info) : info_(info) {}

  Completion answer(const Value& message) {
    const std::string what = text_of(message, "do");
    const Nanos timeout = std::chrono::milliseconds(integer_of(message, "timeout_ms"));
    if (what == "hello") return of(hello(message));
    if (what == "close") return {OpType::ok, Value(), Value()};
    if (!settings_) return {OpType::fail, Value(), "the first message must be hello"};
    if (what == "open") {
      client_ = info_.make(*settings_);
      return of(client_->open(timeout));
    }
    if (!client_) return {OpType::fail, Value(), "not open"};
    if (what == "probe") return of(client_->probe(timeout));
    if (what == "setup") return of(client_->setup(timeout));
    if (what == "remove_data") return of(client_->remove_data(timeout));
    if (what == "invoke") {
      const Value* value = message.find(Value("value"));
      return client_->invoke(Name(text_of(message, "f")), value ? with_number_keys(*value) : Value(), timeout);
    }
    return {OpType::fail, Value(), fmt::format("unknown: \"{}\"", what)};
  }

 private:
  static Completion of(const Result<void>& done) {
    if (done) return {OpType::ok, Value(), Value()};
    return {OpType::fail, Value(), done.error().message};
  }

  Result<void> hello(const Value& message) {
    if (integer_of(message, "protocol") != kClientProtocol)
      return bad_input(fmt::format("this program speaks protocol {}", kClientProtocol));
    ClientSettings settings;
    settings.run = text_of(message, "run");
    settings.worker = static_cast<std::size_t>(integer_of(message, "worker"));
    settings.user = text_of(message, "user");
    if (const char* password = std::getenv("SHAKETABLE_PASSWORD")) settings.password = password;
    if (const Value* endpoints = message.find(Value("endpoints")); endpoints && endpoints->is_list())
      for (const Value& endpoint : endpoints->items())
        if (endpoint.kind() == Value::Kind::map)
          settings.endpoints.push_back({text_of(endpoint, "node"), text_of(endpoint, "url")});
    if (settings.endpoints.empty()) return bad_input("hello names no endpoints");
    if (const Value* tls = message.find(Value("tls")); tls && tls->kind() == Value::Kind::map) {
      settings.ca_file = text_of(*tls, "ca");
      settings.certificate_file = text_of(*tls, "certificate");
      settings.key_file = text_of(*tls, "key");
    }
    const Value* given = message.find(Value("options"));
    auto options = parameters_of(given ? *given : Value::map({}), info_.parameters, "the client " + info_.name);
    if (!options) return Failure(options.error());
    settings.options = std::move(*options);
    settings.interface = text_of(message, "interface");
    const InterfaceInfo* interface = find_interface(settings.interface);
    const Value* workload = message.find(Value("workload"));
    if (interface && workload) {
      auto parameters = parameters_of(*workload, interface->parameters, "the interface " + interface->name);
      if (!parameters) return Failure(parameters.error());
      settings.workload = std::move(*parameters);
    }
    settings_ = std::make_unique<ClientSettings>(std::move(settings));
    return {};
  }

  const ClientInfo& info_;
  std::unique_ptr<ClientSettings> settings_;
  std::unique_ptr<Client> client_;
};

}  // namespace

Result<void> serve_client(const ClientInfo& info, std::istream& in, std::ostream& out) {
  Server server(info);
  for (std::string line; std::getline(in, line);) {
    const auto message = parse_json(line);
    if (!message || message->kind() != Value::Kind::map)
      return bad_input(fmt::format("a line of the input is no message: {}",
                                   message ? "it is not an object" : message.error().message));
    const Completion completion = server.answer(*message);
    out << fmt::format("{{\"id\":{},\"type\":\"{}\",\"value\":{},\"error\":{}}}\n", integer_of(*message, "id"),
                       to_string(completion.type), to_json(completion.value), to_json(completion.error))
        << std::flush;
    if (text_of(*message, "do") == "close") break;
  }
  return {};
}

}  // namespace shaketable
