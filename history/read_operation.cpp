#include "history/read_operation.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "history/readers.h"
#include "history/text.h"

namespace shaketable {
namespace {

constexpr std::int64_t kLowProcesses = 1 << 16;

std::string_view without_colon(std::string_view text) {
  return text.starts_with(':') ? text.substr(1) : text;
}

bool is_name(const Value& value) {
  return value.kind() == Value::Kind::string || value.kind() == Value::Kind::keyword;
}

std::string counted(std::int64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

}  // namespace

Field field_named(std::string_view name) {
  switch (name.size()) {
    case 1:
      return name == "f" ? Field::f : Field::other;
    case 3:
      return name == "key" ? Field::key : name == "due" ? Field::due : Field::other;
    case 4:
      return name == "type" ? Field::type : name == "time" ? Field::time : Field::other;
    case 5:
      return name == "value"   ? Field::value
             : name == "index" ? Field::index
             : name == "error" ? Field::error
                               : Field::other;
    case 7:
      return name == "process" ? Field::process : Field::other;
    case 9:
      return name == "value_edn" ? Field::value_edn : name == "error_edn" ? Field::error_edn : Field::other;
    default:
      return Field::other;
  }
}

void OperationAssembler::begin() {
  // Values were moved out, or are replaced: only what may be missing needs to go back to its beginning.
  if (!operation_.value.is_nil()) operation_.value = Value();
  if (!operation_.error.is_nil()) operation_.error = Value();
  operation_.time_ns = operation_.due_ns = -1;
  operation_.process = 0;
  operation_.f = Name();
  has_type_ = has_process_ = has_key_ = exact_value_ = exact_error_ = false;
  index_ = INT64_MIN;
}

bool OperationAssembler::set_type(std::string_view text) {
  text = without_colon(text);
  has_type_ = true;
  if (text == "invoke")
    operation_.type = OpType::invoke;
  else if (text == "ok")
    operation_.type = OpType::ok;
  else if (text == "fail")
    operation_.type = OpType::fail;
  else if (text == "info")
    operation_.type = OpType::info;
  else
    return refuse("invoke, ok, fail or info");
  return true;
}

bool OperationAssembler::set_f(std::string_view text) {
  text = without_colon(text);
  if (text.empty()) {
    operation_.f = Name();
    return true;
  }
  const auto first = static_cast<unsigned char>(text.front()), last = static_cast<unsigned char>(text.back());
  NameSlot& slot = name_slots_[(first * 31 + last * 7 + text.size()) % kNameSlots];
  if (slot.text != text) {
    const Name name(text);
    slot = {name.text(), name};  // Names live as long as the program, and so do views of their text
    names_.insert(name.id());
    if (names_.size() > kMostNames)
      return refuse("at most 4096 different names in f (is f where the value should be?)");
  }
  operation_.f = slot.name;
  return true;
}

bool OperationAssembler::set_process(std::string_view text) {
  text = without_colon(text);
  has_process_ = true;
  if (text == "nemesis") {
    operation_.process = kNemesisProcess;
    return true;
  }
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), operation_.process);
  if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size()) return true;
  if (process_names_.size() >= kMostProcessNames)
    return refuse("at most 1000000 processes that have names instead of numbers");
  const auto number = kFirstNamedProcess + static_cast<std::int64_t>(process_names_.size());
  operation_.process = process_names_.try_emplace(std::string(text), number).first->second;
  return true;
}

bool OperationAssembler::set_name(Field field, std::string_view text) {
  return field == Field::type ? set_type(text) : set_f(text);
}

