#include "workloads/keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/checksum.h"
#include "workloads/specs.h"

namespace shaketable {

KeyPicker::KeyPicker(std::string_view distribution, double skew)
    : shape_(distribution == "zipf"          ? Shape::zipf
             : distribution == "exponential" ? Shape::exponential
             : distribution == "hotspot"     ? Shape::hotspot
                                             : Shape::uniform),
      skew_(skew) {}

double KeyPicker::weight(std::size_t i, std::size_t n) const {
  switch (shape_) {
    case Shape::uniform:
      return 1;
    case Shape::zipf:
      return std::pow(static_cast<double>(i + 1), -skew_);
    case Shape::exponential:
      return std::exp(-skew_ * static_cast<double>(i));
    case Shape::hotspot: {
      const std::size_t hot = std::max<std::size_t>(1, n / 10);
      if (hot == n) return 1;
      const double share = std::min(skew_, 1.0);
      return i < hot ? share / static_cast<double>(hot) : (1 - share) / static_cast<double>(n - hot);
    }
  }
  return 1;
}

std::size_t KeyPicker::pick(Random& random, std::size_t n) {
  if (shape_ == Shape::uniform || n <= 1) return n == 0 ? 0 : random.below(n);
  if (sums_.size() != n) {
    sums_.resize(n);
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sums_[i] = sum += weight(i, n);
  }
  const double draw = random.uniform() * sums_.back();
  const auto at = std::upper_bound(sums_.begin(), sums_.end(), draw);
  return std::min<std::size_t>(static_cast<std::size_t>(at - sums_.begin()), n - 1);
}

std::vector<ParameterSpec> key_parameters() {
  return {spec::choice("distribution", "how often each of the keys in use is drawn",
                       {"uniform", "zipf", "exponential", "hotspot"}, "uniform"),
          spec::number(
              "skew", "zipf: the exponent; exponential: the rate; hotspot: the share that the first tenth of them gets",
              0.9, 0, 100)};
}

KeyPicker key_picker(const Parameters& parameters) {
  return KeyPicker(parameters.text("distribution"), parameters.number("skew"));
}

ParameterSpec value_bytes_parameter() {
  ParameterSpec spec;
  spec.name = "value_bytes";
  spec.type = ParameterType::size;
  spec.about = "how long each value written is, as a text; 0: a number";
  spec.fallback = "0";
  spec.value = std::uint64_t{0};
  spec.maximum = 1 << 20;
  return spec;
}

Value sized_value(std::int64_t n, std::uint64_t bytes) {
  if (bytes == 0) return n;
  std::string text = std::to_string(n);
  if (text.size() < bytes) text += ':';
  if (text.size() < bytes) text.append(bytes - text.size(), 'x');
  return text;
}

Value checksummed_text(Random& random, std::uint64_t bytes) {
  // Every byte that a protocol of texts might trip over, but none that JSON cannot carry.
  std::string body;
  body.reserve(bytes);
  while (body.size() < bytes) body += static_cast<char>(random.between(0x20, 0x7e));
  return fmt::format("{:08x}:{}", crc32(body), body);
}

}  // namespace shaketable
