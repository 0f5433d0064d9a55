#pragma once
// Everything that a page shows may come from the system under test, and a hostile one would write markup into a value.
// These are the only two ways by which text gets into a page.

#include <string>
#include <string_view>

#include "history/value.h"

namespace shaketable::page {

// Text between tags or in a quoted attribute. What is not UTF-8 is shown as U+FFFD; control characters and those that
// turn the direction of writing are spelled out ("U+202E"), so that nothing looks other than it is.
std::string html(std::string_view text);
// The same, at most `characters` of it; what was cut is said ("… and 120 more characters").
std::string html_cut(std::string_view text, std::size_t characters);

// JSON that may stand inside <script type="application/json">: no "<", ">", "&", U+2028 or U+2029 is left in it.
std::string script_json(const Value& value);

// Markup made elsewhere, with what cannot be seen or turns the writing around spelled out as html() does.
std::string visible(std::string_view markup);

// The text with every byte that is not part of UTF-8 replaced by U+FFFD.
std::string valid_utf8(std::string_view text);

}  // namespace shaketable::page
