#include "tests/fuzz/readers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return shaketable::fuzz_reader(shaketable::HistoryFormat::json, data, size);
}
