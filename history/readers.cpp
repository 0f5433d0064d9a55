#include "history/readers.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "history/read_formats.h"
#include "history/read_operation.h"
#include "history/text.h"

namespace shaketable {
namespace {

constexpr std::array<std::pair<HistoryFormat, std::string_view>, 6> kNames{
    {{HistoryFormat::edn, "edn"},
     {HistoryFormat::json, "json"},
     {HistoryFormat::jsonl, "jsonl"},
     {HistoryFormat::jepsen_log, "jepsen-log"},
     {HistoryFormat::porcupine_kv, "porcupine-kv"},
     {HistoryFormat::awdit, "awdit"}}};

// `text` without the spaces, EDN commas and EDN comments it starts with.
std::string_view past_space(std::string_view text) {
  for (;;) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n,"), text.size()));
    if (!text.starts_with(';')) return text;
    text.remove_prefix(std::min(text.find('\n'), text.size()));
  }
}

// What stands inside the first map tells JSON from EDN, and Porcupine's logs from other EDN.
std::optional<HistoryFormat> format_of_maps(std::string_view text, bool in_brackets) {
  text = past_space(text);
  if (in_brackets && text.starts_with(']')) return std::nullopt;  // "[]" is both
  if (text.starts_with('#')) return HistoryFormat::edn;
  if (!text.starts_with('{')) return std::nullopt;
  const std::string_view inside = past_space(text.substr(1));
  if (inside.starts_with('"')) return in_brackets ? HistoryFormat::json : HistoryFormat::jsonl;
  if (inside.starts_with(':')) {
    const std::string_view map = text.substr(0, text.find('}'));
    const auto has = [map](std::string_view piece) { return map.find(piece) != std::string_view::npos; };
    const bool kv = has(":key \"") && (has(":f :get") || has(":f :put") || has(":f :append"));
    return kv ? HistoryFormat::porcupine_kv : HistoryFormat::edn;
  }
  return std::nullopt;
}

std::optional<HistoryFormat> format_of_content(std::string_view first_bytes) {
  const std::string_view text = past_space(first_bytes);
  if (text.starts_with('(')) return HistoryFormat::edn;
  if (text.starts_with('[') && !text.starts_with("[2") && !text.starts_with("[1"))
    return format_of_maps(text.substr(1), true);
  if (const auto format = format_of_maps(text, false)) return format;
  if (text.find("jepsen.util") != std::string_view::npos) return HistoryFormat::jepsen_log;
  const std::string_view line = text.substr(0, text.find('\n'));
  if (text.starts_with("w ") || text.starts_with("r ") || line.starts_with("-----") || line.starts_with("====="))
    return HistoryFormat::awdit;
  return std::nullopt;
}

std::optional<HistoryFormat> format_of_name(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view ending = name.substr(dot + 1);
  if (ending == "edn") return HistoryFormat::edn;
  if (ending == "json") return HistoryFormat::json;
  if (ending == "jsonl" || ending == "ndjson") return HistoryFormat::jsonl;
  if (ending == "log") return HistoryFormat::jepsen_log;
  return std::nullopt;
}

Result<ReadNotes> read(InputWindow& window, HistoryFormat format, OperationSink& sink) {
  if (window.complete() && window.rest().empty()) return ReadNotes{{"the file is empty"}};
  switch (format) {
    case HistoryFormat::edn:
      return read_edn(window, sink);
    case HistoryFormat::json:
      return read_json_array(window, sink);
    case HistoryFormat::jsonl:
      return read_jsonl(window, sink);
    case HistoryFormat::jepsen_log:
      return read_jepsen_log(window, sink);
    case HistoryFormat::porcupine_kv:
      return read_porcupine_kv(window, sink);
    case HistoryFormat::awdit:
      return read_awdit(window, sink);
  }
  return ReadNotes{};
}

}  // namespace

std::string_view to_string(HistoryFormat format) {
  for (const auto& [known, name] : kNames)
    if (known == format) return name;
  return "?";
}

std::optional<HistoryFormat> history_format_named(std::string_view name) {
  for (const auto& [format, known] : kNames)
    if (known == name) return format;
  return std::nullopt;
}

std::optional<HistoryFormat> detect_history_format(std::string_view name, std::string_view first_bytes) {
  if (const auto format = format_of_content(first_bytes)) return format;
  return format_of_name(name);
}

Result<ReadNotes> read_history_file(const std::string& path, const ReadOptions& options, OperationSink& sink) {
  auto window = InputWindow::of_file(path);
  if (!window) return Failure(std::move(window.error()));
  if (window->rest().empty()) return ReadNotes{{"the file is empty"}};
  const auto format = options.format ? options.format : detect_history_format(path, window->rest());
  if (format) return read(*window, *format, sink);
  const std::string_view text = past_space(window->rest());
  return window->failure(
      {text.data(), {}, "a history: EDN, JSON, JSON lines, a Jepsen log, a Porcupine kv log or AWDIT text"});
}

Result<ReadNotes> read_history_text(std::string_view text, std::string_view name, HistoryFormat format,
                                    const ReadOptions&, OperationSink& sink) {
  InputWindow window(text, name);
  return read(window, format, sink);
}

Result<ReadNotes> read_history_value(const Value& list, OperationSink& sink) {
  if (!list.is_list())
    return bad_input(fmt::format("found {}, expected a list of operations", to_edn(list).substr(0, 40)));
  OperationAssembler assembler;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto wrong = [&](const Value& found, std::string_view expected) {
      return bad_input(fmt::format("operation {}: found {}, expected {}", i, to_edn(found).substr(0, 40), expected));
    };
    const Value& map = list[i];
    if (map.kind() != Value::Kind::map) return wrong(map, "a map with type, process, f and value");
    assembler.begin();
    const auto items = map.items();
    for (std::size_t k = 0; k < items.size(); k += 2) {
      const bool named = items[k].kind() == Value::Kind::string || items[k].kind() == Value::Kind::keyword;
      if (named && !assembler.set(field_named(items[k].text()), items[k + 1]))
        return wrong(items[k + 1], assembler.expected());
    }
    if (!assembler.finish()) return wrong(map, "a type: invoke, ok, fail or info");
    if (auto taken = sink.take(std::move(assembler.operation())); !taken) return Failure(std::move(taken.error()));
  }
  ReadNotes notes;
  assembler.report(notes);
  return notes;
}

Result<History> operations_from_value(const Value& list) {
  History history;
  HistoryBuilder builder(history);
  if (auto read = read_history_value(list, builder); !read) return Failure(std::move(read.error()));
  return history;
}

}  // namespace shaketable
