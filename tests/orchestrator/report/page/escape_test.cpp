// What the system under test wrote can never become markup or script of the page.

#include "orchestrator/report/page/escape.h"

#include <catch2/catch.hpp>

#include "history/text.h"

namespace shaketable::page {
namespace {

TEST_CASE("markup and quotes are text") {
  CHECK(html("<script>alert('x')</script> & \"y\"") ==
        "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;y&quot;");
  CHECK(html("gr\xC3\xBC\xC3\x9F \xE2\x86\x92 \xF0\x9F\x98\x80") == "gr\xC3\xBC\xC3\x9F \xE2\x86\x92 \xF0\x9F\x98\x80");
  CHECK(html("a\tb\nc") == "a\tb\nc");
}

TEST_CASE("what cannot be seen or turns the writing around is spelled out") {
  CHECK(html(std::string_view("a\0b", 3)) == "aU+0000b");
  CHECK(html("user\xE2\x80\xAEnimda") == "userU+202Enimda");
  CHECK(html("a\xE2\x80\xA8z") == "aU+2028z");
  CHECK(html("a\xE2\x80\x8Bz\x7F") == "aU+200BzU+007F");
}

TEST_CASE("what is not UTF-8 is shown as a replacement") {
  const std::string r = "\xEF\xBF\xBD";
  CHECK(html("a\xFFz") == "a" + r + "z");
  CHECK(html("\xC0\xBC") == r + r);                  // "<" in two bytes, as old decoders took it
  CHECK(html("\xED\xA0\x80") == r + r + r);          // half of a surrogate pair
  CHECK(html("\xF4\x90\x80\x80") == r + r + r + r);  // beyond U+10FFFF
  CHECK(html("\xE2\x86") == r + r);                  // cut off
  CHECK(valid_utf8("a\xE2\x86<") == "a" + r + r + "<");
}

TEST_CASE("a cut says how much was cut and never cuts a character") {
  CHECK(html_cut("abc", 3) == "abc");
  CHECK(html_cut("a<b<c", 2) == "a&lt;… and 3 more bytes");
  CHECK(html_cut("\xC3\xBC\xC3\xBC", 1) == "\xC3\xBC… and 2 more bytes");
}

TEST_CASE("JSON in a script cannot end it and reads back as what it was") {
  const Value value =
      Value::map({{"</script><script>", "<!-- & -->\xE2\x80\xA8\xE2\x80\xA9 \"\\ </SCRIPT>"}, {"n", 7}});
  const std::string json = script_json(value);
  for (const char* never : {"<", ">", "&", "\xE2\x80\xA8", "\xE2\x80\xA9"}) {
    INFO(never);
    CHECK(json.find(never) == std::string::npos);
  }
  const auto back = parse_json(json);
  REQUIRE(back);
  CHECK(*back == value);
  CHECK(script_json(Value("\xFF")) == "\"\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace shaketable::page
