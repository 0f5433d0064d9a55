#include "history/writers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "history/text.h"

namespace shaketable {
namespace {

constexpr std::size_t kBlock = std::size_t{64} << 10;

// Whether a value reads back from JSON as it is (history/text.h says what JSON keeps of others).
bool json_says(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::keyword:
    case Value::Kind::set:
      return false;
    case Value::Kind::real:
      return std::isfinite(value.real());
    case Value::Kind::list:
      return std::all_of(value.items().begin(), value.items().end(), json_says);
    case Value::Kind::map: {
      const auto items = value.items();
      for (std::size_t i = 0; i < items.size(); i += 2)
        if (items[i].kind() != Value::Kind::string || !json_says(items[i + 1])) return false;
      return true;
    }
    default:
      return true;
  }
}

}  // namespace

Result<HistoryWriter> HistoryWriter::to(std::ostream& out, HistoryFormat format) {
  if (format != HistoryFormat::edn && format != HistoryFormat::json && format != HistoryFormat::jsonl)
    return bad_input(fmt::format("a history cannot be written as {}: use edn, json or jsonl", to_string(format)));
  return HistoryWriter(out, format);
}

Result<void> HistoryWriter::write(const Operation& operation) {
  if (format_ == HistoryFormat::edn) {
    write_edn(operation);
  } else {
    if (format_ == HistoryFormat::json) block_ += index_ == 0 ? "[" : ",\n";
    write_json(operation);
  }
  if (format_ != HistoryFormat::json) block_ += '\n';
  ++index_;
  return block_.size() < kBlock ? Result<void>{} : flush();
}

void HistoryWriter::write_edn(const Operation& operation) {
  const auto out = std::back_inserter(block_);
  fmt::format_to(out, "{{:index {}, ", index_);
  if (operation.time_ns >= 0) fmt::format_to(out, ":time {}, ", operation.time_ns);
  if (operation.due_ns >= 0) fmt::format_to(out, ":due {}, ", operation.due_ns);
  fmt::format_to(out, ":type :{}, :process ", to_string(operation.type));
  if (operation.process == kNemesisProcess)
    block_ += ":nemesis";
  else
    fmt::format_to(out, "{}", operation.process);
  block_ += ", :f ";
  append_edn(block_, operation.f.empty() ? Value() : Value::keyword(operation.f.text()));
  block_ += ", :value ";
  append_edn(block_, operation.value);
  if (!operation.error.is_nil()) {
    block_ += ", :error ";
    append_edn(block_, operation.error);
  }
  block_ += '}';
}

void HistoryWriter::write_json(const Operation& operation) {
  const auto out = std::back_inserter(block_);
  fmt::format_to(out, "{{\"index\":{},", index_);
  if (operation.time_ns >= 0) fmt::format_to(out, "\"time\":{},", operation.time_ns);
  if (operation.due_ns >= 0) fmt::format_to(out, "\"due\":{},", operation.due_ns);
  fmt::format_to(out, "\"type\":\"{}\",\"process\":", to_string(operation.type));
  if (operation.process == kNemesisProcess)
    block_ += "\"nemesis\"";
  else
    fmt::format_to(out, "{}", operation.process);
  block_ += ",\"f\":";
  append_json(block_, operation.f.empty() ? Value() : Value(operation.f.text()));
  block_ += ",\"value\":";
  append_json(block_, operation.value);
  if (!operation.error.is_nil()) {
    block_ += ",\"error\":";
    append_json(block_, operation.error);
  }
  // What others read stands there; and what it was, so that it reads back equal.
  if (!json_says(operation.value)) {
    block_ += ",\"value_edn\":";
    append_json(block_, Value(to_edn(operation.value)));
  }
  if (!json_says(operation.error)) {
    block_ += ",\"error_edn\":";
    append_json(block_, Value(to_edn(operation.error)));
  }
  block_ += '}';
}

Result<void> HistoryWriter::flush() {
  out_->write(block_.data(), static_cast<std::streamsize>(block_.size()));
  block_.clear();
  if (!*out_) return infrastructure("writing the history failed: is the disk full?");
  return {};
}

Result<void> HistoryWriter::finish() {
  if (format_ == HistoryFormat::json) block_ += index_ == 0 ? "[]\n" : "]\n";
  if (auto flushed = flush(); !flushed) return flushed;
  out_->flush();
  if (!*out_) return infrastructure("writing the history failed: is the disk full?");
  return {};
}

Result<void> export_history(const History& history, HistoryFormat format, std::ostream& out) {
  auto writer = HistoryWriter::to(out, format);
  if (!writer) return Failure(std::move(writer.error()));
  for (const Operation& operation : history.operations)
    if (auto written = writer->write(operation); !written) return written;
  return writer->finish();
}

}  // namespace shaketable
