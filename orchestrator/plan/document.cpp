#include "orchestrator/plan/document.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <sstream>
#include <system_error>
#include <utility>

namespace shaketable {
namespace {

std::string error_text(int number) {
  return std::generic_category().message(number);
}

struct Refused {  // ends the parse; thrown by the builder through yaml-cpp
  Place place;
  std::string message;
};

class Builder final : public YAML::EventHandler {
 public:
  Builder(const Source& source, Problems& problems) : source_(source), problems_(problems) {}

  YamlPtr root() const { return root_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) throw Refused{place(mark), "a second document starts here; one file holds one document"};
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { leaf(mark, anchor, std::make_shared<Yaml>()); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw Refused{place(mark), "this alias stands inside the node that it names"};
    count(found->second->size, place(mark));
    attach(found->second, place(mark));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    auto node = std::make_shared<Yaml>();
    node->kind = YamlKind::scalar;
    node->text = value;
    node->quoted = tag != "?";
    if (tag == "!" && !quote_is_closed(mark)) throw Refused{place(mark), "this quote is not closed"};
    if (tag != "tag:yaml.org,2002:str") check_tag(tag, mark);
    leaf(mark, anchor, std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    check_tag(tag, mark);
    open(mark, anchor, YamlKind::list);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check_tag(tag, mark);
    open(mark, anchor, YamlKind::map);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    std::shared_ptr<Yaml> node;
    YAML::anchor_t anchor = 0;
    bool has_key = false;  // map: the next node is a value
    bool key_quoted = false;
    bool keep = true;  // false: that value is dropped, its key was refused
    YamlEntry entry;
  };

  Place place(const YAML::Mark& mark) const { return {&source_, mark.line + 1, mark.column + 1}; }

  // yaml-cpp hands "?" for plain nodes, "!" for quoted scalars, and the empty tag for some collections.
  void check_tag(const std::string& tag, const YAML::Mark& mark) {
    if (tag.size() > 1) problems_.add(place(mark), fmt::format("tags are not supported, and \"{}\" is one", tag));
  }

  // yaml-cpp 0.7 takes an open quote at the end of the file for a closed one, and the rest of the file for its text.
  bool quote_is_closed(const YAML::Mark& mark) const {
    auto line = static_cast<std::size_t>(mark.line), at = static_cast<std::size_t>(mark.column);
    if (line >= source_.lines.size() || at >= source_.lines[line].size()) return true;
    const char quote = source_.lines[line][at];
    if (quote != '"' && quote != '\'') return true;  // an anchor stands before it
    for (++at; line < source_.lines.size(); ++line, at = 0)
      for (const std::string& text = source_.lines[line]; at < text.size(); ++at) {
        if (text[at] == quote) return true;  // of '' in single quotes the first is as good an answer
        if (text[at] == '\\' && quote == '"') ++at;
      }
    return false;
  }

  void count(std::size_t nodes, const Place& where) {
    total_ += nodes;
    if (total_ > kNodeLimit)
      throw Refused{
          where,
          fmt::format("with its aliases written out the document has more than {} nodes; that is no plan", kNodeLimit)};
  }

  void leaf(const YAML::Mark& mark, YAML::anchor_t anchor, std::shared_ptr<Yaml> node) {
    node->place = place(mark);
    // The mark of an absent value is wherever the next token stands.
    if (node->kind == YamlKind::null && !stack_.empty() && stack_.back().has_key)
      node->place = stack_.back().entry.place;
    count(1, node->place);
    if (anchor) anchors_[anchor] = node;
    const Place where = node->place;
    attach(std::move(node), where);
  }

  void open(const YAML::Mark& mark, YAML::anchor_t anchor, YamlKind kind) {
    auto node = std::make_shared<Yaml>();
    node->kind = kind;
    node->place = place(mark);
    count(1, node->place);
    Frame& frame = stack_.emplace_back();
    frame.node = std::move(node);
    frame.anchor = anchor;
  }

  void close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    if (frame.anchor) anchors_[frame.anchor] = frame.node;
    const Place where = frame.node->place;
    attach(std::move(frame.node), where);
  }

