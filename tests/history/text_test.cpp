#include "history/text.h"

#include <simdjson.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <map>

#include "base/random.h"
#include "tests/history/random_values.h"

namespace shaketable {
namespace {

std::string edn_error(std::string_view text) {
  const auto parsed = parse_edn(text);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().kind == ErrorKind::bad_input);
  return parsed.error().message;
}

std::string json_error(std::string_view text) {
  const auto parsed = parse_json(text);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().kind == ErrorKind::bad_input);
  return parsed.error().message;
}

Value edn(std::string_view text) {
  auto parsed = parse_edn(text);
  if (!parsed) FAIL(parsed.error().message);
  return *parsed;
}

Value json(std::string_view text) {
  auto parsed = parse_json(text);
  if (!parsed) FAIL(parsed.error().message);
  return *parsed;
}

Value list(std::vector<Value> items) {
  return Value::list(std::move(items));
}

TEST_CASE("EDN: every kind of value is read") {
  CHECK(edn("nil") == Value());
  CHECK(edn("true") == Value(true));
  CHECK(edn("-17") == Value(-17));
  CHECK(edn("+17") == Value(17));
  CHECK(edn("17N") == Value(17));
  CHECK(edn("0x1f") == Value(31));
  CHECK(edn("9223372036854775807") == Value(INT64_MAX));
  CHECK(edn("-9223372036854775808") == Value(INT64_MIN));
  CHECK(edn("9223372036854775808") == Value(9223372036854775808.0));
  CHECK(edn("1.5") == Value(1.5));
  CHECK(edn("1.") == Value(1.0));
  CHECK(edn("-2e3") == Value(-2000.0));
  CHECK(edn("2M") == Value(2.0));
  CHECK(edn("1/4") == Value(0.25));
  CHECK(std::isnan(edn("##NaN").real()));
  CHECK(edn("##-Inf") == Value(-std::numeric_limits<double>::infinity()));
  CHECK(edn(R"("a\n\"\u00e9\ud83d\ude00")") == Value("a\n\"é😀"));
  CHECK(edn(":ok") == Value::keyword("ok"));
  CHECK(edn(":jepsen.txn/append") == Value::keyword("jepsen.txn/append"));
  CHECK(edn("[1, 2 (3)]") == list({1, 2, list({3})}));
  CHECK(edn("#{3 1 3}") == Value::set({1, 3}));
  CHECK(edn("{:a 1, \"b\" nil}") == Value::map({{Value::keyword("a"), 1}, {"b", nullptr}}));
  CHECK(edn("[]") == list({}));
  CHECK(edn("{}") == Value::map({}));
}

TEST_CASE("EDN: what a Value has no kind for gives the nearest one") {
  CHECK(edn("#inst \"2018-01-01\"") == Value("2018-01-01"));
  CHECK(edn("#jepsen.history.Op{:f :read}") == Value::map({{Value::keyword("f"), Value::keyword("read")}}));
  CHECK(edn("#object[java.lang.Object 0x1f \"x\"]") == list({"java.lang.Object", 31, "x"}));
  CHECK(edn("#:txn{:a 1, :b/c 2}") == Value::map({{Value::keyword("txn/a"), 1}, {Value::keyword("b/c"), 2}}));
  CHECK(edn("\\a") == Value("a"));
  CHECK(edn("\\newline") == Value("\n"));
  CHECK(edn("\\u00e9") == Value("é"));
  CHECK(edn("[\\( \\é]") == list({"(", "é"}));
  CHECK(edn("clojure.core/inc") == Value("clojure.core/inc"));
  CHECK(edn("#'user/x") == Value("user/x"));
  CHECK(edn("#\"a+\"") == Value("a+"));
}

TEST_CASE("EDN: comments, discarded forms and metadata are no values") {
  CHECK(edn("; a comment\n 1 ; another") == Value(1));
  CHECK(edn("[1 #_ 2 #_#_ 3 4 5]") == list({1, 5}));
  CHECK(edn("^{:line 3} [1]") == list({1}));
  CHECK(edn("[1 #_2]") == list({1}));
}

