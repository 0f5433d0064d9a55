#include "orchestrator/plan/generator_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>

namespace shaketable {
namespace {

using Kind = GeneratorSpec::Kind;

constexpr double kDay = 86400;
constexpr double kMost = 1e12;

class GeneratorReader {
 public:
  explicit GeneratorReader(Problems& problems) : problems_(problems) {}

  GeneratorSpec read(const Yaml& node) { return read(node, nullptr); }

 private:
  // `extra`: keys that the whole around it reads: weight, workers.
  GeneratorSpec read(const Yaml& node, const char* extra) {
    GeneratorSpec spec;
    if (node.kind != YamlKind::map) {
      problems_.add(node.place, fmt::format("a generator must be a map such as {{f: read}} "
                                            "or {{limit: 10, of: {{f: "
                                            "read}}}}, not {}",
                                            describe(node)));
      return spec;
    }
    const YamlEntry* head = nullptr;
    for (const YamlEntry& entry : node.entries)
      if (readers().contains(entry.key)) {
        if (head)
          problems_.add(entry.place, fmt::format("a generator is one thing: it is {} "
                                                 "already, so \"{}\" belongs into another",
                                                 head->key, entry.key));
        else
          head = &entry;
      }
    if (!head) {
      std::vector<std::string> names;
      for (const auto& [name, reader] : readers()) names.push_back(name);
      std::string remedy;
      for (const YamlEntry& entry : node.entries)
        if (remedy.empty()) remedy = did_you_mean(entry.key, names);
      problems_.add(node.place, fmt::format("a generator needs one of f, mix, limit and the others of "
                                            "docs/generators.md{}",
                                            remedy));
      return spec;
    }
    Fields fields(node, head->place, fmt::format("the generator {}", head->key), problems_);
    fields.know(head->key);
    if (extra) fields.know(extra);
    if (head->value->kind == YamlKind::null)
      problems_.add(head->place, fmt::format("{} has no value", head->key));
    else
      (this->*readers().at(head->key))(*head, fields, spec);
    fields.finish();
    return spec;
  }

  using Reader = void (GeneratorReader::*)(const YamlEntry&, Fields&, GeneratorSpec&);
  static const std::map<std::string, Reader, std::less<>>& readers() {
    using R = GeneratorReader;
    static const std::map<std::string, Reader, std::less<>> all = {
        {"f", &R::operation},
        {"mix", &R::mix_of},
        {"any", &R::list<Kind::any>},
        {"flip-flop", &R::list<Kind::flip_flop>},
        {"phases", &R::list<Kind::phases>},
        {"chain", &R::list<Kind::chain>},
        {"synchronize", &R::one<Kind::synchronize>},
        {"each-worker", &R::one<Kind::each_worker>},
        {"once", &R::once},
        {"cycle", &R::cycle_of},
        {"limit", &R::counted<Kind::limit>},
        {"process-limit", &R::counted<Kind::process_limit>},
        {"concurrency-limit", &R::counted<Kind::concurrency_limit>},
        {"time-limit", &R::timed<Kind::time_limit>},
        {"stagger", &R::timed<Kind::stagger>},
        {"delay", &R::timed<Kind::delay>},
        {"sleep", &R::sleep},
        {"reserve", &R::reserve_of},
        {"until-ok", &R::until_ok_of},
        {"until-answer", &R::until_answer_of},
        {"per-key", &R::per_key_of},
        {"every-key", &R::every_key},
        {"transactions", &R::transactions_of},
    };
    return all;
  }

  void operation(const YamlEntry& head, Fields& fields, GeneratorSpec& spec) {
    const Yaml& f = *head.value;
    spec.kind = Kind::operation;
    spec.f = to_text(f, "f", problems_).value_or("");
    if (f.kind == YamlKind::scalar && spec.f.empty()) problems_.add(f.place, "f must be the name of a function");
    if (const YamlEntry* value = fields.entry("value")) spec.value = read_value_spec(*value->value, problems_);
  }

