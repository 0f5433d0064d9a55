#include "workloads/clients/conformance.h"

#include <fmt/format.h>
#include <unistd.h>

#include <memory>

#include "base/duration.h"
#include "base/random.h"
#include "cluster/deadline.h"
#include "cluster/local_process.h"
#include "history/text.h"
#include "workloads/clients/exec.h"

namespace shaketable {
namespace {

constexpr Nanos kEndLimit = std::chrono::seconds(1);
constexpr Nanos kQuiet = std::chrono::milliseconds(200);

struct Reply {
  std::string type;
  Value value;
  std::string line;  // as it came; or, without a type, what is wrong
};

// One process of the program, spoken to by hand.
class Subject {
 public:
  static Result<std::unique_ptr<Subject>> start(const ConformanceSettings& settings) {
    LocalProcessSpec spec;
    spec.arguments = settings.command;
    auto process = LocalProcess::start(spec);
    if (!process) return Failure(process.error());
    return std::unique_ptr<Subject>(new Subject(settings, std::move(*process)));
  }

  Reply ask(const std::string& rest) {
    const std::int64_t id = next_id_++;
    if (auto sent = process_->write(fmt::format("{{\"id\":{},{}}}\n", id, rest), settings_.timeout); !sent)
      return {"", Value(), sent.error().message};
    const auto line = process_->read_line(settings_.timeout);
    if (!line) return {"", Value(), line.error().message};
    const auto parsed = parse_json(*line);
    if (!parsed || parsed->kind() != Value::Kind::map) return {"", Value(), "no JSON object: " + *line};
    const Value* their_id = parsed->find("id");
    if (!their_id || !(*their_id == Value(id))) return {"", Value(), fmt::format("not the id {}: {}", id, *line)};
    const Value* type = parsed->find("type");
    const bool known = type && (*type == Value("ok") || *type == Value("fail") || *type == Value("info"));
    if (!known) return {"", Value(), "no type of ok, fail or info: " + *line};
    const Value* value = parsed->find("value");
    return {std::string(type->text()), value ? *value : Value(), *line};
  }

  Reply hello(int protocol, const std::string& run, int worker) {
    std::vector<Value> endpoints;
    for (std::size_t i = 0; i < settings_.endpoints.size(); ++i)
      endpoints.push_back(Value::map({{"node", fmt::format("n{}", i + 1)}, {"url", settings_.endpoints[i]}}));
    std::vector<std::pair<Value, Value>> options;
    for (const auto& [name, value] : settings_.options) options.emplace_back(name, value);
    std::string own;
    if (!settings_.endpoints.empty()) {
      const std::size_t i = static_cast<std::size_t>(worker) % settings_.endpoints.size();
      own = fmt::format(",\"node\":\"n{}\",\"url\":{}", i + 1, to_json(Value(settings_.endpoints[i])));
    }
    return ask(
        fmt::format("\"do\":\"hello\",\"protocol\":{},\"run\":{},\"worker\":{},\"interface\":{}{},\"endpoints\":{},"
                    "\"options\":{}",
                    protocol, to_json(Value(run)), worker, to_json(Value(settings_.interface)), own,
                    to_json(Value::list(std::move(endpoints))), to_json(Value::map(std::move(options)))));
  }
  Reply simple(std::string_view what) {
    return ask(fmt::format("\"do\":\"{}\",\"timeout_ms\":{}", what, milliseconds()));
  }
  Reply invoke(std::string_view f, const Value& value) {
    return ask(fmt::format("\"do\":\"invoke\",\"f\":\"{}\",\"value\":{},\"timeout_ms\":{}", f, to_json(value),
                           milliseconds()));
  }

  LocalProcess& process() { return *process_; }

 private:
  Subject(const ConformanceSettings& settings, std::unique_ptr<LocalProcess> process)
      : settings_(settings), process_(std::move(process)) {}
  std::int64_t milliseconds() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(settings_.timeout).count();
  }

  const ConformanceSettings& settings_;
  std::unique_ptr<LocalProcess> process_;
  std::int64_t next_id_ = 0;
};

class Examination {
 public:
  Examination(const ConformanceSettings& settings, const std::function<void(const ConformanceFinding&)>& found)
      : settings_(settings), found_(found), run_(fmt::format("conformance-{:x}", Random::fresh_seed())) {}

