#include "orchestrator/cluster_lock.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/log.h"
#include "base/text.h"
#include "cluster/lab/plumbing.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

constexpr Nanos kRenewEvery = 15s;
constexpr Nanos kBetweenAttempts = 1s;
constexpr int kHeld = 75, kBusy = 76, kNoFlock = 77;

// Descriptor 9 is the file, locked. One that was removed by its last holder while we waited is no lock any more.
std::string locked(const std::string& file, const std::string& body) {
  return fmt::format(
      "f={0}\n"
      "command -v flock >/dev/null 2>&1 || exit {1}\n"
      "while :; do\n"
      "  exec 9>>\"$f\" || exit 1\n"
      "  flock -w 10 9 || exit 76\n"
      "  [ \"$(stat -c %i \"$f\" 2>/dev/null)\" = \"$(stat -Lc %i /proc/self/fd/9)\" ] && break\n"
      "  exec 9>&-\n"
      "done\n"
      "token= until= boot= holder=\n"
      "{{ read -r token; read -r until; read -r boot; read -r holder; }} <\"$f\"\n{2}",
      shell_quote(file), kNoFlock, body);
}

Command command(std::string script) {
  Command command;
  command.script = std::move(script);
  return command;
}

struct Held {
  std::string seconds, token, holder;
};

// Of "SECONDS TOKEN HOLDER".
Held held_by(const std::string& line) {
  const std::size_t first = line.find(' '), second = first == std::string::npos ? first : line.find(' ', first + 1);
  if (second == std::string::npos) return {"?", "", "somebody"};
  return {line.substr(0, first), line.substr(first + 1, second - first - 1),
          line.substr(second + 1, line.find('\n') - second - 1)};
}

}  // namespace

std::string lock_script(const std::string& file, const std::string& token, Nanos lease, const std::string& holder,
                        const std::string& dead) {
  return locked(
      file,
      fmt::format(
          "now=$(cut -d. -f1 /proc/uptime); here=$(cat /proc/sys/kernel/random/boot_id)\n"
          "if [ -n \"$token\" ] && [ \"$token\" != {0} ] && [ \"$token\" != {4} ] && [ \"$boot\" = \"$here\" ] &&\n"
          "   [ \"$now\" -lt \"$until\" ]; then\n"
          "  echo \"$((until - now)) $token $holder\"\n"
          "  exit {1}\n"
          "fi\n"
          "printf '%s\\n' {0} $((now + {2})) \"$here\" {3} >\"$f\"\n",
          shell_quote(token), kHeld, std::chrono::duration_cast<std::chrono::seconds>(lease).count(),
          shell_quote(holder), shell_quote(dead.empty() ? token : dead)));
}

std::string lock_token() {
  const auto self = lab::name_process(::getpid());
  char pids[64] = {};
  const ssize_t length = ::readlink("/proc/self/ns/pid", pids, sizeof pids - 1);
  return fmt::format("{}/{}/{}/{}", lab::boot_id(),
                     std::string_view(pids, length > 0 ? static_cast<std::size_t>(length) : 0), ::getpid(),
                     self ? self->start : 0);
}

bool is_dead_token(const std::string& token) {
  const std::string ours = lock_token();
  const auto place = [](const std::string& text) { return text.substr(0, text.rfind('/', text.rfind('/') - 1) + 1); };
  if (std::count(token.begin(), token.end(), '/') != 3 || place(token) != place(ours)) return false;
  pid_t pid = 0;
  std::uint64_t start = 0;
  if (std::sscanf(token.c_str() + place(token).size(), "%d/%lu", &pid, &start) != 2 || start == 0) return false;
  return !lab::is_alive({pid, start});
}

std::string unlock_script(const std::string& file, const std::string& token) {
  return fmt::format("[ -e {} ] || exit 0\n", shell_quote(file)) +
         locked(file, fmt::format("[ \"$token\" != {} ] || rm -f \"$f\"\n", shell_quote(token)));
}

std::string lock_holder(const std::string& run) {
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  const passwd* user = ::getpwuid(::getuid());  // NOLINT(concurrency-mt-unsafe): once, before the load
  return fmt::format("{} by {}@{} (process {})", run, user ? user->pw_name : std::to_string(::getuid()), host,
                     ::getpid());
}

