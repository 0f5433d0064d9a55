#include "orchestrator/plan/document.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/orchestrator/plan/sample.h"

namespace shaketable {
namespace {

// What parsing complains about, the whole text.
std::string parse_complaint(std::string_view text) {
  Problems problems;
  parse_yaml(text, problems.add_file("p.yaml", text), problems);
  return problems.empty() ? "" : problems.error().message;
}

std::string again(std::string_view text) {
  Problems problems;
  const YamlPtr tree = parse_yaml(text, problems.add_file("p.yaml", text), problems);
  INFO((problems.empty() ? std::string() : problems.error().message));
  REQUIRE(tree);
  REQUIRE(problems.empty());
  return dump_yaml(*tree);
}

TEST_CASE("a key that stands twice is refused at its second place") {
  CHECK(parse_complaint("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\na: 2\n") ==
        "p.yaml:5:3: the key \"c\" stands twice; first in line 3\n"
        "  c: 3\n"
        "  ^\n"
        "p.yaml:6:1: the key \"a\" stands twice; first in line 1\n"
        "a: 2\n"
        "^");
}

TEST_CASE("merge keys, tags and keys that are no words are refused") {
  CHECK(parse_complaint("base: &b {x: 1}\nother:\n  <<: *b\n") ==
        "p.yaml:3:3: merge keys (<<) are not supported; write the keys out, or use an alias for a whole value\n"
        "  <<: *b\n"
        "  ^");
  CHECK(parse_complaint("a: !!python/object:os.system [ls]\n") ==
        "p.yaml:1:4: tags are not supported, and \"tag:yaml.org,2002:python/object:os.system\" is one\n"
        "a: !!python/object:os.system [ls]\n"
        "   ^");
  CHECK(parse_complaint("? [a, b]\n: 1\n") ==
        "p.yaml:1:3: a key must be a word, not a list\n"
        "? [a, b]\n"
        "  ^");
  CHECK(again("a: !!str 010\n") == "a: \"010\"\n");
}

TEST_CASE("an alias stands for the whole node, and one inside its own node is refused") {
  CHECK(again("a: &x [1, {k: v}]\nb: *x\n") == "a:\n  - 1\n  - k: v\nb:\n  - 1\n  - k: v\n");
  CHECK(parse_complaint("a: &x\n  - *x\n") ==
        "p.yaml:2:5: this alias stands inside the node that it names\n"
        "  - *x\n"
        "    ^");
  CHECK(parse_complaint("a: *nobody\n") ==
        "p.yaml:1:4: there is no anchor of this name above\n"
        "a: *nobody\n"
        "   ^");
}

TEST_CASE("a YAML bomb is one clear error, and costs nothing") {
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c <= 'z'; ++c) {
    bomb += std::string(1, c) + ": &" + c + " [";
    for (int i = 0; i < 9; ++i) bomb += std::string(i ? ", *" : "*") + static_cast<char>(c - 1);
    bomb += "]\n";
  }
  CHECK(parse_complaint(bomb) ==
        "p.yaml:6:8: with its aliases written out the document has more than 100000 nodes; that is no plan\n"
        "f: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e]\n"
        "       ^");
}

TEST_CASE("deep nesting is an error, not a crash") {
  const std::string deep = "a: " + std::string(20'000, '[');
  CHECK(parse_complaint(deep).find("p.yaml:1:") == 0);
  std::string indented;
  for (int i = 0; i < 700; ++i) indented += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  CHECK(parse_complaint(indented).find("p.yaml:") == 0);
}

TEST_CASE("files that are no single YAML document get one error each") {
  CHECK(parse_complaint("") == "p.yaml: nothing in it but blanks and comments");
  CHECK(parse_complaint("# only\n\n  # comments\n") == "p.yaml: nothing in it but blanks and comments");
  CHECK(parse_complaint(std::string_view("a: 1\0b", 6)) == "p.yaml: this is not a text in UTF-8, so it is not YAML");
  CHECK(parse_complaint("\x7F"
                        "ELF\x02\x01\xFF") == "p.yaml: this is not a text in UTF-8, so it is not YAML");
  CHECK(parse_complaint("a: 1\n---\nb: 2\n") ==
        "p.yaml:2:1: a second document starts here; one file holds one document\n"
        "---\n"
        "^");
  CHECK(again("\xEF\xBB\xBF"
              "a: 1\r\nb: 2\r\n") == "a: 1\nb: 2\n");
}

TEST_CASE("slips of YAML are told in plain words") {
  CHECK(parse_complaint("a: 1\nb:2\nc: 3\n") ==
        "p.yaml:2:2: a space is missing after the colon\n"
        "b:2\n"
        " ^");
  CHECK(parse_complaint("a:\n\tb: 1\n") ==
        "p.yaml:2:1: a tab in the indentation; YAML wants spaces\n"
        "\tb: 1\n"
        "^");
  CHECK(parse_complaint("about: it: works\n") ==
        "p.yaml:1:10: a \": \" cannot stand here; look at the indentation, or put a text that holds one in quotes\n"
        "about: it: works\n"
        "         ^");
  CHECK(parse_complaint("a: 1\n   b: 2\n").find("p.yaml:2:") == 0);
  CHECK(parse_complaint("a: {b: 1\nc: 2\n").find("a \"{\" is not closed, or a comma is missing") != std::string::npos);
  CHECK(parse_complaint("a: \"b\nc: 'd'\n") ==
        "p.yaml:1:4: this quote is not closed\n"
        "a: \"b\n"
        "   ^");
  CHECK(parse_complaint("a: 'it''s'\nb: \"\\\"\"\nc: 'd\n") ==
        "p.yaml:3:4: this quote is not closed\n"
        "c: 'd\n"
        "   ^");
  CHECK(parse_complaint("a: {b:1}\n") ==
        "p.yaml:1:5: a space is missing after the colon of \"b:1\"\n"
        "a: {b:1}\n"
        "    ^");
  CHECK(parse_complaint("a: @here\n") ==
        "p.yaml:1:4: a text that begins with this character must be in quotes\n"
        "a: @here\n"
        "   ^");
}

TEST_CASE("the caret stands under the character, also after tabs and other alphabets, and long lines are cut") {
  Problems problems;
  const Source& source = problems.add_file(
      "p.yaml", "\tab\nüöä: x\n" + std::string(300, 'x') + "!" + std::string(300, 'y') + "\n\x1b[31mred\n");
  problems.add({&source, 1, 3}, "tab");
  problems.add({&source, 2, 9}, "umlauts");
  problems.add({&source, 3, 301}, "long");
  problems.add({&source, 4, 6}, "escape");
  problems.add({&source, 9, 1}, "beyond the end");
  CHECK(problems.error().message ==
        "p.yaml:1:3: tab\n"
        "\tab\n"
        "\t ^\n"
        "p.yaml:2:6: umlauts\n"
        "üöä: x\n"
        "     ^\n"
        "p.yaml:3:301: long\n"
        "..." +
            std::string(60, 'x') + "!" + std::string(39, 'y') + "...\n" + "   " + std::string(60, ' ') +
            "^\n"
            "p.yaml:4:6: escape\n"
            "?[31mred\n"
            "     ^\n"
            "p.yaml:9:1: beyond the end");
}

TEST_CASE("twenty problems are shown, the others counted") {
  Problems problems;
  const Source& source = problems.add_file("p.yaml", "");
  for (int i = 0; i < 23; ++i) problems.add({&source, 0, 0}, "wrong");
  const std::string message = problems.error().message;
  CHECK(std::count(message.begin(), message.end(), '\n') == 20);
  CHECK(message.substr(message.rfind('\n')) == "\nand 3 more");
}

TEST_CASE("a dumped document reads back as itself") {
  const std::string text =
      "plain: word\nnumber: 010\nquoted: \"010\"\nempty: \"\"\nnothing: ~\nblock: |\n  two\n  lines\n"
      "list: [a, [b, c], {d: e, f: [g]}, [], {}]\n\"odd key: #\": \"\\t\\\"\\\\\\x07 é\"\nnested: {a: {b: {c: ~}}}\n";
  const std::string once = again(text);
  CHECK(once ==
        "plain: word\nnumber: 010\nquoted: \"010\"\nempty: \"\"\nnothing: ~\nblock: \"two\\nlines\\n\"\n"
        "list:\n  - a\n  -\n    - b\n    - c\n  - d: e\n    f:\n      - g\n  - []\n  - {}\n"
        "\"odd key: #\": \"\\x09\\\"\\\\\\x07 é\"\nnested:\n  a:\n    b:\n      c: ~\n");
  CHECK(again(once) == once);
}

TEST_CASE("files that cannot be read say why") {
  const Scratch scratch;
  CHECK(read_text_file(scratch.path() + "/absent.yaml").error().message ==
        scratch.path() + "/absent.yaml: there is no such file");
  CHECK(read_text_file(scratch.path()).error().message == scratch.path() + ": this is a directory, not a file");
  CHECK(read_text_file("/dev/zero").error().message == "/dev/zero: this is not a plain file");
  const std::string large = scratch.write("large.yaml", std::string(kFileLimit + 1, '#'));
  CHECK(read_text_file(large).error().message == large + ": more than 1048576 bytes; that is no plan");
  CHECK(read_text_file(scratch.write("fine.yaml", "a: 1\n")).value() == "a: 1\n");
}

}  // namespace
}  // namespace shaketable
