#pragma once
// What every node of a lab gets, whatever kernel it runs under: names, keys, an sshd. Single-threaded processes.

#include <sys/types.h>

#include <string>

#include "base/result.h"
#include "cluster/lab/record.h"

namespace shaketable::lab {

// Host keys, authorized keys, /etc/hosts, hostname and accounts without passwords, below `root`, the node's own tree.
// `directory`: the lab's, with the keys in it.
Result<void> write_node_files(const Record& record, const std::string& directory, const std::string& name,
                              const std::string& root);

// Inside the node's tree; its pid. Its log lies in /var/log/sshd.log.
pid_t start_sshd();

}  // namespace shaketable::lab
