#include "base/checksum.h"

#include <catch2/catch.hpp>

using namespace shaketable;

TEST_CASE("crc32 gives the values that its standard names") {
  CHECK(crc32("") == 0);
  CHECK(crc32("123456789") == 0xcbf43926);
  CHECK(crc32("\xff\xff\xff\xff") == 0xffffffff);
}
