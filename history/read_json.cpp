// Histories as JSON: one object a line, or one array of objects.

#include "history/read_formats.h"
#include "history/read_operation.h"

namespace shaketable {
namespace {

// One object after another. A history's objects have the same keys in the same order, so each key is first compared
// with the one that stood there last time, quotes and colon included.
class OperationReader {
 public:
  OperationReader(JsonParser& parser, OperationAssembler& assembler) : parser_(parser), assembler_(assembler) {}

  // False, with the parser's problem set, where no operation stands.
  bool read() {
    parser_.skip_space();
    const char* start = parser_.position();
    if (!parser_.take('{')) return parser_.fail("an operation: {\"type\":…,\"process\":…,\"f\":…,\"value\":…}");
    assembler_.begin();
    parser_.skip_space();
    if (!parser_.take('}')) {
      for (std::size_t place = 0;; ++place) {
        parser_.skip_space();
        Field field = Field::other;
        if (!key(place, field)) return false;
        parser_.skip_space();
        if (!content(field)) return false;
        parser_.skip_space();
        if (parser_.take('}')) break;
        if (!parser_.take(',')) return parser_.fail("\",\" or \"}\"");
      }
    }
    return assembler_.finish() ||
           parser_.fail_at(start, "\"type\" to be invoke, ok, fail or info", "an operation without type");
  }

 private:
  struct Key {
    std::string text;
    Field field = Field::other;
  };
  static constexpr std::size_t kMostKeys = 16, kLongestKey = 32;

  bool key(std::size_t place, Field& field) {
    if (place < keys_.size() && parser_.take_text(keys_[place].text)) {
      field = keys_[place].field;
      return true;
    }
    const char* start = parser_.position();
    if (parser_.peek() != '"') return parser_.fail("a string as key");
    std::string_view name;
    if (!parser_.string(name)) return false;
    field = field_named(name);
    parser_.skip_space();
    if (!parser_.take(':')) return parser_.fail("\":\"");
    const std::string_view text(start, parser_.position());
    if (place < kMostKeys && text.size() <= kLongestKey) {
      if (place >= keys_.size()) keys_.resize(place + 1, {"\"", Field::other});
      keys_[place] = {std::string(text), field};
    }
    return true;
  }

  bool content(Field field) {
    const char* at = parser_.position();
    bool taken = true;
    std::int64_t number = 0;
    if ((field == Field::process || field == Field::time || field == Field::due || field == Field::index) &&
        parser_.take_integer(number)) {
      assembler_.set_integer(field, number);
    } else if ((field == Field::type || field == Field::f) && parser_.peek() == '"') {
      std::string_view name;
      if (!parser_.string(name)) return false;
      taken = assembler_.set_name(field, name);
    } else {
      Value value;
      if (!parser_.value(value)) return false;
      taken = assembler_.set(field, std::move(value));
    }
    return taken || parser_.fail_at(at, assembler_.expected());
  }

  JsonParser& parser_;
  OperationAssembler& assembler_;
  std::vector<Key> keys_;  // of the operation before, by place
};

}  // namespace

Result<ReadNotes> read_jsonl(InputWindow& window, OperationSink& sink) {
  JsonParser parser;
  parser.share_texts();
  OperationAssembler assembler;
  OperationReader reader(parser, assembler);
  std::string_view line;
  for (;;) {
    const auto got = window.next_line(line);
    if (!got) return Failure(got.error());
    if (!*got) break;
    parser.start(line);
    parser.skip_space();
    if (parser.at_end()) continue;
    if (!reader.read()) return window.failure(parser.problem());
    parser.skip_space();
    if (!parser.at_end()) {
      parser.fail("the end of the line");
      return window.failure(parser.problem());
    }
    if (auto taken = sink.take(std::move(assembler.operation())); !taken) return Failure(std::move(taken.error()));
  }
  ReadNotes notes;
  assembler.report(notes);
  return notes;
}

Result<ReadNotes> read_json_array(InputWindow& window, OperationSink& sink) {
  JsonParser parser;
  parser.share_texts();
  OperationAssembler assembler;
  OperationReader reader(parser, assembler);
  enum class Expecting { array, first_item, comma, item, end } expecting = Expecting::array;
  for (;;) {
    const std::string_view rest = window.rest();
    parser.start(rest);
    parser.skip_space();
    bool step = true;
    if (parser.at_end()) {
      if (window.complete()) {
        if (expecting == Expecting::end) break;
        parser.fail(expecting == Expecting::array        ? "\"[\" and operations"
                    : expecting == Expecting::comma      ? "\",\" or \"]\""
                    : expecting == Expecting::first_item ? "an operation or \"]\""
                                                         : "an operation");
        return window.failure(parser.problem());
      }
      window.consume(rest.size());
      if (auto read = window.more(); !read) return Failure(std::move(read.error()));
      continue;
    }
    switch (expecting) {
      case Expecting::array:
        step = parser.take('[') || parser.fail("\"[\" and operations");
        if (step) expecting = Expecting::first_item;
        break;
      case Expecting::comma:
        if (parser.take(']'))
          expecting = Expecting::end;
        else if (parser.take(','))
          expecting = Expecting::item;
        else
          step = parser.fail("\",\" or \"]\"");
        break;
      case Expecting::first_item:
        if (parser.take(']')) {
          expecting = Expecting::end;
          break;
        }
        [[fallthrough]];
      case Expecting::item:
        step = reader.read();
        if (!step) break;
        expecting = Expecting::comma;
        if (auto taken = sink.take(std::move(assembler.operation())); !taken) return Failure(std::move(taken.error()));
        break;
      case Expecting::end:
        step = parser.fail("the end of the file");
        break;
    }
    if (step) {
      window.consume(static_cast<std::size_t>(parser.position() - rest.data()));
    } else if (window.may_be_cut(parser.problem())) {
      if (auto read = window.more(); !read) return Failure(std::move(read.error()));
    } else {
      return window.failure(parser.problem());
    }
  }
  ReadNotes notes;
  assembler.report(notes);
  return notes;
}

}  // namespace shaketable
