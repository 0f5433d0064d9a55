#include "base/text.h"

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>

#include "base/random.h"

namespace shaketable {
namespace {

TEST_CASE("the nearest word is the one that was meant") {
  const std::vector<std::string_view> names{"register", "cas-register", "partition", "pause", "kill"};
  CHECK(nearest("regsiter", names) == "register");
  CHECK(nearest("cas-registr", names) == "cas-register");
  CHECK(nearest("partitoin", names) == "partition");
  CHECK(nearest("puase", names) == "pause");
  CHECK(nearest("kil", names) == "kill");
  CHECK(nearest("kill", names) == "kill");
}

TEST_CASE("what resembles nothing gets no suggestion") {
  const std::vector<std::string_view> names{"register", "kill", "x"};
  CHECK(nearest("bank", names).empty());
  CHECK(nearest("", names).empty());
  CHECK(nearest("y", names).empty());
  CHECK(nearest("register", {}).empty());
  CHECK(nearest("registry-of-things", names).empty());
}

TEST_CASE("of two equally near the first is taken") {
  CHECK(nearest("cat", {"car", "bat"}) == "car");
}

TEST_CASE("words are quoted only where the shell needs it") {
  CHECK(shell_quote("abc") == "abc");
  CHECK(shell_quote("/usr/bin/x-1_2.3:4=5@6%7+8,9") == "/usr/bin/x-1_2.3:4=5@6%7+8,9");
  CHECK(shell_quote("") == "''");
  CHECK(shell_quote("a b") == "'a b'");
  CHECK(shell_quote("$HOME") == "'$HOME'");
  CHECK(shell_quote("it's") == "'it'\\''s'");
  CHECK(shell_quote("~") == "'~'");
}

TEST_CASE("a POSIX shell gives back what was quoted") {
  Random random(10);
  std::string script;
  std::vector<std::string> words;
  for (int i = 0; i < 200; ++i) {
    std::string word;
    for (std::uint64_t n = random.below(8); n > 0; --n) word += static_cast<char>(random.between(1, 126));
    words.push_back(word);
  }
  std::string expected;
  script = "printf '%s\\001'";
  for (const std::string& word : words) {
    script += " " + shell_quote(word);
    expected += word + "\001";
  }
  const std::string command = "sh -c " + shell_quote(script);
  std::FILE* pipe = popen(command.c_str(), "r");  // NOLINT(cert-env33-c): the shell is what is tested
  REQUIRE(pipe);
  std::string out;
  std::array<char, 4096> buffer;
  for (std::size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) out.append(buffer.data(), n);
  CHECK(pclose(pipe) == 0);
  CHECK(out == expected);
}

TEST_CASE("lists are joined, empty items included") {
  CHECK(join({}) == "");
  CHECK(join({"a"}) == "a");
  CHECK(join({"a", "b", "c"}) == "a, b, c");
  CHECK(join({"", "a", ""}, "-") == "-a-");
}

}  // namespace
}  // namespace shaketable
