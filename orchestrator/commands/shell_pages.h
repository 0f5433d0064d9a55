#pragma once
// What a shell and `man` want to know of the command line, made from the command line itself, so that it cannot differ.

#include <string>

namespace CLI {
class App;
}

namespace shaketable {

// To be sourced by bash, or put as _shaketable into a folder of zsh's fpath.
std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);

// shaketable(1), as groff's man macros.
std::string man_page(const CLI::App& app);

}  // namespace shaketable
