#!/bin/bash
# The .deb: made, taken apart, and its program used from there. Usage: tests/package.sh BUILD-FOLDER
set -euo pipefail
build=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cpack -G DEB --config "$build/CPackConfig.cmake" -B "$scratch/made" >"$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }
package=$(echo "$scratch"/made/shaketable_*.deb)
depends=$(dpkg-deb -f "$package" Depends)
for library in libssh-4 libyaml-cpp libfmt libsqlite3-0 openssh-client; do
  [[ $depends == *$library* ]] || { echo "the package does not depend on $library: $depends"; exit 1; }
done
dpkg-deb -x "$package" "$scratch/root"
cd "$scratch/root/usr"
for file in share/man/man1/shaketable.1 share/bash-completion/completions/shaketable share/zsh/vendor-completions/_shaketable \
            share/doc/shaketable/README.md share/shaketable/configs/quickstart.yaml lib/shaketable/shaketable-agent; do
  [ -s "$file" ] || { echo "not in the package: $file"; exit 1; }
done
# From the package alone: the agent and the systems are found beside the program.
bin/shaketable list systems | grep -q '^etcd'
bin/shaketable validate share/shaketable/configs/quickstart.yaml
man --warnings -E UTF-8 -l share/man/man1/shaketable.1 2>"$scratch/warnings" >/dev/null
[ ! -s "$scratch/warnings" ] || { cat "$scratch/warnings"; exit 1; }
echo "$(basename "$package"): $(stat -c %s "$package") bytes, depends on $depends"
