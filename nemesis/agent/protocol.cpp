#include "nemesis/agent/protocol.h"

#include <algorithm>
#include <charconv>

namespace shaketable::agent {
namespace {

constexpr std::string_view kGreeting = "shaketable-agent";
constexpr char kHex[] = "0123456789ABCDEF";

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> out;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    if (end > 0) out.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return out;
}

bool add_fields(const std::vector<std::string_view>& words, std::size_t from, Fields& fields) {
  for (std::size_t i = from; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    if (equals == std::string_view::npos) return false;
    auto value = decode(words[i].substr(equals + 1));
    if (!value) return false;
    fields.emplace_back(words[i].substr(0, equals), std::move(*value));
  }
  return true;
}

std::string fields_text(const Fields& fields) {
  std::string out;
  for (const auto& [name, value] : fields) out += " " + name + "=" + encode(value);
  return out;
}

}  // namespace

std::string_view field(const Fields& fields, std::string_view name) {
  for (const auto& [known, value] : fields)
    if (known == name) return value;
  return {};
}

bool has_field(const Fields& fields, std::string_view name) {
  return std::any_of(fields.begin(), fields.end(), [&](const auto& entry) { return entry.first == name; });
}

std::vector<std::string> all_fields(const Fields& fields, std::string_view name) {
  std::vector<std::string> out;
  for (const auto& [known, value] : fields)
    if (known == name) out.push_back(value);
  return out;
}

void set_field(Fields& fields, std::string_view name, std::string value) {
  for (auto& [known, old] : fields)
    if (known == name) {
      old = std::move(value);
      return;
    }
  fields.emplace_back(name, std::move(value));
}

std::string encode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7f && c != '%') {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

std::optional<std::string> decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::optional<std::int64_t> to_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string to_line(const Message& message) {
  return std::to_string(message.id) + " " + message.word + fields_text(message.fields);
}

std::optional<Message> parse_message(std::string_view line) {
  const auto words = words_of(line);
  if (words.size() < 2) return std::nullopt;
  const auto id = to_number(words[0]);
  if (!id || *id < 0) return std::nullopt;
  Message out;
  out.id = static_cast<std::uint64_t>(*id);
  out.word = words[1];
  if (!add_fields(words, 2, out.fields)) return std::nullopt;
  return out;
}

std::string to_line(const Greeting& greeting) {
  return std::string(kGreeting) + " " + std::to_string(greeting.protocol) +
         fields_text({{"hash", greeting.hash},
                      {"machine", greeting.machine},
                      {"boot", greeting.boot},
                      {"uid", std::to_string(greeting.uid)}});
}

std::optional<Greeting> parse_greeting(std::string_view line) {
  const auto words = words_of(line);
  if (words.size() < 2 || words[0] != kGreeting) return std::nullopt;
  const auto protocol = to_number(words[1]);
  Fields fields;
  if (!protocol || !add_fields(words, 2, fields)) return std::nullopt;
  Greeting out;
  out.protocol = static_cast<int>(*protocol);
  out.hash = field(fields, "hash");
  out.machine = field(fields, "machine");
  out.boot = field(fields, "boot");
  out.uid = to_number(field(fields, "uid")).value_or(-1);
  return out;
}

std::string hash_of(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  std::string out(16, '0');
  for (int i = 15; i >= 0; --i, hash >>= 4) out[static_cast<std::size_t>(i)] = "0123456789abcdef"[hash & 15];
  return out;
}

}  // namespace shaketable::agent
