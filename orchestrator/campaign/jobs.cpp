#include <fmt/format.h>

#include <set>

#include "base/checksum.h"
#include "base/text.h"
#include "orchestrator/campaign/campaign.h"

namespace shaketable {
namespace {

// What differs in nothing but the seed.
struct Cell {
  std::string plan, name, id, checksum;
  std::vector<std::string> set, setting;
  bool lab = true;
};

std::string as_id(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool fine =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '-';
    out += fine ? c : '_';
  }
  return out;
}

// Every combination of the values, the last key's running fastest; one empty combination when nothing varies.
std::vector<std::vector<std::string>> settings_of(const Campaign& campaign) {
  std::vector<std::vector<std::string>> out{{}};
  for (const Variation& variation : campaign.vary) {
    std::vector<std::vector<std::string>> longer;
    for (const std::vector<std::string>& setting : out)
      for (const std::string& value : variation.values) {
        longer.push_back(setting);
        longer.back().push_back(variation.key + "=" + value);
      }
    out = std::move(longer);
  }
  return out;
}

}  // namespace

Result<std::vector<CampaignJob>> campaign_jobs(const Campaign& campaign, const Catalogue& catalogue,
                                               const PlanOptions& options) {
  constexpr std::size_t kIdMax = 80;  // it is part of file names
  std::vector<Cell> cells;
  std::set<std::string> ids;
  for (const std::string& path : campaign.plans)
    for (const std::vector<std::string>& setting : settings_of(campaign)) {
      Cell cell;
      cell.set = options.set;
      cell.set.insert(cell.set.end(), campaign.set.begin(), campaign.set.end());
      cell.set.insert(cell.set.end(), setting.begin(), setting.end());
      PlanOptions own = options;
      own.set = cell.set;
      const auto plan = read_plan(path, catalogue, own);
      if (!plan) return Failure(plan.error().in(campaign.path));
      cell.plan = path;
      cell.setting = setting;
      cell.name = setting.empty() ? plan->name : plan->name + " " + join(setting, " ");
      cell.checksum = fmt::format("{:08x}", crc32(plan->text));
      cell.lab = plan->cluster.lab.has_value();
      cell.id = as_id(plan->name);
      for (const std::string& set : setting) cell.id += "." + as_id(set.substr(set.find('=') + 1));
      if (cell.id.size() > kIdMax) cell.id.resize(kIdMax);
      // Two cells of one name: the second is called by its number.
      if (!ids.insert(cell.id).second) {
        cell.id += fmt::format(".{}", cells.size());
        cell.name += fmt::format(" ({})", path);
        ids.insert(cell.id);
      }
      cells.push_back(std::move(cell));
    }
  std::vector<CampaignJob> jobs;
  for (const std::uint64_t seed : campaign.seeds)
    for (const Cell& cell : cells) {
      CampaignJob job;
      job.index = static_cast<int>(jobs.size());
      job.id = fmt::format("{}.seed-{}", cell.id, seed);
      job.cell = cell.name;
      job.plan = cell.plan;
      job.setting = cell.setting;
      job.set = cell.set;
      job.seed = seed;
      job.checksum = cell.checksum;
      job.lab = cell.lab;
      jobs.push_back(std::move(job));
    }
  return jobs;
}

}  // namespace shaketable
