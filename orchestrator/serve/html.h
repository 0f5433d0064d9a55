#pragma once
// The pages' common frame and the pieces that more than one page has.

#include <string>
#include <string_view>

#include "orchestrator/serve/run_index.h"

namespace shaketable::serve {

// A whole document; `title` and `body` are HTML already. `script`: live.js is loaded, for the run's page.
std::string document(const std::string& title, const std::string& body, bool script = false);

// A name in a path of ours.
std::string url(std::string_view text);

// <span class="verdict valid">valid</span>
std::string verdict_mark(const RunEntry& entry);

// "3.2 ms"; "–" for nothing.
std::string milliseconds_text(Nanos time);

// Curves of one plan's runs, oldest first: a picture with a dot for each run, coloured by its verdict, and a link on
// it.
std::string trend_picture(const std::vector<RunEntry>& oldest_first);

}  // namespace shaketable::serve
