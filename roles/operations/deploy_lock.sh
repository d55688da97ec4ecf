#!/bin/sh
# shellcheck disable=SC2030,SC2031 # a variable that is only a child's to know
# Allows one deploy at a time on a host. Files in $directory, which only root may read:
#   owner    the last owner of the lock: a token, its process, and a sentence for people, a line each
#   renewed  when the owner last renewed the lock, in seconds since the boot; removed at its end
#   command  locked while a command of a deploy runs, also if its controller was killed
# The lock is taken while a command runs, or if it was renewed within $expiry seconds. The wall clock
# is not used.
directory=/run/omeroweb-ops expiry=60

uptime_seconds() { cut -d. -f1 /proc/uptime; }
owner() { sed -n "$1p" "$directory/owner" 2> /dev/null; }
renew() { uptime_seconds > "$directory/renewed"; }
is_alive() {
  { read -r last < "$directory/renewed"; } 2> /dev/null || return 1
  age=$(($(uptime_seconds) - last))
  [ "$age" -ge 0 ] && [ "$age" -le "$expiry" ] # less than 0 in a container after a reboot of the machine
}
is_running() { [ -e "$directory/command" ] && ! flock -w 1 "$directory/command" true; }

# state: prints free, alive (the owner has renewed the lock) or running (a command runs)
state() { if is_running; then echo running; elif is_alive; then echo alive; else echo free; fi; }

# take TOKEN ENDED PROCESS SENTENCE: takes the lock, unless another owner has it; ENDED is the token of
# a deploy that has ended. take_after TOKEN LAST PROCESS SENTENCE: only if LAST is still the last owner.
take() { _take may_take "$@"; }
take_after() { _take comes_after "$@"; }
may_take() { ! is_alive || comes_after "$@"; }
comes_after() { case $(owner 1) in "$1" | "$2") ;; *) return 1 ;; esac }
prepare() (umask 077 && mkdir -p "$directory" && chmod 700 "$directory" && : >> "$directory/command")
_take() (
  umask 077
  prepare && exec 9>> "$directory/command" || exit 1
  flock -w 1 9 && "$1" "$2" "$3" || exit 75
  printf '%s\n' "$2" "$4" "$5 since $(date '+%Y-%m-%d %H:%M %Z')" > "$directory/owner.new" &&
    mv -f "$directory/owner.new" "$directory/owner" && renew
)
# keep TOKEN, give_back TOKEN: renews or gives back the lock, if TOKEN still has it
keep() { [ "$(owner 1)" != "$1" ] || [ ! -e "$directory/renewed" ] || renew; }
give_back() { [ "$(owner 1)" != "$1" ] || rm -f "$directory/renewed"; }

# wait_until_free SECONDS: whether the lock becomes free
wait_until_free() {
  end=$(($(uptime_seconds) + $1))
  until [ "$(state)" = free ]; do
    [ "$(uptime_seconds)" -lt "$end" ] || return 1
    sleep 1
  done
}

# Commands of users on the host wait a little longer than the lock of a killed deploy lasts.
wait_with_words() {
  [ "$(state)" = free ] || echo "Waiting: $(owner 3)." >&2
  wait_until_free $((expiry + 15)) && return
  echo "omeroweb-ops: $(owner 3); try again when that has ended" >&2
  return 75
}

# run WHAT COMMAND ...: runs a command with the lock, so that nobody deploys meanwhile
run() {
  what=$1 token=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')
  shift
  until take "$token" - - "${SUDO_USER:-$(id -un)} has been running '$what' on this host"; do
    wait_with_words || return
  done
  trap : INT TERM # the command gets these signals, too
  (
    flock 9 || exit
    export OMEROWEB_OPS_DEPLOY="$token"
    "$@" 9>&-
  ) 9>> "$directory/command"
  status=$?
  give_back "$token"
  return $status
}

# A command that a deploy, or `run`, calls does not wait for the lock.
is_part() { [ -n "${OMEROWEB_OPS_DEPLOY-}" ] && [ "$(owner 1)" = "$OMEROWEB_OPS_DEPLOY" ]; }

main() {
  case $1 in
    run) shift && if is_part; then shift && "$@"; else run "$@"; fi ;;
    free) # also for the service's user; the command itself refuses others
      if [ "$(id -u)" = 0 ]; then is_part || wait_with_words
      elif sudo -n -l "$0" free > /dev/null 2>&1; then exec sudo -n "$0" free; fi ;;
    is_part) is_part ;;
    state) state ;;
    *) echo "usage: deploy-lock free | state | run WHAT COMMAND ..." >&2 && return 2 ;;
  esac
}
[ $# = 0 ] || main "$@"
