#pragma once
// The filter tables of the node: rules of ours and rules of others. Ours are known by the names of their chains.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace shaketable::agent {

// Lines that `before` has and `after` lacks, order minded, and the other way round; "" and "" when equal.
struct RuleDifference {
  std::string missing, added;
};
RuleDifference compare_rules(const std::vector<std::string>& before, const std::vector<std::string>& after);

// Every command that may hold rules of ours: the node's own iptables and ip6tables, and the other backend of each where
// it is in use.
std::vector<std::string> table_commands();
// The filter table as the kernel has it (`-S`).
Result<std::vector<std::string>> list_rules(const std::string& command);
std::vector<std::string> foreign_rules(const std::vector<std::string>& rules);
// A rule or chain of ours; of one fault where `fault` is given.
bool is_own_rule(std::string_view rule, std::optional<std::int64_t> fault);
// Removes our chains and every jump to them, of each table in one transaction. By what is there, not by what should be
// there: half an apply is undone as well as a whole one, and twice is as good as once.
Result<void> remove_rules(std::optional<std::int64_t> fault);

}  // namespace shaketable::agent
