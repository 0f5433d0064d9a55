#include "history/text_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace shaketable {
namespace {

bool ends_word(char c) {
  return static_cast<unsigned char>(c) <= ' ' || std::string_view(",;\"()[]{}\\").find(c) != std::string_view::npos;
}

// The length of the UTF-8 sequence at `at`, or 0 if what stands there is none (RFC 3629: no overlong forms, no
// surrogates).
std::size_t utf8_length(const char* at, const char* end) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(at[i]); };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const std::size_t left = static_cast<std::size_t>(end - at);
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return left >= 2 && follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (left < 3 || !follows(1) || !follows(2)) return 0;
    if (first == 0xe0 && byte(1) < 0xa0) return 0;
    if (first == 0xed && byte(1) > 0x9f) return 0;
    return 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (left < 4 || !follows(1) || !follows(2) || !follows(3)) return 0;
    if (first == 0xf0 && byte(1) < 0x90) return 0;
    if (first == 0xf4 && byte(1) > 0x8f) return 0;
    return 4;
  }
  return 0;
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text.data() + i, text.data() + text.size());
    if (length == 0) return false;
    i += length;
  }
  return true;
}

}  // namespace

std::string describe_text(const char* at, const char* end, std::string_view end_name) {
  constexpr std::ptrdiff_t kLongestWord = 24;
  if (at == end) return std::string(end_name);
  if (*at == '\n') return "the end of the line";
  const std::size_t length = utf8_length(at, end);
  if (length == 0 || static_cast<unsigned char>(*at) < ' ' || *at == '\x7f')
    return fmt::format("byte 0x{:02x}", static_cast<unsigned char>(*at));
  if (*at == '"') {  // a whole string, if it is short
    const std::string_view text(at, std::min(end - at, kLongestWord));
    const std::size_t close = text.find('"', 1);
    if (close != std::string_view::npos && text.substr(0, close).find_first_of("\n\\") == std::string_view::npos &&
        is_utf8(text.substr(0, close)))
      return std::string(text.substr(0, close + 1));
    return "'\"'";
  }
  if (length > 1 || ends_word(*at)) return fmt::format("\"{}\"", std::string_view(at, length));
  const char* word_end = at;
  while (word_end != end && word_end - at < kLongestWord && !ends_word(*word_end)) {
    const std::size_t step = utf8_length(word_end, end);
    if (step == 0) break;
    word_end += step;
  }
  const bool cut = word_end != end && !ends_word(*word_end);
  return fmt::format("\"{}{}\"", std::string_view(at, word_end), cut ? "…" : "");
}

namespace {

template <class Make>
Value shared(std::vector<Value>& slots, std::string_view text, Make make) {
  // Length and both ends tell the words of a history apart well enough, and cost no loop.
  std::uint64_t head = 0, tail = 0;
  if (text.size() >= 8) {
    std::memcpy(&head, text.data(), 8);
    std::memcpy(&tail, text.data() + text.size() - 8, 8);
  } else {
    std::memcpy(&head, text.data(), text.size());
  }
  const std::uint64_t hash = (head ^ (tail * 31) ^ text.size()) * 0x9e3779b97f4a7c15ull;
  Value& slot = slots[hash >> 54];
  if (slot.is_nil() || slot.text() != text) slot = make(text);
  return slot;
}

}  // namespace

void ShortTexts::share() {
  static_assert(kSlots == 1024, "shared() takes the ten highest bits of the hash");
  strings_.resize(kSlots);
  keywords_.resize(kSlots);
}

Value ShortTexts::string(std::string_view text) {
  if (strings_.empty() || text.empty() || text.size() > kLongest) return Value(text);
  return shared(strings_, text, [](std::string_view t) { return Value(t); });
}

Value ShortTexts::keyword(std::string_view text) {
  if (keywords_.empty() || text.empty() || text.size() > kLongest) return Value::keyword(text);
  return shared(keywords_, text, [](std::string_view t) { return Value::keyword(t); });
}

bool TextParser::fail_at(const char* at, std::string_view expected, std::string_view found) {
  problem_ = {at, std::string(found), std::string(expected)};
  return false;
}

bool TextParser::utf8_sequence() {
  const std::size_t length = utf8_length(at_, end_);
  if (length == 0) return fail("UTF-8");
  at_ += length;
  return true;
}

Value TextParser::real_of(const char* begin, const char* end) const {
  double number = 0;
  const auto parsed = std::from_chars(begin, end, number);
  if (parsed.ec == std::errc()) return Value(number);
  // Too large or too small for a double: strtod gives the infinity or the zero that from_chars does not.
  return Value(std::strtod(std::string(begin, end).c_str(), nullptr));
}

void TextParser::append_utf8(char32_t c) {
  const auto put = [this](char32_t byte) { scratch_ += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | (c >> 6));
    put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3f));
    put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3f));
    put(0x80 | ((c >> 6) & 0x3f));
    put(0x80 | (c & 0x3f));
  }
}

bool TextParser::hex4(unsigned& out) {
  out = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = peek();
    unsigned digit = 0;
    if (c >= '0' && c <= '9')
      digit = static_cast<unsigned>(c - '0');
    else if (c >= 'a' && c <= 'f')
      digit = static_cast<unsigned>(c - 'a' + 10);
    else if (c >= 'A' && c <= 'F')
      digit = static_cast<unsigned>(c - 'A' + 10);
    else
      return fail("four hexadecimal digits");
    out = out * 16 + digit;
    ++at_;
  }
  return true;
}

bool TextParser::unicode_escape(char32_t& out) {
  const char* start = at_ - 2;
  unsigned high = 0;
  if (!hex4(high)) return false;
  out = high;
  if (high < 0xd800 || high > 0xdfff) return true;
  unsigned low = 0;
  const bool pair = high < 0xdc00 && end_ - at_ >= 2 && at_[0] == '\\' && at_[1] == 'u';
  if (pair) {
    at_ += 2;
    if (!hex4(low)) return false;
  }
  if (low < 0xdc00 || low > 0xdfff) return fail_at(start, "a pair of surrogates", "half of one");
  out = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
  return true;
}

}  // namespace shaketable
