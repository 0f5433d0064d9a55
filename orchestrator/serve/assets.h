#pragma once
// style.css and live.js, as they are in this folder; the build makes the definitions.

#include <string_view>

namespace shaketable::serve::assets {

extern const std::string_view style_css, live_js;

}  // namespace shaketable::serve::assets
