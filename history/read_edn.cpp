// Histories as EDN: one vector (or list) of maps, or one map after another, as Jepsen and Knossos write them. Records
// and tagged maps count as maps. The kv logs of Porcupine are such maps with a :key beside the :value.

#include "history/read_formats.h"
#include "history/read_operation.h"

namespace shaketable {
namespace {

constexpr std::string_view kAnOperation = "an operation: {:type …, :process …, :f …, :value …}";

bool read_operation(EdnParser& parser, OperationAssembler& assembler) {
  const char* start = parser.position();
  if (!parser.skip_tags()) return false;
  if (!parser.take('{')) return parser.fail(kAnOperation);
  assembler.begin();
  for (;;) {
    if (!parser.skip_space()) return false;
    if (parser.take('}')) break;
    if (parser.at_end() || parser.peek() == ']' || parser.peek() == ')') return parser.fail("a key or \"}\"");
    Field field = Field::other;
    if (parser.take(':')) {
      std::string_view name;
      if (!parser.token(name)) return false;
      field = field_named(name);
    } else {
      Value key;
      if (!parser.value(key)) return false;
      if (key.kind() == Value::Kind::string) field = field_named(key.text());
    }
    if (!parser.skip_space()) return false;
    const char* at = parser.position();
    if (parser.at_end() || parser.peek() == '}') return parser.fail("a value for the key before it");
    Value value;
    if (!parser.value(value)) return false;
    if (!assembler.set(field, std::move(value))) return parser.fail_at(at, assembler.expected());
  }
  if (!assembler.finish()) {
    if (assembler.missing() == "key")
      return parser.fail_at(start, ":key to be what :f is done to", "an operation without :key");
    return parser.fail_at(start, ":type to be :invoke, :ok, :fail or :info", "an operation without :type");
  }
  return true;
}

Result<ReadNotes> read_maps(InputWindow& window, OperationAssembler& assembler, OperationSink& sink) {
  EdnParser parser;
  parser.share_texts();
  enum class Where { before, in_vector, in_list, between_maps, after } where = Where::before;
  for (;;) {
    const std::string_view rest = window.rest();
    parser.start(rest);
    bool step = parser.skip_space();
    if (step && parser.at_end()) {
      if (!window.complete()) {
        if (auto read = window.more(); !read) return Failure(std::move(read.error()));
        continue;
      }
      if (where != Where::in_vector && where != Where::in_list) break;
      parser.fail(where == Where::in_vector ? "an operation or \"]\"" : "an operation or \")\"");
      return window.failure(parser.problem());
    }
    if (!step) {
    } else if (where == Where::before && parser.take('[')) {
      where = Where::in_vector;
    } else if (where == Where::before && parser.take('(')) {
      where = Where::in_list;
    } else if ((where == Where::in_vector && parser.take(']')) || (where == Where::in_list && parser.take(')'))) {
      where = Where::after;
    } else if (where == Where::after) {
      step = parser.fail("the end of the file");
    } else {
      step = read_operation(parser, assembler);
      if (step) {
        if (where == Where::before) where = Where::between_maps;
        if (auto taken = sink.take(std::move(assembler.operation())); !taken) return Failure(std::move(taken.error()));
      }
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

}  // namespace

Result<ReadNotes> read_edn(InputWindow& window, OperationSink& sink) {
  OperationAssembler assembler(OperationAssembler::Key::ignored);
  return read_maps(window, assembler, sink);
}

Result<ReadNotes> read_porcupine_kv(InputWindow& window, OperationSink& sink) {
  OperationAssembler assembler(OperationAssembler::Key::beside_value);
  return read_maps(window, assembler, sink);
}

}  // namespace shaketable
