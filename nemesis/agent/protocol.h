#pragma once
// The words between the controller and the agent on a node. docs/agent.md is their description.
//
// One line a message: `ID WORD NAME=VALUE …`, values percent-encoded. The controller asks (`7 renew
// lease=10000000000`), the agent answers with one line of the same id: `7 ok …` or `7 error why=…`. A name may stand
// several times.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shaketable::agent {

constexpr int kProtocol = 1;  // changes whenever an older agent would misunderstand

// On a node. The program stays there; the others are gone when the node is clean.
inline constexpr std::string_view kProgram = "/var/lib/shaketable/shaketable-agent";
inline constexpr std::string_view kJournalDirectory = "/var/lib/shaketable/node";
inline constexpr std::string_view kRunDirectory = "/run/shaketable-nemesis";
inline constexpr std::string_view kJournalCopy = "/run/shaketable-nemesis/journal";

using Fields = std::vector<std::pair<std::string, std::string>>;

// The first value of the name; "" where there is none.
std::string_view field(const Fields& fields, std::string_view name);
bool has_field(const Fields& fields, std::string_view name);
std::vector<std::string> all_fields(const Fields& fields, std::string_view name);
void set_field(Fields& fields, std::string_view name, std::string value);  // replaces the first, or adds

// Printable ASCII but blank and % stays; everything else is %XX.
std::string encode(std::string_view text);
std::optional<std::string> decode(std::string_view text);
std::optional<std::int64_t> to_number(std::string_view text);  // decimal, whole

struct Message {
  std::uint64_t id = 0;
  std::string word;
  Fields fields;
};
std::string to_line(const Message& message);  // without the newline
std::optional<Message> parse_message(std::string_view line);

// What the agent says first: version, its own bytes' hash, machine. nullopt: that is not an agent.
struct Greeting {
  int protocol = 0;
  std::string hash, machine, boot;
  std::int64_t uid = -1;
};
std::string to_line(const Greeting& greeting);
std::optional<Greeting> parse_greeting(std::string_view line);

// FNV-1a of 64 bits, in hexadecimal: tells two builds of the agent apart, and a file that was cut short.
std::string hash_of(std::string_view bytes);

}  // namespace shaketable::agent
