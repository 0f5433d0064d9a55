#pragma once
// RFC 4648 base64 with padding, as JSON gateways of gRPC services want their bytes.

#include <optional>
#include <string>
#include <string_view>

namespace shaketable {

std::string base64_encode(std::string_view bytes);
std::optional<std::string> base64_decode(
    std::string_view text);  // nullopt for anything that base64_encode cannot have written

}  // namespace shaketable
