#include <charconv>
#include <cmath>

#include "history/text_parser.h"

namespace shaketable {

bool JsonParser::value(Value& out) {
  stack_.clear();
  if (!push_value(0)) return false;
  out = std::move(stack_.back());
  return true;
}

bool JsonParser::literal(std::string_view word, Value value) {
  if (!std::string_view(at_, end_).starts_with(word)) return fail("a JSON value");
  at_ += word.size();
  stack_.push_back(std::move(value));
  return true;
}

bool JsonParser::push_value(int depth) {
  skip_space();
  switch (peek()) {
    case '"': {
      std::string_view text;
      if (!string(text)) return false;
      stack_.push_back(texts_.string(text));
      return true;
    }
    case '[':
      return push_list(depth + 1);
    case '{':
      return push_map(depth + 1);
    case 'n':
      return literal("null", Value());
    case 't':
      return literal("true", Value(true));
    case 'f':
      return literal("false", Value(false));
    default:
      return push_number();
  }
}

bool JsonParser::push_list(int depth) {
  if (depth > kDeepestNesting) return fail_at(at_, "at most 256 levels of nesting", "one more");
  ++at_;
  const std::size_t first = stack_.size();
  skip_space();
  if (!take(']')) {
    for (;;) {
      if (!push_value(depth)) return false;
      skip_space();
      if (take(']')) break;
      if (!take(',')) return fail("\",\" or \"]\"");
    }
  }
  Value list = Value::list_of(std::span(stack_).subspan(first));
  stack_.resize(first);
  stack_.push_back(std::move(list));
  return true;
}

bool JsonParser::push_map(int depth) {
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
      entries.emplace_back(texts_.string(key), Value());
      skip_space();
      if (!take(':')) return fail("\":\"");
      if (!push_value(depth)) return false;
      entries.back().second = std::move(stack_.back());
      stack_.pop_back();
      skip_space();
      if (take('}')) break;
      if (!take(',')) return fail("\",\" or \"}\"");
    }
  }
  stack_.push_back(Value::map(std::move(entries)));
  return true;
}

bool JsonParser::push_number() {
  const char* start = at_;
  const bool negative = take('-');
  const char* digits = at_;
  std::uint64_t number = 0;
  while (at_ != end_ && *at_ >= '0' && *at_ <= '9') number = number * 10 + static_cast<std::uint64_t>(*at_++ - '0');
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
    stack_.emplace_back(negative ? -static_cast<std::int64_t>(number) : static_cast<std::int64_t>(number));
    return true;
  }
  if (whole) {
    std::int64_t integer = 0;
    if (std::from_chars(start, at_, integer).ec == std::errc()) {
      stack_.emplace_back(integer);
      return true;
    }
  }
  Value real = real_of(start, at_);
  if (std::isinf(real.real())) return fail_at(start, "a number that a double can hold");
  stack_.push_back(std::move(real));
  return true;
}

bool JsonParser::string(std::string_view& out) {
  ++at_;
  const char* start = at_;
  bool escaped = false;
  for (;;) {
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
