#include "orchestrator/run_options.h"

namespace shaketable {

NemesisOptions nemesis_options(const Plan& plan, const std::string& run) {
  NemesisOptions options;
  options.run = run;
  options.lease = plan.safety.lease;
  options.longest_fault = plan.safety.longest_fault;
  options.allowed_hosts = plan.safety.allowed_hosts;
  options.max_faulty = plan.safety.max_faulty;
  options.keep_quorum = plan.safety.keep_quorum;
  if (plan.model && !plan.model->allow_beyond) options.max_failing = plan.model->max_faulty;
  return options;
}

}  // namespace shaketable
