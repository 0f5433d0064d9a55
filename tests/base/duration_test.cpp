#include "base/duration.h"

#include <catch2/catch.hpp>
#include <limits>

#include "base/random.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

TEST_CASE("durations are read with their unit") {
  CHECK(parse_duration("0s") == 0ns);
  CHECK(parse_duration("7ns") == 7ns);
  CHECK(parse_duration("10us") == 10us);
  CHECK(parse_duration("250ms") == 250ms);
  CHECK(parse_duration("1.5s") == 1500ms);
  CHECK(parse_duration("1.1s") == 1100ms);
  CHECK(parse_duration("2m") == 2min);
  CHECK(parse_duration("1h") == 1h);
  CHECK(parse_duration("0.25h") == 15min);
  CHECK(parse_duration("1.5ns") == 2ns);
  CHECK(parse_duration("8999999999999999999ns") == Nanos(8'999'999'999'999'999'999));
}

TEST_CASE("what is no duration is refused") {
  for (const char* text : {"",
                           "0",
                           "5",
                           "s",
                           "-1s",
                           "+1s",
                           "1 s",
                           " 1s",
                           "1s ",
                           "1.s",
                           ".5s",
                           "1..5s",
                           "1e3s",
                           "1,5s",
                           "1S",
                           "1sec",
                           "1min",
                           "1d",
                           "2m 5s",
                           "9999999999999h",
                           "99999999999999999999999999s",
                           "nan s",
                           "infs",
                           "1\0s"})
    CHECK_FALSE(parse_duration(text));
}

TEST_CASE("durations are written shortly") {
  CHECK(format_duration(0ns) == "0ns");
  CHECK(format_duration(999ns) == "999ns");
  CHECK(format_duration(1us) == "1us");
  CHECK(format_duration(12us) == "12us");
  CHECK(format_duration(340ms) == "340ms");
  CHECK(format_duration(1250ms) == "1.25s");
  CHECK(format_duration(2s) == "2s");
  CHECK(format_duration(1234567890ns) == "1.235s");
  CHECK(format_duration(59s) == "59s");
  CHECK(format_duration(60s) == "1m");
  CHECK(format_duration(125s) == "2m 5s");
  CHECK(format_duration(3603s) == "1h 3s");
  CHECK(format_duration(25h + 61s) == "25h 1m 1s");
  CHECK(format_duration(-1500ms) == "-1.5s");
}

TEST_CASE("what rounds up to the next unit is written in that unit") {
  CHECK(format_duration(999'999ns) == "1ms");
  CHECK(format_duration(999'499ns) == "999.499us");
  CHECK(format_duration(999'999'999ns) == "1s");
  CHECK(format_duration(59'999'999'999ns) == "1m");
  CHECK(format_duration(119'900ms) == "2m");
}

TEST_CASE("the extremes of a duration are written, not overflowed") {
  CHECK(format_duration(Nanos::max()) == "2562047h 47m 17s");
  CHECK(format_duration(Nanos::min()) == "-2562047h 47m 17s");
}

TEST_CASE("a duration of at most five digits under a minute reads back as it was written") {
  Random random(1);
  static const std::vector<Nanos> units{1ns, 1us, 1ms};
  for (int i = 0; i < 20'000; ++i) {
    const Nanos duration = random.pick(units) * random.between(0, 59'999);
    const std::string text = format_duration(duration);
    CAPTURE(text);
    REQUIRE(parse_duration(text) == duration);
  }
}

TEST_CASE("sizes are read with and without unit") {
  CHECK(parse_size("0") == 0u);
  CHECK(parse_size("1000") == 1000u);
  CHECK(parse_size("1B") == 1u);
  CHECK(parse_size("64kB") == 64'000u);
  CHECK(parse_size("1.5KiB") == 1536u);
  CHECK(parse_size("512MiB") == 512u << 20);
  CHECK(parse_size("2GiB") == std::uint64_t{2} << 30);
  CHECK(parse_size("1TB") == 1'000'000'000'000u);
  CHECK(parse_size("1TiB") == std::uint64_t{1} << 40);
  CHECK(parse_size("9007199254740993") == 9007199254740993u);  // a double would say …992
  for (const char* text :
       {"", "B", "-1", "1 MiB", "1mib", "1KB", "1.MiB", "99999999999999999999", "9999999TiB", "0x10"})
    CHECK_FALSE(parse_size(text));
}

TEST_CASE("sizes are written in binary units") {
  CHECK(format_size(0) == "0 B");
  CHECK(format_size(1023) == "1023 B");
  CHECK(format_size(1024) == "1.0 KiB");
  CHECK(format_size(1536) == "1.5 KiB");
  CHECK(format_size((1u << 20) - 1) == "1.0 MiB");
  CHECK(format_size(std::uint64_t{5} << 40) == "5.0 TiB");
  CHECK(format_size(std::numeric_limits<std::uint64_t>::max()) == "16384.0 PiB");
}

}  // namespace
}  // namespace shaketable