TEST_CASE("EDN: errors say where, what was found and what was expected") {
  CHECK(edn_error("") == "column 1: found the end of the text, expected a value");
  CHECK(edn_error("[1 2") == "column 5: found the end of the text, expected a value or \"]\"");
  CHECK(edn_error("[1 2)") == "column 5: found \")\", expected a value or \"]\"");
  CHECK(edn_error("{:a}") == "column 4: found \"}\", expected a value for the key before it");
  CHECK(edn_error("{:a 1\n :b]") == "line 2, column 4: found \"]\", expected a value for the key before it");
  CHECK(edn_error("12ab") == "column 1: found \"12ab\", expected a number");
  CHECK(edn_error("007") == "column 1: found \"007\", expected a number without leading zeros");
  CHECK(edn_error("1e999") == "column 1: found \"1e999\", expected a number that a double can hold");
  CHECK(edn_error("1/0") == "column 3: found \"0\", expected a denominator other than 0");
  CHECK(edn_error("1 2") == "column 3: found \"2\", expected the end of the text");
  CHECK(edn_error("\"abc") == "column 5: found the end of the text, expected '\"' at the end of the string");
  CHECK(edn_error("\"\\q\"") == "column 3: found \"q\", expected one of \" \\ b f n r t u after a backslash");
  CHECK(edn_error("\"é\\ud800\"") == "column 3: found half of one, expected a pair of surrogates");
  CHECK(edn_error(std::string_view("a\0b", 3)) == "column 2: found byte 0x00, expected the end of the text");
  CHECK(edn_error("\"\xff\"") == "column 2: found byte 0xff, expected UTF-8");
  CHECK(edn_error("##Infinite") == "column 1: found \"##Infinite\", expected ##NaN, ##Inf or ##-Inf");
  CHECK(edn_error("@x") == "column 1: found \"@x\", expected a value");
  CHECK(edn_error(":") == "column 2: found the end of the text, expected a name");
  CHECK(edn_error("\\abc") == "column 1: found \"\\\", expected a character such as \\a or \\newline");
}