  Result<std::vector<ConformanceFinding>> whole() {
    auto one = Subject::start(settings_);
    if (!one) return Failure(one.error());
    if (!want("hello is answered with ok", (*one)->hello(kClientProtocol, run_, 0), "ok")) return findings_;
    want("\"open\" is answered with ok", (*one)->simple("open"), "ok");
    want("\"setup\" is answered with ok", (*one)->simple("setup"), "ok");
    want("\"probe\" is answered with ok", (*one)->simple("probe"), "ok");
    want("an unknown message is answered with fail", (*one)->simple("dance"), "fail");
    want("an unknown function is answered with fail", (*one)->invoke("no-such-function", Value::list({1, nullptr})),
         "fail");
    if (settings_.interface == "register")
      if (auto done = registers(**one); !done) return Failure(done.error());
    want("\"remove_data\" is answered with ok", (*one)->simple("remove_data"), "ok");
    const auto more = (*one)->process().read_line(kQuiet);
    record("nothing but answers comes on stdout", !more, more ? *more : "");
    want("\"close\" is answered with ok", (*one)->simple("close"), "ok");
    (*one)->process().close_input();
    ended("after \"close\" it ends with exit code 0 within a second", (*one)->process());

    auto two = Subject::start(settings_);
    if (!two) return Failure(two.error());
    want("a protocol that it does not know is refused with fail", (*two)->hello(999, run_, 0), "fail");
    auto three = Subject::start(settings_);
    if (!three) return Failure(three.error());
    (void)(*three)->hello(kClientProtocol, run_, 0);
    (*three)->process().close_input();
    ended("the end of its stdin ends it with exit code 0 within a second", (*three)->process());
    return findings_;
  }

 private:
  Result<void> registers(Subject& one) {
    const auto tuple = [](std::int64_t key, Value value) { return Value::list({key, std::move(value)}); };
    const auto pair = [](std::int64_t a, std::int64_t b) { return Value::list({a, b}); };
    want("a register that was never written reads as null", one.invoke("read", tuple(1, nullptr)), "ok",
         tuple(1, nullptr));
    want("a write is ok, with the value that was written", one.invoke("write", tuple(1, 5)), "ok", tuple(1, 5));
    want("a read sees the write before it", one.invoke("read", tuple(1, nullptr)), "ok", tuple(1, 5));
    want("a cas that expects what is there is ok", one.invoke("cas", tuple(1, pair(5, 6))), "ok", tuple(1, pair(5, 6)));
    want("a cas that expects another value is fail", one.invoke("cas", tuple(1, pair(5, 7))), "fail");
    want("and changes nothing", one.invoke("read", tuple(1, nullptr)), "ok", tuple(1, 6));
    want("another key is another register", one.invoke("read", tuple(2, nullptr)), "ok", tuple(2, nullptr));
    constexpr std::int64_t kLarge = 9'007'199'254'740'993;  // what a double cannot hold
    want("a large number is written", one.invoke("write", tuple(3, kLarge)), "ok", tuple(3, kLarge));
    want("and read as it was", one.invoke("read", tuple(3, nullptr)), "ok", tuple(3, kLarge));
    auto other = opened(run_, 1);
    if (!other) return Failure(other.error());
    want("another process of the same run sees it too", (*other)->invoke("read", tuple(3, nullptr)), "ok",
         tuple(3, kLarge));
    auto stranger = opened(run_ + "-other", 0);
    if (!stranger) return Failure(stranger.error());
    want("a process of another run does not", (*stranger)->invoke("read", tuple(3, nullptr)), "ok", tuple(3, nullptr));
    return {};
  }

  Result<std::unique_ptr<Subject>> opened(const std::string& run, int worker) {
    auto subject = Subject::start(settings_);
    if (!subject) return subject;
    (void)(*subject)->hello(kClientProtocol, run, worker);
    (void)(*subject)->simple("open");
    return subject;
  }

  bool want(std::string rule, const Reply& reply, std::string_view type) {
    const bool passed = reply.type == type;
    record(std::move(rule), passed, passed ? "" : reply.line);
    return passed;
  }
  void want(std::string rule, const Reply& reply, std::string_view type, const Value& value) {
    const bool passed = reply.type == type && reply.value == value;
    record(std::move(rule), passed, passed ? "" : reply.line);
  }
  void ended(std::string rule, LocalProcess& process) {
    const auto exit = process.wait(kEndLimit);
    const bool passed = exit && exit->signal == 0 && exit->exit_code == 0;
    record(std::move(rule), passed, passed ? "" : exit ? exit->describe() : "it runs on");
  }
  void record(std::string rule, bool passed, std::string detail) {
    findings_.push_back({std::move(rule), passed, std::move(detail)});
    found_(findings_.back());
  }

  const ConformanceSettings& settings_;
  const std::function<void(const ConformanceFinding&)>& found_;
  const std::string run_;
  std::vector<ConformanceFinding> findings_;
};

}  // namespace

Result<std::vector<ConformanceFinding>> check_conformance(const ConformanceSettings& settings,
                                                          const std::function<void(const ConformanceFinding&)>& found) {
  return Examination(settings, found).whole();
}

}  // namespace shaketable
