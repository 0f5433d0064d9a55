#include "workloads/interfaces.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <set>
#include <sstream>

#include "workloads/workload.h"

using namespace shaketable;

TEST_CASE("every workload needs an interface that is described and has the parameters it promises") {
  for (const WorkloadInfo& workload : workloads()) {
    INFO(workload.name);
    const InterfaceInfo* interface = find_interface(workload.interface);
    REQUIRE(interface);
    const Parameters parameters(workload.parameters);
    for (const ParameterSpec& promised : interface->parameters) {
      INFO(promised.name);
      const auto own = std::find_if(workload.parameters.begin(), workload.parameters.end(),
                                    [&](const ParameterSpec& spec) { return spec.name == promised.name; });
      REQUIRE(own != workload.parameters.end());
      CHECK(own->type == promised.type);
    }
  }
}

TEST_CASE("names of interfaces and of their functions are given once") {
  std::set<std::string> names;
  for (const InterfaceInfo& interface : interfaces()) {
    CHECK(names.insert(interface.name).second);
    CHECK(find_interface(interface.name) == &interface);
    std::set<std::string> functions;
    for (const InterfaceFunction& function : interface.functions) CHECK(functions.insert(function.name).second);
    CHECK_FALSE(functions.empty());
  }
  CHECK(interface_names().size() == names.size());
  CHECK(find_interface("no such thing") == nullptr);
}

TEST_CASE("the interfaces and their functions are all in the document for those who write clients") {
  std::ifstream file(SHAKETABLE_SOURCE_DIR "/docs/clients.md");
  std::stringstream text;
  text << file.rdbuf();
  for (const InterfaceInfo& interface : interfaces()) {
    INFO(interface.name);
    const std::size_t at = text.str().find("| `" + interface.name + "` | `");
    REQUIRE(at != std::string::npos);
    for (const InterfaceFunction& function : interface.functions)
      CHECK(text.str().find("`" + function.name + "`", at) != std::string::npos);
  }
}
