#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "history/text_parser.h"

namespace shaketable {

namespace {

// Whether one of the eight bytes of `word` is a quote, a backslash, a control character or no ASCII: the classic tricks
// of arithmetic on whole words. False alarms only behind a true one, so the first marked byte is always right.
std::uint64_t special_bytes(std::uint64_t word) {
  constexpr std::uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
  const auto equal = [](std::uint64_t bytes, char c) {
    const std::uint64_t x = bytes ^ (ones * static_cast<unsigned char>(c));
    return (x - ones) & ~x;
  };
  return (equal(word, '"') | equal(word, '\\') | ((word - ones * 0x20) & ~word) | word) & highs;
}

}  // namespace

bool JsonParser::value(Value& out) {
  if (!stack_.empty()) stack_.clear();
  return parse(out, 0);
}

bool JsonParser::literal(std::string_view word) {
  return take_text(word) || fail("a JSON value");
}

bool JsonParser::parse(Value& out, int depth) {
  skip_space();
  switch (peek()) {
    case '"': {
      std::string_view text;
      if (!string(text)) return false;
      out = texts_.string(text);
      return true;
    }
    case '[':
      return list(out, depth + 1);
    case '{':
      return map(out, depth + 1);
    case 'n':
      out = Value();
      return literal("null");
    case 't':
      out = Value(true);
      return literal("true");
    case 'f':
      out = Value(false);
      return literal("false");
    default:
      return number(out);
  }
}

bool JsonParser::list(Value& out, int depth) {
  if (depth > kDeepestNesting) return fail_at(at_, "at most 256 levels of nesting", "one more");
  ++at_;
  const std::size_t first = stack_.size();
  skip_space();
  if (!take(']')) {
    for (;;) {
      Value item;
      if (!parse(item, depth)) return false;
      stack_.push_back(std::move(item));
      skip_space();
      if (take(']')) break;
      if (!take(',')) return fail("\",\" or \"]\"");
    }
  }
  out = Value::list_of(std::span(stack_).subspan(first));
  stack_.resize(first);
  return true;
}

bool JsonParser::map(Value& out, int depth) {
  if (depth > kDeepestNesting) return fail_at(at_, "at most 256 levels of nesting", "one more");
  ++at_;
  std::vector<std::pair<Value, Value>> entries;
  skip_space();
  if (!take('}')) {
    for (;;) {
      skip_space();
      if (peek() != '"') return fail("a string as key");
      std::string_view key;
      if (!string(key)) return false;
      Value name = texts_.string(key), item;
      skip_space();
      if (!take(':')) return fail("\":\"");
      if (!parse(item, depth)) return false;
      entries.emplace_back(std::move(name), std::move(item));
      skip_space();
      if (take('}')) break;
      if (!take(',')) return fail("\",\" or \"}\"");
    }
  }
  out = Value::map(std::move(entries));
  return true;
}

bool JsonParser::number(Value& out) {
  const char* start = at_;
  const bool negative = take('-');
  const char* digits = at_;
  std::uint64_t number = 0;
  const char* p = at_;
  while (p != end_ && *p >= '0' && *p <= '9') number = number * 10 + static_cast<std::uint64_t>(*p++ - '0');
  at_ = p;
  if (at_ == digits) {
    if (negative) return fail("a digit");
    return fail_at(start, "a JSON value");
  }
  if (*digits == '0' && at_ - digits > 1) return fail_at(start, "a number without leading zeros");
  bool whole = true;
  if (take('.')) {
    whole = false;
    const char* fraction = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    if (at_ == fraction) return fail("a digit");
  }
  if (peek() == 'e' || peek() == 'E') {
    whole = false;
    ++at_;
    if (peek() == '+' || peek() == '-') ++at_;
    const char* exponent = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    if (at_ == exponent) return fail("a digit");
  }
  if (whole && at_ - digits <= 18) {
    out = Value(negative ? -static_cast<std::int64_t>(number) : static_cast<std::int64_t>(number));
    return true;
  }
  if (whole) {
    std::int64_t integer = 0;
    if (std::from_chars(start, at_, integer).ec == std::errc()) {
      out = Value(integer);
      return true;
    }
  }
  Value real = real_of(start, at_);
  if (std::isinf(real.real())) return fail_at(start, "a number that a double can hold");
  out = std::move(real);
  return true;
}

bool JsonParser::string(std::string_view& out) {
  ++at_;
  const char* start = at_;
  bool escaped = false;
  for (;;) {
    const char* plain = at_;
    for (std::uint64_t word = 0; end_ - plain >= 8; plain += 8) {
      std::memcpy(&word, plain, 8);
      if (const std::uint64_t special = special_bytes(word)) {
        plain += std::countr_zero(special) / 8;
        break;
      }
    }
    if (escaped) scratch_.append(at_, plain);
    at_ = plain;
    if (at_ == end_) return fail("'\"' at the end of the string");
    const auto c = static_cast<unsigned char>(*at_);
    if (c == '"') break;
    if (c < 0x20) return fail("no control character inside a string");
    if (c == '\\') {
      if (!escaped) scratch_.assign(start, at_);
      escaped = true;
      ++at_;
      const char letter = peek();
      if (at_ != end_) ++at_;
      switch (letter) {
        case '"':
        case '\\':
        case '/':
          scratch_ += letter;
          break;
        case 'b':
          scratch_ += '\b';
          break;
        case 'f':
          scratch_ += '\f';
          break;
        case 'n':
          scratch_ += '\n';
          break;
        case 'r':
          scratch_ += '\r';
          break;
        case 't':
          scratch_ += '\t';
          break;
        case 'u': {
          char32_t code_point = 0;
          if (!unicode_escape(code_point)) return false;
          append_utf8(code_point);
          break;
        }
        default:
          return fail_at(at_ == end_ ? at_ : at_ - 1, "one of \" \\ / b f n r t u after a backslash");
      }
      continue;
    }
    const char* piece = at_;
    if (c < 0x80)
      ++at_;
    else if (!utf8_sequence())
      return false;
    if (escaped) scratch_.append(piece, at_);
  }
  out = escaped ? std::string_view(scratch_) : std::string_view(start, at_);
  ++at_;
  return true;
}

}  // namespace shaketable
