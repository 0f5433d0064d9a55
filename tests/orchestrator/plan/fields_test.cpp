#include "orchestrator/plan/fields.h"

#include <catch2/catch.hpp>

#include "tests/orchestrator/plan/sample.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

// Reads `text` as the value of a parameter of this description and answers the problems, or "".
struct Attempt {
  std::optional<ParameterValue> value;
  std::string complaint;
};

Attempt attempt(std::string_view text, ParameterSpec spec) {
  spec.name = "x";
  const std::string whole = "x: " + std::string(text) + "\n";
  Problems problems;
  const YamlPtr tree = parse_yaml(whole, problems.add_file("p", whole), problems);
  REQUIRE(tree);
  Attempt out;
  out.value = to_parameter(*tree->find("x")->value, spec, problems);
  if (!problems.empty()) out.complaint = problems.error().message;
  CHECK(out.value.has_value() == out.complaint.empty());
  // Source line and caret are the business of document_test.cpp.
  out.complaint = out.complaint.substr(0, out.complaint.find('\n'));
  return out;
}

ParameterSpec of(ParameterType type, std::vector<std::string> choices = {}) {
  ParameterSpec spec;
  spec.type = type;
  spec.choices = std::move(choices);
  return spec;
}

template <class T>
T right(std::string_view text, const ParameterSpec& spec) {
  const Attempt got = attempt(text, spec);
  INFO(text << ": " << got.complaint);
  REQUIRE(got.value);
  return std::get<T>(*got.value);
}

std::string wrong(std::string_view text, const ParameterSpec& spec) {
  return attempt(text, spec).complaint;
}

TEST_CASE("booleans are true and false, words that other readers take for them are refused") {
  const ParameterSpec spec = of(ParameterType::boolean);
  CHECK(right<bool>("true", spec));
  CHECK_FALSE(right<bool>("false", spec));
  CHECK(wrong("yes", spec) == "p:1:4: x must be true or false, not \"yes\"; write true");
  CHECK(wrong("on", spec) == "p:1:4: x must be true or false, not \"on\"; write true");
  CHECK(wrong("Off", spec) == "p:1:4: x must be true or false, not \"Off\"; write false");
  CHECK(wrong("ture", spec) == "p:1:4: x must be true or false, not \"ture\"");
  CHECK(wrong("[true]", spec) == "p:1:4: x must be true or false, not a list");
}

TEST_CASE("whole numbers are decimal") {
  ParameterSpec spec = of(ParameterType::integer);
  CHECK(right<std::int64_t>("0", spec) == 0);
  CHECK(right<std::int64_t>("-12", spec) == -12);
  CHECK(right<std::int64_t>("\"7\"", spec) == 7);
  CHECK(right<std::int64_t>("9223372036854775807", spec) == INT64_MAX);
  CHECK(wrong("9223372036854775808", spec) == "p:1:4: x must be a whole number, not \"9223372036854775808\"");
  CHECK(wrong("010", spec) ==
        "p:1:4: x must be a whole number without a leading zero, not \"010\": YAML readers disagree whether that is "
        "octal");
  CHECK(wrong("0x10", spec) == "p:1:4: x must be a whole number, not \"0x10\"");
  CHECK(wrong("1_000", spec) == "p:1:4: x must be a whole number, not \"1_000\"");
  CHECK(wrong("12:30:45", spec) == "p:1:4: x must be a whole number, not \"12:30:45\"");
  CHECK(wrong("1.0", spec) == "p:1:4: x must be a whole number, not \"1.0\"");
  CHECK(wrong("ten", spec) == "p:1:4: x must be a whole number, not \"ten\"");
  CHECK(wrong("{a: 1}", spec) == "p:1:4: x must be a whole number, not a map");
  spec.minimum = 1;
  spec.maximum = 64;
  CHECK(wrong("0", spec) == "p:1:4: x must be at least 1, not 0");
  CHECK(wrong("65", spec) == "p:1:4: x must be at most 64, not 65");
}

TEST_CASE("numbers") {
  ParameterSpec spec = of(ParameterType::number);
  CHECK(right<double>("0.5", spec) == 0.5);
  CHECK(right<double>("1e3", spec) == 1000);
  CHECK(right<double>("-2", spec) == -2);
  CHECK(wrong(".inf", spec) == "p:1:4: x must be a number, not \".inf\"");
  CHECK(wrong("inf", spec) == "p:1:4: x must be a number, not \"inf\"");
  CHECK(wrong("nan", spec) == "p:1:4: x must be a number, not \"nan\"");
  CHECK(wrong("1e999", spec) == "p:1:4: x must be a number, not \"1e999\"");
  CHECK(wrong("05", spec) ==
        "p:1:4: x must be a number without a leading zero, not \"05\": YAML readers disagree whether that is octal");
  spec.maximum = 1;
  CHECK(wrong("1.5", spec) == "p:1:4: x must be at most 1, not 1.5");
}

