# shellcheck shell=sh disable=SC1003,SC2034,SC2154 # a backslash for tr; variables set before
# Part of the survey of a host; roles/survey/__init__.py assembles it. Set before: ports, names, disks, virtualenv.
# Each line of the answer begins with the controller's nonce, so that nobody can forge a line by a
# command line, a link's target or a file's name. The nonce comes on standard input and only the
# shell itself prints it, so that no other user of the host can read it.
read -r nonce && [ -n "$nonce" ] || exit 1
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin

tell() { printf '%s %s=%s\n' "$nonce" "$1" "$2"; }
# tell_lines: reports KEY=VALUE lines from standard input, of programs that print nothing else.
tell_lines() {
  tr '\001-\010\013-\037\177-\377' '?' | cut -b 1-2000 |
    while IFS= read -r text; do printf '%s %s\n' "$nonce" "$text"; done
}
# one_line: prints NUL-terminated texts of others as printable ASCII without backslashes, 1000 at most.
one_line() { tr '\000\001-\037\177-\377\\' '\n?' | cut -b 1-1000; }
command_line() { tr '\000\001-\037\177-\377\\' ' ?' < "/proc/$1/cmdline" 2> /dev/null | cut -b 1-600; }

# $1: root, sudo or none. $2: the controller's address. lock: shell, or nothing.
if [ -n "$lock" ] && [ "$1" != none ]; then
  from=${2:+ ($2)}
  if eval "$lock"; then tell lock_state taken; else tell lock_state "$(state)"; fi
  tell lock_token "$(owner 1)"
  tell lock_process "$(owner 2)"
  tell lock_sentence "$(printf %s "$(owner 3)" | one_line)"
  tell lock_origin "$2"
fi

# shellcheck source=/dev/null
. /etc/os-release
tell privilege "$1"
tell id "$ID"
tell like "$ID_LIKE"
tell version "$VERSION_ID"
tell arch "$(uname -m)"
[ -d /run/systemd/system ] && tell systemd "$(systemctl --version | awk 'NR == 1 {print $2}')"
# A container without nesting (LXC) refuses the namespaces of each sandbox: systemd ends with 226.
if [ "$1" != none ] && [ -d /run/systemd/system ] && [ -e /run/systemd/container ]; then
  systemd-run --quiet --wait --collect -p PrivateTmp=yes -p ProtectSystem=strict true 2> /dev/null
  [ $? != 226 ] || tell namespaces refused
fi
[ -e /proc/net/if_inet6 ] && tell ipv6 yes
tell memory "$(awk '/^MemTotal/ {print $2}' /proc/meminfo)"
tell python "$(basename "$(readlink -f /usr/bin/python3)")" # python3.11; empty without one
for path in "$virtualenv"/lib/python3*/site-packages/omero_web-*.dist-info; do
  [ -d "$path" ] || continue
  version=${path##*/omero_web-}
  tell omero_web "$(printf %s "${version%.dist-info}" | one_line)"
done
tell ip "$(hostname -I 2> /dev/null | cut -d' ' -f1)"
nft list tables > /dev/null 2>&1 && tell nft yes # it may be installed but not permitted
for path in $disks; do
  directory=$path # or the nearest directory above it that exists
  until [ -d "$directory" ]; do directory=$(dirname "$directory"); done
  df -k --output=avail,iavail,itotal,target "$directory" 2> /dev/null | tail -n 1 |
    while read -r free inodes all target; do
      case $all in 0 | -) inodes=- ;; esac # a file system without a fixed number of inodes
      tell disk "$path $free $inodes $target"
    done
done
for name in $names; do
  getent ahosts "$name" | cut -d' ' -f1 | sort -u |
    while read -r address; do tell resolved "$name $address"; done
done
# /proc/net/tcp gives ports in hexadecimal and sockets by inode; `ss` is not on a minimal host.
cat /proc/net/tcp /proc/net/tcp6 2> /dev/null |
  awk '$4 == "0A" {split($2, a, ":"); print a[2], $10, $8}' |
  sort -u | while read -r port inode uid; do
  case " $ports " in *" $port "*) ;; *) continue ;; esac
  # All holders: during a zero-downtime reload two gunicorns share the port, and either may end.
  holder=$(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" 2> /dev/null | cut -d/ -f3 | uniq |
    while read -r pid; do command_line "$pid" && echo; done | sort -u)
  if [ -z "$holder" ]; then
    cat /proc/net/tcp /proc/net/tcp6 2> /dev/null | grep -q " $inode " || continue # it has ended
    # a container without SYS_PTRACE hides other users' sockets: list all processes of the user
    holder=$(for process in /proc/[0-9]*; do
      [ "$(stat -c %u "$process" 2> /dev/null)" = "$uid" ] && command_line "${process#/proc/}" && echo
    done)
  fi
  tell port "$port $(printf '%s\n' "$holder" | tr '\n' ' ')"
done
