#pragma once
// Small helpers for messages: "did you mean", shell quoting, lists of names.

#include <string>
#include <string_view>
#include <vector>

namespace shaketable {

// The candidate nearest to `word` by edit distance (with transpositions), or empty if none is near enough to be meant.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates);

// `text` as one word of POSIX sh: unchanged when it needs no quotes, else in single quotes.
std::string shell_quote(std::string_view text);

std::string join(const std::vector<std::string>& items, std::string_view separator = ", ");

}  // namespace shaketable
