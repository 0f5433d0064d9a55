#include "orchestrator/report/page/counterexample.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/duration.h"
#include "history/text.h"
#include "orchestrator/report/page/escape.h"

namespace shaketable::page {
namespace {

constexpr std::size_t kBarsMax = 80;
constexpr double kStep = 26, kBarMost = 150, kRow = 34, kLeft = 96, kTop = 26, kCharacter = 6.7;

struct Bar {
  std::int64_t process = 0, invoked = 0;
  std::optional<std::int64_t> completed;
  std::int64_t invoked_ns = -1, completed_ns = -1;
  std::string call;
};

struct Order {
  std::vector<std::pair<std::int64_t, bool>> steps;  // invoked, silent
  std::vector<std::string> words;
  std::string state, stopped_by;
};

std::optional<std::int64_t> integer_at(const Value& map, const char* key) {
  const Value* value = map.kind() == Value::Kind::map ? map.find(key) : nullptr;
  return value && value->is_integer() ? std::optional(value->integer()) : std::nullopt;
}

std::string text_at(const Value& map, const char* key) {
  const Value* value = map.kind() == Value::Kind::map ? map.find(key) : nullptr;
  return value && value->kind() == Value::Kind::string ? std::string(value->text()) : std::string();
}

const Value* list_at(const Value& map, const char* key) {
  const Value* value = map.kind() == Value::Kind::map ? map.find(key) : nullptr;
  return value && value->is_list() ? value : nullptr;
}

std::optional<Bar> bar_of(const Value& data) {
  const auto process = integer_at(data, "process"), invoked = integer_at(data, "invoked");
  if (!process || !invoked) return std::nullopt;
  return Bar{*process,
             *invoked,
             integer_at(data, "completed"),
             integer_at(data, "invoked_ns").value_or(-1),
             integer_at(data, "completed_ns").value_or(-1),
             text_at(data, "call")};
}

class Picture {
 public:
  explicit Picture(const Value& details) : details_(details) {}

  std::string draw() {
    if (!collect()) return {};
    place();
    std::string out = fmt::format("<figure class=\"counterexample\" data-counterexample=\"{}\">\n", failed_.invoked);
    const Value* key = details_.find("key");
    out += fmt::format(
        "<p>{}A bar is an operation, from its invocation to its completion; events are spaced evenly, not by time. No "
        "order explains <b>{}</b> of process {}{}.{}</p>\n",
        key ? fmt::format("Only the operations on key <code>{}</code> are shown. ", html_cut(to_edn(*key), 100)) : "",
        html_cut(failed_.call, 200), failed_.process,
        failed_.completed_ns >= 0 ? ", completed at " + format_duration(Nanos(failed_.completed_ns)) : "",
        left_out_ ? fmt::format(" {} earlier operations are left out of the picture.", left_out_) : "");
    out += choice() + svg() + orders();
    return out + "</figure>\n";
  }

 private:
  bool collect() {
    if (details_.kind() != Value::Kind::map) return false;
    const Value* failed = details_.find("operation");
    const Value* window = list_at(details_, "window");
    const auto bar = failed ? bar_of(*failed) : std::nullopt;
    if (!bar || !window) return false;
    failed_ = *bar;
    std::map<std::int64_t, Bar> bars;
    bars.emplace(failed_.invoked, failed_);
    for (const Value& data : window->items())
      if (auto one = bar_of(data)) bars.emplace(one->invoked, *one);
    // The last to begin are nearest to where it stops.
    for (auto at = bars.rbegin(); at != bars.rend() && bars_.size() < kBarsMax; ++at) bars_.push_back(at->second);
    left_out_ = bars.size() - bars_.size();
    std::reverse(bars_.begin(), bars_.end());
    if (const Value* partial = list_at(details_, "partial"))
      for (const Value& one : partial->items()) {
        Order order;
        if (const Value* steps = list_at(one, "steps"))
          for (const Value& step : steps->items()) {
            const Value* silent = step.find("silent");
            order.steps.emplace_back(integer_at(step, "invoked").value_or(-1),
                                     silent && silent->kind() == Value::Kind::boolean && silent->boolean());
            order.words.push_back(
                fmt::format("{} (process {})", text_at(step, "call"), integer_at(step, "process").value_or(-1)));
          }
        order.state = text_at(one, "state");
        order.stopped_by = text_at(one, "stopped_by");
        orders_.push_back(std::move(order));
      }
    std::stable_sort(orders_.begin(), orders_.end(),
                     [](const Order& a, const Order& b) { return a.steps.size() > b.steps.size(); });
    return true;
  }

