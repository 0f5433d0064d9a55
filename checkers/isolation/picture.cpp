#include <fmt/core.h>

#include <cmath>
#include <map>
#include <numbers>
#include <string>
#include <vector>

#include "checkers/isolation/isolation.h"
#include "checkers/isolation/judge.h"

namespace shaketable {
namespace {

struct Node {
  std::string title, text;
};

struct Arrow {
  std::size_t from, to;
  std::string type, key;
};

struct Picture {
  std::vector<Node> nodes;
  std::vector<Arrow> arrows;
};

// What anomalies of cycles carry (judge.cpp); empty if these details are of another shape.
Picture picture_of(const Value& details) {
  Picture picture;
  if (details.kind() != Value::Kind::map) return picture;
  const Value* cycle = details.find("cycle");
  const Value* steps = details.find("steps");
  const Value* transactions = details.find("transactions");
  if (!cycle || !steps || !transactions || !cycle->is_list() || !steps->is_list() || !transactions->is_list() ||
      cycle->size() != steps->size() + 1)
    return picture;
  std::map<Value, std::size_t> number;  // operation -> node
  for (const Value& txn : transactions->items()) {
    std::string text;
    const Value* op = txn.kind() == Value::Kind::map ? txn.find("op") : nullptr;
    const Value* mops = op ? txn.find("value") : nullptr;
    if (!mops || !mops->is_list()) return {};
    for (const Value& mop : mops->items()) {
      if (!mop.is_list() || mop.size() == 0) return {};
      text += text.empty() ? "" : " ";
      text += isolation::short_text(mop[0]);
      for (std::size_t i = 1; i < mop.size(); ++i) text += " " + isolation::short_text(mop[i]);
      text += ";";
    }
    if (text.size() > 60) {
      std::size_t cut = 57;
      while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80) --cut;
      text.replace(cut, std::string::npos, "...");
    }
    number.emplace(*op, picture.nodes.size());
    const std::string title = "T" + std::to_string(picture.nodes.size() + 1);
    picture.nodes.push_back(
        {*op == Value(-1) ? "the initial state" : title + " (op " + isolation::short_text(*op) + ")", std::move(text)});
  }
  for (std::size_t i = 0; i < steps->size(); ++i) {
    const Value& step = (*steps)[i];
    const Value* type = step.kind() == Value::Kind::map ? step.find("type") : nullptr;
    const auto from = number.find((*cycle)[i]), to = number.find((*cycle)[i + 1]);
    if (!type || type->kind() != Value::Kind::string || from == number.end() || to == number.end()) return {};
    const Value* key = step.find("key");
    picture.arrows.push_back(
        {from->second, to->second, std::string(type->text()), key ? isolation::short_text(*key) : ""});
  }
  return picture;
}

std::string escaped(const std::string& text, bool xml) {
  std::string out;
  for (const char c : text) {
    if (xml && c == '<')
      out += "&lt;";
    else if (xml && c == '>')
      out += "&gt;";
    else if (xml && c == '&')
      out += "&amp;";
    else if (!xml && (c == '"' || c == '\\'))
      out += std::string("\\") + c;
    else if (static_cast<unsigned char>(c) < 0x20)
      out += ' ';
    else
      out += c;
  }
  return out;
}

const char* colour(const std::string& type) {
  if (type == "ww") return "#C02700";
  if (type == "wr") return "#C000A5";
  if (type == "rw") return "#5B00C0";
  if (type == "realtime") return "#0050C0";
  return "#00A050";  // process
}

}  // namespace

std::string cycle_dot(const Value& details) {
  const Picture picture = picture_of(details);
  if (picture.nodes.empty()) return {};
  std::string out = "digraph cycle {\n  node [shape=box, fontname=\"monospace\"];\n";
  for (std::size_t i = 0; i < picture.nodes.size(); ++i)
    out += fmt::format("  T{} [label=\"{}\\n{}\"];\n", i + 1, escaped(picture.nodes[i].title, false),
                       escaped(picture.nodes[i].text, false));
  for (const Arrow& arrow : picture.arrows)
    out += fmt::format("  T{} -> T{} [label=\"{}\", color=\"{}\", fontcolor=\"{}\"];\n", arrow.from + 1, arrow.to + 1,
                       escaped(arrow.key.empty() ? arrow.type : arrow.type + " " + arrow.key, false),
                       colour(arrow.type), colour(arrow.type));
  return out + "}\n";
}