ClusterLock::ClusterLock(const Cluster& cluster, std::string holder, std::string token)
    : cluster_(cluster), holder_(std::move(holder)), token_(std::move(token)) {}

CommandOutcome ClusterLock::take_node(Node& node) const {
  CommandOutcome said = node.run(command(lock_script(kLockFile, token_, kLockLease, holder_))).get();
  if (said.state != CommandState::done || said.exit_code != kHeld) return said;
  const Held held = held_by(said.out);
  if (!is_dead_token(held.token)) return said;
  log::info("{}: the lock of {}, which is no more, is taken over", node.name(), held.holder);
  return node.run(command(lock_script(kLockFile, token_, kLockLease, holder_, held.token))).get();
}

// From the first node again each time, so that no lease of ours ends while we wait for another node.
Result<void> ClusterLock::take_all() {
  locked_.clear();
  std::vector<Node*> nodes = cluster_.all();
  std::sort(nodes.begin(), nodes.end(), [](const Node* a, const Node* b) { return a->spec().host < b->spec().host; });
  for (Node* node : nodes) {
    const CommandOutcome said = take_node(*node);
    if (said.succeeded()) {
      locked_.push_back(node);
      continue;
    }
    if (said.state == CommandState::done && said.exit_code == kHeld) {
      const Held held = held_by(said.out);
      return infrastructure(
          fmt::format("node {} is in use: {} holds it, for {} s more unless it goes on; wait for it with "
                      "--wait-for-lock, or end it",
                      node->name(), held.holder, held.seconds));
    }
    if (said.state != CommandState::done || said.exit_code == kBusy)
      return infrastructure(fmt::format("node {}: {} cannot be taken: {}", node->name(), kLockFile, said.describe()));
    // A full disk, or no flock: whatever else that means for the run, others will say it better.
    log::warning("node {} cannot be locked ({}), so nothing keeps another run from using it meanwhile", node->name(),
                 said.exit_code == kNoFlock ? "there is no flock(1)" : said.describe());
  }
  return {};
}

Result<std::unique_ptr<ClusterLock>> ClusterLock::take(const Cluster& cluster, const std::string& holder, Nanos wait,
                                                       std::stop_token stop) {
  SteadyClock clock;
  std::unique_ptr<ClusterLock> lock(new ClusterLock(cluster, holder, lock_token()));
  for (bool told = false;;) {
    const auto taken = lock->take_all();
    if (taken) break;
    if (clock.now() >= wait) return Failure(taken.error());
    if (!told) log::info("waiting: {}", taken.error().message);
    told = true;
    if (!clock.sleep_until(clock.now() + kBetweenAttempts, stop))
      return Failure(Error{ErrorKind::interrupted, "interrupted while waiting for the cluster's lock"});
  }
  lock->renewer_ = std::jthread([self = lock.get()](std::stop_token ended) { self->renew_until(std::move(ended)); });
  return lock;
}

void ClusterLock::renew_until(std::stop_token stop) {
  SteadyClock clock;
  while (clock.sleep_until(clock.now() + kRenewEvery, stop)) {
    const auto outcomes = cluster_.run(
        locked_, [&](const Node&) { return command(lock_script(kLockFile, token_, kLockLease, holder_)); });
    for (std::size_t i = 0; i < outcomes.size(); ++i)
      if (!outcomes[i].succeeded())
        log::warning("{}: the cluster's lock was not renewed: {}", locked_[i]->name(),
                     outcomes[i].out.empty() ? outcomes[i].describe() : outcomes[i].out);
  }
}

ClusterLock::~ClusterLock() {
  renewer_.request_stop();
  if (renewer_.joinable()) renewer_.join();
  const auto outcomes = cluster_.run(locked_, [&](const Node&) { return command(unlock_script(kLockFile, token_)); });
  for (std::size_t i = 0; i < outcomes.size(); ++i)
    if (!outcomes[i].succeeded())
      log::warning("{}: the cluster's lock was not let go: {}; its lease ends within {} s", locked_[i]->name(),
                   outcomes[i].describe(), std::chrono::duration_cast<std::chrono::seconds>(kLockLease).count());
}

}  // namespace shaketable