  // What never completed runs to the right edge.
  void place() {
    std::set<std::int64_t> events, processes;
    for (const Bar& bar : bars_) {
      events.insert(bar.invoked);
      if (bar.completed) events.insert(*bar.completed);
      processes.insert(bar.process);
    }
    for (const std::int64_t process : processes) row_.emplace(process, row_.size());
    // Events are spaced evenly, but for what the words in a bar need.
    double at = kLeft;
    for (const std::int64_t event : events) {
      for (const Bar& bar : bars_)
        if (bar.completed == event)
          at = std::max(
              at, x_.at(bar.invoked) + std::min(static_cast<double>(bar.call.size()) * kCharacter + 20, kBarMost));
      x_.emplace(event, at);
      at += kStep;
    }
    for (const Bar& bar : bars_)
      if (!bar.completed)
        at = std::max(at,
                      x_.at(bar.invoked) + std::min(static_cast<double>(bar.call.size()) * kCharacter + 20, kBarMost));
    width_ = at + kLeft;
    height_ = kTop + kRow * static_cast<double>(row_.size()) + 8;
  }

  double x(std::int64_t event) const { return x_.at(event); }
  double left(const Bar& bar) const { return x(bar.invoked); }
  double right(const Bar& bar) const { return bar.completed ? x(*bar.completed) : width_ - kLeft; }
  double y(const Bar& bar) const { return kTop + kRow * static_cast<double>(row_.at(bar.process)); }
  const Bar* find(std::int64_t invoked) const {
    const auto at = std::find_if(bars_.begin(), bars_.end(), [&](const Bar& b) { return b.invoked == invoked; });
    return at == bars_.end() ? nullptr : &*at;
  }

  std::string choice() const {
    if (orders_.size() < 2) return {};
    std::string out = "<fieldset class=\"orders\" hidden><legend>Draw the order</legend>";
    for (std::size_t i = 0; i < orders_.size(); ++i)
      out += fmt::format("<label><input type=\"radio\" name=\"order-{}\" value=\"{}\"{}> {} ({} steps)</label>",
                         failed_.invoked, i, i == 0 ? " checked" : "", i + 1, orders_[i].steps.size());
    return out + "</fieldset>\n";
  }

  std::string svg() const {
    std::string out = fmt::format(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"The operations as bars; the lists below say "
        "the same\"><svg class=\"bars\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
        "role=\"img\" aria-label=\"{2} operations of {3} processes\">\n",
        width_, height_, bars_.size(), row_.size());
    for (const auto& [process, row] : row_)
      out += fmt::format(
          "<text class=\"tick\" x=\"4\" y=\"{0:.1f}\">process {1}</text><text class=\"tick end\" x=\"{5:.0f}\" "
          "y=\"{0:.1f}\">process {1}</text><path class=\"grid\" d=\"M{2} "
          "{3:.1f}H{4:.0f}\"/>\n",
          kTop + kRow * static_cast<double>(row) + 17, process, kLeft - 10, kTop + kRow * static_cast<double>(row) + 13,
          width_ - kLeft + 10, width_ - 4);
    for (std::size_t i = 0; i < orders_.size(); ++i) out += order(i).line;
    for (const Bar& bar : bars_) {
      const double wide = std::max(right(bar) - left(bar), 4.0);
      const auto fits = static_cast<std::size_t>(std::max(0.0, (wide - 16) / kCharacter));
      out += fmt::format(
          "<g class=\"bar{}\"><title>{}, process {}: {} to {}</title><rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
          "height=\"26\" rx=\"3\"/><text x=\"{:.1f}\" y=\"{:.1f}\">{}</text></g>\n",
          bar.invoked == failed_.invoked ? " failed"
          : bar.completed                ? ""
                                         : " open",
          html_cut(bar.call, 200), bar.process,
          bar.invoked_ns >= 0 ? format_duration(Nanos(bar.invoked_ns)) : fmt::format("event {}", bar.invoked),
          !bar.completed          ? std::string("never completed")
          : bar.completed_ns >= 0 ? format_duration(Nanos(bar.completed_ns))
                                  : fmt::format("event {}", *bar.completed),
          left(bar), y(bar), wide, left(bar) + 13, y(bar) + 17, html(label(bar.call, fits)));
    }
    for (std::size_t i = 0; i < orders_.size(); ++i) out += order(i).marks;
    return out + "</svg></div>\n";
  }

