#pragma once
// `shaketable-agent serve`: answers the controller's lines until they end. docs/agent.md lists the words.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nemesis/agent/journal.h"
#include "nemesis/agent/kind.h"
#include "nemesis/agent/protocol.h"

namespace shaketable::agent {

// One thread.
class Server {
 public:
  explicit Server(Journal journal = Journal()) : journal_(std::move(journal)) {}
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Never fails: what is not understood is answered with an error.
  Message answer(const Message& request);

 private:
  Result<Fields> act(const Message& request);
  Result<Fields> renew(const Fields& asked);
  Result<Fields> look(const Fields& asked) const;
  Result<Fields> arm(const Fields& asked);
  Result<Fields> commit(const Fields& asked);
  Result<Fields> prove(const Fields& asked);
  Result<Fields> undo(const Fields& asked);
  Result<Fields> call(const Fields& asked);

  struct Change {
    Entry entry;
    std::unique_ptr<Armed> armed;  // until it is committed
  };
  struct Calls {
    int descriptor = -1;
    std::string kept;
  };
  Journal journal_;
  std::map<std::string, Change> changes_;
  std::map<std::string, Calls> calls_;
};

// Reads lines from `in` and answers on `out` until `in` ends, or nobody asked for ten minutes.
int serve(int in, int out);

}  // namespace shaketable::agent
