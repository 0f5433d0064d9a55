#include "workloads/clients/etcd.h"

#include <fmt/format.h>

#include <optional>

#include "history/text.h"
#include "workloads/clients/base64.h"
#include "workloads/clients/http.h"

namespace shaketable {
namespace {

// What an answer that is not a success means for an operation that changes something.
enum class Meaning { did_not_happen, unknown };

// The gRPC status codes that etcd gives before it proposes anything to its peers. All others (DEADLINE_EXCEEDED,
// UNAVAILABLE with "leader changed", "request timed out", UNKNOWN, INTERNAL …) may follow a proposal that still
// commits.
Meaning meaning_of(int grpc_code, std::string_view message) {
  switch (grpc_code) {
    case 3:   // INVALID_ARGUMENT: key not provided, request too large …
    case 7:   // PERMISSION_DENIED
    case 12:  // UNIMPLEMENTED
    case 16:  // UNAUTHENTICATED
      return Meaning::did_not_happen;
    case 8:  // RESOURCE_EXHAUSTED: "too many requests" is said before proposing; "space exceeded" also after a put was
             // applied
      return message.find("too many requests") != std::string_view::npos ? Meaning::did_not_happen : Meaning::unknown;
    default:
      return Meaning::unknown;
  }
}

class EtcdClient final : public Client {
 public:
  explicit EtcdClient(const ClientSettings& settings)
      : settings_(settings),
        endpoint_(settings.endpoints[settings.worker % settings.endpoints.size()]),
        serializable_(settings.options.text("reads") == "serializable"),
        prefix_(settings.options.text("prefix") + settings.run + "/"),
        http_({settings.ca_file, settings.certificate_file, settings.key_file}) {}

  Result<void> open(Nanos timeout) override {
    if (settings_.user.empty()) return {};  // connects with the first request
    const Value request = Value::map({{"name", settings_.user}, {"password", settings_.password}});
    const HttpAnswer answer = http_.post(endpoint_.url + "/v3/auth/authenticate", {}, to_json(request), timeout);
    if (answer.status != 200)
      return infrastructure(
          fmt::format("etcd at {} did not accept user \"{}\": {}", endpoint_.url, settings_.user, problem_of(answer)));
    const auto parsed = parse_json(answer.body);
    const Value* token = parsed && parsed->kind() == Value::Kind::map ? parsed->find("token") : nullptr;
    if (!token || token->kind() != Value::Kind::string)
      return infrastructure(fmt::format("etcd at {} answered the log-in without a token", endpoint_.url));
    headers_ = {"Authorization: " + std::string(token->text())};
    return {};
  }

  Result<void> probe(Nanos timeout) override {
    const HttpAnswer answer = http_.post(endpoint_.url + "/v3/maintenance/status", headers_, "{}", timeout);
    if (answer.status == 200) return {};
    return infrastructure(fmt::format("etcd at {} does not answer: {}", endpoint_.url, problem_of(answer)));
  }

  Completion invoke(Name f, const Value& value, Nanos timeout) override {
    static const Name read("read"), write("write"), cas("cas");
    if (!value.is_list() || value.size() != 2)
      return {OpType::fail, value, "etcd client: expected a [key value] tuple"};
    const Value& key = value[0];
    const Value& argument = value[1];
    if (f == read) return do_read(value, key, timeout);
    if (f == write) {
      const Value request = Value::map({{"key", encoded_key(key)}, {"value", encoded(argument)}});
      return change(value, "/v3/kv/put", request, timeout, false);
    }
    if (f == cas && argument.is_list() && argument.size() == 2) {
      const std::string name = encoded_key(key);
      // A register that was never written has no revision to compare, so "expect nil" asks for its version to be 0.
      const Value compare =
          argument[0].is_nil()
              ? Value::map({{"key", name}, {"target", "VERSION"}, {"result", "EQUAL"}, {"version", "0"}})
              : Value::map({{"key", name}, {"target", "VALUE"}, {"result", "EQUAL"}, {"value", encoded(argument[0])}});
      const Value put = Value::map({{"requestPut", Value::map({{"key", name}, {"value", encoded(argument[1])}})}});
      const Value request = Value::map({{"compare", Value::list({compare})}, {"success", Value::list({put})}});
      return change(value, "/v3/kv/txn", request, timeout, true);
    }
    return {OpType::fail, value, fmt::format("etcd client: no function \"{}\" with that value", f.text())};
  }

  Result<void> remove_data(Nanos timeout) override {
    std::string end = prefix_;
    ++end.back();  // the first key that does not have the prefix ('/' + 1)
    const Value request = Value::map({{"key", base64_encode(prefix_)}, {"range_end", base64_encode(end)}});
    const HttpAnswer answer = http_.post(endpoint_.url + "/v3/kv/deleterange", headers_, to_json(request), timeout);
    if (answer.status != 200)
      return infrastructure(fmt::format("keys below {} were not removed: {}", prefix_, problem_of(answer)));
    return {};
  }