  static std::string label(const std::string& call, std::size_t fits) {
    std::size_t characters = 0, bytes = 0;
    for (; bytes < call.size() && characters < fits; ++bytes)
      if (bytes + 1 == call.size() || (static_cast<unsigned char>(call[bytes + 1]) & 0xC0) != 0x80) ++characters;
    if (bytes >= call.size()) return call;
    return fits < 3 ? std::string() : call.substr(0, bytes) + "…";
  }

  // Where each operation of an order may take effect: within its bar, and not before the one ahead of it. The failed
  // operation comes last, with a cross: there is no place for it.
  struct Drawn {
    std::string line, marks;  // under the bars, and on them
  };
  Drawn order(std::size_t number) const {
    std::string line, marks;
    double last = kLeft;
    std::size_t step = 0;
    for (const auto& [invoked, silent] : orders_[number].steps) {
      ++step;
      const Bar* bar = find(invoked);
      if (!bar) continue;
      const double at = std::min(std::max(left(*bar) + 5, last + 7), right(*bar) - 1);
      line += fmt::format("{}{:.1f} {:.1f}", line.empty() ? "M" : "L", at, y(*bar) + 13);
      marks += fmt::format("<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\"><title>{}. {}{}</title></circle>",
                           silent ? "silent" : "", at, y(*bar) + 13, step, html_cut(bar->call, 200),
                           silent ? ", without effect" : "");
      last = at;
    }
    const double at = right(failed_), cy = y(failed_) + 13;
    if (!line.empty()) line += fmt::format("L{:.1f} {:.1f}", at, cy);
    const std::string open =
        fmt::format("<g class=\"order\" data-order=\"{}\"{}>", number, number == 0 ? "" : " hidden");
    return {fmt::format("{}<path d=\"{}\"/></g>\n", open, line),
            fmt::format("{}{}<path class=\"stop\" d=\"M{:.1f} {:.1f}l10 10m0-10l-10 10\"/></g>\n", open, marks, at - 5,
                        cy - 5)};
  }

  std::string orders() const {
    if (orders_.empty()) return "<p>The orders that explain a part are too many to list.</p>\n";
    const auto found = integer_at(details_, "partial_found").value_or(static_cast<std::int64_t>(orders_.size()));
    const Value* complete = details_.find("partial_complete");
    const bool all = complete && complete->kind() == Value::Kind::boolean && complete->boolean();
    std::string out =
        fmt::format("<h5>How far it can be put in order <small>{} way{}{}, {} shown, the longest first</small></h5>\n",
                    found, found == 1 ? "" : "s", all ? "" : " or more", orders_.size());
    constexpr std::size_t kSteps = 14;
    for (std::size_t i = 0; i < orders_.size(); ++i) {
      const Order& order = orders_[i];
      const std::size_t skip = order.words.size() > kSteps ? order.words.size() - kSteps : 0;
      out += fmt::format(
          "<details data-order-text=\"{}\"{}><summary>Order {}: stops when {}; {} is impossible</summary>"
          "<ol start=\"{}\">\n",
          i, i == 0 ? " open" : "", i + 1, html_cut(order.state, 200), html_cut(order.stopped_by, 200), skip + 1);
      for (std::size_t j = skip; j < order.words.size(); ++j)
        out += fmt::format("<li>{}{}</li>\n", html_cut(order.words[j], 200),
                           order.steps[j].second ? " <small>without effect</small>" : "");
      out += "</ol></details>\n";
    }
    return out;
  }

  const Value& details_;
  Bar failed_;
  std::vector<Bar> bars_;
  std::vector<Order> orders_;
  std::size_t left_out_ = 0;
  std::map<std::int64_t, double> x_;
  std::map<std::int64_t, std::size_t> row_;
  double width_ = 0, height_ = 0;
};

}  // namespace

std::string counterexample(const Value& details) {
  return Picture(details).draw();
}

}  // namespace shaketable::page