  void mix_of(const YamlEntry& head, Fields&, GeneratorSpec& spec) {
    const Yaml& list = *head.value;
    spec.kind = Kind::mix;
    double sum = 0;
    for_each(list, "mix", [&](const Yaml& item) {
      double weight = 1;
      if (const YamlEntry* given = item.kind == YamlKind::map ? item.find("weight") : nullptr)
        weight = to_number(*given->value, "weight", problems_, {0, 1e9}).value_or(1);
      sum += weight;
      spec.weights.push_back(weight);
      spec.parts.push_back(read(item, "weight"));
    });
    if (!spec.parts.empty() && sum <= 0) problems_.add(list.place, "mix must have a weight above 0");
  }

  template <Kind kind>
  void list(const YamlEntry& head, Fields&, GeneratorSpec& spec) {
    const Yaml& items = *head.value;
    spec.kind = kind;
    for_each(items, head.key.c_str(), [&](const Yaml& item) { spec.parts.push_back(read(item)); });
  }

  template <Kind kind>
  void one(const YamlEntry& head, Fields&, GeneratorSpec& spec) {
    const Yaml& inner = *head.value;
    spec.kind = kind;
    spec.parts.push_back(read(inner));
  }

  void once(const YamlEntry& head, Fields&, GeneratorSpec& spec) {
    const Yaml& inner = *head.value;
    spec.kind = Kind::limit;
    spec.count = 1;
    spec.parts.push_back(read(inner));
  }

  void cycle_of(const YamlEntry& head, Fields& fields, GeneratorSpec& spec) {
    one<Kind::cycle>(head, fields, spec);
    spec.count = whole(fields, "times", 0, 1);
  }

  template <Kind kind>
  void counted(const YamlEntry& head, Fields& fields, GeneratorSpec& spec) {
    const Yaml& count = *head.value;
    spec.kind = kind;
    spec.count = static_cast<std::uint64_t>(to_integer(count, head.key, problems_, {1, kMost}).value_or(1));
    of(fields, spec);
  }

  template <Kind kind>
  void timed(const YamlEntry& head, Fields& fields, GeneratorSpec& spec) {
    const Yaml& time = *head.value;
    spec.kind = kind;
    const Nanos length = to_duration(time, head.key, problems_, {1e-6, 30 * kDay}).value_or(std::chrono::seconds(1));
    spec.time = {length, length};
    of(fields, spec);
  }

  void sleep(const YamlEntry& head, Fields&, GeneratorSpec& spec) {
    const Yaml& time = *head.value;
    spec.kind = Kind::sleep;
    spec.time = to_range(time, "sleep", problems_, {0, 30 * kDay}).value_or(DurationRange{});
  }

