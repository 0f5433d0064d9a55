#include "workloads/clients/etcd_api.h"

#include <fmt/format.h>

#include <charconv>

#include "history/text.h"
#include "workloads/clients/base64.h"

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

std::string problem_of(const HttpAnswer& answer) {
  if (answer.status == 0) return answer.problem;
  const auto parsed = parse_json(answer.body);
  if (parsed && parsed->kind() == Value::Kind::map)
    if (const Value* message = parsed->find("error"); message && message->kind() == Value::Kind::string)
      return std::string(message->text());
  return fmt::format("HTTP status {}", answer.status);
}

int grpc_code_of(const HttpAnswer& answer) {
  const auto parsed = parse_json(answer.body);
  if (parsed && parsed->kind() == Value::Kind::map)
    if (const Value* code = parsed->find("code"); code && code->is_integer()) return static_cast<int>(code->integer());
  return -1;
}

std::optional<std::string> text_of(const Value& pair, const char* field) {
  const Value* text = pair.kind() == Value::Kind::map ? pair.find(field) : nullptr;
  if (!text || text->kind() != Value::Kind::string) return std::nullopt;
  return base64_decode(text->text());
}

std::string after(std::string prefix) {
  ++prefix.back();  // names are JSON and prefixes end in '/': no byte is 255
  return base64_encode(prefix);
}

}  // namespace

EtcdApi::EtcdApi(const ClientSettings& settings)
    : settings_(settings),
      endpoint_(settings.endpoints[settings.worker % settings.endpoints.size()]),
      serializable_(settings.options.text("reads") == "serializable"),
      prefix_(settings.options.text("prefix") + settings.run + "/"),
      http_({settings.ca_file, settings.certificate_file, settings.key_file}) {}

