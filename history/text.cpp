#include "history/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "history/text_parser.h"

namespace shaketable {
namespace {

using Kind = Value::Kind;

// Length of the UTF-8 sequence at text[i]; 0 if it is none. Only text that a program put into a Value can fail here.
std::size_t sequence_length(std::string_view text, std::size_t i) {
  const auto first = static_cast<unsigned char>(text[i]);
  const std::size_t length = first < 0x80   ? 1
                             : first < 0xc2 ? 0
                             : first < 0xe0 ? 2
                             : first < 0xf0 ? 3
                             : first < 0xf5 ? 4
                                            : 0;
  if (length == 0 || i + length > text.size()) return 0;
  for (std::size_t k = 1; k < length; ++k)
    if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return 0;
  const auto second = length > 1 ? static_cast<unsigned char>(text[i + 1]) : 0;
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return 0;
  if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return 0;
  return length;
}

// Both grammars take these escapes.
void put_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default: {
        if (static_cast<unsigned char>(c) < 0x20 || c == '\x7f') {
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
          break;
        }
        const std::size_t length = sequence_length(text, i);
        out += length == 0 ? std::string_view("\xef\xbf\xbd") : text.substr(i, length);
        i += std::max<std::size_t>(length, 1);
        continue;
      }
    }
    ++i;
  }
  out += '"';
}

// The shortest text that reads back as the same real, and as no integer.
void put_finite(std::string& out, double real) {
  const std::size_t start = out.size();
  fmt::format_to(std::back_inserter(out), "{}", real);
  if (out.find_first_of(".e", start) == std::string::npos) out += ".0";
}

void put_edn(std::string& out, const Value& value) {
  const auto put_items = [&](std::string_view open, std::string_view close) {
    out += open;
    bool first = true;
    for (const Value& item : value.items()) {
      if (!first) out += ' ';
      first = false;
      put_edn(out, item);
    }
    out += close;
  };
  switch (value.kind()) {
    case Kind::nil:
      out += "nil";
      return;
    case Kind::boolean:
      out += value.boolean() ? "true" : "false";
      return;
    case Kind::integer:
      fmt::format_to(std::back_inserter(out), "{}", value.integer());
      return;
    case Kind::real:
      if (std::isnan(value.real()))
        out += "##NaN";
      else if (std::isinf(value.real()))
        out += value.real() < 0 ? "##-Inf" : "##Inf";
      else
        put_finite(out, value.real());
      return;
    case Kind::string:
      put_quoted(out, value.text());
      return;
    case Kind::keyword:
      if (is_edn_name(value.text())) {
        out += ':';
        out += value.text();
      } else {
        put_quoted(out, value.text());
      }
      return;
    case Kind::list:
      put_items("[", "]");
      return;
    case Kind::set:
      put_items("#{", "}");
      return;
    case Kind::map: {
      out += '{';
      const auto items = value.items();
      for (std::size_t i = 0; i < items.size(); i += 2) {
        if (i) out += ", ";
        put_edn(out, items[i]);
        out += ' ';
        put_edn(out, items[i + 1]);
      }
      out += '}';
      return;
    }
  }
}

void put_json(std::string& out, const Value& value) {
  switch (value.kind()) {
    case Kind::nil:
      out += "null";
      return;
    case Kind::boolean:
      out += value.boolean() ? "true" : "false";
      return;
    case Kind::integer:
      fmt::format_to(std::back_inserter(out), "{}", value.integer());
      return;
    case Kind::real:
      if (std::isnan(value.real()))
        out += "\"NaN\"";
      else if (std::isinf(value.real()))
        out += value.real() < 0 ? "\"-Infinity\"" : "\"Infinity\"";
      else
        put_finite(out, value.real());
      return;
    case Kind::string:
    case Kind::keyword:
      put_quoted(out, value.text());
      return;
    case Kind::list:
    case Kind::set: {
      out += '[';
      bool first = true;
      for (const Value& item : value.items()) {
        if (!first) out += ',';
        first = false;
        put_json(out, item);
      }
      out += ']';
      return;
    }
    case Kind::map: {
      out += '{';
      const auto items = value.items();
      for (std::size_t i = 0; i < items.size(); i += 2) {
        if (i) out += ',';
        const bool named = items[i].kind() == Kind::string || items[i].kind() == Kind::keyword;
        put_quoted(out, named ? std::string(items[i].text()) : to_edn(items[i]));
        out += ':';
        put_json(out, items[i + 1]);
      }
      out += '}';
      return;
    }
  }
}

// "column 7", or "line 2, column 7" where the text has lines. Columns count characters, not bytes.
std::string place_in(std::string_view text, const char* at) {
  const std::string_view before(text.data(), static_cast<std::size_t>(at - text.data()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::string_view row = before.substr(before.rfind('\n') + 1);
  const auto column = 1 + std::count_if(row.begin(), row.end(), [](char c) { return (c & 0xc0) != 0x80; });
  return line == 1 ? fmt::format("column {}", column) : fmt::format("line {}, column {}", line, column);
}

Failure failure(std::string_view text, const TextProblem& problem) {
  const std::string found = problem.found.empty()
                                ? describe_text(problem.at, text.data() + text.size(), "the end of the text")
                                : problem.found;
  return bad_input(fmt::format("{}: found {}, expected {}", place_in(text, problem.at), found, problem.expected));
}

}  // namespace

bool is_edn_name(std::string_view text) {
  if (text.empty() || text.find_first_of(",;\"()[]{}\\^`~@\x7f") != std::string_view::npos) return false;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = sequence_length(text, i);
    if (length == 0 || static_cast<unsigned char>(text[i]) <= ' ') return false;
    i += length;
  }
  return true;
}

void append_edn(std::string& out, const Value& value) {
  put_edn(out, value);
}

void append_json(std::string& out, const Value& value) {
  put_json(out, value);
}

std::string to_edn(const Value& value) {
  std::string out;
  put_edn(out, value);
  return out;
}

std::string to_json(const Value& value) {
  std::string out;
  put_json(out, value);
  return out;
}

Result<Value> parse_edn(std::string_view text) {
  EdnParser parser;
  parser.start(text);
  Value value;
  if (!parser.value(value) || !parser.skip_space()) return failure(text, parser.problem());
  if (parser.at_end()) return value;
  parser.fail("the end of the text");
  return failure(text, parser.problem());
}

Result<Value> parse_json(std::string_view text) {
  JsonParser parser;
  parser.start(text);
  Value value;
  if (!parser.value(value)) return failure(text, parser.problem());
  parser.skip_space();
  if (parser.at_end()) return value;
  parser.fail("the end of the text");
  return failure(text, parser.problem());
}

}  // namespace shaketable