bool OperationAssembler::set(Field field, Value value) {
  switch (field) {
    case Field::type:
      return is_name(value) ? set_type(value.text()) : refuse("invoke, ok, fail or info");
    case Field::f:
      if (value.is_nil()) return true;
      return is_name(value) ? set_f(value.text()) : refuse("a name: a string, a keyword or nil");
    case Field::process:
      if (value.is_nil()) return true;
      if (is_name(value)) return set_process(value.text());
      if (!value.is_integer()) return refuse("a process: a number or nemesis");
      set_integer(field, value.integer());
      return true;
    case Field::value:
      if (!exact_value_) operation_.value = std::move(value);
      return true;
    case Field::error:
      if (!exact_error_) operation_.error = std::move(value);
      return true;
    case Field::value_edn:
    case Field::error_edn: {
      auto exact = value.kind() == Value::Kind::string ? parse_edn(value.text()) : Result<Value>(bad_input(""));
      if (!exact) return refuse("a string with one EDN value");
      (field == Field::value_edn ? operation_.value : operation_.error) = *std::move(exact);
      (field == Field::value_edn ? exact_value_ : exact_error_) = true;
      return true;
    }
    case Field::time:
      if (value.is_nil()) return true;
      if (value.is_integer()) {
        set_integer(field, value.integer());
        return true;
      }
      if (value.kind() == Value::Kind::real && std::isfinite(value.real()) && value.real() < 9e18) {
        operation_.time_ns = value.real() < 0 ? -1 : std::llround(value.real());
        return true;
      }
      return refuse("a time in nanoseconds");
    case Field::due:  // only ours have it; another tool's `due` may be anything
    case Field::index:
      if (value.is_integer()) set_integer(field, value.integer());
      return true;
    case Field::key:
      key_ = std::move(value);
      has_key_ = true;
      return true;
    case Field::other:
      return true;
  }
  return true;
}

bool OperationAssembler::finish() {
  if (!has_type_) return false;
  if (key_use_ == Key::beside_value) {
    if (!has_key_) return false;
    operation_.value = Value::list({std::move(key_), std::move(operation_.value)});
  }
  if (!has_process_) {
    operation_.process = kFirstNamelessProcess + without_process_;
    ++without_process_;
  }
  follow(operation_);
  return true;
}

char& OperationAssembler::busy(std::int64_t process) {
  if (process < kLowProcesses) {
    const auto i = static_cast<std::size_t>(process);
    if (busy_low_.size() <= i) busy_low_.resize(i + 1);
    return busy_low_[i];
  }
  return busy_high_[process];
}

void OperationAssembler::follow(const Operation& operation) {
  ++operations_;
  if (operation.time_ns < 0) ++without_time_;
  if (operation.f.empty()) ++without_f_;
  if (index_ != INT64_MIN) {
    if (index_ <= last_index_) ++out_of_order_;
    last_index_ = index_;
  }
  if (operation.process < 0 || !has_process_) return;
  char& open = busy(operation.process);
  if (operation.type == OpType::invoke) {
    if (open) ++still_busy_;
    open = true;
  } else {
    if (!open) ++without_invocation_;
    open = false;
  }
}

void OperationAssembler::report(ReadNotes& notes) const {
  const auto say = [&](std::string text) { notes.notes.push_back(std::move(text)); };
  if (operations_ == 0) say("there is no operation in it");
  if (without_process_)
    say(counted(without_process_, "operation names no process: it counts as a process of its own",
                "operations name no process: each counts as a process of its own"));
  if (!process_names_.empty())
    say(counted(static_cast<std::int64_t>(process_names_.size()), "process has a name and got a number",
                "processes have names and got numbers in order of appearance"));
  if (without_invocation_)
    say(counted(without_invocation_, "completion has no invocation before it",
                "completions have no invocation before them"));
  if (still_busy_)
    say(counted(still_busy_,
                "invocation comes from a process that had another one open: what became of that one is unknown",
                "invocations come from processes that had another one open: what became of those is unknown"));
  if (without_time_)
    say(counted(without_time_, "event has no time", "events have no time") +
        (without_time_ == operations_ ? " (none has): their order is that of the file" : ""));
  if (without_f_) say(counted(without_f_, "event has no f", "events have no f"));
  if (out_of_order_)
    say(counted(out_of_order_, "event stands out of the order of its index: the order of the file counts",
                "events stand out of the order of their index: the order of the file counts"));
}

}  // namespace shaketable