  void attach(YamlPtr node, const Place& where) {
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = stack_.back();
    frame.node->size += node->size;
    if (frame.node->kind == YamlKind::list) {
      frame.node->items.push_back(std::move(node));
    } else if (frame.has_key) {
      frame.has_key = false;
      const std::string& key = frame.entry.key;
      if (node->kind == YamlKind::null && !frame.key_quoted && key.find(':') != std::string::npos &&
          key.find(' ') == std::string::npos) {
        problems_.add(frame.entry.place, fmt::format("a space is missing after the colon of \"{}\"", key));
        frame.keep = false;
      }
      frame.entry.value = std::move(node);
      if (frame.keep) frame.node->entries.push_back(std::move(frame.entry));
    } else {
      frame.entry = {node->text, where, nullptr};
      frame.has_key = true;
      frame.key_quoted = node->quoted;
      frame.keep = accept_key(frame, *node, where);
    }
  }

  bool accept_key(const Frame& frame, const Yaml& key, const Place& where) {
    if (key.kind != YamlKind::scalar) {
      problems_.add(where, "a key must be a word, not " + std::string(key.kind == YamlKind::null   ? "nothing"
                                                                      : key.kind == YamlKind::list ? "a list"
                                                                                                   : "a map"));
      return false;
    }
    if (key.text == "<<" && !key.quoted) {
      problems_.add(where, "merge keys (<<) are not supported; write the keys out, or use an alias for a whole value");
      return false;
    }
    if (const YamlEntry* first = frame.node->find(key.text)) {
      problems_.add(where, fmt::format("the key \"{}\" stands twice; first in line {}", key.text, first->place.line));
      return false;
    }
    return true;
  }

  const Source& source_;
  Problems& problems_;
  int documents_ = 0;
  std::size_t total_ = 0;
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, YamlPtr> anchors_;
  YamlPtr root_;
};

bool is_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
    if (length == 0 || i + length > text.size()) return false;
    for (std::size_t k = 1; k < length; ++k)
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return false;
    i += length;
  }
  return true;
}

// The column of a colon that a space should follow ("key:value"), from 1; 0 when the line has none. Only asked about
// lines that are no YAML as they stand.
std::size_t unspaced_colon(std::string_view line) {
  const std::size_t word = line.find_first_not_of(" \t-");
  if (word == std::string_view::npos) return 0;
  const std::size_t colon = line.find_first_of(": {[\"'#", word);
  if (colon == std::string_view::npos || line[colon] != ':' || colon + 1 == line.size() || line[colon + 1] == ' ')
    return 0;
  return colon + 1;
}

// yaml-cpp's words are about tokens, and its place is where it gave up; these are about what a person did, and where.
// Messages that are not known here are passed on.
void explain(const Source& source, const YAML::Exception& exception, Problems& problems) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 10> words{{
      {"end of map not found",
       "this line does not fit the map above it; look at its indentation and at the colon after the key"},
      {"end of sequence not found",
       "this line does not fit the list above it; look at its indentation and at the \"- \""},
      {"end of map flow not found", "a \"{\" is not closed, or a comma is missing"},
      {"end of sequence flow not found", "a \"[\" is not closed, or a comma is missing"},
      {"illegal map value",
       "a \": \" cannot stand here; look at the indentation, or put a text that holds one in quotes"},
      {"illegal block entry", "a \"- \" cannot stand here; a list begins on a line of its own"},
      {"illegal EOF in scalar", "a quote is not closed"},
      {"unknown token", "a text that begins with this character must be in quotes"},
      {"the referenced anchor is not defined", "there is no anchor of this name above"},
      {"end of document", "this does not fit what stands above it"},
  }};
  if (exception.mark.is_null() || exception.mark.line < 0) {
    problems.add({&source, 0, 0}, "not YAML: " + exception.msg);
    return;
  }
  const std::string empty;
  const auto line_at = [&](int line) -> const std::string& {
    return line >= 0 && static_cast<std::size_t>(line) < source.lines.size()
               ? source.lines[static_cast<std::size_t>(line)]
               : empty;
  };
  const int line = exception.mark.line;
  // A key without its space makes a text that goes on in the next line, so the parser stumbles there.
  for (const int suspect : {line, line - 1}) {
    const std::string& text = line_at(suspect);
    const std::size_t tab = text.find('\t');
    if (tab != std::string::npos && text.find_first_not_of(" \t") > tab) {
      problems.add({&source, suspect + 1, static_cast<int>(tab) + 1}, "a tab in the indentation; YAML wants spaces");
      return;
    }
    if (const std::size_t colon = unspaced_colon(text)) {
      problems.add({&source, suspect + 1, static_cast<int>(colon)}, "a space is missing after the colon");
      return;
    }
  }
  std::string message = "not YAML: " + exception.msg;
  for (const auto& [theirs, ours] : words)
    if (exception.msg.find(theirs) != std::string::npos) message = ours;
  problems.add({&source, line + 1, exception.mark.column + 1}, std::move(message));
}

