// Histories as JSON: one object a line, or one array of objects.

#include "history/read_formats.h"
#include "history/read_operation.h"

namespace shaketable {
namespace {

bool read_operation(JsonParser& parser, OperationAssembler& assembler, Operation& out) {
  parser.skip_space();
  const char* start = parser.position();
  if (!parser.take('{')) return parser.fail("an operation: {\"type\":…,\"process\":…,\"f\":…,\"value\":…}");
  assembler.begin();
  parser.skip_space();
  if (!parser.take('}')) {
    for (;;) {
      parser.skip_space();
      if (parser.peek() != '"') return parser.fail("a string as key");
      std::string_view key;
      if (!parser.string(key)) return false;
      const Field field = field_named(key);
      parser.skip_space();
      if (!parser.take(':')) return parser.fail("\":\"");
      parser.skip_space();
      const char* at = parser.position();
      bool taken = false;
      if ((field == Field::type || field == Field::f) && parser.peek() == '"') {
        std::string_view name;
        if (!parser.string(name)) return false;
        taken = assembler.set_name(field, name);
      } else {
        Value value;
        if (!parser.value(value)) return false;
        taken = assembler.set(field, std::move(value));
      }
      if (!taken) return parser.fail_at(at, assembler.expected());
      parser.skip_space();
      if (parser.take('}')) break;
      if (!parser.take(',')) return parser.fail("\",\" or \"}\"");
    }
  }
  if (!assembler.finish(out))
    return parser.fail_at(start, "\"type\" to be invoke, ok, fail or info", "an operation without type");
  return true;
}

}  // namespace

Result<ReadNotes> read_jsonl(InputWindow& window, OperationSink& sink) {
  JsonParser parser;
  parser.share_texts();
  OperationAssembler assembler;
  Operation operation;
  std::string_view line;
  for (;;) {
    const auto got = window.next_line(line);
    if (!got) return Failure(got.error());
    if (!*got) break;
    parser.start(line);
    parser.skip_space();
    if (parser.at_end()) continue;
    if (!read_operation(parser, assembler, operation)) return window.failure(parser.problem());
    parser.skip_space();
    if (!parser.at_end()) {
      parser.fail("the end of the line");
      return window.failure(parser.problem());
    }
    if (auto taken = sink.take(std::move(operation)); !taken) return Failure(std::move(taken.error()));
  }
  ReadNotes notes;
  assembler.report(notes);
  return notes;
}

Result<ReadNotes> read_json_array(InputWindow& window, OperationSink& sink) {
  JsonParser parser;
  parser.share_texts();
  OperationAssembler assembler;
  Operation operation;
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
        step = read_operation(parser, assembler, operation);
        if (!step) break;
        expecting = Expecting::comma;
        if (auto taken = sink.take(std::move(operation)); !taken) return Failure(std::move(taken.error()));
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