TEST_CASE("nesting is limited to 256 levels, whatever nests") {
  const auto repeat = [](std::string_view text, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) out += text;
    return out;
  };
  CHECK(parse_edn(repeat("[", 256) + repeat("]", 256)));
  CHECK(parse_json(repeat("[", 256) + repeat("]", 256)));
  CHECK(edn_error(repeat("[", 257) + repeat("]", 257)) ==
        "column 257: found one more, expected at most 256 levels of nesting");
  CHECK(json_error(repeat("[", 257) + repeat("]", 257)) ==
        "column 257: found one more, expected at most 256 levels of nesting");
  for (std::string_view opening : {"(", "#{", "{", "{1 ", "#a ", "#_", "^", "#:a{"})
    CHECK(edn_error(repeat(opening, 100'000)).find("256 levels") != std::string::npos);
  CHECK(json_error(repeat("{\"a\":", 100'000)).find("256 levels") != std::string::npos);
}

TEST_CASE("JSON: every kind of value is read") {
  CHECK(json(" null ") == Value());
  CHECK(json("false") == Value(false));
  CHECK(json("-0") == Value(0));
  CHECK(json("9223372036854775807") == Value(INT64_MAX));
  CHECK(json("-9223372036854775808") == Value(INT64_MIN));
  CHECK(json("9223372036854775808") == Value(9223372036854775808.0));
  CHECK(json("1e-999") == Value(0.0));
  CHECK(json("1.0") == Value(1.0));
  CHECK(json("\"\\u0041\\ud83d\\ude00\\/\"") == Value("A😀/"));
  CHECK(json("[1,[],{}]") == list({1, list({}), Value::map({})}));
  CHECK(json(R"({"b":1,"a":[true],"b":2})") == Value::map({{"a", list({true})}, {"b", 2}}));
}

TEST_CASE("JSON: errors say where, what was found and what was expected") {
  CHECK(json_error("") == "column 1: found the end of the text, expected a JSON value");
  CHECK(json_error("nul") == "column 1: found \"nul\", expected a JSON value");
  CHECK(json_error("[1 2]") == "column 4: found \"2\", expected \",\" or \"]\"");
  CHECK(json_error("[1,]") == "column 4: found \"]\", expected a JSON value");
  CHECK(json_error("{a:1}") == "column 2: found \"a:1\", expected a string as key");
  CHECK(json_error("{\"a\" 1}") == "column 6: found \"1\", expected \":\"");
  CHECK(json_error("{\"a\":1") == "column 7: found the end of the text, expected \",\" or \"}\"");
  CHECK(json_error("01") == "column 1: found \"01\", expected a number without leading zeros");
  CHECK(json_error("-") == "column 2: found the end of the text, expected a digit");
  CHECK(json_error("1.x") == "column 3: found \"x\", expected a digit");
  CHECK(json_error("1e400") == "column 1: found \"1e400\", expected a number that a double can hold");
  CHECK(json_error("\"a\nb\"") == "column 3: found the end of the line, expected no control character inside a string");
  CHECK(json_error("\"\\ud800x\"") == "column 2: found half of one, expected a pair of surrogates");
  CHECK(json_error("\"\\u12g4\"") == "column 6: found \"g4\", expected four hexadecimal digits");
  CHECK(json_error("\"\xed\xa0\x80\"") == "column 2: found byte 0xed, expected UTF-8");
  CHECK(json_error("\n\n tru") == "line 3, column 2: found \"tru\", expected a JSON value");
}

TEST_CASE("values are printed as EDN and as JSON") {
  const Value value = Value::map({{Value::keyword("f"), Value::keyword("txn")},
                                  {Value::keyword("value"), list({list({"r", 1, nullptr}), 2.0, 0.1, true})},
                                  {3, Value::set({2, 1})},
                                  {"s", "a\"b\\\n\x01é"}});
  CHECK(to_edn(value) == R"({3 #{1 2}, "s" "a\"b\\\n\u0001é", :f :txn, :value [["r" 1 nil] 2.0 0.1 true]})");
  CHECK(to_json(value) == R"({"3":[1,2],"s":"a\"b\\\n\u0001é","f":"txn","value":[["r",1,null],2.0,0.1,true]})");
  CHECK(to_edn(Value::keyword("a b")) == "\"a b\"");
  CHECK(to_edn(Value("\xff\xc3")) == "\"\xef\xbf\xbd\xef\xbf\xbd\"");
  CHECK(to_json(Value(std::numeric_limits<double>::quiet_NaN())) == "\"NaN\"");
  CHECK(to_edn(Value(-std::numeric_limits<double>::infinity())) == "##-Inf");
  CHECK(to_edn(Value(1e300)) == "1e+300");
}

TEST_CASE("whatever is printed as EDN reads back as the same value") {
  Random random(20261121);
  for (int i = 0; i < 20'000; ++i) {
    const Value value = random_value(random);
    const std::string text = to_edn(value);
    CAPTURE(text);
    REQUIRE(edn(text) == value);
  }
}

TEST_CASE("whatever is printed as JSON reads back as its JSON image") {
  Random random(20261122);
  for (int i = 0; i < 20'000; ++i) {
    const Value value = random_value(random);
    const std::string text = to_json(value);
    CAPTURE(text);
    REQUIRE(json(text) == json_image(value));
  }
}

// simdjson is an independent judge of what is JSON.
TEST_CASE("JSON is accepted exactly where simdjson accepts it") {
  Random random(4);
  simdjson::dom::parser judge;
  int accepted = 0, refused = 0;
  for (int i = 0; i < 30'000; ++i) {
    std::string text = to_json(random_value(random));
    constexpr std::string_view alphabet = "\"\\[]{},:-+.0123456789eEntfu/ \n\x01\x7f\xc3\xa9\xf0";
    for (std::uint64_t edits = random.below(4); edits > 0 && !text.empty(); --edits) {
      const std::size_t at = random.below(text.size());
      switch (random.below(3)) {
        case 0:
          text.erase(at, 1);
          break;
        case 1:
          text.insert(at, 1, alphabet[random.below(alphabet.size())]);
          break;
        default:
          text[at] = alphabet[random.below(alphabet.size())];
      }
    }
    const bool ours = parse_json(text).has_value();
    simdjson::dom::element element;
    const bool theirs = judge.parse(text).get(element) == simdjson::SUCCESS;
    CAPTURE(text);
    // simdjson refuses integers beyond 64 bits; we give a real.
    if (ours && !theirs && judge.parse(text).error() == simdjson::NUMBER_ERROR) continue;
    REQUIRE(ours == theirs);
    ++(ours ? accepted : refused);
  }
  CHECK(accepted > 5'000);
  CHECK(refused > 5'000);
}

}  // namespace
}  // namespace shaketable
