#include "cluster/ssh_session.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <libssh/libssh.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

#include "base/duration.h"
#include "base/text.h"
#include "cluster/ssh_transport.h"

namespace shaketable {
namespace {

using Key = std::unique_ptr<ssh_key_struct, decltype(&ssh_key_free)>;

std::string option(ssh_session session, ssh_options_e which) {
  char* value = nullptr;
  if (ssh_options_get(session, which, &value) != SSH_OK || !value) return {};
  std::string out(value);
  ssh_string_free_char(value);
  return out;
}

bool readable(const std::string& path) {
  return ::access(path.c_str(), R_OK) == 0;
}

struct ServerKey {
  std::string type, fingerprint;
};

ServerKey server_key(ssh_session session) {
  ServerKey out{"unknown", "unknown"};
  ssh_key key = nullptr;
  if (ssh_get_server_publickey(session, &key) != SSH_OK) return out;
  const Key owner(key, &ssh_key_free);
  if (const char* type = ssh_key_type_to_char(ssh_key_type(key))) out.type = type;
  unsigned char* hash = nullptr;
  std::size_t length = 0;
  if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &length) != 0) return out;
  if (char* text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, length)) {
    out.fingerprint = text;
    ssh_string_free_char(text);
  }
  ssh_clean_pubkey_hash(&hash);
  return out;
}

std::string methods(int list) {
  std::vector<std::string> out;
  if (list & SSH_AUTH_METHOD_PUBLICKEY) out.emplace_back("publickey");
  if (list & SSH_AUTH_METHOD_PASSWORD) out.emplace_back("password");
  if (list & SSH_AUTH_METHOD_INTERACTIVE) out.emplace_back("keyboard-interactive");
  if (list & SSH_AUTH_METHOD_HOSTBASED) out.emplace_back("hostbased");
  if (list & SSH_AUTH_METHOD_GSSAPI_MIC) out.emplace_back("gssapi-with-mic");
  return out.empty() ? "nothing" : join(out);
}

}  // namespace

struct SocketGuard::State {
  std::mutex mutex;
  std::condition_variable ended_changed;
  bool ended = false;
  std::atomic<bool> fired = false;
  std::thread thread;
};

SocketGuard::SocketGuard(int socket, Nanos timeout) : state_(std::make_unique<State>()) {
  state_->thread = std::thread([state = state_.get(), socket, timeout] {
    std::unique_lock lock(state->mutex);
    if (state->ended_changed.wait_for(lock, timeout, [&] { return state->ended; })) return;
    state->fired = true;
    ::shutdown(socket, SHUT_RDWR);
  });
}

SocketGuard::~SocketGuard() {
  {
    std::lock_guard lock(state_->mutex);
    state_->ended = true;
  }
  state_->ended_changed.notify_one();
  state_->thread.join();
}

bool SocketGuard::fired() const {
  return state_->fired;
}

SshSession::~SshSession() {
  if (!session_) return;
  // Not ssh_disconnect(): with a socket that was given to it, it forgets the socket without closing it.
  ssh_free(session_);
}

Result<void> SshSession::configure(const SshOptions& options, const std::string& host) {
  const bool off = false;
  ssh_options_set(session_, SSH_OPTIONS_PROCESS_CONFIG, &off);
  ssh_options_set(session_, SSH_OPTIONS_HOST, host.c_str());
  std::string config = options.config;
  if (config.empty()) {
    const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe): nobody sets it
    if (home && readable(std::string(home) + "/.ssh/config")) config = std::string(home) + "/.ssh/config";
  } else if (config != "none" && !readable(config)) {
    return bad_input(fmt::format("ssh_config file {}: {}", config, std::strerror(errno)));
  }
  if (!config.empty() && config != "none" && ssh_options_parse_config(session_, config.c_str()) != SSH_OK)
    return bad_input(fmt::format("ssh_config file {}: {}", config, ssh_get_error(session_)));

  // What the plan says comes before what the config says. libssh has it the other way round.
  if (!options.user.empty()) ssh_options_set(session_, SSH_OPTIONS_USER, options.user.c_str());
  if (options.port != 0) ssh_options_set(session_, SSH_OPTIONS_PORT, &options.port);
  host_ = option(session_, SSH_OPTIONS_HOST);
  unsigned int port = 22;
  if (ssh_options_get_port(session_, &port) != SSH_OK || port == 0) port = 22;
  port_ = static_cast<int>(port);
  user_ = option(session_, SSH_OPTIONS_USER);
  if (user_.empty()) user_ = "root";
  ssh_options_set(session_, SSH_OPTIONS_USER, user_.c_str());
  place_ = fmt::format("{} port {}", host_, port_);
  if (!options.known_hosts.empty()) {
    ssh_options_set(session_, SSH_OPTIONS_KNOWNHOSTS, options.known_hosts.c_str());
    ssh_options_set(session_, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null");
  }
  if (!options.use_agent) ssh_options_set(session_, SSH_OPTIONS_IDENTITY_AGENT, "/dev/null");
  return {};
}

