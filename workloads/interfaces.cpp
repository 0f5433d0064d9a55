#include "workloads/interfaces.h"

#include "workloads/specs.h"

namespace shaketable {

const std::vector<InterfaceInfo>& interfaces() {
  static const std::vector<InterfaceInfo> all = {
      {"register",
       "many registers, each nil until it is written",
       {{"read", "[k nil] → [k v]", "v was there"},
        {"write", "[k v]", "v is there"},
        {"cas", "[k [old new]]", "old was there (nil: nothing was) and new is now; fail: it was not"}},
       {}},
      {"list-transactions",
       "transactions on lists, each empty until something is appended",
       {{"txn", "[[f k v] …], f being \"append\" or \"r\" (v nil) → the same, each \"r\" with the list it saw, or nil",
         "committed; fail: aborted, nothing of it is or will be there"}},
       {}},
      {"register-transactions",
       "transactions on registers, each nil until it is written",
       {{"txn", "[[f k v] …], f being \"w\" or \"r\" (v nil) → the same, each \"r\" with the value it saw",
         "committed; fail: aborted, nothing of it is or will be there"}},
       {}},
      {"set",
       "one set",
       {{"add", "v", "v is in the set"}, {"read", "nil → [v …]", "all that was in it, duplicates if there are any"}},
       {}},
      {"counter",
       "one number, 0 at first",
       {{"add", "n (negative too)", "n was added, once"}, {"read", "nil → n", "its value"}},
       {}},
      {"queue",
       "one queue",
       {{"enqueue", "v", "v is in the queue"},
        {"dequeue", "nil → v, or nil", "v came out and will not again; nil: there was nothing to take"},
        {"drain", "nil → [v …]",
         "these came out and then there was nothing to take; info when it broke off after taking any"}},
       {}},
      {"log",
       "logs by key, appended to and read by offset",
       {{"send", "[[\"send\" k v] …] → [[\"send\" k [offset v]] …]", "appended; the offset may be nil if not known"},
        {"poll", "[[\"poll\"]] → [[\"poll\" {k [[offset v] …] …}]]",
         "what follows the client's position in the logs assigned to it, which moves on; fail: nothing is assigned"},
        {"assign", "[k …]",
         "from now on polls are of these logs: from where the client stood in each, else from its beginning"}},
       {spec::integer("keys", "logs in use: 0 to keys - 1", 4, 1, 10'000)}},
      {"bank",
       "accounts 0 to accounts - 1 that hold `total` together, divided evenly (Client::setup)",
       {{"transfer", "{\"from\" a \"to\" b \"amount\" n}", "moved; fail also: the account does not hold so much"},
        {"read", "nil → {a balance …}", "every account, as one transaction saw them"}},
       {spec::integer("accounts", "accounts, numbered from 0", 8, 2, 100'000),
        spec::integer("total", "what they hold together: a multiple of accounts", 80, 1, 1e12)}},
      {"lock",
       "locks; the client is the holder",
       {{"acquire", "lock → token, or nil",
         "granted, with a token (an integer that is larger with each grant) if the system has any; fail: not granted, "
         "and it will not be later"},
        {"release", "lock", "given back; fail: this client does not hold it"}},
       {spec::integer("locks", "locks in use: 0 to locks - 1", 1, 1, 10'000)}},
      {"fenced-lock",
       "as lock, always with tokens, and a resource for each lock that is to be used with them only",
       {{"acquire", "lock → token", "granted; fail: not granted, and it will not be later"},
        {"release", "lock", "given back; fail: this client does not hold it"},
        {"use", "[lock token]", "the resource took a write with this token; fail: it refused it"}},
       {spec::integer("locks", "locks in use: 0 to locks - 1", 1, 1, 10'000)}},
      {"ids", "identifiers that differ", {{"generate", "nil → anything", "nobody else gets this one"}}, {}},
      {"leader",
       "who leads the system, as the client's own node sees it",
       {{"leader", "nil → {\"term\" n \"leader\" x \"node\" node}",
         "node says that x (nil: nobody it knows) leads in term n"}},
       {}},
      {"lease",
       "leases, each of which lives for as long as it is renewed",
       {{"grant", "nil → lease", "there is this lease, a new one"},
        {"renew", "lease → ttl, or nil",
         "it lives for so many milliseconds more from then on; nil: it has ended, and what hung on it is gone"}},
       {}},
      {"watch",
       "values that follow one another, each change with a revision larger than all before",
       {{"write", "v → revision", "v is there, by this change"},
        {"watch", "revision, or nil → [[revision v] …]",
         "so the client's own node told of the changes after it (nil: of all), until there were some or the time was "
         "up"}},
       {}},
      {"monotonic",
       "numbers that only grow, 0 at first",
       {{"inc", "k → {k n}", "one was added; it made n"},
        {"read", "[k …] → {k n …}", "all of them, as one transaction saw them"}},
       {spec::integer("keys", "numbers in use: 0 to keys - 1", 4, 1, 10'000)}},
      {"predicate-insert",
       "two tables of rows with a key",
       {{"insert", "[k [id nil]] or [k [nil id]]",
         "in one transaction, neither table had a row with this k, by predicate, and id went into the first or second; "
         "fail also: there was one"}},
       {}},
      {"exactly-once",
       "effects that the system itself keeps from happening twice",
       {{"apply", "id", "the effect is there, from this call or an earlier one with the same id"},
        {"read", "nil → [id …]", "one entry an effect"}},
       {}},
  };
  return all;
}

const InterfaceInfo* find_interface(std::string_view name) {
  for (const InterfaceInfo& info : interfaces())
    if (info.name == name) return &info;
  return nullptr;
}

std::vector<std::string> interface_names() {
  std::vector<std::string> names;
  for (const InterfaceInfo& info : interfaces()) names.push_back(info.name);
  return names;
}

}  // namespace shaketable
