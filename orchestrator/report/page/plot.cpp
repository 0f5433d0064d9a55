#include "orchestrator/report/page/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "orchestrator/report/page/escape.h"

namespace shaketable::page {
namespace {

constexpr double kWidth = 960, kLeft = 66, kRight = 12, kTop = 10, kHeight = 190, kLane = 11, kAxis = 26;

class Drawing {
 public:
  Drawing(const Plot& plot, const Frame& frame) : plot_(plot), frame_(frame) {
    low_ = plot.from;
    high_ = plot.to;
    if (low_ == high_) fit();
  }

  std::string draw() {
    const double lanes = kLane * static_cast<double>(frame_.lanes.size());
    const double height = kTop + kHeight + kAxis + lanes + 4;
    out_ = fmt::format("<svg class=\"plot\" viewBox=\"0 0 {} {:.0f}\" role=\"img\" aria-label=\"{}\">", kWidth, height,
                       html(plot_.title + ". " + plot_.about));
    bands();
    axes();
    for (const Series& series : plot_.series) {
      errors(series);
      plot_.dots ? dots(series) : line(series);
    }
    if (frame_.mark)
      out_ += fmt::format(
          "<path class=\"mark\" d=\"M{0:.1f} {1}V{2}\"/><text class=\"mark-text\" x=\"{3:.1f}\" "
          "y=\"{4}\">violation</text>",
          x(*frame_.mark), kTop, kTop + kHeight, x(*frame_.mark) + 4, kTop + 9);
    return out_ + "</svg>\n";
  }

 private:
  void fit() {
    low_ = INFINITY;
    high_ = -INFINITY;
    for (const Series& series : plot_.series)
      for (std::size_t i = 0; i < series.y.size(); ++i) {
        if (std::isnan(series.y[i])) continue;
        const double error = series.error.empty() ? 0 : series.error[i];
        low_ = std::min(low_, series.y[i] - error);
        high_ = std::max(high_, series.y[i] + error);
      }
    if (low_ > high_) low_ = high_ = 0;
    if (plot_.logarithmic) {
      low_ = std::pow(10, std::floor(std::log10(std::max(low_, 1e-3))));
      high_ = std::pow(10, std::ceil(std::log10(std::max(high_, low_ * 10))));
    } else {
      if (plot_.unit == Unit::per_second) low_ = 0;
      const double margin = std::max((high_ - low_) * 0.06, 1e-3);
      high_ += margin;
      if (low_ != 0) low_ -= margin;
    }
  }

  double x(double seconds) const {
    return kLeft + (seconds - frame_.from) / std::max(frame_.to - frame_.from, 1e-9) * (kWidth - kLeft - kRight);
  }
  double y(double value) const {
    const double part = plot_.logarithmic ? std::log10(std::max(value, low_) / low_) / std::log10(high_ / low_)
                                          : (value - low_) / (high_ - low_);
    return kTop + kHeight - std::clamp(part, 0.0, 1.0) * kHeight;
  }

  void bands() {
    for (const Shade& shade : frame_.shades) {
      const double left = std::max(x(shade.from), kLeft), right = std::min(x(shade.to), kWidth - kRight);
      if (right < left) continue;
      out_ += fmt::format("<rect class=\"band hue{}\" x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\"/>",
                          shade.hue, left, kTop, std::max(right - left, 1.0), kHeight);
    }
    for (const Band& band : frame_.bands) {
      const double left = std::max(x(band.from), kLeft), right = std::min(x(band.to), kWidth - kRight);
      if (right < left) continue;
      const double wide = std::max(right - left, 1.0);
      out_ += fmt::format(
          "<rect class=\"lane hue{}{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\">"
          "<title>{}</title></rect>",
          band.hue, band.target ? "" : " aside", left,
          kTop + kHeight + kAxis + kLane * static_cast<double>(band.lane) + 1.5, wide, kLane - 3, html(band.label));
    }
    for (std::size_t i = 0; i < frame_.lanes.size(); ++i)
      out_ +=
          fmt::format("<text class=\"tick end\" x=\"{}\" y=\"{:.1f}\">{}</text>", kLeft - 6,
                      kTop + kHeight + kAxis + kLane * (static_cast<double>(i) + 1) - 2, html_cut(frame_.lanes[i], 9));
  }

  void axes() {
    std::vector<double> marks;
    if (plot_.logarithmic)
      for (double at = low_; at <= high_ * 1.001; at *= 10) marks.push_back(at);
    else
      marks = ticks(low_, high_, 5);
    for (const double mark : marks)
      out_ += fmt::format(
          "<path class=\"grid\" d=\"M{} {:.1f}H{}\"/><text class=\"tick end\" x=\"{}\" y=\"{:.1f}\">{}</text>", kLeft,
          y(mark), kWidth - kRight, kLeft - 6, y(mark) + 3.5, with_unit(mark, plot_.unit));
    for (const double mark : ticks(frame_.from, frame_.to, 12))
      out_ += fmt::format("<text class=\"tick middle\" x=\"{:.1f}\" y=\"{}\">{:g} s</text>", x(mark),
                          kTop + kHeight + 16, mark);
  }

  void line(const Series& series) {
    std::string path;
    bool pen = false;
    for (std::size_t i = 0; i < series.x.size(); ++i) {
      if (std::isnan(series.y[i])) {
        pen = false;
        continue;
      }
      const bool alone = !pen && (i + 1 == series.x.size() || std::isnan(series.y[i + 1]));
      path += fmt::format("{}{:.1f} {:.1f}{}", pen ? "L" : "M", x(series.x[i]), y(series.y[i]), alone ? "h.1" : "");
      pen = true;
    }
    if (!path.empty()) out_ += fmt::format("<path class=\"line {}\" d=\"{}\"/>", series.look, path);
  }