 private:
  std::string encoded_key(const Value& key) const { return base64_encode(prefix_ + to_json(key)); }
  static std::string encoded(const Value& value) { return base64_encode(to_json(value)); }

  static std::string problem_of(const HttpAnswer& answer) {
    if (answer.status == 0) return answer.problem;
    const auto parsed = parse_json(answer.body);
    if (parsed && parsed->kind() == Value::Kind::map)
      if (const Value* message = parsed->find("error"); message && message->kind() == Value::Kind::string)
        return std::string(message->text());
    return fmt::format("HTTP status {}", answer.status);
  }

  static int grpc_code_of(const HttpAnswer& answer) {
    const auto parsed = parse_json(answer.body);
    if (parsed && parsed->kind() == Value::Kind::map)
      if (const Value* code = parsed->find("code"); code && code->is_integer())
        return static_cast<int>(code->integer());
    return -1;
  }

  Completion do_read(const Value& value, const Value& key, Nanos timeout) {
    std::vector<std::pair<Value, Value>> fields{{"key", encoded_key(key)}};
    if (serializable_) fields.emplace_back("serializable", true);
    const HttpAnswer answer =
        http_.post(endpoint_.url + "/v3/kv/range", headers_, to_json(Value::map(std::move(fields))), timeout);
    if (answer.status != 200) return {OpType::fail, value, problem_of(answer)};
    const auto parsed = parse_json(answer.body);
    if (!parsed || parsed->kind() != Value::Kind::map)
      return {OpType::fail, value, "etcd client: the answer is not a JSON object"};
    const Value* found = parsed->find("kvs");
    if (!found || (found->is_list() && found->size() == 0)) return {OpType::ok, Value::list({key, nullptr}), nullptr};
    if (!found->is_list()) return {OpType::fail, value, "etcd client: \"kvs\" is not a list"};
    const Value* text = (*found)[0].kind() == Value::Kind::map ? (*found)[0].find("value") : nullptr;
    const auto decoded = text && text->kind() == Value::Kind::string ? base64_decode(text->text()) : std::nullopt;
    const auto content = decoded ? parse_json(*decoded) : bad_input("");
    if (!content) return {OpType::fail, value, "etcd client: the value read is not one this client wrote"};
    return {OpType::ok, Value::list({key, *content}), nullptr};
  }

  // A put or a transaction. `compared`: success of the request is not yet success of the operation.
  Completion change(const Value& value, const char* path, const Value& request, Nanos timeout, bool compared) {
    const HttpAnswer answer = http_.post(endpoint_.url + path, headers_, to_json(request), timeout);
    if (answer.status == 0) return {answer.sent ? OpType::info : OpType::fail, value, answer.problem};
    if (answer.status != 200) {
      const bool refused = meaning_of(grpc_code_of(answer), answer.body) == Meaning::did_not_happen;
      return {refused ? OpType::fail : OpType::info, value, problem_of(answer)};
    }
    if (!compared) return {OpType::ok, value, nullptr};
    const auto parsed = parse_json(answer.body);
    if (!parsed || parsed->kind() != Value::Kind::map)
      return {OpType::info, value, "etcd client: the answer is not a JSON object"};
    const Value* succeeded = parsed->find("succeeded");  // protobuf's JSON leaves false out
    if (succeeded && succeeded->kind() == Value::Kind::boolean && succeeded->boolean())
      return {OpType::ok, value, nullptr};
    return {OpType::fail, value, "did not match"};
  }

  const ClientSettings settings_;
  const ClientEndpoint endpoint_;
  const bool serializable_;
  const std::string prefix_;
  HttpConnection http_;
  std::vector<std::string> headers_;
};

}  // namespace

ClientInfo etcd_client() {
  ClientInfo info;
  info.name = "etcd";
  info.about = "etcd 3.4 and later, over its JSON gateway (libcurl)";
  info.interfaces = {"register"};
  ParameterSpec reads;
  reads.name = "reads";
  reads.type = ParameterType::choice;
  reads.about =
      "linearizable reads go through the leader's quorum; serializable ones are answered by the node itself and may be "
      "stale";
  reads.fallback = "linearizable";
  reads.value = std::string("linearizable");
  reads.choices = {"linearizable", "serializable"};
  ParameterSpec prefix;
  prefix.name = "prefix";
  prefix.type = ParameterType::text;
  prefix.about = "keys of the test begin with this and the run's name";
  prefix.fallback = "/shaketable/";
  prefix.value = std::string("/shaketable/");
  info.parameters = {reads, prefix};
  info.make = [](const ClientSettings& settings) { return std::make_unique<EtcdClient>(settings); };
  return info;
}

}  // namespace shaketable