Result<void> SshSession::open_stream(const SshOptions& options, const Deadline& deadline) {
  std::string proxy = option(session_, SSH_OPTIONS_PROXYCOMMAND);
  UniqueFd stream;
  if (proxy.empty() || proxy == "none") {
    auto tcp = connect_tcp(host_, port_, deadline);
    if (!tcp) return tl::unexpected(tcp.error());
    stream = std::move(*tcp);
  } else {
    // What libssh makes of a ProxyJump runs `ssh` with the user's own configuration; it has to see ours.
    if (proxy.starts_with("ssh ") && proxy.find(" -W '[%h]:%p' ") != std::string::npos) {
      proxy += " -o BatchMode=yes -o StrictHostKeyChecking=yes";
      if (options.config == "none") proxy += " -F none";
      if (!options.config.empty() && options.config != "none") proxy += " -F " + shell_quote(options.config);
      if (!options.known_hosts.empty()) proxy += " -o " + shell_quote("UserKnownHostsFile=" + options.known_hosts);
      for (const std::string& file : options.identity_files) proxy += " -i " + shell_quote(file);
    }
    auto started = start_proxy(proxy, host_, port_, user_);
    if (!started) return tl::unexpected(started.error());
    stream = std::move(started->socket);
    proxy_ = std::move(started->process);
    place_ += " through its proxy";
  }
  socket_ = UniqueFd(::fcntl(stream.get(), F_DUPFD_CLOEXEC, 0));
  if (!socket_) return infrastructure(fmt::format("{}: {}", place_, std::strerror(errno)));
  const socket_t fd = stream.release();
  ssh_options_set(session_, SSH_OPTIONS_FD, &fd);
  return {};
}

std::string SshSession::proxy_said() const {
  if (!proxy_) return {};
  // It says why a moment before or after it closes the stream.
  proxy_->wait(std::chrono::milliseconds(200));
  std::string said = proxy_->error_output(600);
  while (!said.empty() && (said.back() == '\n' || said.back() == '\r')) said.pop_back();
  for (char& c : said)
    if (c == '\n' || c == '\r') c = ' ';
  return said;
}

Result<void> SshSession::check_host_key(const std::string& alias) const {
  const ssh_known_hosts_e state = ssh_session_is_known_server(session_);
  if (state == SSH_KNOWN_HOSTS_OK) return {};
  const std::string file = option(session_, SSH_OPTIONS_KNOWNHOSTS);
  const auto [type, fingerprint] = server_key(session_);
  const std::string shown = fmt::format("{}: it shows the host key {} {}", place_, type, fingerprint);
  const std::string name = !alias.empty() ? alias : port_ == 22 ? host_ : fmt::format("[{}]:{}", host_, port_);
  const std::string keyscan =
      fmt::format("ssh-keyscan -p {} {}{} >> {}", port_, host_,
                  alias.empty() ? "" : " | sed " + shell_quote("s/^[^ ]*/" + alias + "/"), shell_quote(file));
  if (!readable(file) && state != SSH_KNOWN_HOSTS_CHANGED && state != SSH_KNOWN_HOSTS_OTHER)
    return infrastructure(fmt::format("{}, and {} cannot be read: {}. If that is the node's key: {}", shown, file,
                                      std::strerror(errno), keyscan));
  switch (state) {
    case SSH_KNOWN_HOSTS_CHANGED:
    case SSH_KNOWN_HOSTS_OTHER:
      return infrastructure(
          fmt::format("{}, but {} has another key for {}: somebody may be in between. If the node was made anew: "
                      "ssh-keygen -R {} -f {} && {}",
                      shown, file, name, shell_quote(name), shell_quote(file), keyscan));
    case SSH_KNOWN_HOSTS_ERROR:
      return infrastructure(fmt::format("{}, and {} cannot be used: {}", shown, file, ssh_get_error(session_)));
    default:
      break;
  }
  return infrastructure(
      fmt::format("{}, and {} has none for {}. If that is the node's key: {}", shown, file, name, keyscan));
}

