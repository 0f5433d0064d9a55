#include "history/value.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cassert>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace shaketable {

// One allocation: this head, then the characters of a text or the items of a collection.
struct Value::Node {
  std::atomic<std::uint32_t> references{1};
  std::uint32_t size = 0;

  char* characters() { return reinterpret_cast<char*>(this + 1); }
  Value* values() { return reinterpret_cast<Value*>(this + 1); }
  std::string_view text() { return {characters(), size}; }
  std::span<const Value> items() { return {values(), size}; }

  static Node* allocate(std::size_t size, std::size_t bytes) {
    static_assert(sizeof(Node) % alignof(Value) == 0);
    if (size > UINT32_MAX) std::abort();  // readers let nothing of this size in
    Node* node = new (::operator new(sizeof(Node) + bytes)) Node;
    node->size = static_cast<std::uint32_t>(size);
    return node;
  }
  static Node* of_text(std::string_view text) {
    Node* node = allocate(text.size(), text.size());
    if (!text.empty()) std::memcpy(node->characters(), text.data(), text.size());
    return node;
  }
  static Node* of_items(std::span<Value> items) {
    Node* node = allocate(items.size(), items.size_bytes());
    std::uninitialized_move(items.begin(), items.end(), node->values());
    return node;
  }
};

Value::Value(std::string_view s) : kind_(Kind::string), node_(Node::of_text(s)) {}

Value::Value(const Value& other) noexcept : kind_(other.kind_), integer_(other.integer_) {
  if (kind_ >= Kind::string) node_->references.fetch_add(1, std::memory_order_relaxed);
}

void Value::release() {
  if (node_->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (kind_ >= Kind::list) std::destroy_n(node_->values(), node_->size);
  node_->~Node();
  ::operator delete(node_);
}

Value Value::keyword(std::string_view name) {
  return Value(Kind::keyword, Node::of_text(name));
}

Value Value::list(std::vector<Value> items) {
  return list_of(items);
}

Value Value::list_of(std::span<Value> items) {
  return Value(Kind::list, Node::of_items(items));
}

Value Value::set(std::vector<Value> items) {
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
  return Value(Kind::set, Node::of_items(items));
}

Value Value::map(std::vector<std::pair<Value, Value>> entries) {
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Value> items;
  items.reserve(entries.size() * 2);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (i + 1 < entries.size() && entries[i].first == entries[i + 1].first) continue;
    items.push_back(std::move(entries[i].first));
    items.push_back(std::move(entries[i].second));
  }
  return Value(Kind::map, Node::of_items(items));
}

bool Value::boolean() const {
  assert(kind_ == Kind::boolean);
  return integer_ != 0;
}

std::int64_t Value::integer() const {
  assert(kind_ == Kind::integer);
  return integer_;
}

double Value::real() const {
  assert(kind_ == Kind::real);
  return real_;
}

std::string_view Value::text() const {
  assert(kind_ == Kind::string || kind_ == Kind::keyword);
  return node_->text();
}

std::span<const Value> Value::items() const {
  assert(kind_ >= Kind::list);
  return node_->items();
}

const Value* Value::find(const Value& key) const {
  assert(kind_ == Kind::map);
  std::size_t low = 0, high = node_->size / 2;
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    const int order = compare(node_->values()[2 * middle], key);
    if (order == 0) return &node_->values()[2 * middle + 1];
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return nullptr;
}

int Value::compare(const Value& a, const Value& b) {
  if (a.kind_ != b.kind_) return a.kind_ < b.kind_ ? -1 : 1;
  switch (a.kind_) {
    case Kind::nil:
      return 0;
    case Kind::boolean:
    case Kind::integer:
      return a.integer_ < b.integer_ ? -1 : a.integer_ > b.integer_;
    case Kind::real: {
      if (a.real_ < b.real_) return -1;
      if (a.real_ > b.real_) return 1;
      // Equal, or a NaN: the bits decide, so that the order stays total.
      const auto x = std::bit_cast<std::int64_t>(a.real_), y = std::bit_cast<std::int64_t>(b.real_);
      return x < y ? -1 : x > y;
    }
    case Kind::string:
    case Kind::keyword: {
      const int order = a.node_->text().compare(b.node_->text());
      return order < 0 ? -1 : order > 0;
    }
    case Kind::list:
    case Kind::set:
    case Kind::map:
      break;
  }
  const auto x = a.node_->items(), y = b.node_->items();
  if (a.node_ == b.node_) return 0;
  for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i)
    if (const int order = compare(x[i], y[i])) return order;
  return x.size() < y.size() ? -1 : x.size() > y.size();
}

std::uint64_t Value::hash() const {
  auto mix = [](std::uint64_t h) {
    h = (h ^ (h >> 32)) * 0xd6e8feb86659fd93ull;
    return (h ^ (h >> 32)) * 0xd6e8feb86659fd93ull;
  };
  std::uint64_t h = static_cast<std::uint64_t>(kind_) * 0x9e3779b97f4a7c15ull;
  if (kind_ < Kind::string) return mix(h ^ static_cast<std::uint64_t>(integer_));
  if (kind_ < Kind::list) {
    for (unsigned char c : node_->text()) h = (h ^ c) * 0x100000001b3ull;
  } else {
    for (const Value& item : node_->items()) h = mix(h ^ item.hash());
  }
  return mix(h);
}

}  // namespace shaketable