// Transactions on a circle, in the order of the cycle.
std::string cycle_svg(const Value& details) {
  const Picture picture = picture_of(details);
  if (picture.nodes.empty()) return {};
  const double n = static_cast<double>(picture.nodes.size()), radius = 90 + 22 * n, wide = 330,
               width = 2 * radius + wide + 60, height = 2 * radius + 100;
  const auto x = [&](double i) { return width / 2 + radius * std::sin(2 * std::numbers::pi * i / n); };
  const auto y = [&](double i) { return height / 2 - radius * std::cos(2 * std::numbers::pi * i / n); };
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0f} {:.0f}\" font-family=\"monospace\" "
      "font-size=\"11\">\n"
      "<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" "
      "orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"context-stroke\"/></marker></defs>\n",
      width, height);
  for (const Arrow& arrow : picture.arrows) {
    const auto from = static_cast<double>(arrow.from), to = static_cast<double>(arrow.to);
    // From border to border, bent aside so that two arrows between the same two do not cover each other.
    const double dx = x(to) - x(from), dy = y(to) - y(from), length = std::max(1.0, std::hypot(dx, dy));
    const double bx = (x(from) + x(to)) / 2 - dy / length * 26, by = (y(from) + y(to)) / 2 + dx / length * 26,
                 gap = 24 / length;
    out += fmt::format(
        "<path d=\"M{:.1f} {:.1f}Q{:.1f} {:.1f} {:.1f} {:.1f}\" fill=\"none\" stroke=\"{}\" "
        "marker-end=\"url(#arrow)\"/>\n",
        x(from) + dx * gap, y(from) + dy * gap, bx, by, x(to) - dx * gap, y(to) - dy * gap, colour(arrow.type));
    out += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" fill=\"{}\" text-anchor=\"middle\">{}</text>\n",
                       bx - dy / length * 18, by + dx / length * 18 + 4, colour(arrow.type),
                       escaped(arrow.key.empty() ? arrow.type : arrow.type + " " + arrow.key, true));
  }
  for (std::size_t i = 0; i < picture.nodes.size(); ++i) {
    const auto at = static_cast<double>(i);
    const double half =
        std::min(
            wide,
            7.0 * static_cast<double>(std::max(picture.nodes[i].title.size(), picture.nodes[i].text.size())) + 12) /
        2;
    out += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"36\" rx=\"4\" fill=\"#fff\" stroke=\"#555\"/>\n",
        x(at) - half, y(at) - 18, half * 2);
    out += fmt::format(
        "<text x=\"{0:.1f}\" y=\"{1:.1f}\" text-anchor=\"middle\" font-weight=\"bold\">{2}</text><text x=\"{0:.1f}\" "
        "y=\"{3:.1f}\" text-anchor=\"middle\" textLength=\"{4:.0f}\" lengthAdjust=\"spacingAndGlyphs\">{5}</text>\n",
        x(at), y(at) - 4, escaped(picture.nodes[i].title, true), y(at) + 11,
        std::min(wide - 12, 6.6 * static_cast<double>(picture.nodes[i].text.size())),
        escaped(picture.nodes[i].text, true));
  }
  return out + "</svg>\n";
}

namespace isolation {

Value with_picture(Value details) {
  std::vector<std::pair<Value, Value>> entries;
  for (std::size_t i = 0; i < details.items().size(); i += 2)
    entries.emplace_back(details.items()[i], details.items()[i + 1]);
  entries.emplace_back("dot", cycle_dot(details));
  return Value::map(std::move(entries));
}

}  // namespace isolation
}  // namespace shaketable
