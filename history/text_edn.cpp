#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "history/text_parser.h"

namespace shaketable {
namespace {

constexpr unsigned char kSpace = 1, kEndsToken = 2;

constexpr std::array<unsigned char, 256> kClasses = [] {
  std::array<unsigned char, 256> classes{};
  for (std::size_t c = 0; c <= ' '; ++c) classes[c] = kEndsToken;
  for (unsigned char c : std::string_view("\x7f,;\"()[]{}\\^`~@")) classes[c] = kEndsToken;
  for (unsigned char c : std::string_view(" ,\n\t\r\f")) classes[c] |= kSpace;
  return classes;
}();

bool is_space(char c) {
  return kClasses[static_cast<unsigned char>(c)] & kSpace;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool ends_token(char c) {
  return kClasses[static_cast<unsigned char>(c)] & kEndsToken;
}

}  // namespace

bool EdnParser::value(Value& out) {
  stack_.clear();
  if (!skip_space(0) || !push_value(0)) return false;
  out = std::move(stack_.back());
  return true;
}

bool EdnParser::skip_space(int depth) {
  for (;;) {
    const char* p = at_;
    while (p != end_ && is_space(*p)) ++p;
    at_ = p;
    if (at_ == end_) return true;
    if (*at_ == ';') {
      while (at_ != end_ && *at_ != '\n') ++at_;
    } else if (*at_ == '^' || (*at_ == '#' && end_ - at_ >= 2 && at_[1] == '_')) {
      // Metadata and discarded forms: read, and dropped. Each may hide more of its kind, so they count as nesting.
      if (depth + 1 > kDeepestNesting) return fail_at(at_, "at most 256 levels of nesting", "one more");
      at_ += *at_ == '^' ? 1 : 2;
      if (!skip_space(depth + 1) || !push_value(depth + 1)) return false;
      stack_.pop_back();
    } else {
      return true;
    }
  }
}

bool EdnParser::skip_tags() {
  while (end_ - at_ >= 2 && at_[0] == '#' && !ends_token(at_[1]) && at_[1] != '#' && at_[1] != ':') {
    ++at_;
    std::string_view tag;
    if (!token(tag) || !skip_space(0)) return false;
  }
  return true;
}

bool EdnParser::token(std::string_view& out) {
  const char* start = at_;
  for (;;) {
    const char* p = at_;
    while (p != end_ && static_cast<unsigned char>(*p) < 0x80 && !ends_token(*p)) ++p;
    at_ = p;
    if (at_ == end_ || static_cast<unsigned char>(*at_) < 0x80) break;
    if (!utf8_sequence()) return false;
  }
  out = {start, at_};
  return !out.empty() || fail("a name");
}

bool EdnParser::push_value(int depth) {
  if (at_ == end_) return fail("a value");
  const char c = *at_;
  if (is_digit(c) || ((c == '-' || c == '+') && end_ - at_ >= 2 && is_digit(at_[1]))) return push_number();
  switch (c) {
    case '"':
      return push_string();
    case '\\':
      return push_character();
    case '[':
    case '(': {
      if (depth + 1 > kDeepestNesting) return fail_at(at_, "at most 256 levels of nesting", "one more");
      const std::size_t first = stack_.size();
      ++at_;
      if (!push_items(depth + 1, c == '[' ? ']' : ')')) return false;
      Value list = Value::list_of(std::span(stack_).subspan(first));
      stack_.resize(first);
      stack_.push_back(std::move(list));
      return true;
    }
    case '{':
      ++at_;
      return push_map(depth + 1, {});
    case '#':
      return push_dispatch(depth);
    case ':': {
      ++at_;
      std::string_view name;
      if (!token(name)) return false;
      stack_.push_back(texts_.keyword(name));
      return true;
    }
    default:
      return push_token();
  }
}

bool EdnParser::push_items(int depth, char close) {
  for (;;) {
    if (!skip_space(depth)) return false;
    if (take(close)) return true;
    const char c = peek();
    if (at_end() || c == ')' || c == ']' || c == '}')
      return fail(close == ']' ? "a value or \"]\"" : close == ')' ? "a value or \")\"" : "a value or \"}\"");
    if (!push_value(depth)) return false;
  }
}

bool EdnParser::push_map(int depth, std::string_view key_namespace) {
  if (depth > kDeepestNesting) return fail_at(at_ - 1, "at most 256 levels of nesting", "one more");
  std::vector<std::pair<Value, Value>> entries;
  for (;;) {
    if (!skip_space(depth)) return false;
    if (take('}')) break;
    if (at_end() || peek() == ')' || peek() == ']') return fail("a key or \"}\"");
    if (!push_value(depth)) return false;
    Value key = std::move(stack_.back());
    stack_.pop_back();
    if (!key_namespace.empty() && key.kind() == Value::Kind::keyword && key.text().find('/') == std::string_view::npos)
      key = Value::keyword(std::string(key_namespace).append("/").append(key.text()));
    if (!skip_space(depth)) return false;
    if (at_end() || peek() == '}' || peek() == ')' || peek() == ']') return fail("a value for the key before it");
    if (!push_value(depth)) return false;
    entries.emplace_back(std::move(key), std::move(stack_.back()));
    stack_.pop_back();
  }
  stack_.push_back(Value::map(std::move(entries)));
  return true;
}

bool EdnParser::push_dispatch(int depth) {
  const char* start = at_++;
  if (take('{')) {
    if (depth + 1 > kDeepestNesting) return fail_at(start, "at most 256 levels of nesting", "one more");
    const std::size_t first = stack_.size();
    if (!push_items(depth + 1, '}')) return false;
    std::vector<Value> items(std::make_move_iterator(stack_.begin() + static_cast<std::ptrdiff_t>(first)),
                             std::make_move_iterator(stack_.end()));
    stack_.resize(first);
    stack_.push_back(Value::set(std::move(items)));
    return true;
  }
  if (take('#')) {
    std::string_view name;
    if (!token(name)) return false;
    if (name == "NaN")
      stack_.emplace_back(std::numeric_limits<double>::quiet_NaN());
    else if (name == "Inf")
      stack_.emplace_back(std::numeric_limits<double>::infinity());
    else if (name == "-Inf")
      stack_.emplace_back(-std::numeric_limits<double>::infinity());
    else
      return fail_at(start, "##NaN, ##Inf or ##-Inf");
    return true;
  }
  if (take(':')) {
    std::string_view key_namespace;
    if (!token(key_namespace) || !skip_space(depth)) return false;
    if (!take('{')) return fail("\"{\"");
    return push_map(depth + 1, key_namespace);
  }
  if (peek() == '"') return push_string();  // a regular expression, as Clojure prints it
  if (take('\'')) {                         // a var
    std::string_view name;
    if (!token(name)) return false;
    stack_.push_back(texts_.string(name));
    return true;
  }
  // A tag: its content stands for it. Tags may stand before tags, so they count as nesting.
  std::string_view tag;
  if (peek() == '[') return push_value(depth);  // "#[...]", as some printers write records without a name
  if (depth + 1 > kDeepestNesting) return fail_at(start, "at most 256 levels of nesting", "one more");
  if (!token(tag) || !skip_space(depth + 1)) return false;
  return push_value(depth + 1);
}

bool EdnParser::push_string() {
  ++at_;
  const char* start = at_;
  bool escaped = false;
  for (;;) {
    if (at_ == end_) return fail("'\"' at the end of the string");
    const auto c = static_cast<unsigned char>(*at_);
    if (c == '"') break;
    if (c == 0) return fail("no NUL inside a string");
    if (c == '\\') {
      if (!escaped) scratch_.assign(start, at_);
      escaped = true;
      ++at_;
      const char letter = peek();
      if (at_ != end_) ++at_;
      switch (letter) {
        case '"':
        case '\\':
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
          return fail_at(at_ == end_ ? at_ : at_ - 1, "one of \" \\ b f n r t u after a backslash");
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
  stack_.push_back(texts_.string(escaped ? std::string_view(scratch_) : std::string_view(start, at_)));
  ++at_;
  return true;
}

bool EdnParser::push_character() {
  static constexpr std::pair<std::string_view, char> names[] = {
      {"newline", '\n'},  {"space", ' '},      {"tab", '\t'}, {"return", '\r'},
      {"formfeed", '\f'}, {"backspace", '\b'}, {"null", '\0'}};
  const char* start = at_++;
  if (at_ == end_ || static_cast<unsigned char>(*at_) <= ' ') return fail("a character after \"\\\"");
  if (ends_token(*at_)) {  // a bracket, a quote …: one character, whatever follows
    stack_.push_back(texts_.string({at_++, 1}));
    return true;
  }
  std::string_view name;
  if (!token(name)) return false;
  for (const auto& [word, character] : names) {
    if (name != word) continue;
    stack_.push_back(texts_.string({&character, 1}));
    return true;
  }
  if (name.size() == 5 && name[0] == 'u') {
    const char* after = at_;
    at_ = name.data() + 1;
    unsigned code = 0;
    if (!hex4(code)) return false;
    at_ = after;
    if (code >= 0xd800 && code <= 0xdfff) return fail_at(start, "a character", "half of a surrogate pair");
    scratch_.clear();
    append_utf8(code);
    stack_.push_back(texts_.string(scratch_));
    return true;
  }
  // One code point, and nothing after it.
  std::size_t length = 1;
  while (length < name.size() && (static_cast<unsigned char>(name[length]) & 0xc0) == 0x80) ++length;
  if (length != name.size()) return fail_at(start, "a character such as \\a or \\newline");
  stack_.push_back(texts_.string(name));
  return true;
}

bool EdnParser::push_number() {
  const char* start = at_;
  if (*at_ == '+' || *at_ == '-') ++at_;
  const char* digits = at_;
  {
    // Nearly all numbers of a history: whole, small, and nothing behind them.
    std::int64_t number = 0;
    const char* p = at_;
    while (p != end_ && is_digit(*p) && p - digits < 18) number = number * 10 + (*p++ - '0');
    if ((p == end_ || ends_token(*p)) && (*digits != '0' || p - digits == 1) && p != digits) {
      at_ = p;
      stack_.emplace_back(*start == '-' ? -number : number);
      return true;
    }
  }
  const char* number_start = *start == '+' ? digits : start;  // from_chars takes no plus
  const auto run = [this] {
    const char* from = at_;
    while (at_ != end_ && is_digit(*at_)) ++at_;
    return at_ != from;
  };
  const auto done = [&](Value value) {
    if (at_ != end_ && !ends_token(*at_)) return fail_at(start, "a number");
    stack_.push_back(std::move(value));
    return true;
  };
  if (end_ - at_ >= 3 && at_[0] == '0' && (at_[1] == 'x' || at_[1] == 'X')) {  // as the addresses in #object[…]
    std::uint64_t number = 0;
    const auto parsed = std::from_chars(at_ + 2, end_, number, 16);
    if (parsed.ec != std::errc() || number > INT64_MAX) return fail_at(start, "a number");
    at_ = parsed.ptr;
    return done(Value(*start == '-' ? -static_cast<std::int64_t>(number) : static_cast<std::int64_t>(number)));
  }
  run();
  if (*digits == '0' && at_ - digits > 1) return fail_at(start, "a number without leading zeros");
  if (take('/')) {
    const Value numerator = real_of(number_start, at_ - 1);
    const char* below = at_;
    if (!run()) return fail("a digit");
    const Value denominator = real_of(below, at_);
    if (denominator.real() == 0) return fail_at(below, "a denominator other than 0");
    return done(Value(numerator.real() / denominator.real()));
  }
  bool whole = true;
  if (take('.')) {
    whole = false;
    run();  // Clojure takes "1." as well
  }
  if (peek() == 'e' || peek() == 'E') {
    whole = false;
    ++at_;
    if (peek() == '+' || peek() == '-') ++at_;
    if (!run()) return fail("a digit");
  }
  const char* number_end = at_;
  const bool decimal = take('M');
  if (whole && !decimal) take('N');
  if (whole && !decimal) {
    std::int64_t integer = 0;
    if (std::from_chars(number_start, number_end, integer).ec == std::errc()) return done(Value(integer));
  }
  Value real = real_of(number_start, number_end);
  if (std::isinf(real.real())) return fail_at(start, "a number that a double can hold");
  return done(std::move(real));
}

bool EdnParser::push_token() {
  const char* start = at_;
  if (ends_token(*at_)) return fail("a value");
  std::string_view name;
  if (!token(name)) return false;
  if (name == "nil")
    stack_.emplace_back();
  else if (name == "true")
    stack_.emplace_back(true);
  else if (name == "false")
    stack_.emplace_back(false);
  else if (*start == '\'' || *start == '%' || *start == '&')
    return fail_at(start, "a value");
  else
    stack_.push_back(texts_.string(name));
  return true;
}

}  // namespace shaketable
