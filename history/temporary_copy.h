#pragma once
// A run's file that cannot be opened where it lies (WAL mode on a read-only medium, without its -shm), in a folder of
// its own that goes with the object.

#include <string>
#include <utility>

#include "base/result.h"

namespace shaketable {

class TemporaryCopy {
 public:
  static Result<TemporaryCopy> make(const std::string& database);  // with what SQLite keeps beside it
  TemporaryCopy() = default;
  TemporaryCopy(TemporaryCopy&& other) noexcept : folder_(std::exchange(other.folder_, {})) {}
  TemporaryCopy& operator=(TemporaryCopy&& other) noexcept {
    std::swap(folder_, other.folder_);
    return *this;
  }
  ~TemporaryCopy();
  std::string path() const { return folder_ + "/history.db"; }

 private:
  explicit TemporaryCopy(std::string folder) : folder_(std::move(folder)) {}
  std::string folder_;
};

}  // namespace shaketable
