#include "cluster/lab/layer.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <set>
#include <sstream>

#include "base/duration.h"
#include "base/log.h"
#include "base/text.h"
#include "cluster/lab/plumbing.h"
#include "cluster/lab/processes.h"
#include "cluster/lab/record.h"

namespace shaketable::lab {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kFormat = "1";  // raise it when layers are made differently
constexpr auto kPatience = 15min;          // for apt-get on a slow line
const std::vector<std::string> kTools = {"openssh-server", "iptables", "iproute2", "procps", "iputils-ping"};

// FNV-1a (Fowler, Noll, Vo): names directories, guards nothing.
std::string hash_text(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return fmt::format("{:016x}", hash);
}

std::set<std::string> installed_packages(const std::string& status) {
  std::set<std::string> installed;
  std::istringstream lines(status);
  std::string name;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("Package: ")) name = line.substr(9);
    if (line.starts_with("Status: ") && line.ends_with(" ok installed")) installed.insert(name);
  }
  return installed;
}

// Layers of other states of the host, and half-made ones of builders that died, unless somebody holds their lock.
void remove_old_layers(const std::string& layers, const std::string& host) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(layers, error)) {
    const std::string name = entry.path().filename();
    if (!entry.is_directory(error) || (name.starts_with(host) && !name.ends_with(".new"))) continue;
    if (const auto lock = lock_file(entry.path() / "lock", false, 0s)) std::filesystem::remove_all(entry.path(), error);
    if (error)
      log::warning("lab: the old package layer {} cannot be removed: {}", entry.path().string(), error.message());
  }
}

Result<void> build(const std::string& directory, const std::vector<std::string>& missing) {
  const std::string log_file = directory + "/build.log";
  std::vector<std::string> arguments = {"layer", directory};
  arguments.insert(arguments.end(), missing.begin(), missing.end());
  Result<Child> child = start_child(arguments, log_file);
  if (!child) return Failure(child.error());
  std::string said;
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    const auto more = read_some(child->report.get(), deadline);
    if (!more) {
      if (const auto name = name_process(child->pid)) (void)kill_and_wait(*name, 10s);
      reap(*child);
      return infrastructure(fmt::format("apt-get did not end within {}; its last lines:\n{}",
                                        format_duration(kPatience), tail_of_file(log_file, 10)));
    }
    if (more->empty()) break;
    said += *more;
  }
  reap(*child);
  if (said == "ready") return {};
  if (said.starts_with("error ")) {
    const std::string lines = tail_of_file(log_file, 10);
    return infrastructure(said.substr(6) + (lines.empty() ? "" : "; the last lines:\n" + lines));
  }
  return infrastructure("the process that makes the package layer died; its last lines:\n" +
                        tail_of_file(log_file, 10));
}

}  // namespace

Result<void> check_package_names(const std::vector<std::string>& packages) {
  for (const std::string& package : packages) {
    const auto fits = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) ||
             std::string_view("+.:=~-").find(c) != std::string_view::npos;
    };
    if (package.empty() || !std::isalnum(static_cast<unsigned char>(package[0])) ||
        !std::all_of(package.begin(), package.end(), fits))
      return bad_input(fmt::format("{} is not the name of a Debian package", shell_quote(package)));
  }
  return {};
}

Result<std::string> find_or_make_layer(const std::string& root, const std::vector<std::string>& packages) {
  if (auto good = check_package_names(packages); !good) return Failure(good.error());
  const Result<std::string> status = read_file("/var/lib/dpkg/status");
  if (!status)
    return infrastructure(status.error().message + "; the lab's nodes are made of a Debian host's own programs");
  const std::set<std::string> installed = installed_packages(*status);
  std::set<std::string> wanted(kTools.begin(), kTools.end());
  wanted.insert(packages.begin(), packages.end());
  std::vector<std::string> missing;
  std::set_difference(wanted.begin(), wanted.end(), installed.begin(), installed.end(), std::back_inserter(missing));

  const std::string host = hash_text(std::string(kFormat) + *status);
  const std::string layers = root + "/layers";
  const std::string path = fmt::format("{}/{}-{}", layers, host, hash_text(join(missing, " ")));
  if (auto made = make_directory(layers); !made) return Failure(made.error());
  const Result<Descriptor> lock = lock_file(layers + "/lock", false, kPatience);
  if (!lock) return Failure(lock.error());
  std::error_code error;
  if (std::filesystem::exists(path + "/lock", error)) return path;

  remove_old_layers(layers, host);
  const std::string fresh = path + ".new";
  for (const std::string& directory : {fresh, fresh + "/debs"})
    if (auto made = make_directory(directory); !made) return Failure(made.error());
  if (!missing.empty())
    log::info("lab: installing {} into a layer that the nodes share, not onto this machine (once; kept in {})",
              join(missing), layers);
  const auto started = std::chrono::steady_clock::now();
  if (auto built = build(fresh, missing); !built) {
    std::filesystem::remove_all(fresh, error);
    return Failure(std::move(built.error()).in("package layer (" + join(missing) + ")"));
  }
  if (!missing.empty())
    log::info("lab: the package layer took {}", format_duration(std::chrono::steady_clock::now() - started));
  if (auto marked = write_file(fresh + "/lock", ""); !marked) return Failure(marked.error());
  if (std::rename(fresh.c_str(), path.c_str()) != 0) return system_failure("cannot rename " + fresh);
  return path;
}

}  // namespace shaketable::lab
