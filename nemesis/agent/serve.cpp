#include "nemesis/agent/serve.h"

#include <poll.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "nemesis/agent/facts.h"
#include "nemesis/agent/guard.h"
#include "nemesis/agent/lease.h"
#include "nemesis/agent/peers.h"
#include "nemesis/agent/system.h"
#include "nemesis/agent/undo.h"

namespace shaketable::agent {
namespace {

using namespace std::chrono_literals;

constexpr Nanos kLockTimeout = 5s;
constexpr Nanos kFarthestStart = 60s;
constexpr Nanos kIdle = 10min;
constexpr std::size_t kLineBytesMax = 16 << 20;

bool plain_key(std::string_view key) {
  if (key.empty() || key.size() > 120 || key.front() == '.') return false;
  for (const char c : key)
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.'))
      return false;
  return true;
}

Result<Nanos> duration(const Fields& asked, std::string_view name) {
  const auto value = to_number(field(asked, name));
  if (!value || *value < 0) return infrastructure("the request lacks " + std::string(name));
  return Nanos(*value);
}

Result<std::string> key_of(const Fields& asked) {
  const std::string key(field(asked, "key"));
  if (!plain_key(key)) return infrastructure("\"" + key + "\" is not a key");
  return key;
}

std::string number(Nanos moment) {
  return std::to_string(moment.count());
}

Fields told(const Undone& undone) {
  Fields out;
  if (!undone.missing.empty()) out.emplace_back("missing", undone.missing);
  if (!undone.added.empty()) out.emplace_back("added", undone.added);
  if (!undone.note.empty()) out.emplace_back("note", undone.note);
  return out;
}

// The node has undone it by itself; if the guard has said why and when, that too.
void tell_gone(const std::string& key, Fields& out) {
  const auto undone = self_undone(key);
  out.emplace_back("gone", undone ? undone->why : "");
  if (undone) out.emplace_back("gone_at", number(undone->at));
}

Fields healed_fields(const Healed& healed) {
  Fields out;
  out.emplace_back("state", healed.state == Healed::State::clean     ? "clean"
                            : healed.state == Healed::State::unclean ? "unclean"
                                                                     : "unknown");
  if (!healed.reason.empty()) out.emplace_back("reason", healed.reason);
  for (const std::string& what : healed.undone) out.emplace_back("undone", what);
  return out;
}

// While we are at work ourselves the lease is not over: else the guard would undo what is being done. It goes back to
// what it was afterwards; a controller that is gone is gone.
class LongLease {
 public:
  explicit LongLease(Nanos patience) {
    const auto end = lease_end();
    const Nanos wanted = raw_now() + patience;
    if (patience <= Nanos(0) || !end || *end <= raw_now() || *end >= wanted || !set_lease(wanted)) return;
    before_ = end;
    set_ = wanted;
  }
  ~LongLease() {
    // One second, so that the controller whose thread waited for us can renew it.
    if (before_ && lease_end() == set_) (void)set_lease(std::max(*before_, raw_now() + 1s)).has_value();
  }
  LongLease(const LongLease&) = delete;
  LongLease& operator=(const LongLease&) = delete;

