#pragma once
// Random values for property tests, and what becomes of one that went through JSON.

#include <bit>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "history/text.h"
#include "history/value.h"

namespace shaketable {

inline std::string random_text(Random& random) {
  static const std::vector<std::string> pieces{
      "a",  "Z", "0", " ", "\"", "\\", "\n", "\t", "/",     std::string(1, '\0'), "\x1f", "\x7f", "é",
      "漢", "😀", ":", ",", "{",  "]",  ";",  "#",  "\u2028"};
  std::string text;
  for (std::uint64_t n = random.below(6); n > 0; --n) text += random.pick(pieces);
  return text;
}

inline Value random_value(Random& random, int depth = 0) {
  static const std::vector<std::string> names{"x", "read", "jepsen.txn/append", "a-b_c*d", "+", "x'", "größe"};
  const std::uint64_t kinds = depth < 4 ? 11 : 7;
  const auto items = [&] {
    std::vector<Value> out;
    for (std::uint64_t n = random.below(4); n > 0; --n) out.push_back(random_value(random, depth + 1));
    return out;
  };
  switch (random.below(kinds)) {
    case 0:
      return Value();
    case 1:
      return Value(random.chance(0.5));
    case 2:
      return Value(random.between(-3, 12));
    case 3:
      return Value(static_cast<std::int64_t>(random.next()));
    case 4: {
      const double any = std::bit_cast<double>(random.next());
      return Value(random.chance(0.5) && std::isfinite(any) ? any : static_cast<double>(random.between(-40, 40)) / 8);
    }
    case 5: {
      std::string text = random_text(random);
      // A NUL cannot stand in EDN as itself, only escaped; both are worth a try.
      return Value(text);
    }
    case 6:
      return Value::keyword(random.pick(names));
    case 7:
    case 8:
      return Value::list(items());
    case 9:
      return Value::set(items());
    default: {
      std::vector<std::pair<Value, Value>> entries;
      for (std::uint64_t n = random.below(4); n > 0; --n)
        entries.emplace_back(random_value(random, depth + 2), random_value(random, depth + 1));
      return Value::map(std::move(entries));
    }
  }
}

// What JSON keeps of a value (history/text.h).
inline Value json_image(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::keyword:
      return Value(value.text());
    case Value::Kind::list:
    case Value::Kind::set: {
      std::vector<Value> items;
      for (const Value& item : value.items()) items.push_back(json_image(item));
      return Value::list(std::move(items));
    }
    case Value::Kind::map: {
      std::vector<std::pair<Value, Value>> entries;
      const auto items = value.items();
      for (std::size_t i = 0; i < items.size(); i += 2) {
        const bool named = items[i].kind() == Value::Kind::string || items[i].kind() == Value::Kind::keyword;
        entries.emplace_back(named ? Value(items[i].text()) : Value(to_edn(items[i])), json_image(items[i + 1]));
      }
      return Value::map(std::move(entries));
    }
    default:
      return value;
  }
}

}  // namespace shaketable
