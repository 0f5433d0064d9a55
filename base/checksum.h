#pragma once
// The CRC-32 of Ethernet and zip (ISO 3309).

#include <cstdint>
#include <string_view>

namespace shaketable {

std::uint32_t crc32(std::string_view bytes);

}  // namespace shaketable
