#pragma once
// The parsers behind parse_json and parse_edn, in the pieces that the readers of whole histories use. Internal to
// history/.
//
// A parser walks over text that lies in memory. Each step returns false at the first thing it cannot take, and
// problem() says where that was and what was expected there. Text must be UTF-8; a byte that is not is a problem like
// any other.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "history/value.h"

namespace shaketable {

inline constexpr int kDeepestNesting = 256;

struct TextProblem {
  const char* at = nullptr;
  std::string found;     // empty: what stands at `at`
  std::string expected;  // "a value", "\",\" or \"]\""
};

// "\"nul\"", "byte 0x00", or `end_name` when nothing stands there: the `found` of a message.
std::string describe_text(const char* at, const char* end, std::string_view end_name);

// The same few words ("append", :read) fill a history. Once share() was called, short ones are made once and shared.
// Bounded: a newcomer replaces what lay in its slot.
class ShortTexts {
 public:
  void share();
  Value string(std::string_view text);
  Value keyword(std::string_view text);

 private:
  static constexpr std::size_t kSlots = 1024, kLongest = 24;
  std::vector<Value> strings_, keywords_;  // kSlots each, or none
};

// What both grammars share.
class TextParser {
 public:
  void start(std::string_view text) {
    at_ = text.data();
    end_ = at_ + text.size();
  }
  const char* position() const { return at_; }
  bool at_end() const { return at_ == end_; }
  char peek() const { return at_ == end_ ? '\0' : *at_; }  // NUL as well where the text ends
  bool take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  // Records what was expected here; always false.
  bool fail(std::string_view expected) { return fail_at(at_, expected); }
  bool fail_at(const char* at, std::string_view expected, std::string_view found = {});
  const TextProblem& problem() const { return problem_; }
  void share_texts() { texts_.share(); }

 protected:
  bool utf8_sequence();  // at_ is at a byte >= 0x80: steps over the whole sequence
  // A number's text, its syntax checked already.
  Value real_of(const char* begin, const char* end) const;
  void append_utf8(char32_t code_point);
  bool hex4(unsigned& out);            // four hexadecimal digits
  bool unicode_escape(char32_t& out);  // after "\u": one code point, of two escapes where they are a surrogate pair

  const char *at_ = nullptr, *end_ = nullptr;
  TextProblem problem_;
  std::string scratch_;       // a string with escapes, decoded
  std::vector<Value> stack_;  // items of the collections being read, innermost last
  ShortTexts texts_;
};

// RFC 8259, strictly: no comments, no trailing commas, no NaN.
class JsonParser : public TextParser {
 public:
  void skip_space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
  }
  bool value(Value& out);  // skips the space before it
  // A string's content; valid until the next call. at_ is at its quote.
  bool string(std::string_view& out);

  // Steps over `text` if it stands here.
  bool take_text(std::string_view text) {
    if (static_cast<std::size_t>(end_ - at_) < text.size() || std::memcmp(at_, text.data(), text.size()) != 0)
      return false;
    at_ += text.size();
    return true;
  }
  // Takes a whole number without sign, if one that surely fits stands here. Else it takes nothing, and value() may.
  bool take_integer(std::int64_t& out) {
    const char* p = at_;
    std::uint64_t number = 0;
    while (p != end_ && static_cast<unsigned char>(*p - '0') <= 9)
      number = number * 10 + static_cast<std::uint64_t>(*p++ - '0');
    const bool plain = p != at_ && p - at_ <= 18 && p != end_ && (*p == ',' || *p == '}' || *p == ']') &&
                       (*at_ != '0' || p - at_ == 1);
    if (!plain) return false;
    at_ = p;
    out = static_cast<std::int64_t>(number);
    return true;
  }

 private:
  bool parse(Value& out, int depth);
  bool list(Value& out, int depth);
  bool map(Value& out, int depth);
  bool number(Value& out);
  bool literal(std::string_view word);
};

// EDN as Clojure prints it. See text.h for what becomes of what a Value has no kind for.
class EdnParser : public TextParser {
 public:
  // Spaces, commas, comments, #_ discarded forms, ^metadata.
  bool skip_space() { return skip_space(0); }
  // Steps over tags ("#inst", "#jepsen.history.Op") and space, up to the form they belong to.
  bool skip_tags();
  bool value(Value& out);  // skips the space before it
  // A keyword's or symbol's text; at_ is at its first character (after the colon).
  bool token(std::string_view& out);

 private:
  bool skip_space(int depth);
  bool push_value(int depth);
  bool push_items(int depth, char close);
  bool push_map(int depth, std::string_view key_namespace);
  bool push_string();
  bool push_character();
  bool push_number();
  bool push_token();
  bool push_dispatch(int depth);
};

}  // namespace shaketable
