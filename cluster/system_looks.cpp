#include "cluster/system_looks.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <iterator>
#include <sstream>

#include "base/text.h"

namespace shaketable::system_looks {
namespace {

constexpr std::uint64_t kOverlapBytes = 4096;       // a line may have been half written at the last look
constexpr std::uint64_t kMostBytesALook = 4 << 20;  // of one file; the rest comes next time
constexpr int kLinesBefore = 4, kLinesAfter = 12, kEvidenceLines = 15;

// Left out: the shell that looks and all above it, any sshd, the first process, zombies. Fields end with tabs, for
// names and directories may hold blanks.
constexpr std::string_view kProcesses = R"sh(
code=$?
tab=$(printf '\t')
identity() {
  read -r line 2>/dev/null </proc/"$1"/stat || return 1
  set -- ${line##*) }
  state=$1 parent=$2 start=${20}
  case $state in Z|X) return 1;; esac
}
if [ $code -le 1 ]; then
  echo S
  mine=" 1 "
  p=$$
  while [ "$p" -gt 1 ] && identity "$p"; do
    mine="$mine$p "
    p=$parent
  done
  for p in $pids; do
    case $p in *[!0-9]*) continue;; esac
    case $mine in *" $p "*) continue;; esac
    identity "$p" || continue
    case " $known " in *" $p:$start "*) continue;; esac
    read -r name 2>/dev/null </proc/"$p"/comm || continue
    [ "$name" = sshd ] && continue
    directory=$(cd -P /proc/"$p"/cwd 2>/dev/null && pwd -P)
    id=$p:$start above=
    while [ "$parent" -gt 1 ]; do
      above="$above $parent"
      identity "$parent" || break
    done
    echo "P$tab$id$tab${above# }$tab$directory$tab$name"
    while IFS=: read -r number controllers path; do
      case $number:$controllers in
        0:) file=/sys/fs/cgroup$path/memory.events;;
        *:memory) file=/sys/fs/cgroup/memory$path/memory.oom_control;;
        *) continue;;
      esac
      [ -r "$file" ] && echo "F$tab$file"
    done </proc/"$p"/cgroup
  done
fi
for id in $known; do
  identity "${id%:*}" && [ "$start" = "${id#*:}" ] || echo "G$tab$id"
done
read -r pattern </proc/sys/kernel/core_pattern && echo "K$tab$pattern"
read -r uptime idle </proc/uptime && echo "U$tab$uptime"
oom() {
  [ -r "$1" ] || return 0
  while read -r word count; do
    [ "$word" = oom_kill ] && echo "O$tab$count$tab$1"
  done <"$1"
}
core() { [ -f "$1" ] && echo "C$tab$1"; }
log() {
  [ -f "$1" ] || return 0
  size=$(stat -c %s -- "$1") || return 0
  [ $measure = no ] || from=$size
  [ "$from" -le "$size" ] || from=0
  back=0
  [ "$from" -le $overlap ] || back=$((from - overlap))
  end=$size
  [ $((end - back)) -le $most ] || end=$((back + most))
  echo "L$tab$back$tab$from$tab$end$tab$1"
  [ "$end" -gt "$from" ] || return 0
  tail -c +$((back + 1)) -- "$1" | head -c $((end - back)) | matching | head -c 65536 | sed 's/^/|/'
}
)sh";

std::vector<std::string> fields_of(std::string_view line, std::size_t most) {
  std::vector<std::string> fields;
  while (fields.size() + 1 < most) {
    const std::size_t tab = line.find('\t');
    if (tab == std::string_view::npos) break;
    fields.emplace_back(line.substr(0, tab));
    line.remove_prefix(tab + 1);
  }
  fields.emplace_back(line);
  return fields;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// The lines of one file: "OFFSET:line" matched, "OFFSET-line" stands near one that did, "--" stands between groups.
class Groups {
 public:
  Groups(std::string path, std::uint64_t back, std::uint64_t from) : path_(std::move(path)), back_(back), from_(from) {}

  void line(std::string_view text, std::vector<LogMatch>& into) {
    if (text == "--") return end(into);
    const std::size_t digits = text.find_first_not_of("0123456789");
    if (digits == 0 || digits == std::string_view::npos || (text[digits] != ':' && text[digits] != '-')) return;
    const std::string_view content = text.substr(digits + 1);
    const std::uint64_t at = back_ + number_of(text.substr(0, digits));
    group_.around.emplace_back(content);
    if (text[digits] == ':' && !found_ && at + content.size() + 1 > from_) {
      found_ = true;
      group_.at = at;
      group_.line = content;
    }
  }
  void end(std::vector<LogMatch>& into) {
    group_.path = path_;
    if (found_) into.push_back(std::move(group_));
    group_ = {};
    found_ = false;
  }

 private:
  const std::string path_;
  const std::uint64_t back_, from_;
  LogMatch group_;
  bool found_ = false;
};

std::string quoted(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += " " + shell_quote(item);
  return out;
}

}  // namespace

