#pragma once
// A node as a plan or the lab describes it: how the controller reaches it, and how its peers know it.

#include <string>
#include <vector>

#include "base/clock.h"

namespace shaketable {

struct SshOptions {
  std::string user;                         // empty: ssh_config's User, else root
  bool sudo = false;                        // commands that change the node run under `sudo -n`
  int port = 0;                             // 0: ssh_config's Port, else 22
  std::vector<std::string> identity_files;  // private keys; empty: ssh_config's and the usual ones
  bool use_agent = true;                    // SSH_AUTH_SOCK
  std::string known_hosts;  // file; empty: ssh_config's, ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts. Always strict
  std::string config;       // ssh_config file; empty: ~/.ssh/config if there; "none": none
  Nanos connect_timeout = std::chrono::seconds(10);
};

struct NodeSpec {
  std::string name;            // "n1"
  std::string host;            // what SSH connects to
  std::string host_key_alias;  // the name in known_hosts; empty: host
  std::string address;         // IPv4 that peers use; empty: none
  std::string address6;        // IPv6 that peers use; empty: none
  std::string client_url;      // what clients of the system connect to; empty: made from the system's client port
  std::string role;            // free text that targets can name; usually empty
  SshOptions ssh;
};

}  // namespace shaketable