TEST_CASE("durations, ranges of them and sizes carry their unit") {
  ParameterSpec spec = of(ParameterType::duration);
  CHECK(right<Nanos>("250ms", spec) == 250ms);
  CHECK(right<Nanos>("\"1.5s\"", spec) == 1500ms);
  CHECK(wrong("5", spec) == "p:1:4: x must be a duration such as 500ms, 5s or 2m, not \"5\"; the unit is missing");
  CHECK(wrong("5 s", spec) == "p:1:4: x must be a duration such as 500ms, 5s or 2m, not \"5 s\"");
  CHECK(wrong("-5s", spec) == "p:1:4: x must be a duration such as 500ms, 5s or 2m, not \"-5s\"");
  CHECK(wrong("99999999h", spec) == "p:1:4: x must be a duration such as 500ms, 5s or 2m, not \"99999999h\"");
  spec.minimum = 0.1;
  spec.maximum = 60;
  CHECK(wrong("99ms", spec) == "p:1:4: x must be at least 100ms, not 99ms");
  CHECK(wrong("2m", spec) == "p:1:4: x must be at most 1m, not 2m");

  ParameterSpec range = of(ParameterType::duration_range);
  CHECK(right<DurationRange>("5s", range) == DurationRange{5s, 5s});
  CHECK(right<DurationRange>("[3s, 6s]", range) == DurationRange{3s, 6s});
  CHECK(wrong("[6s, 3s]", range) == "p:1:4: x must be a range from low to high, not from 6s to 3s");
  CHECK(wrong("[3s]", range) ==
        "p:1:4: x must be a duration such as 5s, or a range of two such as [3s, 6s], not a list of 1");
  CHECK(wrong("{low: 3s}", range) == "p:1:4: x must be a duration such as 5s, or a range such as [3s, 6s], not a map");

  ParameterSpec size = of(ParameterType::size);
  CHECK(right<std::uint64_t>("64MiB", size) == 64u << 20);
  CHECK(right<std::uint64_t>("1000", size) == 1000);
  CHECK(wrong("1gb", size) == "p:1:4: x must be a size such as 512MiB or 2GiB, not \"1gb\"");
}

TEST_CASE("texts, choices, lists of them and weights") {
  CHECK(right<std::string>("yes", of(ParameterType::text)) == "yes");
  CHECK(right<std::string>("010", of(ParameterType::text)) == "010");
  CHECK(right<std::string>("\"\"", of(ParameterType::text)).empty());
  CHECK(wrong("[a]", of(ParameterType::text)) == "p:1:4: x must be a text, not a list");
  CHECK(right<std::vector<std::string>>("a", of(ParameterType::texts)) == std::vector<std::string>{"a"});
  CHECK(right<std::vector<std::string>>("[a, b]", of(ParameterType::texts)) == std::vector<std::string>{"a", "b"});
  CHECK(wrong("[a, [b]]", of(ParameterType::texts)) == "p:1:8: each of x must be a text, not a list");

  const ParameterSpec choice = of(ParameterType::choice, {"linearizable", "serializable"});
  CHECK(right<std::string>("serializable", choice) == "serializable");
  CHECK(wrong("Linearisable", choice) ==
        "p:1:4: x must be linearizable or serializable, not \"Linearisable\"; did you mean \"linearizable\"?");
  const ParameterSpec list = of(ParameterType::choice_list, {"halves", "isolate", "bridge"});
  CHECK(right<std::vector<std::string>>("halves", list) == std::vector<std::string>{"halves"});
  CHECK(right<std::vector<std::string>>("[bridge, isolate]", list) == std::vector<std::string>{"bridge", "isolate"});
  CHECK(wrong("[bridge, halvs]", list) ==
        "p:1:13: each of x must be halves, isolate or bridge, not \"halvs\"; did you mean \"halves\"?");
  CHECK(wrong("[]", list) == "p:1:4: x must name at least one of halves, isolate or bridge");

  const ParameterSpec weights = of(ParameterType::weights, {"read", "write"});
  CHECK(right<Weights>("{write: 1, read: 2.5}", weights) == Weights{{"write", 1}, {"read", 2.5}});
  CHECK(wrong("{raed: 1}", weights) == "p:1:5: x has no \"raed\", only read or write; did you mean \"read\"?");
  CHECK(wrong("{read: -1}", weights) == "p:1:11: x of read must be at least 0, not -1");
  CHECK(wrong("{read: 0}", weights) == "p:1:4: x must have a weight above 0");
  CHECK(wrong("read", weights) == "p:1:4: x must be a map of weights such as {read: 2, write: 1}, not \"read\"");
  CHECK(right<Weights>("{anything: 1}", of(ParameterType::weights)) == Weights{{"anything", 1}});
}

TEST_CASE("maps of texts and programs") {
  const ParameterSpec entries = of(ParameterType::entries);
  CHECK(right<Entries>("{prefix: /x/, retries: 010}", entries) == Entries{{"prefix", "/x/"}, {"retries", "010"}});
  CHECK(right<Entries>("{}", entries).empty());
  CHECK(wrong("[a]", entries) == "p:1:4: x must be a map of texts such as {name: value}, not a list");
  CHECK(wrong("{a: [1]}", entries) == "p:1:8: x of a must be a text, not a list");
  const ParameterSpec command = of(ParameterType::command);
  CHECK(right<std::vector<std::string>>("./client", command) == std::vector<std::string>{"./client"});
  CHECK(right<std::vector<std::string>>("[sh, -c, \"\"]", command) == std::vector<std::string>{"sh", "-c", ""});
  CHECK(wrong("[]", command) ==
        "p:1:4: x must be a program, or a list of a program and its arguments, not an empty list");
  CHECK(wrong("\"\"", command) == "p:1:4: x must be a program, or a list of a program and its arguments, not \"\"");
  CHECK(wrong("{a: b}", command) == "p:1:4: x must be a program, or a list of a program and its arguments, not a map");
  CHECK(wrong("[a, [b]]", command) == "p:1:8: each of x must be a text, not a list");
}

TEST_CASE("long and strange texts are cut before they are quoted") {
  CHECK(wrong("\"" + std::string(100, 'a') + "\"", of(ParameterType::integer)) ==
        "p:1:4: x must be a whole number, not \"" + std::string(60, 'a') + "...\"");
  CHECK(wrong("\"a\\nb\\e\"", of(ParameterType::boolean)) == "p:1:4: x must be true or false, not \"a b \"");
}

}  // namespace
}  // namespace shaketable
