#include "orchestrator/plan/generator_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>

namespace shaketable {
namespace {

using Kind = GeneratorSpec::Kind;

constexpr double kDay = 86400, kMonth = 30 * kDay;
constexpr double kMost = 1e12;

class GeneratorReader {
 public:
  explicit GeneratorReader(Problems& problems) : problems_(problems), names_(problems) {}

  GeneratorSpec read_whole(const Yaml& node) {
    GeneratorSpec spec = read(node);
    names_.finish();
    return spec;
  }

  static std::vector<PlanForm> forms() {
    std::vector<PlanForm> all;
    for (const auto& [name, form] : readers()) all.push_back({name, form.about, form.example});
    return all;
  }

 private:
  GeneratorSpec read(const Yaml& node) { return read(node, nullptr); }

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
                                            "`shaketable list generators`{}",
                                            remedy));
      return spec;
    }
    Fields fields(node, head->place, fmt::format("the generator {}", head->key), problems_);
    fields.know(head->key);
    if (extra) fields.know(extra);
    if (head->value->kind == YamlKind::null)
      problems_.add(head->place, fmt::format("{} has no value", head->key));
    else
      (this->*readers().at(head->key).read)(*head, fields, spec);
    fields.finish();
    return spec;
  }

  using Reader = void (GeneratorReader::*)(const YamlEntry&, Fields&, GeneratorSpec&);
  struct Form {
    Reader read;
    const char *about, *example;
  };
  static const std::map<std::string, Form, std::less<>>& readers();

  void operation(const YamlEntry& head, Fields& fields, GeneratorSpec& spec) {
    const Yaml& f = *head.value;
    spec.kind = Kind::operation;
    spec.f = to_text(f, "f", problems_).value_or("");
    if (f.kind == YamlKind::scalar && spec.f.empty()) problems_.add(f.place, "f must be the name of a function");
    if (const YamlEntry* value = fields.entry("value")) spec.value = read_value_spec(*value->value, names_, problems_);
    fields.text("answer", spec.name);
    if (!spec.name.empty()) names_.give(spec.name);
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

  void each_worker_of(const YamlEntry& head, Fields& fields, GeneratorSpec& spec) {
    names_.enter(GeneratorNames::Part::worker);
    one<Kind::each_worker>(head, fields, spec);
    names_.leave();
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
    spec.time = to_duration(time, head.key, problems_, {1e-6, kMonth}).value_or(std::chrono::seconds(1));
    of(fields, spec);
  }

  // A length of time: 5s, [1s, 5s], or a value that is drawn.
  ValueSpec length(const YamlEntry& head, double least) {
    if (head.value->kind == YamlKind::map) return read_value_spec(*head.value, names_, problems_);
    ValueSpec spec;
    spec.kind = ValueSpec::Kind::duration;
    const DurationRange range = to_range(*head.value, head.key, problems_, {least, kMonth}).value_or(DurationRange{});
    spec.low = range.low.count();
    spec.high = range.high.count();
    return spec;
  }

  void delay_of(const YamlEntry& head, Fields& fields, GeneratorSpec& spec) {
    spec.kind = Kind::delay;
    spec.value = length(head, 1e-6);
    of(fields, spec);
  }

  void sleep(const YamlEntry& head, Fields&, GeneratorSpec& spec) {
    spec.kind = Kind::sleep;
    spec.value = length(head, 0);
  }

  void let_of(const YamlEntry& head, Fields& fields, GeneratorSpec& spec) {
    spec.kind = Kind::let;
    if (head.value->kind != YamlKind::map || head.value->entries.empty())
      problems_.add(head.value->place,
                    fmt::format("let must be a map of names to values such as {{n: {{below: 5}}}}, "
                                "not {}",
                                head.value->kind == YamlKind::map ? "an empty map" : describe(*head.value)));
    for (const YamlEntry& entry : head.value->entries) {
      spec.names.emplace_back(entry.key, read_value_spec(*entry.value, names_, problems_));
      names_.give(entry.key);
    }
    of(fields, spec);
  }

  void shuffle_of(const YamlEntry& head, Fields&, GeneratorSpec& spec) {
    spec.kind = Kind::shuffle;
    for_each(*head.value, "shuffle", [&](const Yaml& item) {
      const YamlEntry* count = item.kind == YamlKind::map ? item.find("count") : nullptr;
      spec.counts.push_back(
          count ? static_cast<std::uint64_t>(to_integer(*count->value, "count", problems_, {1, kMost}).value_or(1))
                : 1);
      spec.parts.push_back(read(item, "count"));
    });
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
    fields.duration("pause", spec.time, {0, kDay});
  }

  void until_of(const YamlEntry& head, Fields& fields, GeneratorSpec& spec) {
    spec.kind = Kind::until;
    const Yaml& endings = *head.value;
    if (endings.kind == YamlKind::list && !endings.items.empty())
      for (const YamlPtr& item : endings.items) spec.endings.push_back(ending(*item));
    else
      spec.endings.push_back(ending(endings));
    of(fields, spec);
  }

  Ending ending(const Yaml& node) {
    Ending out;
    if (node.kind != YamlKind::map || node.entries.empty()) {
      problems_.add(node.place, fmt::format("until must say how operations end, such as {{is: info}} or {{f: poll, is: "
                                            "[fail, info]}}, not {}",
                                            node.kind == YamlKind::map ? "an empty map" : describe(node)));
      return out;
    }
    Fields fields(node, node.place, "an ending", problems_);
    std::vector<std::string> functions;
    fields.texts("f", functions);
    for (const std::string& f : functions) out.functions.emplace_back(f);
    if (const Yaml* is = fields.find("is")) {
      const bool several = is->kind == YamlKind::list;
      const auto type_of = [&](const Yaml& one) {
        const std::string word = to_choice(one, "is", problems_, {"ok", "fail", "info"}).value_or("ok");
        out.types.push_back(word == "ok" ? OpType::ok : word == "fail" ? OpType::fail : OpType::info);
      };
      if (several)
        for (const YamlPtr& item : is->items) type_of(*item);
      else
        type_of(*is);
    }
    if (const YamlEntry* answer = fields.entry("answer")) out.answer = constant_of(*answer->value, "answer");
    fields.integer("in-a-row", out.in_a_row, {1, 1e9});
    fields.finish();
    return out;
  }

  void retry_of(const YamlEntry& head, Fields& fields, GeneratorSpec& spec) {
    one<Kind::retry>(head, fields, spec);
    spec.count = whole(fields, "attempts", 5, 1, 1000);
  }

  // The word null is a value, too; `nothing` is how a plan says it where a value must stand.
  Value constant_of(const Yaml& node, const char* what) {
    const ValueSpec spec = read_value_spec(node, names_, problems_);
    if (draws(spec) || refers(spec)) {
      problems_.add(node.place, fmt::format("{} must be a value that is the same each time", what));
      return {};
    }
    Value value = constant(spec);
    return value == Value("nothing") ? Value() : value;
  }

  void until_answer_of(const YamlEntry& head, Fields& fields, GeneratorSpec& spec) {
    spec.kind = Kind::until_answer;
    spec.value.literal = constant_of(*head.value, "until-answer");
    spec.count = whole(fields, "times", 1, 1);
    spec.keys = whole(fields, "troubles", 200, 1);
    of(fields, spec);
  }

  void per_key_of(const YamlEntry& head, Fields& fields, GeneratorSpec& spec) {
    names_.enter(GeneratorNames::Part::key);
    fields.text("as", spec.name);
    if (!spec.name.empty()) names_.give_outside(spec.name);
    one<Kind::per_key>(head, fields, spec);
    names_.leave();
    spec.keys = whole(fields, "keys", 10, 1, 1e6);
    spec.count = whole(fields, "operations", 200, 1);
    read_distribution(fields, spec.distribution, spec.skew, problems_);
  }

  void every_key(const YamlEntry& head, Fields& fields, GeneratorSpec& spec) {
    const Yaml& inner = *head.value;
    names_.enter(GeneratorNames::Part::other);
    names_.give("key");
    names_.give("keys");
    GeneratorSpec operation = read(inner);
    names_.leave();
    if (operation.kind != Kind::operation || draws(operation.value))
      problems_.add(inner.place,
                    "every-key must be one operation, such as {f: read, value: "
                    "[{value-of: key}, null]}, that draws nothing");
    spec.kind = Kind::every_key;
    spec.f = operation.f;
    spec.value = std::move(operation.value);
    spec.count = whole(fields, "attempts", 5, 1, 1000);
    spec.keys = whole(fields, "at-once", 1, 1, 1e6);
    spec.time = std::chrono::milliseconds(200);
    fields.duration("pause", spec.time, {0, kDay});
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

  void of(Fields& fields, GeneratorSpec& spec) {
    if (const Yaml* inner = fields.find("of"))
      spec.parts.push_back(read(*inner));
    else if (!fields.entry("of"))
      problems_.add(fields.place(), "\"of\" is missing: the generator that this is about");
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
  GeneratorNames names_;
};

const std::map<std::string, GeneratorReader::Form, std::less<>>& GeneratorReader::readers() {
  using R = GeneratorReader;
  static const std::map<std::string, Form, std::less<>> all = {
      {"f",
       {&R::operation, "this operation, for ever; answer: the name that its answer gets",
        "{f: write, value: {next: n}}"}},
      {"mix", {&R::mix_of, "one at random for each operation, by weight", "{mix: [{weight: 2, f: read}, {f: write}]}"}},
      {"any",
       {&R::list<Kind::any>, "the one whose operation is soonest; over when all are",
        "{any: [{delay: 1s, of: {f: read}}, {limit: 9, of: {f: write}}]}"}},
      {"flip-flop",
       {&R::list<Kind::flip_flop>, "each in turn; over when the one whose turn it is is",
        "{flip-flop: [{f: read}, {f: write}]}"}},
      {"phases",
       {&R::list<Kind::phases>, "one after the other; between two, every operation in flight completes",
        "{phases: [{limit: 9, of: {f: write}}, {f: read}]}"}},
      {"chain",
       {&R::list<Kind::chain>, "one after the other, without waiting",
        "{chain: [{once: {f: acquire}}, {sleep: 1s}, {once: {f: release}}]}"}},
      {"shuffle",
       {&R::shuffle_of, "so many operations of each (count), in random order",
        "{shuffle: [{count: 2, f: write}, {count: 10, f: read}]}"}},
      {"synchronize",
       {&R::one<Kind::synchronize>, "waits until nothing is in flight, once", "{synchronize: {f: read}}"}},
      {"each-worker",
       {&R::each_worker_of, "one of its own for each worker", "{each-worker: {limit: 5, of: {f: read}}}"}},
      {"once", {&R::once, "one operation", "{once: {f: read}}"}},
      {"cycle", {&R::cycle_of, "anew each time it is over", "{cycle: {once: {f: read}}, times: 3}"}},
      {"let",
       {&R::let_of, "draws values once, at the first operation, for all of its operations to use",
        "{let: {lock: {below: 3}}, of: {f: acquire, value: {value-of: lock}}}"}},
      {"limit", {&R::counted<Kind::limit>, "so many operations", "{limit: 10, of: {f: read}}"}},
      {"process-limit",
       {&R::counted<Kind::process_limit>, "over for every process after so many",
        "{process-limit: 10, of: {f: read}}"}},
      {"concurrency-limit",
       {&R::counted<Kind::concurrency_limit>, "so many operations in flight at most",
        "{concurrency-limit: 3, of: {f: read}}"}},
      {"time-limit",
       {&R::timed<Kind::time_limit>, "ends so long after its first operation was asked for",
        "{time-limit: 10s, of: {f: read}}"}},
      {"stagger",
       {&R::timed<Kind::stagger>, "operations at random distances, this on average", "{stagger: 10ms, of: {f: read}}"}},
      {"delay", {&R::delay_of, "operations so far apart", "{delay: 10ms, of: {f: read}}"}},
      {"sleep", {&R::sleep, "nothing for so long, then over", "{sleep: [1s, 5s]}"}},
      {"reserve",
       {&R::reserve_of, "each has so many workers; the others do the rest",
        "{reserve: [{workers: 2, f: write}], rest: {f: read}}"}},
      {"until-ok", {&R::until_ok_of, "until an operation is ok", "{until-ok: {f: acquire}, pause: 5ms}"}},
      {"until-answer",
       {&R::until_answer_of, "until so many were ok with this answer",
        "{until-answer: nothing, times: 3, of: {f: dequeue}}"}},
      {"until",
       {&R::until_of, "until operations end so: f, is (ok, fail, info), answer, in-a-row",
        "{until: [{is: info}, {f: poll, is: fail, in-a-row: 3}], of: {f: poll}}"}},
      {"retry",
       {&R::retry_of, "operations that end as info are asked for again, the same, before anything new",
        "{retry: {f: apply, value: {next: id}}, attempts: 5}"}},
      {"per-key",
       {&R::per_key_of, "one for each key; as: the key's name, and values are not made [key value]",
        "{per-key: {f: read}, keys: 10, operations: 200}"}},
      {"every-key",
       {&R::every_key, "an operation for every key that there was, until it is ok",
        "{every-key: {f: read, value: [{value-of: key}, null]}}"}},
      {"transactions",
       {&R::transactions_of, "transactions as elle makes them: append, blind, read-modify-write or mixed",
        "{transactions: append, keys: 10}"}},
  };
  return all;
}

}  // namespace

GeneratorSpec read_generator(const Yaml& node, Problems& problems) {
  return GeneratorReader(problems).read_whole(node);
}

std::vector<PlanForm> generator_forms() {
  return GeneratorReader::forms();
}

}  // namespace shaketable
