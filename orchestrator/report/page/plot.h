#pragma once
// A plot as data: drawn as SVG, which every browser shows without scripts, and handed as JSON to the page's script,
// which draws it anew with uPlot where that was bundled, to zoom in.

#include <optional>
#include <string>
#include <vector>

#include "history/value.h"

namespace shaketable::page {

// `x` in seconds since the start of the run. A `y` that is not a number is a gap in a line.
struct Series {
  std::string name, look;  // look: a class of report.css, which gives colour and dash
  std::vector<double> x, y;
  std::vector<double> error;  // as long as y, or empty
};

enum class Unit { milliseconds, per_second, percent };

struct Plot {
  std::string id, title;
  std::string about;  // one or two sentences: what is shown, what was left out
  Unit unit = Unit::milliseconds;
  bool logarithmic = false;
  bool dots = false;        // points of their own, not joined
  double from = 0, to = 0;  // the y axis; equal: as the data has it
  std::vector<Series> series = {};
};

// When which fault was in force on which node.
struct Band {
  std::size_t lane = 0;
  double from = 0, to = 0;
  std::string label;  // "partition 3"
  std::size_t hue = 0;
  bool target = true;  // false: the node takes part, but is not whom the fault is meant for
};

// When a fault was in force at all.
struct Shade {
  double from = 0, to = 0;
  std::size_t hue = 0;
};

// What all plots of a page share: the time they show, and a lane for each node under them.
struct Frame {
  double from = 0, to = 1;
  std::vector<std::string> lanes;
  std::vector<Band> bands;
  std::vector<Shade> shades;
  std::optional<double> mark;  // when the violation showed
};

std::string plot_svg(const Plot& plot, const Frame& frame);
Value plot_json(const Plot& plot);
Value frame_json(const Frame& frame);

// Numbers that read well, one to two digits, from `from` to `to`: at most `count` of them.
std::vector<double> ticks(double from, double to, std::size_t count);
std::string with_unit(double value, Unit unit);

}  // namespace shaketable::page
