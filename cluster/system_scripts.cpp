#include "cluster/system_scripts.h"

#include <fmt/format.h>

#include <sstream>

#include "base/text.h"

namespace shaketable::system_scripts {
namespace {

// The texts below get what they need in variables that are set before them.

// A service that its package starts would sit on the ports, so a policy forbids it while we install.
constexpr std::string_view kInstall = R"sh(
missing=
for p in $packages; do
  # "name=version" as apt-get has it; apt-get refuses to put an older one in the place of a newer.
  format='${db:Status-Status}' want=installed
  case $p in *=*) format="$format=\${Version}" want=installed=${p#*=} ;; esac
  [ "$(dpkg-query -W -f "$format" "${p%%=*}" 2>/dev/null)" = "$want" ] || missing="$missing $p"
done
[ -z "$missing" ] && exit 0
if ! command -v apt-get >/dev/null; then
  echo "missing:$missing; there is no apt-get here: install them by hand" >&2
  exit 1
fi
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ] || grep -q 'made by shaketable' $policy; then
  printf '#!/bin/sh\n# made by shaketable for one installation\nexit 101\n' >$policy
  chmod 755 $policy
  trap 'rm -f $policy' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get install -q -y --no-install-recommends $missing && exit 0
apt-get update -q && apt-get install -q -y --no-install-recommends $missing
)sh";

// The directory is looked at where its links lead, and it needs our mark: made by us once, when it was empty or absent.
constexpr std::string_view kEmptyData = R"sh(
real=$(readlink -m -- "$data") || exit 1
case $real in
  /*/*) ;;
  *) echo "refusing to empty $real ($data leads there)" >&2; exit 1;;
esac
holds=$(ls -A -- "$real" 2>/dev/null | grep -vx lost+found)
if [ -n "$holds" ] && ! grep -qxF -- "$real" "$mark" 2>/dev/null; then
  echo "refusing to empty $real: it holds what shaketable did not put there; empty it by hand, or give the system" \
    "another data directory" >&2
  exit 1
fi
mkdir -p -- "$real" "$(dirname -- "$mark")" || exit 1
grep -qxF -- "$real" "$mark" 2>/dev/null || printf '%s\n' "$real" >>"$mark" || exit 1
find "$real" -mindepth 1 -maxdepth 1 ! -name lost+found -exec rm -rf -- {} + || exit 1
)sh";

// Left out: the commands that look (this shell and all above it, sshd among them), any other sshd, and the first
// process.
constexpr std::string_view kListProcesses = R"sh(
code=$?
[ $code -le 1 ] || exit $code
mine=" 1 "
p=$$
while [ "$p" -gt 1 ] && read -r line 2>/dev/null </proc/$p/stat; do
  mine="$mine$p "
  set -- ${line##*) }
  p=$2
done
for p in $pids; do
  case $p in *[!0-9]*) echo "pids printed what is no pid: $p" >&2; exit 4;; esac
  case $mine in *" $p "*) continue;; esac
  read -r line 2>/dev/null </proc/$p/stat || continue
  read -r name 2>/dev/null </proc/$p/comm || continue
  [ "$name" = sshd ] && continue
  set -- ${line##*) }
  case $1 in Z|X) continue;; esac
  echo "$p ${20} $1 $name"
done
)sh";

// state_of PID START puts the state letter into $state, or "gone" when that process is no more (a zombie is no more: it
// only waits for its parent). The name may hold blanks and brackets, so the fields are counted from the last bracket.
constexpr std::string_view kSignal = R"sh(
state_of() {
  want=$2 state=gone
  read -r line 2>/dev/null </proc/"$1"/stat || return 0
  set -- ${line##*) }
  [ "${20}" = "$want" ] || return 0
  case $1 in Z|X) ;; *) state=$1;; esac
}
arrived() {
  case $signal:$1 in
    *:gone | STOP:[Tt]) return 0;;
    CONT:[!Tt]) return 0;;
  esac
  return 1
}
failed=
for id in $all; do
  state_of "${id%:*}" "${id#*:}"
  [ $state = gone ] && continue
  kill -s $signal "${id%:*}" && continue
  # Of a server and its children, some end by themselves when the first is killed.
  state_of "${id%:*}" "${id#*:}"
  [ $state = gone ] || failed=yes
done
round=0
while :; do
  late=
  for id in $all; do
    state_of "${id%:*}" "${id#*:}"
    arrived $state || late="$late ${id%:*} (state $state)"
  done
  [ -z "$late" ] && break
  round=$((round + 1))
  [ $round -lt 250 ] || { echo "no effect of SIG$signal on$late" >&2; exit 1; }
  sleep 0.02
done
[ -z "$failed" ]
)sh";

constexpr std::string_view kListFiles = R"sh(
  [ -f "$f" ] && printf '%s\n' "$f"
done
exit 0
)sh";

std::string data_mark(const std::string& system) {
  return "/var/lib/shaketable/data-of-" + system;
}

}  // namespace

std::string install(const std::vector<std::string>& packages) {
  return fmt::format("packages={}{}", shell_quote(join(packages, " ")), kInstall);
}

std::string mark_data(const std::string& system, const std::string& data) {
  return fmt::format(
      "real=$(readlink -m -- {0}) && mkdir -p /var/lib/shaketable && {{ grep -qxF -- \"$real\" {1} 2>/dev/null || "
      "printf '%s\\n' \"$real\" >>{1}; }} || exit 1\n",
      shell_quote(data), shell_quote(data_mark(system)));
}

std::string empty_data(const std::string& system, const std::string& data) {
  return fmt::format("data={}\nmark={}{}", shell_quote(data), shell_quote(data_mark(system)), kEmptyData);
}

std::string list_processes(const std::string& pids) {
  return fmt::format("pids=$(\n{}\n){}", pids, kListProcesses);
}

Result<std::vector<ProcessId>> parse_processes(const std::string& node, std::string_view output) {
  std::vector<ProcessId> out;
  std::istringstream lines{std::string(output)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    ProcessId process;
    process.node = node;
    if (!(fields >> process.pid >> process.start_ticks >> process.state) || process.pid <= 1)
      return infrastructure(fmt::format("node {}: the list of processes holds {}", node, line));
    fields.ignore(1);
    std::getline(fields, process.command);
    out.push_back(std::move(process));
  }
  return out;
}

std::string signal_processes(std::string_view what, const std::vector<ProcessId>& processes) {
  std::vector<std::string> identities;
  for (const ProcessId& process : processes)
    identities.push_back(fmt::format("{}:{}", process.pid, process.start_ticks));
  const std::string_view signal = what == "kill" ? "KILL" : what == "pause" ? "STOP" : "CONT";
  return fmt::format("signal={}\nall={}{}", signal, shell_quote(join(identities, " ")), kSignal);
}

std::string list_files(const std::vector<std::string>& globs) {
  return fmt::format("for f in {}; do{}", join(globs, " "), kListFiles);
}

}  // namespace shaketable::system_scripts