std::string look_script(const Known& known) {
  std::string script = known.pids.empty() ? std::string("pids=\nfalse") : fmt::format("pids=$(\n{}\n)", known.pids);
  script.insert(0, fmt::format("known={}\nmeasure={}\noverlap={}\nmost={}\n", shell_quote(join(known.processes, " ")),
                               known.measure ? "yes" : "no", kOverlapBytes, kMostBytesALook));
  script += kProcesses;
  std::string expressions;
  for (const std::string& pattern : known.patterns) expressions += " -e " + shell_quote(pattern);
  script += expressions.empty() ? "matching() { cat >/dev/null; }\n"
                                : fmt::format("matching() {{ LC_ALL=C grep -ab -B {} -A {} -E{}; }}\n", kLinesBefore,
                                              kLinesAfter, expressions);
  for (const std::string& file : known.oom_files) script += fmt::format("oom {}\n", shell_quote(file));
  for (const std::string& glob : known.core_globs) script += fmt::format("for f in {}; do core \"$f\"; done\n", glob);
  if (!known.log_globs.empty()) {
    std::string cases;
    for (const auto& [path, bytes] : known.logs) cases += fmt::format("    {}) from={};;\n", shell_quote(path), bytes);
    script += fmt::format("for f in {}; do\n  from=0\n  case $f in\n{}  esac\n  log \"$f\"\ndone\n",
                          join(known.log_globs, " "), cases);
  }
  return script + "exit 0\n";
}

Look parse_look(std::string_view output) {
  Look look;
  std::istringstream lines{std::string(output)};
  std::vector<Groups> open;  // of the file that was named last
  const auto close = [&] {
    for (Groups& groups : open) groups.end(look.matches);
    open.clear();
  };
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    if (line[0] == '|') {
      if (!open.empty()) open.back().line(std::string_view(line).substr(1), look.matches);
      continue;
    }
    close();
    if (line == "S") look.processes_listed = true;
    if (line.size() < 3 || line[1] != '\t') continue;
    const std::string_view rest = std::string_view(line).substr(2);
    switch (line[0]) {
      case 'P':
        if (auto f = fields_of(rest, 4); f.size() == 4) look.added.push_back({f[0], words_of(f[1]), f[2], f[3]});
        break;
      case 'G':
        look.gone.emplace_back(rest);
        break;
      case 'F':
        look.oom_files.emplace_back(rest);
        break;
      case 'O':
        if (const auto f = fields_of(rest, 2); f.size() == 2)
          look.oom_kills[f[1]] = static_cast<std::int64_t>(number_of(f[0]));
        break;
      case 'C':
        look.cores.emplace_back(rest);
        break;
      case 'K':
        look.core_pattern = rest;
        break;
      case 'U':
        look.uptime_s = std::strtod(std::string(rest).c_str(), nullptr);
        break;
      case 'L':
        if (const auto f = fields_of(rest, 4); f.size() == 4) {
          look.logs[f[3]] = number_of(f[2]);
          open.emplace_back(f[3], number_of(f[0]), number_of(f[1]));
        }
        break;
      default:
        break;
    }
  }
  close();
  return look;
}

std::vector<std::string> core_globs(const std::string& core_pattern, const std::vector<std::string>& directories) {
  std::vector<std::string> globs = {"/var/lib/systemd/coredump/core.*", "/var/crash/*.crash"};
  if (core_pattern.empty() || core_pattern[0] == '|') return globs;
  std::string pattern;
  bool any = false;  // something that is not a wildcard in the last part of the path
  for (std::size_t i = 0; i < core_pattern.size(); ++i) {
    if (core_pattern[i] == '%' && i + 1 < core_pattern.size()) {
      ++i;
      if (core_pattern[i] != '%') {
        if (!pattern.ends_with('*')) pattern += '*';
        continue;
      }
    }
    any = core_pattern[i] == '/' ? false : true;
    pattern += shell_quote(std::string(1, core_pattern[i]));
  }
  if (!any) return globs;  // every file would look like a core file
  const bool plain = pattern.find('*') == std::string::npos;
  std::vector<std::string> starts;
  if (core_pattern[0] == '/')
    starts.emplace_back();
  else
    for (const std::string& directory : directories) starts.push_back(shell_quote(directory) + "/");
  for (const std::string& start : starts) {
    globs.push_back(start + pattern);
    if (plain) globs.push_back(start + pattern + ".[0-9]*");  // kernel.core_uses_pid
  }
  return globs;
}

std::string evidence_script(const Known& known, const std::string& process_name) {
  std::string script;
  if (!known.log_globs.empty())
    script += fmt::format("for f in {}; do [ -f \"$f\" ] && tail -n {} -- \"$f\" | sed \"s|^|$f: |\"; done\n",
                          join(known.log_globs, " "), kEvidenceLines);
  script += fmt::format(
      "dmesg 2>/dev/null | tail -n 1000 | grep -aE 'oom-kill|Out of memory|out of memory|Killed process|segfault|"
      "general protection|traps:' | grep -aF -e{} | tail -n 5 | sed 's/^/kernel: /'\nexit 0\n",
      quoted({process_name}));
  return script;
}

Evidence parse_evidence(std::string_view output, double since_uptime_s) {
  constexpr std::string_view kKernel = "kernel: ";
  Evidence evidence;
  std::istringstream lines{std::string(output)};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(kKernel)) {
      const std::size_t bracket = line.find('[');
      const double at =
          bracket == std::string::npos ? since_uptime_s : std::strtod(line.c_str() + bracket + 1, nullptr);
      if (at < since_uptime_s) continue;
      if (line.find("Killed process") != std::string::npos || line.find("oom-kill") != std::string::npos)
        evidence.out_of_memory = true;
    }
    evidence.lines.push_back(line);
  }
  return evidence;
}

}  // namespace shaketable::system_looks
