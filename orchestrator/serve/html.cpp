#include "orchestrator/serve/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "orchestrator/report/old_runs.h"
#include "orchestrator/report/page/escape.h"

namespace shaketable::serve {
namespace {

using page::html;

constexpr double kWidth = 900, kHeight = 180, kLeft = 64, kBottom = 24, kTop = 12, kRight = 12;

struct Curve {
  const char* title;
  const char* unit;
  double (*value)(const RunEntry&);
};

double in_milliseconds(Nanos time) {
  return static_cast<double>(time.count()) / 1e6;
}

constexpr Curve kCurves[] = {
    {"Median latency of what succeeded", "ms", [](const RunEntry& r) { return in_milliseconds(r.figures.all.p50); }},
    {"99th percentile", "ms", [](const RunEntry& r) { return in_milliseconds(r.figures.all.p99); }},
    {"Successful operations a second", "/s", [](const RunEntry& r) { return r.figures.rate(); }},
};

// A round number at or above it: 1, 2 or 5 times a power of ten.
double round_up(double value) {
  if (value <= 0) return 1;
  const double power = std::pow(10, std::floor(std::log10(value)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= value) return factor * power;
  return 10 * power;
}

std::string curve_picture(const Curve& curve, const std::vector<RunEntry>& runs) {
  double most = 0;
  for (const RunEntry& run : runs) most = std::max(most, curve.value(run));
  most = round_up(most);
  const auto x = [&](std::size_t i) {
    return runs.size() < 2
               ? (kLeft + kWidth) / 2
               : kLeft + (kWidth - kLeft - kRight) * static_cast<double>(i) / static_cast<double>(runs.size() - 1);
  };
  const auto y = [&](double value) { return kHeight - kBottom - (kHeight - kBottom - kTop) * value / most; };
  std::string out = fmt::format(
      "<figure><figcaption>{}</figcaption><svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{} of {} runs, from 0 "
      "to "
      "{:g} {}\">",
      curve.title, kWidth, kHeight, curve.title, runs.size(), most, curve.unit);
  for (const double part : {0.0, 0.5, 1.0})
    out += fmt::format(
        "<line class=\"grid\" x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/><text x=\"{3}\" y=\"{4:.1f}\" "
        "text-anchor=\"end\">{5:g} {6}</text>",
        kLeft, kWidth - kRight, y(part * most), kLeft - 6, y(part * most) + 4, part * most, curve.unit);
  std::string line;
  for (std::size_t i = 0; i < runs.size(); ++i) line += fmt::format("{:.1f},{:.1f} ", x(i), y(curve.value(runs[i])));
  out += fmt::format("<polyline points=\"{}\"/>", line);
  for (std::size_t i = 0; i < runs.size(); ++i)
    out += fmt::format(
        "<a href=\"/run/{}/\"><circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\"><title>{}: {:.3g} {}, "
        "{}</title></circle></a>",
        url(runs[i].name), html(verdict_word(runs[i])), x(i), y(curve.value(runs[i])), html(runs[i].name),
        curve.value(runs[i]), curve.unit, html(verdict_word(runs[i])));
  out += fmt::format("<text x=\"{}\" y=\"{}\">{}</text><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", kLeft,
                     kHeight - 6, html(wall_time_text(runs.front().started_wall_ns)), kWidth - kRight, kHeight - 6,
                     html(wall_time_text(runs.back().started_wall_ns)));
  return out + "</svg></figure>\n";
}

}  // namespace

std::string document(const std::string& title, const std::string& body, bool script) {
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>" +
         title + " – shaketable</title><link rel=\"stylesheet\" href=\"/style.css\">" +
         (script ? "<script src=\"/live.js\" defer></script>" : "") +
         "</head><body><header><a href=\"/\">shaketable</a></header><main>\n" + body + "</main></body></html>\n";
}

std::string url(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || c == '-' ||
        c == '_' || c == '.' || c == '/')
      out += c;
    else
      out += fmt::format("%{:02X}", byte);
  }
  return out;
}

std::string verdict_mark(const RunEntry& entry) {
  const std::string word = verdict_word(entry);
  return fmt::format("<span class=\"verdict {}\">{}</span>", word == "not judged" ? "unknown" : word, word);
}

std::string milliseconds_text(Nanos time) {
  return time.count() > 0 ? fmt::format("{:.3g} ms", in_milliseconds(time)) : "–";
}

std::string trend_picture(const std::vector<RunEntry>& oldest_first) {
  if (oldest_first.empty()) return "";
  std::string out;
  for (const Curve& curve : kCurves) out += curve_picture(curve, oldest_first);
  return out;
}

}  // namespace shaketable::serve