bool plain_is_safe(std::string_view text) {
  constexpr std::string_view fine = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-";
  if (text.empty() || text.front() == '-' || text.find_first_not_of(fine) != std::string_view::npos) return false;
  return text != "null" && text != "Null" && text != "NULL";
}

std::string scalar_text(std::string_view text, bool quoted) {
  if (!quoted && plain_is_safe(text)) return std::string(text);
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      out += {'\\', c};
    else if (c == '\n')
      out += "\\n";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  return out + "\"";
}

void dump(const Yaml& node, std::size_t indent, bool in_list, std::string& out) {
  const std::string pad(indent, ' ');
  switch (node.kind) {
    case YamlKind::null:
      out += " ~\n";
      return;
    case YamlKind::scalar:
      out += " " + scalar_text(node.text, node.quoted) + "\n";
      return;
    case YamlKind::list:
      if (node.items.empty()) {
        out += " []\n";
        return;
      }
      out += "\n";
      for (const YamlPtr& item : node.items) {
        out += pad + "-";
        dump(*item, indent + 2, true, out);
      }
      return;
    case YamlKind::map:
      if (node.entries.empty()) {
        out += " {}\n";
        return;
      }
      bool same_line = in_list;  // "- key: value"
      if (!same_line) out += "\n";
      for (const YamlEntry& entry : node.entries) {
        out += (same_line ? " " : pad) + scalar_text(entry.key, entry.key == "<<") + ":";
        same_line = false;
        dump(*entry.value, indent + 2, false, out);
      }
      return;
  }
}

}  // namespace

const YamlEntry* Yaml::find(std::string_view key) const {
  for (const YamlEntry& entry : entries)
    if (entry.key == key) return &entry;
  return nullptr;
}

Result<std::string> read_text_file(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a FIFO must not hang us
  if (fd < 0) return bad_input(path + ": " + (errno == ENOENT ? "there is no such file" : error_text(errno)));
  struct stat status {};
  std::string text, problem;
  if (fstat(fd, &status) != 0)
    problem = error_text(errno);
  else if (S_ISDIR(status.st_mode))
    problem = "this is a directory, not a file";
  else if (!S_ISREG(status.st_mode))
    problem = "this is not a plain file";
  char buffer[65536];
  while (problem.empty()) {
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got == 0) break;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) problem = error_text(errno);
    if (got > 0) text.append(buffer, static_cast<std::size_t>(got));
    if (text.size() > kFileLimit) problem = fmt::format("more than {} bytes; that is no plan", kFileLimit);
  }
  close(fd);
  if (!problem.empty()) return bad_input(path + ": " + problem);
  return text;
}

YamlPtr parse_yaml(std::string_view text, const Source& source, Problems& problems) {
  const Place whole{&source, 0, 0};
  if (text.find('\0') != std::string_view::npos || !is_utf8(text)) {
    problems.add(whole, "this is not a text in UTF-8, so it is not YAML");
    return nullptr;
  }
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  Builder builder(source, problems);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refused& refused) {
    problems.add(refused.place, refused.message);
    return nullptr;
  } catch (const YAML::Exception& exception) {
    explain(source, exception, problems);
    return nullptr;
  } catch (const std::exception& exception) {
    problems.add(whole, std::string("not YAML: ") + exception.what());
    return nullptr;
  }
  if (!builder.root()) problems.add(whole, "nothing in it but blanks and comments");
  return builder.root();
}

std::string dump_yaml(const Yaml& tree) {
  std::string out;
  dump(tree, 0, true, out);
  return out.substr(0, 1) == " " ? out.substr(1) : out;
}

}  // namespace shaketable
