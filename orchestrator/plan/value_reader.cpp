// The values of generators that are data (docs/generators.md).
#include <fmt/format.h>

#include <charconv>

#include "orchestrator/plan/generator_reader.h"

namespace shaketable {
namespace {

const std::vector<std::string> kDraws = {"below",    "between", "next", "recent",
                                         "value-of", "one-of",  "map",  "checksummed"};
constexpr double kMost = 1e15;

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
  explicit ValueReader(Problems& problems) : problems_(problems) {}

  ValueSpec read(const Yaml& node) {
    ValueSpec spec;
    if (node.kind == YamlKind::list) {
      spec.kind = ValueSpec::Kind::list;
      for (const YamlPtr& item : node.items) spec.items.push_back(read(*item));
    } else if (node.kind == YamlKind::map) {
      read_draw(node, spec);
    } else {
      spec.literal = literal_of(node);
    }
    return spec;
  }

 private:
  void read_draw(const Yaml& node, ValueSpec& spec) {
    const YamlEntry* draw = nullptr;
    for (const YamlEntry& entry : node.entries)
      if (std::find(kDraws.begin(), kDraws.end(), entry.key) != kDraws.end()) draw = draw ? draw : &entry;
    if (!draw) {
      problems_.add(node.place,
                    fmt::format("a drawn value must have one of {}{}", one_of(kDraws),
                                node.entries.empty() ? std::string() : did_you_mean(node.entries.front().key, kDraws)));
      return;
    }
    Fields fields(node, draw->place, fmt::format("a value with {}", draw->key), problems_);
    fields.know(draw->key);
    fields.text("as", spec.as);
    const Yaml& argument = *draw->value;
    if (draw->key == "below") {
      spec.kind = ValueSpec::Kind::below;
      spec.high = to_integer(argument, "below", problems_, {1, kMost}).value_or(1);
      fields.text("except", spec.except);
      read_distribution(fields, spec.distribution, spec.skew, problems_);
    } else if (draw->key == "between") {
      spec.kind = ValueSpec::Kind::between;
      read_between(argument, spec);
      std::string sign = "positive";
      if (const Yaml* given = fields.find("sign"))
        sign = to_choice(*given, "sign", problems_, {"as-drawn", "either"}).value_or(sign);
      spec.either_sign = sign == "either";
    } else if (draw->key == "next" || draw->key == "recent") {
      spec.kind = draw->key == "next" ? ValueSpec::Kind::next : ValueSpec::Kind::recent;
      spec.name = to_text(argument, draw->key, problems_).value_or("");
      spec.low = 1;
      if (const Yaml* from = fields.find("from"))
        spec.low = to_integer(*from, "from", problems_, {-kMost, kMost}).value_or(1);
      spec.high = 1;
      if (spec.kind == ValueSpec::Kind::recent)
        if (const Yaml* within = fields.find("within"))
          spec.high = to_integer(*within, "within", problems_, {1, kMost}).value_or(1);
      fields.size("size", spec.bytes, {0, 1 << 20});
    } else if (draw->key == "value-of") {
      spec.kind = ValueSpec::Kind::variable;
      spec.name = to_text(argument, "value-of", problems_).value_or("");
    } else if (draw->key == "one-of") {
      spec.kind = ValueSpec::Kind::one_of;
      if (argument.kind != YamlKind::list || argument.items.empty())
        problems_.add(argument.place, fmt::format("one-of must be a list of values, not {}", describe(argument)));
      else
        for (const YamlPtr& item : argument.items) spec.items.push_back(read(*item));
    } else if (draw->key == "checksummed") {
      spec.kind = ValueSpec::Kind::checksummed;
      spec.high = static_cast<std::int64_t>(to_size(argument, "checksummed", problems_, {0, 1 << 20}).value_or(0));
    } else {
      spec.kind = ValueSpec::Kind::map;
      if (argument.kind != YamlKind::map) {
        problems_.add(argument.place, fmt::format("map must be a map of keys to values, not {}", describe(argument)));
      } else {
        for (const YamlEntry& entry : argument.entries) {
          spec.keys.emplace_back(entry.key);
          spec.items.push_back(read(*entry.value));
        }
      }
    }
    fields.finish();
  }

  void read_between(const Yaml& node, ValueSpec& spec) {
    if (node.kind != YamlKind::list || node.items.size() != 2) {
      problems_.add(node.place,
                    fmt::format("between must be two whole numbers such as [1, 5], not {}", describe(node)));
      return;
    }
    spec.low = to_integer(*node.items[0], "between", problems_, {-kMost, kMost}).value_or(0);
    spec.high = to_integer(*node.items[1], "between", problems_, {-kMost, kMost}).value_or(spec.low);
    if (spec.low > spec.high)
      problems_.add(node.place,
                    fmt::format("between must go from low to high, not from {} to {}", spec.low, spec.high));
  }

  Problems& problems_;
};

}  // namespace

void read_distribution(Fields& fields, std::string& distribution, double& skew, Problems& problems) {
  if (const Yaml* given = fields.find("distribution"))
    distribution = to_choice(*given, "distribution", problems, {"uniform", "zipf", "exponential", "hotspot"})
                       .value_or(distribution);
  fields.number("skew", skew, {0, 100});
}

ValueSpec read_value_spec(const Yaml& node, Problems& problems) {
  return ValueReader(problems).read(node);
}

}  // namespace shaketable
