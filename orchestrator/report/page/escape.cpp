#include "orchestrator/report/page/escape.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "history/text.h"

namespace shaketable::page {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct CodePoint {
  std::uint32_t value;
  std::size_t bytes;  // 0: what stands there is not UTF-8
};

CodePoint code_point(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || at + length > text.size()) return {0, 0};
  std::uint32_t value = first & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {0, 0};
    value = value << 6 | (byte(i) & 0x3Fu);
  }
  // Spelled longer than need be, half of a surrogate pair, or beyond the last.
  constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < least[length] || (value >= 0xD800 && value <= 0xDFFF) || value > 0x10FFFF) return {0, 0};
  return {value, length};
}

bool turns_direction(std::uint32_t c) {
  return c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

bool is_invisible(std::uint32_t c) {
  return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7F && c <= 0x9F) || c == 0x2028 || c == 0x2029 ||
         c == 0xFEFF || (c >= 0x200B && c <= 0x200D) || c == 0x2060;
}

}  // namespace

std::string html(std::string_view text) {
  return html_cut(text, std::string_view::npos);
}

std::string html_cut(std::string_view text, std::size_t characters) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  std::size_t written = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (written++ == characters) {
      out += fmt::format("… and {} more bytes", text.size() - at);
      break;
    }
    const CodePoint c = code_point(text, at);
    if (c.bytes == 0) {
      out += kReplacement;
      ++at;
      continue;
    }
    switch (c.value) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        if (is_invisible(c.value) || turns_direction(c.value))
          out += fmt::format("U+{:04X}", c.value);
        else
          out += text.substr(at, c.bytes);
    }
    at += c.bytes;
  }
  return out;
}

std::string visible(std::string_view markup) {
  std::string out;
  for (std::size_t at = 0; at < markup.size();) {
    const CodePoint c = code_point(markup, at);
    if (c.bytes == 0)
      out += kReplacement;
    else if (is_invisible(c.value) || turns_direction(c.value))
      out += fmt::format("U+{:04X}", c.value);
    else
      out += markup.substr(at, c.bytes);
    at += std::max<std::size_t>(c.bytes, 1);
  }
  return out;
}

std::string script_json(const Value& value) {
  const std::string json = valid_utf8(to_json(value));
  std::string out;
  out.reserve(json.size() + json.size() / 64);
  // These stand only inside JSON's strings, where \u is understood.
  for (std::size_t at = 0; at < json.size(); ++at) {
    const char c = json[at];
    if (c == '<' || c == '>' || c == '&') {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else if (const std::string_view rest = std::string_view(json).substr(at);
               c == '\xE2' && (rest.starts_with("\xE2\x80\xA8") || rest.starts_with("\xE2\x80\xA9"))) {
      out += rest[2] == '\xA8' ? "\\u2028" : "\\u2029";
      at += 2;
    } else {
      out += c;
    }
  }
  return out;
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point(text, at);
    if (c.bytes == 0) {
      out += kReplacement;
      ++at;
    } else {
      out += text.substr(at, c.bytes);
      at += c.bytes;
    }
  }
  return out;
}

}  // namespace shaketable::page
