#pragma once
// What a workload reads after the faults are healed.

#include <functional>
#include <memory>
#include <vector>

#include "workloads/generator.h"

namespace shaketable {

// Each of these until it is ok, a few attempts each.
GeneratorPtr final_reads(std::function<std::vector<Invocation>()> list);
GeneratorPtr final_read();                                         // `read` of nil
GeneratorPtr read_all_registers(std::shared_ptr<KeyCount> count);  // `read` of [k nil] for every key there was

}  // namespace shaketable
