// The values of generators that are data (docs/generators.md).
#include <fmt/format.h>

#include <charconv>

#include "orchestrator/plan/generator_reader.h"

namespace shaketable {
namespace {

constexpr double kMost = 1e15, kMostItems = 100'000, kMonth = 30 * 86400.0;

Value literal_of(const Yaml& node) {
  if (node.kind == YamlKind::null) return {};
  if (node.quoted) return node.text;
  if (node.text == "true") return true;
  if (node.text == "false") return false;
  const char *begin = node.text.data(), *end = begin + node.text.size();
  std::int64_t integer = 0;
  if (const auto [at, error] = std::from_chars(begin, end, integer); error == std::errc() && at == end) return integer;
  double real = 0;
  if (const auto [at, error] = std::from_chars(begin, end, real); error == std::errc() && at == end) return real;
  return node.text;
}

class ValueReader {
 public:
  ValueReader(GeneratorNames& names, Problems& problems) : names_(names), problems_(problems) {}

  ValueSpec read(const Yaml& node) {
    ValueSpec spec;
    if (node.kind == YamlKind::list) {
      spec.kind = Kind::list;
      for (const YamlPtr& item : node.items) spec.items.push_back(read(*item));
    } else if (node.kind == YamlKind::map) {
      read_draw(node, spec);
    } else {
      spec.literal = literal_of(node);
    }
    return spec;
  }

  static std::vector<PlanForm> forms() {
    std::vector<PlanForm> all;
    for (const auto& [name, form] : readers()) all.push_back({name, form.about, form.example});
    return all;
  }

 private:
  using Kind = ValueSpec::Kind;
  using Reader = void (ValueReader::*)(const YamlEntry&, Fields&, ValueSpec&);
  struct Form {
    Reader read;
    const char *about, *example;
  };
  static const std::vector<std::pair<std::string, Form>>& readers();

  void read_draw(const Yaml& node, ValueSpec& spec) {
    std::vector<std::string> names;
    const YamlEntry* draw = nullptr;
    Reader reader = nullptr;
    for (const auto& [name, form] : readers()) names.push_back(name);
    for (const YamlEntry& entry : node.entries)
      for (const auto& [name, form] : readers())
        if (!draw && entry.key == name) {
          draw = &entry;
          reader = form.read;
        }
    if (!draw) {
      std::string remedy;
      for (const YamlEntry& entry : node.entries)
        if (remedy.empty()) remedy = did_you_mean(entry.key, names);
      problems_.add(node.place, fmt::format("a drawn value must have one of {}{}", one_of(names), remedy));
      return;
    }
    Fields fields(node, draw->place, fmt::format("a value with {}", draw->key), problems_);
    fields.know(draw->key);
    (this->*reader)(*draw, fields, spec);
    fields.text("as", spec.as);
    if (!spec.as.empty()) names_.give(spec.as);
    fields.finish();
  }

  void below(const YamlEntry& head, Fields& fields, ValueSpec& spec) {
    spec.kind = Kind::below;
    spec.high = to_integer(*head.value, "below", problems_, {1, kMost}).value_or(1);
    fields.text("except", spec.except);
    if (!spec.except.empty()) names_.ask(spec.except, fields.entry("except")->value->place);
    read_distribution(fields, spec.distribution, spec.skew, problems_);
  }

  void between(const YamlEntry& head, Fields& fields, ValueSpec& spec) {
    spec.kind = Kind::between;
    if (head.value->kind == YamlKind::list)
      whole_range(*head.value, "between", -kMost, kMost, spec);
    else
      problems_.add(head.value->place,
                    fmt::format("between must be two whole numbers such as [1, 5], not {}", describe(*head.value)));
    std::string sign = "positive";
    if (const Yaml* given = fields.find("sign"))
      sign = to_choice(*given, "sign", problems_, {"as-drawn", "either"}).value_or(sign);
    spec.either_sign = sign == "either";
  }

  void counter(const YamlEntry& head, Fields& fields, ValueSpec& spec) {
    spec.kind = head.key == "next" ? Kind::next : Kind::recent;
    spec.name = to_text(*head.value, head.key, problems_).value_or("");
    spec.low = spec.high = 1;
    if (const Yaml* from = fields.find("from"))
      spec.low = to_integer(*from, "from", problems_, {-kMost, kMost}).value_or(1);
    fields.size("size", spec.bytes, {0, 1 << 20});
    if (spec.kind == Kind::next) return names_.count(spec.name);
    names_.ask_counter(spec.name, head.value->place);
    if (const Yaml* within = fields.find("within"))
      spec.high = to_integer(*within, "within", problems_, {1, kMost}).value_or(1);
  }

