#pragma once
// A value as histories carry it: what EDN and JSON can say. Immutable and cheap to copy (16 bytes; strings and
// collections are shared by reference count, so a copy may be read by any thread).

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shaketable {

class Value {
 public:
  enum class Kind : std::uint8_t { nil, boolean, integer, real, string, keyword, list, set, map };

  Value() = default;  // nil
  Value(std::nullptr_t) {}
  Value(bool b) : kind_(Kind::boolean), integer_(b) {}
  Value(int i) : kind_(Kind::integer), integer_(i) {}
  Value(std::int64_t i) : kind_(Kind::integer), integer_(i) {}
  Value(double r) : kind_(Kind::real), real_(r) {}
  Value(std::string_view s);
  Value(const char* s) : Value(std::string_view(s)) {}
  Value(const std::string& s) : Value(std::string_view(s)) {}
  Value(const Value& other) noexcept;
  Value(Value&& other) noexcept : kind_(other.kind_), integer_(other.integer_) { other.kind_ = Kind::nil; }
  Value& operator=(Value other) noexcept {
    std::swap(kind_, other.kind_);
    std::swap(integer_, other.integer_);
    return *this;
  }
  ~Value() {
    if (kind_ >= Kind::string) release();
  }

  static Value keyword(std::string_view name);                     // EDN :name, without the colon
  static Value list(std::vector<Value> items);                     // EDN vectors and lists, JSON arrays
  static Value list_of(std::span<Value> items);                    // the same, moving the items out of their place
  static Value set(std::vector<Value> items);                      // sorted, duplicates dropped
  static Value map(std::vector<std::pair<Value, Value>> entries);  // sorted by key; of equal keys the last stands

  Kind kind() const { return kind_; }
  bool is_nil() const { return kind_ == Kind::nil; }
  bool is_integer() const { return kind_ == Kind::integer; }
  bool is_list() const { return kind_ == Kind::list; }

  // Each asks for its own kind; calling another kind's is a bug of the caller (asserted).
  bool boolean() const;
  std::int64_t integer() const;
  double real() const;
  std::string_view text() const;         // string or keyword
  std::span<const Value> items() const;  // list or set; for a map, keys and values in turn
  std::size_t size() const { return items().size() / (kind_ == Kind::map ? 2 : 1); }
  const Value& operator[](std::size_t i) const { return items()[i]; }  // list
  const Value* find(const Value& key) const;                           // map: the entry's value, or nullptr

  // Total order: by kind, then by content. Strings and keywords are different kinds; 1 and 1.0 too.
  friend bool operator==(const Value& a, const Value& b) { return compare(a, b) == 0; }
  friend bool operator<(const Value& a, const Value& b) { return compare(a, b) < 0; }
  static int compare(const Value& a, const Value& b);
  std::uint64_t hash() const;

 private:
  struct Node;
  Value(Kind kind, Node* node) : kind_(kind), node_(node) {}
  void release();

  Kind kind_ = Kind::nil;
  union {
    std::int64_t integer_ = 0;
    double real_;
    Node* node_;
  };
};

struct ValueHash {
  std::size_t operator()(const Value& v) const { return v.hash(); }
};

}  // namespace shaketable
