#pragma once
// What `shaketable serve` answers, without the network: a path and its parameters in, a page out.

#include <map>
#include <string>

#include "orchestrator/serve/run_index.h"

namespace shaketable::serve {

using Query = std::map<std::string, std::string>;

struct Page {
  int status = 200;
  std::string type = "text/html; charset=utf-8";
  std::string body;
  std::string policy;    // Content-Security-Policy
  std::string location;  // of a redirection
};

// /                 the runs; verdict, plan, system, fault, since, until choose among them
// /trends?plan=P    the figures of one plan's runs over time
// /run/NAME/        a run; while it goes on, with its load and faults as they are now
// /run/NAME/FILE    report.html, summary.txt, summary.json, plan.yaml, shaketable.log, logs/…
// /api/runs, /api/run/NAME    the same as JSON, schema 1
// Any thread.
class Site {
 public:
  explicit Site(std::string results) : index_(std::move(results)) {}
  Page get(const std::string& path, const Query& query);

 private:
  Page runs(const Query& query, bool json);
  Page trends(const Query& query);
  Page run(const std::string& name);
  Page live(const std::string& name);
  Page file(const std::string& name, const std::string& file);

  RunIndex index_;
};

}  // namespace shaketable::serve