  void value_of(const YamlEntry& head, Fields& fields, ValueSpec& spec) {
    spec.kind = Kind::variable;
    spec.name = to_text(*head.value, "value-of", problems_).value_or("");
    if (const Yaml* of = fields.find("of"))
      spec.any_worker = to_choice(*of, "of", problems_, {"any-worker"}).has_value();
    names_.ask(spec.name, head.value->place, spec.any_worker);
    if (const YamlEntry* instead = fields.entry("or")) spec.items.push_back(read(*instead->value));
  }

  void one_of_values(const YamlEntry& head, Fields&, ValueSpec& spec) {
    const Yaml& list = *head.value;
    spec.kind = Kind::one_of;
    if (list.kind != YamlKind::list || list.items.empty())
      problems_.add(list.place, fmt::format("one-of must be a list of values, not {}", describe(list)));
    for (const YamlPtr& item : list.items) spec.items.push_back(read(*item));
  }

  void some_of(const YamlEntry& head, Fields& fields, ValueSpec& spec) {
    spec.kind = Kind::some_of;
    spec.items.push_back(list_value(*head.value, "some-of"));
    spec.low = 1;
    count(fields, spec);
  }

  void list_of(const YamlEntry& head, Fields& fields, ValueSpec& spec) {
    spec.kind = Kind::list_of;
    spec.items.push_back(read(*head.value));
    spec.low = spec.high = 1;
    count(fields, spec);
    fields.boolean("distinct", spec.distinct);
  }

  void for_each(const YamlEntry& head, Fields& fields, ValueSpec& spec) {
    spec.kind = Kind::for_each;
    const Yaml& list = *head.value;
    const YamlEntry* value = fields.entry("value");
    if (list.kind != YamlKind::map || list.entries.size() != 1) {
      problems_.add(list.place, fmt::format("for-each must be one name and its list, such as {{key: [1, 2]}}, not {}",
                                            list.kind == YamlKind::map ? "a map of several" : describe(list)));
      return;
    }
    if (!value) {
      problems_.add(head.place, "\"value\" is missing: what for-each makes of each of them");
      return;
    }
    spec.name = list.entries[0].key;
    spec.items.push_back(list_value(*list.entries[0].value, "for-each"));
    names_.give(spec.name);
    spec.items.push_back(read(*value->value));
  }

  void range(const YamlEntry& head, Fields& fields, ValueSpec& spec) {
    spec.kind = Kind::range;
    spec.high = to_integer(*head.value, "range", problems_, {1, kMostItems}).value_or(1);
    if (const Yaml* from = fields.find("from")) spec.items.push_back(read(*from));
  }

  void folded(const YamlEntry& head, Fields&, ValueSpec& spec) {
    spec.kind = head.key == "sum" ? Kind::sum : Kind::product;
    const Yaml& list = *head.value;
    if (list.kind != YamlKind::list || list.items.empty())
      problems_.add(list.place, fmt::format("{} must be a list of whole numbers such as [{{value-of: key}}, 1], not {}",
                                            head.key, describe(list)));
    for (const YamlPtr& item : list.items) {
      spec.items.push_back(read(*item));
      const ValueSpec& made = spec.items.back();
      if (made.kind == Kind::list || made.kind == Kind::map ||
          (made.kind == Kind::literal && !made.literal.is_integer()))
        problems_.add(item->place, fmt::format("{} is of whole numbers, not of {}", head.key, describe(*item)));
    }
  }

  void duration(const YamlEntry& head, Fields&, ValueSpec& spec) {
    spec.kind = Kind::duration;
    const DurationRange range = to_range(*head.value, "duration", problems_, {0, kMonth}).value_or(DurationRange{});
    spec.low = range.low.count();
    spec.high = range.high.count();
  }

  void checksummed(const YamlEntry& head, Fields&, ValueSpec& spec) {
    spec.kind = Kind::checksummed;
    spec.high = static_cast<std::int64_t>(to_size(*head.value, "checksummed", problems_, {0, 1 << 20}).value_or(0));
  }

  void map(const YamlEntry& head, Fields&, ValueSpec& spec) {
    spec.kind = Kind::map;
    if (head.value->kind != YamlKind::map)
      problems_.add(head.value->place,
                    fmt::format("map must be a map of keys to values, not {}", describe(*head.value)));
    for (const YamlEntry& entry : head.value->entries) {
      spec.keys.emplace_back(entry.key);
      spec.items.push_back(read(*entry.value));
    }
  }