Result<void> SshSession::authenticate(const SshOptions& options) {
  std::vector<std::string> tried;
  // The answer to "none" is the list of what the server accepts; an sshd with an empty password lets us in here.
  int rc = ssh_userauth_none(session_, nullptr);
  if (rc == SSH_AUTH_SUCCESS) return {};
  if (rc == SSH_AUTH_ERROR) return infrastructure(fmt::format("{}: {}", place_, error()));
  for (const std::string& file : options.identity_files) {
    if (!readable(file)) {
      tried.push_back(fmt::format("{} ({})", file, std::strerror(errno)));
      continue;
    }
    ssh_key key = nullptr;
    if (ssh_pki_import_privkey_file(file.c_str(), nullptr, nullptr, nullptr, &key) != SSH_OK) {
      tried.push_back(file + " (not a private key, or it has a passphrase: put it into an agent with ssh-add)");
      continue;
    }
    const Key owner(key, &ssh_key_free);
    rc = ssh_userauth_publickey(session_, nullptr, key);
    if (rc == SSH_AUTH_SUCCESS) return {};
    if (rc == SSH_AUTH_ERROR) return infrastructure(fmt::format("{}: {}", place_, error()));
    tried.push_back(file + " (refused)");
  }
  if (options.use_agent && std::getenv("SSH_AUTH_SOCK")) {  // NOLINT(concurrency-mt-unsafe): nobody sets it
    rc = ssh_userauth_agent(session_, nullptr);
    if (rc == SSH_AUTH_SUCCESS) return {};
    if (broken()) return infrastructure(fmt::format("{}: {}", place_, error()));
    tried.emplace_back("the agent's keys (refused, or it has none)");
  }
  if (options.identity_files.empty()) {
    rc = ssh_userauth_publickey_auto(session_, nullptr, nullptr);
    if (rc == SSH_AUTH_SUCCESS) return {};
    if (broken()) return infrastructure(fmt::format("{}: {}", place_, error()));
    tried.emplace_back("ssh_config's and the usual keys in ~/.ssh (refused, absent, or with a passphrase)");
  }
  return infrastructure(
      fmt::format("{}: the login as {} was refused; tried: {}. The server accepts {}. The public key must be in {}'s "
                  "~/.ssh/authorized_keys there",
                  place_, user_, join(tried, "; "), methods(ssh_userauth_list(session_, nullptr)), user_));
}

Result<std::shared_ptr<SshSession>> SshSession::connect(const SshOptions& options, const std::string& host,
                                                        const std::string& host_key_alias, Nanos timeout) {
  ignore_broken_pipes();
  const Deadline deadline(timeout);
  std::shared_ptr<SshSession> self(new SshSession);
  self->session_ = ssh_new();
  if (!self->session_) return infrastructure("libssh: out of memory");
  ssh_session session = self->session_;
  if (auto ok = self->configure(options, host); !ok) return tl::unexpected(ok.error());
  if (auto ok = self->open_stream(options, deadline); !ok) return tl::unexpected(ok.error());

  // libssh looks the host key up under HOST and PORT, and uses neither to connect, since the stream is given.
  if (!host_key_alias.empty()) {
    const unsigned int usual = 22;
    ssh_options_set(session, SSH_OPTIONS_HOST, host_key_alias.c_str());
    ssh_options_set(session, SSH_OPTIONS_PORT, &usual);
  } else {
    const unsigned int port = static_cast<unsigned int>(self->port_);
    ssh_options_set(session, SSH_OPTIONS_PORT, &port);
  }
  const long seconds = std::chrono::ceil<std::chrono::seconds>(timeout).count() + 1;  // the guard is earlier
  ssh_options_set(session, SSH_OPTIONS_TIMEOUT, &seconds);
  const int nodelay = 1;  // for the record: the socket is ours and has it
  ssh_options_set(session, SSH_OPTIONS_NODELAY, &nodelay);

  const SocketGuard guard(self->socket_.get(), deadline.left());
  const auto silent = [&] {
    return infrastructure(fmt::format("{}: it accepts connections, but no SSH session came about within {}: {}",
                                      self->place_, format_duration(timeout),
                                      "the node hangs, or it is not sshd that listens there"));
  };
  if (ssh_connect(session) != SSH_OK) {
    if (guard.fired()) return silent();
    return infrastructure(fmt::format("{}: no SSH session: {}", self->place_, self->error()));
  }
  if (auto ok = self->check_host_key(host_key_alias); !ok) return tl::unexpected(ok.error());
  if (auto ok = self->authenticate(options); !ok) {
    if (guard.fired()) return silent();
    return tl::unexpected(ok.error());
  }
  // From here on every wait has a deadline of ours.
  ssh_set_blocking(session, 0);
  return self;
}

void SshSession::wait_for_traffic(const Deadline& deadline) const {
  pollfd ready{socket_.get(), POLLIN, 0};
  if (ssh_get_poll_flags(session_) & SSH_WRITE_PENDING) ready.events |= POLLOUT;
  ::poll(&ready, 1, deadline.left_ms(250));
}

bool SshSession::broken() const {
  return given_up_ || !ssh_is_connected(session_);
}

std::string SshSession::error() const {
  std::string out = ssh_get_error(session_);
  if (out.empty()) out = "the connection was lost";
  if (const std::string said = proxy_said(); !said.empty()) out += " (the proxy said: " + said + ")";
  return out;
}

}  // namespace shaketable
