#include "tests/checkers/aggregate/lines.h"

namespace shaketable {
namespace {

TEST_CASE("checksum: what is read has the sum that it says and was sent by somebody") {
  const std::string sent = "0 invoke write \"352441c2:abc\"\n0 ok\n1 invoke read\n1 ok read ";
  CHECK(judged("checksum", sent + "\"352441c2:abc\"") == "valid");
  CHECK(judged("checksum", sent + "\"352441c2:abd\"") == "INVALID: 1 corrupt");
  CHECK(judged("checksum", sent + "\"352441c3:abc\"") == "INVALID: 1 corrupt");
  CHECK(judged("checksum", sent + "\"352441c2abc\"") == "INVALID: 1 corrupt");
  CHECK(judged("checksum", sent + "17") == "INVALID: 1 corrupt");
  CHECK(judged("checksum", sent + "\"00000000:\"") == "INVALID: 1 unexpected");
  CHECK(judged("checksum", sent + "nil") == "unknown: no payload was ever read");
  CHECK(judged("checksum",
               "0 invoke write [1 \"352441c2:abc\"]\n0 info\n1 invoke read [1 nil]\n1 ok read [1 "
               "\"352441c2:abc\"]") == "valid");
}

}  // namespace
}  // namespace shaketable
