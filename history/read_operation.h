#pragma once
// One operation out of its fields, as every format names them; and what was odd about a whole history. Internal to
// history/.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "history/history.h"

namespace shaketable {

enum class Field : std::uint8_t { type, process, f, value, value_edn, time, due, error, error_edn, index, key, other };

Field field_named(std::string_view name);

// begin(), a set…() for each field, finish(): again and again over a whole history. One thread.
class OperationAssembler {
 public:
  enum class Key : std::uint8_t {
    ignored,
    beside_value
  };  // beside_value: operations must have one; their value is [key value]
  explicit OperationAssembler(Key key = Key::ignored) : key_use_(key) {}

  void begin();
  // False where the field cannot have this content; expected() then says what it could have.
  bool set(Field field, Value value);
  bool set_name(Field field, std::string_view text);    // for type and f: a string or keyword
  void set_integer(Field field, std::int64_t number) {  // for process, time, due and index
    if (field == Field::process) {
      operation_.process = number;
      has_process_ = true;
    } else if (field == Field::time) {
      operation_.time_ns = number < 0 ? -1 : number;
    } else if (field == Field::due) {
      operation_.due_ns = number < 0 ? -1 : number;
    } else if (field == Field::index) {
      index_ = number;
    }
  }
  std::string_view expected() const { return expected_; }
  // False where there was no type or, if wanted, no key; missing() then says which.
  bool finish();
  // What finish() put together, to be moved from.
  Operation& operation() { return operation_; }

  std::string_view missing() const { return has_type_ ? "key" : "type"; }

  // What was odd about the operations so far, in words.
  void report(ReadNotes& notes) const;

 private:
  static constexpr std::size_t kMostNames = 4096, kMostProcessNames = 1'000'000;
  static constexpr std::size_t kNameSlots = 256;
  struct NameSlot {
    std::string_view text;
    Name name;
  };

  bool set_type(std::string_view text);
  bool set_f(std::string_view text);
  bool set_process(std::string_view text);
  bool refuse(std::string_view expected) {
    expected_ = expected;
    return false;
  }
  void follow(const Operation& operation);
  char& busy(std::int64_t process);

  const Key key_use_;
  Operation operation_;
  Value key_;
  bool has_type_ = false, has_process_ = false, has_key_ = false;
  bool exact_value_ = false, exact_error_ = false;  // told as EDN, whatever stands in value and error
  std::string_view expected_;

  std::array<NameSlot, kNameSlots> name_slots_;
  std::unordered_set<std::uint32_t> names_;
  std::unordered_map<std::string, std::int64_t> process_names_;
  std::vector<char> busy_low_;  // processes below kLowProcesses, by number: has an operation open
  std::unordered_map<std::int64_t, char> busy_high_;
  std::int64_t index_ = INT64_MIN, last_index_ = INT64_MIN;
  std::int64_t operations_ = 0, without_process_ = 0, without_time_ = 0, without_f_ = 0, without_invocation_ = 0,
               still_busy_ = 0, out_of_order_ = 0;
};

}  // namespace shaketable
