#include "nemesis/agent/mounts.h"

#include <sys/mount.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "nemesis/agent/system.h"

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

namespace shaketable::agent {
namespace {

// Blanks, tabs, newlines and backslashes are \040 and the like.
std::string without_escapes(std::string_view text) {
  const auto octal = [&](std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '7'; };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && octal(i + 1) && octal(i + 2) && octal(i + 3)) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string with_escapes(std::string_view text) {
  constexpr char kDigits[] = "01234567";
  std::string out;
  for (const char c : text)
    if (c == ' ' || c == '\t' || c == '\n' || c == '\\')
      out += {'\\', kDigits[c >> 6 & 7], kDigits[c >> 3 & 7], kDigits[c & 7]};
    else
      out += c;
  return out;
}

std::vector<std::string> split(const std::string& text) {
  std::istringstream words(text);
  std::vector<std::string> out;
  for (std::string word; std::getline(words, word, ',');)
    if (!word.empty()) out.push_back(word);
  return out;
}

std::vector<std::string> kinds_of_tags(const Mount& mount) {
  std::vector<std::string> out;
  for (const std::string& tag : mount.tags) out.push_back(tag.substr(0, tag.find(':')));
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

std::string Mount::tag(std::string_view name) const {
  for (const std::string& tag : tags)
    if (tag.size() > name.size() && tag.starts_with(name) && tag[name.size()] == ':')
      return tag.substr(name.size() + 1);
  return "";
}

std::optional<Mount> to_mount(std::string_view line) {
  std::istringstream words{std::string(line)};
  Mount out;
  std::string id, parent;
  if (!(words >> id >> parent >> out.device >> out.root >> out.point >> out.options)) return std::nullopt;
  for (std::string word;;) {
    if (!(words >> word)) return std::nullopt;
    if (word == "-") break;
    out.tags.push_back(word);
  }
  if (!(words >> out.type >> out.source >> out.super)) return std::nullopt;
  for (std::string* text : {&out.root, &out.point, &out.source, &out.super}) *text = without_escapes(*text);
  return out;
}

std::string to_line(const Mount& mount) {
  std::string out =
      "0 0 " + mount.device + " " + with_escapes(mount.root) + " " + with_escapes(mount.point) + " " + mount.options;
  for (const std::string& tag : mount.tags) out += " " + tag;
  return out + " - " + mount.type + " " + with_escapes(mount.source) + " " + with_escapes(mount.super);
}

std::vector<Mount> to_mounts(std::string_view text) {
  std::vector<Mount> out;
  for (const std::string& line : lines_of(text))
    if (auto mount = to_mount(line)) out.push_back(std::move(*mount));
  return out;
}

bool is_below(std::string_view path, std::string_view directory) {
  if (directory == "/") return path.starts_with('/');
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

std::optional<Mount> mount_of(const std::vector<Mount>& mounts, const std::string& path) {
  const Mount* best = nullptr;
  for (const Mount& mount : mounts)
    if (is_below(path, mount.point) && (!best || mount.point.size() >= best->point.size())) best = &mount;
  if (!best) return std::nullopt;
  return *best;
}

MountCall to_call(const Mount& mount) {
  static const std::map<std::string, unsigned long, std::less<>> of_mount{
      {"ro", MS_RDONLY},         {"nosuid", MS_NOSUID},          {"nodev", MS_NODEV},
      {"noexec", MS_NOEXEC},     {"noatime", MS_NOATIME},        {"nodiratime", MS_NODIRATIME},
      {"relatime", MS_RELATIME}, {"nosymfollow", MS_NOSYMFOLLOW}};
  static const std::map<std::string, unsigned long, std::less<>> of_super{
      {"rw", 0},      {"ro", MS_RDONLY}, {"sync", MS_SYNCHRONOUS}, {"dirsync", MS_DIRSYNC}, {"lazytime", MS_LAZYTIME},
      {"seclabel", 0}};  // the last is told, and cannot be asked for
  MountCall out;
  for (const std::string& word : split(mount.options))
    if (const auto flag = of_mount.find(word); flag != of_mount.end()) out.flags |= flag->second;
  if ((out.flags & (MS_NOATIME | MS_RELATIME)) == 0) out.flags |= MS_STRICTATIME;
  for (const std::string& word : split(mount.super)) {
    if (const auto flag = of_super.find(word); flag != of_super.end())
      out.flags |= flag->second;
    else
      out.data += (out.data.empty() ? "" : ",") + word;
  }
  return out;
}

std::string difference(const Mount& found, const Mount& now) {
  std::string out;
  const auto compare = [&](const char* what, const std::string& then, const std::string& here) {
    if (then != here) out += (out.empty() ? "" : ", ") + std::string(what) + " was " + then + " and is " + here;
  };
  compare("device", found.device, now.device);
  compare("root", found.root, now.root);
  compare("type", found.type, now.type);
  compare("source", found.source, now.source);
  compare("options", found.options, now.options);
  compare("file system options", found.super, now.super);
  compare("propagation", joined(kinds_of_tags(found), "+"), joined(kinds_of_tags(now), "+"));
  return out;
}

}  // namespace shaketable::agent