  // Outcomes differ in shape as well as colour.
  void dots(const Series& series) {
    std::string path;
    for (std::size_t i = 0; i < series.x.size(); ++i) {
      const double px = x(series.x[i]), py = y(series.y[i]);
      if (series.look == "fail")
        path += fmt::format("M{:.1f} {:.1f}l5 5m0-5l-5 5", px - 2.5, py - 2.5);
      else if (series.look == "info")
        path += fmt::format("M{:.1f} {:.1f}l3.5 6h-7z", px, py - 3.5);
      else
        path += fmt::format("M{:.1f} {:.1f}h0", px, py);
    }
    if (!path.empty()) out_ += fmt::format("<path class=\"dots {}\" d=\"{}\"/>", series.look, path);
  }

  void errors(const Series& series) {
    if (series.error.empty()) return;
    std::string path;
    for (std::size_t i = 0; i < series.x.size(); ++i)
      if (!std::isnan(series.y[i]))
        path += fmt::format("M{:.1f} {:.1f}V{:.1f}", x(series.x[i]), y(series.y[i] - series.error[i]),
                            y(series.y[i] + series.error[i]));
    if (!path.empty()) out_ += fmt::format("<path class=\"error {}\" d=\"{}\"/>", series.look, path);
  }

  const Plot& plot_;
  const Frame& frame_;
  double low_ = 0, high_ = 1;
  std::string out_;
};

// Six digits say more than a screen can show.
Value number(double value) {
  if (std::isnan(value)) return {};
  const double rounded = std::round(value * 1e6) / 1e6;
  if (rounded == std::floor(rounded) && std::abs(rounded) < 1e15) return static_cast<std::int64_t>(rounded);
  return rounded;
}

Value numbers(const std::vector<double>& all) {
  std::vector<Value> list;
  list.reserve(all.size());
  for (const double one : all) list.push_back(number(one));
  return Value::list(std::move(list));
}

}  // namespace

std::vector<double> ticks(double from, double to, std::size_t count) {
  const double span = std::max(to - from, 1e-9);
  double step = std::pow(10, std::floor(std::log10(span / static_cast<double>(count))));
  for (const double factor : {2.0, 2.5, 2.0}) {
    if (span / step <= static_cast<double>(count)) break;
    step *= factor;
  }
  std::vector<double> all;
  for (double at = std::ceil(from / step - 1e-9); at * step <= to + step * 1e-9; ++at) all.push_back(at * step);
  return all;
}

std::string with_unit(double value, Unit unit) {
  if (unit == Unit::percent) return fmt::format("{:g} %", value);
  if (unit == Unit::per_second) return fmt::format("{:g}/s", value);
  if (value == 0) return "0";
  if (std::abs(value) >= 1000) return fmt::format("{:.4g} s", value / 1000);
  if (std::abs(value) >= 1) return fmt::format("{:.4g} ms", value);
  return fmt::format("{:.4g} µs", value * 1000);
}

std::string plot_svg(const Plot& plot, const Frame& frame) {
  return Drawing(plot, frame).draw();
}

Value plot_json(const Plot& plot) {
  std::vector<Value> series;
  for (const Series& one : plot.series) {
    // Times as whole microseconds since the one before: half the text.
    std::vector<Value> times;
    std::int64_t last = 0;
    for (const double x : one.x) {
      const auto now = static_cast<std::int64_t>(std::llround(x * 1e6));
      times.push_back(now - last);
      last = now;
    }
    std::vector<std::pair<Value, Value>> entries{
        {"name", one.name}, {"look", one.look}, {"x", Value::list(std::move(times))}, {"y", numbers(one.y)}};
    if (!one.error.empty()) entries.emplace_back("error", numbers(one.error));
    series.push_back(Value::map(std::move(entries)));
  }
  return Value::map({{"id", plot.id},
                     {"unit", plot.unit == Unit::percent      ? "%"
                              : plot.unit == Unit::per_second ? "/s"
                                                              : "ms"},
                     {"log", plot.logarithmic},
                     {"dots", plot.dots},
                     {"from", number(plot.from)},
                     {"to", number(plot.to)},
                     {"series", Value::list(std::move(series))}});
}

Value frame_json(const Frame& frame) {
  std::vector<Value> lanes, bands;
  for (const std::string& lane : frame.lanes) lanes.push_back(lane);
  for (const Band& band : frame.bands)
    bands.push_back(Value::map({{"lane", static_cast<std::int64_t>(band.lane)},
                                {"from", number(band.from)},
                                {"to", number(band.to)},
                                {"label", band.label},
                                {"hue", static_cast<std::int64_t>(band.hue)},
                                {"target", band.target}}));
  std::vector<Value> shades;
  for (const Shade& shade : frame.shades)
    shades.push_back(Value::map(
        {{"from", number(shade.from)}, {"to", number(shade.to)}, {"hue", static_cast<std::int64_t>(shade.hue)}}));
  return Value::map({{"shades", Value::list(std::move(shades))},
                     {"from", number(frame.from)},
                     {"to", number(frame.to)},
                     {"lanes", Value::list(std::move(lanes))},
                     {"bands", Value::list(std::move(bands))},
                     {"mark", frame.mark ? number(*frame.mark) : Value()}});
}

}  // namespace shaketable::page
