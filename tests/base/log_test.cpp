#include "base/log.h"

#include <catch2/catch.hpp>
#include <regex>
#include <thread>
#include <vector>

namespace shaketable {
namespace {

// The log belongs to the whole program: secrets stay kept, so every case uses words of its own.
struct Copy {
  Copy() {
    log::set_copy([this](std::string_view line) { lines.emplace_back(line); });
  }
  ~Copy() { log::set_copy({}); }
  std::vector<std::string> lines;
};

TEST_CASE("secrets are replaced wherever they stand") {
  log::keep_secret("hunter2");
  CHECK(log::redact("password=hunter2&user=a") == "password=[redacted]&user=a");
  CHECK(log::redact("hunter2hunter2") == "[redacted][redacted]");
  CHECK(log::redact("hunter") == "hunter");
  CHECK(log::redact("") == "");
}

TEST_CASE("a secret inside another, or overlapping it, leaves no tail") {
  log::keep_secret("sesame");
  log::keep_secret("open sesame now");
  CHECK(log::redact("say open sesame now!") == "say [redacted]!");
  CHECK(log::redact("say sesame!") == "say [redacted]!");
  log::keep_secret("abcdXY");
  log::keep_secret("XYefgh");
  CHECK(log::redact("1abcdXYefgh2") == "1[redacted]2");
  log::keep_secret("zaz");
  CHECK(log::redact("_zazaz_") == "_[redacted]_");
}

TEST_CASE("a secret that is part of the replacement does not eat it") {
  log::keep_secret("redact");
  log::keep_secret("topsecretword");
  CHECK(log::redact("topsecretword") == "[redacted]");
}

TEST_CASE("secrets of no or one letter are ignored") {
  log::keep_secret("");
  log::keep_secret("q");
  CHECK(log::redact("quick") == "quick");
}

TEST_CASE("lines and their copy are redacted, stamped and labelled") {
  log::keep_secret("swordfish");
  Copy copy;
  log::set_level(log::Level::error);
  log::warning("login with {} failed on {}", "swordfish", "n1");
  log::debug("detail {}", 1);
  log::set_level(log::Level::info);
  REQUIRE(copy.lines.size() == 2);
  CHECK(std::regex_match(
      copy.lines[0],
      std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warning: login with \[redacted\] failed on n1\n)")));
  CHECK(copy.lines[1].ends_with("Z debug: detail 1\n"));
}

TEST_CASE("threads may log at once: no line is lost or torn") {
  Copy copy;
  log::set_level(log::Level::error);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([t] {
        for (int i = 0; i < 250; ++i) log::info("thread {} line {}", t, i);
      });
  }
  log::set_level(log::Level::info);
  CHECK(copy.lines.size() == 1000);
  for (const std::string& line : copy.lines)
    REQUIRE(std::regex_match(line, std::regex(R"(\S+Z thread \d line \d+\n)")));
}

}  // namespace
}  // namespace shaketable
