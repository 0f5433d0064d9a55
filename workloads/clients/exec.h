#pragma once
// `client: exec`: a program as a client. One process a worker, spoken to in lines of JSON on its stdin and stdout
// (docs/client-protocol.md says how, for those who write one).
//
// The deadlines are ours. An answer that comes too late, or that is none, ends the process; the next operation gets a
// new one. An operation in flight then is `info`, or `fail` if it only reads. A process that somebody stopped (SIGSTOP)
// is not late: its deadline begins anew when it goes on, for at most kLongestStop.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "history/value.h"
#include "workloads/client.h"

namespace shaketable {

inline constexpr int kClientProtocol = 1;
inline constexpr Nanos kLongestStop = std::chrono::minutes(10);

struct ClientProgram {
  std::vector<std::string> command;  // the program first; with a slash in its name it is relative to our own directory
  std::map<std::string, std::string> environment;  // added to ours
  Value options;                                   // a map; the program gets it as it is
  Nanos start_timeout = std::chrono::seconds(10);  // until it has answered the first message
};

// A client that runs this program. Of the settings all but `options` goes to the program; the password by the
// environment variable SHAKETABLE_PASSWORD, never by the command line.
std::unique_ptr<Client> program_client(ClientProgram program, const ClientSettings& settings);

ClientInfo exec_client();

// Whether the operation changes nothing, whatever comes of it: a read, or a transaction of reads.
bool only_reads(Name f, const Value& value);

// A value as it came in JSON, where the keys of objects are texts: keys that are whole numbers in decimal become
// numbers again, as the maps of interfaces have them ({account balance}).
Value with_number_keys(const Value& value);

}  // namespace shaketable
