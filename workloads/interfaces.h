#pragma once
// What a workload asks of a client. Functions of one name mean different things to different workloads (the `read` of a
// register, of a set, of a bank), so a client says which interfaces it offers and a workload which one it needs. A
// client that offers an interface carries out every function of it. Values are the invocation's; after the arrow the
// answer's, where it differs. docs/clients.md has the same as a table.

#include <string>
#include <string_view>
#include <vector>

#include "base/parameters.h"

namespace shaketable {

struct InterfaceFunction {
  std::string name;   // "cas"
  std::string value;  // "[k [old new]]", "[k nil] → [k v]"
  std::string means;  // what ok says, and fail where it says more than "it did not happen"
};

struct InterfaceInfo {
  std::string name, about;
  std::vector<InterfaceFunction> functions;
  // Parameters of the workload that its clients may read from ClientSettings::workload. Every workload that needs the
  // interface has them.
  std::vector<ParameterSpec> parameters;
};

const std::vector<InterfaceInfo>& interfaces();
const InterfaceInfo* find_interface(std::string_view name);
std::vector<std::string> interface_names();  // for clients that offer every one

}  // namespace shaketable