  // A value that can be a list.
  ValueSpec list_value(const Yaml& node, const char* what) {
    ValueSpec spec = read(node);
    if (spec.kind != Kind::list && spec.kind != Kind::range && spec.kind != Kind::some_of &&
        spec.kind != Kind::list_of && spec.kind != Kind::for_each && spec.kind != Kind::variable)
      problems_.add(node.place, fmt::format("{} must be of a list such as [1, 2] or {{range: 4}}, not of {}", what,
                                            describe(node)));
    return spec;
  }

  void count(Fields& fields, ValueSpec& spec) {
    const Yaml* given = fields.find("count");
    if (given && given->kind == YamlKind::list)
      whole_range(*given, "count", 1, kMostItems, spec);
    else if (given)
      spec.low = spec.high = to_integer(*given, "count", problems_, {1, kMostItems}).value_or(1);
  }

  void whole_range(const Yaml& node, const char* what, double least, double most, ValueSpec& spec) {
    if (node.items.size() != 2) {
      problems_.add(node.place,
                    fmt::format("{} must be two whole numbers such as [1, 5], not {}", what, describe(node)));
      return;
    }
    spec.low = to_integer(*node.items[0], what, problems_, {least, most}).value_or(1);
    spec.high = to_integer(*node.items[1], what, problems_, {least, most}).value_or(spec.low);
    if (spec.low > spec.high)
      problems_.add(node.place,
                    fmt::format("{} must go from low to high, not from {} to {}", what, spec.low, spec.high));
  }

  GeneratorNames& names_;
  Problems& problems_;
};

const std::vector<std::pair<std::string, ValueReader::Form>>& ValueReader::readers() {
  using R = ValueReader;
  static const std::vector<std::pair<std::string, Form>> all = {
      {"below", {&R::below, "0 to below this; except: not the one of this name", "{below: 8, as: from}"}},
      {"between", {&R::between, "from the one to the other", "{between: [1, 5], sign: either}"}},
      {"next", {&R::counter, "a counter: 1, 2, 3 …", "{next: n, from: 0, size: 100}"}},
      {"recent", {&R::counter, "one of the last of a counter", "[{next: n}, {recent: n, within: 3}]"}},
      {"value-of",
       {&R::value_of, "what has this name; or: if nothing has yet; of any-worker: of one of the workers",
        "[{below: 8, as: key}, {value-of: key}, {value-of: key, or: 0}]"}},
      {"one-of", {&R::one_of_values, "one of these", "{one-of: [1, two, {below: 3}]}"}},
      {"some-of", {&R::some_of, "some of a list in random order", "{some-of: [0, 1, 2, 3], count: [1, 3]}"}},
      {"list-of", {&R::list_of, "so many draws, as a list", "{list-of: {below: 8}, count: [1, 3], distinct: true}"}},
      {"for-each",
       {&R::for_each, "a value for each of a list",
        "{for-each: {key: {range: 3}}, value: [r, {value-of: key}, null]}"}},
      {"range", {&R::range, "so many whole numbers from 0, or from another", "{range: 3, from: 6}"}},
      {"sum", {&R::folded, "of whole numbers", "{sum: [{next: n}, 100]}"}},
      {"product", {&R::folded, "of whole numbers", "{product: [{next: n}, 3]}"}},
      {"duration", {&R::duration, "a length of time, for sleep and delay", "{duration: [1ms, 20ms]}"}},
      {"map", {&R::map, "a map, drawn in order", "{map: {from: {below: 8}, amount: 5}}"}},
      {"checksummed", {&R::checksummed, "a random text behind its own sum", "{checksummed: 256}"}},
  };
  return all;
}

}  // namespace

void read_distribution(Fields& fields, std::string& distribution, double& skew, Problems& problems) {
  if (const Yaml* given = fields.find("distribution"))
    distribution = to_choice(*given, "distribution", problems, {"uniform", "zipf", "exponential", "hotspot"})
                       .value_or(distribution);
  fields.number("skew", skew, {0, 100});
}

ValueSpec read_value_spec(const Yaml& node, GeneratorNames& names, Problems& problems) {
  return ValueReader(names, problems).read(node);
}

std::vector<PlanForm> value_forms() {
  return ValueReader::forms();
}

}  // namespace shaketable