  void reserve_of(const YamlEntry& head, Fields& fields, GeneratorSpec& spec) {
    const Yaml& groups = *head.value;
    spec.kind = Kind::reserve;
    for_each(groups, "reserve", [&](const Yaml& item) {
      const YamlEntry* workers = item.kind == YamlKind::map ? item.find("workers") : nullptr;
      if (!workers) problems_.add(item.place, "each of reserve needs \"workers\": how many");
      spec.counts.push_back(workers ? static_cast<std::uint64_t>(
                                          to_integer(*workers->value, "workers", problems_, {1, 10'000}).value_or(1))
                                    : 1);
      spec.parts.push_back(read(item, "workers"));
    });
    if (const Yaml* rest = fields.find("rest")) {
      spec.has_rest = true;
      spec.parts.push_back(read(*rest));
    }
  }

  void until_ok_of(const YamlEntry& head, Fields& fields, GeneratorSpec& spec) {
    one<Kind::until_ok>(head, fields, spec);
    pause(fields, spec, Nanos(0));
  }

  void until_answer_of(const YamlEntry& head, Fields& fields, GeneratorSpec& spec) {
    const Yaml& answer = *head.value;
    spec.kind = Kind::until_answer;
    spec.value = read_value_spec(answer, problems_);
    if (spec.value.kind != ValueSpec::Kind::literal)
      problems_.add(answer.place, fmt::format("until-answer must be a value as it is, not {}", describe(answer)));
    // The word null is an answer, too; `until-answer: nothing` is how a plan
    // says it.
    if (spec.value.literal == Value("nothing")) spec.value.literal = Value();
    spec.count = whole(fields, "times", 1, 1);
    spec.keys = whole(fields, "troubles", 200, 1);
    of(fields, spec);
  }

  void per_key_of(const YamlEntry& head, Fields& fields, GeneratorSpec& spec) {
    one<Kind::per_key>(head, fields, spec);
    spec.keys = whole(fields, "keys", 10, 1, 1e6);
    spec.count = whole(fields, "operations", 200, 1);
    read_distribution(fields, spec.distribution, spec.skew, problems_);
  }

  void every_key(const YamlEntry& head, Fields& fields, GeneratorSpec& spec) {
    const Yaml& inner = *head.value;
    GeneratorSpec operation = read(inner);
    if (operation.kind != Kind::operation || draws(operation.value))
      problems_.add(inner.place,
                    "every-key must be one operation, such as {f: read, value: "
                    "[{value-of: key}, null]}, that draws nothing");
    spec.kind = Kind::every_key;
    spec.f = operation.f;
    spec.value = std::move(operation.value);
    spec.count = whole(fields, "attempts", 5, 1, 1000);
    pause(fields, spec, std::chrono::milliseconds(200));
  }

  void transactions_of(const YamlEntry& head, Fields& fields, GeneratorSpec& spec) {
    const Yaml& writes = *head.value;
    spec.kind = Kind::transactions;
    const std::string kind =
        to_choice(writes, "transactions", problems_, {"append", "blind", "read-modify-write", "mixed"}).value_or("");
    TransactionOptions& options = spec.transactions;
    options.kind = kind == "blind"    ? WriteKind::blind
                   : kind == "mixed"  ? WriteKind::mixed
                   : kind == "append" ? WriteKind::append
                                      : WriteKind::read_modify_write;
    options.keys = whole(fields, "keys", 10, 1, 1e6);
    options.writes_per_key = whole(fields, "writes", 100, 1);
    if (const Yaml* length = fields.find("length")) {
      const bool pair = length->kind == YamlKind::list && length->items.size() == 2;
      if (!pair) {
        problems_.add(length->place,
                      fmt::format("length must be two whole numbers such as [1, 4], not {}", describe(*length)));
      } else {
        options.shortest =
            static_cast<std::size_t>(to_integer(*length->items[0], "length", problems_, {1, 1000}).value_or(1));
        options.longest =
            static_cast<std::size_t>(to_integer(*length->items[1], "length", problems_, {1, 1000}).value_or(4));
        if (options.shortest > options.longest) problems_.add(length->place, "length must go from low to high");
      }
    }
    fields.number("reads", options.reads, {0, 1});
    fields.size("size", options.value_bytes, {0, 1 << 20});
    std::string distribution = "uniform";
    double skew = 0.9;
    read_distribution(fields, distribution, skew, problems_);
    options.picker = KeyPicker(distribution, skew);
  }

  static bool draws(const ValueSpec& value) {
    if (value.kind != ValueSpec::Kind::literal && value.kind != ValueSpec::Kind::list &&
        value.kind != ValueSpec::Kind::map && value.kind != ValueSpec::Kind::variable)
      return true;
    return std::any_of(value.items.begin(), value.items.end(), draws);
  }

  void of(Fields& fields, GeneratorSpec& spec) {
    if (const Yaml* inner = fields.find("of"))
      spec.parts.push_back(read(*inner));
    else if (!fields.entry("of"))
      problems_.add(fields.place(), "\"of\" is missing: the generator that this is about");
  }

  void pause(Fields& fields, GeneratorSpec& spec, Nanos fallback) {
    Nanos pause = fallback;
    fields.duration("pause", pause, {0, kDay});
    spec.time = {pause, pause};
  }

  std::uint64_t whole(Fields& fields, const char* key, std::uint64_t fallback, double least, double most = kMost) {
    const Yaml* given = fields.find(key);
    if (!given) return fallback;
    const auto value = to_integer(*given, key, problems_, {least, most});
    return value ? static_cast<std::uint64_t>(*value) : std::max<std::uint64_t>(fallback, 1);
  }

  void for_each(const Yaml& list, const char* what, const std::function<void(const Yaml&)>& each) {
    if (list.kind != YamlKind::list || list.items.empty()) {
      problems_.add(list.place, fmt::format("{} must be a list of generators, not {}", what,
                                            list.kind == YamlKind::list ? "an empty list" : describe(list)));
      return;
    }
    for (const YamlPtr& item : list.items) each(*item);
  }

  Problems& problems_;
};

}  // namespace

GeneratorSpec read_generator(const Yaml& node, Problems& problems) {
  return GeneratorReader(problems).read(node);
}

}  // namespace shaketable