Result<void> EtcdApi::log_in(Nanos timeout) {
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

Result<void> EtcdApi::probe(Nanos timeout) {
  const HttpAnswer answer = http_.post(endpoint_.url + "/v3/maintenance/status", headers_, "{}", timeout);
  if (answer.status == 200) return {};
  return infrastructure(fmt::format("etcd at {} does not answer: {}", endpoint_.url, problem_of(answer)));
}

Result<void> EtcdApi::remove_all(Nanos timeout) {
  const Value request = Value::map({{"key", base64_encode(prefix_)}, {"range_end", after(prefix_)}});
  const HttpAnswer answer = http_.post(endpoint_.url + "/v3/kv/deleterange", headers_, to_json(request), timeout);
  if (answer.status != 200)
    return infrastructure(fmt::format("keys below {} were not removed: {}", prefix_, problem_of(answer)));
  return {};
}

EtcdApi::Change EtcdApi::change(const char* path, const Value& request, Nanos timeout) {
  const HttpAnswer answer = http_.post(endpoint_.url + path, headers_, to_json(request), timeout);
  if (answer.status == 0) return {answer.sent ? OpType::info : OpType::fail, Value(), answer.problem};
  if (answer.status != 200) {
    const bool refused = meaning_of(grpc_code_of(answer), answer.body) == Meaning::did_not_happen;
    return {refused ? OpType::fail : OpType::info, Value(), problem_of(answer)};
  }
  auto parsed = parse_json(answer.body);
  if (!parsed || parsed->kind() != Value::Kind::map)
    return {OpType::info, Value(), "etcd client: the answer is not a JSON object"};
  return {OpType::ok, std::move(*parsed), ""};
}

Result<Value> EtcdApi::ask(const char* path, const Value& request, Nanos timeout) {
  Change answer = change(path, request, timeout);
  if (answer.type != OpType::ok) return infrastructure(std::move(answer.problem));
  return std::move(answer.body);
}

Result<Value> EtcdApi::get(const char* path, Nanos timeout) {
  const HttpAnswer answer = http_.get(endpoint_.url + path, headers_, timeout);
  if (answer.status != 200) return infrastructure(problem_of(answer));
  auto parsed = parse_json(answer.body);
  if (!parsed || parsed->kind() != Value::Kind::map)
    return infrastructure("etcd client: the answer is not a JSON object");
  return std::move(*parsed);
}

Result<std::vector<Value>> EtcdApi::stream(const char* path, const Value& request, Nanos timeout,
                                           const std::function<bool(const Value&)>& enough) {
  std::vector<Value> lines;
  std::size_t read = 0;
  bool malformed = false;
  const auto take = [&](std::string_view body) {
    for (std::size_t end = body.find('\n', read); end != std::string_view::npos; end = body.find('\n', read)) {
      auto line = parse_json(body.substr(read, end - read));
      read = end + 1;
      malformed = !line || line->kind() != Value::Kind::map;
      if (malformed) return true;
      lines.push_back(std::move(*line));
      if (enough(lines.back())) return true;
    }
    return false;
  };
  const HttpAnswer answer = http_.post_until(endpoint_.url + path, headers_, to_json(request), timeout, take);
  if (answer.status != 200) return infrastructure(problem_of(answer));
  if (malformed) return infrastructure("etcd client: a line of the stream is not a JSON object");
  return lines;
}

std::string EtcdApi::named(std::string_view name) const {
  return base64_encode(prefix_ + std::string(name));
}

std::string EtcdApi::key(const Value& name) const {
  return base64_encode(prefix_ + to_json(name));
}

std::string EtcdApi::prefix_end(std::string_view name) const {
  return after(prefix_ + std::string(name));
}

std::string EtcdApi::encoded(const Value& value) {
  return base64_encode(to_json(value));
}

std::optional<Value> EtcdApi::content_of(const Value& pair) {
  const auto text = text_of(pair, "value");
  if (!text) return std::nullopt;
  auto content = parse_json(*text);
  if (!content) return std::nullopt;
  return std::move(*content);
}

std::optional<Value> EtcdApi::name_of(const Value& pair, std::size_t skip) const {
  const auto text = text_of(pair, "key");
  if (!text || text->size() < prefix_.size() + skip) return std::nullopt;
  auto name = parse_json(std::string_view(*text).substr(prefix_.size() + skip));
  if (!name) return std::nullopt;
  return std::move(*name);
}

std::int64_t EtcdApi::number_of(const Value& map, const char* field) {
  const Value* found = map.kind() == Value::Kind::map ? map.find(field) : nullptr;
  if (found && found->is_integer()) return found->integer();
  if (!found || found->kind() != Value::Kind::string) return 0;
  std::int64_t number = 0;
  const std::string_view text = found->text();
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Value etcd_put(const std::string& key, const Value& content) {
  return Value::map({{"requestPut", Value::map({{"key", key}, {"value", EtcdApi::encoded(content)}})}});
}

Value etcd_unchanged(const std::string& key, std::int64_t revision) {
  // A key that is not there has a modification revision of 0.
  return Value::map({{"key", key}, {"target", "MOD"}, {"result", "EQUAL"}, {"mod_revision", std::to_string(revision)}});
}

Result<std::vector<EtcdPair>> etcd_read(EtcdApi& api, const std::vector<std::string>& keys, Nanos timeout) {
  std::vector<Value> ranges;
  for (const std::string& key : keys) {
    std::vector<std::pair<Value, Value>> range{{"key", key}};
    if (api.serializable()) range.emplace_back("serializable", true);
    ranges.push_back(Value::map({{"requestRange", Value::map(std::move(range))}}));
  }
  const auto answer = api.ask("/v3/kv/txn", Value::map({{"success", Value::list(std::move(ranges))}}), timeout);
  if (!answer) return Failure(answer.error());
  const Value* responses = answer->find("responses");
  if (!responses || !responses->is_list() || responses->size() != keys.size())
    return infrastructure("etcd client: the answer has another number of responses than the request");
  std::vector<EtcdPair> pairs;
  for (const Value& response : responses->items()) {
    const Value* range = response.kind() == Value::Kind::map ? response.find("response_range") : nullptr;
    if (!range || range->kind() != Value::Kind::map)
      return infrastructure("etcd client: a response of the transaction is no range");
    const Value* found = range->find("kvs");
    if (!found || !found->is_list() || found->size() == 0) {
      pairs.emplace_back();
      continue;
    }
    auto content = EtcdApi::content_of((*found)[0]);
    if (!content) return infrastructure("etcd client: the value read is not one this client wrote");
    pairs.push_back({std::move(*content), EtcdApi::number_of((*found)[0], "mod_revision")});
  }
  return pairs;
}

Result<std::vector<Value>> etcd_read_all(EtcdApi& api, std::string_view name, bool keys_only, Nanos timeout) {
  std::vector<std::pair<Value, Value>> fields{{"key", api.named(name)}, {"range_end", api.prefix_end(name)}};
  if (keys_only) fields.emplace_back("keys_only", true);
  if (api.serializable()) fields.emplace_back("serializable", true);
  const auto answer = api.ask("/v3/kv/range", Value::map(std::move(fields)), timeout);
  if (!answer) return Failure(answer.error());
  const Value* found = answer->find("kvs");
  if (!found) return std::vector<Value>();
  if (!found->is_list()) return infrastructure("etcd client: \"kvs\" is not a list");
  return std::vector<Value>(found->items().begin(), found->items().end());
}

Completion etcd_commit(EtcdApi& api, std::vector<Value> comparisons, std::vector<Value> puts, const Value& value,
                       std::string_view otherwise, Nanos timeout) {
  std::vector<std::pair<Value, Value>> fields{{"success", Value::list(std::move(puts))}};
  if (!comparisons.empty()) fields.emplace_back("compare", Value::list(std::move(comparisons)));
  const EtcdApi::Change done = api.change("/v3/kv/txn", Value::map(std::move(fields)), timeout);
  if (done.type != OpType::ok) return {done.type, value, done.problem};
  const Value* succeeded = done.body.find("succeeded");  // protobuf's JSON leaves false out
  if (succeeded && succeeded->kind() == Value::Kind::boolean && succeeded->boolean())
    return {OpType::ok, value, nullptr};
  return {OpType::fail, value, otherwise};
}

}  // namespace shaketable
