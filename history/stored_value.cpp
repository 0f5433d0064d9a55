#include "history/stored_value.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <charconv>
#include <cmath>
#include <iterator>

#include "history/text.h"

namespace shaketable {
namespace {

// parse_json() reads 256 levels; a map with keys of any kind takes three levels for one.
constexpr int kMaxDepth = 80;

bool is_plain(std::string_view text) {
  for (unsigned char c : text)
    if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\') return false;
  return true;
}

bool is_utf8(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

void append_string(std::string& out, std::string_view text) {
  if (is_plain(text)) {
    out += '"';
    out += text;
    out += '"';
    return;
  }
  if (!is_utf8(text)) {
    out += "{\"$bytes\":\"";
    for (unsigned char c : text) fmt::format_to(std::back_inserter(out), "{:02x}", c);
    out += "\"}";
    return;
  }
  out += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_real(std::string& out, double real) {
  if (!std::isfinite(real)) {
    out += fmt::format("{{\"$real\":\"{}\"}}", std::isnan(real) ? "nan" : real > 0 ? "inf" : "-inf");
    return;
  }
  const std::string text = fmt::format("{}", real);  // the shortest that reads back the same
  out += text;
  if (text.find_first_of(".e") == std::string::npos) out += ".0";
}

bool append(std::string& out, const Value& value, int depth);

bool append_items(std::string& out, std::span<const Value> items, int depth) {
  out += '[';
  bool first = true;
  for (const Value& item : items) {
    if (!first) out += ',';
    first = false;
    if (!append(out, item, depth)) return false;
  }
  out += ']';
  return true;
}

bool append_map(std::string& out, std::span<const Value> items, int depth) {
  bool object = true;
  for (std::size_t i = 0; i < items.size(); i += 2)
    object = object && items[i].kind() == Value::Kind::string && !items[i].text().starts_with('$') &&
             is_utf8(items[i].text());
  out += object ? "{" : "{\"$map\":[";
  for (std::size_t i = 0; i < items.size(); i += 2) {
    if (i > 0) out += ',';
    if (!object) out += '[';
    if (!append(out, items[i], depth)) return false;
    out += object ? ':' : ',';
    if (!append(out, items[i + 1], depth)) return false;
    if (!object) out += ']';
  }
  out += object ? "}" : "]}";
  return true;
}

bool append(std::string& out, const Value& value, int depth) {
  if (depth > kMaxDepth) return false;
  switch (value.kind()) {
    case Value::Kind::nil:
      out += "null";
      return true;
    case Value::Kind::boolean:
      out += value.boolean() ? "true" : "false";
      return true;
    case Value::Kind::integer: {
      char digits[24];
      out.append(digits, std::to_chars(digits, digits + sizeof digits, value.integer()).ptr);
      return true;
    }
    case Value::Kind::real:
      append_real(out, value.real());
      return true;
    case Value::Kind::string:
      append_string(out, value.text());
      return true;
    case Value::Kind::keyword:
      out += "{\"$keyword\":";
      append_string(out, value.text());
      out += '}';
      return true;
    case Value::Kind::list:
      return append_items(out, value.items(), depth + 1);
    case Value::Kind::set: {
      out += "{\"$set\":";
      if (!append_items(out, value.items(), depth + 1)) return false;
      out += '}';
      return true;
    }
    case Value::Kind::map:
      return append_map(out, value.items(), depth + 1);
  }
  return false;
}

// The short values that most operations have. Leaves the general reader what it does not know.
bool parse_short(std::string_view& text, Value& value, int depth) {
  if (text.empty()) return false;
  const char c = text.front();
  if (c == '-' || (c >= '0' && c <= '9')) {
    std::int64_t integer = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), integer);
    if (problem != std::errc()) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (!text.empty() && (text.front() == '.' || text.front() == 'e')) return false;
    value = integer;
    return true;
  }
  if (text.starts_with("null")) {
    text.remove_prefix(4);
    value = nullptr;
    return true;
  }
  if (c == '"') {
    const std::size_t end = text.find('"', 1);
    if (end == std::string_view::npos) return false;
    const std::string_view content = text.substr(1, end - 1);
    if (!is_plain(content)) return false;
    value = content;
    text.remove_prefix(end + 1);
    return true;
  }
  if (c != '[' || depth == 4) return false;
  text.remove_prefix(1);
  std::vector<Value> items;
  if (text.starts_with(']')) {
    text.remove_prefix(1);
    value = Value::list(std::move(items));
    return true;
  }
  while (true) {
    Value item;
    if (!parse_short(text, item, depth + 1) || text.empty()) return false;
    items.push_back(std::move(item));
    const char next = text.front();
    text.remove_prefix(1);
    if (next == ']') break;
    if (next != ',') return false;
  }
  value = Value::list_of(items);
  return true;
}

Result<std::string> from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    unsigned byte = 0;
    if (std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16).ptr != hex.data() + i + 2)
      return bad_input(fmt::format("\"{}\" is not hexadecimal", hex));
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

Result<Value> unescape(const Value& value);

Result<std::vector<Value>> unescape_items(std::span<const Value> items) {
  std::vector<Value> result;
  result.reserve(items.size());
  for (const Value& item : items) {
    Result<Value> one = unescape(item);
    if (!one) return tl::unexpected(one.error());
    result.push_back(std::move(*one));
  }
  return result;
}

Result<Value> unescape_object(std::string_view name, const Value& content) {
  if (name == "$keyword" || name == "$bytes" || name == "$real") {
    Result<Value> text = unescape(content);
    if (!text) return text;
    if (text->kind() != Value::Kind::string) return bad_input(fmt::format("{} must hold a string", name));
    if (name == "$keyword") return Value::keyword(text->text());
    if (name == "$bytes") {
      Result<std::string> bytes = from_hex(text->text());
      if (!bytes) return tl::unexpected(bytes.error());
      return Value(*bytes);
    }
    if (text->text() == "nan") return Value(std::nan(""));
    if (text->text() == "inf") return Value(HUGE_VAL);
    if (text->text() == "-inf") return Value(-HUGE_VAL);
    return bad_input(fmt::format("\"{}\" is not a real", text->text()));
  }
  if (!content.is_list()) return bad_input(fmt::format("{} must hold a list", name));
  Result<std::vector<Value>> items = unescape_items(content.items());
  if (!items) return tl::unexpected(items.error());
  if (name == "$set") return Value::set(std::move(*items));
  if (name != "$map") return bad_input(fmt::format("unknown kind of value \"{}\"", name));
  std::vector<std::pair<Value, Value>> entries;
  for (const Value& entry : *items) {
    if (!entry.is_list() || entry.size() != 2) return bad_input("$map must hold pairs");
    entries.emplace_back(entry[0], entry[1]);
  }
  return Value::map(std::move(entries));
}

Result<Value> unescape(const Value& value) {
  if (value.kind() == Value::Kind::list) {
    Result<std::vector<Value>> items = unescape_items(value.items());
    if (!items) return tl::unexpected(items.error());
    return Value::list_of(*items);
  }
  if (value.kind() != Value::Kind::map) return value;
  const auto items = value.items();
  if (items.size() == 2 && items[0].text().starts_with('$')) return unescape_object(items[0].text(), items[1]);
  std::vector<std::pair<Value, Value>> entries;
  for (std::size_t i = 0; i < items.size(); i += 2) {
    Result<Value> content = unescape(items[i + 1]);
    if (!content) return content;
    entries.emplace_back(items[i], std::move(*content));
  }
  return Value::map(std::move(entries));
}

}  // namespace

bool append_stored(std::string& out, const Value& value) {
  return append(out, value, 0);
}

Result<Value> parse_stored(std::string_view text) {
  std::string_view rest = text;
  Value value;
  if (parse_short(rest, value, 0) && rest.empty()) return value;
  Result<Value> general = parse_json(text);
  if (!general) return general;
  return unescape(*general);
}

}  // namespace shaketable
