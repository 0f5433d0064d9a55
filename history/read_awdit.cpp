// AWDIT's text: "w k v" and "r k v", a line of "-" between transactions, a line of "=" between sessions.

#include <charconv>

#include "history/read_formats.h"

namespace shaketable {
namespace {

constexpr std::string_view kBlanks = " \t";

struct Transaction {
  std::vector<Value> invoked, completed;
};

class LineParser : public TextParser {
 public:
  void skip_blanks() {
    while (peek() == ' ' || peek() == '\t') ++at_;
  }
  bool integer(std::int64_t& out, std::string_view what) {
    skip_blanks();
    const auto parsed = std::from_chars(at_, end_, out);
    if (parsed.ec != std::errc()) return fail(what);
    if (parsed.ptr != end_ && kBlanks.find(*parsed.ptr) == std::string_view::npos) return fail(what);
    at_ = parsed.ptr;
    return true;
  }
  bool micro_operation(Transaction& transaction, const Value& write, const Value& read) {
    const bool is_write = take('w');
    if (!is_write && !take('r')) return fail("\"w KEY VALUE\", \"r KEY VALUE\", \"-----\" or \"=====\"");
    std::int64_t key = 0, value = 0;
    if (peek() != ' ' && peek() != '\t') return fail("a space");
    if (!integer(key, "a key: a whole number") || !integer(value, "a value: a whole number")) return false;
    skip_blanks();
    if (!at_end()) return fail("the end of the line");
    transaction.completed.push_back(Value::list({is_write ? write : read, key, value}));
    transaction.invoked.push_back(is_write ? transaction.completed.back() : Value::list({read, key, Value()}));
    return true;
  }
};

}  // namespace

Result<ReadNotes> read_awdit(InputWindow& window, OperationSink& sink) {
  const Name txn("txn");
  const Value write("w"), read("r");
  LineParser parser;
  Transaction transaction;
  std::int64_t session = 0;
  bool any = false;
  const auto deliver = [&]() -> Result<void> {
    if (transaction.completed.empty()) return {};
    any = true;
    for (const OpType type : {OpType::invoke, OpType::ok}) {
      Operation operation;
      operation.type = type;
      operation.process = session;
      operation.f = txn;
      operation.value = Value::list(std::move(type == OpType::invoke ? transaction.invoked : transaction.completed));
      if (auto taken = sink.take(std::move(operation)); !taken) return taken;
    }
    transaction = {};
    return {};
  };
  std::string_view line;
  for (;;) {
    const auto got = window.next_line(line);
    if (!got) return Failure(got.error());
    if (!*got) break;
    const std::size_t last = line.find_last_not_of(kBlanks);
    const std::string_view text = last == std::string_view::npos ? std::string_view() : line.substr(0, last + 1);
    if (text.empty()) continue;
    const bool new_session = text.find_first_not_of('=') == std::string_view::npos;
    if (new_session || text.find_first_not_of('-') == std::string_view::npos) {
      if (auto delivered = deliver(); !delivered) return Failure(std::move(delivered.error()));
      if (new_session) ++session;
      continue;
    }
    parser.start(line);
    parser.skip_blanks();
    if (!parser.micro_operation(transaction, write, read)) return window.failure(parser.problem());
  }
  if (auto delivered = deliver(); !delivered) return Failure(std::move(delivered.error()));
  ReadNotes notes;
  if (any)
    notes.notes.emplace_back(
        "the format records no time: transactions of different sessions stand one after another, which says nothing "
        "about "
        "their real order");
  else
    notes.notes.emplace_back("there is no operation in it");
  return notes;
}

}  // namespace shaketable
