#!/bin/sh
# A client of shaketable in POSIX shell (docs/client-protocol.md): the interface "register", on files of a directory.
# A register is the file DIRECTORY/RUN/KEY; one lock (mkdir is atomic) makes each operation one step.
set -u
dir='' run='' held=''
release() { [ -z "$held" ] || { rmdir "$held" 2>/dev/null; held=''; }; }
trap release EXIT

answer() { printf '{"id":%s,"type":"%s","value":%s,"error":%s}\n' "$id" "$1" "$2" "$3"; }
fail() { answer fail null "\"$1\""; }
# Messages are one line without spaces between tokens, and their keys are in a fixed order, so sed can take them apart.
text() { printf '%s\n' "$line" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
number() { printf '%s\n' "$line" | sed -n "s/.*\"$1\":\(-\{0,1\}[0-9]*\).*/\1/p"; }

lock() {
  tries=0
  until mkdir "$dir/$run.lock" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || return 1
    sleep 0.01
  done
  held="$dir/$run.lock"
}

invoke() {
  f=$(text f)
  value=$(printf '%s\n' "$line" | sed 's/.*"value":\(.*\),"timeout_ms":.*/\1/')
  key=$(printf '%s\n' "$value" | sed -n 's/^\[\(-\{0,1\}[0-9]*\),.*/\1/p')
  argument=$(printf '%s\n' "$value" | sed -n 's/^\[[^,]*,\(.*\)\]$/\1/p')
  [ -n "$key" ] || { fail 'expected [key,value]'; return; }
  file="$dir/$run/$key"
  lock || { fail 'no lock'; return; } # nothing was changed yet
  now=null
  [ ! -e "$file" ] || now=$(cat "$file")
  case $f in
    read) answer ok "[$key,$now]" null ;;
    write) printf '%s\n' "$argument" >"$file" && answer ok "$value" null ;;
    cas)
      old=$(printf '%s\n' "$argument" | sed 's/^\[\(.*\),.*\]$/\1/')
      new=$(printf '%s\n' "$argument" | sed 's/^\[.*,\(.*\)\]$/\1/')
      if [ "$now" = "$old" ]; then
        printf '%s\n' "$new" >"$file" && answer ok "$value" null
      else
        fail 'did not match'
      fi
      ;;
    *) fail 'no such function' ;;
  esac
  release
}

while IFS= read -r line; do
  id=$(number id)
  case $(text do) in
    hello)
      run=$(text run)
      dir=$(text directory)
      if [ "$(number protocol)" != 1 ]; then
        fail 'this program speaks protocol 1'
      elif [ -z "$dir" ]; then
        fail 'the option directory is missing'
      else
        answer ok null null
      fi
      ;;
    open) if mkdir -p "$dir/$run"; then answer ok null null; else fail 'cannot make the directory'; fi ;;
    setup | probe) answer ok null null ;;
    invoke) invoke ;;
    remove_data) rm -rf "${dir:?}/$run" && answer ok null null ;;
    close) answer ok null null; exit 0 ;;
    *) fail 'unknown message' ;;
  esac
done
exit 0
