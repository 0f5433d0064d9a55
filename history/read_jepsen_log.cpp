// What jepsen.util logs of every operation: process, type, f, value and perhaps an error, with tabs or spaces between:
//   INFO  jepsen.util - 3	:invoke	:write	2
//   INFO [2020-01-02 03:04:05,678] jepsen worker 3 - jepsen.util 3 :ok :read nil
// Other lines are somebody else's and are passed over, and so is the nemesis, whose values are prose.

#include <fmt/format.h>

#include "history/read_formats.h"
#include "history/read_operation.h"

namespace shaketable {
namespace {

constexpr std::string_view kLogger = "jepsen.util";

// The part of the line behind the logger's name, or nothing if the line tells of no operation.
std::string_view operation_part(std::string_view line) {
  const std::size_t logger = line.find(kLogger);
  if (logger == std::string_view::npos) return {};
  std::string_view part = line.substr(logger + kLogger.size());
  const auto skip = [&part](std::string_view what) {
    part.remove_prefix(std::min(part.find_first_not_of(what), part.size()));
  };
  skip(" \t");
  if (part.starts_with("- ") || part.starts_with(": ")) part.remove_prefix(1);
  skip(" \t");
  const std::size_t digits = part.find_first_not_of("0123456789");
  if (digits == 0) return {};
  const std::size_t after = part.find_first_not_of(" \t", std::min(digits, part.size()));
  return after != std::string_view::npos && after > digits && part[after] == ':' ? part : std::string_view();
}

bool is_timed_out(const Value& value) {
  return value.kind() == Value::Kind::keyword && (value.text() == "timed-out" || value.text() == "timeout");
}

bool read_operation(EdnParser& parser, OperationAssembler& assembler) {
  const char* start = parser.position();
  assembler.begin();
  for (const Field field : {Field::process, Field::type, Field::f}) {
    Value value;
    if (!parser.skip_space()) return false;
    const char* at = parser.position();
    if (!parser.value(value)) return false;
    if (!assembler.set(field, std::move(value))) return parser.fail_at(at, assembler.expected());
  }
  Value value, error;
  if (!parser.value(value) || !parser.skip_space()) return false;
  if (!parser.at_end() && (!parser.value(error) || !parser.skip_space())) return false;
  if (!parser.at_end()) return parser.fail("the end of the line");
  const bool timed_out = is_timed_out(value);
  if (timed_out) {
    error = std::move(value);
    value = Value();
  }
  assembler.set(Field::value, std::move(value));
  assembler.set(Field::error, std::move(error));
  if (!assembler.finish()) return parser.fail_at(start, "an operation");
  // A failure that is a timeout is none, except of a read, which changes nothing either way.
  Operation& operation = assembler.operation();
  if (timed_out && operation.type == OpType::fail && operation.f.text() != "read") operation.type = OpType::info;
  return true;
}

}  // namespace

Result<ReadNotes> read_jepsen_log(InputWindow& window, OperationSink& sink) {
  EdnParser parser;
  parser.share_texts();
  OperationAssembler assembler;
  std::string_view line;
  std::int64_t operations = 0, others = 0, nemesis = 0;
  for (;;) {
    const auto got = window.next_line(line);
    if (!got) return Failure(got.error());
    if (!*got) break;
    const std::string_view part = operation_part(line);
    if (part.empty()) {
      const bool is_nemesis =
          line.find(kLogger) != std::string_view::npos && line.find(":nemesis") != std::string_view::npos;
      ++(is_nemesis ? nemesis : others);
      continue;
    }
    parser.start(part);
    if (!read_operation(parser, assembler)) return window.failure(parser.problem());
    ++operations;
    if (auto taken = sink.take(std::move(assembler.operation())); !taken) return Failure(std::move(taken.error()));
  }
  if (operations == 0 && others > 0)
    return bad_input(fmt::format(
        "{}: found {} line{} and no operation, expected lines like \"INFO  jepsen.util - 0 :invoke :read nil\"",
        window.name(), others, others == 1 ? "" : "s"));
  ReadNotes notes;
  if (nemesis)
    notes.notes.push_back(fmt::format("{} line{} of the nemesis passed over", nemesis, nemesis == 1 ? "" : "s"));
  if (others)
    notes.notes.push_back(fmt::format("{} line{} not of jepsen.util passed over", others, others == 1 ? "" : "s"));
  assembler.report(notes);
  return notes;
}

}  // namespace shaketable
