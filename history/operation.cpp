#include "history/operation.h"

#include <deque>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>

namespace shaketable {
namespace {

struct Names {
  std::shared_mutex mutex;
  std::deque<std::string> texts{""};  // a deque: views into it stay valid
  std::unordered_map<std::string_view, std::uint32_t> ids{{"", 0}};
};

Names& names() {
  static Names* instance = new Names;
  return *instance;
}

}  // namespace

std::string_view to_string(OpType type) {
  switch (type) {
    case OpType::invoke: return "invoke";
    case OpType::ok: return "ok";
    case OpType::fail: return "fail";
    case OpType::info: return "info";
  }
  return "?";
}

Name::Name(std::string_view text) {
  Names& n = names();
  {
    std::shared_lock lock(n.mutex);
    if (const auto found = n.ids.find(text); found != n.ids.end()) {
      id_ = found->second;
      return;
    }
  }
  std::unique_lock lock(n.mutex);
  if (const auto found = n.ids.find(text); found != n.ids.end()) {
    id_ = found->second;
    return;
  }
  id_ = static_cast<std::uint32_t>(n.texts.size());
  n.texts.emplace_back(text);
  n.ids.emplace(n.texts.back(), id_);
}

std::string_view Name::text() const {
  Names& n = names();
  std::shared_lock lock(n.mutex);
  return n.texts[id_];
}

}  // namespace shaketable
