#pragma once
// The numbers behind the plots, as tables that wait folded under them.

#include <string>

#include "orchestrator/report/page/source.h"

namespace shaketable::page {

double in_seconds(std::int64_t ns);
double in_ms(std::int64_t ns);  // to the microsecond

std::string totals_table(const Measures& measures);
std::string stretch_table(const Source& source);
std::string clock_table(const Source& source);
std::string due_table(const Measures& measures);

}  // namespace shaketable::page