 private:
  std::optional<Nanos> before_, set_;
};

Nanos patience_of(const Entry& entry) {
  if (!field(entry.fields, "ended.start").empty()) return 60s;
  const Kind* kind = find_kind(entry.kind);
  const auto undo_limit = to_number(field(entry.fields, "undo_limit"));
  return std::max<Nanos>(kind ? kind->patience() : Nanos(0), undo_limit ? Nanos(*undo_limit) + 15s : Nanos(0));
}

}  // namespace

Server::~Server() {
  for (const auto& [key, calls] : calls_) close(calls.descriptor);
}

Message Server::answer(const Message& request) {
  auto done = act(request);
  Message out;
  out.id = request.id;
  out.word = done ? "ok" : "error";
  if (done)
    out.fields = std::move(*done);
  else
    out.fields.emplace_back("why", done.error().message);
  return out;
}

Result<Fields> Server::act(const Message& request) {
  const Fields& asked = request.fields;
  if (request.word == "time") {
    const TimeOfDay now = look_at_clocks();
    return Fields{{"raw", std::to_string(now.raw_ns)}, {"real", std::to_string(now.real_ns)}};
  }
  if (request.word == "facts") return facts();
  if (request.word == "foreign") return foreign_state();
  if (request.word == "renew") return renew(asked);
  if (request.word == "look") return look(asked);
  if (request.word == "arm") return arm(asked);
  if (request.word == "commit") return commit(asked);
  if (request.word == "call") return call(asked);
  if (request.word == "prove") return prove(asked);
  if (request.word == "undo") return undo(asked);
  if (request.word == "guard") {
    const auto lease = duration(asked, "lease");
    if (!lease) return Failure(lease.error());
    if (auto started = start_guard(*lease); !started) return Failure(started.error());
    return Fields();
  }
  if (request.word == "status") {
    Fields out;
    for (const std::string& line : status(journal_)) out.emplace_back("line", line);
    return out;
  }
  if (request.word == "heal") {
    changes_.clear();  // what is armed must not be committed any more
    return healed_fields(heal(journal_));
  }
  return infrastructure("this agent does not know the word \"" + request.word + "\"");
}

Result<Fields> Server::renew(const Fields& asked) {
  const auto lease = duration(asked, "lease");
  if (!lease) return Failure(lease.error());
  // Late: what was in force may have been undone, and the controller has to know.
  const auto end = lease_end();
  const bool late = !end || *end < raw_now();
  const bool guarded = living_guard().has_value();
  if (guarded && !late) {
    if (auto set = set_lease(raw_now() + *lease); !set) return Failure(set.error());
    const auto undone = untold_of_guard();
    return undone.empty() ? Fields() : Fields{{"remark", joined(undone, "; ")}};
  }
  if (auto started = start_guard(*lease); !started) return Failure(started.error());
  return Fields{{"remark", guarded ? "the lease had run out; it was taken again"
                           : late  ? "the lease had run out and its guard had ended; the guard was started again"
                                   : "the guard was dead; it was started again"}};
}

Result<Fields> Server::look(const Fields& asked) const {
  const Kind* kind = find_kind(field(asked, "kind"));
  if (!kind) return infrastructure("this agent does not know the kind \"" + std::string(field(asked, "kind")) + "\"");
  Entry entry;
  entry.kind = kind->name();
  entry.boot = boot_id();
  for (const auto& [name, value] : asked)
    if (name.starts_with("arg.")) entry.fields.emplace_back(name.substr(4), value);
  note_running(entry);
  if (auto looked = kind->look(entry); !looked) return Failure(looked.error());
  return Fields();
}

Result<Fields> Server::arm(const Fields& asked) {
  const auto key = key_of(asked);
  const auto lease = duration(asked, "lease");
  const auto limit = duration(asked, "limit");
  const auto fault = to_number(field(asked, "fault"));
  if (!key) return Failure(key.error());
  if (!lease || !limit || !fault) return infrastructure("arm needs lease, limit and fault");
  const Kind* kind = find_kind(field(asked, "kind"));
  if (!kind) return infrastructure("this agent does not know the kind \"" + std::string(field(asked, "kind")) + "\"");
  if (journal_.has(*key)) return infrastructure("there is a journal of " + *key + " already");
  if (auto guarded = start_guard(*lease); !guarded) return Failure(guarded.error());
  Change change;
  change.entry.key = *key;
  change.entry.kind = kind->name();
  change.entry.fault = *fault;
  change.entry.boot = boot_id();
  change.entry.limit = raw_now() + *limit;
  for (const auto& [name, value] : asked)
    if (name.starts_with("arg.")) change.entry.fields.emplace_back(name.substr(4), value);
  set_owner(change.entry);
  note_running(change.entry);
  if (auto looked = kind->look(change.entry); !looked) return Failure(looked.error());
  // Before anything is made ready: some kinds prepare on the node itself. And again if they found more to keep.
  if (auto kept = journal_.save(change.entry, true); !kept) return Failure(kept.error());
  const std::string before = to_text(change.entry);
  auto armed = kind->arm(change.entry);
  const auto kept = armed && to_text(change.entry) != before ? journal_.save(change.entry, true) : Result<void>();
  if (!armed || !kept) {
    const Error why = armed ? kept.error() : armed.error();
    if (armed) armed->reset();
    const ChangeLock lock(kLockTimeout);
    if (!undo_and_forget(journal_, change.entry))
      return infrastructure(why.message + "; what had been made ready is there still");
    return Failure(why);
  }
  change.armed = std::move(*armed);
  changes_[*key] = std::move(change);
  return Fields{{"raw", number(raw_now())}};
}

Result<Fields> Server::commit(const Fields& asked) {
  const auto key = key_of(asked);
  const auto at = duration(asked, "at");
  if (!key) return Failure(key.error());
  if (!at) return Failure(at.error());
  const auto found = changes_.find(*key);
  if (found == changes_.end() || !found->second.armed) return infrastructure("nothing is armed for " + *key);
  Change& change = found->second;
  if (*at > raw_now() + kFarthestStart) return infrastructure("the start lies too far ahead");
  sleep_until_raw(*at);
  const ChangeLock lock(kLockTimeout);
  const auto end = lease_end();
  if (!end || *end <= raw_now() || !journal_.has(*key)) {
    change.armed.reset();
    return infrastructure("the lease ran out before the commit");
  }
  const LongLease longer(patience_of(change.entry));
  const Nanos begun = raw_now();
  const auto done = change.armed->commit();
  const Nanos ended = raw_now();
  for (auto& [name, value] : change.armed->kept()) set_field(change.entry.fields, name, value);
  change.armed.reset();
  change.entry.state = EntryState::applied;
  // The entry is on the disk: this only says more of it.
  (void)journal_.save(change.entry, false).has_value();
  if (!done) return Failure(done.error());
  return Fields{{"begun", number(begun)}, {"done", number(ended)}};
}

Result<Fields> Server::call(const Fields& asked) {
  const auto key = key_of(asked);
  if (!key) return Failure(key.error());
  std::vector<PeerCall> peers;
  for (const std::string& peer : all_fields(asked, "peer")) {
    const auto call = to_peer_call(peer);
    if (!call) return infrastructure("\"" + peer + "\" is not ADDRESS/PORT");
    peers.push_back(*call);
  }
  auto started = start_calls(peers);
  if (!started) return Failure(started.error());
  if (const auto old = calls_.find(*key); old != calls_.end()) close(old->second.descriptor);
  calls_[*key] = {*started, ""};
  return Fields();
}

Result<Fields> Server::prove(const Fields& asked) {
  const auto key = key_of(asked);
  if (!key) return Failure(key.error());
  Fields out;
  auto entry = journal_.load(*key);
  if (!entry)
    if (const auto known = changes_.find(*key); known != changes_.end()) entry = known->second.entry;
  if (entry)
    if (const Kind* kind = find_kind(entry->kind)) out = kind->prove(*entry);
  if (const auto calls = calls_.find(*key); calls != calls_.end())
    for (const std::string& line : read_calls(calls->second.descriptor, calls->second.kept))
      out.emplace_back("call", line);
  return out;
}

Result<Fields> Server::undo(const Fields& asked) {
  const auto key = key_of(asked);
  if (!key) return Failure(key.error());
  const ChangeLock lock(kLockTimeout);
  auto entry = journal_.load(*key);
  const bool gone = !entry;
  if (const auto known = changes_.find(*key); known != changes_.end()) {
    known->second.armed.reset();
    if (!entry) entry = known->second.entry;
  }
  if (!entry) {
    // No journal: it was never written, and nothing was changed, or the guard has undone it. Rules are looked for all
    // the same, since they can be known by their number.
    if (field(asked, "kind") != "firewall") {
      Fields out;
      tell_gone(*key, out);
      out.emplace_back("raw", number(raw_now()));
      return out;
    }
    entry.emplace();
    entry->key = *key;
    entry->kind = field(asked, "kind");
    entry->fault = to_number(field(asked, "fault")).value_or(-1);
    entry->boot = boot_id();
  }
  const LongLease longer(patience_of(*entry));
  const auto undone = undo_entry(*entry);
  if (!undone) return Failure(undone.error());
  if (undone->missing.empty()) {
    if (!gone && !journal_.forget(*key))
      return infrastructure("it is undone, but its journal " + journal_.path(*key) + " cannot be removed");
    changes_.erase(*key);
    if (const auto calls = calls_.find(*key); calls != calls_.end()) {
      close(calls->second.descriptor);
      calls_.erase(calls);
    }
  } else if (!gone) {
    entry->state = EntryState::undone;
    (void)journal_.save(*entry, false).has_value();
  }
  Fields out = told(*undone);
  if (gone) tell_gone(*key, out);
  out.emplace_back("raw", number(raw_now()));
  return out;
}

int serve(int in, int out) {
  harden();
  Greeting greeting;
  greeting.protocol = kProtocol;
  if (const auto bytes = read_file("/proc/self/exe")) greeting.hash = hash_of(*bytes);
  utsname machine{};
  if (uname(&machine) == 0) greeting.machine = machine.machine;
  greeting.boot = boot_id();
  greeting.uid = geteuid();
  if (!write_to(out, to_line(greeting) + "\n", 10s)) return 1;

  Server server;
  std::string unread;
  Nanos asked_last = raw_now();
  while (true) {
    pollfd waiting{in, POLLIN, 0};
    const int ready = poll(&waiting, 1, 1000);
    if (ready == 0) {
      // A connection that was cut without a word stays open for hours; the lease has long run out by then.
      if (raw_now() - asked_last > kIdle) return 0;
      continue;
    }
    char buffer[65536];
    const ssize_t got = read(in, buffer, sizeof buffer);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return 0;
    unread.append(buffer, static_cast<std::size_t>(got));
    if (unread.size() > kLineBytesMax) return 1;
    for (std::size_t end; (end = unread.find('\n')) != std::string::npos;) {
      const auto request = parse_message(std::string_view(unread).substr(0, end));
      unread.erase(0, end + 1);
      asked_last = raw_now();
      Message answer;
      if (request)
        answer = server.answer(*request);
      else
        answer = {0, "error", {{"why", "that is not a request"}}};
      if (!write_to(out, to_line(answer) + "\n", 30s)) return 1;
    }
  }
}

}  // namespace shaketable::agent
