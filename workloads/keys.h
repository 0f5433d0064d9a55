#pragma once
// Which of n things is drawn next: evenly, or some far more often than others. And what a written value looks like.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/parameters.h"
#include "base/random.h"
#include "history/value.h"

namespace shaketable {

// Draws numbers in [0, n). `zipf`: the i-th with a frequency of 1 / (i + 1)^skew. `exponential`: each e^-skew times as
// often as the one before it. `hotspot`: the first tenth (at least one) with a share of `skew`, the others with what is
// left. One thread.
class KeyPicker {
 public:
  KeyPicker() = default;  // uniform
  KeyPicker(std::string_view distribution, double skew);
  std::size_t pick(Random& random, std::size_t n);

 private:
  enum class Shape { uniform, zipf, exponential, hotspot };
  double weight(std::size_t i, std::size_t n) const;
  Shape shape_ = Shape::uniform;
  double skew_ = 0;
  std::vector<double> sums_;  // of the weights of the first i + 1, for the n of the last question
};

// The parameters `distribution` and `skew`, and the picker that they describe.
std::vector<ParameterSpec> key_parameters();
KeyPicker key_picker(const Parameters& parameters);

// The parameter `value_bytes`, and the n-th value: n itself, or with `bytes` above 0 a text of about that many that
// begins with n.
ParameterSpec value_bytes_parameter();
Value sized_value(std::int64_t n, std::uint64_t bytes);

// A random text of so many bytes behind its own CRC-32: "1c291ca3:…" (checkers/safety/checksum).
Value checksummed_text(Random& random, std::uint64_t bytes);

}  // namespace shaketable
